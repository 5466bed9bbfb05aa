#include "app/limit/bucket.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000LL
#define S  1000000000LL

static void test_burst_and_refill(void **state)
{
    limit_bucket b = {0};
    limit_rate rate = {10, 5};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(limit_take(&b, rate, 7 * S), 0);
    assert_int_equal(limit_take(&b, rate, 7 * S), 100);
    assert_int_equal(limit_take(&b, rate, 7 * S + 99 * MS), 1); /* the wait is honest, rounded up */
    assert_int_equal(limit_take(&b, rate, 7 * S + 100 * MS), 0);
    assert_int_equal(limit_take(&b, rate, 7 * S + 100 * MS), 100);
    for (int i = 0; i < 5; i++) /* however long the pause, no more than the burst */
        assert_int_equal(limit_take(&b, rate, 1000 * S), 0);
    assert_int_equal(limit_take(&b, rate, 1000 * S), 100);
}

static void test_extremes(void **state)
{
    limit_bucket b = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(limit_take(&b, (limit_rate){0, 1}, 0), 0); /* no limit */
    assert_int_equal(b.full_ns, 0);
    assert_int_equal(limit_take(&b, (limit_rate){1, 0}, 0), 0); /* burst 0 is 1 */
    assert_int_equal(limit_take(&b, (limit_rate){1, 0}, 0), 1000);
    b = (limit_bucket){0};
    assert_int_equal(limit_take(&b, (limit_rate){UINT32_MAX, UINT32_MAX}, INT64_MAX / 2), 0);
    assert_int_equal(limit_take(&b, (limit_rate){1, LIMIT_RATE_MAX}, INT64_MAX / 2), 0);
}

/* Over any second at most rate + burst get through, whatever the moments. */
static void test_never_more(void **state)
{
    limit_bucket b = {0};
    limit_rate rate = {7, 3};
    int64_t now = 0;
    int passed = 0;
    unsigned seed = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1103515245u + 12345u;
        now += (seed >> 16) % 20 * MS;
        passed += limit_take(&b, rate, now) == 0;
    }
    assert_true(passed <= now / S * 7 + 7 + 3);
    assert_true(passed >= now / S * 7 - 7); /* and they are not starved either: somebody always asked */
}

static void test_table_keeps_apart(void **state)
{
    limit_table *t = limit_table_new(1000);
    limit_rate rate = {1, 2};

    (void)state;
    for (uint64_t key = 1; key <= 500; key++) {
        assert_int_equal(limit_table_take(t, key * 0x9e3779b97f4a7c15u, rate, S), 0);
        assert_int_equal(limit_table_take(t, key * 0x9e3779b97f4a7c15u, rate, S), 0);
        assert_int_equal(limit_table_take(t, key * 0x9e3779b97f4a7c15u, rate, S), 1000);
    }
    limit_table_free(t);
}

/* In a full row the one that was used most stays limited, however many others come. */
static void test_table_evicts_the_fullest(void **state)
{
    limit_table *t = limit_table_new(8);
    limit_rate rate = {1, 100};

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(limit_table_take(t, 1, rate, S), 0);
    for (uint64_t key = 2; key < 10000; key++)
        assert_int_equal(limit_table_take(t, key, rate, S), 0);
    assert_int_equal(limit_table_take(t, 1, rate, S), 1000);
    limit_table_free(t);
}

static void *taker(void *arg)
{
    intptr_t passed = 0;

    for (int i = 0; i < 100000; i++)
        passed += limit_table_take(arg, 42, (limit_rate){1, 1000}, S) == 0;
    return (void *)passed; /* NOLINT */
}

static void test_table_of_threads(void **state)
{
    limit_table *t = limit_table_new(64);
    pthread_t thread[4];
    intptr_t total = 0;
    void *passed;

    (void)state;
    assert_int_equal(limit_table_take(t, 42, (limit_rate){1, 1000}, S),
                     0); /* it exists: from here on counts are exact */
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, taker, t), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], &passed);
        total += (intptr_t)passed;
    }
    assert_int_equal(total, 999);
    limit_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_and_refill),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_never_more),
        cmocka_unit_test(test_table_keeps_apart),
        cmocka_unit_test(test_table_evicts_the_fullest),
        cmocka_unit_test(test_table_of_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
