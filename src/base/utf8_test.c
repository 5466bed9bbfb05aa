#include "base/testing.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* A decoder as slow and plain as can be: what RFC 3629 says, by code points. */
static bool plain_valid(const unsigned char *p, size_t n)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};

    while (n > 0) {
        size_t len = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
        uint32_t cp = len == 1 ? *p : *p & (0x7fu >> len);

        if ((*p >= 0x80 && *p < 0xc0) || *p >= 0xf8 || len > n)
            return false;
        for (size_t i = 1; i < len; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return false;
            cp = cp << 6 | (p[i] & 0x3f);
        }
        if (cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
            return false;
        p += len;
        n -= len;
    }
    return true;
}

static void every_code_point_is_judged_rightly(void **state)
{
    char text[4];

    (void)state;
    for (uint32_t cp = 0; cp < 0x110010; cp++) {
        unsigned n = utf8_put(cp, text);

        assert_int_equal(utf8_valid(text, n), cp < 0x110000 && (cp < 0xd800 || cp > 0xdfff));
        assert_int_equal(utf8_valid(text, n - 1), n == 1);
    }
}

static void agrees_with_a_plain_decoder(void **state)
{
    static const unsigned char pick[] = {
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef,
        0xf0, 0xf1, 0xf4, 0xf5, 0xff,
    };
    unsigned char text[4];

    (void)state;
    for (size_t i = 0; i < 22 * 22 * 22 * 22; i++) {
        for (size_t k = 0, rest = i; k < 4; k++, rest /= 22)
            text[k] = pick[rest % 22];
        assert_int_equal(utf8_valid((char *)text, 4), plain_valid(text, 4));
    }
}

static void finds_a_bad_byte_at_any_place(void **state)
{
    char text[64];

    (void)state;
    for (size_t n = 0; n <= sizeof(text); n++) {
        memset(text, 'a', sizeof(text));
        assert_true(utf8_valid(text, n));
        for (size_t i = 0; i < n; i++) {
            text[i] = (char)0xff;
            assert_false(utf8_valid(text, n));
            text[i] = 'a';
        }
    }
}

static void does_not_mind_chunking(void **state)
{
    static const char text[] = "ascii text of some length, \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80, more ascii";

    (void)state;
    for (size_t cut = 0; cut < sizeof(text); cut++)
        assert_int_equal(utf8_feed(utf8_feed(0, text, cut), text + cut, sizeof(text) - cut), UTF8_ACCEPT);
    assert_int_equal(utf8_feed(utf8_feed(0, "\xed", 1), "\xa0\x80", 2), UTF8_REJECT);
    assert_int_equal(utf8_feed(UTF8_REJECT, "a", 1), UTF8_REJECT);
    assert_int_not_equal(utf8_feed(0, "\xe2\x82", 2), UTF8_ACCEPT);
    assert_int_not_equal(utf8_feed(0, "\xe2\x82", 2), UTF8_REJECT);
}

#define FFFD "\xef\xbf\xbd"

static void check_sanitized(const char *in, const char *want)
{
    size_t n = strlen(in);
    char *out = malloc(3 * n + 1);

    assert_non_null(out);
    out[utf8_sanitize(in, n, out)] = 0;
    assert_string_equal(out, want);
    free(out);
}

/* Expectations: new TextDecoder().decode(bytes) in Node 20. */
static void sanitizes_as_the_whatwg_decoder(void **state)
{
    (void)state;
    check_sanitized("", "");
    check_sanitized("plain ascii, long enough", "plain ascii, long enough");
    check_sanitized("a\xff" "b", "a" FFFD "b");
    check_sanitized("\xe2\x82\xac", "\xe2\x82\xac");
    check_sanitized("\xe2\x82", FFFD);
    check_sanitized("\xe2\x82" "a", FFFD "a");
    check_sanitized("\xf0\x9f\x98" "\xe2\x82\xac", FFFD "\xe2\x82\xac");
    check_sanitized("\xed\xa0\x80", FFFD FFFD FFFD);
    check_sanitized("\xc0\x80", FFFD FFFD);
    check_sanitized("\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD);
    check_sanitized("\xf1\x80\x80\xc3\xa9\xf1", FFFD "\xc3\xa9" FFFD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_judged_rightly),
        cmocka_unit_test(agrees_with_a_plain_decoder),
        cmocka_unit_test(finds_a_bad_byte_at_any_place),
        cmocka_unit_test(does_not_mind_chunking),
        cmocka_unit_test(sanitizes_as_the_whatwg_decoder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
