/* A worker on one of BullMQ's queues, and the jobs in its hands. */
#ifndef JOBS_BULL_WORK_INT_H
#define JOBS_BULL_WORK_INT_H

#include "jobs/bull_int.h"

#define BULL_TOKEN_LEN 16

typedef struct bull_worker {
    jobs_worker base;
    list        link;                /* in bull.workers */
    jobs_worker_options o;
    char        queue[JOBS_NAME_MAX + 1], token[BULL_TOKEN_LEN + 1];
    char        bell_key[BULL_KEY_MAX];
    uint64_t    takes;               /* makes tokens that no other job ever had */
    uint64_t    renewals;
    redis      *bell;                /* waits for the marker */
    list        held, ending;        /* in the handler's hands; what became of it is being written down */
    unsigned    nheld;               /* in both */
    unsigned    asking;              /* commands under way that come back to this worker */
    bool        taking, listening, closing;
    bool        rung;                /* while taking: it may have looked before there was something */
    bool        refused;             /* the next job is a scheduler's */
    bool        failing;             /* taking did not work; it was logged */
    loop_timer  look, renew, stalled, write, settle;
    void      (*closed)(void *arg);
    void       *closed_arg;
} bull_worker;

typedef enum bull_deed { BULL_DO_COMPLETE, BULL_DO_FAIL, BULL_DO_RETRY, BULL_DO_RELEASE } bull_deed;

/* A job in hand; its texts are one block with it. */
typedef struct bull_held {
    job          jb;
    list         link;
    bull_worker *w;
    sio_str      token;
    bull_plan    plan;
    uint64_t     locked_until;       /* loop_now */
    uint64_t     renewal;            /* the last one that asked for it */
    bull_deed    deed;
    bool         sent;               /* its end is under way */
    int64_t      delay_ms;           /* BULL_DO_RETRY */
    char        *value, *entry;      /* result or reason; the reason as JSON */
    size_t       nvalue, nentry;
    char         text[];
} bull_held;

static inline bull *bull_of(const bull_worker *w) { return (bull *)w->base.jobs; }

/* Takes more, if there is room and nothing speaks against it. */
void bull_look(bull_worker *w);
/* Goes soon, if it was closed and nothing is left. */
void bull_settle(bull_worker *w);
/* Out of its list; it is gone. */
void bull_held_free(bull_held *h);

/* Writes down again what could not be, or gives it up when its lock has run out. */
void bull_write_ends(bull_worker *w);
/* Fails a job that was never given to a handler. */
void bull_fail_unseen(bull_held *h, sio_str reason);

#endif
