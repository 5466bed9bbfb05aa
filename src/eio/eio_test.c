/* Engine.IO alone, on a simulated loop: what its user is told, and what it may do at any moment. The bytes on
 * the wire are tested with whole servers in tests/wire. */
#include "eio/eio_int.h"
#include "eio/peer_test.h"

#define POLL "/engine.io/?EIO=4&transport=polling"
#define WS   "/engine.io/?EIO=4&transport=websocket"

typedef struct bench {
    sim *s;
    loop *l;
    net *n;
    http_server *http;
    eio_server *e;
    eio_config config;
    int port;
    eio_session *last; /* the session that came last */
    char told[1024];
    void (*on_message)(eio_session *s, bool binary, sio_str text);
} bench;

static bench B;

static void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *fmt, ...)
{
    size_t at = strlen(B.told);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(B.told + at, sizeof B.told - at, fmt, ap);
    va_end(ap);
}

static void expect_told_(const char *what, int line)
{
    if (strcmp(B.told, what) != 0)
        fail_msg("line %d: told \"%s\" and not \"%s\"", line, B.told, what);
    B.told[0] = 0;
}
#define expect_told(what) expect_told_(what, __LINE__)

/* ---- the user ---- */

static void on_handshake(void *ctx, eio_session *s, http_req *r)
{
    assert_ptr_equal(ctx, &B);
    assert_non_null(http1_header_get(r->head, "host").p);
    s->user = &B;
    B.last = s;
    tell("new ");
}

static void on_open(eio_session *s)
{
    assert_ptr_equal(s->user, &B);
    assert_true(eio_is_open(s));
    tell("open ");
}

static void on_message(eio_session *s, bool binary, char *p, size_t n)
{
    sio_str text = {p, n};

    tell(binary ? "<%.*s> " : "\"%.*s\" ", (int)n, p);
    if (B.on_message)
        B.on_message(s, binary, text);
    memset(p, '#', n); /* the bytes are ours to change */
}

static void on_close(eio_session *s, eio_reason why)
{
    assert_ptr_equal(s->user, &B);
    assert_false(eio_is_open(s));
    eio_close(s, EIO_FORCED_CLOSE); /* may be called, does nothing */
    tell("%s. ", eio_reason_text(why));
}

static void on_upgrade(eio_session *s)
{
    assert_string_equal(eio_transport(s), "websocket");
    tell("upgraded ");
}

static void say(eio_session *s, bool binary, const char *text)
{
    char *p;
    blob *m = eio_message_new(binary, strlen(text), &p);

    memcpy(p, text, strlen(text));
    eio_message_seal(m);
    assert_true(sio_str_eq(eio_message_payload(m), sio_str_z(text)));
    eio_send(s, m);
    blob_drop(m);
}

static void echo(eio_session *s, bool binary, sio_str text)
{
    char copy[64];

    snprintf(copy, sizeof copy, "%.*s", (int)text.n, text.p);
    say(s, binary, copy);
}

/* ---- up and down ---- */

static void up(void)
{
    static const net_limits limits = {1 << 20};

    memset(&B, 0, sizeof B);
    B.s = sim_new(0);
    B.config = (eio_config){.path = "/engine.io/",
                            .transports = EIO_POLLING | EIO_WEBSOCKET,
                            .allow_upgrades = true,
                            .ping_interval_ms = 25000,
                            .ping_timeout_ms = 20000,
                            .upgrade_timeout_ms = 10000,
                            .max_payload = 1000,
                            .max_unsent = 5000,
                            .on_handshake = on_handshake,
                            .on_open = on_open,
                            .on_message = on_message,
                            .on_close = on_close,
                            .on_upgrade = on_upgrade};
    assert_int_equal(sim_loop_new(B.s, &B.l), 0);
    assert_int_equal(net_new(&B.n, B.l, &limits), 0);
    assert_int_equal(http_server_new(&B.http, B.n, NULL), 0);
    assert_int_equal(eio_server_new(&B.e, B.http, &B.config, &B, 0, &B.http, 1), 0);
    assert_int_equal(http_server_listen(B.http, NULL, &B.port), 0);
}

