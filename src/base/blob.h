/* Immutable bytes shared by reference: what a broadcast encodes once and every write queue refers to.
 * The count is plain, not atomic: a blob belongs to one loop; another loop gets a clone. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stddef.h>
#include <stdint.h>

typedef struct blob {
    uint32_t refs;
    uint32_t n;      /* bytes in p, headroom included */
    uint32_t start;  /* users may skip a prefix: see eio_packet */
    uint32_t tag;    /* meaning given by the user of the blob */
    char     p[];
} blob;

/* refs = 1, start = tag = 0, bytes undefined. NULL without memory or over 4 GiB. */
blob *blob_new(size_t n);
blob *blob_clone(const blob *b);     /* a copy, start and tag included, with refs = 1; NULL without memory */
static inline blob *blob_hold(blob *b) { b->refs++; return b; }
void blob_drop(blob *b);             /* frees with the last reference; NULL is allowed */

#endif
