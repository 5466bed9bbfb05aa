#include "base/testing.h"
#include "loop/sim.h"

#include <errno.h>
#include <string.h>

/* A server of one loop that accepts and echoes. */
struct echo {
    loop    *l;
    loop_io  listener, conn[8];
    unsigned n;
    int      port;
    char     order[64];
    bool     mute;
};

static struct echo servers[2];

static struct echo *server_of(const loop_io *io)
{
    for (int i = 0; i < 2; i++)
        if (io == &servers[i].listener || (io >= servers[i].conn && io < servers[i].conn + 8))
            return &servers[i];
    fail();
    return NULL;
}

static void on_conn(loop_io *io, unsigned events)
{
    struct echo *e = server_of(io);
    char b[256];
    size_t len = strlen(e->order);

    assert_ptr_equal(loop_current(), e->l);
    assert_true(events & LOOP_READ);
    e->order[len] = (char)('0' + (io - e->conn));
    ssize_t n = loop_read(e->l, io->fd, b, sizeof(b));
    if (n > 0 && !e->mute)
        assert_int_equal(loop_write(e->l, io->fd, b, (size_t)n), n);
    if (n <= 0) {
        loop_unwatch(e->l, io);
        loop_close(e->l, io->fd);
    }
}

static void on_listener(loop_io *io, unsigned events)
{
    struct echo *e = server_of(io);
    int fd = loop_accept(e->l, io->fd);

    assert_int_equal(events, LOOP_READ);
    assert_true(fd >= 0);
    e->conn[e->n] = (loop_io){.fd = fd, .want = LOOP_READ, .fn = on_conn};
    assert_int_equal(loop_watch(e->l, &e->conn[e->n++]), 0);
}

static void serve(sim *s, struct echo *e, int port)
{
    *e = (struct echo){.port = port};
    assert_int_equal(sim_loop_new(s, &e->l), 0);
    e->listener.fd = loop_listen(e->l, NULL, &e->port, 16);
    e->listener.want = LOOP_READ;
    e->listener.fn = on_listener;
    assert_int_equal(loop_watch(e->l, &e->listener), 0);
}

static void bytes_come_back(void **state)
{
    sim *s = sim_new(0);
    char got[8];

    (void)state;
    serve(s, &servers[0], 0);
    assert_int_equal(sim_dial(s, servers[0].port + 1), -1);
    int fd = sim_dial(s, servers[0].port);
    sim_send(s, fd, "hello", 5);
    assert_int_equal(sim_recv(s, fd, got, sizeof(got)), 0);
    sim_settle(s);
    assert_int_equal(sim_recv(s, fd, got, 2), 2);
    assert_int_equal(sim_recv(s, fd, got + 2, sizeof(got) - 2), 3);
    assert_memory_equal(got, "hello", 5);
    assert_false(sim_eof(s, fd));
    sim_end(s, fd);
    sim_settle(s);
    assert_true(sim_eof(s, fd));
    assert_false(sim_was_reset(s, fd));
    assert_int_equal(sim_server_fds(s), 0);
    loop_free(servers[0].l);
    sim_free(s);
}

static void chunks_and_limits(void **state)
{
    sim *s = sim_new(0);
    char got[16];

    (void)state;
    serve(s, &servers[0], 0);
    int fd = sim_dial(s, servers[0].port);
    sim_settle(s);
    sim_chunk(s, fd, 1);
    sim_send(s, fd, "abc", 3);
    sim_settle(s);
    assert_string_equal(servers[0].order, "000"); /* one read each */
    assert_int_equal(sim_recv(s, fd, got, sizeof(got)), 3);

    int server_fd = servers[0].conn[0].fd;
    sim_limit(s, fd, 4, 6);
    struct iovec v[2] = {{(void *)"123", 3}, {(void *)"456", 3}};
    assert_int_equal(loop_writev(servers[0].l, server_fd, v, 2), 4);
    assert_int_equal(loop_write(servers[0].l, server_fd, "567", 3), 2);
    assert_int_equal(loop_write(servers[0].l, server_fd, "7", 1), -EAGAIN);
    assert_int_equal(sim_recv(s, fd, got, sizeof(got)), 6);
    assert_memory_equal(got, "123456", 6);
    assert_int_equal(loop_write(servers[0].l, server_fd, "7", 1), 1);

    sim_reset(s, fd);
    assert_int_equal(loop_write(servers[0].l, server_fd, "7", 1), -ECONNRESET);
    sim_settle(s);
    assert_int_equal(sim_server_fds(s), 0);
    loop_free(servers[0].l);
    sim_free(s);
}

static void listeners_share_a_port(void **state)
{
    sim *s = sim_new(0);
    int fd[4];

    (void)state;
    serve(s, &servers[0], 4000);
    serve(s, &servers[1], 4000);
    for (int i = 0; i < 4; i++)
        fd[i] = sim_dial(s, 4000);
    sim_settle(s);
    assert_int_equal(servers[0].n, 2);
    assert_int_equal(servers[1].n, 2);
    sim_send(s, fd[0], "x", 1);
    servers[0].mute = servers[1].mute = true;
    sim_hangup(s, fd[0]);
    sim_settle(s);
    assert_true(sim_eof(s, fd[0]));
    assert_int_equal(sim_server_fds(s), 3);
    /* The number of the closed descriptor is given again. */
    int old = servers[0].conn[0].fd;
    sim_dial(s, 4000);
    sim_settle(s);
    assert_int_equal(servers[0].conn[2].fd, old);
    /* Closing over unread bytes is noticed. */
    sim_send(s, fd[1], "y", 1);
    loop_close(servers[1].l, servers[1].conn[0].fd);
    assert_true(sim_was_reset(s, fd[1]));
    loop_free(servers[0].l);
    loop_free(servers[1].l);
    sim_free(s);
}

