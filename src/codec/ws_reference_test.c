#include "codec/ws.h"

#include "base/testing.h"
#include "codec/vectors_test.h"
#include "codec/ws_frames_test.h"

/* ---- writing ---- */

static void heads_are_written_in_their_shortest_form(void **state)
{
    static const struct {
        uint64_t    payload;
        size_t      n;
        const char *bytes;
    } cases[] = {
        {0, 2, "\x81\x00"}, {125, 2, "\x81\x7d"}, {126, 4, "\x81\x7e\x00\x7e"},
        {65535, 4, "\x81\x7e\xff\xff"},
        {65536, 10, "\x81\x7f\0\0\0\0\0\1\0\0"}, {0x123456789a, 10, "\x81\x7f\0\0\0\x12\x34\x56\x78\x9a"},
    };
    uint8_t out[WS_MAX_HEAD];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(ws_head_len(cases[i].payload), cases[i].n);
        assert_int_equal(ws_put_head(out, WS_TEXT, cases[i].payload), cases[i].n);
        assert_memory_equal(out, cases[i].bytes, cases[i].n);
    }
    ws_put_head(out, WS_CLOSE, 0);
    assert_memory_equal(out, "\x88\x00", 2);
}

static void the_handshake_answer_is_that_of_rfc_6455(void **state)
{
    char out[28];

    (void)state;
    assert_true(ws_accept(sio_lit("dGhlIHNhbXBsZSBub25jZQ=="), out));
    assert_memory_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28);
    assert_false(ws_accept(sio_lit("dGhlIHNhbXBsZSBub25jZQ="), out));
    assert_false(ws_accept(sio_lit("dGhlIHNhbXBsZSBub25jZQ==="), out));
    assert_false(ws_accept(sio_lit("dGhlIHNhbXBsZSBub25jZQ=a"), out));
    assert_false(ws_accept(sio_lit("dGhlIHNhbXBsZSBub25jZQa="), out));
    assert_false(ws_accept(sio_lit("dGhlIHNhbXBsZSBub25jZ-=="), out));
    assert_false(ws_accept(sio_lit("dGhlIHNhbXBs SBub25jZQ=="), out));
    assert_false(ws_accept((sio_str){NULL, 0}, out));
}

/* ---- what the reference server was seen to do (ws_behaviour.json) ---- */

static void put_scenario(buf *b, sio_str name)
{
    static const struct {
        const char *name, *bytes;
        size_t      n;
    } raw[] = {
        {"ws-level: unmasked frame", "\x81\x02hi", 4},
        {"ws-level: rsv1 set", "\xc1\x82\0\0\0\0hi", 8},
        {"ws-level: reserved opcode 3", "\x83\x82\0\0\0\0hi", 8},
        {"ws-level: invalid utf8 text", "\x81\x82\0\0\0\0\xff\xfe", 8},
        {"ws-level: ws ping", "\x89\x82\0\0\0\0hi", 8},
        {"ws-level: ws close 1000", "\x88\x82\0\0\0\0\x03\xe8", 8},
        {"ws-level: ws close 1001 bye", "\x88\x85\0\0\0\0\x03\xe9" "bye", 11},
        {"ws-level: ws close empty", "\x88\x80\0\0\0\0", 6},
    };

    for (size_t i = 0; i < sizeof(raw) / sizeof(*raw); i++)
        if (sio_str_eq(name, sio_str_z(raw[i].name)))
            buf_add(b, raw[i].bytes, raw[i].n);
    if (sio_str_eq(name, sio_lit("ws-level: too big (10001 bytes)")))
        put_filled(b, FIN | WS_TEXT, 10001);
    if (sio_str_eq(name, sio_lit("ws-level: exact max (10000 bytes)")))
        put_filled(b, FIN | WS_TEXT, 10000);
}

/* The vectors write a frame of the server as "CLOSE code 1000 payload 0x03e8". */
static void describe(buf *out, const char *what, const char *p, size_t n)
{
    bool closes = *what == 'C';

    out->n = 0;
    buf_puts(out, what);
    if (closes && n >= 2)
        buf_printf(out, " code %u payload", (uint8_t)p[0] << 8 | (uint8_t)p[1]);
    if (closes && n < 2)
        buf_puts(out, " (no code)");
    else
        buf_puts(out, " 0x");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%02x", (uint8_t)p[i]);
}

static bool answer_message(void *ctx, bool binary, char *p, size_t n)
{
    assert_false(binary);
    describe(ctx, "ECHO", p, n);
    return true;
}

static bool answer_control(void *ctx, enum ws_opcode op, char *p, size_t n)
{
    describe(ctx, op == WS_PING ? "PONG" : "CLOSE", p, n);
    return true;
}

static void check_scenario(const buf *b, size_t step, sio_str want)
{
    const ws_events ev = {answer_message, answer_control};
    ws_parser w;
    buf answer;
    int rc = 0;

    ws_parser_init(&w);
    buf_init(&answer, 100000);
    for (size_t at = 0; at < b->n && rc == 0; at += step) {
        char copy[20000];
        size_t n = b->n - at < step ? b->n - at : step;

        memcpy(copy, b->p + at, n);
        rc = ws_parser_feed(&w, &limits, copy, n, &ev, &answer);
    }
    if (rc)
        describe(&answer, "CLOSE", (const char[]){(char)(rc >> 8), (char)rc}, 2);
    if (want.p[0] == '4') /* the echo of 10000 bytes, shortened in the file */
        assert_int_equal(answer.n, 7 + 20000);
    else if (!sio_str_eq(buf_str(&answer), want))
        fail_msg("%.*s instead of %.*s", (int)answer.n, answer.p, (int)want.n, want.p);
    ws_parser_fini(&w);
    buf_fini(&answer);
}

static void the_reference_server_is_matched(void **state)
{
    vectors v;
    sio_str vector, name, list, frame;
    unsigned done = 0;

    (void)state;
    vectors_open(&v, "ws_behaviour.json");
    while (vectors_next(&v, &vector)) {
        buf b = frames();
        size_t at = 0;

        assert_true(json_get(vector, sio_lit("scenario"), &name));
        put_scenario(&b, vectors_text(&v, name));
        assert_true(json_get(vector, sio_lit("server_frames"), &list));
        while (b.n > 0 && json_next(list, &at, NULL, &frame))
            ; /* the last one answers; the first is Socket.IO's CONNECT */
        if (b.n > 0) {
            frame = vectors_text(&v, frame);
            check_scenario(&b, b.n, frame);
            check_scenario(&b, 1, frame);
            done++;
        }
        buf_fini(&b);
    }
    assert_int_equal(done, 10);
    vectors_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_written_in_their_shortest_form),
        cmocka_unit_test(the_handshake_answer_is_that_of_rfc_6455),
        cmocka_unit_test(the_reference_server_is_matched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
