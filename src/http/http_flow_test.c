/* What goes beyond a head and a reply: bodies, hand-over between loops, upgrades. */
#include "http/rig_test.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_BODY 100

static struct {
    http_req *r;
    unsigned  calls, aborts;
    int       err;
} body;

static void on_body(http_req *r, int err, char *p, size_t n)
{
    body.calls++;
    body.err = err;
    assert_false(http_in_body(r));
    if (err == SIO_EPARSE)
        return;
    if (err == SIO_ETOOBIG) {
        http_reply(r, 413, str(""), str(""));
        return;
    }
    assert_non_null(p);
    if (n)
        p[0] = '<'; /* it may be changed */
    http_reply(r, 200, str(""), (sio_str){p, n});
}

static void on_body_abort(http_req *r)
{
    assert_ptr_equal(r, body.r);
    body.aborts++;
}

static void on_post(void *ctx, http_req *r)
{
    (void)ctx;
    body.r = r;
    r->on_abort = on_body_abort;
    http_body(r, MAX_BODY, on_body);
}

static void on_later(void *ctx, http_req *r)
{
    (void)ctx;
    body.r = r;
    r->on_abort = on_body_abort;
    assert_int_equal(http_hold(r), 0);
}

static void on_unread(void *ctx, http_req *r)
{
    (void)ctx;
    http_reply(r, 200, str(""), str("!"));
}

static void on_move(void *ctx, http_req *r)
{
    (void)ctx;
    if (r->server == R.http[0])
        http_handoff(r, R.http[1]);
    else
        http_body(r, MAX_BODY, on_body);
}

static int up(void **state)
{
    memset(&body, 0, sizeof(body));
    body.err = 99;
    rig_up(state);
    rig_route("/post", true, on_post);
    rig_route("/later", true, on_later);
    rig_route("/unread", true, on_unread);
    rig_route("/move", true, on_move);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, rig_down)

#define POST(path, headers) "POST " path " HTTP/1.1\r\nHost: h\r\n" headers "\r\n"
#define AFTER               "GET /unread HTTP/1.1\r\nHost: h\r\n\r\n"

/* ---- bodies ---- */

static void bodies_whole_and_in_pieces(void **state)
{
    static const struct {
        const char *request, *reply;
    } cases[] = {
        {POST("/post", ""), OK_REPLY("0", "")},
        {POST("/post", "Content-Length: 0\r\n"), OK_REPLY("0", "")},
        {POST("/post", "Content-Length: 5\r\n") "hello", OK_REPLY("5", "<ello")},
        {POST("/post", "Transfer-Encoding: chunked\r\n") "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
         OK_REPLY("5", "<ello")},
        {POST("/post", "Transfer-Encoding: chunked\r\n") "0\r\nT: v\r\n\r\n", OK_REPLY("0", "")},
        {POST("/move", "Content-Length: 5\r\n") "hello", OK_REPLY("5", "<ello")},
        {POST("/move", "Transfer-Encoding: chunked\r\n") "5\r\nhello\r\n0\r\n\r\n", OK_REPLY("5", "<ello")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece = 0; piece < 3; piece++) {
            char want[300];
            int fd = rig_dial();
            snprintf(want, sizeof(want), "%s" OK_REPLY("1", "!"), cases[i].reply);
            sim_chunk(R.s, fd, piece);
            sim_send(R.s, fd, cases[i].request, strlen(cases[i].request));
            rig_send(fd, AFTER);
            rig_expect(fd, want);
            assert_int_equal(body.err, 0);
        }
        assert_int_equal(body.calls, 3 * (i + 1));
    }
}

static void a_body_may_be_asked_for_later(void **state)
{
    static const char *requests[] = {
        POST("/later", "Content-Length: 5\r\n") "hello" AFTER,
        POST("/later", "Transfer-Encoding: chunked\r\n") "5\r\nhello\r\n0\r\n\r\n" AFTER,
    };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        int fd = rig_dial();
        rig_send(fd, requests[i]);
        http_body(body.r, MAX_BODY, on_body);
        assert_int_equal(body.calls, i);
        sim_settle(R.s);
        assert_int_equal(body.calls, i + 1);
        rig_expect(fd, OK_REPLY("5", "<ello") OK_REPLY("1", "!"));
    }
}

