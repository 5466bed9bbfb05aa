#include "app/limit/limit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static limits *make(const limit_options *o)
{
    limits *l = NULL;
    char why[200];

    assert_int_equal(limits_new(&l, o, why, sizeof(why)), 0);
    return l;
}

static limit_session session_of(limits *l, const char *user)
{
    limit_session me = {0};
    int64_t retry_ms = 0;

    assert_null(limit_enter(l, &me, sio_str_z(user), &retry_ms));
    return me;
}

static unsigned passes(limits *l, limit_session *me, const char *event, unsigned n)
{
    unsigned passed = 0;
    bool flood;

    while (n--)
        passed += limit_event(l, me, sio_str_z(event), &flood) == 0;
    return passed;
}

static void test_each_kind(void **state)
{
    char *events[] = {"chat:message=1/3", "x=0/1", NULL};
    limits *l = make(&(limit_options){.socket = {1, 10}, .user = {1, 15}, .events = events});
    limit_session phone = session_of(l, "u1"), laptop = session_of(l, "u1"), other = session_of(l, "u2");
    limit_counts n;

    (void)state;
    assert_true(limit_has_rates(l));
    assert_int_equal(passes(l, &phone, "chat:message", 4),
                     3); /* the event's; the refused one counts for the others */
    assert_int_equal(passes(l, &laptop, "chat:message", 1), 0); /* of the same user */
    assert_int_equal(passes(l, &other, "chat:message", 4), 3);
    assert_int_equal(passes(l, &phone, "x", 10), 6); /* the socket's */
    assert_int_equal(passes(l, &laptop, "y", 9), 4); /* the user's: 4 + 1 + 6 + 4 = 15 */
    limits_counts(l, &n);
    assert_int_equal(n.event, 3);
    assert_int_equal(n.socket, 4);
    assert_int_equal(n.user, 5);
    limits_free(l);
}

static void test_wait_and_flood(void **state)
{
    limits *l = make(&(limit_options){.socket = {1, 1}, .flood = 5});
    limit_session me = session_of(l, "u");
    int64_t wait;
    bool flood;

    (void)state;
    assert_int_equal(limit_event(l, &me, sio_lit("e"), &flood), 0);
    for (int i = 0; i < 6; i++) {
        wait = limit_event(l, &me, sio_lit("e"), &flood);
        assert_true(wait > 0 && wait <= 1000);
        assert_int_equal(flood, i == 5);
    }
    limits_free(l);
    l = make(&(limit_options){.socket = {1, 1}});
    me = session_of(l, "u");
    for (int i = 0; i < 100000; i++) {
        limit_event(l, &me, sio_lit("e"), &flood);
        assert_false(flood); /* 0: never */
    }
    limits_free(l);
}

static void test_connections(void **state)
{
    limits *l = make(&(limit_options){.connections = 2});
    limit_session a = {.address = 7}, b = {.address = 7}, c = {.address = 7}, d = {.address = 8};
    int64_t retry_ms = 0;
    limit_counts n;

    (void)state;
    assert_false(limit_has_rates(l));
    assert_null(limit_enter(l, &a, sio_lit("u"), &retry_ms));
    assert_null(limit_enter(l, &b, sio_lit("u"), &retry_ms));
    assert_non_null(limit_enter(l, &c, sio_lit("u"), &retry_ms));
    assert_true(retry_ms > 0);
    assert_null(limit_enter(l, &d, sio_lit("u"), &retry_ms));
    limit_leave(&c); /* was not counted */
    assert_non_null(limit_enter(l, &c, sio_lit("u"), &retry_ms));
    limit_leave(&a);
    limit_leave(&a);
    assert_null(limit_enter(l, &c, sio_lit("u"), &retry_ms));
    assert_non_null(limit_enter(l, &a, sio_lit("u"), &retry_ms));
    limits_counts(l, &n);
    assert_int_equal(n.connections, 3);
    limits_free(l);
}

static void test_bad_lists(void **state)
{
    static char *bad[] = {"chat:message", "=1/1",        "e=1",    "e=1/0", "e=-1/5",
                          "e=+1/5",       "e=1/2000000", "e=1/2x", "e=/2",  "e= 1/2"};
    char *list[2] = {NULL, NULL}, *proxies[] = {"localhost", NULL};
    limits *l = NULL;
    char why[200];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        list[0] = bad[i];
        assert_int_equal(limits_new(&l, &(limit_options){.events = list}, why, sizeof(why)), SIO_EINVAL);
        assert_non_null(strstr(why, bad[i]));
    }
    assert_int_equal(limits_new(&l, &(limit_options){.proxies = proxies}, why, sizeof(why)), SIO_EINVAL);
    assert_non_null(strstr(why, "localhost"));
    assert_null(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind),
        cmocka_unit_test(test_wait_and_flood),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_bad_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
