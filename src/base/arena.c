#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>

#define ARENA_ALIGN 16
#define ARENA_FIRST 1024  /* bytes in the first chunk */
#define ARENA_LAST  65536 /* chunks stop doubling here */

struct arena_chunk {
    arena_chunk *next;
    size_t       cap;  /* bytes in data */
    size_t       used;
    bool         lent; /* not ours to free */
    alignas(ARENA_ALIGN) char data[];
};

void arena_init(arena *a, size_t max)
{
    *a = (arena){.max = max};
}

static void arena_chunk_free(arena_chunk *c)
{
    if (!c->lent)
        free(c);
}

void arena_lend(arena *a, void *mem, size_t n)
{
    arena_chunk *c = mem;

    if (n < sizeof(*c))
        return;
    c->next = NULL;
    c->cap = n - sizeof(*c);
    c->used = 0;
    c->lent = true;
    a->head = c;
}

/* A chunk with room for n bytes in front of all others. */
static arena_chunk *arena_grow(arena *a, size_t n)
{
    size_t cap = a->head ? a->head->cap * 2 : ARENA_FIRST;
    arena_chunk *c;

    if (cap > ARENA_LAST)
        cap = ARENA_LAST;
    if (cap < n)
        cap = n;
    c = malloc(sizeof(*c) + cap);
    if (!c)
        return NULL;
    c->next = a->head;
    c->cap = cap;
    c->used = 0;
    c->lent = false;
    a->head = c;
    return c;
}

void *arena_alloc(arena *a, size_t n)
{
    size_t left = a->max - a->used;
    arena_chunk *c = a->head;
    void *p;

    if (n > left || n > SIZE_MAX / 2)
        return NULL;
    n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (n == 0)
        n = ARENA_ALIGN; /* so that two allocations never share an address */
    if (n > left)
        return NULL;
    if (!c || n > c->cap - c->used)
        c = arena_grow(a, n);
    if (!c)
        return NULL;
    p = c->data + c->used;
    c->used += n;
    a->used += n;
    return p;
}

char *arena_dup(arena *a, const void *p, size_t n)
{
    char *copy = n < SIZE_MAX ? arena_alloc(a, n + 1) : NULL;

    if (!copy)
        return NULL;
    if (n > 0)
        memcpy(copy, p, n);
    copy[n] = 0;
    return copy;
}

void arena_reset(arena *a)
{
    arena_chunk *next, *keep = NULL;

    for (arena_chunk *c = a->head; c; c = next) {
        next = c->next;
        if (!keep && c->cap <= ARENA_LAST)
            keep = c;
        else
            arena_chunk_free(c);
    }
    if (keep) {
        keep->next = NULL;
        keep->used = 0;
    }
    a->head = keep;
    a->used = 0;
}

void arena_fini(arena *a)
{
    arena_chunk *next;

    for (arena_chunk *c = a->head; c; c = next) {
        next = c->next;
        arena_chunk_free(c);
    }
    a->head = NULL;
    a->used = 0;
}