static void bodies_have_a_limit(void **state)
{
    char text[400];

    (void)state;
    /* Exactly the limit. */
    int fd = rig_dial();
    snprintf(text, sizeof(text), POST("/post", "Content-Length: 100\r\n") "%0100d", 0);
    rig_send(fd, text);
    assert_int_equal(body.err, 0);
    rig_recv(fd);
    /* One more: refused at once, the rest is dropped, the connection goes on. */
    snprintf(text, sizeof(text), POST("/post", "Content-Length: 101\r\n") "%090d", 0);
    rig_send(fd, text);
    rig_expect(fd, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n");
    rig_send(fd, "12345678901" AFTER);
    rig_expect(fd, OK_REPLY("1", "!"));
    /* The same in chunks. */
    snprintf(text, sizeof(text), POST("/post", "Transfer-Encoding: chunked\r\n") "64\r\n%0100d\r\n", 0);
    rig_send(fd, text);
    rig_expect(fd, "");
    rig_send(fd, "1\r\nx\r\n2\r\nyy\r\n");
    rig_expect(fd, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n");
    rig_send(fd, "0\r\n\r\n" AFTER);
    rig_expect(fd, OK_REPLY("1", "!"));
    /* Not worth reading to its end. */
    rig_send(fd, POST("/post", "Content-Length: 10000000000\r\n") "123");
    rig_expect(fd, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_true(sim_eof(R.s, fd));
    assert_int_equal(body.calls, 4);
    assert_int_equal(body.aborts, 0);
}

static void unread_bodies_are_skipped(void **state)
{
    static char big[40000];

    (void)state;
    int fd = rig_dial();
    rig_send(fd, POST("/unread", "Content-Length: 5\r\n") "hello" AFTER);
    rig_expect(fd, OK_REPLY("1", "!") OK_REPLY("1", "!"));
    rig_send(fd, POST("/unread", "Transfer-Encoding: chunked\r\n"));
    rig_send(fd, "5\r\nhel");
    rig_send(fd, "lo\r\n0\r\n\r\n" AFTER);
    rig_expect(fd, OK_REPLY("1", "!") OK_REPLY("1", "!"));
    rig_send(fd, POST("/unread", "Transfer-Encoding: chunked\r\n") "zz\r\n");
    rig_expect(fd, OK_REPLY("1", "!"));
    assert_true(sim_eof(R.s, fd));
    /* Chunks without end. */
    fd = rig_dial();
    rig_send(fd, POST("/unread", "Transfer-Encoding: chunked\r\n") "ffffffff\r\n");
    for (int i = 0; i < 26; i++) {
        assert_false(sim_eof(R.s, fd));
        sim_send(R.s, fd, big, sizeof(big));
        sim_settle(R.s);
    }
    sim_send(R.s, fd, big, sizeof(big));
    sim_settle(R.s);
    rig_recv(fd);
    assert_true(sim_eof(R.s, fd));
}

static void malformed_chunks(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, POST("/post", "Transfer-Encoding: chunked\r\n") "2\r\nabX");
    rig_expect(fd, BAD("400 Bad Request"));
    assert_int_equal(body.calls, 1);
    assert_int_equal(body.err, SIO_EPARSE);
    assert_int_equal(body.aborts, 0);
    assert_true(sim_eof(R.s, fd));
}

static void continue_when_asked(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, POST("/post", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
    rig_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_true(http_in_body(body.r));
    rig_send(fd, "hello");
    rig_expect(fd, OK_REPLY("5", "<ello"));
    /* Not when the body is on its way already. */
    rig_send(fd, POST("/post", "Content-Length: 5\r\nExpect: 100-continue\r\n") "he");
    rig_expect(fd, "");
    rig_send(fd, "llo");
    rig_expect(fd, OK_REPLY("5", "<ello"));
    /* Nobody knows whether the body will come when the answer is not 100. */
    rig_send(fd, POST("/post", "Content-Length: 500\r\nExpect: 100-continue\r\n"));
    rig_expect(fd, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_true(sim_eof(R.s, fd));
}

static void the_peer_goes_away_inside_a_body(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, POST("/post", "Content-Length: 5\r\n") "he");
    assert_true(http_in_body(body.r));
    sim_hangup(R.s, fd);
    sim_settle(R.s);
    assert_int_equal(body.calls, 0);
    assert_int_equal(body.aborts, 1);
    assert_int_equal(http_server_connections(R.http[0]), 0);
}

static void a_body_must_come_in_time(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, POST("/post", "Content-Length: 5\r\n") "he");
    sim_advance(R.s, 29000);
    assert_int_equal(body.aborts, 0);
    sim_advance(R.s, 1100);
    assert_int_equal(body.aborts, 1);
    assert_int_equal(body.calls, 0);
    rig_expect(fd, BAD("408 Request Timeout"));
    assert_true(sim_eof(R.s, fd));
    fd = rig_dial();
    rig_send(fd, POST("/unread", "Content-Length: 5\r\n") "he");
    rig_expect(fd, OK_REPLY("1", "!"));
    sim_advance(R.s, 30100);
    rig_expect(fd, "");
    assert_true(sim_eof(R.s, fd));
}

static void a_reply_may_come_before_the_body(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, POST("/post", "Content-Length: 5\r\n") "he");
    http_reply(body.r, 403, str(""), str(""));
    rig_send(fd, "llo" AFTER);
    rig_expect(fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" OK_REPLY("1", "!"));
    assert_int_equal(body.calls, 0);
    assert_int_equal(body.aborts, 0);
}

static void much_body_behind_a_slow_reader(void **state)
{
    static char big[300000];
    char head[200];

    (void)state;
    int fd = rig_dial();
    snprintf(head, sizeof(head), POST("/later", "Content-Length: %zu\r\n"), sizeof(big));
    rig_send(fd, head);
    memset(big, 'x', sizeof(big));
    sim_send(R.s, fd, big, sizeof(big));
    sim_settle(R.s);
    http_body(body.r, sizeof(big), on_body);
    sim_settle(R.s);
    assert_int_equal(body.calls, 1);
    assert_int_equal(body.err, 0);
    size_t reply_head = strlen("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
    assert_int_equal(strlen(rig_recv(fd)), reply_head + sizeof(big));
}

/* ---- hand-over ---- */

static void a_connection_moves_to_another_loop(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, "GET /unread HTTP/1.1\r\nHost: h\r\n\r\n" POST("/move", "Content-Length: 5\r\n") "he");
    assert_int_equal(http_server_connections(R.http[0]), 0);
    assert_int_equal(http_server_connections(R.http[1]), 1);
    rig_expect(fd, OK_REPLY("1", "!"));
    rig_send(fd, "llo");
    rig_expect(fd, OK_REPLY("5", "<ello"));
    rig_send(fd, AFTER AFTER); /* stays there */
    rig_expect(fd, OK_REPLY("1", "!") OK_REPLY("1", "!"));
    assert_int_equal(http_server_connections(R.http[1]), 1);
    sim_hangup(R.s, fd);
    sim_settle(R.s);
    assert_int_equal(http_server_connections(R.http[1]), 0);
    assert_int_equal(sim_server_fds(R.s), 0);
}

static void earlier_replies_leave_before_the_move(void **state)
{
    (void)state;
    int fd = rig_dial();
    sim_limit(R.s, fd, 0, 10);
    rig_send(fd, AFTER POST("/move", "Content-Length: 2\r\n") "ab");
    assert_int_equal(http_server_connections(R.http[0]), 1);
    char all[300] = "";
    for (int i = 0; i < 20; i++)
        strcat(all, rig_recv(fd));
    assert_string_equal(all, OK_REPLY("1", "!") OK_REPLY("2", "<b"));
    assert_int_equal(http_server_connections(R.http[0]), 0);
    assert_int_equal(http_server_connections(R.http[1]), 1);
    /* And when the peer goes away while they wait. */
    fd = rig_dial();
    sim_limit(R.s, fd, 0, 10);
    rig_send(fd, AFTER POST("/move", "Content-Length: 2\r\n") "ab");
    sim_reset(R.s, fd);
    sim_settle(R.s);
    assert_int_equal(http_server_connections(R.http[0]), 0);
    assert_int_equal(http_server_connections(R.http[1]), 1);
}

/* ---- hand-over between threads ---- */

struct real {
    loop        *l;
    net         *n;
    http_server *http, *other;
    loop_task    end;
    pthread_t    thread;
};

static void on_real_body(http_req *r, int err, char *p, size_t n)
{
    assert_int_equal(err, 0);
    http_reply(r, 200, str(""), (sio_str){p, n});
}

static void on_real_move(void *ctx, http_req *r)
{
    struct real *self = ctx;

    assert_ptr_equal(loop_current(), self->l);
    http_handoff(r, self->other);
}

static void on_real_post(void *ctx, http_req *r)
{
    struct real *self = ctx;

    assert_ptr_equal(loop_current(), self->l);
    http_body(r, MAX_BODY, on_real_body);
}

static void on_real_end(loop_task *t)
{
    loop_stop(container_of(t, struct real, end)->l);
}

static void *run_real(void *arg)
{
    loop_run(((struct real *)arg)->l);
    return NULL;
}

static void real_request(int port)
{
    static const char head[] = POST("/move", "Content-Length: 10\r\n") "hello";
    static const char want[] = OK_REPLY("10", "helloworld");
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char got[sizeof(want)];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    for (int i = 0; i < 3; i++) { /* the first one moves the connection; the others are there already */
        const char *path = i ? POST("/post", "Content-Length: 10\r\n") "hello" : head;
        assert_int_equal(send(fd, path, strlen(path), 0), strlen(path));
        assert_int_equal(send(fd, "world", 5, 0), 5);
        assert_int_equal(recv(fd, got, sizeof(want) - 1, MSG_WAITALL), sizeof(want) - 1);
        assert_memory_equal(got, want, sizeof(want) - 1);
    }
    close(fd);
}

static void connections_move_between_threads(void **state)
{
    static const net_limits limits = {1 << 20};
    struct real r[2] = {{.l = NULL}};
    int port = 0;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(loop_new(&r[i].l), 0);
        assert_int_equal(net_new(&r[i].n, r[i].l, &limits), 0);
        assert_int_equal(http_server_new(&r[i].http, r[i].n, NULL), 0);
        r[i].end.fn = on_real_end;
        http_route route = {i ? "/" : "/move", false, i ? on_real_post : on_real_move, &r[i], false};
        assert_int_equal(http_server_route(r[i].http, route), 0);
    }
    r[0].other = r[1].http;
    assert_int_equal(http_server_listen(r[0].http, "127.0.0.1", &port), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&r[i].thread, NULL, run_real, &r[i]), 0);
    for (int i = 0; i < 100; i++)
        real_request(port);
    for (int i = 0; i < 2; i++) {
        loop_post(r[i].l, &r[i].end);
        pthread_join(r[i].thread, NULL);
        http_server_free(r[i].http);
        net_free(r[i].n);
    }
    loop_free(r[0].l);
    loop_free(r[1].l);
}

