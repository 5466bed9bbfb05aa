/* Connections with permessage-deflate on the simulated machine. */
#include "http/rig_test.h"
#include "http/ws_conn.h"

#define THRESHOLD 100
#define MAX_CONNS 8

static struct {
    ws_limits limits;
    ws_conn  *c[MAX_CONNS];
    unsigned  n, messages, code, closes;
    char      got[10000];
    size_t    got_n;
} t;

static void on_message(ws_conn *c, bool binary, char *p, size_t n)
{
    t.messages++;
    t.got_n = n;
    memcpy(t.got, p, n);
    ws_send(c, binary ? WS_BINARY : WS_TEXT, p, n);
}

static void on_close(ws_conn *c, unsigned code, bool clean)
{
    (void)c;
    (void)clean;
    t.code = code;
    t.closes++;
}

static const ws_conn_ops ops = {.on_message = on_message, .on_close = on_close};

static void on_request(void *ctx, http_req *r)
{
    sio_str headers;
    int status = ws_upgrade_check(r->head, &t.limits, &headers);

    (void)ctx;
    if (status) {
        http_reply(r, status, headers, str(""));
        return;
    }
    assert_true(t.n < MAX_CONNS);
    assert_non_null(t.c[t.n++] = ws_accept_upgrade(r, str(""), &t.limits, &ops, &t));
}

static int up(void **state)
{
    memset(&t, 0, sizeof(t));
    t.limits = (ws_limits){.max_message = sizeof(t.got), .deflate = ws_deflate_new(THRESHOLD, 6)};
    rig_up(state);
    rig_route("/ws", false, on_request);
    return 0;
}

