#include "cluster/link_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_port(const char *text, int *port)
{
    size_t n = strspn(text, "0123456789");

    *port = n >= 1 && n <= 5 && !text[n] ? atoi(text) : 0;
    return *port >= 1 && *port <= 65535;
}

/* Names and addresses: what else is in them would be a mistake, or a trick. */
static bool is_host(const char *p, size_t n, bool bracketed)
{
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';

        if (!(plain || (bracketed ? c == ':' || c == '%' : c == '-' || c == '_')))
            return false;
    }
    return n > 0;
}

/* Splits off the host; *rest is what follows it. */
static bool read_host(const char *text, char *host, size_t n, const char **rest)
{
    bool bracketed = text[0] == '[';
    const char *from = text + bracketed, *end = from + strcspn(from, bracketed ? "]" : ":");
    size_t len = (size_t)(end - from);

    if ((bracketed && *end != ']') || len >= n || !is_host(from, len, bracketed))
        return false;
    memcpy(host, from, len);
    host[len] = 0;
    *rest = end + bracketed;
    return true;
}

bool link_address_read(const char *text, char *host, size_t n, int *port)
{
    const char *rest;

    return read_host(text, host, n, &rest) && *rest == ':' && read_port(rest + 1, port);
}

static bool is_bare_ipv6(const char *text)
{
    struct in6_addr a;

    return inet_pton(AF_INET6, text, &a) == 1;
}

bool link_address_write(const char *advertise, int port, char *out, size_t n)
{
    char host[256];
    const char *rest;
    int len;

    if (is_bare_ipv6(advertise)) {
        len = snprintf(out, n, "[%s]:%d", advertise, port);
    } else {
        if (!read_host(advertise, host, sizeof host, &rest))
            return false;
        if (*rest && (*rest != ':' || !read_port(rest + 1, &port)))
            return false;
        len = snprintf(out, n, advertise[0] == '[' ? "[%s]:%d" : "%s:%d", host, port);
    }
    return len > 0 && (size_t)len < n;
}
