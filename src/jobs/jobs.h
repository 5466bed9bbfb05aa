/* Durable job queues, one face for two keepers: BullMQ's structures in Redis (bull.h), shared with Node's
 * Queue and Worker, and tables of the database (dbq.h), for a server that has nothing else.
 *
 * At least once: a job that was added is performed until its handler has said so, or its attempts are used
 * up; one whose worker dies is taken over by another. Handlers must not mind being called twice.
 *
 * A `jobs` belongs to one loop; its functions are for that loop, its callbacks run there, never
 * inside a call into it but for jobs_free. Names follow BullMQ. Times are milliseconds, since 1970
 * where they are moments. */
#ifndef JOBS_JOBS_H
#define JOBS_JOBS_H

#include "sio_err.h"
#include "sio_val.h"

#define JOBS_NAME_MAX 128            /* bytes of a queue's or job's name; a queue's has no ':' */
#define JOBS_ID_MAX   128            /* bytes of an id */
#define JOBS_DATA_MAX (1u << 20)     /* bytes of data */
#define JOBS_PAGE_MAX 100            /* failed jobs at a time */

typedef struct jobs jobs;

typedef enum job_backoff { JOB_NO_BACKOFF, JOB_FIXED, JOB_EXPONENTIAL } job_backoff;

/* How many finished jobs are kept: count < 0: any number; age_s 0: for ever. Zeroed: none. */
typedef struct job_keep {
    int64_t count, age_s;
} job_keep;

typedef struct job_options {
    sio_str     id;                  /* n 0: a number is given. A second job of an id that is still known is
                                      * the first one. Not a whole number, no ':' */
    int64_t     delay_ms;
    uint32_t    priority;            /* 0: none, before all others; else 1 first, at most 2097151 */
    bool        lifo;
    unsigned    attempts;            /* 0 and 1: one */
    job_backoff backoff;
    int64_t     backoff_ms;
    double      jitter;              /* 0 to 1 */
    job_keep    on_complete, on_fail;
} job_options;
/* One attempt, kept: the last 1000 completed of an hour, the last 5000 failed of a week. */
void job_options_init(job_options *o);

/* ---- adding ---- */

/* err 0: the job is durable; id is a view. SIO_EUNAVAILABLE: it is not known whether it is. */
typedef void jobs_added_fn(void *arg, int err, sio_str id);
/* data: JSON text. Copied. fn may be NULL. 0 and fn runs once; else SIO_EINVAL (names, id, JSON, sizes),
 * SIO_EUNAVAILABLE, SIO_ELIMIT, SIO_ENOMEM and it does not. */
int jobs_add(jobs *j, const char *queue, const char *name, sio_str data, const job_options *o,
             jobs_added_fn *fn, void *arg);

/* ---- performing ---- */

/* A job that is being performed. Views live until it is ended. Every job given to a handler is ended once, by
 * job_complete, job_fail or job_release. */
typedef struct job {
    jobs    *jobs;
    sio_str  id, name, data;         /* data: JSON, checked */
    unsigned attempts_made;          /* before this one */
    unsigned attempts;               /* in all */
    bool     lost;                   /* somebody else has it by now: what is done is done twice; ending it
                                      * changes nothing */
    void    *user;                   /* yours */
} job;

typedef struct jobs_worker jobs_worker;
typedef struct jobs_worker_options {
    const char *queue;               /* copied */
    unsigned    concurrency;         /* jobs at a time; 1 */
    uint32_t    lock_ms;             /* 30000: taken over when its worker is silent for so long;
                                      * renewed by itself */
    uint32_t    stalled_ms;          /* 30000: how often such jobs are looked for */
    unsigned    max_stalled;         /* 1: taken over so often, then it has failed */
    unsigned    rate_max;            /* with rate_ms: jobs in that time over all workers; 0 = any number */
    uint32_t    rate_ms;
    void      (*perform)(void *arg, job *jb);
    void       *arg;
} jobs_worker_options;
void jobs_worker_options_init(jobs_worker_options *o);
/* Starts taking jobs as soon as the keeper is there. 0, SIO_EINVAL, SIO_ENOMEM. */
int  jobs_worker_new(jobs_worker **out, jobs *j, const jobs_worker_options *o);
/* Takes no more. done(arg) runs once when all that are under way were ended (at once when there are none);
 * jobs that are still held then are for the caller to release. */
