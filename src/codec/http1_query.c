/* Query strings: the pairs of a=b&c=d with their percent-escapes undone. */
#include "base/utf8.h"
#include "codec/http1.h"
#include "sio_err.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes one byte and moves on; a '%' without two hexadecimal digits stands for itself. */
static char next_byte(const char **p, const char *end)
{
    const char *at = *p;

    if (*at == '%' && end - at > 2 && hex(at[1]) >= 0 && hex(at[2]) >= 0) {
        *p += 3;
        return (char)(hex(at[1]) << 4 | hex(at[2]));
    }
    *p += 1;
    return *at == '+' ? ' ' : *at;
}

static bool key_equals(sio_str raw, const char *key)
{
    const char *p = raw.p, *end = raw.p + raw.n;

    while (p < end && *key)
        if (next_byte(&p, end) != *key++)
            return false;
    return p == end && !*key;
}

/* Escapes can spell what is no UTF-8; what leaves here must be, since it ends up in JSON. */
static int make_valid(buf *out, size_t from)
{
    size_t n = out->n - from, m;
    int err;

    if (utf8_valid(out->p + from, n))
        return 0;
    err = buf_reserve(out, 3 * n);
    if (err)
        return err;
    m = utf8_sanitize(out->p + from, n, out->p + out->n);
    memmove(out->p + from, out->p + out->n, m);
    out->n = from + m;
    return 0;
}

/* Appends all or nothing. */
static int add_decoded(buf *out, sio_str raw)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    size_t from = out->n;
    int err;

    if (raw.n == 0)
        return 0;
    err = buf_reserve(out, raw.n);
    if (err)
        return err;
    while (p < end)
        out->p[out->n++] = next_byte(&p, end);
    err = make_valid(out, from);
    if (err)
        out->n = from;
    return err;
}

/* Cuts the next pair, still encoded; empty ones, as in a&&b, are skipped. */
static bool next_raw(sio_str query, size_t *at, sio_str *key, sio_str *value)
{
    while (*at < query.n) {
        const char *p = query.p + *at, *end = query.p + query.n;
        const char *amp = memchr(p, '&', (size_t)(end - p)), *stop = amp ? amp : end;
        const char *eq = memchr(p, '=', (size_t)(stop - p));

        *at = (size_t)(stop - query.p) + (amp ? 1 : 0);
        if (stop == p)
            continue;
        *key = (sio_str){p, (size_t)((eq ? eq : stop) - p)};
        *value = eq ? (sio_str){eq + 1, (size_t)(stop - eq - 1)} : (sio_str){stop, 0};
        return true;
    }
    return false;
}

void http1_query_find(sio_str query, const char *const *keys, unsigned n, sio_str *raw)
{
    sio_str name, value;
    size_t at = 0;

    for (unsigned i = 0; i < n; i++)
        raw[i] = (sio_str){NULL, 0};
    while (next_raw(query, &at, &name, &value))
        for (unsigned i = 0; i < n; i++)
            if (key_equals(name, keys[i]))
                raw[i] = value;
}

int http1_query_decode(sio_str raw, buf *out) { return add_decoded(out, raw); }

int http1_query_get(sio_str query, const char *key, buf *out)
{
    sio_str raw;
    int err;

    http1_query_find(query, &key, 1, &raw);
    if (!raw.p)
        return 0;
    err = add_decoded(out, raw);
    return err ? err : 1;
}

bool http1_query_next(sio_str query, size_t *at, buf *key_out, buf *value_out)
{
    sio_str name, value;

    while (next_raw(query, at, &name, &value)) {
        key_out->n = value_out->n = 0;
        if (add_decoded(key_out, name) == 0 && add_decoded(value_out, value) == 0)
            return true;
    }
    return false;
}
