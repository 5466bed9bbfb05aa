/* Bump allocator: many small allocations, one release. Used for what lives as long as one event. Chunks
 * double from 1 KiB to 64 KiB; larger allocations get one of their own. An arena belongs to one thread at a
 * time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "sio_val.h"

#include <stddef.h>

typedef struct arena_chunk arena_chunk;

typedef struct arena {
    arena_chunk *head;  /* newest chunk first */
    size_t       used;  /* bytes handed out in all, rounded up to 16 each */
    size_t       max;   /* `used` never exceeds this */
} arena;

void    arena_init(arena *a, size_t max);        /* no memory until the first allocation */
/* The first bytes come from mem, 16-byte aligned, which stays the caller's and outlives the arena's use: for
 * what mostly needs little. Right after arena_init. */
void    arena_lend(arena *a, void *mem, size_t n);
/* 16-byte aligned, undefined bytes, valid until arena_reset or arena_fini; never the same address twice,
 * also for n = 0. NULL over max or without memory. */
void   *arena_alloc(arena *a, size_t n);
/* A copy of n bytes with a 0 byte behind it; as arena_alloc. p may be NULL when n is 0. */
char   *arena_dup(arena *a, const void *p, size_t n);
/* Forgets all, keeps one chunk of at most 64 KiB for reuse. */
void    arena_reset(arena *a);
/* Gives all memory back; the arena is empty and usable again. */
void    arena_fini(arena *a);

#endif
