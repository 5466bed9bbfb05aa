/* Settings: sources and their order, ranges, what an error says, and that secrets never show. */
#include "main/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ENV(...) ((char *const[]){__VA_ARGS__ __VA_OPT__(,) NULL})

static int make(void **state)
{
    config *c = calloc(1, sizeof(*c));

    config_init(c);
    *state = c;
    return 0;
}

static int unmake(void **state)
{
    config_fini(*state);
    free(*state);
    return 0;
}

static void shown(const config *c, enum config_index i, const char *expected)
{
    char text[256];

    config_show(c, &config_items[i], text, sizeof(text));
    assert_string_equal(text, expected);
}

static void refused(int rc, const config_error *err, const char *name, const char *why)
{
    assert_int_equal(rc, -1);
    if (!strstr(err->text, name) || !strstr(err->text, why))
        fail_msg("\"%s\" does not say \"%s\" and \"%s\"", err->text, name, why);
}

static void defaults_are_those_of_the_seed(void **state)
{
    const config *c = *state;
    config_error err;

    assert_int_equal(c->port, 3000);
    assert_int_equal(c->ping_interval, 25000);
    assert_int_equal(c->ping_timeout, 60000);
    assert_string_equal(c->allowed_origins[0], "*");
    assert_null(c->allowed_origins[1]);
    assert_null(c->jwt_secret);
    assert_int_equal(config_check(c, &err), 0);
}

static void flag_beats_environment_beats_default(void **state)
{
    config *c = *state;
    config_error err;

    assert_int_equal(config_env(c, ENV("PORT=1", "HOST=::1", "LOOPS="), &err), 0);
    assert_int_equal(config_flag(c, "--port", "2", &err), 2);
    assert_int_equal(config_flag(c, "--ping-interval=25s", NULL, &err), 1);
    assert_int_equal(c->port, 2);
    assert_string_equal(c->origin[CONFIG_PORT], "--port");
    assert_string_equal(c->host, "::1");
    assert_string_equal(c->origin[CONFIG_HOST], "HOST");
    assert_int_equal(c->ping_interval, 25000);
    assert_int_equal(c->loops, 0);
    assert_null(c->origin[CONFIG_LOOPS]); /* empty = unset */
}

static void long_variable_name_wins(void **state)
{
    config *c = *state;
    config_error err;

    assert_int_equal(config_env(c, ENV("PARTYLINE_HOST=10.0.0.1", "HOST=x86_64-linux"), &err), 0);
    assert_string_equal(c->host, "10.0.0.1");
    assert_string_equal(c->origin[CONFIG_HOST], "PARTYLINE_HOST");
}

static void bad_values_name_their_setting(void **state)
{
    config *c = *state;
    config_error err;

    refused(config_flag(c, "--port", "65536", &err), &err, "--port", "0 to 65535");
    refused(config_flag(c, "--port", "-1", &err), &err, "--port", "out of range");
    refused(config_flag(c, "--port", " 5", &err), &err, "--port", "whole number");
    refused(config_flag(c, "--port=99999999999999999999", NULL, &err), &err, "--port", "whole number");
    refused(config_flag(c, "--port=", NULL, &err), &err, "--port", "whole number");
    refused(config_flag(c, "--port", NULL, &err), &err, "--port", "needs a value");
    refused(config_flag(c, "--cookie=perhaps", NULL, &err), &err, "--cookie", "neither");
    refused(config_flag(c, "--jwt-alg", "none", &err), &err, "--jwt-alg", "HS256|RS256");
    refused(config_flag(c, "--allowed-origins", " , ", &err), &err, "--allowed-origins", "names nothing");
    refused(config_env(c, ENV("PING_TIMEOUT=soon"), &err), &err, "PING_TIMEOUT", "duration");
    refused(config_env(c, ENV("PARTYLINE_PING_TIMEOUT=49"), &err), &err, "PARTYLINE_PING_TIMEOUT",
            "milliseconds");
    refused(config_env(c, ENV("PARTYLINE_PROT=3000"), &err), &err, "PARTYLINE_PROT", "no such setting");
    assert_int_equal(c->port, 3000);
}

static void unknown_flags_are_not_taken(void **state)
{
    static const char *const flags[] = {"--prot", "--", "-p", "port", "--PORT", "--jwt-alg-file",
                                        "--port-file"};
    config_error err;

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        assert_int_equal(config_flag(*state, flags[i], "1", &err), 0);
}

