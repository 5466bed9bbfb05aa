#include "base/sha1.h"
#include "base/testing.h"

#include <openssl/sha.h>
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

/* Every length around the ends of blocks, against another implementation. */
static void test_lengths(void **state)
{
    uint8_t text[300], mine[SHA1_SIZE], theirs[SHA1_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)(i * 167 + 13);
    for (size_t n = 0; n <= sizeof(text); n++) {
        sha1(text, n, mine);
        SHA1(text, n, theirs);
        assert_memory_equal(mine, theirs, SHA1_SIZE);
    }
    sha1(NULL, 0, mine);
    SHA1(text, 0, theirs);
    assert_memory_equal(mine, theirs, SHA1_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_lengths)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
