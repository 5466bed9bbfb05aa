/* The database: one face, jobs on threads of its own.
 *
 * What crosses threads is a job, not an SQL string: a struct of the caller with a db_job inside. A job's
 * `run` is called on a database thread and may use the statement calls below as often as it likes.
 *
 *   db_write: one writer thread takes everything that waits into ONE transaction (group commit), in which
 *             a job that fails takes only itself back, commits, then calls `committed` for each that
 *             succeeded, in order, then hands every job back through `done` on the loop it came from.
 *   db_read:  a few threads with read-only connections; every job sees one snapshot, never older than the
 *             last commit before db_read was called.
 *
 * PostgreSQL may go away and come back (SQLite never does). Jobs that were under way or come in wait for it
 * for at most wait_ms and are then run, perhaps once more; after that they fail with SIO_EUNAVAILABLE, and
 * later ones are refused with it at once, until it is back, which is tried for ever. A transaction whose
 * commit was cut off is looked up afterwards: a job counts as committed only when the database says so.
 *
 * A loop is never held up: db_write and db_read take a mutex under which nobody does more than move pointers.
 *
 * Times are milliseconds since 1970-01-01 UTC. On SQLite they are stored as that integer and not as ISO text:
 * it is what timestamp(3) on PostgreSQL means exactly, it takes 8 bytes where text takes 24, it sorts without
 * a collation, and nothing has to be parsed on the way out. */
#ifndef DB_DB_H
#define DB_DB_H

#include "loop/loop.h"
#include "sio_err.h"
#include "sio_val.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct db      db;
typedef struct db_conn db_conn; /* a connection, inside run() only */
typedef struct db_row  db_row;  /* a row, inside a row callback only */

/* ---- life ------------------------------------------------------------------------------------------ */

typedef struct db_options {
    const char *url;        /* "sqlite:PATH" (also "sqlite:///PATH"), or
                             * "postgres://USER:PASSWORD@HOST/DATABASE" (also "postgresql:", and what libpq
                             * and Prisma allow behind "?"); copied */
    unsigned    readers;    /* reader threads, 1 to 16 */
    unsigned    max_queued; /* jobs that may wait, for writes and for reads */
    unsigned    max_batch;  /* write jobs in one transaction; on PostgreSQL not more than 64 */
    unsigned    busy_ms;    /* how long to wait for another process that holds the database, or a row */
    unsigned    wait_ms;    /* PostgreSQL: how long a job waits for a lost connection to come back */
    bool        migrate;    /* bring the schema up to date; else an old schema is an error */
} db_options;

/* The defaults: 2 readers, 16384 jobs, batches of 256, 5000 ms and 5000 ms, migrate; no url. */
void db_options_init(db_options *o);

/* Opens, migrates, starts the threads. 0; SIO_EINVAL for options, SIO_EIO for the database, SIO_ENOMEM. On
 * failure err has one line that names the problem (nerr bytes, always terminated). A file that is made
 * here is readable by its owner only. sqlite::memory: is refused: readers are connections of their own and
 * need a file. */
int  db_open(db **out, const db_options *o, char *err, size_t nerr);

/* Only what db_open does with `migrate`; *applied, unless NULL, is the number of steps that were
 * missing. Blocks. */
int  db_migrate_only(const db_options *o, unsigned *applied, char *err, size_t nerr);

/* Finishes everything queued and ends the threads; from then on db_write and db_read answer SIO_ECLOSED.
 * Blocks; not from a loop (their `done` would wait) or a database thread. Call it while the loops still
 * run: when it returns, every job's `done` has been posted to its loop. Once; db_close does it too. */
void db_stop(db *d);

/* db_stop if that was not done, folds the log back into the file and frees. Nobody may use the database at
 * the same time or later; jobs whose loop no longer runs never see `done`. NULL is allowed. */
void db_close(db *d);

/* ---- jobs ------------------------------------------------------------------------------------------ */

typedef struct db_job {
    struct db_job *next;                     /* private */
    /* Database thread: reads its input from the caller's struct and leaves results in it. 0 or more is
     * success; a negative SIO_E* undoes what this job wrote, and only that. It may be called again, from
     * the start, when the database dropped the whole transaction under it (a full disk, a lost connection,
     * a deadlock) or when it ran into what another program had just written (SIO_EEXIST): it must not count
     * on being called once. It must not block on anything but the database. */
    int          (*run)(struct db_job *j, db_conn *c);
    /* Writer thread, optional: after the commit, in commit order over all jobs. The place to publish:
     * everybody sees one order. Not called for reads. */
    void         (*committed)(struct db_job *j);
    /* The loop's thread (or the database thread when home is NULL), optional: the last thing that happens
     * to a job; it may be freed here. Without it, nothing touches the job after `committed`, or after
     * run(). */
    void         (*done)(struct db_job *j);
    loop          *home;                     /* where done runs; outlives db_stop */
    loop_task      task;                     /* private */
    int            err;                      /* for committed and done: 0 or the SIO_E* that befell the job */
    /* Writes, optional: what it locks, by db_lane; jobs that share it keep their order. Servers that write
     * the same rows take them in the order of lanes and not each in its own, which would be a deadlock at
     * every other batch. 0: first. */
    uint32_t       lane;
} db_job;

