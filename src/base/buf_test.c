#include "base/buf.h"
#include "base/testing.h"

#include "sio_err.h"

static void appends_and_consumes(void **state)
{
    buf b;

    (void)state;
    buf_init(&b, 1000);
    assert_null(b.p);
    assert_int_equal(buf_add(&b, NULL, 0), 0);
    assert_int_equal(buf_puts(&b, "hello"), 0);
    assert_int_equal(buf_putc(&b, ' '), 0);
    assert_int_equal(buf_add_str(&b, sio_lit("world")), 0);
    assert_true(sio_str_eq(buf_str(&b), sio_lit("hello world")));
    buf_consume(&b, 6);
    assert_true(sio_str_eq(buf_str(&b), sio_lit("world")));
    buf_consume(&b, 100);
    assert_int_equal(b.n, 0);
    buf_fini(&b);
    assert_null(b.p);
    assert_int_equal(buf_puts(&b, "again"), 0);
    buf_fini(&b);
}

static void never_exceeds_its_maximum(void **state)
{
    char big[101] = {0};
    buf b;

    (void)state;
    buf_init(&b, 100);
    assert_int_equal(buf_add(&b, big, 101), SIO_ETOOBIG);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), SIO_ETOOBIG);
    assert_int_equal(b.n, 0);
    assert_int_equal(buf_add(&b, big, 99), 0);
    assert_int_equal(buf_add(&b, big, 2), SIO_ETOOBIG);
    assert_int_equal(buf_putc(&b, 'x'), 0);
    assert_int_equal(buf_putc(&b, 'x'), SIO_ETOOBIG);
    assert_int_equal(b.n, 100);
    assert_true(b.cap <= 100);
    buf_fini(&b);
}

static void printf_grows_and_may_end_at_the_maximum(void **state)
{
    buf b;

    (void)state;
    buf_init(&b, 100);
    assert_int_equal(buf_printf(&b, "%d-%s", 7, "x"), 0);
    assert_int_equal(buf_printf(&b, "%097d", 5), 0);
    assert_int_equal(b.n, 100);
    assert_memory_equal(b.p, "7-x000", 6);
    assert_int_equal(b.p[99], '5');
    assert_int_equal(buf_printf(&b, "y"), SIO_ETOOBIG);
    assert_int_equal(buf_printf(&b, "%s", ""), 0);
    assert_int_equal(b.n, 100);
    buf_fini(&b);
}

static void many_small_appends_keep_all_bytes(void **state)
{
    buf b;

    (void)state;
    buf_init(&b, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buf_putc(&b, (char)(i % 251)), 0);
    for (int i = 0; i < 100000; i++)
        assert_int_equal((unsigned char)b.p[i], i % 251);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_consumes),
        cmocka_unit_test(never_exceeds_its_maximum),
        cmocka_unit_test(printf_grows_and_may_end_at_the_maximum),
        cmocka_unit_test(many_small_appends_keep_all_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
