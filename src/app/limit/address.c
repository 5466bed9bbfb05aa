#include "app/limit/address.h"

#include <arpa/inet.h>

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const limit_address *a)
{
    return memcmp(a->b, v4_prefix, sizeof(v4_prefix)) == 0;
}

static sio_str trim(sio_str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* Without brackets and port. */
static sio_str strip_port(sio_str s)
{
    const char *end, *colon;

    if (s.n && *s.p == '[') {
        end = memchr(s.p, ']', s.n);
        return end ? (sio_str){s.p + 1, (size_t)(end - s.p - 1)} : (sio_str){s.p, 0};
    }
    colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    if (colon && !memchr(colon + 1, ':', s.n - (size_t)(colon + 1 - s.p)))
        s.n = (size_t)(colon - s.p); /* one colon: IPv6 has two or more */
    return s;
}

bool limit_address_read(sio_str text, limit_address *out)
{
    char z[INET6_ADDRSTRLEN];

    text = strip_port(trim(text));
    if (text.n == 0 || text.n >= sizeof(z) || memchr(text.p, '\0', text.n))
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    if (inet_pton(AF_INET6, z, out->b) == 1)
        return true;
    memcpy(out->b, v4_prefix, sizeof(v4_prefix));
    return inet_pton(AF_INET, z, out->b + sizeof(v4_prefix)) == 1;
}

bool limit_net_read(sio_str text, limit_net *out)
{
    const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
    size_t n = slash ? (size_t)(slash - text.p) : text.n, digits = text.n - n;
    unsigned bits = 0, max;

    if (!limit_address_read((sio_str){text.p, n}, &out->address))
        return false;
    max = is_v4(&out->address) && !memchr(text.p, ':', n) ? 32 : 128;
    out->bits = 128;
    if (!slash)
        return true;
    if (digits < 2 || digits > 4)
        return false;
    for (const char *p = slash + 1; p < text.p + text.n; p++) {
        if (*p < '0' || *p > '9')
            return false;
        bits = bits * 10 + (unsigned)(*p - '0');
    }
    out->bits = 128 - max + bits;
    return bits <= max;
}

bool limit_net_has(const limit_net *net, const limit_address *a)
{
    unsigned bytes = net->bits / 8, rest = net->bits % 8;

    if (memcmp(net->address.b, a->b, bytes) != 0)
        return false;
    return rest == 0 || (net->address.b[bytes] ^ a->b[bytes]) >> (8 - rest) == 0;
}

static bool is_trusted(const limit_address *a, const limit_net *trusted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (limit_net_has(&trusted[i], a))
            return true;
    }
    return false;
}

void limit_address_client(limit_address *peer, sio_str forwarded, const limit_net *trusted, size_t n)
{
    limit_address next;

    while (forwarded.n && is_trusted(peer, trusted, n)) {
        const char *comma = memrchr(forwarded.p, ',', forwarded.n);
        size_t from = comma ? (size_t)(comma + 1 - forwarded.p) : 0;

        if (!limit_address_read((sio_str){forwarded.p + from, forwarded.n - from}, &next))
            return;
        *peer = next;
        forwarded.n = comma ? from - 1 : 0;
    }
}

size_t limit_address_len(const limit_address *a)
{
    return is_v4(a) ? 16 : 8;
}
