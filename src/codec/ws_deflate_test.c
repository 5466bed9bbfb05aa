/* Compressed messages: the examples of RFC 7692 7.2.3, everything there and back, bombs, and frames
 * through the parser. */
#include "codec/ws_frames_test.h"
#include "sio_err.h"

#include <stdio.h>
#include <zlib.h>

#define TEXT_RSV1 (FIN | WS_RSV1 | WS_TEXT)
#define HELLO     "\xf2\x48\xcd\xc9\xc9\x07\x00"

static ws_deflate *D;

static int up(void **state)
{
    (void)state;
    D = ws_deflate_new(1024, 6);
    assert_non_null(D);
    return 0;
}

static int down(void **state)
{
    (void)state;
    ws_deflate_free(D);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

/* ---- unpacking ---- */

static int unpack(const char *p, size_t n, size_t max, buf *out)
{
    char *exact = malloc(n + !n);
    int rc;

    assert_non_null(exact);
    memcpy(exact, p, n);
    rc = ws_deflate_unpack(D, (sio_str){exact, n}, max, out);
    free(exact);
    return rc;
}

static void expect_text(const char *p, size_t n, const char *text)
{
    buf out;

    assert_int_equal(unpack(p, n, 1000, &out), 0);
    assert_int_equal(out.n, strlen(text));
    assert_true(!out.n || memcmp(out.p, text, out.n) == 0);
    buf_fini(&out);
}

#define EXPECT_TEXT(literal, text) expect_text(literal, sizeof(literal) - 1, text)

static void examples_of_the_rfc(void **state)
{
    (void)state;
    EXPECT_TEXT(HELLO, "Hello");                                              /* 7.2.3.1 */
    EXPECT_TEXT("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello");     /* 7.2.3.3: not compressed */
    EXPECT_TEXT("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello");                 /* 7.2.3.4: BFINAL */
    EXPECT_TEXT("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"); /* 7.2.3.5: two blocks */
    EXPECT_TEXT("\x00", "");                                                  /* 7.2.3.6 */
    EXPECT_TEXT("", "");
}

static void expect_error(const char *p, size_t n, size_t max, int err)
{
    buf out;

    assert_int_equal(unpack(p, n, max, &out), err);
    buf_fini(&out);
}

#define EXPECT_BAD(literal) expect_error(literal, sizeof(literal) - 1, 1000, SIO_EPARSE)

static void what_is_no_whole_message(void **state)
{
    (void)state;
    /* 7.2.3.2: the second message of a sender that kept its window, which was agreed not to be. */
    EXPECT_BAD("\xf2\x00\x11\x00\x00");
    EXPECT_BAD("\xf2\x48\xcd\xc9");                             /* cut off */
    /* In a block that is not compressed: the tail is no text */
    EXPECT_BAD("\x00\x05\x00\xfa\xff\x48");
    EXPECT_BAD("\x00\x05\x00\xfa\xff\x48\x65");                 /* also where that fits its length */
    EXPECT_BAD("\x01\x05\x00\xfa\xff\x48");
    EXPECT_BAD("\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00"); /* length and its complement */
    EXPECT_BAD("\x06");                                         /* a type of block that does not exist */
    EXPECT_BAD("\xff\xff\xff\xff");
    /* And the next message is none the worse for it. */
    EXPECT_TEXT(HELLO, "Hello");
}

static void final_blocks(void **state)
{
    char many[2 * 40];

    (void)state;
    EXPECT_TEXT("\xf3\x48\xcd\xc9\xc9\x07\x00", "Hello"); /* with nothing behind it */
    EXPECT_TEXT("\xf3\x48\xcd\xc9\xc9\x07\x00" HELLO, "HelloHello");
    for (size_t i = 0; i < sizeof(many); i += 2)
        memcpy(many + i, "\x03\x00", 2); /* empty, final */
    expect_text(many, 2 * 16, "");
    expect_error(many, 2 * 17, 1000, SIO_EPARSE);
    expect_error(many, sizeof(many), 1000, SIO_EPARSE);
}

/* ---- packing ---- */

static void there_and_back(sio_str message)
{
    buf packed, out;

    buf_init(&packed, UINT32_MAX);
    assert_int_equal(ws_deflate_pack(D, message, &packed), 0);
    assert_true(packed.n < message.n);
    assert_int_equal(unpack(packed.p, packed.n, message.n, &out), 0);
    assert_int_equal(out.n, message.n);
    assert_memory_equal(out.p, message.p, out.n);
    buf_fini(&out);
    expect_error(packed.p, packed.n, message.n - 1, SIO_ETOOBIG);
    buf_fini(&packed);
}

static void all_sizes(void **state)
{
    static char text[300000];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i * i / 7 % 13);
    for (size_t n = 40; n < sizeof(text); n = n * 5 / 4 + 1)
        there_and_back((sio_str){text, n});
    for (size_t n = 4090; n < 4100; n++)
        there_and_back((sio_str){text, n});
}

