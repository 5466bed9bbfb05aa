#include "app/limit/bucket.h"

#include <stdlib.h>

#define SECOND 1000000000u
#define ROW    8

/* Where a bucket stands after one token more is taken, or the wait with *after untouched. */
static int64_t take(int64_t full_ns, limit_rate rate, int64_t now_ns, int64_t *after)
{
    int64_t token = SECOND / (rate.per_s > LIMIT_RATE_MAX ? LIMIT_RATE_MAX : rate.per_s); /* 32 bits: fast */
    int64_t burst = rate.burst == 0 ? 1 : rate.burst > LIMIT_RATE_MAX ? LIMIT_RATE_MAX : rate.burst;
    int64_t next = (full_ns > now_ns ? full_ns : now_ns) + token;
    int64_t late = next - now_ns - burst * token;

    if (late > 0)
        return (late + 999999) / 1000000;
    *after = next;
    return 0;
}

int64_t limit_take(limit_bucket *b, limit_rate rate, int64_t now_ns)
{
    return rate.per_s ? take(b->full_ns, rate, now_ns, &b->full_ns) : 0;
}

/* ---- by name ---------------------------------------------------------------------------------------- */

typedef struct cell {
    _Atomic uint64_t key; /* 0 = free */
    _Atomic int64_t full_ns;
} cell;

struct limit_table {
    size_t mask; /* rows - 1 */
    cell cells[];
};

limit_table *limit_table_new(size_t n)
{
    size_t rows = 1;
    limit_table *t;

    while (rows * ROW < n)
        rows *= 2;
    t = calloc(1, sizeof(*t) + rows * ROW * sizeof(cell));
    if (t)
        t->mask = rows - 1;
    return t;
}

void limit_table_free(limit_table *t)
{
    free(t);
}

/* The bucket of that key, else the one to be replaced. Each key has a place in the row where it mostly is:
 * who has been there before is found at once. */
static cell *find(cell *row, uint64_t key, int64_t now_ns)
{
    cell *home = row + (key >> 32) % ROW, *fullest = home;

    if (atomic_load_explicit(&home->key, memory_order_relaxed) == key)
        return home;
    for (cell *c = row; c < row + ROW; c++) {
        if (atomic_load_explicit(&c->key, memory_order_relaxed) == key)
            return c;
        if (atomic_load_explicit(&c->full_ns, memory_order_relaxed) <
            atomic_load_explicit(&fullest->full_ns, memory_order_relaxed))
            fullest = c;
    }
    return atomic_load_explicit(&home->full_ns, memory_order_relaxed) <= now_ns ? home : fullest;
}

int64_t limit_table_take(limit_table *t, uint64_t key, limit_rate rate, int64_t now_ns)
{
    cell *c;
    int64_t full, after = 0, wait;

    if (!rate.per_s)
        return 0;
    c = find(t->cells + (key & t->mask) * ROW, key, now_ns);
    if (atomic_load_explicit(&c->key, memory_order_relaxed) != key) {
        atomic_store_explicit(&c->key, key, memory_order_relaxed);
        atomic_store_explicit(&c->full_ns, now_ns, memory_order_relaxed);
    }
    full = atomic_load_explicit(&c->full_ns, memory_order_relaxed);
    do {
        wait = take(full, rate, now_ns, &after);
        if (wait)
            return wait;
    } while (!atomic_compare_exchange_weak_explicit(&c->full_ns, &full, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return 0;
}
