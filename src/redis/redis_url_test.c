#include "redis/redis_int.h"

#include "base/testing.h"

#include <stdio.h>
#include <stdlib.h>

static const char *text(const char *z) { return z ? z : "-"; }

/* All that was understood, as one line. */
static void means(const char *url, const char *want)
{
    char got[600];
    redis_url u;
    const char *fault = url_parse(&u, url);
    size_t n = 0;

    if (fault)
        fail_msg("%s: %s", url, fault);
    assert_null(redis_url_fault(url));
    for (unsigned i = 0; i < u.nhosts; i++)
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s:%d", i ? "," : "", u.host[i].name,
                              u.host[i].port);
    snprintf(got + n, sizeof(got) - n, " %d %s/%s db%d %s%s%s", u.kind, text(u.user), text(u.password), u.db,
             text(u.master), u.tls ? " tls" : "", u.no_verify ? " unverified" : "");
    assert_string_equal(got, want);
    url_fini(&u);
}

static void single(void **state)
{
    (void)state;
    means("redis://localhost", "localhost:6379 0 -/- db0 -");
    means("redis://10.0.0.1:7000/", "10.0.0.1:7000 0 -/- db0 -");
    means("redis://:pw@h/15", "h:6379 0 -/pw db15 -");
    means("redis://me:pw@h:1", "h:1 0 me/pw db0 -");
    means("redis://me:p%40s%3As%2F@h", "h:6379 0 me/p@s:s/ db0 -");
    means("redis://me:p@:x@h", "h:6379 0 me/p@:x db0 -");
    means("redis://[::1]:7000/1", "::1:7000 0 -/- db1 -");
    means("redis://[fe80::1]", "fe80::1:6379 0 -/- db0 -");
    means("rediss://h", "h:6379 0 -/- db0 - tls");
    means("rediss://h?verify=no", "h:6379 0 -/- db0 - tls unverified");
    means("rediss://h/1?verify=yes&ca=/etc/ca%20x.pem", "h:6379 0 -/- db1 - tls");
}

static void sockets(void **state)
{
    (void)state;
    means("unix:///run/redis.sock", "/run/redis.sock:0 0 -/- db0 -");
    means("unix://me:p%2Fw@/run/a@b.sock?db=3", "/run/a@b.sock:0 0 me/p/w db3 -");
    means("unix://:pw@/s", "/s:0 0 -/pw db0 -");
}

static void several(void **state)
{
    (void)state;
    means("redis+cluster://a,b:7001,[::1]:7002", "a:6379,b:7001,::1:7002 1 -/- db0 -");
    means("rediss+cluster://:pw@a/0", "a:6379 1 -/pw db0 - tls");
    means("redis+sentinel://s1,s2:5/mymaster", "s1:26379,s2:5 2 -/- db0 mymaster");
    means("redis+sentinel://u:p@s1/my%20master/4?sentinel_user=x&sentinel_password=y",
          "s1:26379 2 u/p db4 my master");
    means("rediss+sentinel://s1/m/", "s1:26379 2 -/- db0 m tls");
}

static void parameters(void **state)
{
    redis_url u;

    (void)state;
    assert_null(url_parse(&u, "rediss://h?ca=%2Fca&cert=/c&key=/k"));
    assert_string_equal(u.ca, "/ca");
    assert_string_equal(u.cert, "/c");
    assert_string_equal(u.key, "/k");
    url_fini(&u);
    assert_null(url_parse(&u, "redis+sentinel://h/m?sentinel_password=a%26b"));
    assert_null(u.sentinel_user);
    assert_string_equal(u.sentinel_password, "a&b");
    url_fini(&u);
}

static void faults(void **state)
{
    static const char *const bad[] = {
        "", "redis", "http://h", "redis:/h", "redis://", "redis://:1", "redis:///1", "redis://h:",
        "redis://h:0",
        "redis://h:65536", "redis://h:x", "redis://h/x", "redis://h/-1", "redis://h/1/2", "redis://h/100000",
        "redis://me@h", "redis://me:@h", "redis://h,i", "redis://h?x=1", "redis://h?db=1",
        "redis://h?verify=no",
        "redis://h?ca=/x", "rediss://h?verify=maybe", "rediss://h?cert=/c", "rediss://h?ca", "redis://%zz",
        "redis://a%00b", "redis://:%0@h", "redis://[::1", "redis://[::1]x", "redis://%2Fpath", "unix://",
        "unix://relative",
        "unix:///", "redis+cluster://a/1", "redis+cluster://a,,b", "redis+cluster://a,", "redis+sentinel://a",
        "redis+sentinel://a/", "redis+sentinel:///m", "redis+sentinel://a/m/x",
        "redis+sentinel://a/m?sentinel_user=x",
        "redis://h?sentinel_password=x", "redis+cluster://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
    };
    char *long_url = malloc(5001);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (!redis_url_fault(bad[i]))
            fail_msg("%s is taken", bad[i]);
    assert_non_null(redis_url_fault(NULL));
    memset(long_url, 'h', 5000);
    memcpy(long_url, "redis://", 8);
    long_url[5000] = 0;
    assert_non_null(redis_url_fault(long_url));
    free(long_url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single), cmocka_unit_test(sockets), cmocka_unit_test(several),
        cmocka_unit_test(parameters),
        cmocka_unit_test(faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