void jobs_worker_close(jobs_worker *w, void (*done)(void *arg), void *arg);

void job_complete(job *jb, sio_str result);  /* JSON; n 0: null */
/* retry_ms >= 0: not before so long, whatever the backoff says; -1: by the backoff. final: no further
 * attempts. reason: text. */
void job_fail(job *jb, sio_str reason, int64_t retry_ms, bool final);
void job_release(job *jb);                   /* somebody else may have it at once; no attempt is counted */
void job_progress(job *jb, sio_str progress); /* JSON */

/* ---- looking after them ---- */

typedef struct jobs_counts { /* as BullMQ's getJobCounts */
    int64_t waiting, active, delayed, prioritized, completed, failed, paused, waiting_children;
    int64_t is_paused; /* 1: none is given out */
} jobs_counts;
int  jobs_count(jobs *j, const char *queue, void (*fn)(void *arg, int err, const jobs_counts *c), void *arg);

typedef struct job_info {
    sio_str  id, name, data, failed_reason;
    unsigned attempts_made;
    int64_t  created_ms, finished_ms;
} job_info;
/* Failed jobs, latest first, from the `from`th on, at most n. fn runs once; views. */
int  jobs_failed(jobs *j, const char *queue, unsigned from, unsigned n,
                 void (*fn)(void *arg, int err, const job_info *jobs, unsigned n), void *arg);
/* A failed job anew / away with it: fn(arg, 0), or SIO_ENOENT. */
typedef void jobs_done_fn(void *arg, int err);
int  jobs_retry(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg);
int  jobs_drop(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg);
int  jobs_pause(jobs *j, const char *queue, bool pause, jobs_done_fn *fn, void *arg);

bool jobs_is_up(const jobs *j);
/* Gives back: jobs under way are released when that can be done without waiting. NULL is allowed. */
void jobs_free(jobs *j);

/* How long to wait behind the attempt-th failure (from 1), as BullMQ reckons; dice from 0 to 1. */
int64_t jobs_backoff_ms(job_backoff kind, int64_t ms, double jitter, unsigned attempt, double dice);

/* ---- for keepers ---- */
typedef struct jobs_ops {
    int  (*add)(jobs *j, const char *queue, const char *name, sio_str data, const job_options *o,
                jobs_added_fn *fn, void *arg);
    int  (*worker_new)(jobs_worker **out, jobs *j, const jobs_worker_options *o);
    void (*worker_close)(jobs_worker *w, void (*done)(void *arg), void *arg);
    void (*complete)(job *jb, sio_str result);
    void (*fail)(job *jb, sio_str reason, int64_t retry_ms, bool final);
    void (*release)(job *jb);
    void (*progress)(job *jb, sio_str progress);
    int  (*count)(jobs *j, const char *queue, void (*fn)(void *arg, int err, const jobs_counts *c),
                  void *arg);
    int  (*failed)(jobs *j, const char *queue, unsigned from, unsigned n,
                   void (*fn)(void *arg, int err, const job_info *jobs, unsigned n), void *arg);
    int  (*retry)(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg);
    int  (*drop)(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg);
    int  (*pause)(jobs *j, const char *queue, bool pause, jobs_done_fn *fn, void *arg);
    bool (*is_up)(const jobs *j);
    void (*free)(jobs *j);
} jobs_ops;
struct jobs {
    const jobs_ops *ops;
};
struct jobs_worker {
    jobs *jobs;
};

#endif
