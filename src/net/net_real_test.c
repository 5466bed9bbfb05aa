/* Streams on real sockets: half-close, reset, a long answer to a peer that still sends. */
#include "base/testing.h"
#include "net/net.h"
#include "sio_err.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial_real(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static struct {
    loop    *l;
    net     *n;
    unsigned closes, stop_at;
    int      errs[4];
    size_t   got;
} real;

static void on_real_data(net_stream *s, char *p, size_t n)
{
    real.got += n;
    if (memchr(p, 'q', n)) { /* a big answer, then the end */
        char *big = calloc(1, 3000000);
        net_send_copy(s, big, 3000000);
        free(big);
        net_close(s);
    }
}

static void on_real_close(net_stream *s, int err)
{
    (void)s;
    real.errs[real.closes++] = err;
    if (real.closes == real.stop_at)
        loop_stop(real.l);
}

static void on_real_accept(void *ctx, int fd)
{
    static const net_ops real_ops = {on_real_data, NULL, on_real_close};

    (void)ctx;
    assert_non_null(net_adopt(real.n, fd, &real_ops, NULL));
}

static void *real_client(void *arg)
{
    static char sink[65536];
    int fd = *(int *)arg;
    size_t total = 0;
    ssize_t n;

    while ((n = recv(fd, sink, sizeof(sink), 0)) > 0)
        total += (size_t)n;
    assert_int_equal(n, 0); /* an end, not a reset */
    assert_int_equal(total, 3000000);
    return NULL;
}

static void real_sockets(void **state)
{
    net_limits limits = {4 << 20};
    net_listener *listener;
    pthread_t thread;
    int port = 0;

    (void)state;
    memset(&real, 0, sizeof(real));
    real.stop_at = 3;
    assert_int_equal(loop_new(&real.l), 0);
    assert_int_equal(net_new(&real.n, real.l, &limits), 0);
    assert_int_equal(net_listen(&listener, real.n, "127.0.0.1", &port, on_real_accept, NULL), 0);

    int half = dial_real(port), reset = dial_real(port), asks = dial_real(port);
    struct linger hard = {1, 0};
    assert_int_equal(send(half, "abc", 3, 0), 3);
    shutdown(half, SHUT_WR);
    assert_int_equal(send(reset, "abc", 3, 0), 3);
    setsockopt(reset, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(reset);
    assert_int_equal(send(asks, "qqqqqq", 6, 0), 6);
    assert_int_equal(send(asks, "late", 4, 0), 4);
    assert_int_equal(pthread_create(&thread, NULL, real_client, &asks), 0);
    loop_run(real.l);
    pthread_join(thread, NULL);

    unsigned ended = 0, broken = 0;
    for (unsigned i = 0; i < 3; i++) {
        ended += real.errs[i] == 0;
        broken += real.errs[i] == SIO_EIO;
    }
    assert_int_equal(ended, 2);
    assert_int_equal(broken, 1);
    char c;
    assert_int_equal(recv(half, &c, 1, 0), 0);
    close(half);
    close(asks);
    net_listener_close(listener);
    net_free(real.n);
    loop_free(real.l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(real_sockets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
