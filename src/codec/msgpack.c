#include "codec/msgpack.h"

#include "codec/json.h"
#include "codec/placeholder.h"
#include "sio_err.h"

#include <endian.h>
#include <math.h>

/* ---- building blocks ------------------------------------------------------------------------------- */

/* The first byte and a big-endian number of 0, 1, 2, 4 or 8 bytes behind it. */
static int msgpack_put_head(buf *out, unsigned first, uint64_t v, unsigned bytes)
{
    uint64_t wire = htobe64(v);
    char head[9];

    head[0] = (char)first;
    memcpy(head + 1, (char *)&wire + 8 - bytes, bytes);
    return buf_add(out, head, 1 + bytes);
}

int msgpack_put_map(buf *out, uint32_t members)
{
    if (members < 16)
        return msgpack_put_head(out, 0x80 | members, 0, 0);
    return members < 65536 ? msgpack_put_head(out, 0xde, members, 2)
                           : msgpack_put_head(out, 0xdf, members, 4);
}

int msgpack_put_array(buf *out, uint32_t items)
{
    if (items < 16)
        return msgpack_put_head(out, 0x90 | items, 0, 0);
    return items < 65536 ? msgpack_put_head(out, 0xdc, items, 2) : msgpack_put_head(out, 0xdd, items, 4);
}

/* The head of n bytes whose forms with 1, 2 and 4 bytes of length begin with `first`, first + 1 and
 * first + 2. */
static int msgpack_put_length(buf *out, unsigned first, size_t n)
{
    if (n > UINT32_MAX)
        return SIO_ETOOBIG;
    if (n < 256)
        return msgpack_put_head(out, first, n, 1);
    return n < 65536 ? msgpack_put_head(out, first + 1, n, 2) : msgpack_put_head(out, first + 2, n, 4);
}

static int msgpack_put_body(buf *out, int err, size_t before, sio_str s)
{
    if (err == 0)
        err = buf_add_str(out, s);
    if (err < 0)
        out->n = before;
    return err;
}

int msgpack_put_str(buf *out, sio_str s)
{
    size_t before = out->n;
    int err =
        s.n < 32 ? msgpack_put_head(out, 0xa0 | (unsigned)s.n, 0, 0) : msgpack_put_length(out, 0xd9, s.n);

    return msgpack_put_body(out, err, before, s);
}

static int msgpack_put_bin(buf *out, sio_str s)
{
    size_t before = out->n;

    return msgpack_put_body(out, msgpack_put_length(out, 0xc4, s.n), before, s);
}

int msgpack_put_uint(buf *out, uint64_t v)
{
    if (v < 128)
        return msgpack_put_head(out, (unsigned)v, 0, 0);
    if (v < 256)
        return msgpack_put_head(out, 0xcc, v, 1);
    if (v < 65536)
        return msgpack_put_head(out, 0xcd, v, 2);
    return v <= UINT32_MAX ? msgpack_put_head(out, 0xce, v, 4) : msgpack_put_head(out, 0xcf, v, 8);
}

int msgpack_put_int(buf *out, int64_t v)
{
    if (v >= 0)
        return msgpack_put_uint(out, (uint64_t)v);
    if (v >= -32)
        return msgpack_put_head(out, (uint8_t)v, 0, 0);
    if (v >= INT8_MIN)
        return msgpack_put_head(out, 0xd0, (uint64_t)v, 1);
    if (v >= INT16_MIN)
        return msgpack_put_head(out, 0xd1, (uint64_t)v, 2);
    return v >= INT32_MIN ? msgpack_put_head(out, 0xd2, (uint64_t)v, 4)
                          : msgpack_put_head(out, 0xd3, (uint64_t)v, 8);
}

/* ---- from JSON ------------------------------------------------------------------------------------- */

/* An open container. Its head is one byte until its end shows how many items there are, and whether it is a
 * placeholder, whose bytes then take the place of all that. */
typedef struct msgpack_frame {
    placeholder holder;
    size_t      start;  /* where its head stands */
    size_t      key_at; /* where the current member begins */
    uint32_t    count;
    bool        object;
} msgpack_frame;

static int msgpack_put_double(buf *out, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, 8);
    return msgpack_put_head(out, 0xcb, bits, 8);
}

/* Whole numbers as integers as far as 64 bits go, as notepack does. */
static int msgpack_put_number(buf *out, sio_str raw)
{
    double v = json_double(raw);

    if (v >= 0 && v < 0x1p64 && v == (double)(uint64_t)v)
        return msgpack_put_uint(out, (uint64_t)v);
    if (v < 0 && v >= -0x1p63 && v == (double)(int64_t)v)
        return msgpack_put_int(out, (int64_t)v);
    return msgpack_put_double(out, v);
}

