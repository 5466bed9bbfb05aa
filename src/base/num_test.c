#include "base/num.h"
#include "base/testing.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_double(double v, const char *want)
{
    char out[33];
    size_t n = num_double(v, out);

    assert_true(n <= 32);
    out[n] = 0;
    assert_string_equal(out, want);
}

static void integers(void **state)
{
    static const int64_t values[] = {0, 1, -1, 9, 10, 99, 100, INT64_MAX, INT64_MIN, -9007199254740991};
    char out[22], want[22];

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        out[num_i64(values[i], out)] = 0;
        snprintf(want, sizeof(want), "%lld", (long long)values[i]);
        assert_string_equal(out, want);
    }
    out[num_u64(UINT64_MAX, out)] = 0;
    assert_string_equal(out, "18446744073709551615");
}

/* Expectations: JSON.stringify in Node 20. */
static void doubles_as_javascript_writes_them(void **state)
{
    (void)state;
    check_double(0.0, "0");
    check_double(-0.0, "0");
    check_double(1.0, "1");
    check_double(-1.5, "-1.5");
    check_double(0.1, "0.1");
    check_double(0.1 + 0.2, "0.30000000000000004");
    check_double(1.0 / 3.0, "0.3333333333333333");
    check_double(100.0, "100");
    check_double(123456789.125, "123456789.125");
    check_double(9007199254740992.0, "9007199254740992");
    check_double(9007199254740994.0, "9007199254740994");
    check_double(123456789012345680000.0, "123456789012345680000");
    check_double(1e20, "100000000000000000000");
    check_double(1e21, "1e+21");
    check_double(1.5e300, "1.5e+300");
    check_double(1e-6, "0.000001");
    check_double(1.25e-6, "0.00000125");
    check_double(1e-7, "1e-7");
    check_double(-1.5e-10, "-1.5e-10");
    check_double(NAN, "null");
    check_double(INFINITY, "null");
    check_double(-INFINITY, "null");
}

/* Where %.17g and naive shortening go wrong. Expectations: JSON.stringify in Node 20. */
static void doubles_at_the_edges(void **state)
{
    (void)state;
    check_double(5e-324, "5e-324");
    check_double(1e-323, "1e-323");
    check_double(2.2250738585072014e-308, "2.2250738585072014e-308");
    check_double(2.225073858507201e-308, "2.225073858507201e-308");
    check_double(1.7976931348623157e308, "1.7976931348623157e+308");
    check_double(0x1p-44, "5.684341886080802e-14");
    check_double(0x1p-1022, "2.2250738585072014e-308");
    check_double(0x1p+70, "1.1805916207174113e+21");
    check_double(9.5e-7, "9.5e-7");
    check_double(1e23, "1e+23");
    check_double(4.35, "4.35");
    check_double(0.000001234567890123456, "0.000001234567890123456");
}

static void random_doubles_read_back(void **state)
{
    unsigned seed = 7;
    char out[33];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = (uint64_t)rand_r(&seed) << 42 ^ (uint64_t)rand_r(&seed) << 21 ^
                        (uint64_t)rand_r(&seed);
        double v;

        memcpy(&v, &bits, 8);
        if (!isfinite(v))
            continue;
        out[num_double(v, out)] = 0;
        assert_true(strtod(out, NULL) == v);
    }
}

static void the_locale_has_no_say(void **state)
{
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        skip();
    check_double(1.5, "1.5");
    check_double(0.1, "0.1");
    setlocale(LC_NUMERIC, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles_as_javascript_writes_them),
        cmocka_unit_test(doubles_at_the_edges),
        cmocka_unit_test(random_doubles_read_back),
        cmocka_unit_test(the_locale_has_no_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
