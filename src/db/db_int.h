/* Between the queues and threads (db.c, queue.c, worker.c) and a backend (connections, statements). */
#ifndef DB_DB_INT_H
#define DB_DB_INT_H

#include "base/stat.h"
#include "db/db.h"
#include "db/db_stats.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- backends -------------------------------------------------------------------------------------- */

/* Where a connection stands. Only DB_IN is inside a transaction. */
typedef enum db_state {
    DB_OUT,      /* no transaction: none was begun, it was ended, or the database dropped it */
    DB_IN,
    DB_CONFLICT, /* dropped because it stood in another one's way: the same once more may go well */
    DB_AWAY      /* the connection is lost, and what was not committed with it */
} db_state;

typedef struct db_step_list db_step_list;

/* What a database is, behind the face. All calls on a connection come from the one thread that owns it.
 * begin, save, release and undo may only note what is to be done and let it travel with the next statement:
 * their errors then show there. */
typedef struct db_backend {
    const char *is_migrated;  /* a query: 1 when the table partyline_migrations exists, else 0 */
    const char *migrations;   /* a script that makes it where there is none */
    const char *migrate_lock; /* a script that keeps other programs' migrations away until the transaction
                               * ends, or NULL when begin does that */
    unsigned    max_batch;    /* jobs in one transaction that it takes well; 0: any number */
    bool        is_shared;    /* other programs write at the same time */
    const db_step_list *steps;
    /* `url` is the whole of it. Errors as db_open. */
    int       (*open)(db_conn **out, const char *url, const db_options *o, bool writer, char *err,
                      size_t nerr);
    void      (*close)(db_conn *c);
    int       (*query)(db_conn *c, const char *sql, const db_val *args, unsigned n, db_row_fn *row,
                       void *ctx);
    /* A statement without rows whose error may show later: in another one of the job, in
     * release, or in late. */
    int       (*post)(db_conn *c, const char *sql, const db_val *args, unsigned n);
    int       (*script)(db_conn *c, const char *sql); /* several statements without parameters or rows */
    int64_t   (*changes)(db_conn *c);
    /* Rows written so far, for one whose failed statements undo themselves and leave the transaction as
     * it was; NULL. */
    int64_t   (*written)(db_conn *c);
    db_state  (*state)(db_conn *c);
    int       (*begin)(db_conn *c, bool write); /* write: will not fail for a lock later; else one snapshot */
    int       (*save)(db_conn *c);              /* a job begins */
    /* It ends well; the error of one of its statements when it did not */
    int       (*release)(db_conn *c);
    int       (*undo)(db_conn *c);              /* it ends badly: what it did is undone */
    /* 0, or what befell the job before the current one after its release; that job is undone then, and
     * nothing was done for the current one, which must start again. NULL: cannot happen. */
    int       (*late)(db_conn *c);
    int       (*commit)(db_conn *c);            /* on an error: see late, then state */
    void      (*rollback)(db_conn *c);
    /* After DB_AWAY: tries once to connect, for at most ms. 0 or negative. NULL: never away. */
    int       (*revive)(db_conn *c, unsigned ms);
    /* After revive: 1 when the transaction that was lost had been committed, 0 when not, negative when
     * nobody knows. */
    int       (*settle)(db_conn *c);
    /* Writer only, between batches: house-keeping; busy when more work waits. */
    void      (*tidy)(db_conn *c, bool busy);
    const char *(*why)(db_conn *c);             /* text of the last error */
    int64_t   (*col_int)(const db_row *r, unsigned i);
    int64_t   (*col_time)(const db_row *r, unsigned i);
    sio_str   (*col_text)(const db_row *r, unsigned i);
} db_backend;

struct db_conn {
    const db_backend *ops; /* first member of every backend's connection */
};

struct db_row {
    const db_backend *ops;
    void             *native;
    unsigned          at; /* for backends that have all rows at once */
};

extern const db_backend db_sqlite;
extern const db_backend db_pg;

static inline db_state db_conn_state(db_conn *c) { return c->ops->state(c); }
/* FNV-1a, for the caches of statements: the texts are ours, not a peer's. */
static inline uint32_t db_text_hash(const char *z)
{
    uint32_t h = 2166136261u;

    for (; *z; z++)
        h = (h ^ (unsigned char)*z) * 16777619u;
    return h;
}

