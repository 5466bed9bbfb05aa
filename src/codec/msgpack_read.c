#include "codec/msgpack.h"

#include "codec/msgpack_int.h"
#include "sio_err.h"

#include <endian.h>

/* What stands behind the first bytes c0 to df. */
typedef enum msgpack_form {
    FORM_NEVER, FORM_NIL, FORM_BOOL, FORM_BIN, FORM_EXT, FORM_FLOAT, FORM_UINT, FORM_INT, FORM_FIXEXT,
    FORM_STR, FORM_ARRAY, FORM_MAP
} msgpack_form;

/* The form and the bytes of the number behind the first byte: a length, a count, or the value itself. */
static const struct {
    uint8_t form, bytes;
} msgpack_forms[32] = {
    {FORM_NIL, 0},    {FORM_NEVER, 0}, {FORM_BOOL, 0},   {FORM_BOOL, 0},   {FORM_BIN, 1},    {FORM_BIN, 2},
    {FORM_BIN, 4},    {FORM_EXT, 1},   {FORM_EXT, 2},    {FORM_EXT, 4},    {FORM_FLOAT, 4},  {FORM_FLOAT, 8},
    {FORM_UINT, 1},   {FORM_UINT, 2},  {FORM_UINT, 4},   {FORM_UINT, 8},   {FORM_INT, 1},    {FORM_INT, 2},
    {FORM_INT, 4},    {FORM_INT, 8},   {FORM_FIXEXT, 0}, {FORM_FIXEXT, 0}, {FORM_FIXEXT, 0}, {FORM_FIXEXT, 0},
    {FORM_FIXEXT, 0}, {FORM_STR, 1},   {FORM_STR, 2},    {FORM_STR, 4},    {FORM_ARRAY, 2},  {FORM_ARRAY, 4},
    {FORM_MAP, 2},    {FORM_MAP, 4},
};

typedef struct msgpack_cursor {
    const char *p;
    size_t      at, n;
} msgpack_cursor;

static uint64_t msgpack_big_endian(const char *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static bool msgpack_take_bytes(msgpack_cursor *c, uint64_t n, sio_str *out)
{
    if (n > c->n - c->at)
        return false;
    *out = (sio_str){c->p + c->at, (size_t)n};
    c->at += (size_t)n;
    return true;
}

static bool msgpack_take_ext(msgpack_cursor *c, uint64_t n, msgpack_value *out)
{
    if (c->at == c->n)
        return false;
    out->ext = (int8_t)c->p[c->at++];
    return msgpack_take_bytes(c, n, &out->s);
}

/* A count that the rest of the message cannot hold is refused before anybody loops over it. */
static bool msgpack_take_count(msgpack_cursor *c, uint64_t n, unsigned values, msgpack_value *out)
{
    out->n = (uint32_t)n;
    return n * values <= c->n - c->at;
}

static double msgpack_float(uint64_t bits, unsigned bytes)
{
    uint32_t low = (uint32_t)bits;
    double d;
    float f;

    if (bytes == 8) {
        memcpy(&d, &bits, 8);
        return d;
    }
    memcpy(&f, &low, 4);
    return (double)f;
}

static msgpack_value msgpack_unsigned(uint64_t v)
{
    if (v > INT64_MAX)
        return (msgpack_value){.kind = MSGPACK_FLOAT, .d = (double)v};
    return (msgpack_value){.kind = MSGPACK_INT, .i = (int64_t)v};
}

/* First bytes outside c0..df carry their number themselves. */
static bool msgpack_read_short(msgpack_cursor *c, uint8_t first, msgpack_value *out)
{
    if (first >= 0xe0 || first < 0x80) {
        *out = (msgpack_value){.kind = MSGPACK_INT, .i = (int8_t)first};
        return true;
    }
    if (first >= 0xa0) {
        out->kind = MSGPACK_STR;
        return msgpack_take_bytes(c, first & 0x1f, &out->s);
    }
    out->kind = first >= 0x90 ? MSGPACK_ARRAY : MSGPACK_MAP;
    return msgpack_take_count(c, first & 0x0f, first >= 0x90 ? 1 : 2, out);
}

static bool msgpack_read_long(msgpack_cursor *c, uint8_t first, msgpack_value *out)
{
    unsigned bytes = msgpack_forms[first - 0xc0].bytes;
    uint64_t v;

    if (bytes > c->n - c->at)
        return false;
    v = msgpack_big_endian(c->p + c->at, bytes);
    c->at += bytes;
    switch (msgpack_forms[first - 0xc0].form) {
    case FORM_NIL:
        out->kind = MSGPACK_NIL;
        return true;
    case FORM_BOOL:
        *out = (msgpack_value){.kind = MSGPACK_BOOL, .b = first == 0xc3};
        return true;
    case FORM_BIN:
        out->kind = MSGPACK_BIN;
        return msgpack_take_bytes(c, v, &out->s);
    case FORM_STR:
        out->kind = MSGPACK_STR;
        return msgpack_take_bytes(c, v, &out->s);
    case FORM_EXT:
        out->kind = MSGPACK_EXT;
        return msgpack_take_ext(c, v, out);
    case FORM_FIXEXT:
        out->kind = MSGPACK_FIXEXT;
        return msgpack_take_ext(c, 1u << (first - 0xd4), out);
    case FORM_FLOAT:
        *out = (msgpack_value){.kind = MSGPACK_FLOAT, .d = msgpack_float(v, bytes)};
        return true;
    case FORM_UINT:
        *out = msgpack_unsigned(v);
        return true;
    case FORM_INT:
        *out =
            (msgpack_value){.kind = MSGPACK_INT, .i = (int64_t)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes)};
        return true;
    case FORM_ARRAY:
        out->kind = MSGPACK_ARRAY;
        return msgpack_take_count(c, v, 1, out);
    case FORM_MAP:
        out->kind = MSGPACK_MAP;
        return msgpack_take_count(c, v, 2, out);
    default:
        return false;
    }
}

