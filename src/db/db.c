#include "db/db.h"
#include "base/list.h"
#include "base/log.h"
#include "db/db_int.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_READERS 16
#define BATCH_LOST  (-1000) /* the database dropped the transaction in the middle of a batch */

/* Jobs that wait. The mutex is held to move pointers and nothing else, since loops take it. */
typedef struct queue {
    pthread_mutex_t lock;
    pthread_cond_t  wake;
    db_job         *head, **tail;
    unsigned        asleep; /* threads inside wake */
    bool            closing;
    atomic_uint     n;      /* waiting, with those that the writer took and has not finished */
    unsigned        max;
} queue;

struct db {
    const db_backend *ops;
    queue             writes, reads;
    unsigned          max_batch;
    db_conn          *writer;
    pthread_t         writer_thread;
    bool              stopped;
    unsigned          readers; /* that are running */
    struct reader {
        struct db *db;
        db_conn   *conn;
        pthread_t  thread;
    } reader[MAX_READERS];
};

/* ---- queues ---------------------------------------------------------------------------------------- */

static void queue_init(queue *q, unsigned max)
{
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->wake, NULL);
    q->tail = &q->head;
    q->max = max;
}

static void queue_fini(queue *q)
{
    pthread_cond_destroy(&q->wake);
    pthread_mutex_destroy(&q->lock);
}

static int queue_push(queue *q, db_job *j)
{
    bool wake = false;
    int err = 0;

    j->next = NULL;
    j->err = 0;
    pthread_mutex_lock(&q->lock);
    if (q->closing) {
        err = SIO_ECLOSED;
    } else if (atomic_load_explicit(&q->n, memory_order_relaxed) >= q->max) {
        err = SIO_ELIMIT;
    } else {
        *q->tail = j;
        q->tail = &j->next;
        atomic_fetch_add_explicit(&q->n, 1, memory_order_relaxed);
        wake = q->asleep > 0;
    }
    pthread_mutex_unlock(&q->lock);
    if (wake)
        pthread_cond_signal(&q->wake);
    return err;
}

/* Sleeps until there is a job; false when the queue is empty and closed. Locked. */
static bool queue_wait(queue *q)
{
    while (!q->head && !q->closing) {
        q->asleep++;
        pthread_cond_wait(&q->wake, &q->lock);
        q->asleep--;
    }
    return q->head != NULL;
}

/* Everything that waits, NULL when closed. They are counted until each is finished. */
static db_job *queue_take_all(queue *q)
{
    db_job *all = NULL;

    pthread_mutex_lock(&q->lock);
    if (queue_wait(q)) {
        all = q->head;
        q->head = NULL;
        q->tail = &q->head;
    }
    pthread_mutex_unlock(&q->lock);
    return all;
}

