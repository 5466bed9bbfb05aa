#include "base/siphash.h"
#include "base/testing.h"

#include <string.h>

/* Values of another implementation: Python 3.11 hashes bytes with SipHash-1-3, under an all-zero key when
 * PYTHONHASHSEED=0. */
static void agrees_with_another_implementation(void **state)
{
    static const struct {
        const char *text;
        uint64_t    hash;
    } known[] = {
        {"a", 0x407448d2b89b1813ull},
        {"abc", 0xc03bc3a0042630f2ull},
        {"12345678", 0x3489982430560a87ull},
        {"lobby:general-42", 0xdd7c5b7d715dd2d8ull},
        {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0x003e6ede9d87d836ull},
    };
    const uint64_t zero[2] = {0, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_true(siphash13(zero, known[i].text, strlen(known[i].text)) == known[i].hash);
}

static void depends_on_both_halves_of_the_key(void **state)
{
    const uint64_t a[2] = {1, 2}, b[2] = {1, 3}, c[2] = {0, 2};

    (void)state;
    assert_true(siphash13(a, "x", 1) != siphash13(b, "x", 1));
    assert_true(siphash13(a, "x", 1) != siphash13(c, "x", 1));
    assert_true(siphash13(a, NULL, 0) == siphash13(a, "x", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_another_implementation),
        cmocka_unit_test(depends_on_both_halves_of_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
