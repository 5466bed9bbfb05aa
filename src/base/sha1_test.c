#include "base/sha1.h"
#include "base/testing.h"

#include <string.h>

static void check(const char *text, const char *hex)
{
    char got[2 * SHA1_SIZE + 1];
    uint8_t out[SHA1_SIZE];

    sha1(text, strlen(text), out);
    for (unsigned i = 0; i < SHA1_SIZE; i++) {
        got[2 * i] = "0123456789abcdef"[out[i] >> 4];
        got[2 * i + 1] = "0123456789abcdef"[out[i] & 15];
    }
    got[2 * SHA1_SIZE] = 0;
    assert_string_equal(got, hex);
}

/* RFC 3174, section 7.3. */
static void test_known(void **state)
{
    (void)state;
    check("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    check("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
