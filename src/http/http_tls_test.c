/* HTTP over TLS on real sockets: a connection that moves to another thread's loop takes its TLS along. */
#include "http/http.h"
#include "net/tls_rig_test.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

typedef struct side {
    loop        *l;
    net         *n;
    http_server *http, *other;
    loop_task    end;
    pthread_t    thread;
    bool         once; /* it stops when it has handed one over */
} side;

static side sides[2];
static int port;

/* ---- the servers ---- */

static void on_body(http_req *r, int err, char *p, size_t n)
{
    assert_int_equal(err, 0);
    assert_true(http_is_secure(r));
    http_reply(r, 200, (sio_str){0}, (sio_str){p, n});
}

static void on_request(void *ctx, http_req *r)
{
    side *self = ctx;

    assert_ptr_equal(loop_current(), self->l);
    if (self->once)
        loop_stop(self->l);
    if (self->other)
        http_handoff(r, self->other);
    else
        http_body(r, 1 << 20, on_body);
}

static void on_end(loop_task *task) { loop_stop(container_of(task, side, end)->l); }

/* The first server moves everything to the second. */
static int setup(void **state)
{
    static const net_limits limits = {4 << 20};
    char pem[128], key[128];
    tls_server **tls = (tls_server **)state;

    memset(sides, 0, sizeof(sides));
    log_setup(LOG_ERROR, NULL);
    port = 0;
    assert_int_equal(tls_server_new(tls, cert_path(pem, "good.pem"), cert_path(key, "good.key")), 0);
    for (int i = 0; i < 2; i++) {
        side *s = &sides[i];
        http_route route = {"/", false, on_request, s, false};
        assert_int_equal(loop_new(&s->l), 0);
        assert_int_equal(net_new(&s->n, s->l, &limits), 0);
        assert_int_equal(http_server_new(&s->http, s->n, NULL), 0);
        assert_int_equal(http_server_route(s->http, route), 0);
        http_server_secure(s->http, *tls);
        s->end.fn = on_end;
    }
    sides[0].other = sides[1].http;
    assert_int_equal(http_server_listen(sides[0].http, "127.0.0.1", &port), 0);
    return 0;
}

static int teardown(void **state)
{
    for (int i = 0; i < 2; i++) {
        http_server_free(sides[i].http);
        net_free(sides[i].n);
    }
    for (int i = 0; i < 2; i++) {
        loop_drop_tasks(sides[i].l);
        loop_free(sides[i].l);
    }
    tls_server_free(*state);
    return 0;
}

static void *run(void *arg)
{
    loop_run(((side *)arg)->l);
    return NULL;
}

static void start(side *s) { assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0); }

static void stop(side *s)
{
    loop_post(s->l, &s->end);
    pthread_join(s->thread, NULL);
}

/* ---- the client: OpenSSL on a blocking socket ---- */

static SSL *dial(SSL_CTX *ctx)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SSL *ssl = SSL_new(ctx);

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_connect(ssl), 1);
    return ssl;
}

static void hang_up(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);

    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

static void say(SSL *ssl, const char *p, size_t n)
{
    assert_int_equal(SSL_write(ssl, p, (int)n), (int)n);
}

static void hear(SSL *ssl, const char *want, size_t n)
{
    static char got[1 << 20];

    for (size_t at = 0; at < n;) {
        int k = SSL_read(ssl, got + at, (int)(n - at));
        assert_true(k > 0);
        at += (size_t)k;
    }
    assert_memory_equal(got, want, n);
}

/* ---- */

/* A long body is under way, in many records, while the connection moves: no byte is lost or heard twice. */
static void connections_move_with_what_was_read(void **state)
{
    static char body[300000];
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    char head[128];

    (void)state;
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (char)(i * i >> 7);
    start(&sides[0]);
    start(&sides[1]);
    for (int i = 0; i < 20; i++) {
        SSL *ssl = dial(ctx);
        size_t n = i % 2 ? sizeof(body) : 10;
        for (int again = 0; again < 3; again++) {
            int k = snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                             n);
            say(ssl, head, (size_t)k);
            say(ssl, body, n);
            k = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
            hear(ssl, head, (size_t)k);
            hear(ssl, body, n);
        }
        hang_up(ssl);
    }
    stop(&sides[0]);
    stop(&sides[1]);
    SSL_CTX_free(ctx);
}

/* The other loop has ended: the connection that was on its way there is closed, and nothing of it is left. */
static void a_connection_that_nobody_takes_is_closed(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;
    char c;

    (void)state;
    sides[0].once = true;
    start(&sides[0]);
    ssl = dial(ctx);
    say(ssl, request, sizeof(request) - 1);
    pthread_join(sides[0].thread, NULL);
    assert_int_equal(http_server_connections(sides[0].http), 0);
    loop_drop_tasks(sides[1].l);
    assert_true(SSL_read(ssl, &c, 1) <= 0);
    hang_up(ssl);
    SSL_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connections_move_with_what_was_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_connection_that_nobody_takes_is_closed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, certs_make, certs_free);
}
