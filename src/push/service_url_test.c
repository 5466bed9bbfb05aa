#include "base/testing.h"

#include "push/service_url.h"

#include <string.h>

static void good_urls(void **state)
{
    static const char *const good[] = {
        "https://id.example/.well-known/jwks.json", "https://id.example:8443/keys?key=1",
        "HTTPS://id.example/",
        "http://127.0.0.1:8080/keys", "http://localhost/keys", "http://127.9.9.9/", "http://[::1]:80/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_null(service_url_fault(good[i], false));
}

static void bad_urls(void **state)
{
    static const struct { const char *url, *says; } bad[] = {
        {"http://id.example/keys", "https://"},      {"http://127.evil.example/", "https://"},
        {"http://localhost.evil.example/", "https://"}, {"http://127.0.0.1@evil.example/", "user"},
        {"file:///etc/passwd", "URL"},               {"ftp://127.0.0.1/x", "https://"},
        {"https://u:p@id.example/", "user"},         {"https://:p@id.example/", "user"},
        {"https://", "not a URL"},
        {"/etc/jwks.json", "not a URL"},             {"http://10.0.0.1/", "https://"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *fault = service_url_fault(bad[i].url, false);

        assert_non_null(fault);
        assert_non_null(strstr(fault, bad[i].says));
    }
}

static void paths_are_put_behind_a_base(void **state)
{
    static const char *const bad[] = {
        "https://id.example/?key=1", "https://id.example/#part", "http://127.0.0.1/?key=1",
    };

    (void)state;
    assert_null(service_url_fault("https://id.example/v1", true));
    assert_null(service_url_fault("http://127.0.0.1:8080", true));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *fault = service_url_fault(bad[i], true);

        assert_null(service_url_fault(bad[i], false));
        assert_non_null(fault);
        assert_non_null(strstr(fault, "query"));
    }
    assert_non_null(service_url_fault("http://127.evil.example", true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls),
        cmocka_unit_test(bad_urls),
        cmocka_unit_test(paths_are_put_behind_a_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
