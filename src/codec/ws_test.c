#include "codec/ws.h"

#include "base/testing.h"
#include "codec/ws_frames_test.h"
#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- what a parser made of them: one line for each event ---- */

typedef struct record {
    ws_parser w;
    buf       log;
    unsigned  stop_after; /* events until a callback frees the parser and says stop; 0 = never */
    bool      gone;
} record;

static void write_line(record *r, const char *what, const char *p, size_t n)
{
    buf_printf(&r->log, "%s %zu ", what, n);
    for (size_t i = 0; i < n && i < 40; i++)
        buf_printf(&r->log, (uint8_t)p[i] < 0x7f && p[i] >= ' ' ? "%c" : "\\%02x", (uint8_t)p[i]);
    buf_putc(&r->log, '\n');
}

static bool note(record *r, const char *what, char *p, size_t n)
{
    write_line(r, what, p, n);
    if (r->stop_after == 0 || --r->stop_after > 0)
        return true;
    ws_parser_fini(&r->w);
    memset(&r->w, 0xee, sizeof(r->w));
    memset(p, 0xee, n); /* these bytes are still the callback's */
    r->gone = true;
    return false;
}

static bool on_message(void *ctx, bool binary, char *p, size_t n)
{
    return note(ctx, binary ? "binary" : "text", p, n);
}

static bool on_control(void *ctx, enum ws_opcode op, char *p, size_t n)
{
    return note(ctx, op == WS_PING ? "ping" : op == WS_PONG ? "pong" : "close", p, n);
}

static const ws_events events = {on_message, on_control};

/* Feeds in pieces of `step` bytes, each in memory of its own, until the end or an error. */
static int feed_in_steps(record *r, const buf *b, size_t step)
{
    int rc = 0;

    for (size_t at = 0; at < b->n && rc == 0 && !r->gone; at += step) {
        size_t n = b->n - at < step ? b->n - at : step;
        char *copy = malloc(n);

        assert_non_null(copy);
        memcpy(copy, b->p + at, n);
        rc = ws_parser_feed(&r->w, &limits, copy, n, &events, r);
        free(copy);
    }
    return rc;
}

static void check_step(const buf *b, size_t step, unsigned stop_after, const char *want, int want_rc)
{
    record r = {.stop_after = stop_after};
    int rc;

    ws_parser_init(&r.w);
    buf_init(&r.log, 100000);
    rc = feed_in_steps(&r, b, step);
    if (rc != want_rc || r.log.n != strlen(want) || memcmp(r.log.n ? r.log.p : "", want, r.log.n) != 0)
        fail_msg("step %zu: result %d for %d, events:\n%.*s", step, rc, want_rc, (int)r.log.n, r.log.p);
    for (size_t i = 0; r.gone && i < sizeof(r.w); i++)
        assert_int_equal(((uint8_t *)&r.w)[i], 0xee);
    if (!r.gone)
        ws_parser_fini(&r.w);
    buf_fini(&r.log);
}

/* Checks events and result whole, byte by byte and in all (or, for long ones, some) pieces between. */
static void check(buf *b, const char *want, int want_rc)
{
    for (size_t step = 1; step < b->n; step += b->n > 300 ? b->n / 37 : 1)
        check_step(b, step, 0, want, want_rc);
    check_step(b, b->n, 0, want, want_rc);
    buf_fini(b);
}

static void check_frame(unsigned first, const char *p, size_t n, const char *want, int want_rc)
{
    buf b = frames();

    put_frame(&b, first, p, n);
    check(&b, want, want_rc);
}

/* ---- messages ---- */

static void messages_come_out_whole(void **state)
{
    buf b = frames();

    (void)state;
    put_frame_z(&b, FIN | WS_TEXT, "2probe");
    put_frame(&b, FIN | WS_BINARY, "\0\xff", 2);
    put_frame_z(&b, FIN | WS_TEXT, "");
    put_frame_z(&b, FIN | WS_BINARY, "");
    put_frame_z(&b, FIN | WS_TEXT, "4\xe2\x82\xac");
    check(&b, "text 6 2probe\nbinary 2 \\00\\ff\ntext 0 \nbinary 0 \ntext 4 4\\e2\\82\\ac\n", 0);
}

