#include "app/limit/address.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static limit_address read_address(const char *text)
{
    limit_address a;

    assert_true(limit_address_read(sio_str_z(text), &a));
    return a;
}

static void assert_same(const char *a, const char *b)
{
    limit_address x = read_address(a), y = read_address(b);

    assert_memory_equal(x.b, y.b, sizeof(x.b));
}

static void test_addresses(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "unknown",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "256.1.1.1",
                                      "[::1",
                                      "::1::",
                                      "_hidden",
                                      "1.2.3.4,5.6.7.8",
                                      "2001:db8:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:1"};
    limit_address a;

    (void)state;
    assert_same("1.2.3.4", " 1.2.3.4:80\t");
    assert_same("1.2.3.4", "::ffff:1.2.3.4");
    assert_same("2001:db8::1", "[2001:DB8::1]:443");
    assert_same("2001:db8::1", "[2001:db8::1]");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(limit_address_read(sio_str_z(bad[i]), &a));
    a = read_address("1.2.3.4");
    assert_int_equal(limit_address_len(&a), 16);
    a = read_address("2001:db8::1");
    assert_int_equal(limit_address_len(&a), 8);
}

static bool has(const char *net, const char *address)
{
    limit_address a = read_address(address);
    limit_net n;

    assert_true(limit_net_read(sio_str_z(net), &n));
    return limit_net_has(&n, &a);
}

static void test_nets(void **state)
{
    static const char *const bad[] = {
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "::/129", "::/0128", "host/8"};
    limit_net n;

    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.0.1"));
    assert_false(has("10.0.0.0/8", "11.0.0.1"));
    assert_true(has("192.168.4.0/22", "192.168.7.255"));
    assert_false(has("192.168.4.0/22", "192.168.8.0"));
    assert_true(has("127.0.0.1", "127.0.0.1"));
    assert_false(has("127.0.0.1", "127.0.0.2"));
    assert_true(has("0.0.0.0/0", "9.9.9.9"));
    assert_false(has("0.0.0.0/0", "2001:db8::1")); /* all of IPv4 is not all */
    assert_true(has("::/0", "9.9.9.9"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(limit_net_read(sio_str_z(bad[i]), &n));
}

static void check_client(const char *peer, const char *forwarded, const char *expected)
{
    limit_address a = read_address(peer), want = read_address(expected);
    limit_net trusted[2];

    assert_true(limit_net_read(sio_lit("10.0.0.0/8"), &trusted[0]));
    assert_true(limit_net_read(sio_lit("::1"), &trusted[1]));
    limit_address_client(&a, sio_str_z(forwarded), trusted, 2);
    assert_memory_equal(a.b, want.b, sizeof(a.b));
}

static void test_forwarded(void **state)
{
    (void)state;
    check_client("10.0.0.1", "203.0.113.7", "203.0.113.7");
    check_client("::1", "203.0.113.7, 10.1.1.1", "203.0.113.7");
    check_client("10.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"); /* what the client itself made up */
    check_client("203.0.113.9", "6.6.6.6", "203.0.113.9");           /* a stranger's word */
    check_client("10.0.0.1", "203.0.113.7, unknown", "10.0.0.1");
    check_client("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2");
    check_client("10.0.0.1", "", "10.0.0.1");
    check_client("10.0.0.1", ",", "10.0.0.1");
    check_client("10.0.0.1", ",203.0.113.7", "203.0.113.7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_nets),
        cmocka_unit_test(test_forwarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