/* ---- upgrades ---- */

static struct {
    char        got[100];
    size_t      n;
    unsigned    closes;
    http_req   *r;
    net_stream *s;
} raw;

static void on_raw_data(net_stream *s, char *p, size_t n)
{
    assert_ptr_equal(s->owner, &raw);
    memcpy(raw.got + raw.n, p, n);
    raw.n += n;
    net_send_copy(s, "ok", 2);
}

static void on_raw_close(net_stream *s, int err)
{
    (void)s;
    assert_int_equal(err, 0);
    raw.closes++;
}

static const net_ops raw_ops = {on_raw_data, NULL, on_raw_close};

static void on_upgrade(void *ctx, http_req *r)
{
    (void)ctx;
    assert_true(r->head->upgrade);
    raw.s = http_upgrade(r, str("Upgrade: raw\r\nConnection: Upgrade\r\n"), &raw_ops, &raw);
    assert_non_null(raw.s);
}

static void on_slow_upgrade(void *ctx, http_req *r)
{
    (void)ctx;
    assert_int_equal(http_hold(r), 0);
    raw.r = r;
}

static void on_refuse(void *ctx, http_req *r)
{
    (void)ctx;
    http_reply(r, 400, str("Content-type: text/html\r\n"), str("no"));
}

#define UPGRADE(path) \
    "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: raw\r\n\r\n"
