#include "base/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)16 * 1024) /* and aligned so: a record finds its block */
#define STEP  ((size_t)16)

/* The sanitizer sees what is done to freed records only when each is an allocation. */
#if defined(__SANITIZE_ADDRESS__)
#define EACH_BY_ITSELF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EACH_BY_ITSELF 1
#endif
#endif
#ifndef EACH_BY_ITSELF
#define EACH_BY_ITSELF 0
#endif

typedef struct free_record {
    struct free_record *next;
} free_record;

typedef struct block {
    list         link;   /* in pool.open, unless it is full */
    free_record *free;
    uint32_t     used;
    uint32_t     fresh;  /* where the bytes begin that never were a record */
} block;

#define FIRST ((uint32_t)((sizeof(block) + STEP - 1) / STEP * STEP))

static size_t steps_of(size_t n) { return n ? (n + STEP - 1) / STEP : 1; }

static bool is_full(const block *b, size_t size) { return !b->free && b->fresh + size > BLOCK; }

void pool_init(pool *p)
{
    *p = (pool){.nblocks = 0};
    for (size_t i = 0; i < POOL_SIZES; i++)
        list_init(&p->open[i]);
}

static block *block_new(pool *p, list *open)
{
    block *b = aligned_alloc(BLOCK, BLOCK);

    if (!b)
        return NULL;
    *b = (block){.fresh = FIRST};
    list_add_tail(open, &b->link);
    p->nblocks++;
    return b;
}

static void *take(block *b, size_t size)
{
    void *record = b->free;

    if (record) {
        b->free = b->free->next;
    } else {
        record = (char *)b + b->fresh;
        b->fresh += (uint32_t)size;
    }
    b->used++;
    return record;
}

void *pool_get(pool *p, size_t n)
{
    size_t size = steps_of(n) * STEP;
    list *open;
    block *b;
    void *record;

    if (n > POOL_MAX || EACH_BY_ITSELF)
        return calloc(1, n ? n : 1);
    open = &p->open[steps_of(n) - 1];
    b = list_empty(open) ? block_new(p, open) : container_of(open->next, block, link);
    if (!b)
        return NULL;
    record = take(b, size);
    if (is_full(b, size))
        list_del(&b->link);
    return memset(record, 0, n);
}

void pool_put(pool *p, void *record, size_t n)
{
    size_t size = steps_of(n) * STEP;
    free_record *f = record;
    block *b;

    if (n > POOL_MAX || EACH_BY_ITSELF) {
        free(record);
        return;
    }
    b = (block *)((uintptr_t)record & ~(uintptr_t)(BLOCK - 1));
    if (is_full(b, size))
        list_add_tail(&p->open[size / STEP - 1], &b->link);
    f->next = b->free;
    b->free = f;
    if (--b->used > 0)
        return;
    list_del(&b->link);
    free(b);
    p->nblocks--;
}
