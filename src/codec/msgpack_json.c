/* From msgpack to JSON. */
#include "codec/msgpack.h"

#include "base/isotime.h"
#include "base/num.h"
#include "codec/json.h"
#include "codec/msgpack_int.h"
#include "codec/placeholder.h"
#include "sio_err.h"

typedef struct msgpack_reader {
    const char *p;
    size_t      at, n;
    buf        *json;
    sio_str    *bins;
    unsigned    max_bins, nbins;
} msgpack_reader;

static int msgpack_put_json(msgpack_reader *r, unsigned depth);

static int msgpack_next(msgpack_reader *r, msgpack_value *v)
{
    long used = msgpack_read(r->p + r->at, r->n - r->at, v);

    if (used < 0)
        return SIO_EPARSE;
    r->at += (size_t)used;
    return 0;
}

static int msgpack_json_number(buf *json, double v)
{
    char text[32];

    return buf_add(json, text, num_double(v, text));
}

/* As a JavaScript number: beyond 2^53 the digits are those of the nearest double. */
static int msgpack_json_int(buf *json, int64_t v)
{
    char text[32];

    if (v > 1ll << 53 || v < -(1ll << 53))
        return msgpack_json_number(json, (double)v);
    return buf_add(json, text, num_i64(v, text));
}

static int msgpack_json_bin(msgpack_reader *r, sio_str bytes, unsigned depth)
{
    if (depth >= MSGPACK_MAX_DEPTH) /* a placeholder is an object */
        return SIO_EPARSE;
    if (r->nbins >= r->max_bins)
        return SIO_ELIMIT;
    r->bins[r->nbins] = bytes;
    return placeholder_put(r->json, r->nbins++);
}

/* null for what is no date in JavaScript, as JSON.stringify writes an invalid Date. */
static int msgpack_json_date(buf *json, int64_t ms)
{
    char text[ISOTIME_MAX + 2] = "\"";
    size_t n = isotime_put(ms, text + 1);

    if (n == 0)
        return buf_puts(json, "null");
    text[n + 1] = '"';
    return buf_add(json, text, n + 2);
}

static uint64_t msgpack_bits(sio_str s, size_t at, size_t bytes)
{
    uint64_t v = 0;

    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | (uint8_t)s.p[at + i];
    return v;
}

/* The timestamp extension: 4, 8 or 12 bytes; false for other lengths. Seconds out of any range give a time
 * out of JavaScript's range. */
static bool msgpack_timestamp(sio_str s, int64_t *ms)
{
    int64_t sec, nano = 0;

    switch (s.n) {
    case 4:
        sec = (int64_t)msgpack_bits(s, 0, 4);
        break;
    case 8:
        nano = (int64_t)(msgpack_bits(s, 0, 8) >> 34);
        sec = (int64_t)(msgpack_bits(s, 0, 8) & 0x3ffffffff);
        break;
    case 12:
        nano = (int64_t)msgpack_bits(s, 0, 4);
        sec = (int64_t)msgpack_bits(s, 4, 8);
        break;
    default:
        return false;
    }
    if (sec > 10000000000000 || sec < -10000000000000)
        *ms = INT64_MAX;
    else
        *ms = sec * 1000 + nano / 1000000;
    return true;
}

/* What notepack 2.2 does not know, it hands over as [type, bytes]. */
static int msgpack_json_unknown(msgpack_reader *r, const msgpack_value *v, unsigned depth)
{
    int err;

    if (depth >= MSGPACK_MAX_DEPTH)
        return SIO_EPARSE;
    err = buf_putc(r->json, '[');
    if (err == 0)
        err = msgpack_json_int(r->json, v->ext);
    if (err == 0)
        err = buf_putc(r->json, ',');
    if (err == 0)
        err = msgpack_json_bin(r, v->s, depth + 1);
    return err < 0 ? err : buf_putc(r->json, ']');
}

static int msgpack_json_ext(msgpack_reader *r, const msgpack_value *v, unsigned depth)
{
    int64_t ms;

    if (msgpack_is_undefined(v))
        return buf_puts(r->json, "null");
    if (v->kind == MSGPACK_EXT && v->ext == 0)
        return msgpack_json_bin(r, v->s, depth);
    if (v->kind == MSGPACK_FIXEXT && v->ext == 0 && v->s.n == 8)
        return msgpack_json_date(r->json, (int64_t)msgpack_bits(v->s, 0, 8));
    if (v->ext == -1 && msgpack_timestamp(v->s, &ms))
        return msgpack_json_date(r->json, ms);
    return msgpack_json_unknown(r, v, depth);
}

