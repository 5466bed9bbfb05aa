#include "base/rand.h"
#include "base/testing.h"

#include <string.h>

/* 4096 random bytes in which one value never turns up happen once in 30000 runs; two values, never. */
static void bytes_use_the_whole_range(void **state)
{
    unsigned char p[4096];
    int seen[256] = {0}, distinct = 0;

    (void)state;
    rand_bytes(p, sizeof(p));
    for (size_t i = 0; i < sizeof(p); i++)
        distinct += seen[p[i]]++ == 0;
    assert_true(distinct >= 254);
}

static void ids_are_made_of_the_url_alphabet(void **state)
{
    char id[4097];
    int seen[256] = {0}, distinct = 0;

    (void)state;
    id[4096] = 'x';
    rand_id(id, 4096);
    assert_int_equal(id[4096], 'x');
    id[4096] = 0;
    assert_int_equal(strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 4096);
    for (size_t i = 0; i < 4096; i++)
        distinct += seen[(unsigned char)id[i]]++ == 0;
    assert_int_equal(distinct, 64);
}

static void two_ids_differ(void **state)
{
    char a[20], b[20];

    (void)state;
    rand_id(a, sizeof(a));
    rand_id(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_use_the_whole_range),
        cmocka_unit_test(ids_are_made_of_the_url_alphabet),
        cmocka_unit_test(two_ids_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
