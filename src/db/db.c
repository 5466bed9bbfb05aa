#include "db/db.h"
#include "db/db_int.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_READERS 16

struct db {
    const db_backend *ops;
    db_queue          writes, reads;
    db_worker         writer, reader[MAX_READERS];
    unsigned          readers; /* that are running */
    bool              stopped;
};

/* ---- life ------------------------------------------------------------------------------------------ */

void db_options_init(db_options *o)
{
    *o = (db_options){.readers = 2, .max_queued = 16384, .max_batch = 256, .busy_ms = 5000,
                       .wait_ms = 5000, .migrate = true};
}

static const db_backend *backend_of(const char *url)
{
    if (url && strncmp(url, "sqlite:", 7) == 0)
        return &db_sqlite;
    if (url && (strncmp(url, "postgres://", 11) == 0 || strncmp(url, "postgresql://", 13) == 0))
        return &db_pg;
    return NULL;
}

static int options_check(const db_options *o, char *err, size_t nerr)
{
    if (!backend_of(o->url)) {
        snprintf(err, nerr, "database url must be sqlite:PATH or postgres://USER@HOST/DATABASE");
        return SIO_EINVAL;
    }
    if (o->readers < 1 || o->readers > MAX_READERS || o->max_queued < 1 || o->max_batch < 1) {
        snprintf(err, nerr, "database: 1 to %d readers, at least 1 queued job and 1 job a batch",
                 MAX_READERS);
        return SIO_EINVAL;
    }
    return 0;
}

/* A database thread; signals are for the program's own threads. */
static int thread_start(pthread_t *t, void *(*fn)(void *), void *arg, char *err, size_t nerr)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(t, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return 0;
    snprintf(err, nerr, "database: cannot start a thread: %s", strerror(rc));
    return SIO_ENOMEM;
}

static void readers_stop(db *d)
{
    db_queue_close(&d->reads);
    for (unsigned i = 0; i < d->readers; i++) {
        pthread_join(d->reader[i].thread, NULL);
        d->ops->close(d->reader[i].conn);
    }
}

static int readers_start(db *d, const db_options *o, char *err, size_t nerr)
{
    while (d->readers < o->readers) {
        db_worker *w = &d->reader[d->readers];
        int rc = d->ops->open(&w->conn, o->url, o, false, err, nerr);

        if (rc < 0)
            return rc;
        w->queue = &d->reads;
        w->wait_ms = o->wait_ms;
        if ((rc = thread_start(&w->thread, db_reader_main, w, err, nerr)) < 0) {
            d->ops->close(w->conn);
            return rc;
        }
        d->readers++;
    }
    return 0;
}

static void db_free(db *d)
{
    if (d->writer.conn)
        d->ops->close(d->writer.conn); /* last, since SQLite's last connection folds the log into the file */
    db_queue_fini(&d->writes);
    db_queue_fini(&d->reads);
    free(d);
}

static int db_start(db *d, const db_options *o, char *err, size_t nerr)
{
    unsigned most = d->ops->max_batch;
    int rc = d->ops->open(&d->writer.conn, o->url, o, true, err, nerr);

    if (rc < 0)
        return rc;
    d->writer.queue = &d->writes;
    d->writer.wait_ms = o->wait_ms;
    d->writer.max_batch = most && most < o->max_batch ? most : o->max_batch;
    rc = db_migrate(d->writer.conn, o->migrate, NULL, err, nerr);
    if (rc < 0)
        return rc;
    rc = readers_start(d, o, err, nerr);
    if (rc == 0)
        rc = thread_start(&d->writer.thread, db_writer_main, &d->writer, err, nerr);
    if (rc < 0)
        readers_stop(d);
    return rc;
}

int db_open(db **out, const db_options *o, char *err, size_t nerr)
{
    int rc = options_check(o, err, nerr);
    db *d;

    if (rc < 0)
        return rc;
    d = calloc(1, sizeof(*d));
    if (!d) {
        snprintf(err, nerr, "database: out of memory");
        return SIO_ENOMEM;
    }
    d->ops = backend_of(o->url);
    db_queue_init(&d->writes, o->max_queued, 1);
    db_queue_init(&d->reads, o->max_queued, o->readers);
    rc = db_start(d, o, err, nerr);
    if (rc < 0) {
        db_free(d);
        return rc;
    }
    *out = d;
    return 0;
}

int db_migrate_only(const db_options *o, unsigned *applied, char *err, size_t nerr)
{
    int rc = options_check(o, err, nerr);
    db_conn *c;

    if (rc < 0 || (rc = backend_of(o->url)->open(&c, o->url, o, true, err, nerr)) < 0)
        return rc;
    rc = db_migrate(c, true, applied, err, nerr);
    c->ops->close(c);
    return rc;
}

void db_stop(db *d)
{
    db_queue_close(&d->writes);
    pthread_join(d->writer.thread, NULL);
    readers_stop(d);
    d->stopped = true;
}

void db_close(db *d)
{
    if (!d)
        return;
    if (!d->stopped)
        db_stop(d);
    db_free(d);
}

int db_write(db *d, db_job *j) { return db_queue_push(&d->writes, j); }
int db_read(db *d, db_job *j) { return db_queue_push(&d->reads, j); }

/* ---- asking ---------------------------------------------------------------------------------------- */

void db_stats_read(db *d, db_stats *out)
{
    *out = (db_stats){
        .writes_waiting = atomic_load_explicit(&d->writes.n, memory_order_relaxed),
        .reads_waiting = atomic_load_explicit(&d->reads.n, memory_order_relaxed),
        .writes_done = stat_get(&d->writes.done),
        .reads_done = stat_get(&d->reads.done),
        .writes_failed = stat_get(&d->writes.failed),
        .reads_failed = stat_get(&d->reads.failed),
        .is_up = !db_queue_is_broken(&d->writes),
    };
    db_writer_stats_read(&d->writer.stats, out);
}

/* ---- statements ------------------------------------------------------------------------------------ */

static int on_ignored_row(void *ctx, const db_row *r)
{
    (void)ctx;
    (void)r;
    return 0;
}

int db_exec(db_conn *c, const char *sql, const db_val *args, unsigned n)
{
    return c->ops->query(c, sql, args, n, on_ignored_row, NULL);
}

int db_post(db_conn *c, const char *sql, const db_val *args, unsigned n)
{
    return c->ops->post(c, sql, args, n);
}

int db_query(db_conn *c, const char *sql, const db_val *args, unsigned n, db_row_fn *row, void *ctx)
{
    return c->ops->query(c, sql, args, n, row, ctx);
}

int64_t db_changes(db_conn *c) { return c->ops->changes(c); }
int64_t db_col_int(const db_row *r, unsigned i) { return r->ops->col_int(r, i); }
bool    db_col_bool(const db_row *r, unsigned i) { return r->ops->col_int(r, i) != 0; }
int64_t db_col_time(const db_row *r, unsigned i) { return r->ops->col_time(r, i); }
sio_str db_col_text(const db_row *r, unsigned i) { return r->ops->col_text(r, i); }
