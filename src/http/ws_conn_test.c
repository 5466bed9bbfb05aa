/* WebSocket connections on the simulated machine. */
#include "http/rig_test.h"
#include "http/ws_conn.h"

_Static_assert(sizeof(ws_conn) <= 88, "an idle connection must stay small");

static const ws_limits limits = {10000, 100};

static struct {
    ws_conn *c;
    char     got[20000];
    size_t   n;
    unsigned messages, pongs, drains, closes, code;
    bool     clean, binary, echo;
    void   (*react)(ws_conn *c);
} t;

static void on_message(ws_conn *c, bool binary, char *p, size_t n)
{
    assert_ptr_equal(c->owner, &t);
    assert_true(ws_is_open(c));
    memcpy(t.got, p, n);
    t.n = n;
    t.binary = binary;
    t.messages++;
    if (t.echo)
        ws_send(c, binary ? WS_BINARY : WS_TEXT, p, n);
    memset(p, 0xdd, n); /* the bytes may be changed */
    if (t.react)
        t.react(c);
}

static void on_pong(ws_conn *c)
{
    assert_ptr_equal(c, t.c);
    t.pongs++;
}

static void on_drain(ws_conn *c)
{
    assert_false(ws_is_blocked(c));
    t.drains++;
}

static void on_close(ws_conn *c, unsigned code, bool clean)
{
    assert_false(ws_is_open(c));
    ws_send(c, WS_TEXT, "late", 4); /* all ignored */
    ws_close(c, 1000);
    t.closes++;
    t.code = code;
    t.clean = clean;
    t.c = NULL;
}

static const ws_conn_ops ops = {on_message, on_pong, on_drain, on_close};

static void on_request(void *ctx, http_req *r)
{
    sio_str headers;
    int status = ws_upgrade_check(r->head, &limits, &headers);

    (void)ctx;
    if (status) {
        http_reply(r, status, headers, str(""));
        return;
    }
    t.c = ws_accept_upgrade(r, str("X-Extra: 1\r\n"), &limits, &ops, &t);
    assert_non_null(t.c);
    assert_int_equal(t.messages, 0); /* nothing is delivered inside */
}

static int up(void **state)
{
    memset(&t, 0, sizeof(t));
    t.echo = true;
    rig_up(state);
    rig_route("/ws", false, on_request);
    return 0;
}

