#include "base/isotime.h"
#include "base/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void check_time(int64_t ms, const char *want)
{
    char out[ISOTIME_MAX + 1];

    out[isotime_put(ms, out)] = 0;
    assert_string_equal(out, want);
}

/* Expectations: new Date(ms).toISOString() in Node 20. */
static void writes_as_javascript(void **state)
{
    (void)state;
    check_time(0, "1970-01-01T00:00:00.000Z");
    check_time(-1, "1969-12-31T23:59:59.999Z");
    check_time(1704067200123, "2024-01-01T00:00:00.123Z");
    check_time(951782399999, "2000-02-28T23:59:59.999Z");
    check_time(951782400000, "2000-02-29T00:00:00.000Z");
    check_time(4107542400000, "2100-03-01T00:00:00.000Z");
    check_time(253402300799999, "9999-12-31T23:59:59.999Z");
    check_time(253402300800000, "+010000-01-01T00:00:00.000Z");
    check_time(-62167219200000, "0000-01-01T00:00:00.000Z");
    check_time(-62167219200001, "-000001-12-31T23:59:59.999Z");
    check_time(8640000000000000, "+275760-09-13T00:00:00.000Z");
    check_time(-8640000000000000, "-271821-04-20T00:00:00.000Z");
    check_time(8640000000000001, "");
    check_time(INT64_MIN, "");
}

static void agrees_with_gmtime(void **state)
{
    unsigned seed = 5;
    char want[64];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        int64_t s = ((int64_t)rand_r(&seed) << 7) - 60000000000;
        time_t t = (time_t)s;
        struct tm tm;

        gmtime_r(&t, &tm);
        snprintf(want, sizeof(want), "%04d-%02d-%02dT%02d:%02d:%02d.007Z", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        if (tm.tm_year + 1900 <= 9999)
            check_time(s * 1000 + 7, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_as_javascript),
        cmocka_unit_test(agrees_with_gmtime),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