/* As a server ends that nobody told to close its sessions first. */
static void down(void)
{
    http_server_free(B.http);
    net_free(B.n);
    eio_server_free(B.e);
    loop_free(B.l);
    sim_free(B.s);
}

static void dial(peer *p)
{
    peer_open(p, B.s, B.port, 0);
}

static void target(char *out, size_t n, const char *base)
{
    snprintf(out, n, "%s&sid=%.20s", base, B.last->sid);
}

static void open_polling(peer *p)
{
    dial(p);
    peer_get(p, POLL);
    free(peer_body(p, 200));
    expect_told("new open ");
    assert_string_equal(eio_transport(B.last), "polling");
}

static void upgrade(peer *p, const char *where)
{
    peer_reply r;
    buf taken;

    dial(p);
    peer_upgrade(p, where, "");
    assert_true(peer_take_reply(p, false, &r, &taken));
    assert_int_equal(r.status, 101);
    buf_fini(&taken);
}

static void open_websocket(peer *p)
{
    upgrade(p, WS);
    free(peer_take_text(p));
    expect_told("new open ");
    assert_string_equal(eio_transport(B.last), "websocket");
}

static void poll_start(peer *p)
{
    char where[128];

    target(where, sizeof where, POLL);
    dial(p);
    peer_get(p, where);
}

static void post(peer *p, const char *body)
{
    char where[128];

    target(where, sizeof where, POLL);
    peer_post(p, where, body);
    free(peer_body(p, 200));
}

static void expect_body(peer *p, const char *text)
{
    char *body = peer_body(p, 200);

    assert_string_equal(body, text);
    free(body);
}

/* ---- what the user is told ---- */

static void test_told_in_order(void **state)
{
    peer p, w;
    char where[128];

    (void)state;
    up();
    B.on_message = echo;
    open_polling(&p);
    assert_int_equal(eio_server_sessions(B.e), 1);
    post(&p, "4one\x1e"
             "bdHdv\x1e"
             "4");
    expect_told("\"one\" <two> \"\" ");
    target(where, sizeof where, WS);
    upgrade(&w, where);
    peer_say(&w, "2probe");
    peer_hears(&w, "3probe");
    expect_told("");
    peer_say(&w, "5");
    expect_told("upgraded ");
    peer_hears(&w, "4one");
    peer_expect_frame(&w, 2, "two", 3);
    peer_hears(&w, "4");
    peer_send_frame(&w, 0x82, "bin", 3);
    peer_expect_frame(&w, 2, "bin", 3);
    expect_told("<bin> ");
    peer_hangup(&w);
    expect_told("transport close. ");
    assert_int_equal(eio_server_sessions(B.e), 0);
    peer_close(&p);
    peer_close(&w);
    down();
}

static void current(eio_session *s, bool binary, sio_str text)
{
    const http_req *r = eio_current_request(s);

    (void)binary, (void)text;
    tell(r ? "%.*s " : "none ", r ? (int)r->head->method.n : 0, r ? r->head->method.p : "");
}

static void test_request_of_a_message(void **state)
{
    peer p, w;

    (void)state;
    up();
    B.on_message = current;
    open_polling(&p);
    post(&p, "4a");
    expect_told("\"a\" POST ");
    open_websocket(&w);
    peer_say(&w, "4b");
    expect_told("\"b\" none ");
    peer_close(&p);
    peer_close(&w);
    down();
}

/* ---- writable ---- */

