/* Looking after the job queues: which there are, and how many jobs are in them.
 *
 * Queues of BullMQ in Redis are called as Node calls them, those in the database `database:NAME`. */
#ifndef APP_QUEUES_QUEUES_H
#define APP_QUEUES_QUEUES_H

#include "app/app.h"
#include "jobs/jobs.h"

#define QUEUES_MAX 4
#define QUEUES_NAME_MAX (JOBS_NAME_MAX + 10) /* bytes of a name */

/* A queue that this server uses. */
typedef struct queues_one {
    const char *name;    /* for people; unique */
    const char *own;     /* what its keeper calls it */
    const char *about;
    bool        is_bull; /* of BullMQ, in Redis */
    jobs       *keeper;  /* for loop 0 */
} queues_one;
/* Fills in at most QUEUES_MAX and returns how many; always the same. Any thread, while the server runs. */
unsigned queues_list(const app *a, queues_one out[QUEUES_MAX]);

/* How many jobs were in queue number i of the list when it was asked last, a few seconds ago at most while
 * somebody calls this every minute. False: its keeper did not answer. Any thread. */
bool queues_counted(const app *a, unsigned i, jobs_counts *out);

/* Makes a->queues. Behind the keepers, before sio_server_run. 0, SIO_ENOMEM. */
int  queues_attach(app *a);
/* Behind the keepers' end. */
void queues_detach(app *a);

#endif
