/* BullMQ's queues in Redis: what is added here a Node Worker of bullmq 5 or 6 performs, what a Node Queue
 * adds is performed here. */
#ifndef JOBS_BULL_H
#define JOBS_BULL_H

#include "jobs/jobs.h"
#include "net/net.h"

typedef struct bull_options {
    const char *redis_url;
    const char *prefix;              /* "bull" */
    const char *name;                /* of this worker, for Queue.getWorkers(); NULL: none */
} bull_options;
/* On the loop of n; connects by itself. 0, SIO_EINVAL, SIO_ENOMEM. */
int bull_new(jobs **out, net *n, const bull_options *o);

#endif