static void test_writable(void **state)
{
    peer p, q, w;

    (void)state;
    up();
    open_polling(&p);
    assert_false(eio_is_writable(B.last));
    poll_start(&q);
    assert_true(eio_is_writable(B.last));
    say(B.last, false, "x");
    sim_settle(B.s);
    expect_body(&q, "4x");
    assert_false(eio_is_writable(B.last));
    open_websocket(&w);
    assert_true(eio_is_writable(B.last));
    sim_limit(B.s, w.fd, 0, 10);
    say(B.last, false, "longer than ten bytes");
    sim_settle(B.s);
    assert_false(eio_is_writable(B.last));
    peer_pull(&w);
    assert_true(eio_is_writable(B.last));
    peer_close(&p);
    peer_close(&q);
    peer_close(&w);
    down();
}

/* ---- closing at any moment ---- */

static void close_it(eio_session *s, bool binary, sio_str text)
{
    (void)binary;
    say(s, false, "last words");
    eio_close(s, text.p[0] == 'f' ? EIO_FORCED_CLOSE : EIO_TRANSPORT_ERROR);
    eio_close(s, EIO_PING_TIMEOUT);
    say(s, false, "too late");
}

static void test_closed_inside_a_message(void **state)
{
    peer p, q, w;

    (void)state;
    up();
    B.on_message = close_it;
    open_polling(&p);
    post(&p, "4f\x1e"
             "4never");
    expect_told("\"f\" forced close. ");
    assert_int_equal(eio_server_sessions(B.e), 1); /* until it has said goodbye */
    poll_start(&q);
    expect_body(&q, "4last words\x1e"
                    "1");
    assert_int_equal(eio_server_sessions(B.e), 0);
    peer_close(&p);
    peer_close(&q);
    open_polling(&p);
    poll_start(&q);
    post(&p, "4e\x1e"
             "4never");
    expect_told("\"e\" transport error. ");
    expect_body(&q, "1");
    assert_int_equal(eio_server_sessions(B.e), 0);
    open_websocket(&w);
    peer_say(&w, "4f");
    expect_told("\"f\" forced close. ");
    peer_hears(&w, "4last words");
    peer_expect_frame(&w, 8, "", 0);
    peer_close(&p);
    peer_close(&q);
    peer_close(&w);
    down();
}

static void test_close_all(void **state)
{
    peer p, q, r, u, w;
    char where[128];

    (void)state;
    up();
    B.on_message = close_it;
    open_polling(&p);
    post(&p, "4f");
    expect_told("\"f\" forced close. "); /* waits for its goodbye */
    open_polling(&q);
    target(where, sizeof where, WS);
    upgrade(&u, where);
    poll_start(&r);
    open_websocket(&w);
    assert_int_equal(eio_server_sessions(B.e), 3);
    eio_server_close_all(B.e);
    sim_settle(B.s);
    assert_int_equal(eio_server_sessions(B.e), 0);
    expect_told("server shutting down. server shutting down. ");
    expect_body(&r, "1");
    peer_expect_frame(&u, 8, "", 0);
    peer_expect_frame(&w, 8, "", 0);
    peer_close(&p);
    peer_close(&q);
    peer_close(&r);
    peer_close(&u);
    peer_close(&w);
    down();
}

/* Whatever is under way when the server ends is given back; the leak checker looks. */
static void test_freed_while_busy(void **state)
{
    peer p[8];
    char where[128], head[256];

    (void)state;
    up();
    open_polling(&p[0]);
    poll_start(&p[1]);
    target(where, sizeof where, WS);
    upgrade(&p[2], where);
    peer_say(&p[2], "2probe");
    open_polling(&p[3]);
    target(where, sizeof where, POLL);
    dial(&p[4]);
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n4", where);
    peer_sends(&p[4], head);
    say(B.last, false, "waits");
    open_websocket(&p[5]);
    open_websocket(&p[6]);
    eio_close(B.last, EIO_FORCED_CLOSE); /* its closing handshake is under way */
    expect_told("forced close. ");
    open_polling(&p[7]);
    eio_close(B.last, EIO_FORCED_CLOSE);
    expect_told("forced close. ");
    down();
    for (int i = 0; i < 8; i++)
        peer_close(&p[i]);
}