/* Repeats farther apart than the peer's window are not referred to by a message that ws_deflate_suits lets go
 * out: an inflater with that window understands it. */
static void small_windows(void **state)
{
    (void)state;
    assert_true(ws_deflate_suits(8, 256) && !ws_deflate_suits(8, 257));
    assert_true(ws_deflate_suits(15, 32768) && !ws_deflate_suits(15, 32769));
    for (int bits = 9; bits <= 15; bits++) {
        size_t n = (size_t)1 << bits;
        char *text = malloc(n), *back = malloc(n);
        z_stream z = {0};
        buf packed;

        memset(text, 'x', n);
        for (size_t i = 0; i < 100; i++) /* what stands at the start comes again at the end */
            text[i] = text[n - 100 + i] = (char)('A' + i % 50);
        buf_init(&packed, UINT32_MAX);
        assert_int_equal(ws_deflate_pack(D, (sio_str){text, n}, &packed), 0);
        assert_int_equal(inflateInit2(&z, -bits), Z_OK);
        z.next_in = (Bytef *)packed.p;
        z.avail_in = (uInt)packed.n;
        z.next_out = (Bytef *)back;
        z.avail_out = (uInt)n;
        assert_in_range(inflate(&z, Z_SYNC_FLUSH), 0, 1);
        assert_int_equal(z.total_out, n);
        assert_memory_equal(text, back, n);
        inflateEnd(&z);
        buf_fini(&packed);
        free(text);
        free(back);
    }
}

static void what_does_not_shrink_is_not_packed(void **state)
{
    char noise[2000];
    uint32_t x = 12345;
    buf out;

    (void)state;
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    buf_init(&out, UINT32_MAX);
    assert_int_equal(ws_deflate_pack(D, (sio_str){noise, sizeof(noise)}, &out), SIO_ETOOBIG);
    assert_int_equal(out.n, 0);
    assert_int_equal(ws_deflate_pack(D, sio_lit("abc"), &out), SIO_ETOOBIG);
    assert_int_equal(ws_deflate_pack(D, sio_lit(""), &out), SIO_ETOOBIG);
    there_and_back(sio_lit("and the next one is none the worse for it, none the worse for it, none the worse"));
    buf_fini(&out);
}

/* ---- bombs ---- */

/* n zeros, packed as small as zlib can. */
static buf bomb(size_t n)
{
    char *zeros = calloc(1, n);
    buf out;

    assert_non_null(zeros);
    buf_init(&out, UINT32_MAX);
    assert_int_equal(ws_deflate_pack(D, (sio_str){zeros, n}, &out), 0);
    free(zeros);
    return out;
}

static void bombs_end_at_the_limit(void **state)
{
    buf b = bomb(64u << 20), out;

    (void)state;
    assert_true(b.n < 100000);
    assert_int_equal(unpack(b.p, b.n, 100000, &out), SIO_ETOOBIG);
    assert_true(out.cap <= 100001);
    buf_fini(&out);
    assert_int_equal(unpack(b.p, b.n, 0, &out), SIO_ETOOBIG);
    buf_fini(&out);
    buf_fini(&b);
}

/* ---- through the parser ---- */

typedef struct heard {
    ws_parser *w;
    char       text[2000];
    bool       stops;
} heard;

static bool on_message(void *ctx, bool binary, char *p, size_t n)
{
    heard *h = ctx;
    size_t at = strlen(h->text);

    assert_non_null(p);
    snprintf(h->text + at, sizeof(h->text) - at, binary ? "<%.*s>" : "\"%.*s\"", n > 100 ? 100 : (int)n, p);
    memset(p, 0xee, n);
    if (h->stops)
        ws_parser_fini(h->w);
    return !h->stops;
}

static bool on_control(void *ctx, enum ws_opcode op, char *p, size_t n)
{
    heard *h = ctx;
    size_t at = strlen(h->text);

    snprintf(h->text + at, sizeof(h->text) - at, "(%d %.*s)", op, (int)n, p);
    return true;
}

/* Feeds the frames whole and byte by byte: rc is the close code, `text` what was heard before it. */
static void expect_frames(buf *b, bool deflates, bool stops, int rc, const char *text)
{
    static const ws_events ev = {on_message, on_control};

    for (size_t piece = b->n; piece; piece = piece == 1 ? 0 : 1) {
        const ws_limits l = {limits.max_message, limits.max_fragments, D};
        char *copy = malloc(b->n);
        ws_parser w;
        heard h = {.w = &w, .stops = stops};
        int got = 0;

        memcpy(copy, b->p, b->n);
        ws_parser_init(&w);
        w.deflates = deflates;
        for (size_t at = 0; at < b->n && got == 0; at += piece)
            got = ws_parser_feed(&w, &l, copy + at, piece, &ev, &h);
        assert_int_equal(got, rc);
        assert_string_equal(h.text, text);
        assert_true(got == 0 || w.partial == NULL);
        ws_parser_fini(&w);
        free(copy);
    }
    buf_fini(b);
}

