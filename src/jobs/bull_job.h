/* What stands in the hashes of BullMQ's jobs, read and written. Pure. */
#ifndef JOBS_BULL_JOB_H
#define JOBS_BULL_JOB_H

#include "base/buf.h"
#include "codec/resp.h"
#include "jobs/jobs.h"

#define BULL_OPTS_MAX 2048           /* bytes that bull_opts_write can need */

/* What a job's options mean for whoever performs it. */
typedef struct bull_plan {
    unsigned    attempts;            /* 1 or more */
    job_backoff backoff;
    int64_t     backoff_ms;
    double      jitter;
    bool        lifo;
    job_keep    on_complete, on_fail; /* count -1: all */
} bull_plan;
/* Reads the field opts, as Node's Queue and its scripts write it. False when it is no JSON object; what
 * is not understood in it is as if it were not there. A backoff of a kind that only its Node program
 * knows is a fixed one. */
bool bull_plan_read(bull_plan *p, sio_str opts);

/* Appends the field opts. Errors of buf. */
int  bull_opts_write(buf *out, const job_options *o);

/* A job as lua/take.lua hands it out; views of the answer. */
typedef struct bull_taken {
    sio_str   id, token, name, data;
    sio_str   fault;                 /* n 0, or why it must not be performed */
    unsigned  attempts_made;
    bull_plan plan;
} bull_taken;
/* False when it is no such thing. */
bool bull_taken_read(bull_taken *t, const resp_val *v);
/* A job as lua/failed.lua lists it. */
bool bull_info_read(job_info *i, const resp_val *v);

#endif