static int down(void **state)
{
    return rig_down(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

#define GOOD_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ASK_13   "Sec-WebSocket-Version: 13, 8\r\n"
#define HEAD \
    "GET /ws?x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n" \
    "Sec-WebSocket-Version: 13\r\n" GOOD_KEY "\r\n"
#define SWITCHED \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Extra: 1\r\n\r\n"

/* A masked frame, appended to out; returns its length. */
static size_t frame(char *out, unsigned first, const void *p, size_t n)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    uint8_t *o = (uint8_t *)out;
    size_t h = ws_head_len(n);

    ws_put_head(o, WS_TEXT, n);
    o[0] = (uint8_t)first;
    o[1] |= 0x80;
    memcpy(o + h, mask, 4);
    for (size_t i = 0; i < n; i++)
        o[h + 4 + i] = (uint8_t)(((const uint8_t *)p)[i] ^ mask[i % 4]);
    return h + 4 + n;
}

static char wire[40000];

static void send_frame(int fd, unsigned first, const void *p, size_t n)
{
    size_t len = frame(wire, first, p, n);

    sim_send(R.s, fd, wire, len);
    sim_settle(R.s);
}

static void expect_bytes(int fd, const char *bytes, size_t n)
{
    size_t got = sim_recv(R.s, fd, R.got, sizeof(R.got));

    assert_int_equal(got, n);
    assert_memory_equal(R.got, bytes, n);
    sim_settle(R.s);
}

#define EXPECT(fd, literal) expect_bytes(fd, literal, sizeof(literal) - 1)

static int connect_ws(void)
{
    int fd = rig_dial();

    rig_send(fd, HEAD);
    rig_expect(fd, SWITCHED);
    assert_non_null(t.c);
    return fd;
}

/* ---- the upgrade ---- */

static void messages_both_ways(void **state)
{
    (void)state;
    int fd = connect_ws();
    assert_null(t.c->extra);
    assert_null(t.c->parser.partial);
    assert_null(t.c->stream->tail);
    send_frame(fd, 0x81, "hello", 5);
    EXPECT(fd, "\x81\x05hello");
    assert_false(t.binary);
    send_frame(fd, 0x82, "\x01\x02", 2);
    EXPECT(fd, "\x82\x02\x01\x02");
    assert_true(t.binary);
    blob *b = blob_new(8);
    memcpy(b->p, "xx\x81\x02hiyy", 8);
    ws_send_frame(t.c, b, 2, 4);
    blob_drop(b);
    ws_send(t.c, WS_TEXT, "", 0);
    sim_settle(R.s);
    EXPECT(fd, "\x81\x02hi\x81\x00");
    sim_hangup(R.s, fd);
    sim_settle(R.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.code, 1006);
    assert_false(t.clean);
    assert_int_equal(sim_server_fds(R.s), 0);
}

static void bad_upgrades_are_refused(void **state)
{
    static const struct {
        const char *line, *upgrade, *version, *key, *extra;
    } cases[] = {
        {"POST /ws", "websocket", "Sec-WebSocket-Version: 13\r\n", GOOD_KEY, ""},
        {"GET /ws", "h2c", "Sec-WebSocket-Version: 13\r\n", GOOD_KEY, ""},
        {"GET /ws", "websocket", "Sec-WebSocket-Version: 13\r\n", "", ""},
        {"GET /ws", "websocket", "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: short\r\n", ""},
        {"GET /ws", "websocket", "Sec-WebSocket-Version: 7\r\n", GOOD_KEY, ASK_13},
        {"GET /ws", "websocket", "", GOOD_KEY, ASK_13},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char want[200], request[300];
        int fd = rig_dial();
        snprintf(want, sizeof(want), "HTTP/1.1 400 Bad Request\r\n%s"
                 "Content-Length: 0\r\nConnection: close\r\n\r\n", cases[i].extra);
        snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                 "Upgrade: %s\r\n%s%s\r\n", cases[i].line, cases[i].upgrade, cases[i].version, cases[i].key);
        rig_send(fd, request);
        rig_expect(fd, want);
        assert_true(sim_eof(R.s, fd));
    }
}

static void frames_behind_the_request(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 200; chunk += 61) {
        size_t n = strlen(HEAD);
        int fd = rig_dial();
        sim_chunk(R.s, fd, chunk);
        memcpy(wire, HEAD, n);
        n += frame(wire + n, 0x81, "one", 3);
        n += frame(wire + n, 0x81, "two", 3);
        sim_send(R.s, fd, wire, n);
        sim_settle(R.s);
        EXPECT(fd, SWITCHED "\x81\x03one\x81\x03two");
        assert_null(t.c->extra); /* given back */
        t.messages = 0;
        sim_hangup(R.s, fd);
        sim_settle(R.s);
    }
    /* And the end of the peer right behind them. */
    size_t n = strlen(HEAD);
    int fd = rig_dial();
    memcpy(wire, HEAD, n);
    n += frame(wire + n, 0x81, "last", 4);
    sim_send(R.s, fd, wire, n);
    sim_hangup(R.s, fd);
    sim_settle(R.s);
    assert_int_equal(t.messages, 1);
    assert_int_equal(t.closes, 5);
    assert_int_equal(t.code, 1006);
}

static void one_byte_at_a_time(void **state)
{
    (void)state;
    int fd = rig_dial();
    sim_chunk(R.s, fd, 1);
    rig_send(fd, HEAD);
    rig_expect(fd, SWITCHED);
    send_frame(fd, 0x01, "he", 2);
    send_frame(fd, 0x89, "ping", 4);
    send_frame(fd, 0x80, "llo", 3);
    EXPECT(fd, "\x8a\x04ping\x81\x05hello");
    assert_null(t.c->parser.partial);
}

/* ---- closing ---- */