/* ---- migrations (migrate.c) ------------------------------------------------------------------------ */

/* A step of the schema: forward only, numbered from 1 without gaps, never changed after a release. */
typedef struct db_step {
    const char *name;
    const char *sql;
} db_step;

struct db_step_list {
    const db_step *step;
    unsigned       n;
};
extern const db_step_list db_sqlite_steps, db_pg_steps;

/* Brings a database up to the last of its backend's steps, each in a transaction of its own, and notes it in
 * the table partyline_migrations. Safe against a second process that does the same. With apply false nothing
 * is changed and an old schema is SIO_ESTATE. A schema newer than the steps is SIO_ESTATE too. *applied,
 * unless NULL, counts the steps taken. err as db_open. */
int db_migrate(db_conn *c, bool apply, unsigned *applied, char *err, size_t nerr);

/* ---- queues (queue.c) ------------------------------------------------------------------------------ */

/* Jobs that wait. The mutex is held to move pointers and nothing else, since loops take it. */
typedef struct db_queue {
    pthread_mutex_t lock;
    pthread_cond_t  wake, closed;
    db_job         *head, **tail;
    unsigned        asleep;  /* threads inside wake */
    unsigned        threads; /* that serve it */
    unsigned        broken;  /* of those, without a connection */
    bool            down;    /* all of them, for too long: jobs are refused */
    bool            closing;
    atomic_uint     n;       /* waiting, with those that were taken and are not finished */
    stat_cell       done, failed;
    unsigned        max;
} db_queue;

void    db_queue_init(db_queue *q, unsigned max, unsigned threads);
void    db_queue_fini(db_queue *q);
/* As db_write. */
int     db_queue_push(db_queue *q, db_job *j);
/* Sleeps until there is a job: all that wait, or the first; NULL when empty and closed. They count until
 * db_queue_finish. */
db_job *db_queue_take_all(db_queue *q);
db_job *db_queue_take_one(db_queue *q);
bool    db_queue_is_empty(db_queue *q);
void    db_queue_close(db_queue *q);
bool    db_queue_is_closing(db_queue *q);
/* Sleeps for ms, or with until_closed set no longer than until the queue is closed. */
void    db_queue_pause(db_queue *q, unsigned ms, bool until_closed);
/* A job's end: calls `committed` where that is due, hands it back. Its place is free before its owner hears
 * of it, who may put the next one there. The job may be gone when this returns. */
void    db_queue_finish(db_queue *q, db_job *j, bool committed);
/* The same with an error for a list of jobs. */
void    db_queue_fail(db_queue *q, db_job *first, int err);
/* A thread lost its connection, has one again, or has waited long enough: with the last, when no thread has a
 * connection, all that waits fails with SIO_EUNAVAILABLE and so does what comes, until one has. */
void    db_queue_broke(db_queue *q);
void    db_queue_mended(db_queue *q);
bool    db_queue_is_broken(db_queue *q); /* no thread has a connection */
void    db_queue_give_up(db_queue *q);

/* ---- threads (worker.c) ---------------------------------------------------------------------------- */

/* Written by the writer, read by any thread. */
typedef struct db_writer_stats {
    stat_histogram commit_us, batch_jobs;
} db_writer_stats;

typedef struct db_worker {
    db_queue  *queue;
    db_conn   *conn;
    pthread_t  thread;
    unsigned   max_batch; /* writer */
    unsigned   wait_ms;   /* how long a job waits for a lost connection */
    bool       broken;    /* known to the queue */
    db_writer_stats stats; /* writer */
} db_worker;

/* stats.c */
uint64_t db_clock_us(void); /* monotonic microseconds */
void db_observe_batch(db_writer_stats *st, uint64_t began_us, unsigned jobs);
void db_writer_stats_read(const db_writer_stats *st, db_stats *out);

void *db_writer_main(void *worker);
void *db_reader_main(void *worker);
/* After DB_AWAY, with jobs in hand: connects again within wait_ms. 0 or SIO_EUNAVAILABLE. */
int   db_worker_revive(db_worker *w);
/* After that failed, with no job in hand: connects, however long it takes, or returns because the
 * queue is closed. */
void  db_worker_sit_out(db_worker *w);

#endif
