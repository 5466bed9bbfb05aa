/* One msgpack value, for those who walk msgpack themselves. */
#ifndef CODEC_MSGPACK_INT_H
#define CODEC_MSGPACK_INT_H

#include "sio_val.h"

typedef enum msgpack_kind {
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_INT,
    MSGPACK_FLOAT,  /* unsigned integers beyond int64, too */
    MSGPACK_STR,    /* the bytes may be no UTF-8 */
    MSGPACK_BIN,
    MSGPACK_EXT,
    MSGPACK_FIXEXT, /* kept apart: notepack gives type 0 another meaning in each fixed size */
    MSGPACK_ARRAY,
    MSGPACK_MAP
} msgpack_kind;

typedef struct msgpack_value {
    msgpack_kind kind;
    int8_t       ext;  /* MSGPACK_EXT, MSGPACK_FIXEXT: the type */
    uint32_t     n;    /* MSGPACK_ARRAY: items, MSGPACK_MAP: members; there is at least a byte for each */
    union {
        bool    b;
        int64_t i;
        double  d;
        sio_str s;     /* MSGPACK_STR, MSGPACK_BIN, MSGPACK_EXT, MSGPACK_FIXEXT: a view of the bytes */
    };
} msgpack_value;

/* Reads the value at p, of arrays and maps only the head. Bytes consumed or SIO_EPARSE. */
long msgpack_read(const char *p, size_t n, msgpack_value *out);
/* undefined, as notepack writes it. */
bool msgpack_is_undefined(const msgpack_value *v);
/* A whole number in whatever form, as JavaScript's Number.isInteger sees it: from 0 to below 2^64. */
bool msgpack_is_uint(const msgpack_value *v, uint64_t *out);

#endif
