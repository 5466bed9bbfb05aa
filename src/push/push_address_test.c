#include "push/push_address.h"

#include "base/testing.h"

#include <arpa/inet.h>
#include <string.h>

static const char *const public[] = {
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255",
    "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:4860:4860::8888",
    "2606:4700::1111", "2a00:1450::1", "3ffe::1", "64:ff9b::808:808",
};
static const char *const refused[] = {
    "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
    "127.255.255.255", "169.254.0.1", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.1",
    "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::",
    "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1",
    "fdff::1", "ff02::1", "100::1", "2001::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::",
    "2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808", "", "localhost", "127.1", "example.com",
};

static bool socket_address_is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return push_address_is_public((struct sockaddr *)&v4, sizeof(v4));
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        return push_address_is_public((struct sockaddr *)&v6, sizeof(v6));
    return false;
}

static void only_the_public_internet_is_public(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
        if (!push_address_text_is_public(public[i]) || !socket_address_is_public(public[i]))
            fail_msg("%s is public", public[i]);
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (push_address_text_is_public(refused[i]) || socket_address_is_public(refused[i]))
            fail_msg("%s is not public", refused[i]);
    }
}

static void other_families_are_refused(void **state)
{
    struct sockaddr a = {.sa_family = AF_UNIX};
    struct sockaddr_in short_one = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x08080808)};

    (void)state;
    assert_false(push_address_is_public(&a, sizeof(a)));
    assert_false(push_address_is_public((struct sockaddr *)&short_one, 4));
}

static void names_are_no_addresses(void **state)
{
    (void)state;
    assert_true(push_address_is_literal("127.0.0.1"));
    assert_true(push_address_is_literal("fe80::1%eth0"));
    assert_false(push_address_is_literal("example.com"));
    assert_false(push_address_is_literal(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_public_internet_is_public),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(names_are_no_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