static void every_length_is_unmasked_rightly(void **state)
{
    char payload[300], want[360];

    (void)state;
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (char)('a' + i % 26);
    for (size_t n = 0; n < sizeof(payload); n++) {
        snprintf(want, sizeof(want), "text %zu %.*s\n", n, (int)(n < 40 ? n : 40), payload);
        check_frame(FIN | WS_TEXT, payload, n, want, 0);
    }
}

typedef struct whole {
    const char *want;
    size_t      n;
} whole;

static bool same_bytes(void *ctx, bool binary, char *p, size_t n)
{
    whole *w = ctx;

    assert_true(binary);
    assert_int_equal(n, w->n);
    assert_memory_equal(p, w->want, n);
    w->n = 0;
    return true;
}

/* The log shows 40 bytes only: here all are compared, in pieces that start at every phase of the mask. */
static void all_bytes_survive_any_chunking(void **state)
{
    const ws_events ev = {same_bytes, on_control};
    char payload[1000];

    (void)state;
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (char)(i * 7 + i / 256);
    for (size_t step = 1; step < 80; step++) {
        whole w = {payload, sizeof(payload)};
        buf b = frames();
        ws_parser p;

        put_frame(&b, FIN | WS_BINARY, payload, sizeof(payload));
        ws_parser_init(&p);
        for (size_t at = 0; at < b.n; at += step) {
            size_t n = b.n - at < step ? b.n - at : step;

            assert_int_equal(ws_parser_feed(&p, &limits, b.p + at, n, &ev, &w), 0);
        }
        assert_int_equal(w.n, 0);
        assert_null(p.partial);
        buf_fini(&b);
    }
}

static void whole_messages_stay_where_they_are(void **state)
{
    record r = {0};
    buf b = frames();

    (void)state;
    put_frame_z(&b, FIN | WS_TEXT, "hello");
    ws_parser_init(&r.w);
    buf_init(&r.log, 1000);
    assert_int_equal(ws_parser_feed(&r.w, &limits, b.p, b.n, &events, &r), 0);
    assert_memory_equal(b.p + 6, "hello", 5);
    assert_null(r.w.partial);
    buf_fini(&r.log);
    buf_fini(&b);
}

static void fragments_are_joined_around_control_frames(void **state)
{
    buf b = frames();

    (void)state;
    put_frame_z(&b, WS_TEXT, "a\xe2");
    put_frame_z(&b, FIN | WS_PING, "p1");
    put_frame_z(&b, WS_CONT, "\x82");
    put_frame_z(&b, WS_CONT, "");
    put_frame_z(&b, FIN | WS_PONG, "");
    put_frame_z(&b, FIN | WS_CONT, "\xac" "b");
    put_frame_z(&b, WS_BINARY, "");
    put_frame_z(&b, FIN | WS_CONT, "");
    put_frame_z(&b, FIN | WS_TEXT, "c");
    check(&b, "ping 2 p1\npong 0 \ntext 5 a\\e2\\82\\acb\nbinary 0 \ntext 1 c\n", 0);
}

static void lengths_need_not_be_minimal(void **state)
{
    buf b = frames();

    (void)state;
    buf_add(&b, "\x81\xfe\0\1\0\0\0\0a", 9);
    buf_add(&b, "\x82\xff\0\0\0\0\0\0\0\2\0\0\0\0bc", 16);
    check(&b, "text 1 a\nbinary 2 bc\n", 0);
}

static void long_lengths_are_read(void **state)
{
    static const size_t sizes[] = {125, 126, 127, 256, 9999, 10000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char want[80];
        buf b = frames();

        put_filled(&b, FIN | WS_BINARY, sizes[i]);
        snprintf(want, sizeof(want), "binary %zu xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", sizes[i]);
        check(&b, want, 0);
    }
}

/* ---- refusals ---- */

