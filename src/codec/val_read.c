/* The readers of sio_val.h: built values are looked at as they are, pieces of JSON through their text. */
#include "sio_val.h"

#include "codec/json.h"
#include "codec/placeholder.h"

#include <math.h>

#define VAL_MAX_WHOLE 9007199254740991

static sio_val val_of_json(sio_str text, const sio_bins *bins)
{
    return (sio_val){.kind = SIO_JSON, .s = text, .bins = bins};
}

/* The text of a piece of JSON; empty for built values, whose union holds something else. */
static sio_str val_json(sio_val v)
{
    return v.kind == SIO_JSON ? json_trim(v.s) : sio_lit("");
}

static sio_kind val_object_kind(sio_val v, sio_str json)
{
    unsigned index;

    if (!v.bins)
        return SIO_OBJECT;
    switch (placeholder_of(json, v.bins->n, &index)) {
    case PLACEHOLDER_INDEX:
        return SIO_BINARY;
    case PLACEHOLDER_HOLE:
        return SIO_UNDEFINED;
    default:
        return SIO_OBJECT;
    }
}

sio_kind sio_kind_of(sio_val v)
{
    sio_str json;
    int64_t whole;

    if (v.kind != SIO_JSON)
        return (sio_kind)v.kind;
    json = val_json(v);
    if (json.n == 0)
        return SIO_UNDEFINED;
    switch (json_kind_of(json)) {
    case JSON_FALSE:
    case JSON_TRUE:
        return SIO_BOOL;
    case JSON_NUMBER:
        return json_int(json, &whole) ? SIO_INT : SIO_NUMBER;
    case JSON_STRING:
        return SIO_STRING;
    case JSON_ARRAY:
        return SIO_ARRAY;
    case JSON_OBJECT:
        return val_object_kind(v, json);
    default:
        return SIO_NULL;
    }
}

static bool val_key_is(sio_val key, sio_str name)
{
    if (key.kind == SIO_STRING)
        return sio_str_eq(key.s, name);
    return json_kind_of(val_json(key)) == JSON_STRING && json_equals(val_json(key), name);
}

sio_val sio_get(sio_val v, const char *key)
{
    sio_val found = sio_undefined;
    sio_str item;

    if (sio_kind_of(v) != SIO_OBJECT)
        return found;
    if (v.kind == SIO_JSON)
        return json_get(val_json(v), sio_str_z(key), &item) ? val_of_json(item, v.bins) : found;
    for (uint32_t i = 0; i + 1 < v.n; i += 2) {
        if (val_key_is(v.item[i], sio_str_z(key)))
            found = v.item[i + 1];
    }
    return found;
}

sio_val sio_at(sio_val v, size_t i)
{
    sio_str json, item;
    size_t at = 0;

    if (v.kind == SIO_ARRAY)
        return i < v.n ? v.item[i] : sio_undefined;
    json = val_json(v);
    if (json_kind_of(json) != JSON_ARRAY)
        return sio_undefined;
    while (json_next(json, &at, NULL, &item)) {
        if (i-- == 0)
            return val_of_json(item, v.bins);
    }
    return sio_undefined;
}

size_t sio_len(sio_val v)
{
    sio_kind kind = sio_kind_of(v);

    if (kind != SIO_ARRAY && kind != SIO_OBJECT)
        return 0;
    if (v.kind == SIO_JSON)
        return json_len(val_json(v));
    return kind == SIO_ARRAY ? v.n : v.n / 2;
}

static bool val_next_built(sio_val v, sio_iter *it, sio_val *key, sio_val *item)
{
    size_t step = v.kind == SIO_OBJECT ? 2 : 1;

    if (v.n < step || it->at_ > v.n - step)
        return false;
    if (key)
        *key = step == 2 ? v.item[it->at_] : sio_undefined;
    *item = v.item[it->at_ + step - 1];
    it->at_ += step;
    return true;
}

bool sio_next(sio_val v, sio_iter *it, sio_val *key, sio_val *item)
{
    sio_str json, raw_key = {0}, raw;

    if (v.kind == SIO_ARRAY || v.kind == SIO_OBJECT)
        return val_next_built(v, it, key, item);
    if (v.kind != SIO_JSON)
        return false;
    json = val_json(v);
    if (it->at_ == 0 && sio_kind_of(v) == SIO_BINARY) /* an object only to look at */
        return false;
    if (!json_next(json, &it->at_, &raw_key, &raw))
        return false;
    if (key)
        *key = raw_key.p ? val_of_json(raw_key, NULL) : sio_undefined;
    *item = val_of_json(raw, v.bins);
    return true;
}

bool sio_bool(sio_val v, bool *out)
{
    if (sio_kind_of(v) != SIO_BOOL)
        return false;
    *out = v.kind == SIO_BOOL ? v.b : json_kind_of(val_json(v)) == JSON_TRUE;
    return true;
}

static bool val_whole(double d, int64_t *out)
{
    if (!(fabs(d) <= VAL_MAX_WHOLE) || d != (double)(int64_t)d)
        return false;
    *out = (int64_t)d;
    return true;
}

bool sio_int(sio_val v, int64_t *out)
{
    switch (v.kind) {
    case SIO_JSON:
        return json_int(val_json(v), out);
    case SIO_NUMBER:
        return val_whole(v.d, out);
    case SIO_INT:
        if (v.i > VAL_MAX_WHOLE || v.i < -VAL_MAX_WHOLE)
            return false;
        *out = v.i;
        return true;
    default:
        return false;
    }
}

bool sio_number(sio_val v, double *out)
{
    sio_kind kind = sio_kind_of(v);

    if (kind != SIO_INT && kind != SIO_NUMBER)
        return false;
    if (v.kind == SIO_JSON)
        *out = json_double(val_json(v));
    else
        *out = kind == SIO_INT ? (double)v.i : v.d;
    return true;
}

bool sio_binary(sio_val v, sio_str *out)
{
    unsigned index;

    if (v.kind == SIO_BINARY) {
        *out = v.s;
        return true;
    }
    if (v.kind != SIO_JSON || !v.bins)
        return false;
    if (placeholder_of(val_json(v), v.bins->n, &index) != PLACEHOLDER_INDEX)
        return false;
    *out = v.bins->bin[index];
    return true;
}

bool sio_text(sio_val v, char *scratch, sio_str *out)
{
    sio_str json;

    if (v.kind == SIO_STRING) {
        *out = v.s;
        return true;
    }
    json = val_json(v);
    if (json_kind_of(json) != JSON_STRING)
        return false;
    if (json_plain(json, out))
        return true;
    if (!scratch)
        return false;
    *out = (sio_str){scratch, json_unescape(json, scratch)};
    return true;
}

size_t sio_text_max(sio_val v)
{
    return sio_kind_of(v) == SIO_STRING ? v.s.n : 0;
}
