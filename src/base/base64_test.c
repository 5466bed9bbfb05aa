#include "base/base64.h"
#include "base/testing.h"

#include "sio_err.h"

#include <string.h>

static void check_encoded(const char *bytes, const char *std, const char *url)
{
    char out[64];

    out[base64_encode(bytes, strlen(bytes), out)] = 0;
    assert_string_equal(out, std);
    assert_int_equal(strlen(out), BASE64_LEN(strlen(bytes)));
    out[base64url_encode(bytes, strlen(bytes), out)] = 0;
    assert_string_equal(out, url);
}

static void encodes_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    check_encoded("", "", "");
    check_encoded("f", "Zg==", "Zg");
    check_encoded("fo", "Zm8=", "Zm8");
    check_encoded("foo", "Zm9v", "Zm9v");
    check_encoded("foob", "Zm9vYg==", "Zm9vYg");
    check_encoded("fooba", "Zm9vYmE=", "Zm9vYmE");
    check_encoded("foobar", "Zm9vYmFy", "Zm9vYmFy");
    check_encoded("\xfb\xff\xfe", "+//+", "-__-");
}

static void check_lenient(const char *text, const char *want)
{
    char out[64];

    out[base64_decode_lenient(text, strlen(text), out)] = 0;
    assert_string_equal(out, want);
}

/* Expectations: Buffer.from(text, "base64") in Node 20. */
static void decodes_as_leniently_as_node(void **state)
{
    (void)state;
    check_lenient("Zm9vYg==", "foob");
    check_lenient("Zm9vYg", "foob");
    check_lenient("Zm9v Ym\nFy", "foobar");
    check_lenient("Zm9v!YmFy", "foobar");
    check_lenient("-__-", "\xfb\xff\xfe");
    check_lenient("+//+", "\xfb\xff\xfe");
    check_lenient("Zm9v=YmFy", "foo");
    check_lenient("Z", "");
    check_lenient("", "");
    check_lenient("====", "");
}

static void decodes_in_place(void **state)
{
    char text[] = "YSBsb25nZXIgdGV4dCB0byBiZSBkZWNvZGVk";
    size_t n = base64_decode_lenient(text, strlen(text), text);

    (void)state;
    assert_int_equal(n, 27);
    assert_memory_equal(text, "a longer text to be decoded", 27);
}

static void round_trips_all_lengths_and_bytes(void **state)
{
    unsigned char in[256];
    char text[BASE64_LEN(256)], out[256 / 4 * 4 + 8];

    (void)state;
    for (int i = 0; i < 256; i++)
        in[i] = (unsigned char)(i * 167);
    for (size_t n = 0; n <= 256; n++) {
        size_t len = base64_encode(in, n, text);

        assert_int_equal(base64_decode_lenient(text, len, out), n);
        assert_memory_equal(in, out, n);
        len = base64url_encode(in, n, text);
        assert_int_equal(base64url_decode_strict(text, len, out), n);
        assert_memory_equal(in, out, n);
    }
}

static void strict_decoding_refuses(void **state)
{
    static const char *const bad[] = {"Z", "Zg==", "Zm9v Zg", "+_AA", "/_AA", "Zh", "Zm9", "Zm9vY", "Z\x80"};
    char out[16];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(base64url_decode_strict(bad[i], strlen(bad[i]), out), SIO_EPARSE);
    assert_int_equal(base64url_decode_strict("", 0, out), 0);
    assert_int_equal(base64url_decode_strict("Zg", 2, out), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_the_vectors_of_rfc_4648),
        cmocka_unit_test(decodes_as_leniently_as_node),
        cmocka_unit_test(decodes_in_place),
        cmocka_unit_test(round_trips_all_lengths_and_bytes),
        cmocka_unit_test(strict_decoding_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
