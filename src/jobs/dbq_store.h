/* The tables of dbq. All functions run inside a database job; errors are those of db_exec. */
#ifndef JOBS_DBQ_STORE_H
#define JOBS_DBQ_STORE_H

#include "db/db.h"
#include "jobs/jobs.h"

/* partyline_jobs.state; jobs with a priority wait like the others. */
enum dbq_state { DBQ_WAITING, DBQ_DELAYED, DBQ_ACTIVE, DBQ_COMPLETED, DBQ_FAILED };

#define DBQ_TOKEN_LEN 16

typedef struct dbq_new_job {
    sio_str            queue, id, name, data;
    int64_t            now_ms;
    const job_options *o;
} dbq_new_job;
/* 0, or SIO_EEXIST when there is a job of that id. */
int dbq_store_add(db_conn *c, const dbq_new_job *n);

typedef struct dbq_row {
    sio_str  id, name, data;
    int64_t  priority, ord;
    unsigned attempts, attempts_made;
    int      backoff;
    int64_t  backoff_ms;
    double   jitter;
    job_keep on_complete, on_fail;
} dbq_row;
typedef void dbq_row_fn(void *ctx, const dbq_row *r); /* in any order */

typedef struct dbq_take {
    sio_str  queue, token;
    int64_t  now_ms, lock_ms;
    unsigned max;
    unsigned rate_max;
    int64_t  rate_ms;
} dbq_take;
/* Moves due jobs to those that wait, and takes at most max of them. */
int dbq_store_take(db_conn *c, const dbq_take *t, dbq_row_fn *row, void *ctx);

typedef struct dbq_outlook {
    bool    ready;                   /* something can be taken now, but for rate and pause */
    int64_t next_ms;                 /* when the first delayed one is due; INT64_MAX: none */
} dbq_outlook;
int dbq_store_outlook(db_conn *c, sio_str queue, int64_t now_ms, dbq_outlook *out);

/* What becomes of a job in the hands of `token`: 1, or 0 when somebody else has it. */
/* DBQ_COMPLETED with its result, or DBQ_FAILED with the reason, for good. */
int dbq_store_finish(db_conn *c, sio_str queue, const dbq_row *r, sio_str token, enum dbq_state state,
                     sio_str text, int64_t now_ms);
/* due_ms: not before. */
int dbq_store_again(db_conn *c, sio_str queue, const dbq_row *r, sio_str token, sio_str reason,
                    int64_t due_ms, int64_t now_ms);
/* Back to the front of those that wait; no attempt is counted. */
int dbq_store_release(db_conn *c, sio_str queue, sio_str id, sio_str token, int64_t now_ms);
int dbq_store_progress(db_conn *c, sio_str queue, sio_str id, sio_str token, sio_str progress);
/* Takes away finished jobs over what `keep` says, some at a time. */
int dbq_store_trim(db_conn *c, sio_str queue, enum dbq_state state, job_keep keep, int64_t now_ms);

/* Renews all of a token's locks; held is called for each job that it still has. */
int dbq_store_renew(db_conn *c, sio_str queue, sio_str token, int64_t until_ms,
                    void (*held)(void *ctx, sio_str id), void *ctx);
/* Gives back, or fails, those whose lock has run out. */
int dbq_store_stalled(db_conn *c, sio_str queue, unsigned max_stalled, int64_t now_ms);

int dbq_store_counts(db_conn *c, sio_str queue, jobs_counts *out);
int dbq_store_failed(db_conn *c, sio_str queue, unsigned from, unsigned n,
                     void (*each)(void *ctx, const job_info *i), void *ctx);
/* SIO_ENOENT when no job of that id has failed. */
int dbq_store_retry(db_conn *c, sio_str queue, sio_str id, int64_t now_ms);
int dbq_store_drop(db_conn *c, sio_str queue, sio_str id);
int dbq_store_pause(db_conn *c, sio_str queue, bool pause);

#endif
