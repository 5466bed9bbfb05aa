#include "base/testing.h"

#include "app/auth/revoked.h"

#include <stdio.h>

static const sio_str none = {NULL, 0};

static void test_users_and_tokens(void **state)
{
    revoked *r = revoked_new(60000);

    (void)state;
    assert_false(revoked_has(r, sio_lit("u"), 0, sio_lit("t"), 5000));
    assert_int_equal(revoked_add_user(r, sio_lit("u"), 5500), 0);
    assert_true(revoked_has(r, sio_lit("u"), 0, none, 6000)); /* it does not say when it was issued */
    assert_true(revoked_has(r, sio_lit("u"), 4000, none, 6000));
    assert_true(revoked_has(r, sio_lit("u"), 5000, none, 6000));
    assert_false(revoked_has(r, sio_lit("u"), 6000, none, 6000)); /* signed in again */
    assert_false(revoked_has(r, sio_lit("v"), 4000, sio_lit("u"), 6000));
    assert_int_equal(revoked_add_token(r, sio_lit("t"), 7000), 0);
    assert_true(revoked_has(r, sio_lit("v"), 9000, sio_lit("t"), 8000));
    assert_false(revoked_has(r, sio_lit("t"), 0, sio_lit("v"), 8000));
    assert_int_equal(revoked_add_user(r, sio_lit("u"), 8000), 0); /* once more, from now on */
    assert_true(revoked_has(r, sio_lit("u"), 6000, none, 9000));
    revoked_free(r);
}

static void test_it_ends(void **state)
{
    revoked *r = revoked_new(1000);

    (void)state;
    assert_int_equal(revoked_add_token(r, sio_lit("t"), 5000), 0);
    assert_true(revoked_has(r, sio_lit("v"), 0, sio_lit("t"), 5999));
    assert_false(revoked_has(r, sio_lit("v"), 0, sio_lit("t"), 6000));
    revoked_free(r);
}

static void test_limits(void **state)
{
    char id[REVOKED_ID_MAX + 1];
    revoked *r = revoked_new(1000);

    (void)state;
    memset(id, 'x', sizeof(id));
    assert_int_equal(revoked_add_user(r, (sio_str){id, sizeof(id)}, 0), SIO_EINVAL);
    assert_int_equal(revoked_add_user(r, sio_lit(""), 0), SIO_EINVAL);
    assert_int_equal(revoked_add_user(r, none, 0), SIO_EINVAL);
    for (int i = 0; i < REVOKED_MAX; i++) {
        snprintf(id, sizeof(id), "%d", i);
        assert_int_equal(revoked_add_token(r, sio_str_z(id), i < 10 ? 0 : 500), 0);
    }
    assert_int_equal(revoked_add_token(r, sio_lit("more"), 999), SIO_ELIMIT); /* nothing is over yet */
    assert_int_equal(revoked_add_token(r, sio_lit("5"), 999), 0);             /* is there already */
    assert_int_equal(revoked_add_token(r, sio_lit("more"), 1000), 0);
    assert_true(revoked_has(r, none, 0, sio_lit("more"), 1000));
    assert_true(revoked_has(r, none, 0, sio_lit("5"), 1000));
    assert_true(revoked_has(r, none, 0, sio_lit("77"), 1000));
    revoked_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_and_tokens),
        cmocka_unit_test(test_it_ends),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