static void booleans_take_no_next_argument(void **state)
{
    config *c = *state;
    config_error err;

    assert_int_equal(config_flag(c, "--cookie", "serve", &err), 1);
    assert_true(c->cookie);
    assert_int_equal(config_flag(c, "--cookie=Off", NULL, &err), 1);
    assert_false(c->cookie);
}

static void lists_are_split_and_trimmed(void **state)
{
    config *c = *state;
    config_error err;

    assert_int_equal(config_flag(c, "--allowed-origins", "https://a.example, ,https://b.example ,", &err), 2);
    assert_string_equal(c->allowed_origins[0], "https://a.example");
    assert_string_equal(c->allowed_origins[1], "https://b.example");
    assert_null(c->allowed_origins[2]);
    shown(c, CONFIG_ALLOWED_ORIGINS, "https://a.example,https://b.example");
}

static void durations(void **state)
{
    long ms = 7;

    (void)state;
    assert_int_equal(config_duration("0", &ms), 0);
    assert_int_equal(ms, 0);
    assert_int_equal(config_duration("1500ms", &ms), 0);
    assert_int_equal(ms, 1500);
    assert_int_equal(config_duration("90m", &ms), 0);
    assert_int_equal(ms, 5400000);
    assert_int_equal(config_duration("7d", &ms), 0);
    assert_int_equal(ms, 604800000);
    assert_int_equal(config_duration("", &ms), -1);
    assert_int_equal(config_duration("-1s", &ms), -1);
    assert_int_equal(config_duration("1.5s", &ms), -1);
    assert_int_equal(config_duration("5 s", &ms), -1);
    assert_int_equal(config_duration("9223372036854775807d", &ms), -1);
}

static void secret_comes_from_a_file(void **state)
{
    char path[] = "/tmp/config_test.XXXXXX", variable[64];
    config *c = *state;
    config_error err;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "hush hush\r\n", 11), 11);
    close(fd);
    snprintf(variable, sizeof(variable), "JWT_SECRET_FILE=%s", path);
    assert_int_equal(config_env(c, ENV(variable), &err), 0);
    assert_string_equal(c->jwt_secret, "hush hush");
    assert_string_equal(c->origin[CONFIG_JWT_SECRET], "JWT_SECRET_FILE");
    refused(config_env(c, ENV(variable, "JWT_SECRET=x"), &err), &err, "JWT_SECRET_FILE", "both");
    assert_int_equal(config_flag(c, "--jwt-secret-file", path, &err), 2);
    unlink(path);
    refused(config_flag(c, "--jwt-secret-file", path, &err), &err, "--jwt-secret-file", "cannot read");
}

static void secrets_never_show(void **state)
{
    config *c = *state;
    config_error err;
    char *text = NULL, long_secret[5000];
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    assert_int_equal(config_flag(c, "--jwt-secret", "hunter2", &err), 2);
    config_print_values(c, f);
    fclose(f);
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "****"));
    free(text);

    memset(long_secret, 's', sizeof(long_secret) - 1);
    long_secret[sizeof(long_secret) - 1] = 0;
    refused(config_flag(c, "--jwt-secret", long_secret, &err), &err, "--jwt-secret", "4999 characters");
    assert_null(strstr(err.text, "sss"));
}

static void combinations_that_cannot_work(void **state)
{
    config *c = *state;
    config_error err;

    config_flag(c, "--database-url", "postgresql://u:hunter2@h/db", &err);
    assert_int_equal(config_check(c, &err), 0);
    assert_null(config_database_file(c));
    shown(c, CONFIG_DATABASE_URL, "postgresql://u:****@h/db");
    config_flag(c, "--redis-url", "redis://:hunter2@h/0", &err);
    assert_int_equal(config_check(c, &err), 0);
    shown(c, CONFIG_REDIS_URL, "redis://:****@h/0");
    config_flag(c, "--redis-url", "http://:hunter2@h", &err);
    assert_int_equal(config_check(c, &err), -1);
    assert_non_null(strstr(err.text, "--redis-url"));
    assert_null(strstr(err.text, "hunter2"));
    config_flag(c, "--redis-url", "redis://h", &err);
    config_flag(c, "--cluster-advertise", "a node:80", &err);
    assert_int_equal(config_check(c, &err), -1);
    assert_non_null(strstr(err.text, "--cluster-advertise"));
    config_flag(c, "--cluster-advertise", "node-1:80", &err);
    config_flag(c, "--database-url", "mysql://u:hunter2@h/db", &err);
    refused(config_check(c, &err), &err, "--database-url", "sqlite:FILE");
    assert_null(strstr(err.text, "hunter2"));
    config_flag(c, "--database-url", "sqlite::memory:", &err);
    refused(config_check(c, &err), &err, "--database-url", "sqlite:FILE");
    config_flag(c, "--database-url", "sqlite:///var/lib/p.db", &err);
    assert_int_equal(config_check(c, &err), 0);
    assert_string_equal(config_database_file(c), "/var/lib/p.db");
    config_flag(c, "--jwt-public-key-file", "key.pem", &err);
    refused(config_check(c, &err), &err, "--jwt-public-key-file", "JWT_ALG");
    config_flag(c, "--jwt-alg", "eddsa", &err);
    assert_int_equal(config_check(c, &err), 0);
    shown(c, CONFIG_JWT_ALG, "EdDSA");
}

