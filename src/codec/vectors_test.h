/* Reading captured vectors in tests: files {"vectors": [...]} under tests/vectors/protocol. */
#ifndef CODEC_VECTORS_TEST_H
#define CODEC_VECTORS_TEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/testing.h"
#include "codec/json.h"

#include <stdio.h>

#ifndef SIO_VECTORS_DIR
#define SIO_VECTORS_DIR "tests/vectors"
#endif

typedef struct vectors {
    buf     text;
    sio_str list;
    size_t  at;
    arena   strings; /* what vectors_text and vectors_bytes give out lives until vectors_close */
} vectors;

static inline void vectors_open(vectors *v, const char *name)
{
    char path[512], piece[4096];
    sio_str whole;
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), "%s/protocol/%s", SIO_VECTORS_DIR, name);
    f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    buf_init(&v->text, 1 << 22);
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        assert_int_equal(buf_add(&v->text, piece, n), 0);
    fclose(f);
    arena_init(&v->strings, 1 << 22);
    v->at = 0;
    assert_true(json_valid(buf_str(&v->text), &whole));
    assert_true(json_get(whole, sio_lit("vectors"), &v->list));
    assert_true(json_len(v->list) > 0);
}

static inline bool vectors_next(vectors *v, sio_str *vector)
{
    return json_next(v->list, &v->at, NULL, vector);
}

static inline void vectors_close(vectors *v)
{
    arena_fini(&v->strings);
    buf_fini(&v->text);
}

/* The text of a JSON string, in bytes of its own with a 0 byte behind them. */
static inline sio_str vectors_text(vectors *v, sio_str raw)
{
    char *p = arena_alloc(&v->strings, raw.n + 1);
    size_t n;

    assert_non_null(p);
    assert_int_equal(json_kind_of(raw), JSON_STRING);
    n = json_unescape(raw, p);
    p[n] = 0;
    return (sio_str){p, n};
}

/* The bytes a JSON string spells in hexadecimal. */
static inline sio_str vectors_bytes(vectors *v, sio_str raw)
{
    sio_str hex = vectors_text(v, raw);
    char *p = arena_alloc(&v->strings, hex.n / 2 + 1);

    assert_non_null(p);
    for (size_t i = 0; i < hex.n / 2; i++) {
        unsigned byte;

        assert_int_equal(sscanf(hex.p + 2 * i, "%2x", &byte), 1);
        p[i] = (char)byte;
    }
    return (sio_str){p, hex.n / 2};
}

#endif
