/* Immutable bytes shared by reference: what a broadcast encodes once and every write queue refers to.
 * The count is plain, not atomic: a blob belongs to one loop; another loop gets a clone. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct blob {
    uint32_t refs;
    uint32_t n;      /* bytes in p, headroom included */
    uint32_t start;  /* users may skip a prefix: see eio_packet */
    uint32_t tag;    /* meaning given by the user of the blob */
    struct blob *packed; /* the same content in its compressed form, made when first wanted; the blob
                          * itself = it has none, nor shall have; NULL = not made yet. It goes with this
                          * one */
    char     p[];
} blob;

/* refs = 1, start = tag = 0, packed = NULL, bytes undefined. NULL without memory or over 4 GiB. */
blob *blob_new(size_t n);
/* A copy with refs = 1, start and tag included, without the packed form (unless it shall have none,
 * either). NULL without memory. */
blob *blob_clone(const blob *b);
/* It is not to be packed. */
static inline void blob_keep_unpacked(blob *b) { b->packed = b->packed ? b->packed : b; }
static inline bool blob_is_unpacked(const blob *b) { return b->packed == b; }
static inline blob *blob_hold(blob *b) { b->refs++; return b; }
void blob_drop(blob *b);             /* frees with the last reference; NULL is allowed */

#endif
