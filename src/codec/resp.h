/* RESP, the protocol of Redis: RESP2 and the types RESP3 adds. Sans-IO. */
#ifndef CODEC_RESP_H
#define CODEC_RESP_H

#include "base/arena.h"
#include "base/buf.h"
#include "sio_val.h"

#define RESP_MAX_DEPTH 32

typedef enum resp_kind {
    RESP_NIL, RESP_STATUS, RESP_ERROR, RESP_INT, RESP_BULK, RESP_ARRAY, /* RESP2 */
    RESP_DOUBLE, RESP_BOOL, RESP_MAP, RESP_PUSH                         /* RESP3; a set is an array, a
                                                                         * verbatim string a bulk, a big
                                                                         * number a status */
} resp_kind;

/* A reply. Texts are views of the bytes parsed, items live in the arena. */
typedef struct resp_val {
    resp_kind kind;
    uint32_t  n;                     /* ARRAY, PUSH: items; MAP: keys and values alternating */
    union {
        int64_t                i;    /* INT, BOOL */
        double                 d;
        sio_str                s;    /* STATUS, ERROR, BULK */
        const struct resp_val *item;
    };
} resp_val;

/* Parses one whole reply at p. Returns the bytes it took, 0 when it is not complete yet, SIO_EPARSE,
 * SIO_ETOOBIG when it can never fit into max bytes, SIO_ELIMIT over RESP_MAX_DEPTH, SIO_ENOMEM. Incomplete
 * replies cost a scan of their heads only as often as *need says so: bytes that must be there before another
 * try can succeed (may be NULL). */
long resp_parse(const char *p, size_t n, size_t max, arena *a, resp_val *out, size_t *need);

/* Appends a command: an array of bulk strings. All or nothing; a buf error. */
int  resp_put_command(buf *out, const sio_str *argv, unsigned argc);

static inline bool resp_is(const resp_val *v, const char *text)
{
    return (v->kind == RESP_STATUS || v->kind == RESP_BULK) && sio_str_eq(v->s, sio_str_z(text));
}

#endif
