/* What the database counts, each declared once with the words for it; as include/sio_stats.h. */
#ifndef DB_DB_STATS_H
#define DB_DB_STATS_H

#include "sio_stats.h"

#define DB_STATS(COUNTER, GAUGE)                                                                          \
    GAUGE(writes_waiting, "db_jobs_waiting", "kind=\"write\"", "Database jobs that wait or run.")         \
    GAUGE(reads_waiting, "db_jobs_waiting", "kind=\"read\"", "Database jobs that wait or run.")           \
    COUNTER(writes_done, "db_jobs_total", "kind=\"write\"", "Database jobs that have ended, well or not.") \
    COUNTER(reads_done, "db_jobs_total", "kind=\"read\"", "Database jobs that have ended, well or not.")  \
    COUNTER(writes_failed, "db_jobs_failed_total", "kind=\"write\"", "Database jobs that have failed.")   \
    COUNTER(reads_failed, "db_jobs_failed_total", "kind=\"read\"", "Database jobs that have failed.")     \
    GAUGE(is_up, "db_up", "", "Whether the writer has a connection: 1 or 0.")

typedef struct db_stats {
#define DB_STATS_MEMBER(member, name, labels, help) uint64_t member;
    DB_STATS(DB_STATS_MEMBER, DB_STATS_MEMBER)
#undef DB_STATS_MEMBER
    sio_histogram commit_us;  /* transactions of the writer, from the first statement to the end
                               * of the commit */
    sio_histogram batch_jobs; /* jobs in one of them */
} db_stats;

struct db;
/* Any thread. */
void db_stats_read(struct db *d, db_stats *out);

#endif
