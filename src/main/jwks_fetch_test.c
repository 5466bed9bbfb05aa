/* Which URLs are trusted, and how long an answer counts; the rest is tests/interop/jwks_url.test.mjs. */
#include "main/jwks_fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void good_urls(void **state)
{
    static const char *const good[] = {
        "https://id.example/.well-known/jwks.json", "https://id.example:8443/keys?key=1",
        "HTTPS://id.example/",
        "http://127.0.0.1:8080/keys", "http://localhost/keys", "http://127.9.9.9/", "http://[::1]:80/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_null(jwks_url_fault(good[i]));
}

static void bad_urls(void **state)
{
    static const struct { const char *url, *says; } bad[] = {
        {"http://id.example/keys", "https://"},      {"http://127.evil.example/", "https://"},
        {"http://localhost.evil.example/", "https://"}, {"http://127.0.0.1@evil.example/", "user"},
        {"file:///etc/passwd", "URL"},               {"ftp://127.0.0.1/x", "https://"},
        {"https://u:p@id.example/", "user"},         {"https://", "not a URL"},
        {"/etc/jwks.json", "not a URL"},             {"http://10.0.0.1/", "https://"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *fault = jwks_url_fault(bad[i].url);

        assert_non_null(fault);
        assert_non_null(strstr(fault, bad[i].says));
    }
}

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
        cmocka_unit_test(good_urls), cmocka_unit_test(bad_urls), cmocka_unit_test(ages),
    };

    return cmocka_run_group_tests_name("jwks_fetch", tests, NULL, NULL);
}