/* ---- limits ---- */

static void test_as_many_sessions_as_allowed(void **state)
{
    peer p, q, r;
    char *body;

    (void)state;
    up();
    B.config.max_sessions = 1;
    open_polling(&p);
    dial(&q);
    peer_get(&q, POLL);
    body = peer_body(&q, 403);
    assert_string_equal(body, "{\"code\":4,\"message\":\"Too many connections\"}");
    free(body);
    dial(&r);
    peer_upgrade(&r, WS, "");
    body = peer_body(&r, 400);
    assert_string_equal(body, "Too many connections");
    free(body);
    post(&p, "1");
    expect_told("transport close. ");
    peer_close(&p);
    open_polling(&p);
    peer_close(&p);
    peer_close(&q);
    peer_close(&r);
    down();
}

static void test_a_poller_that_does_not_fetch(void **state)
{
    peer p;
    char text[1001];

    (void)state;
    up();
    memset(text, 'x', 1000);
    text[1000] = 0;
    open_polling(&p);
    for (int i = 0; i < 4; i++)
        say(B.last, i & 1, text);
    sim_settle(B.s);
    expect_told("");
    say(B.last, false, text);
    expect_told(""); /* whoever sends may be walking a list of sessions */
    sim_settle(B.s);
    expect_told("slow_consumer. ");
    assert_int_equal(eio_server_sessions(B.e), 0);
    peer_close(&p);
    down();
}

/* ---- on_request, on_allow, on_error ---- */

static int own_answer(void *ctx, http_req *r)
{
    (void)ctx;
    if (!memmem(r->head->query.p, r->head->query.n, "own", 3))
        return memmem(r->head->query.p, r->head->query.n, "bad", 3) ? SIO_EINVAL : 0;
    http_reply(r, 200, sio_lit("X: y\r\n"), sio_lit("own"));
    return SIO_ESTATE;
}

static void allow_some(void *ctx, http_req *r)
{
    bench *b = ctx;

    if (memmem(r->head->query.p, r->head->query.n, "no", 2))
        eio_refuse(b->e, r, "no\"body\"");
    else
        eio_allow(b->e, r);
}

static void on_error(void *ctx, http_req *r, enum eio_error code, const char *message)
{
    assert_ptr_equal(ctx, &B);
    assert_non_null(r->head);
    tell("%d %s. ", (int)code, message);
}

static void expect_reply(const char *where, int status, const char *text)
{
    peer p;
    char *body;

    dial(&p);
    peer_get(&p, where);
    body = peer_body(&p, status);
    assert_string_equal(body, text);
    free(body);
    peer_close(&p);
}

static void test_hooks(void **state)
{
    peer p;

    (void)state;
    up();
    B.config.on_request = own_answer;
    B.config.on_allow = allow_some;
    B.config.on_error = on_error;
    expect_reply(POLL "&own=1", 200, "own");
    expect_told("");
    expect_reply(POLL "&bad=1", 400, "{\"code\":3,\"message\":\"Bad request\"}");
    expect_told("3 Bad request. ");
    expect_reply(POLL "&no=1", 403, "{\"code\":4,\"message\":\"no\\\"body\\\"\"}");
    expect_told("4 no\"body\". ");
    open_polling(&p);
    peer_close(&p);
    down();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_in_order),
        cmocka_unit_test(test_request_of_a_message),
        cmocka_unit_test(test_writable),
        cmocka_unit_test(test_closed_inside_a_message),
        cmocka_unit_test(test_close_all),
        cmocka_unit_test(test_freed_while_busy),
        cmocka_unit_test(test_as_many_sessions_as_allowed),
        cmocka_unit_test(test_a_poller_that_does_not_fetch),
        cmocka_unit_test(test_hooks),
    };

    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