static int msgpack_json_array(msgpack_reader *r, uint32_t n, unsigned depth)
{
    int err = buf_putc(r->json, '[');

    for (uint32_t i = 0; i < n && err == 0; i++) {
        if (i > 0)
            err = buf_putc(r->json, ',');
        if (err == 0)
            err = msgpack_put_json(r, depth + 1);
    }
    return err < 0 ? err : buf_putc(r->json, ']');
}

/* Property names are strings in JavaScript, whatever the map's keys are. */
static int msgpack_json_key(msgpack_reader *r)
{
    msgpack_value key;
    int err = msgpack_next(r, &key);

    if (err < 0)
        return err;
    if (key.kind == MSGPACK_STR)
        return json_quote(r->json, key.s);
    err = buf_putc(r->json, '"');
    if (err < 0)
        return err;
    switch (key.kind) {
    case MSGPACK_NIL:
        err = buf_puts(r->json, "null");
        break;
    case MSGPACK_BOOL:
        err = buf_puts(r->json, key.b ? "true" : "false");
        break;
    case MSGPACK_INT:
        err = msgpack_json_int(r->json, key.i);
        break;
    case MSGPACK_FLOAT:
        err = msgpack_json_number(r->json, key.d);
        break;
    default:
        return SIO_EPARSE;
    }
    return err < 0 ? err : buf_putc(r->json, '"');
}

/* One member; an undefined one leaves nothing behind. */
static int msgpack_json_member(msgpack_reader *r, bool *first, unsigned depth)
{
    size_t before = r->json->n;
    msgpack_value v;
    int err = *first ? 0 : buf_putc(r->json, ',');
    long used;

    if (err == 0)
        err = msgpack_json_key(r);
    if (err < 0)
        return err;
    used = msgpack_read(r->p + r->at, r->n - r->at, &v);
    if (used > 0 && msgpack_is_undefined(&v)) {
        r->at += (size_t)used;
        r->json->n = before;
        return 0;
    }
    *first = false;
    err = buf_putc(r->json, ':');
    return err < 0 ? err : msgpack_put_json(r, depth + 1);
}

static int msgpack_json_map(msgpack_reader *r, uint32_t n, unsigned depth)
{
    int err = buf_putc(r->json, '{');
    bool first = true;

    for (uint32_t i = 0; i < n && err == 0; i++)
        err = msgpack_json_member(r, &first, depth);
    return err < 0 ? err : buf_putc(r->json, '}');
}

/* The value at the reader, inside depth containers. */
static int msgpack_put_json(msgpack_reader *r, unsigned depth)
{
    msgpack_value v;
    int err = msgpack_next(r, &v);

    if (err < 0)
        return err;
    switch (v.kind) {
    case MSGPACK_BOOL:
        return buf_puts(r->json, v.b ? "true" : "false");
    case MSGPACK_INT:
        return msgpack_json_int(r->json, v.i);
    case MSGPACK_FLOAT:
        return msgpack_json_number(r->json, v.d);
    case MSGPACK_STR:
        return json_quote(r->json, v.s);
    case MSGPACK_BIN:
        return msgpack_json_bin(r, v.s, depth);
    case MSGPACK_EXT:
    case MSGPACK_FIXEXT:
        return msgpack_json_ext(r, &v, depth);
    case MSGPACK_ARRAY:
    case MSGPACK_MAP:
        if (depth >= MSGPACK_MAX_DEPTH)
            return SIO_EPARSE;
        return v.kind == MSGPACK_MAP ? msgpack_json_map(r, v.n, depth) : msgpack_json_array(r, v.n, depth);
    case MSGPACK_NIL:
        break;
    }
    return buf_puts(r->json, "null");
}

long msgpack_to_json(const char *p, size_t n, buf *json, sio_str *bins, unsigned max_bins, unsigned *nbins)
{
    msgpack_reader r = {.p = p, .n = n, .json = json, .bins = bins, .max_bins = max_bins, .nbins = *nbins};
    size_t before = json->n;
    int err = msgpack_put_json(&r, 0);

    if (err < 0) {
        json->n = before;
        return err;
    }
    *nbins = r.nbins;
    return (long)r.at;
}