static void pings_are_answered(void **state)
{
    (void)state;
    int fd = connect_ws();
    send_frame(fd, 0x89, "hi", 2);
    EXPECT(fd, "\x8a\x02hi");
    send_frame(fd, 0x8a, "unasked", 7);
    EXPECT(fd, "");
    assert_int_equal(t.pongs, 1);
    assert_true(ws_is_open(t.c));
}

static void the_peer_closes(void **state)
{
    static const struct {
        const char *payload;
        size_t      n;
        unsigned    code;
    } cases[] = {{"\x03\xe8", 2, 1000}, {"\x03\xe9" "bye", 5, 1001}, {"", 0, 1005}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        char want[20] = {(char)0x88, (char)cases[i].n};
        int fd = connect_ws();
        memcpy(want + 2, cases[i].payload, cases[i].n);
        send_frame(fd, 0x88, cases[i].payload, cases[i].n);
        expect_bytes(fd, want, 2 + cases[i].n);
        assert_true(sim_eof(R.s, fd));
        assert_int_equal(t.closes, i + 1);
        assert_int_equal(t.code, cases[i].code);
        assert_true(t.clean);
        sim_hangup(R.s, fd);
        sim_settle(R.s);
        assert_false(sim_was_reset(R.s, fd));
    }
    assert_int_equal(sim_server_fds(R.s), 0);
}

static void we_close(void **state)
{
    (void)state;
    int fd = connect_ws();
    ws_close(t.c, 0);
    ws_close(t.c, 1000);
    ws_send(t.c, WS_TEXT, "no", 2);
    assert_false(ws_is_open(t.c));
    sim_settle(R.s);
    EXPECT(fd, "\x88\x00");
    send_frame(fd, 0x81, "ignored", 7);
    send_frame(fd, 0x89, "ignored", 7);
    sim_advance(R.s, 29000);
    assert_int_equal(t.closes, 0);
    assert_int_equal(t.messages, 0);
    assert_false(sim_eof(R.s, fd));
    send_frame(fd, 0x88, "\x03\xe8", 2);
    EXPECT(fd, "");
    assert_true(sim_eof(R.s, fd));
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.code, 1000);
    assert_true(t.clean);
}

static void the_peer_does_not_answer(void **state)
{
    (void)state;
    int fd = connect_ws();
    ws_close(t.c, 1001);
    sim_settle(R.s);
    EXPECT(fd, "\x88\x02\x03\xe9");
    sim_advance(R.s, 29900);
    assert_int_equal(t.closes, 0);
    sim_advance(R.s, 200);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.code, 1006);
    assert_true(t.clean); /* the closing was ours */
    assert_true(sim_eof(R.s, fd));
}

static void released(void **state)
{
    (void)state;
    int fd = connect_ws();
    ws_release(t.c, 1000);
    sim_settle(R.s);
    EXPECT(fd, "\x88\x02\x03\xe8");
    send_frame(fd, 0x81, "ignored", 7);
    send_frame(fd, 0x88, "\x03\xe8", 2);
    assert_true(sim_eof(R.s, fd));
    assert_int_equal(t.closes, 0);
    fd = connect_ws();
    ws_close(t.c, 0);
    ws_release(t.c, 0);
    sim_advance(R.s, 31000);
    assert_true(sim_eof(R.s, fd) || *rig_recv(fd));
    assert_int_equal(t.closes, 0);
}

/* ---- protocol failures: tests/vectors ws_behaviour, the ws-level cases ---- */

