/* Which key is in force, and that tokens made here are those the server accepts. */
#include "main/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"

static config       settings;
static config_error why;
static auth         keys;

static int setup(void **state)
{
    (void)state;
    config_init(&settings);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    auth_fini(&keys);
    config_fini(&settings);
    return 0;
}

static void set(const char *flag, const char *value)
{
    assert_int_equal(config_flag(&settings, flag, value, &why), 2);
}

/* Signs, and gives what the verifier reads in it. */
static int round_trip(const auth_claims *claims, jwt_user *user, const char **reason)
{
    buf token;
    int err;

    buf_init(&token, JWT_MAX);
    err = auth_token(&keys, claims, &token, reason);
    if (err == 0)
        assert_int_equal(jwt_verify(keys.verifier, buf_str(&token), (int64_t)time(NULL) * 1000, user), 0);
    else
        assert_int_equal(token.n, 0);
    buf_fini(&token);
    return err;
}

static void a_token_says_what_was_asked(void **state)
{
    auth_claims claims = {sio_lit("alice"), sio_lit("Al \"the\" \xc3\xa4ice\n"),
                          sio_lit("https://a.example/a.png"), 90000};
    const char *reason;
    jwt_user user;

    (void)state;
    set("--jwt-secret", SECRET);
    set("--jwt-issuer", "party-gallery");
    set("--jwt-audience", "party-gallery-api");
    assert_int_equal(auth_init(&keys, &settings, AUTH_NO_DEMO, &why), 0);
    assert_false(keys.is_demo);
    assert_int_equal(round_trip(&claims, &user, &reason), 0);
    assert_true(sio_str_eq(user.id, claims.id));
    assert_true(sio_str_eq(user.username, claims.username));
    assert_true(sio_str_eq(user.avatar_url, claims.avatar_url));
    assert_true(user.expires_ms > (int64_t)time(NULL) * 1000 + 80000);
    assert_true(user.expires_ms <= (int64_t)time(NULL) * 1000 + 90000);

    claims.avatar_url = (sio_str){NULL, 0};
    assert_int_equal(round_trip(&claims, &user, &reason), 0);
    assert_null(user.avatar_url.p);
}

static void claims_the_server_would_refuse_are_not_signed(void **state)
{
    char long_id[200];
    auth_claims empty = {.username = sio_lit("A"), .id = sio_lit(""), .life_ms = 60000};
    auth_claims bytes = {.username = sio_lit("A"), .id = sio_lit("\xff"), .life_ms = 60000};
    auth_claims large = {.username = sio_lit("A"), .id = {long_id, sizeof(long_id)}, .life_ms = 60000};
    const char *reason;
    jwt_user user;

    (void)state;
    memset(long_id, 'x', sizeof(long_id));
    set("--jwt-secret", SECRET);
    assert_int_equal(auth_init(&keys, &settings, AUTH_NO_DEMO, &why), 0);
    assert_int_equal(round_trip(&empty, &user, &reason), SIO_EINVAL);
    assert_int_equal(round_trip(&bytes, &user, &reason), SIO_EINVAL);
    assert_string_equal(reason, "not valid UTF-8");
    assert_int_equal(round_trip(&large, &user, &reason), SIO_EINVAL);
}

static void without_a_key_only_the_demo_runs(void **state)
{
    char dir[] = "/tmp/auth_test.XXXXXX", url[64];

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(url, sizeof(url), "sqlite:%s/p.db", dir);
    set("--database-url", url);
    assert_int_equal(auth_init(&keys, &settings, AUTH_NO_DEMO, &why), -1);
    assert_non_null(strstr(why.text, "JWT_SECRET"));
    assert_int_equal(auth_init(&keys, &settings, AUTH_DEMO_READ, &why), -1);
    assert_int_equal(auth_init(&keys, &settings, AUTH_DEMO_MAKE, &why), 0);
    assert_true(keys.is_demo);
    unlink(keys.demo.path);
    rmdir(dir);
    auth_fini(&keys);

    set("--jwt-secret", SECRET); /* a real key is used in the demo too */
    assert_int_equal(auth_init(&keys, &settings, AUTH_DEMO_MAKE, &why), 0);
    assert_false(keys.is_demo);
}

static void a_missing_key_file_is_named(void **state)
{
    (void)state;
    set("--jwt-alg", "RS256");
    set("--jwt-public-key-file", "/nonexistent/key.pem");
    assert_int_equal(auth_init(&keys, &settings, AUTH_DEMO_MAKE, &why), -1);
    assert_non_null(strstr(why.text, "/nonexistent/key.pem"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_token_says_what_was_asked),
        TEST(claims_the_server_would_refuse_are_not_signed),
        TEST(without_a_key_only_the_demo_runs),
        TEST(a_missing_key_file_is_named),
    };

    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