static void keys_by_url_are_the_only_ones(void **state)
{
    config *c = *state;
    config_error err;

    config_flag(c, "--jwt-jwks-url", "http://id.example/keys", &err);
    refused(config_check(c, &err), &err, "--jwt-jwks-url", "https://");
    config_flag(c, "--jwt-jwks-url", "https://id.example/keys", &err);
    assert_int_equal(config_check(c, &err), 0);
    config_flag(c, "--jwt-jwks-file", "keys.json", &err);
    refused(config_check(c, &err), &err, "--jwt-jwks-url", "JWT_JWKS_FILE");
}

static void passwords_of_urls_are_masked(void **state)
{
    static const struct { const char *url, *shown; } cases[] = {
        {"sqlite:/var/lib/p.db", "sqlite:/var/lib/p.db"},
        {"postgres://h:5432/db", "postgres://h:5432/db"},
        {"postgres://u@h/db?schema=app", "postgres://u@h/db?schema=app"},
        {"postgres://u:pw@h:5432/db", "postgres://u:****@h:5432/db"},
        {"postgres://u:p/w@x:y@h/db", "postgres://u:****@h/db"},
        {"postgres://u:@h", "postgres://u:****@h"},
        {"postgres://:pw@h", "postgres://:****@h"},
        {"postgres:///db?user=u&password=pw&host=/tmp", "postgres:///db?user=u&password=****&host=/tmp"},
        {"postgres://u:pw@h/db?sslpassword=pw&password=pw",
         "postgres://u:****@h/db?sslpassword=****&password=****"},
        {"", ""},
        {"redis://h:1/2", "redis://h:1/2"},
        {"redis://:pw@h:1/2", "redis://:****@h:1/2"},
        {"redis://me:p@:/?w@h?x", "redis://me:****@h?x"}, /* not encoded as it should be */
        {"redis://secret@h", "redis://****@h"},
        {"unix://:pw@/run/s", "unix://:****@/run/s"},
        {"redis+sentinel://u:p@s/m?sentinel_password=q&sentinel_user=v",
         "redis+sentinel://u:****@s/m?sentinel_password=****&sentinel_user=v"},
        {"redis+sentinel://s/m?sentinel_password=q", "redis+sentinel://s/m?sentinel_password=****"},
    };
    char out[200];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        config_url_mask(cases[i].url, out, sizeof(out));
        assert_string_equal(out, cases[i].shown);
    }
    config_url_mask("postgres://somebody:pw@h/db", out, 12);
    assert_string_equal(out, "postgres://");
}

static void every_setting_is_documented(void **state)
{
    char *help = NULL, *page = NULL, flag[64];
    size_t n = 0;
    FILE *f = open_memstream(&help, &n);

    (void)state;
    config_print_help(f);
    fclose(f);
    f = open_memstream(&page, &n);
    config_print_markdown(f);
    fclose(f);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        config_flag_name(config_items[i].name, flag, sizeof(flag));
        assert_non_null(strstr(help, flag));
        assert_non_null(strstr(page, config_items[i].name));
        assert_non_null(strstr(page, config_items[i].help));
    }
    free(help);
    free(page);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, unmake)
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_those_of_the_seed), TEST(flag_beats_environment_beats_default),
        TEST(long_variable_name_wins),        TEST(bad_values_name_their_setting),
        TEST(unknown_flags_are_not_taken),    TEST(booleans_take_no_next_argument),
        TEST(lists_are_split_and_trimmed),    TEST(durations),
        TEST(secret_comes_from_a_file),       TEST(secrets_never_show),
        TEST(combinations_that_cannot_work),  TEST(passwords_of_urls_are_masked),
        TEST(every_setting_is_documented), TEST(keys_by_url_are_the_only_ones),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