long msgpack_read(const char *p, size_t n, msgpack_value *out)
{
    msgpack_cursor c = {p, 1, n};
    uint8_t first;
    bool ok;

    if (n == 0)
        return SIO_EPARSE;
    first = (uint8_t)*p;
    *out = (msgpack_value){0};
    ok = first >= 0xc0 && first < 0xe0 ? msgpack_read_long(&c, first, out)
                                       : msgpack_read_short(&c, first, out);
    return ok ? (long)c.at : SIO_EPARSE;
}

bool msgpack_is_undefined(const msgpack_value *v)
{
    return v->kind == MSGPACK_FIXEXT && v->ext == 0 && v->s.n == 1;
}

bool msgpack_is_uint(const msgpack_value *v, uint64_t *out)
{
    if (v->kind == MSGPACK_INT && v->i >= 0) {
        *out = (uint64_t)v->i;
        return true;
    }
    if (v->kind != MSGPACK_FLOAT || !(v->d >= 0 && v->d < 0x1p64) || v->d != (double)(uint64_t)v->d)
        return false;
    *out = (uint64_t)v->d;
    return true;
}

long msgpack_skip(const char *p, size_t n)
{
    uint64_t left[MSGPACK_MAX_DEPTH + 1] = {1}; /* values still to come at each level */
    unsigned depth = 0;
    size_t at = 0;

    for (;;) {
        msgpack_value v;
        long used;

        while (left[depth] == 0) {
            if (depth-- == 0)
                return (long)at;
        }
        left[depth]--;
        used = msgpack_read(p + at, n - at, &v);
        if (used < 0)
            return SIO_EPARSE;
        at += (size_t)used;
        if (v.kind != MSGPACK_ARRAY && v.kind != MSGPACK_MAP)
            continue;
        if (depth == MSGPACK_MAX_DEPTH)
            return SIO_EPARSE;
        left[++depth] = (uint64_t)v.n * (v.kind == MSGPACK_MAP ? 2 : 1);
    }
}
