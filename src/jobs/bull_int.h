/* What the files of bull share: one connection for commands, one for each worker's bell. Everything
 * is on one loop. */
#ifndef JOBS_BULL_INT_H
#define JOBS_BULL_INT_H

#include "base/list.h"
#include "jobs/bull.h"
#include "jobs/bull_job.h"
#include "jobs/bull_lua.h"
#include "redis/redis.h"

#define BULL_PREFIX_MAX 64
#define BULL_DUE_MAX    ((INT64_C(1) << 41) - 1) /* ms since 1970: 4096 times it is an exact score; 2039 */
#define BULL_KEY_MAX    (BULL_PREFIX_MAX + JOBS_NAME_MAX + 16)

typedef struct bull {
    jobs         base;
    net         *net;
    loop        *loop;
    redis       *r;                  /* commands */
    char        *url, *name;         /* name: NULL or the workers' */
    char         prefix[BULL_PREFIX_MAX + 1];
    redis_script script[BULL_LUA_COUNT];
    list         workers;
    bool         freeing;            /* callbacks of the connections only clean up */
} bull;

/* The key of queue with that ending; out has room for BULL_KEY_MAX. */
sio_str bull_key(const bull *b, const char *queue, const char *ending, char *out);
/* A number as an argument; out has room for 24. */
sio_str bull_number(int64_t v, char *out);
/* Runs a script on a queue: at most BULL_ARGS_MAX arguments. Errors as redis_eval. */
#define BULL_ARGS_MAX 512u
int     bull_eval(bull *b, enum bull_lua which, const char *queue, const sio_str *argv, unsigned argc,
                  redis_reply_fn *fn, void *arg);
/* What an answer means: 0; SIO_EUNAVAILABLE for none or an error of Redis, which is logged. */
int     bull_fault(int err, const resp_val *v, const char *doing);

/* bull_admin.c */
int  bull_count(jobs *j, const char *queue, void (*fn)(void *arg, int err, const jobs_counts *c), void *arg);
int  bull_failed(jobs *j, const char *queue, unsigned from, unsigned n,
                 void (*fn)(void *arg, int err, const job_info *jobs, unsigned n), void *arg);
int  bull_retry(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg);
int  bull_drop(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg);
int  bull_pause(jobs *j, const char *queue, bool pause, jobs_done_fn *fn, void *arg);

/* bull_worker.c */
int  bull_worker_new(jobs_worker **out, jobs *j, const jobs_worker_options *o);
void bull_worker_close(jobs_worker *w, void (*done)(void *arg), void *arg);
void bull_workers_up(bull *b);       /* Redis is back */
void bull_workers_free(bull *b);     /* when the connection for commands is gone */

/* bull_end.c */
void bull_complete(job *jb, sio_str result);
void bull_fail(job *jb, sio_str reason, int64_t retry_ms, bool final);
void bull_release(job *jb);
void bull_progress(job *jb, sio_str progress);

#endif
