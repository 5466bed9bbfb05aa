#include "main/metrics.h"

#include "app/queues/queues.h"
#include "db/db_stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "partyline_"

/* One row of a table of counters, with its value in a struct of uint64_t. */
typedef struct row {
    const char *name, *labels, *help, *type;
    size_t      at;
} row;

#define SIO_COUNTER(member, name, labels, help) {name, labels, help, "counter", offsetof(sio_stats, member)},
#define SIO_GAUGE(member, name, labels, help)   {name, labels, help, "gauge", offsetof(sio_stats, member)},
static const row sio_rows[] = {SIO_STATS(SIO_COUNTER, SIO_GAUGE)};
#define DB_COUNTER(member, name, labels, help) {name, labels, help, "counter", offsetof(db_stats, member)},
#define DB_GAUGE(member, name, labels, help)   {name, labels, help, "gauge", offsetof(db_stats, member)},
static const row db_rows[] = {DB_STATS(DB_COUNTER, DB_GAUGE)};
#define APP_COUNTER(member, name, labels, help) {name, labels, help, "counter", offsetof(app_stats, member)},
#define APP_GAUGE(member, name, labels, help)   {name, labels, help, "gauge", offsetof(app_stats, member)},
static const row app_rows[] = {APP_STATS(APP_COUNTER, APP_GAUGE)};
#define LIMIT_COUNTER(member, name, labels, help) {name, labels, help, "counter", offsetof(limit_counts, member)},
static const row limit_rows[] = {LIMIT_COUNTS(LIMIT_COUNTER)};
#define CLUSTER_COUNTER(member, name, labels, help) {name, labels, help, "counter", offsetof(cluster_counts, member)},
#define CLUSTER_GAUGE(member, name, labels, help)   {name, labels, help, "gauge", offsetof(cluster_counts, member)},
static const row cluster_rows[] = {CLUSTER_STATS(CLUSTER_COUNTER, CLUSTER_GAUGE)};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An error sticks, so that a caller need not ask after each line. */
typedef struct page {
    buf *out;
    int  err;
} page;

#define PUT(p, ...) ((p)->err = (p)->err < 0 ? (p)->err : buf_printf((p)->out, __VA_ARGS__))

static void put_head(page *p, const char *name, const char *type, const char *help)
{
    PUT(p, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void put_value(page *p, const char *name, const char *labels, uint64_t value)
{
    PUT(p, PREFIX "%s%s%s%s %" PRIu64 "\n", name, *labels ? "{" : "", labels, *labels ? "}" : "", value);
}

static void put_rows(page *p, const row *rows, size_t n, const void *stats)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value;

        if (i == 0 || strcmp(rows[i].name, rows[i - 1].name) != 0)
            put_head(p, rows[i].name, rows[i].type, rows[i].help);
        memcpy(&value, (const char *)stats + rows[i].at, sizeof(value));
        put_value(p, rows[i].name, rows[i].labels, value);
    }
}

