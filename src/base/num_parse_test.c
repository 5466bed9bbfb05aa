#include "base/num.h"
#include "base/testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void agrees_with_strtod(void **state)
{
    static const char *const texts[] = {
        "0", "1", "-1", "0.5", "123.456", "1e22", "1e23", "9007199254740993", "0.1", "1e-5", "5e-324",
        "2e-324",
        "2.4703282292062327208e-324", "2.4703282292062328e-324", "1.7976931348623157e308",
        "1.7976931348623159e308",
        "1e308", "1e309", "-1e400", "1e-400", "0e999999999999999999999", "1e99999999999999999999",
        "1e-99999999999999999999", "0.000000000000000000000000000001",
        "100000000000000000000000000000000000000",
        "123456789012345e-22", "999999999999999e22", "1e+5", "1E5", "00012", "4.35", "17.000",
        "2.2250738585072011e-308",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        double want = strtod(texts[i], NULL), got = num_parse(texts[i], strlen(texts[i]));

        if (got != want)
            fail_msg("%s: %.17g instead of %.17g", texts[i], got, want);
    }
    assert_true(signbit(num_parse("-0", 2)));
}

static void random_texts_agree_with_strtod(void **state)
{
    unsigned seed = 3;
    char text[64];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        int n = snprintf(text, sizeof(text), "%d.%d%de%d", rand_r(&seed), rand_r(&seed) % 100000,
                         rand_r(&seed), rand_r(&seed) % 640 - 320);

        assert_true(num_parse(text, (size_t)n) == strtod(text, NULL));
    }
}

/* Halfway between 1 and the next double, to 1000 digits: only the last one decides. */
static void far_digits_still_decide(void **state)
{
    static const char half[] = "1.00000000000000011102230246251565404236316680908203125";
    char text[1001];

    (void)state;
    memset(text, '0', sizeof(text));
    memcpy(text, half, strlen(half));
    assert_true(num_parse(text, 1000) == 1.0);
    text[999] = '1';
    assert_true(num_parse(text, 1000) == 1.0 + 0x1p-52);
}

static void many_zeros_cost_nothing_but_time(void **state)
{
    size_t n = 200000;
    char *text = malloc(n + 16);

    (void)state;
    assert_non_null(text);
    memset(text, '0', n);
    memcpy(text, "0.", 2);
    memcpy(text + n, "25e200000", 9);
    assert_true(num_parse(text, n + 9) == 25.0); /* 0.(199998 zeros)25 */
    text[0] = '1';
    memset(text + 1, '0', n - 1);
    memcpy(text + n, "e-199998", 8);
    assert_true(num_parse(text, n + 8) == 10.0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_strtod),
        cmocka_unit_test(random_texts_agree_with_strtod),
        cmocka_unit_test(far_digits_still_decide),
        cmocka_unit_test(many_zeros_cost_nothing_but_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