/* Lone surrogates, which UTF-8 cannot hold, become U+FFFD; both have three bytes. */
static void msgpack_mend(char *p, size_t n)
{
    for (size_t i = 0; i + 2 < n; i++) {
        if (p[i] == (char)0xed && (p[i + 1] & 0xe0) == 0xa0)
            memcpy(p + i, "\xef\xbf\xbd", 3);
    }
}

/* The text is unescaped behind room for the longest head, then moved up to the one it gets. */
static int msgpack_put_escaped(buf *out, sio_str raw)
{
    size_t before = out->n, n;
    int err = buf_reserve(out, raw.n + 5);
    char *text;

    if (err < 0)
        return err;
    text = out->p + before + 5;
    n = json_unescape(raw, text);
    msgpack_mend(text, n);
    err = n < 32 ? msgpack_put_head(out, 0xa0 | (unsigned)n, 0, 0) : msgpack_put_length(out, 0xd9, n);
    if (err < 0)
        return err;
    memmove(out->p + out->n, text, n);
    out->n += n;
    return 0;
}

static int msgpack_put_text(buf *out, sio_str raw)
{
    sio_str text;

    return json_plain(raw, &text) ? msgpack_put_str(out, text) : msgpack_put_escaped(out, raw);
}

static int msgpack_put_scalar(buf *out, sio_str raw)
{
    switch (json_kind_of(raw)) {
    case JSON_STRING:
        return msgpack_put_text(out, raw);
    case JSON_NUMBER:
        return msgpack_put_number(out, raw);
    case JSON_FALSE:
        return buf_putc(out, (char)0xc2);
    case JSON_TRUE:
        return buf_putc(out, (char)0xc3);
    default:
        return buf_putc(out, (char)0xc0);
    }
}

static int msgpack_open(buf *out, msgpack_frame *f, sio_str raw)
{
    placeholder_value(&f[-1].holder, raw);
    f[-1].count += !f[-1].object;
    *f = (msgpack_frame){.start = out->n, .object = *raw.p == '{'};
    placeholder_init(&f->holder);
    return buf_putc(out, 0); /* the head, for now */
}

/* Writes the head now that the count is known, moving the contents if it takes more than a byte. */
static int msgpack_finish(buf *out, const msgpack_frame *f)
{
    size_t end = out->n, head, body = end - f->start - 1;
    int err = f->object ? msgpack_put_map(out, f->count) : msgpack_put_array(out, f->count);
    char bytes[5];

    if (err < 0)
        return err;
    head = out->n - end;
    memcpy(bytes, out->p + end, head);
    memmove(out->p + f->start + head, out->p + f->start + 1, body);
    memcpy(out->p + f->start, bytes, head);
    out->n = f->start + head + body;
    return 0;
}

/* f is the container that stays open, f[1] the one that ends. */
static int msgpack_close(buf *out, msgpack_frame *f, const sio_bins *bins)
{
    unsigned index;

    switch (placeholder_end(&f[1].holder, bins ? bins->n : 0, &index)) {
    case PLACEHOLDER_INDEX:
        out->n = f[1].start;
        return msgpack_put_bin(out, bins->bin[index]);
    case PLACEHOLDER_HOLE:
        out->n = f->object ? f->key_at : f[1].start;
        if (!f->object)
            return buf_putc(out, (char)0xc0);
        f->count--;
        return 0;
    default:
        return msgpack_finish(out, &f[1]);
    }
}

static int msgpack_step(buf *out, msgpack_frame *f, json_token token, sio_str raw, const sio_bins *bins)
{
    switch (token) {
    case JSON_OPEN:
        return msgpack_open(out, f, raw);
    case JSON_KEY:
        placeholder_key(&f->holder, raw);
        f->key_at = out->n;
        f->count++;
        return msgpack_put_text(out, raw);
    case JSON_CLOSE:
        return msgpack_close(out, f, bins);
    default:
        placeholder_value(&f->holder, raw);
        f->count += !f->object;
        return msgpack_put_scalar(out, raw);
    }
}

int msgpack_from_json(sio_str json, const sio_bins *bins, buf *out)
{
    msgpack_frame frame[JSON_WALK_DEPTH + 1];
    size_t before = out->n;
    json_token token;
    json_walk w;
    sio_str raw;
    int err = 0;

    frame[0] = (msgpack_frame){0};
    json_walk_init(&w, json);
    while (err == 0 && (token = json_walk_next(&w, &raw)) != JSON_END)
        err = msgpack_step(out, &frame[w.depth], token, raw, bins);
    if (err == 0 && (w.depth > 0 || frame[0].count != 1))
        err = SIO_EPARSE;
    if (err < 0)
        out->n = before;
    return err;
}
