#include "db/db_stats.h"
#include "db/db_int.h"

#include <time.h>

static const uint32_t commit_bound[] = {250,   500,    1000,   2500,   5000,    10000,  25000,
                                        50000, 100000, 250000, 500000, 1000000, 2500000};
static const uint32_t batch_bound[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint64_t db_clock_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void db_observe_batch(db_writer_stats *st, uint64_t began_us, unsigned jobs)
{
    stat_observe(&st->commit_us, commit_bound, COUNT(commit_bound), db_clock_us() - began_us);
    stat_observe(&st->batch_jobs, batch_bound, COUNT(batch_bound), jobs);
}

static sio_histogram histogram(const stat_histogram *from, const uint32_t *bound, unsigned n)
{
    sio_histogram h = {.bound = bound, .n = n, .sum = stat_get(&from->sum)};

    for (unsigned i = 0; i <= n; i++)
        h.count[i] = stat_get(&from->count[i]);
    return h;
}

void db_writer_stats_read(const db_writer_stats *st, db_stats *out)
{
    out->commit_us = histogram(&st->commit_us, commit_bound, COUNT(commit_bound));
    out->batch_jobs = histogram(&st->batch_jobs, batch_bound, COUNT(batch_bound));
}
