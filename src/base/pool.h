/* Small records that stay when what was allocated around them goes: users remembered after they left, news
 * that wait. Among other things on the heap each would hold a page that is empty otherwise; here they lie
 * side by side in blocks of their own, and a block without a record goes back. Steps of 16 bytes, no head for
 * each. One thread at a time. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/list.h"

#include <stddef.h>

#define POOL_MAX   256 /* bytes of a record; larger ones are left to malloc */
#define POOL_SIZES (POOL_MAX / 16)

typedef struct pool {
    list   open[POOL_SIZES]; /* blocks with room, by size of their records */
    size_t nblocks;
} pool;

void  pool_init(pool *p);          /* without memory of its own */
/* n zeroed bytes, aligned as malloc does; NULL without memory. */
void *pool_get(pool *p, size_t n);
/* Takes back what pool_get(p, n) gave. All of it must be taken back: a pool has no other end. */
void  pool_put(pool *p, void *record, size_t n);

#endif