static void frames_of_messages(void **state)
{
    buf b = frames();

    (void)state;
    put_frame(&b, TEXT_RSV1, HELLO, 7);
    put_frame_z(&b, FIN | WS_TEXT, "plain");
    put_frame(&b, FIN | WS_RSV1 | WS_BINARY, HELLO, 7);
    put_frame(&b, WS_RSV1 | WS_TEXT, HELLO, 3); /* 7.2.3.1: in two frames, with a ping in between */
    put_frame_z(&b, FIN | WS_PING, "p");
    put_frame(&b, FIN | WS_CONT, &HELLO[3], 4);
    put_frame(&b, TEXT_RSV1, "\x00", 1);
    put_frame(&b, TEXT_RSV1, "", 0);
    put_frame_z(&b, WS_TEXT, "pl");
    put_frame_z(&b, FIN | WS_CONT, "ain");
    expect_frames(&b, true, false, 0, "\"Hello\"\"plain\"<Hello>(9 p)\"Hello\"\"\"\"\"\"plain\"");
}

static void a_callback_may_end_it(void **state)
{
    buf b = frames();

    (void)state;
    put_frame(&b, TEXT_RSV1, HELLO, 7);
    put_frame(&b, TEXT_RSV1, HELLO, 7);
    expect_frames(&b, true, true, 0, "\"Hello\"");
}

static void rsv_bits_where_they_do_not_belong(void **state)
{
    static const struct {
        unsigned first;
        bool     deflates;
    } cases[] = {
        {TEXT_RSV1, false}, {FIN | 0x20 | WS_TEXT, true}, {FIN | 0x10 | WS_TEXT, true},
        {FIN | 0x60 | WS_TEXT, true}, {FIN | WS_RSV1 | WS_PING, true}, {FIN | WS_RSV1 | WS_PONG, true},
        {FIN | WS_RSV1 | WS_CLOSE, true}, {FIN | WS_RSV1 | 3, true}, {FIN | WS_RSV1 | WS_CONT, true},
    };
    buf b;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        b = frames();
        put_frame(&b, cases[i].first, "", 0);
        expect_frames(&b, cases[i].deflates, false, WS_CLOSE_PROTOCOL, "");
    }
    b = frames();
    put_frame(&b, WS_RSV1 | WS_TEXT, HELLO, 3);
    put_frame(&b, FIN | WS_RSV1 | WS_CONT, &HELLO[3], 4);
    expect_frames(&b, true, false, WS_CLOSE_PROTOCOL, "");
}

static void bad_content(void **state)
{
    buf b = frames();

    (void)state;
    put_frame(&b, TEXT_RSV1, "\xff\xff\xff\xff", 4);
    expect_frames(&b, true, false, WS_CLOSE_BAD_DATA, "");
    b = frames(); /* a text that is no UTF-8, and the same as binary */
    put_frame(&b, FIN | WS_RSV1 | WS_BINARY, "\x00\x01\x00\xfe\xff\xc3\x00", 7);
    put_frame(&b, TEXT_RSV1, "\x00\x01\x00\xfe\xff\xc3\x00", 7);
    expect_frames(&b, true, false, WS_CLOSE_BAD_DATA, "<\xc3>");
    b = frames(); /* a character may be split between frames, of course */
    put_frame(&b, WS_RSV1 | WS_TEXT, "\x00\x02\x00\xfd\xff\xc3", 6);
    put_frame(&b, FIN | WS_CONT, "\xa9\x00", 2);
    expect_frames(&b, true, false, 0, "\"\xc3\xa9\"");
}

static void messages_that_are_too_big(void **state)
{
    buf b = frames(), fits = bomb(10000), big = bomb(10001);

    (void)state;
    put_frame(&b, FIN | WS_RSV1 | WS_BINARY, fits.p, fits.n);
    put_frame(&b, FIN | WS_RSV1 | WS_BINARY, big.p, big.n);
    expect_frames(&b, true, false, WS_CLOSE_TOO_BIG, "<>"); /* zeros end what is printed */
    b = frames();
    put_frame(&b, WS_RSV1 | WS_BINARY, big.p, 5);
    put_frame(&b, FIN | WS_CONT, big.p + 5, big.n - 5);
    expect_frames(&b, true, false, WS_CLOSE_TOO_BIG, "");
    buf_fini(&fits);
    buf_fini(&big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(examples_of_the_rfc), TEST(what_is_no_whole_message), TEST(final_blocks),
        TEST(all_sizes), TEST(small_windows), TEST(what_does_not_shrink_is_not_packed),
        TEST(bombs_end_at_the_limit),
        TEST(frames_of_messages), TEST(a_callback_may_end_it), TEST(rsv_bits_where_they_do_not_belong),
        TEST(bad_content), TEST(messages_that_are_too_big),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
