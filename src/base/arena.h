/* Bump allocator: many small allocations, one release. Used for what lives as long as one event. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "sio_val.h"

#include <stddef.h>

typedef struct arena_chunk arena_chunk;

typedef struct arena {
    arena_chunk *head;  /* newest chunk first */
    size_t       used;  /* bytes handed out in all */
    size_t       max;   /* `used` never exceeds this */
} arena;

void    arena_init(arena *a, size_t max);        /* no memory until the first allocation */
void   *arena_alloc(arena *a, size_t n);         /* 16-byte aligned, undefined bytes; NULL over max */
char   *arena_dup(arena *a, const void *p, size_t n); /* a copy with a 0 byte behind it; NULL over max */
void    arena_reset(arena *a);                   /* forgets all, keeps one chunk for reuse */
void    arena_fini(arena *a);

#endif
