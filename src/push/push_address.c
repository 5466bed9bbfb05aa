#include "push/push_address.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t quad(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (uint32_t)a << 24 | b << 16 | c << 8 | d;
}

/* RFC 6890 and what came later in the registry of special addresses. */
static bool v4_is_public(uint32_t a)
{
    const struct { uint32_t net; unsigned bits; } special[] = {
        {quad(0, 0, 0, 0), 8}, {quad(10, 0, 0, 0), 8}, {quad(100, 64, 0, 0), 10}, {quad(127, 0, 0, 0), 8},
        {quad(169, 254, 0, 0), 16}, {quad(172, 16, 0, 0), 12}, {quad(192, 0, 0, 0), 24},
        {quad(192, 0, 2, 0), 24}, {quad(192, 88, 99, 0), 24}, {quad(192, 168, 0, 0), 16},
        {quad(198, 18, 0, 0), 15}, {quad(198, 51, 100, 0), 24}, {quad(203, 0, 113, 0), 24},
        {quad(224, 0, 0, 0), 4}, {quad(240, 0, 0, 0), 4},
    };

    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if ((a ^ special[i].net) >> (32 - special[i].bits) == 0)
            return false;
    }
    return true;
}

static bool begins(const uint8_t a[16], const uint8_t *net, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(a, net, whole) == 0 && (rest == 0 || (a[whole] ^ net[whole]) >> (8 - rest) == 0);
}

static bool v6_is_public(const uint8_t a[16])
{
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b}, global[1] = {0x20};
    static const struct { uint8_t net[4]; unsigned bits; } special[] = {
        {{0x20, 0x01, 0, 0}, 23},       /* Teredo and other protocols' */
        {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documents */
        {{0x20, 0x02, 0, 0}, 16},       /* 6to4 */
        {{0x3f, 0xff, 0, 0}, 20},       /* documents */
    };

    if (begins(a, nat64, 96))
        return v4_is_public(quad(a[12], a[13], a[14], a[15]));
    if (!begins(a, global, 3))
        return false;
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if (begins(a, special[i].net, special[i].bits))
            return false;
    }
    return true;
}

bool push_address_is_public(const struct sockaddr *a, socklen_t n)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (a->sa_family == AF_INET && n >= sizeof(v4)) {
        memcpy(&v4, a, sizeof(v4));
        return v4_is_public(ntohl(v4.sin_addr.s_addr));
    }
    if (a->sa_family == AF_INET6 && n >= sizeof(v6)) {
        memcpy(&v6, a, sizeof(v6));
        return v6_is_public(v6.sin6_addr.s6_addr);
    }
    return false;
}

/* 4 or 6, 0 for what is no address; net has room for 16 bytes. A scope (%eth0) is left out: it goes with
 * private ones only. */
static int read_text(const char *text, uint8_t *net)
{
    char plain[64];
    size_t n = strcspn(text, "%");

    if (n >= sizeof(plain))
        return 0;
    snprintf(plain, sizeof(plain), "%.*s", (int)n, text);
    if (inet_pton(AF_INET, plain, net) == 1)
        return 4;
    return inet_pton(AF_INET6, plain, net) == 1 ? 6 : 0;
}

bool push_address_text_is_public(const char *text)
{
    uint8_t a[16];
    int kind = read_text(text, a);

    return kind == 4 ? v4_is_public(quad(a[0], a[1], a[2], a[3])) : kind == 6 && v6_is_public(a);
}

bool push_address_is_literal(const char *text)
{
    uint8_t a[16];

    return read_text(text, a) != 0;
}
