/* How long an answer counts; the rest is tests/interop/jwks_url.test.mjs. */
#include "main/jwks_fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void ages(void **state)
{
    static const struct { const char *value; int64_t s; } cases[] = {
        {" public, max-age=19204, must-revalidate\r\n", 19204},
        {"max-age=0", 0}, {"MAX-AGE=7,no-transform", 7},
        {"no-store", 0}, {"max-age=600, no-cache", 0}, {"public", -1}, {"", -1}, {"s-maxage=5", -1},
        {"max-age=", -1}, {"max-age=-5", -1},
        {"max-age=99999999999999999999", INT64_MAX}, {"max-age=9, max-age=3", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(jwks_max_age_s(sio_str_z(cases[i].value)), cases[i].s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages),
    };

    return cmocka_run_group_tests_name("jwks_fetch", tests, NULL, NULL);
}
