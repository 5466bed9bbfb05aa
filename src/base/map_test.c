#include "base/map.h"
#include "base/testing.h"

#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>

#define THINGS 5000

typedef struct thing {
    char key[20];
    bool in;
} thing;

static sio_str thing_key(const void *object)
{
    return sio_str_z(((const thing *)object)->key);
}

static void puts_gets_and_deletes(void **state)
{
    thing a = {.key = "a"}, a2 = {.key = "a"}, b = {.key = "b"}, empty = {.key = ""};
    map m;

    (void)state;
    map_init(&m, thing_key);
    assert_null(map_get(&m, sio_lit("a")));
    assert_null(map_del(&m, sio_lit("a")));
    assert_int_equal(map_put(&m, &a), 0);
    assert_int_equal(map_put(&m, &a2), SIO_EEXIST);
    assert_int_equal(map_put(&m, &b), 0);
    assert_int_equal(map_put(&m, &empty), 0);
    assert_ptr_equal(map_get(&m, sio_lit("a")), &a);
    assert_ptr_equal(map_get(&m, sio_lit("")), &empty);
    assert_null(map_get(&m, sio_lit("c")));
    assert_ptr_equal(map_del(&m, sio_lit("a")), &a);
    assert_null(map_del(&m, sio_lit("a")));
    assert_int_equal(m.n, 2);
    map_fini(&m);
}

static void seeds_differ_between_maps(void **state)
{
    map a, b;

    (void)state;
    map_init(&a, thing_key);
    map_init(&b, thing_key);
    assert_memory_not_equal(a.seed, b.seed, sizeof(a.seed));
}

/* Every object is found exactly when it should be, and the walk meets each once. */
static void check_against_flags(const map *m, thing *all)
{
    uint32_t at = 0, met = 0, in = 0;

    for (int i = 0; i < THINGS; i++) {
        assert_ptr_equal(map_get(m, thing_key(&all[i])), all[i].in ? &all[i] : NULL);
        in += all[i].in;
    }
    for (thing *t = map_next(m, &at); t; t = map_next(m, &at)) {
        assert_true(t->in);
        met++;
    }
    assert_int_equal(met, in);
    assert_int_equal(m->n, in);
    assert_true((uint64_t)m->n * 4 <= (uint64_t)m->cap * 3);
}

static void behaves_as_a_set_under_random_changes(void **state)
{
    thing *all = calloc(THINGS, sizeof(*all));
    unsigned seed = 1;
    map m;

    (void)state;
    assert_non_null(all);
    map_init(&m, thing_key);
    for (int i = 0; i < THINGS; i++)
        snprintf(all[i].key, sizeof(all[i].key), "room-%d", i);
    for (int turn = 0; turn < 200000; turn++) {
        thing *t = &all[rand_r(&seed) % THINGS];
        bool want = (turn / 20000) % 2 ? rand_r(&seed) % 8 == 0 : rand_r(&seed) % 8 != 0;

        if (want)
            assert_int_equal(map_put(&m, t), t->in ? SIO_EEXIST : 0);
        else
            assert_ptr_equal(map_del(&m, thing_key(t)), t->in ? t : NULL);
        t->in = want;
        if (turn % 20000 == 19999)
            check_against_flags(&m, all);
    }
    map_fini(&m);
    free(all);
}

static void gives_memory_back(void **state)
{
    thing *all = calloc(THINGS, sizeof(*all));
    uint32_t high;
    map m;

    (void)state;
    assert_non_null(all);
    map_init(&m, thing_key);
    for (int i = 0; i < THINGS; i++) {
        snprintf(all[i].key, sizeof(all[i].key), "%d", i);
        assert_int_equal(map_put(&m, &all[i]), 0);
    }
    high = m.cap;
    for (int i = 0; i < THINGS - 10; i++)
        assert_ptr_equal(map_del(&m, thing_key(&all[i])), &all[i]);
    assert_true(m.cap < high / 16);
    for (int i = THINGS - 10; i < THINGS; i++)
        assert_ptr_equal(map_del(&m, thing_key(&all[i])), &all[i]);
    assert_int_equal(m.cap, 0);
    assert_null(m.object);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_gets_and_deletes),
        cmocka_unit_test(seeds_differ_between_maps),
        cmocka_unit_test(behaves_as_a_set_under_random_changes),
        cmocka_unit_test(gives_memory_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