static void protocol_errors_fail_with_1002(void **state)
{
    static const char *const heads[] = {
        "\x81\x01", "\x81\x00", "\x89\x00",                   /* unmasked */
        "\xc1\x81", "\xa1\x81", "\x91\x81", "\xc9\x80",       /* RSV bits */
        "\x83\x81", "\x84\x81", "\x87\x81", "\x8b\x80", "\x8f\x80", /* reserved opcodes */
        "\x09\x80", "\x08\x80", "\x0a\x80",                   /* fragmented control frames */
        "\x89\xfe", "\x88\xff", "\x8a\xfe",                   /* control frames over 125 */
        "\x80\x81", "\x00\x81",                               /* nothing to continue */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        buf b = frames();

        put_frame_z(&b, FIN | WS_TEXT, "ok");
        buf_add(&b, heads[i], 2);
        check(&b, "text 2 ok\n", WS_CLOSE_PROTOCOL);
    }
}

static void the_top_bit_of_a_length_fails_with_1002(void **state)
{
    buf b = frames();

    (void)state;
    buf_add(&b, "\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14);
    check(&b, "", WS_CLOSE_PROTOCOL);
}

static void a_new_message_inside_a_message_fails_with_1002(void **state)
{
    (void)state;
    for (unsigned first = 1; first <= 2; first++) {
        for (unsigned fin = 0; fin <= FIN; fin += FIN) {
            buf b = frames();

            put_frame_z(&b, WS_TEXT, "a");
            put_frame_z(&b, FIN | WS_PING, "");
            put_frame_z(&b, fin | first, "b");
            check(&b, "ping 0 \n", WS_CLOSE_PROTOCOL);
        }
    }
}

static void a_finished_message_cannot_be_continued(void **state)
{
    buf b = frames();

    (void)state;
    put_frame_z(&b, WS_TEXT, "a");
    put_frame_z(&b, FIN | WS_CONT, "b");
    put_frame_z(&b, FIN | WS_CONT, "c");
    check(&b, "text 2 ab\n", WS_CLOSE_PROTOCOL);
}

static void too_much_fails_with_1009_at_the_head(void **state)
{
    buf b = frames();

    (void)state;
    buf_add(&b, "\x82\xfe\x27\x11\0\0\0\0", 8); /* 10001 */
    check(&b, "", WS_CLOSE_TOO_BIG);
    b = frames();
    buf_add(&b, "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14);
    check(&b, "", WS_CLOSE_TOO_BIG);
    b = frames();
    put_filled(&b, WS_BINARY, 6000);
    put_filled(&b, WS_CONT, 4000);
    buf_add(&b, "\x80\x81\0\0\0\0", 6);
    check(&b, "", WS_CLOSE_TOO_BIG);
    b = frames();
    put_filled(&b, WS_BINARY, 6000);
    put_filled(&b, WS_CONT, 4000);
    put_filled(&b, FIN | WS_CONT, 0);
    check(&b, "binary 10000 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", 0);
}

static void too_many_fragments_fail_with_1008(void **state)
{
    (void)state;
    for (unsigned n = 19; n <= 20; n++) {
        buf b = frames();

        put_frame_z(&b, WS_BINARY, "");
        for (unsigned i = 1; i < n; i++)
            put_frame_z(&b, WS_CONT, "");
        put_frame_z(&b, FIN | WS_CONT, "x");
        check(&b, n == 19 ? "binary 1 x\n" : "", n == 19 ? 0 : WS_CLOSE_POLICY);
    }
}

static void nothing_is_parsed_after_a_failure(void **state)
{
    char bad[] = "\x81\0";
    record r = {0};
    buf b = frames();

    (void)state;
    put_frame_z(&b, FIN | WS_TEXT, "late");
    ws_parser_init(&r.w);
    buf_init(&r.log, 1000);
    assert_int_equal(ws_parser_feed(&r.w, &limits, bad, 2, &events, &r), WS_CLOSE_PROTOCOL);
    assert_int_equal(ws_parser_feed(&r.w, &limits, b.p, b.n, &events, &r), 0);
    assert_int_equal(r.log.n, 0);
    buf_fini(&b);
}

/* ---- UTF-8 ---- */

typedef struct text_case {
    const char *text;
    bool        good;
} text_case;

static const text_case texts[] = {
    {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\xef\xbf\xbf", true},
    {"\xed\x9f\xbf\xee\x80\x80", true},
    {"\xce\xba\xed\xa0\x80" "edited", false}, /* surrogate */
    {"\xf4\x90\x80\x80", false},              /* over U+10FFFF */
    {"\xc0\xaf", false},                      /* overlong */
    {"\xe0\x80\xaf", false},
    {"\xf0\x80\x80\xaf", false},
    {"\xf8\x88\x80\x80\x80", false},
    {"\x80", false},
    {"\xff", false},
    {"\xce", false}, /* incomplete at the end */
    {"abc\xe2\x82", false},
    {"\xf0\x9f\x98", false},
};

static void text_is_utf8_in_every_chunking(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        size_t n = strlen(texts[i].text);
        record r = {0};

        buf_init(&r.log, 1000);
        write_line(&r, "text", texts[i].text, n);
        buf_putc(&r.log, 0);
        check_frame(FIN | WS_TEXT, texts[i].text, n, texts[i].good ? r.log.p : "",
                    texts[i].good ? 0 : WS_CLOSE_BAD_DATA);
        for (size_t cut = 0; cut <= n; cut++) {
            buf b = frames();

            put_frame(&b, WS_TEXT, texts[i].text, cut);
            put_frame(&b, FIN | WS_CONT, texts[i].text + cut, n - cut);
            check(&b, texts[i].good ? r.log.p : "", texts[i].good ? 0 : WS_CLOSE_BAD_DATA);
        }
        buf_fini(&r.log);
    }
}

static void bad_text_fails_before_its_frame_ends(void **state)
{
    buf b = frames();

    (void)state;
    put_frame_z(&b, WS_TEXT, "a\xff");
    put_frame_z(&b, FIN | WS_PING, "never");
    check(&b, "", WS_CLOSE_BAD_DATA);
    b = frames();
    buf_add(&b, "\x81\xfe\x10\0\0\0\0\0a\xff", 10);
    check(&b, "", WS_CLOSE_BAD_DATA);
}

static void binary_may_be_anything(void **state)
{
    (void)state;
    check_frame(FIN | WS_BINARY, "\xff\xc0", 2, "binary 2 \\ff\\c0\n", 0);
}

/* ---- control frames ---- */

static void control_frames_carry_up_to_125_bytes(void **state)
{
    buf b = frames();

    (void)state;
    put_filled(&b, FIN | WS_PING, 125);
    put_frame(&b, FIN | WS_PONG, "\xff", 1);
    check(&b, "ping 125 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\npong 1 \\ff\n", 0);
}

static bool code_is_fit_for_the_wire(unsigned code)
{
    switch (code) {
    case 1000: case 1001: case 1002: case 1003: case 1007: case 1008: case 1009: case 1010: case 1011:
    case 1012: case 1013: case 1014:
        return true;
    default:
        return code >= 3000 && code <= 4999;
    }
}

static void close_codes_are_checked(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 65536; code += code < 5100 ? 1 : 997) {
        const char payload[2] = {(char)(code >> 8), (char)code};
        record r = {0};
        buf b = frames();
        int rc;

        put_frame(&b, FIN | WS_CLOSE, payload, 2);
        ws_parser_init(&r.w);
        buf_init(&r.log, 100);
        rc = ws_parser_feed(&r.w, &limits, b.p, b.n, &events, &r);
        assert_int_equal(rc, code_is_fit_for_the_wire(code) ? 0 : WS_CLOSE_PROTOCOL);
        assert_int_equal(r.log.n > 0, rc == 0);
        buf_fini(&r.log);
        buf_fini(&b);
    }
}

static void close_payloads_are_checked(void **state)
{
    (void)state;
    check_frame(FIN | WS_CLOSE, "", 0, "close 0 \n", 0);
    check_frame(FIN | WS_CLOSE, "\x03", 1, "", WS_CLOSE_PROTOCOL);
    check_frame(FIN | WS_CLOSE, "\x03\xe8" "bye", 5, "close 5 \\03\\e8bye\n", 0);
    check_frame(FIN | WS_CLOSE, "\x03\xe8\xff", 3, "", WS_CLOSE_BAD_DATA);
    check_frame(FIN | WS_CLOSE, "\x03\xe8\xe2\x82", 4, "", WS_CLOSE_BAD_DATA);
}

static void nothing_is_parsed_after_a_close(void **state)
{
    buf b = frames();

    (void)state;
    put_frame_z(&b, WS_TEXT, "half");
    put_frame_z(&b, FIN | WS_CLOSE, "");
    put_frame_z(&b, FIN | WS_CONT, "late");
    check(&b, "close 0 \n", 0);
}

/* The callback frees the parser and overwrites it: any touch afterwards is seen here or by ASan. */
static void a_callback_may_end_it_all(void **state)
{
    buf b = frames();

    (void)state;
    put_frame_z(&b, FIN | WS_TEXT, "one");
    put_frame_z(&b, WS_TEXT, "tw");
    put_frame_z(&b, FIN | WS_PING, "p");
    put_frame_z(&b, FIN | WS_CONT, "o");
    put_frame_z(&b, FIN | WS_CLOSE, "");
    for (size_t step = 1; step <= b.n; step++) {
        check_step(&b, step, 1, "text 3 one\n", 0);
        check_step(&b, step, 2, "text 3 one\nping 1 p\n", 0);
        check_step(&b, step, 3, "text 3 one\nping 1 p\ntext 3 two\n", 0);
        check_step(&b, step, 4, "text 3 one\nping 1 p\ntext 3 two\nclose 0 \n", 0);
    }
    buf_fini(&b);
}

static void an_unfinished_parser_gives_its_memory_back(void **state)
{
    (void)state;
    for (size_t n = 1; n < 20; n++) {
        record r = {0};
        buf b = frames();

        put_frame_z(&b, WS_TEXT, "abc");
        put_frame_z(&b, FIN | WS_PING, "abc");
        ws_parser_init(&r.w);
        buf_init(&r.log, 100);
        assert_int_equal(ws_parser_feed(&r.w, &limits, b.p, n < b.n ? n : b.n, &events, &r), 0);
        ws_parser_fini(&r.w);
        assert_null(r.w.partial);
        buf_fini(&r.log);
        buf_fini(&b);
    }
}

/* Promised bytes cost nothing before they come. */
static void memory_grows_with_what_arrives(void **state)
{
    const ws_limits wide = {.max_message = (size_t)1 << 40};
    char head[] = "\x82\xff\0\0\0\x80\0\0\0\0\0\0\0\0xyz";
    record r = {0};

    (void)state;
    ws_parser_init(&r.w);
    assert_int_equal(ws_parser_feed(&r.w, &wide, head, sizeof(head) - 1, &events, &r), 0);
    assert_non_null(r.w.partial);
    ws_parser_fini(&r.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_whole),
        cmocka_unit_test(every_length_is_unmasked_rightly),
        cmocka_unit_test(all_bytes_survive_any_chunking),
        cmocka_unit_test(whole_messages_stay_where_they_are),
        cmocka_unit_test(fragments_are_joined_around_control_frames),
        cmocka_unit_test(lengths_need_not_be_minimal),
        cmocka_unit_test(long_lengths_are_read),
        cmocka_unit_test(protocol_errors_fail_with_1002),
        cmocka_unit_test(the_top_bit_of_a_length_fails_with_1002),
        cmocka_unit_test(a_new_message_inside_a_message_fails_with_1002),
        cmocka_unit_test(a_finished_message_cannot_be_continued),
        cmocka_unit_test(too_much_fails_with_1009_at_the_head),
        cmocka_unit_test(too_many_fragments_fail_with_1008),
        cmocka_unit_test(nothing_is_parsed_after_a_failure),
        cmocka_unit_test(text_is_utf8_in_every_chunking),
        cmocka_unit_test(bad_text_fails_before_its_frame_ends),
        cmocka_unit_test(binary_may_be_anything),
        cmocka_unit_test(control_frames_carry_up_to_125_bytes),
        cmocka_unit_test(close_codes_are_checked),
        cmocka_unit_test(close_payloads_are_checked),
        cmocka_unit_test(nothing_is_parsed_after_a_close),
        cmocka_unit_test(a_callback_may_end_it_all),
        cmocka_unit_test(an_unfinished_parser_gives_its_memory_back),
        cmocka_unit_test(memory_grows_with_what_arrives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