static void run_order(uint64_t seed, char out[64])
{
    sim *s = sim_new(seed);
    int fd[6];

    serve(s, &servers[0], 0);
    for (int i = 0; i < 6; i++)
        fd[i] = sim_dial(s, servers[0].port);
    sim_settle(s);
    for (int i = 0; i < 6; i++)
        sim_send(s, fd[i], "x", 1);
    sim_settle(s);
    memcpy(out, servers[0].order, 64);
    loop_free(servers[0].l);
    sim_free(s);
}

static void the_seed_decides_the_order(void **state)
{
    char plain[64], first[64], again[64], other[64];

    (void)state;
    run_order(0, plain);
    run_order(1, first);
    run_order(1, again);
    run_order(2, other);
    assert_string_equal(plain, "012345");
    assert_string_equal(first, again);
    assert_int_equal(strlen(first), 6);
    assert_string_not_equal(first, other);
}

static struct {
    loop      *l;
    loop_timer t, far;
    uint64_t   at, far_at, period;
    unsigned   runs;
} clocked;

static void on_tick(loop_timer *t)
{
    clocked.at = loop_now(clocked.l);
    clocked.runs++;
    if (clocked.period)
        loop_timer_set(clocked.l, t, clocked.period);
}

static void on_far(loop_timer *t)
{
    (void)t;
    clocked.far_at = loop_now(clocked.l);
}

static void time_is_virtual(void **state)
{
    const uint64_t days = UINT64_C(5) * 24 * 3600 * 1000 + 7;
    sim *s = sim_new(3);

    (void)state;
    assert_int_equal(sim_loop_new(s, &clocked.l), 0);
    uint64_t start = loop_now(clocked.l);
    int64_t wall = loop_wall(clocked.l);
    loop_timer_init(&clocked.t, on_tick);
    loop_timer_init(&clocked.far, on_far);
    clocked.period = 25000;
    loop_timer_set(clocked.l, &clocked.t, 25000);
    loop_timer_set(clocked.l, &clocked.far, days);
    sim_advance(s, 24999);
    assert_int_equal(clocked.runs, 0);
    sim_advance(s, 1);
    assert_int_equal(clocked.runs, 1);
    assert_int_equal(clocked.at - start, 25000);
    sim_advance(s, 100000);
    assert_int_equal(clocked.runs, 5);
    assert_int_equal(clocked.at - start, 125000);
    clocked.period = 0;
    sim_advance(s, days);
    assert_int_equal(clocked.runs, 6);
    assert_int_equal(clocked.far_at - start, days);
    assert_int_equal(loop_wall(clocked.l) - wall, days + 125000);
    loop_free(clocked.l);
    sim_free(s);
}

static void a_loop_may_be_run(void **state)
{
    sim *s = sim_new(0);

    (void)state;
    assert_int_equal(sim_loop_new(s, &clocked.l), 0);
    uint64_t start = loop_now(clocked.l);
    clocked.runs = 0;
    clocked.period = 0;
    loop_timer_init(&clocked.t, on_tick);
    loop_timer_set(clocked.l, &clocked.t, 1000000);
    loop_run(clocked.l); /* returns when nothing is left */
    assert_int_equal(clocked.runs, 1);
    assert_int_equal(loop_now(clocked.l) - start, 1000000);
    loop_free(clocked.l);
    sim_free(s);
}

struct hop {
    loop_task t;
    loop     *to[2];
    unsigned  n;
};

static void on_hop(loop_task *t)
{
    struct hop *h = container_of(t, struct hop, t);

    assert_ptr_equal(loop_current(), h->to[h->n % 2]);
    if (++h->n < 9)
        loop_post(h->to[h->n % 2], t);
}

static void loops_post_to_each_other(void **state)
{
    struct hop h = {.t.fn = on_hop};
    sim *s = sim_new(9);

    (void)state;
    assert_int_equal(sim_loop_new(s, &h.to[0]), 0);
    assert_int_equal(sim_loop_new(s, &h.to[1]), 0);
    loop_post(h.to[0], &h.t);
    sim_settle(s);
    assert_int_equal(h.n, 9);
    assert_null(loop_current());
    loop_free(h.to[0]);
    loop_free(h.to[1]);
    sim_free(s);
}

static void accepting_can_fail(void **state)
{
    sim *s = sim_new(0);
    loop *l;
    int port = 0;

    (void)state;
    assert_int_equal(sim_loop_new(s, &l), 0);
    int listener = loop_listen(l, NULL, &port, 1);
    sim_fd_limit(s, 1);
    sim_dial(s, port);
    sim_dial(s, port);
    int fd = loop_accept(l, listener);
    assert_true(fd >= 0);
    assert_int_equal(loop_accept(l, listener), -EMFILE);
    loop_close(l, fd);
    assert_true(loop_accept(l, listener) >= 0);
    assert_int_equal(loop_accept(l, listener), -EAGAIN);
    loop_free(l);
    sim_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(chunks_and_limits),
        cmocka_unit_test(listeners_share_a_port),
        cmocka_unit_test(the_seed_decides_the_order),
        cmocka_unit_test(time_is_virtual),
        cmocka_unit_test(a_loop_may_be_run),
        cmocka_unit_test(loops_post_to_each_other),
        cmocka_unit_test(accepting_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