static int down(void **state)
{
    rig_down(state);
    ws_deflate_free(t.limits.deflate);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

/* ---- a client ---- */

#define OFFER "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
#define SWITCHED(line) \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" line "\r\n"
#define TAKEN(more) \
    SWITCHED("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; " \
             "client_no_context_takeover" more "\r\n")

static int ask(const char *headers)
{
    char request[1000];
    int fd = rig_dial();

    snprintf(request, sizeof(request),
             "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", headers);
    rig_send(fd, request);
    return fd;
}

static int connect_ws(const char *headers, const char *answer)
{
    int fd = ask(headers);

    rig_expect(fd, answer);
    return fd;
}

static void send_frame(int fd, unsigned first, const void *p, size_t n)
{
    uint8_t head[WS_MAX_HEAD], mask[4] = {0};
    size_t len = ws_put_head(head, WS_TEXT, n);

    head[0] = (uint8_t)first;
    head[1] |= 0x80;
    sim_send(R.s, fd, head, len);
    sim_send(R.s, fd, mask, 4);
    sim_send(R.s, fd, p, n);
    sim_settle(R.s);
}

static size_t recv_all(int fd, char *out, size_t max)
{
    size_t n = sim_recv(R.s, fd, out, max);

    sim_settle(R.s);
    return n;
}

/* The one frame that has come is this text, compressed or not. */
static void expect_message(int fd, bool packed, const char *text, size_t n)
{
    size_t got = recv_all(fd, R.got, sizeof(R.got)), head = (R.got[1] & 0x7f) < 126 ? 2 : 4;
    uint8_t want[WS_MAX_HEAD];
    buf out;

    assert_true(got > head);
    assert_int_equal(ws_put_head(want, WS_TEXT, got - head), head);
    want[0] |= packed ? WS_RSV1 : 0;
    assert_memory_equal(R.got, want, head);
    buf_init(&out, 0);
    if (packed) {
        assert_true(got - head < n);
        assert_int_equal(ws_deflate_unpack(t.limits.deflate, (sio_str){R.got + head, got - head}, n, &out),
                         0);
        assert_int_equal(out.n, n);
        assert_memory_equal(out.p, text, n);
    } else {
        assert_int_equal(got - head, n);
        assert_memory_equal(R.got + head, text, n);
    }
    buf_fini(&out);
}

static blob *message(const char *text, size_t n)
{
    size_t head = ws_head_len(n);
    blob *b = blob_new(head + n);

    assert_non_null(b);
    ws_put_head((uint8_t *)b->p, WS_TEXT, n);
    memcpy(b->p + head, text, n);
    return b;
}

static void send_to_all(blob *b)
{
    for (unsigned i = 0; i < t.n; i++)
        ws_send_frame(t.c[i], b, 0, b->n);
}

static char text[9000];

static const char *text_of(size_t n)
{
    for (size_t i = 0; i < n; i++)
        text[i] = "abcdefghij"[i * i % 7];
    return text;
}

/* ---- the upgrade ---- */

static void what_is_agreed_on(void **state)
{
    (void)state;
    connect_ws("", SWITCHED(""));
    assert_int_equal(t.c[0]->window, 0);
    connect_ws(OFFER, TAKEN(""));
    assert_int_equal(t.c[1]->window, 15);
    connect_ws("sec-websocket-extensions: foo\r\nSEC-WEBSOCKET-EXTENSIONS: permessage-deflate; unknown,"
               "permessage-deflate; server_max_window_bits=9\r\n", TAKEN("; server_max_window_bits=9"));
    assert_int_equal(t.c[2]->window, 9);
    connect_ws("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16\r\n", SWITCHED(""));
    rig_expect(ask("Sec-WebSocket-Extensions: permessage-deflate;;\r\n"), BAD("400 Bad Request"));
    rig_expect(ask(OFFER "Sec-WebSocket-Extensions: ,\r\n"), BAD("400 Bad Request"));
    assert_int_equal(t.n, 4);
}

static void without_the_option_offers_are_not_read(void **state)
{
    (void)state;
    ws_deflate_free(t.limits.deflate);
    t.limits.deflate = NULL;
    int fd = connect_ws(OFFER "Sec-WebSocket-Extensions: ;;;\r\n", SWITCHED(""));
    send_frame(fd, 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    assert_memory_equal(rig_recv(fd), "\x88\x02\x03\xea", 4);
}

static void an_idle_connection_holds_no_more(void **state)
{
    (void)state;
    int fd = connect_ws(OFFER, TAKEN(""));
    send_frame(fd, 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    expect_message(fd, false, "Hello", 5);
    assert_int_equal(sizeof(ws_conn), 88);
    assert_null(t.c[0]->extra);
    assert_null(t.c[0]->parser.partial);
    assert_null(t.c[0]->stream->tail);
}

/* ---- messages in ---- */

static void compressed_messages_come_in(void **state)
{
    (void)state;
    int fd = connect_ws(OFFER, TAKEN(""));
    send_frame(fd, 0x41, "\xf2\x48\xcd", 3);
    send_frame(fd, 0x89, "", 0);
    assert_int_equal(recv_all(fd, R.got, sizeof(R.got)), 2);
    send_frame(fd, 0x80, "\xc9\xc9\x07\x00", 4);
    assert_int_equal(t.got_n, 5);
    assert_memory_equal(t.got, "Hello", 5);
    expect_message(fd, false, "Hello", 5); /* too short to be worth it */
}

static void bad_ones_end_the_connection(void **state)
{
    static const struct {
        const char *p;
        size_t      n;
        unsigned    first, code;
    } cases[] = {
        {"\xff\xff\xff\xff", 4, 0xc1, 1007},          {"\x00\x01\x00\xfe\xff\xc3\x00", 7, 0xc1, 1007},
        {"", 0, 0xc9, 1002},                          {"", 0, 0xc0, 1002},
        {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 0xe1, 1002},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char want[] = {(char)0x88, 2, (char)(cases[i].code >> 8), (char)cases[i].code};
        int fd = connect_ws(OFFER, TAKEN(""));

        send_frame(fd, cases[i].first, cases[i].p, cases[i].n);
        assert_int_equal(recv_all(fd, R.got, sizeof(R.got)), 4);
        assert_memory_equal(R.got, want, 4);
        assert_true(sim_eof(R.s, fd));
        assert_int_equal(t.closes, i + 1);
        assert_int_equal(t.code, cases[i].code);
        assert_int_equal(t.messages, 0);
    }
}

static void a_bomb_goes_off_at_the_limit(void **state)
{
    static char zeros[1 << 20];
    buf packed;

    (void)state;
    buf_init(&packed, UINT32_MAX);
    assert_int_equal(ws_deflate_pack(t.limits.deflate, (sio_str){zeros, sizeof(zeros)}, &packed), 0);
    assert_true(packed.n < 2000);
    int fd = connect_ws(OFFER, TAKEN(""));
    send_frame(fd, 0xc2, packed.p, packed.n);
    assert_int_equal(recv_all(fd, R.got, sizeof(R.got)), 4);
    assert_memory_equal(R.got, "\x88\x02\x03\xf1", 4); /* 1009 */
    assert_int_equal(t.code, WS_CLOSE_TOO_BIG);
    buf_fini(&packed);
}

/* ---- messages out ---- */

static void a_broadcast_is_compressed_once(void **state)
{
    size_t n = 5000;
    blob *b = message(text_of(n), n), *packed;
    int fd[4];

    (void)state;
    fd[0] = connect_ws("", SWITCHED(""));
    send_to_all(b);
    assert_null(b->packed); /* nobody wants it */
    sim_settle(R.s);
    expect_message(fd[0], false, text, n);
    fd[1] = connect_ws(OFFER, TAKEN(""));
    fd[2] = connect_ws(OFFER, TAKEN(""));
    fd[3] = connect_ws("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12\r\n",
                       TAKEN("; server_max_window_bits=12"));
    ws_send_frame(t.c[1], b, 0, b->n);
    packed = b->packed;
    assert_true(packed && packed != b && packed->n < b->n);
    memset(b->p + 4, '!', n); /* were it compressed again, the others would get this */
    ws_send_frame(t.c[2], b, 0, b->n);
    assert_ptr_equal(b->packed, packed);
    assert_int_equal(packed->refs, 3);
    memcpy(b->p + 4, text, n);
    ws_send_frame(t.c[3], b, 0, b->n); /* larger than its window */
    ws_send_frame(t.c[0], b, 0, b->n);
    assert_int_equal(b->refs, 3);
    sim_settle(R.s);
    for (int i = 0; i < 4; i++)
        expect_message(fd[i], i == 1 || i == 2, text, n);
    assert_int_equal(packed->refs, 1);
    blob_drop(b);
}

/* n bytes go to one connection, as they are or not. */
static void expect_way(int fd, size_t n, bool packed)
{
    blob *b = message(text_of(n), n);

    ws_send_frame(t.c[0], b, 0, b->n);
    sim_settle(R.s);
    expect_message(fd, packed, text, n);
    blob_drop(b);
}

static void sizes_that_are_compressed(void **state)
{
    (void)state;
    int fd = connect_ws("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=\"9\"\r\n",
                        TAKEN("; server_max_window_bits=9"));
    expect_way(fd, THRESHOLD - 1, false);
    expect_way(fd, THRESHOLD, true);
    expect_way(fd, 125, true);
    expect_way(fd, 126, true);
    expect_way(fd, 512, true);
    expect_way(fd, 513, false);
    ws_send(t.c[0], WS_TEXT, text_of(300), 300); /* a copy goes the same way */
    sim_settle(R.s);
    expect_message(fd, true, text, 300);
}

static void frames_that_stay_as_they_are(void **state)
{
    uint32_t x = 1;
    char noise[400];
    blob *b;

    (void)state;
    int fd = connect_ws(OFFER, TAKEN(""));
    b = message(text_of(1000), 1000);
    blob_keep_unpacked(b);
    send_to_all(b);
    sim_settle(R.s);
    expect_message(fd, false, text, 1000);
    blob_drop(b);
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    b = message(noise, sizeof(noise));
    send_to_all(b);
    assert_true(blob_is_unpacked(b)); /* not tried again for the next one */
    sim_settle(R.s);
    expect_message(fd, false, noise, sizeof(noise));
    blob_drop(b);
    send_frame(fd, 0x89, text_of(125), 125); /* pongs are control frames */
    assert_int_equal(recv_all(fd, R.got, sizeof(R.got)), 127);
    assert_int_equal((uint8_t)R.got[0], 0x8a);
}

static void long_messages_both_ways(void **state)
{
    buf packed;

    (void)state;
    int fd = connect_ws(OFFER, TAKEN(""));
    buf_init(&packed, UINT32_MAX);
    assert_int_equal(ws_deflate_pack(t.limits.deflate, (sio_str){text_of(9000), 9000}, &packed), 0);
    send_frame(fd, 0xc1, packed.p, packed.n);
    assert_int_equal(t.got_n, 9000);
    expect_message(fd, true, text, 9000);
    buf_fini(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_agreed_on),
        TEST(without_the_option_offers_are_not_read),
        TEST(an_idle_connection_holds_no_more),
        TEST(compressed_messages_come_in),
        TEST(bad_ones_end_the_connection),
        TEST(a_bomb_goes_off_at_the_limit),
        TEST(a_broadcast_is_compressed_once),
        TEST(sizes_that_are_compressed),
        TEST(frames_that_stay_as_they_are),
        TEST(long_messages_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
