#include "base/testing.h"

#include "sio_err.h"

#include <string.h>

static const int all[] = {
#define LISTED(name, value, code, text) name,
    SIO_ERRORS(LISTED)
#undef LISTED
};

static void names_what_it_knows(void **state)
{
    (void)state;
    assert_string_equal(sio_strerror(SIO_ETIMEOUT), "operation has timed out");
    assert_string_equal(sio_errcode(SIO_ETIMEOUT), "timeout");
    assert_string_equal(sio_errcode(SIO_EFIELD), "bad_field");
    assert_string_equal(sio_strerror(0), "unknown error");
    assert_string_equal(sio_strerror(-1000), "unknown error");
    assert_string_equal(sio_errcode(5), "unknown");
}

/* Codes travel to clients: two errors must not share one. */
static void codes_are_distinct(void **state)
{
    const size_t n = sizeof(all) / sizeof(all[0]);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_true(all[i] < 0);
        assert_string_not_equal(sio_errcode(all[i]), "unknown");
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(sio_errcode(all[i]), sio_errcode(all[k]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_it_knows),
        cmocka_unit_test(codes_are_distinct),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