static db_job *queue_take_one(queue *q)
{
    db_job *j = NULL;

    pthread_mutex_lock(&q->lock);
    if (queue_wait(q)) {
        j = q->head;
        q->head = j->next;
        if (!q->head)
            q->tail = &q->head;
        atomic_fetch_sub_explicit(&q->n, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&q->lock);
    return j;
}

static void queue_close(queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closing = true;
    pthread_mutex_unlock(&q->lock);
    pthread_cond_broadcast(&q->wake);
}

/* ---- a job's end ----------------------------------------------------------------------------------- */

static void on_task(loop_task *t)
{
    db_job *j = container_of(t, db_job, task);

    j->done(j);
}

/* The job may be gone when this returns. */
static void job_finish(db_job *j)
{
    if (!j->done)
        return;
    if (!j->home) {
        j->done(j);
        return;
    }
    j->task.fn = on_task;
    loop_post(j->home, &j->task);
}

/* ---- writes ---------------------------------------------------------------------------------------- */

static int job_run_saved(db_job *j, db_conn *c)
{
    int err = db_exec(c, "SAVEPOINT job", db_no_args);

    if (err < 0)
        return err;
    err = j->run(j, c);
    if (!c->ops->active(c)) /* RELEASE would fail, and SAVEPOINT would start a transaction of its own */
        return err < 0 ? err : SIO_EIO;
    if (err < 0) {
        db_exec(c, "ROLLBACK TO SAVEPOINT job", db_no_args);
        db_exec(c, "RELEASE SAVEPOINT job", db_no_args);
        return err;
    }
    err = db_exec(c, "RELEASE SAVEPOINT job", db_no_args);
    return err < 0 ? err : 0;
}

/* The whole batch in one transaction: 0 when committed (each job has its own err), BATCH_LOST, or why not. */
static int batch_commit(db_conn *c, db_job *first)
{
    int err = db_exec(c, c->ops->begin_write, db_no_args);

    if (err < 0)
        return err;
    for (db_job *j = first; j; j = j->next) {
        j->err = job_run_saved(j, c);
        if (!c->ops->active(c))
            return BATCH_LOST;
    }
    err = db_exec(c, "COMMIT", db_no_args);
    if (err < 0 && c->ops->active(c))
        db_exec(c, "ROLLBACK", db_no_args);
    return err;
}

/* A job's place in the queue is free before its owner hears of it, who may put the next one there. */
static void batch_finish(db *d, db_job *first, int err)
{
    db_job *next;

    for (db_job *j = first; j; j = next) {
        next = j->next;
        if (err < 0 && err != BATCH_LOST)
            j->err = err;
        atomic_fetch_sub_explicit(&d->writes.n, 1, memory_order_relaxed);
        if (j->err == 0 && j->committed)
            j->committed(j);
        job_finish(j);
    }
}

/* A batch that was lost to one of its jobs is run again job by job, so that only the culprit fails. */
static void batch_run(db *d, db_job *first)
{
    int err = batch_commit(d->writer, first);
    db_job *next;

    if (err != BATCH_LOST || !first->next) {
        batch_finish(d, first, err);
        return;
    }
    for (db_job *j = first; j; j = next) {
        next = j->next;
        j->next = NULL;
        batch_finish(d, j, batch_commit(d->writer, j));
    }
}

/* Cuts off the first jobs of *list, at most max. */
static db_job *batch_cut(db_job **all, unsigned max)
{
    db_job *first = *all, *last = first;

    for (unsigned n = 1; n < max && last->next; n++)
        last = last->next;
    *all = last->next;
    last->next = NULL;
    return first;
}

static bool queue_is_empty(queue *q) { return atomic_load_explicit(&q->n, memory_order_relaxed) == 0; }

static void *writer_main(void *arg)
{
    db *d = arg;
    db_job *all;

    pthread_setname_np(pthread_self(), "db-writer");
    while ((all = queue_take_all(&d->writes)) != NULL) {
        while (all) {
            batch_run(d, batch_cut(&all, d->max_batch));
            d->ops->tidy(d->writer, !queue_is_empty(&d->writes));
        }
    }
    return NULL;
}

/* ---- reads ----------------------------------------------------------------------------------------- */

static int job_run_read(db_job *j, db_conn *c)
{
    int err = db_exec(c, c->ops->begin_read, db_no_args);

    if (err < 0)
        return err;
    err = j->run(j, c);
    if (c->ops->active(c))
        db_exec(c, "ROLLBACK", db_no_args); /* nothing was written; this cannot fail */
    return err < 0 ? err : 0;
}

static void *reader_main(void *arg)
{
    struct reader *r = arg;
    db_job *j;

    pthread_setname_np(pthread_self(), "db-reader");
    while ((j = queue_take_one(&r->db->reads)) != NULL) {
        j->err = job_run_read(j, r->conn);
        job_finish(j);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------ */

void db_options_init(db_options *o)
{
    *o = (db_options){.readers = 2, .max_queued = 16384, .max_batch = 256, .busy_ms = 5000, .migrate = true};
}

static int options_check(const db_options *o, char *err, size_t nerr)
{
    if (!o->url || strncmp(o->url, "sqlite:", 7) != 0) {
        snprintf(err, nerr, "database url must be sqlite:PATH");
        return SIO_EINVAL;
    }
    if (o->readers < 1 || o->readers > MAX_READERS || o->max_queued < 1 || o->max_batch < 1) {
        snprintf(err, nerr, "database: 1 to %d readers, at least 1 queued job and 1 job a batch", MAX_READERS);
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
    queue_close(&d->reads);
    for (unsigned i = 0; i < d->readers; i++) {
        pthread_join(d->reader[i].thread, NULL);
        d->ops->close(d->reader[i].conn);
    }
}

static int readers_start(db *d, const char *where, const db_options *o, char *err, size_t nerr)
{
    while (d->readers < o->readers) {
        struct reader *r = &d->reader[d->readers];
        int rc = d->ops->open(&r->conn, where, o, false, err, nerr);

        if (rc < 0)
            return rc;
        r->db = d;
        if ((rc = thread_start(&r->thread, reader_main, r, err, nerr)) < 0) {
            d->ops->close(r->conn);
            return rc;
        }
        d->readers++;
    }
    return 0;
}

static void db_free(db *d)
{
    if (d->writer)
        d->ops->close(d->writer); /* last, since the last connection folds the log into the file */
    queue_fini(&d->writes);
    queue_fini(&d->reads);
    free(d);
}

static int db_start(db *d, const char *where, const db_options *o, char *err, size_t nerr)
{
    int rc = d->ops->open(&d->writer, where, o, true, err, nerr);

    if (rc < 0)
        return rc;
    rc = db_migrate(d->writer, db_sqlite_steps, db_sqlite_steps_n, o->migrate, err, nerr);
    if (rc < 0)
        return rc;
    rc = readers_start(d, where, o, err, nerr);
    if (rc == 0)
        rc = thread_start(&d->writer_thread, writer_main, d, err, nerr);
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
    d->ops = &db_sqlite;
    d->max_batch = o->max_batch;
    queue_init(&d->writes, o->max_queued);
    queue_init(&d->reads, o->max_queued);
    rc = db_start(d, strchr(o->url, ':') + 1, o, err, nerr);
    if (rc < 0) {
        db_free(d);
        return rc;
    }
    *out = d;
    return 0;
}

void db_stop(db *d)
{
    queue_close(&d->writes);
    pthread_join(d->writer_thread, NULL);
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

int db_write(db *d, db_job *j) { return queue_push(&d->writes, j); }
int db_read(db *d, db_job *j) { return queue_push(&d->reads, j); }

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

int db_query(db_conn *c, const char *sql, const db_val *args, unsigned n, db_row_fn *row, void *ctx)
{
    return c->ops->query(c, sql, args, n, row, ctx);
}

int64_t db_changes(db_conn *c) { return c->ops->changes(c); }
int64_t db_col_int(const db_row *r, unsigned i) { return r->ops->col_int(r, i); }
bool    db_col_bool(const db_row *r, unsigned i) { return r->ops->col_int(r, i) != 0; }
int64_t db_col_time(const db_row *r, unsigned i) { return r->ops->col_time(r, i); }
sio_str db_col_text(const db_row *r, unsigned i) { return r->ops->col_text(r, i); }
