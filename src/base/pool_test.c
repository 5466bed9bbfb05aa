#include "base/pool.h"
#include "base/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS 5000

typedef struct record {
    unsigned char *p;
    size_t         n;
} record;

static record R[RECORDS];

static void get(pool *p, unsigned i)
{
    R[i].n = i % (POOL_MAX + 40);
    R[i].p = pool_get(p, R[i].n);
    assert_non_null(R[i].p);
    assert_int_equal((uintptr_t)R[i].p % 16, 0);
    for (size_t k = 0; k < R[i].n; k++)
        assert_int_equal(R[i].p[k], 0);
    memset(R[i].p, (int)(i % 255 + 1), R[i].n);
}

/* Nobody else has written there. */
static void put(pool *p, unsigned i)
{
    for (size_t k = 0; k < R[i].n; k++)
        assert_int_equal(R[i].p[k], i % 255 + 1);
    pool_put(p, R[i].p, R[i].n);
    R[i].p = NULL;
}

static void records_do_not_meet(void **state)
{
    unsigned dice = 1;
    pool p;

    (void)state;
    pool_init(&p);
    for (unsigned i = 0; i < RECORDS; i++)
        get(&p, i);
    for (unsigned turn = 0; turn < 10 * RECORDS; turn++) {
        unsigned i = (dice = dice * 1103515245u + 12345u) / 65536u % RECORDS;

        if (R[i].p)
            put(&p, i);
        else
            get(&p, i);
    }
    for (unsigned i = 0; i < RECORDS; i++)
        if (R[i].p)
            put(&p, i);
    assert_int_equal(p.nblocks, 0);
}

/* What was freed is used before a block is added, and a block goes as soon as it is empty. */
static void blocks_come_and_go(void **state)
{
    size_t most;
    pool p;

    (void)state;
    pool_init(&p);
    memset(R, 0, sizeof(R));
    for (unsigned i = 0; i < RECORDS; i++)
        assert_non_null(R[i].p = pool_get(&p, 60));
    most = p.nblocks;
    if (most == 0)
        skip(); /* under the sanitizer each record is an allocation */
    assert_in_range(most, RECORDS * 64 / 16384, RECORDS * 64 / 16384 + 2);
    for (unsigned i = 0; i < RECORDS / 2; i++)
        pool_put(&p, R[i].p, 60);
    assert_in_range(p.nblocks, most / 2, most / 2 + 1);
    for (unsigned i = 0; i < RECORDS / 2; i++)
        assert_non_null(R[i].p = pool_get(&p, 60));
    assert_int_equal(p.nblocks, most);
    for (unsigned i = 0; i < RECORDS; i += 2)
        pool_put(&p, R[i].p, 60);
    for (unsigned i = 0; i < RECORDS; i += 2)
        assert_non_null(R[i].p = pool_get(&p, 60));
    assert_int_equal(p.nblocks, most);
    for (unsigned i = 0; i < RECORDS; i++)
        pool_put(&p, R[i].p, 60);
    assert_int_equal(p.nblocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_do_not_meet),
        cmocka_unit_test(blocks_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