static void failures_end_at_once(void **state)
{
    static char big[10001];
    char bytes[16];
    static const struct {
        const char *name;
        unsigned    first;
        bool        unmasked;
        unsigned    code;
    } cases[] = {
        {"invalid utf8 text", 0x81, false, 1007},  {"too big", 0x82, false, 1009},
        {"unmasked frame", 0x81, true, 1002},      {"rsv1 set", 0xc1, false, 1002},
        {"reserved opcode 3", 0x83, false, 1002},  {"continuation of nothing", 0x80, false, 1002},
        {"fragmented ping", 0x09, false, 1002},    {"close with one byte", 0x88, false, 1002},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char want[] = {(char)0x88, 2, (char)(cases[i].code >> 8), (char)cases[i].code};
        int fd = connect_ws();
        if (cases[i].unmasked) {
            memcpy(bytes, "\x81\x01x", 3);
            sim_send(R.s, fd, bytes, 3);
            sim_settle(R.s);
        } else if (cases[i].code == 1009) {
            send_frame(fd, cases[i].first, big, sizeof(big));
        } else {
            send_frame(fd, cases[i].first, "\xff", 1);
        }
        expect_bytes(fd, want, 4);
        assert_true(sim_eof(R.s, fd));
        assert_int_equal(t.closes, i + 1);
        assert_int_equal(t.code, cases[i].code);
        assert_false(t.clean);
        sim_hangup(R.s, fd);
        sim_settle(R.s);
        assert_false(sim_was_reset(R.s, fd));
    }
    assert_int_equal(sim_server_fds(R.s), 0);
}

static void a_message_may_have_exactly_the_limit(void **state)
{
    static char big[10000];

    (void)state;
    int fd = connect_ws();
    memset(big, 'x', sizeof(big));
    send_frame(fd, 0x81, big, sizeof(big));
    assert_int_equal(t.n, sizeof(big));
    size_t n = sim_recv(R.s, fd, R.got, sizeof(R.got));
    assert_int_equal(n, sizeof(big) + 4);
}

/* ---- callbacks that end the connection ---- */

static void close_in_message(ws_conn *c) { ws_close(c, 1000); }

static void abort_in_message(ws_conn *c)
{
    net_abort(c->stream, SIO_EIO);
    assert_int_equal(t.closes, 1);
}

static void callbacks_may_end_it(void **state)
{
    size_t n;

    (void)state;
    t.echo = false;
    t.react = close_in_message;
    int fd = connect_ws();
    n = frame(wire, 0x81, "a", 1);
    n += frame(wire + n, 0x81, "b", 1);
    n += frame(wire + n, 0x88, "\x03\xe8", 2);
    sim_send(R.s, fd, wire, n);
    sim_settle(R.s);
    EXPECT(fd, "\x88\x02\x03\xe8");
    assert_int_equal(t.messages, 1);
    assert_int_equal(t.closes, 1);
    assert_true(sim_eof(R.s, fd));

    t.messages = t.closes = 0;
    t.react = abort_in_message;
    fd = connect_ws();
    sim_send(R.s, fd, wire, n);
    sim_settle(R.s);
    EXPECT(fd, "");
    assert_int_equal(t.messages, 1);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.code, 1006);
}

/* ---- backpressure ---- */

static void a_slow_reader(void **state)
{
    static char big[9000];

    (void)state;
    int fd = connect_ws();
    sim_limit(R.s, fd, 0, 1000);
    ws_send(t.c, WS_BINARY, big, sizeof(big));
    assert_false(ws_is_blocked(t.c));
    sim_settle(R.s);
    assert_true(ws_is_blocked(t.c));
    size_t got = 0;
    while (got < sizeof(big) + 4) {
        size_t n = sim_recv(R.s, fd, R.got, sizeof(R.got));
        assert_true(n > 0);
        got += n;
        sim_settle(R.s);
    }
    assert_int_equal(t.drains, 1);
    assert_null(t.c->stream->tail);
    /* Too much unsent: 4 MB in this rig. */
    for (int i = 0; i < 600 && t.c && ws_is_open(t.c); i++)
        ws_send(t.c, WS_BINARY, big, sizeof(big));
    assert_int_equal(t.closes, 0);
    sim_settle(R.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.code, WS_CLOSE_OVERLOADED);
    assert_false(t.clean);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_both_ways),
        TEST(bad_upgrades_are_refused),
        TEST(frames_behind_the_request),
        TEST(one_byte_at_a_time),
        TEST(pings_are_answered),
        TEST(the_peer_closes),
        TEST(we_close),
        TEST(the_peer_does_not_answer),
        TEST(released),
        TEST(failures_end_at_once),
        TEST(a_message_may_have_exactly_the_limit),
        TEST(callbacks_may_end_it),
        TEST(a_slow_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