/* The lane of those who lock the row of that id: FNV-1a. */
static inline uint32_t db_lane(sio_str id)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < id.n; i++)
        h = (h ^ (unsigned char)id.p[i]) * 16777619u;
    return h;
}

/* Inside a loop's turn: done is to run on this loop. */
static inline void db_job_here(db_job *j) { j->home = loop_current(); }

/* Any thread: hands the job over until done. 0; SIO_ELIMIT when too many wait (the job stays yours
 * and nothing will be called), SIO_EUNAVAILABLE while the database is away for long, SIO_ECLOSED
 * while closing. */
int db_write(db *d, db_job *j);
int db_read(db *d, db_job *j);

/* ---- statements: inside run() only ----------------------------------------------------------------- */

typedef enum db_kind { DB_NULL, DB_INT, DB_BOOL, DB_TIME, DB_TEXT } db_kind;
typedef struct db_val {
    db_kind kind;
    union {
        int64_t i; /* DB_INT, DB_BOOL, DB_TIME (milliseconds) */
        sio_str s; /* DB_TEXT */
    };
} db_val;

static inline db_val db_null(void) { return (db_val){.kind = DB_NULL}; }
static inline db_val db_int(int64_t i) { return (db_val){.kind = DB_INT, .i = i}; }
static inline db_val db_bool(bool b) { return (db_val){.kind = DB_BOOL, .i = b}; }
static inline db_val db_time(int64_t ms) { return (db_val){.kind = DB_TIME, .i = ms}; }
/* UTF-8; a NULL pointer is NULL, an empty string is an empty string. */
static inline db_val db_text(sio_str s) { return s.p ? (db_val){.kind = DB_TEXT, .s = s} : db_null(); }

/* The two last arguments of db_exec and db_query's list: db_exec(c, SQL, db_args(db_text(id), db_int(7))). */
#define db_args(...) (const db_val[]){__VA_ARGS__}, sizeof((const db_val[]){__VA_ARGS__}) / sizeof(db_val)
#define db_no_args   NULL, 0

/* Called for each row; not 0 ends the query, and a negative value becomes its result. Views of the row's
 * text live until it returns. It may run other statements. */
typedef int db_row_fn(void *ctx, const db_row *r);

/* One statement in SQL that SQLite and PostgreSQL share, parameters ?1, ?2, ... (at most 32, and a ?
 * with a digit behind it stands for nothing else). Prepared once a connection. Returns 0; SIO_EEXIST when a
 * unique key is taken, SIO_ENOENT when a row referred to does not exist, SIO_EINVAL for another constraint, a
 * value that the column cannot hold (on PostgreSQL also text with a 0 byte) or a wrong number of arguments,
 * SIO_ETIMEOUT when another process holds the database, SIO_EUNAVAILABLE when the connection is lost,
 * SIO_ENOMEM, and SIO_EIO for the rest (disk full, damage, wrong SQL; logged). After an error the job should
 * end: on PostgreSQL whatever else it asks for fails too, and so does the job. */
int     db_exec(db_conn *c, const char *sql, const db_val *args, unsigned n);
/* The same with rows. Returns also what `row` returned if that was negative. */
int     db_query(db_conn *c, const char *sql, const db_val *args, unsigned n, db_row_fn *row, void *ctx);
/* db_exec for a statement that the job does not look at again: on PostgreSQL it travels with what follows
 * it, which saves a journey. Its error may show only at a later statement, or when the job has ended, which
 * it then undoes. */
int     db_post(db_conn *c, const char *sql, const db_val *args, unsigned n);
/* Rows that the last INSERT, UPDATE or DELETE of this connection touched; not those of db_post. */
int64_t db_changes(db_conn *c);

/* Columns from 0; NULL reads as 0 or as a sio_str with p NULL. */
int64_t db_col_int(const db_row *r, unsigned i);
bool    db_col_bool(const db_row *r, unsigned i);
int64_t db_col_time(const db_row *r, unsigned i); /* milliseconds */
sio_str db_col_text(const db_row *r, unsigned i);

#endif
