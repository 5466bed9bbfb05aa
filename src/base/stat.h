/* Counters that one thread writes and any thread reads: plain loads and stores, no locked instruction. Keep
 * those of different threads on different cache lines. */
#ifndef BASE_STAT_H
#define BASE_STAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define STAT_LINE 64 /* bytes of a cache line */

typedef atomic_uint_fast64_t stat_cell;

static inline uint64_t stat_get(const stat_cell *s) { return atomic_load_explicit(s, memory_order_relaxed); }
/* The writer's thread only. */
static inline void stat_add(stat_cell *s, uint64_t n)
{
    atomic_store_explicit(s, stat_get(s) + n, memory_order_relaxed);
}
static inline void stat_sub(stat_cell *s, uint64_t n) { stat_add(s, (uint64_t)0 - n); }
/* For counters that several threads write, which are not on the way of a message. */
static inline void stat_add_shared(stat_cell *s, uint64_t n)
{
    atomic_fetch_add_explicit(s, n, memory_order_relaxed);
}

/* How often values fell into which range: count[i] are those up to bound[i] and over bound[i - 1],
 * count[n] those over all. */
#define STAT_BOUNDS_MAX 15
typedef struct stat_histogram {
    stat_cell count[STAT_BOUNDS_MAX + 1];
    stat_cell sum;
} stat_histogram;

/* n ascending bounds. The writer's thread only. */
static inline void stat_observe(stat_histogram *h, const uint32_t *bound, unsigned n, uint64_t value)
{
    unsigned i = 0;

    while (i < n && value > bound[i])
        i++;
    stat_add(&h->count[i], 1);
    stat_add(&h->sum, value);
}

#endif
