#include "base/blob.h"
#include "base/testing.h"

#include <string.h>

static void counts_references(void **state)
{
    blob *b = blob_new(3);

    (void)state;
    assert_non_null(b);
    assert_int_equal(b->refs, 1);
    assert_int_equal(b->n, 3);
    assert_int_equal(b->start, 0);
    assert_int_equal(b->tag, 0);
    memcpy(b->p, "abc", 3);
    assert_ptr_equal(blob_hold(b), b);
    blob_drop(b);
    assert_int_equal(b->refs, 1);
    assert_memory_equal(b->p, "abc", 3);
    blob_drop(b); /* a leak or a double free would be the sanitizer's to tell */
    blob_drop(NULL);
}

static void clones_everything_but_the_count(void **state)
{
    blob *b = blob_new(4), *copy;

    (void)state;
    memcpy(b->p, "4abc", 4);
    b->start = 1;
    b->tag = 9;
    blob_hold(b);
    copy = blob_clone(b);
    assert_ptr_not_equal(copy, b);
    assert_int_equal(copy->refs, 1);
    assert_int_equal(copy->n, 4);
    assert_int_equal(copy->start, 1);
    assert_int_equal(copy->tag, 9);
    assert_memory_equal(copy->p, "4abc", 4);
    blob_drop(copy);
    blob_drop(b);
    blob_drop(b);
}

static void refuses_what_its_length_cannot_hold(void **state)
{
    (void)state;
    assert_null(blob_new((size_t)UINT32_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_references),
        cmocka_unit_test(clones_everything_but_the_count),
        cmocka_unit_test(refuses_what_its_length_cannot_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
