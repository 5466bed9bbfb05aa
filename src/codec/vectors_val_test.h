/* Values in captured vectors: JSON, with {"$bin":hex}, {"$undefined":true}, {"$date":iso}, {"$number":text}
 * and {"$toJSON":value} for what JSON cannot say. For tests. */
#ifndef CODEC_VECTORS_VAL_TEST_H
#define CODEC_VECTORS_VAL_TEST_H

#include "codec/vectors_test.h"

#include <math.h>

static inline double vectors_number(vectors *v, sio_str raw)
{
    sio_str text = vectors_text(v, raw);

    if (sio_str_eq(text, sio_lit("NaN")))
        return NAN;
    if (sio_str_eq(text, sio_lit("Infinity")))
        return INFINITY;
    if (sio_str_eq(text, sio_lit("-Infinity")))
        return -INFINITY;
    assert_true(sio_str_eq(text, sio_lit("-0")));
    return -0.0;
}

static inline sio_val vectors_build(vectors *v, sio_str raw);

static inline sio_val vectors_build_list(vectors *v, sio_str raw)
{
    bool object = json_kind_of(raw) == JSON_OBJECT;
    size_t n = json_len(raw) * (object ? 2 : 1), i = 0, at = 0;
    sio_val *list = arena_alloc(&v->strings, n * sizeof(*list));
    sio_str key, item;

    assert_non_null(list);
    while (json_next(raw, &at, &key, &item)) {
        if (object)
            list[i++] = sio_val_str(vectors_text(v, key));
        list[i++] = vectors_build(v, item);
    }
    return object ? sio_members(list, n) : sio_list(list, n);
}

/* The value a vector describes, built as a C program would; it lives until vectors_close. */
static inline sio_val vectors_build(vectors *v, sio_str raw)
{
    sio_str item;

    if (json_get(raw, sio_lit("$undefined"), &item))
        return sio_undefined;
    if (json_get(raw, sio_lit("$toJSON"), &item))
        return vectors_build(v, item);
    if (json_get(raw, sio_lit("$date"), &item))
        return sio_val_str(vectors_text(v, item));
    if (json_get(raw, sio_lit("$number"), &item))
        return sio_val_num(vectors_number(v, item));
    if (json_get(raw, sio_lit("$bin"), &item)) {
        sio_str bytes = vectors_bytes(v, item);

        return sio_bin(bytes.p, bytes.n);
    }
    if (json_kind_of(raw) == JSON_NUMBER)
        return sio_val_num(json_double(raw));
    if (json_kind_of(raw) == JSON_STRING)
        return sio_val_str(vectors_text(v, raw));
    if (json_kind_of(raw) == JSON_ARRAY || json_kind_of(raw) == JSON_OBJECT)
        return vectors_build_list(v, raw);
    return sio_json(raw);
}

static inline bool vectors_same(vectors *v, sio_val want, sio_val got);

/* Objects may list their members in any order; members that are undefined may as well be absent. */
static inline bool vectors_same_members(vectors *v, sio_val want, sio_val got)
{
    sio_val key, item;
    sio_iter it = {0};
    size_t n = 0, extra = 0;

    while (sio_next(want, &it, &key, &item)) {
        sio_str name;

        n += sio_kind_of(item) != SIO_UNDEFINED;
        if (!sio_text(key, arena_alloc(&v->strings, sio_text_max(key)), &name) ||
            !vectors_same(v, item, sio_get(got, arena_dup(&v->strings, name.p, name.n))))
            return false;
    }
    for (it = (sio_iter){0}; sio_next(got, &it, &key, &item);)
        extra += sio_kind_of(item) != SIO_UNDEFINED;
    return extra == n;
}

static inline bool vectors_same_items(vectors *v, sio_val want, sio_val got)
{
    size_t n = sio_len(want);

    if (sio_len(got) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!vectors_same(v, sio_at(want, i), sio_at(got, i)))
            return false;
    }
    return true;
}

static inline bool vectors_same_text(vectors *v, sio_val want, sio_val got)
{
    sio_str a, b;

    return sio_text(want, arena_alloc(&v->strings, sio_text_max(want)), &a) &&
           sio_text(got, arena_alloc(&v->strings, sio_text_max(got)), &b) && sio_str_eq(a, b);
}

/* Deep equality of a built value and one that was received. */
static inline bool vectors_same(vectors *v, sio_val want, sio_val got)
{
    double a, b;
    sio_str x, y;

    switch (sio_kind_of(want)) {
    case SIO_INT:
    case SIO_NUMBER:
        return sio_number(want, &a) && sio_number(got, &b) && a == b;
    case SIO_STRING:
        return vectors_same_text(v, want, got);
    case SIO_BINARY:
        return sio_binary(want, &x) && sio_binary(got, &y) && sio_str_eq(x, y);
    case SIO_ARRAY:
        return sio_kind_of(got) == SIO_ARRAY && vectors_same_items(v, want, got);
    case SIO_OBJECT:
        return sio_kind_of(got) == SIO_OBJECT && vectors_same_members(v, want, got);
    case SIO_BOOL: {
        bool p, q;

        return sio_bool(want, &p) && sio_bool(got, &q) && p == q;
    }
    default:
        return sio_kind_of(got) == sio_kind_of(want);
    }
}

#endif
