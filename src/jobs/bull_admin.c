/* Looking after BullMQ's queues: counts, failed jobs, pausing. */
#include "jobs/bull_int.h"

#include <stdlib.h>

#define LISTED_MAX (128u << 10) /* bytes of a text in a list: a page must fit into an answer */

typedef struct asked {
    union {
        jobs_done_fn *done;
        void        (*counted)(void *arg, int err, const jobs_counts *c);
        void        (*failed)(void *arg, int err, const job_info *jobs, unsigned n);
    } fn;
    void *arg;
} asked;

/* Takes `a` over. */
static int go(jobs *j, enum bull_lua which, const char *queue, const sio_str *argv, unsigned argc,
              redis_reply_fn *fn, asked a)
{
    asked *copy = malloc(sizeof(*copy));
    int err;

    if (!copy)
        return SIO_ENOMEM;
    *copy = a;
    if ((err = bull_eval((bull *)j, which, queue, argv, argc, fn, copy)) < 0)
        free(copy);
    return err;
}

static asked take(void *arg)
{
    asked a = *(asked *)arg;

    free(arg);
    return a;
}

/* ---- counts ----------------------------------------------------------------------------------------- */

static bool counts_read(jobs_counts *c, const resp_val *v)
{
    int64_t *field[] = {&c->waiting,   &c->active, &c->delayed, &c->prioritized,
                        &c->completed, &c->failed, &c->paused,  &c->waiting_children, &c->is_paused};
    const unsigned n = sizeof(field) / sizeof(field[0]);

    if (v->kind != RESP_ARRAY || v->n != n)
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (v->item[i].kind != RESP_INT)
            return false;
        *field[i] = v->item[i].i;
    }
    return true;
}

static void on_counts(void *arg, int err, const resp_val *v)
{
    asked a = take(arg);
    jobs_counts c = {0};
    int fault = bull_fault(err, v, "counting");

    if (fault == 0 && !counts_read(&c, v))
        fault = SIO_EUNAVAILABLE;
    a.fn.counted(a.arg, fault, &c);
}

int bull_count(jobs *j, const char *queue, void (*fn)(void *arg, int err, const jobs_counts *c), void *arg)
{
    return go(j, BULL_COUNTS, queue, NULL, 0, on_counts, (asked){.fn.counted = fn, .arg = arg});
}

/* ---- failed jobs ------------------------------------------------------------------------------------ */

static void on_failed(void *arg, int err, const resp_val *v)
{
    job_info info[JOBS_PAGE_MAX];
    asked a = take(arg);
    unsigned n = 0;
    int fault = bull_fault(err, v, "listing failed jobs");

    for (uint32_t i = 0; fault == 0 && v->kind == RESP_ARRAY && i < v->n && n < JOBS_PAGE_MAX; i++)
        n += bull_info_read(&info[n], &v->item[i]);
    a.fn.failed(a.arg, fault, info, n);
}

int bull_failed(jobs *j, const char *queue, unsigned from, unsigned n,
                void (*fn)(void *arg, int err, const job_info *jobs, unsigned n), void *arg)
{
    char first[24], number[24], max[24];
    const sio_str argv[] = {bull_number(from, first), bull_number(n, number), bull_number(LISTED_MAX, max)};

    return go(j, BULL_FAILED, queue, argv, 3, on_failed, (asked){.fn.failed = fn, .arg = arg});
}

/* ---- changes ---------------------------------------------------------------------------------------- */

static void on_done(void *arg, int err, const resp_val *v)
{
    asked a = take(arg);
    int fault = bull_fault(err, v, "changing a queue");

    if (fault == 0 && v->kind == RESP_INT && v->i < 0)
        fault = SIO_ENOENT;
    if (a.fn.done)
        a.fn.done(a.arg, fault);
}

int bull_retry(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg)
{
    return go(j, BULL_AGAIN, queue, &id, 1, on_done, (asked){.fn.done = fn, .arg = arg});
}

int bull_drop(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg)
{
    char now[24];
    const sio_str argv[] = {id, bull_number(loop_wall(((bull *)j)->loop), now)};

    return go(j, BULL_DROP, queue, argv, 2, on_done, (asked){.fn.done = fn, .arg = arg});
}

int bull_pause(jobs *j, const char *queue, bool pause, jobs_done_fn *fn, void *arg)
{
    const sio_str argv[] = {pause ? sio_lit("1") : sio_lit("0")};

    return go(j, BULL_PAUSE, queue, argv, 1, on_done, (asked){.fn.done = fn, .arg = arg});
}
