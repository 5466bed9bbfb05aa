/* What the files of dbq share. Everything is on loop 0, but for what stands in db_job.run. */
#ifndef JOBS_DBQ_INT_H
#define JOBS_DBQ_INT_H

#include "base/list.h"
#include "jobs/dbq.h"
#include "jobs/dbq_store.h"

#include <stdatomic.h>

typedef struct dbq {
    jobs        base;
    db         *d;
    sio_server *io;
    loop       *loop;
    list        workers;
    bool        freed;               /* goes with its last worker, whose jobs of the database are
                                      * still under way */
    atomic_bool woken;               /* a wake is on its way */
} dbq;

int64_t dbq_now(const dbq *q);
/* A copy in one block with what it is in. */
char *dbq_copy(sio_str s);

/* dbq_worker.c */
int  dbq_worker_new(jobs_worker **out, jobs *j, const jobs_worker_options *o);
void dbq_worker_close(jobs_worker *w, void (*done)(void *arg), void *arg);
/* Ends them without waiting; what they hold is found by others when its lock runs out. */
void dbq_worker_end_all(dbq *q);
/* When the queue was given up and no worker is left. */
void dbq_settle(dbq *q);
/* There may be work in queue (p NULL: in any). */
void dbq_workers_wake(dbq *q, sio_str queue);
void dbq_complete(job *jb, sio_str result);
void dbq_fail(job *jb, sio_str reason, int64_t retry_ms, bool final);
void dbq_release(job *jb);
void dbq_progress(job *jb, sio_str progress);

#endif