#define SWITCHED      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n"

static void upgrades(void **state)
{
    (void)state;
    memset(&raw, 0, sizeof(raw));
    rig_route("/up", true, on_upgrade);
    int fd = rig_dial();
    rig_send(fd, AFTER UPGRADE("/up") "behind");
    rig_expect(fd, OK_REPLY("1", "!") SWITCHED "ok");
    assert_int_equal(sim_writes(R.s, fd), 1);
    assert_int_equal(http_server_connections(R.http[0]), 0);
    rig_send(fd, "GET more");
    assert_memory_equal(raw.got, "behindGET more", 14);
    sim_advance(R.s, 200000); /* no timer of HTTP is left */
    assert_false(sim_eof(R.s, fd));
    sim_hangup(R.s, fd);
    sim_settle(R.s);
    assert_int_equal(raw.closes, 1);
}

static void an_upgrade_may_take_its_time(void **state)
{
    (void)state;
    memset(&raw, 0, sizeof(raw));
    rig_route("/up", true, on_slow_upgrade);
    int fd = rig_dial();
    rig_send(fd, UPGRADE("/up") "be");
    rig_send(fd, "hind");
    assert_int_equal(raw.n, 0);
    assert_non_null(http_upgrade(raw.r, str("Upgrade: raw\r\nConnection: Upgrade\r\n"), &raw_ops, &raw));
    assert_memory_equal(raw.got, "behind", 6);
    sim_settle(R.s);
    rig_expect(fd, SWITCHED "ok");
    assert_int_equal(http_server_connections(R.http[0]), 0);
    sim_hangup(R.s, fd);
    sim_settle(R.s);
    assert_int_equal(raw.closes, 1);
}

