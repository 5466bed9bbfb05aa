/* Placeholders: the objects {"_placeholder":true,"num":k} that stand for attachment k inside JSON. The
 * members come in any order and among others; the last duplicate counts, as in JavaScript. */
#ifndef CODEC_PLACEHOLDER_H
#define CODEC_PLACEHOLDER_H

#include "base/buf.h"
#include "sio_val.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum placeholder_kind {
    PLACEHOLDER_NONE,  /* plain data: _placeholder is missing or not true */
    PLACEHOLDER_INDEX, /* stands for attachment *index */
    PLACEHOLDER_HOLE,  /* num lies between two attachments: stands for undefined, as in the reference */
    PLACEHOLDER_BAD    /* num is missing, no number or out of range */
} placeholder_kind;

/* What is known of an object while its members go by: for passes that meet each value only once. */
typedef struct placeholder {
    double  num;    /* NaN until a number came */
    uint8_t key_;   /* which member the next value belongs to */
    bool    marked; /* _placeholder is true */
} placeholder;

void placeholder_init(placeholder *p);
/* The raw key, then the raw scalar (or the bracket of a container) behind it. Values without a key before
 * them, as in arrays, are ignored. */
void placeholder_key(placeholder *p, sio_str raw);
void placeholder_value(placeholder *p, sio_str raw);
/* After the last member: what the object is, where there are n attachments. *index is set for
 * PLACEHOLDER_INDEX. */
placeholder_kind placeholder_end(const placeholder *p, unsigned n, unsigned *index);

/* All at once for one value of validated, trimmed JSON. */
placeholder_kind placeholder_of(sio_str json, unsigned n, unsigned *index);
/* False when the text cannot hold a placeholder; cheap. */
bool placeholder_possible(sio_str json);
/* Appends {"_placeholder":true,"num":num}. Errors as buf_add. */
int  placeholder_put(buf *out, unsigned num);

#endif