/* `unit` is what one of the histogram's integers is in the unit of the name. */
static void put_histogram(page *p, const char *name, const char *help, const sio_histogram *h, double unit)
{
    uint64_t below = 0;

    put_head(p, name, "histogram", help);
    for (unsigned i = 0; i < h->n; i++) {
        below += h->count[i];
        PUT(p, PREFIX "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, h->bound[i] * unit, below);
    }
    below += h->count[h->n];
    PUT(p, PREFIX "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, below);
    PUT(p, PREFIX "%s_sum %.6g\n" PREFIX "%s_count %" PRIu64 "\n", name, (double)h->sum * unit, name, below);
}

static void put_refusals(page *p, const app_stats *stats)
{
    unsigned i = 0;
    char label[80];

    put_head(p, "refusals_total", "counter", "Events refused.");
    for (const event_row *r = event_rows; r < event_rows + event_nrows; r++) {
        if (r->kind != ROW_CODE)
            continue;
        snprintf(label, sizeof(label), "code=\"%s\"", r->name);
        put_value(p, "refusals_total", label, stats->refusals[i++]);
    }
}

/* ---- job queues --------------------------------------------------------------------------------------- */

#define STATE(name, member) {name, "", "", "", offsetof(jobs_counts, member)}
static const row queue_states[] = {
    STATE("waiting", waiting),         STATE("active", active),
    STATE("delayed", delayed),         STATE("prioritized", prioritized),
    STATE("completed", completed),     STATE("failed", failed),
    STATE("paused", paused),           STATE("waiting-children", waiting_children),
};

/* The name of a queue is the administrator's. */
static void put_label(char *out, size_t n, const char *name)
{
    size_t at = 0;

    for (; *name && at + 3 < n; name++) {
        if (*name == '"' || *name == '\\')
            out[at++] = '\\';
        out[at++] = *name;
    }
    out[at] = '\0';
}

/* A queue whose counts are known. */
typedef struct shown {
    bool        is_bull;
    char        label[2 * QUEUES_NAME_MAX + 4];
    jobs_counts c;
} shown;

static unsigned queues_known(const app *a, shown out[QUEUES_MAX])
{
    queues_one one[QUEUES_MAX];
    unsigned all = queues_list(a, one), n = 0;

    for (unsigned i = 0; i < all; i++) {
        if (!queues_counted(a, i, &out[n].c))
            continue;
        out[n].is_bull = one[i].is_bull;
        put_label(out[n++].label, sizeof(out->label), one[i].name);
    }
    return n;
}

static void put_states(page *p, const char *name, const shown *q)
{
    for (size_t i = 0; i < COUNT(queue_states); i++) {
        int64_t n;

        memcpy(&n, (const char *)&q->c + queue_states[i].at, sizeof(n));
        PUT(p, "%s{queue=\"%s\",state=\"%s\"} %" PRId64 "\n", name, q->label, queue_states[i].name, n);
    }
}

/* Those of Redis as BullMQ itself exports them. */
static void put_queues(page *p, const app *a)
{
    shown q[QUEUES_MAX];
    unsigned n = queues_known(a, q);

    PUT(p, "# HELP bullmq_job_count Number of jobs in the queue by state\n# TYPE bullmq_job_count gauge\n");
    for (unsigned i = 0; i < n; i++)
        if (q[i].is_bull)
            put_states(p, "bullmq_job_count", &q[i]);
    put_head(p, "queue_jobs", "gauge", "Jobs of the queues in the database by state.");
    for (unsigned i = 0; i < n; i++)
        if (!q[i].is_bull)
            put_states(p, PREFIX "queue_jobs", &q[i]);
    put_head(p, "queue_paused", "gauge", "1 when none of a queue's jobs is given out.");
    for (unsigned i = 0; i < n; i++)
        PUT(p, PREFIX "queue_paused{queue=\"%s\"} %" PRId64 "\n", q[i].label, q[i].c.is_paused);
}

static long resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Names that all exporters have in common, without our prefix; and what of the memory falls on
 * a connection. */
static void put_process(page *p, size_t connections)
{
    struct timespec cpu = {0};
    long resident = resident_bytes();

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    put_head(p, "bytes_per_connection", "gauge",
             "Memory in use, all of it, divided by connections; 0 without any.");
    PUT(p, PREFIX "bytes_per_connection %ld\n", connections ? resident / (long)connections : 0);
    PUT(p, "# HELP process_resident_memory_bytes Memory in use.\n# TYPE process_resident_memory_bytes gauge\n"
           "process_resident_memory_bytes %ld\n", resident);
    PUT(p, "# HELP process_cpu_seconds_total Processor time used.\n# TYPE process_cpu_seconds_total counter\n"
           "process_cpu_seconds_total %.3f\n", (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
}

int metrics_put(buf *out, const sio_server *io, db *d, const app *a, const cluster_join *cluster)
{
    page p = {.out = out};
    sio_stats sio;
    db_stats db;
    app_stats app;
    limit_counts limited;
    cluster_counts others;

    sio_stats_read(io, &sio);
    db_stats_read(d, &db);
    app_stats_read(a, &app);
    limits_counts(a->opt.limits, &limited);
    cluster_counts_read(cluster, &others);
    put_rows(&p, sio_rows, COUNT(sio_rows), &sio);
    put_rows(&p, cluster_rows, COUNT(cluster_rows), &others);
    put_histogram(&p, "loop_turn_seconds",
                  "How long a loop's turns took: what arrives meanwhile waits so long.", &sio.turn_ms,
                  1e-3);
    put_rows(&p, app_rows, COUNT(app_rows), &app);
    put_refusals(&p, &app);
    put_rows(&p, limit_rows, COUNT(limit_rows), &limited);
    put_rows(&p, db_rows, COUNT(db_rows), &db);
    put_histogram(&p, "db_commit_seconds",
                  "How long transactions took, from their first statement to the end of the commit.",
                  &db.commit_us, 1e-6);
    put_histogram(&p, "db_batch_jobs", "Jobs in one transaction.", &db.batch_jobs, 1);
    put_queues(&p, a);
    put_process(&p, sio_clients_count(io));
    return p.err;
}
