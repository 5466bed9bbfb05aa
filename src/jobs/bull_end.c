/* The end of BullMQ's jobs, written down: tried again, while Redis is away, until the lock has run out and
 * the job is another's. A job that has ended still takes its place in the worker's concurrency, so that what
 * waits here is bounded. */
#include "base/log.h"
#include "base/rand.h"
#include "codec/json.h"
#include "jobs/bull_work_int.h"

#include <stdlib.h>

#define AGAIN_MS   200               /* between two tries */
#define REASON_MAX 4096              /* bytes of a reason */

static bull_held *held_of(job *jb) { return container_of(jb, bull_held, jb); }

static char *copy(sio_str s)
{
    char *p = malloc(s.n + 1);

    if (!p)
        abort(); /* a result or a reason, of which there are no more than jobs in hand */
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static void over(bull_held *h)
{
    bull_worker *w = h->w;

    bull_held_free(h);
    bull_look(w);
    bull_settle(w);
}

static void later(bull_worker *w)
{
    if (!loop_timer_is_set(&w->write))
        loop_timer_set(bull_of(w)->loop, &w->write, AGAIN_MS);
}

static void on_ended(void *arg, int err, const resp_val *v)
{
    bull_held *h = arg;
    bull_worker *w = h->w;

    w->asking--;
    h->sent = false;
    if (bull_of(w)->freeing)
        return; /* freed with its worker */
    if (bull_fault(err, v, "the end of a job was not written down") < 0) {
        later(w);
        return;
    }
    if (v->kind == RESP_INT && v->i < 0)
        log_warn("job queues: job %.*s of queue %s was not ours any more when it ended (%d)", (int)h->jb.id.n,
                 h->jb.id.p,
                 w->queue, (int)v->i);
    over(h);
}

static int send_finish(bull_held *h, bool ok)
{
    bull *b = bull_of(h->w);
    job_keep keep = ok ? h->plan.on_complete : h->plan.on_fail;
    char now[24], count[24], age[24], attempts[24];
    const sio_str argv[] = {h->jb.id, h->token, bull_number(loop_wall(b->loop), now),
                            ok ? sio_lit("completed") : sio_lit("failed"),
                            {h->value, h->nvalue}, bull_number(keep.count, count),
                            bull_number(keep.age_s, age),
                            bull_number(h->plan.attempts, attempts), {h->entry, h->nentry}};

    return bull_eval(b, BULL_FINISH, h->w->queue, argv, sizeof(argv) / sizeof(argv[0]), on_ended, h);
}

static int send_retry(bull_held *h)
{
    bull *b = bull_of(h->w);
    char now[24], delay[24];
    const sio_str argv[] = {h->jb.id, h->token, bull_number(loop_wall(b->loop), now),
                            bull_number(h->delay_ms, delay),
                            h->plan.lifo ? sio_lit("1") : sio_lit("0"), {h->value, h->nvalue},
                            {h->entry, h->nentry}};

    return bull_eval(b, BULL_RETRY, h->w->queue, argv, sizeof(argv) / sizeof(argv[0]), on_ended, h);
}

static int send_release(bull_held *h)
{
    const sio_str argv[] = {h->jb.id, h->token};

    return bull_eval(bull_of(h->w), BULL_RELEASE, h->w->queue, argv, 2, on_ended, h);
}

static void send_end(bull_held *h)
{
    int err = !redis_is_up(bull_of(h->w)->r)   ? SIO_EUNAVAILABLE
              : h->deed == BULL_DO_RETRY       ? send_retry(h)
              : h->deed == BULL_DO_RELEASE     ? send_release(h)
                                               : send_finish(h, h->deed == BULL_DO_COMPLETE);

    if (err < 0) {
        later(h->w);
        return;
    }
    h->sent = true;
    h->w->asking++;
}

void bull_write_ends(bull_worker *w)
{
    uint64_t now = loop_now(bull_of(w)->loop);

    list_each(it, &w->ending) {
        bull_held *h = container_of(it, bull_held, link);

        if (h->sent)
            continue;
        if (now < h->locked_until) {
            send_end(h);
            continue;
        }
        log_warn("job queues: what became of job %.*s of queue %s could not be written down: it will be "
                 "performed again",
                 (int)h->jb.id.n, h->jb.id.p, w->queue);
        over(h);
    }
}

/* Its lock is renewed no more. */
static void end(bull_held *h, bull_deed deed, sio_str value)
{
    bull_worker *w = h->w;

    if (h->jb.lost) {
        over(h);
        return;
    }
    h->deed = deed;
    h->value = copy(value);
    h->nvalue = value.n;
    list_del(&h->link);
    list_add_tail(&w->ending, &h->link);
    send_end(h);
}

/* ---- what may become of a job ----------------------------------------------------------------------- */

void bull_complete(job *jb, sio_str result)
{
    bull_held *h = held_of(jb);
    sio_str text;

    /* What is no JSON stops every QueueEvents of Node for good. */
    if (result.n > JOBS_DATA_MAX || !json_valid(result, &text)) {
        log_error("job queues: the result of a job of queue %s is no JSON, or too long: it is null",
                  h->w->queue);
        text = sio_lit("null");
    }
    end(h, BULL_DO_COMPLETE, text);
}

void bull_release(job *jb) { end(held_of(jb), BULL_DO_RELEASE, sio_lit("")); }

static void set_entry(bull_held *h, sio_str reason)
{
    buf b;

    buf_init(&b, 6 * REASON_MAX + 2);
    if (json_quote(&b, reason) < 0)
        abort(); /* a small allocation */
    h->entry = b.p;
    h->nentry = b.n;
}

static void fail(bull_held *h, sio_str reason, int64_t delay_ms, bool final)
{
    int64_t latest = BULL_DUE_MAX - loop_wall(bull_of(h->w)->loop);

    if (reason.n > REASON_MAX)
        reason.n = REASON_MAX;
    set_entry(h, reason);
    h->delay_ms = delay_ms > latest ? latest : delay_ms;
    end(h, final ? BULL_DO_FAIL : BULL_DO_RETRY, reason);
}

void bull_fail_unseen(bull_held *h, sio_str reason) { fail(h, reason, 0, true); }

void bull_fail(job *jb, sio_str reason, int64_t retry_ms, bool final)
{
    bull_held *h = held_of(jb);
    const bull_plan *p = &h->plan;
    uint32_t dice;

    rand_bytes(&dice, sizeof(dice));
    if (retry_ms < 0)
        retry_ms = jobs_backoff_ms(p->backoff, p->backoff_ms, p->jitter, jb->attempts_made + 1,
                                   dice / (double)UINT32_MAX);
    fail(h, reason, retry_ms, final || jb->attempts_made + 1 >= p->attempts);
}

void bull_progress(job *jb, sio_str progress)
{
    bull_held *h = held_of(jb);
    sio_str text, argv[3] = {jb->id, h->token};

    if (progress.n > JOBS_DATA_MAX || !json_valid(progress, &text)) {
        log_error("job queues: the progress of a job of queue %s is no JSON, or too long: it is left out",
                  h->w->queue);
        return;
    }
    argv[2] = text;
    if (!jb->lost)
        bull_eval(bull_of(h->w), BULL_PROGRESS, h->w->queue, argv, 3, NULL, NULL);
}
