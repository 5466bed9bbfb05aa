#include "base/arena.h"
#include "base/testing.h"

static void allocates_aligned_and_apart(void **state)
{
    char *p[200];
    arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (int i = 0; i < 200; i++) {
        p[i] = arena_alloc(&a, (size_t)i * 7);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], i, (size_t)i * 7);
    }
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < i * 7; k++)
            assert_int_equal((unsigned char)p[i][k], i);
    }
    arena_fini(&a);
}

static void stops_at_its_maximum(void **state)
{
    arena a;

    (void)state;
    arena_init(&a, 4096);
    assert_null(arena_alloc(&a, 4097));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 15));
    assert_null(arena_dup(&a, "", SIZE_MAX));
    assert_non_null(arena_alloc(&a, 4000));
    assert_null(arena_alloc(&a, 100));
    assert_non_null(arena_alloc(&a, 96));
    assert_int_equal(a.used, 4096);
    assert_null(arena_alloc(&a, 0));
    arena_fini(&a);
}

static void duplicates_with_a_zero_byte(void **state)
{
    arena a;
    char *s;

    (void)state;
    arena_init(&a, 4096);
    s = arena_dup(&a, "hello!", 5);
    assert_string_equal(s, "hello");
    s = arena_dup(&a, NULL, 0);
    assert_string_equal(s, "");
    arena_fini(&a);
}

static void is_reusable_after_a_reset(void **state)
{
    arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            memset(arena_alloc(&a, 5000), 1, 5000);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
        assert_non_null(a.head); /* one chunk stays */
    }
    memset(arena_alloc(&a, 500000), 1, 500000);
    arena_fini(&a);
    assert_null(a.head);
}

static void begins_in_lent_memory(void **state)
{
    _Alignas(16) char mem[256];
    char *p[10];
    arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    arena_lend(&a, mem, sizeof(mem));
    for (int i = 0; i < 10; i++) {
        p[i] = arena_alloc(&a, 100);
        assert_int_equal(p[i] > mem && p[i] + 100 <= mem + sizeof(mem), i < 2);
        memset(p[i], i, 100);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(p[i][99], i);
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 50000));
    arena_fini(&a);
    arena_lend(&a, mem, 8); /* too little for anything */
    assert_non_null(arena_alloc(&a, 1));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocates_aligned_and_apart),
        cmocka_unit_test(stops_at_its_maximum),
        cmocka_unit_test(duplicates_with_a_zero_byte),
        cmocka_unit_test(is_reusable_after_a_reset),
        cmocka_unit_test(begins_in_lent_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
