#include "base/testing.h"
#include "loop/sim.h"
#include "net/dial.h"
#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    loop       *l;
    net        *n;
    net_dial   *d;
    net_stream *s;
    int         calls, err, accepted, closed, port;
    char        got[16];
    bool        starting;
    loop_timer  end;
} t;

static void on_data(net_stream *s, char *p, size_t n)
{
    (void)s;
    snprintf(t.got, sizeof(t.got), "%.*s", (int)n, p);
    loop_stop(t.l);
}

static void on_close(net_stream *s, int err)
{
    (void)s, (void)err;
    t.closed++;
}

static const net_ops ops = {on_data, NULL, on_close};

static void on_accept(void *ctx, int fd)
{
    net_stream *s = net_adopt(t.n, fd, &ops, NULL);

    (void)ctx;
    t.accepted++;
    net_send_copy(s, "hello", 5);
}

static void on_dialled(void *arg, net_stream *s, int err)
{
    assert_ptr_equal(arg, &t);
    assert_false(t.starting);
    assert_true((s != NULL) == (err == 0));
    t.calls++;
    t.err = err;
    t.s = s;
    if (s) {
        assert_ptr_equal(s->owner, &t.port);
        assert_true(net_is_open(s));
    } else {
        loop_stop(t.l);
    }
}

static void on_end(loop_timer *timer)
{
    (void)timer;
    loop_stop(t.l);
}

static void open_net(loop *l)
{
    net_limits limits = {1 << 20};

    memset(&t, 0, sizeof(t));
    t.l = l;
    loop_timer_init(&t.end, on_end);
    assert_int_equal(net_new(&t.n, l, &limits), 0);
}

static void open_real(void)
{
    loop *l;

    assert_int_equal(loop_new(&l), 0);
    open_net(l);
}

static void close_net(void)
{
    loop_timer_cancel(t.l, &t.end);
    net_free(t.n);
    loop_free(t.l);
}

static void dial(const char *host, int port, uint32_t ms)
{
    t.starting = true;
    assert_int_equal(net_dial_start(&t.d, t.n, host, port, ms, &ops, &t.port, on_dialled, &t), 0);
    t.starting = false;
    assert_int_equal(t.calls, 0);
}

static void expect_hello(const char *listen_at, const char *host)
{
    net_listener *listener;

    open_real();
    assert_int_equal(net_listen(&listener, t.n, listen_at, &t.port, on_accept, NULL), 0);
    dial(host, t.port, 5000);
    loop_run(t.l);
    assert_int_equal(t.calls, 1);
    assert_int_equal(t.err, 0);
    assert_int_equal(t.accepted, 1);
    assert_string_equal(t.got, "hello");
    net_listener_close(listener);
    close_net();
}

static void expect_failure(const char *host, int port, uint32_t ms, int err)
{
    open_real();
    dial(host, port, ms);
    loop_run(t.l);
    assert_int_equal(t.calls, 1);
    assert_int_equal(t.err, err);
    close_net();
}

static void addresses_and_names(void **state)
{
    (void)state;
    expect_hello("127.0.0.1", "127.0.0.1");
    expect_hello("127.0.0.1", "localhost"); /* by the thread; ::1 may come first and be refused */
    expect_hello(NULL, "localhost");
}

static int taken_port(int *fd)
{
    int port = 0;

    open_real();
    *fd = loop_listen(t.l, "127.0.0.1", &port, 1);
    assert_true(*fd >= 0);
    return port;
}

static void refused_unknown_and_absent(void **state)
{
    int fd, port = taken_port(&fd);

    (void)state;
    loop_close(t.l, fd);
    close_net();
    expect_failure("127.0.0.1", port, 5000, SIO_EIO);
    expect_failure("localhost", port, 5000, SIO_EIO);
    expect_failure("no-such-name.invalid", 1, 20000, SIO_EADDR);
    expect_failure("127.0.0.1", 0, 5000, SIO_EADDR);
    expect_failure("127.0.0.1", 65536, 5000, SIO_EADDR);
    expect_failure("/nonexistent/socket", 0, 5000, SIO_EIO);
    expect_failure("/01234567890123456789012345678901234567890123456789012345678901234567890123456789"
                   "0123456789012345678901234567890123456789", 0, 5000, SIO_EADDR);
}

static void unix_sockets(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/dial_test_XXXXXX";
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1), 0);
    open_real();
    dial(a.sun_path, 0, 5000);
    peer = accept(fd, NULL, NULL);
    assert_int_equal(send(peer, "unix", 4, 0), 4);
    loop_run(t.l);
    assert_int_equal(t.err, 0);
    assert_string_equal(t.got, "unix");
    close_net();
    close(peer);
    close(fd);
    unlink(a.sun_path);
    rmdir(dir);
}

/* A listener whose queue is full answers nobody. */
static void nobody_answers(void **state)
{
    int fd, port = taken_port(&fd);
    net_dial *filler[8];

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(net_dial_start(&filler[i], t.n, "127.0.0.1", port, 60000, &ops, NULL, on_dialled,
                                        NULL), 0);
    dial("127.0.0.1", port, 150);
    for (int i = 0; i < 8; i++)
        net_dial_cancel(filler[i]);
    loop_run(t.l);
    assert_int_equal(t.calls, 1);
    assert_int_equal(t.err, SIO_ETIMEOUT);
    loop_close(t.l, fd);
    close_net();
}

/* Cancelled while connecting, while looking up, and before the loop ran at all. */
static void cancelled(void **state)
{
    int fd, port = taken_port(&fd);

    (void)state;
    dial("127.0.0.1", port, 5000);
    net_dial_cancel(t.d);
    dial("localhost", port, 5000);
    net_dial_cancel(t.d);
    dial("127.0.0.1", 0, 5000);
    net_dial_cancel(t.d);
    loop_timer_set(t.l, &t.end, 20);
    loop_run(t.l);
    assert_int_equal(t.calls, 0);
    loop_close(t.l, fd);
    close_net();
}

static void simulated(void **state)
{
    sim *s = sim_new(7);
    net_listener *listener;
    loop *l;

    (void)state;
    assert_int_equal(sim_loop_new(s, &l), 0);
    open_net(l);
    assert_int_equal(net_listen(&listener, t.n, NULL, &t.port, on_accept, NULL), 0);
    dial("127.0.0.1", t.port, 5000);
    sim_settle(s);
    assert_int_equal(t.calls, 1);
    assert_string_equal(t.got, "hello");
    net_close(t.s);
    sim_advance(s, 3000);
    assert_int_equal(t.closed, 2); /* both ends */
    t.got[0] = 0;
    t.calls = 0;
    dial("any.name", t.port, 5000); /* is the one machine there is */
    sim_settle(s);
    assert_int_equal(t.calls, 1);
    assert_string_equal(t.got, "hello");
    t.calls = 0;
    dial("127.0.0.1", t.port + 1, 5000);
    sim_advance(s, 10);
    assert_int_equal(t.calls, 1);
    assert_int_equal(t.err, SIO_EIO);
    net_listener_close(listener);
    close_net();
    sim_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_names), cmocka_unit_test(refused_unknown_and_absent),
        cmocka_unit_test(unix_sockets), cmocka_unit_test(nobody_answers), cmocka_unit_test(cancelled),
        cmocka_unit_test(simulated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
