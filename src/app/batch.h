/* Commands to Redis that go out together, and what happens when the last of them is answered. */
#ifndef APP_BATCH_H
#define APP_BATCH_H

#include "redis/redis.h"

typedef struct batch {
    unsigned waiting; /* answers that are missing, and one while it is being filled */
    int      err;     /* the first that went wrong */
    void   (*done)(struct batch *b);
} batch;

/* Begins; commands follow, each given to batch_add with what redis_cmd returned, and batch_sent closes it. */
static inline void batch_begin(batch *b, void (*done)(batch *b)) { *b = (batch){.waiting = 1, .done = done}; }

static inline void batch_add(batch *b, int sent)
{
    if (sent == 0)
        b->waiting++;
    else if (b->err == 0)
        b->err = sent;
}

/* First thing in the answer of each command: whether v can be looked at. An error that Redis answers is
 * SIO_EINVAL. */
static inline bool batch_is_good(batch *b, int err, const resp_val *v)
{
    if (err == 0 && v->kind == RESP_ERROR)
        err = SIO_EINVAL;
    if (b->err == 0)
        b->err = err;
    return err == 0;
}

/* Last thing in the answer of each command: done runs behind the last, and may free the batch. */
static inline void batch_end(batch *b)
{
    if (--b->waiting == 0)
        b->done(b);
}

/* All are sent. done runs in here when all were refused. */
static inline void batch_sent(batch *b) { batch_end(b); }

/* The answer of a command that says nothing of interest; arg is the batch. */
static inline void batch_on_reply(void *arg, int err, const resp_val *v)
{
    batch_is_good(arg, err, v);
    batch_end(arg);
}

#endif