static void refused_upgrades(void **state)
{
    (void)state;
    rig_route("/no", true, on_refuse);
    int fd = rig_dial();
    rig_send(fd, UPGRADE("/no"));
    rig_expect(fd, "HTTP/1.1 400 Bad Request\r\nContent-type: text/html\r\nContent-Length: 2\r\n"
                   "Connection: close\r\n\r\nno");
    assert_true(sim_eof(R.s, fd));
    /* Without a route: not a byte, and closed after a second. */
    fd = rig_dial();
    rig_send(fd, UPGRADE("/nowhere") "bytes");
    rig_send(fd, "more");
    sim_advance(R.s, 900);
    assert_false(sim_eof(R.s, fd));
    sim_advance(R.s, 200);
    rig_expect(fd, "");
    assert_true(sim_eof(R.s, fd));
    assert_int_equal(http_server_connections(R.http[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bodies_whole_and_in_pieces),
        TEST(a_body_may_be_asked_for_later),
        TEST(bodies_have_a_limit),
        TEST(unread_bodies_are_skipped),
        TEST(malformed_chunks),
        TEST(continue_when_asked),
        TEST(the_peer_goes_away_inside_a_body),
        TEST(a_body_must_come_in_time),
        TEST(a_reply_may_come_before_the_body),
        TEST(much_body_behind_a_slow_reader),
        TEST(a_connection_moves_to_another_loop),
        TEST(earlier_replies_leave_before_the_move),
        cmocka_unit_test(connections_move_between_threads),
        TEST(upgrades),
        TEST(an_upgrade_may_take_its_time),
        TEST(refused_upgrades),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
