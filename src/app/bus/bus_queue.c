/* BullMQ's queue `partyline`: jobs that Node services add and this server performs. */
#include "app/bus/bus_int.h"
#include "base/list.h"
#include "base/log.h"
#include "jobs/jobs.h"

#include <stdlib.h>

#define AGAIN_MS 1000 /* a job that the server cannot do now is kept so long before anybody may have it */

struct bus_queue {
    bus         *b;
    jobs_worker *worker;
    list         held;
};

/* A job that is being done. */
typedef struct held {
    list       link;
    bus_queue *q;
    job       *jb;
} held;

static held *held_new(bus_queue *q, job *jb)
{
    held *h = malloc(sizeof(*h));

    if (!h)
        abort(); /* a small fixed allocation */
    *h = (held){.q = q, .jb = jb};
    list_add_tail(&q->held, &h->link);
    return h;
}

static void held_free(held *h)
{
    list_del(&h->link);
    free(h);
}

static void refuse(bus_queue *q, job *jb, const char *reason)
{
    if (bus_refused_says(q->b))
        log_warn("job %.*s of the queue %s is refused: %s", (int)jb->id.n, jb->id.p, q->b->a->opt.inbox_queue,
                 reason);
    job_fail(jb, sio_str_z(reason), -1, true);
}

static void on_again(void *arg)
{
    held *h = arg;

    job_release(h->jb);
    held_free(h);
}

/* What failed for reasons of ours costs the job no attempt. */
static void on_done(void *arg, int status, sio_str answer)
{
    held *h = arg;
    bus_queue *q = h->q;
    char reason[BUS_TEXT_MAX];

    if (status >= 200 && status < 300) {
        app_count(q->b->a, bus_events);
        job_complete(h->jb, answer);
    } else if (status >= 400 && status < 500) {
        bus_reason(status, answer, reason);
        refuse(q, h->jb, reason);
    } else if (sio_after(q->b->a->io, AGAIN_MS, on_again, h) == 0) {
        return;
    } else {
        job_release(h->jb);
    }
    held_free(h);
}

static void perform(void *arg, job *jb)
{
    bus_queue *q = arg;
    bus_event e;
    const char *fault = bus_event_job(&e, jb->name, jb->data, jb->id);

    if (fault)
        refuse(q, jb, fault);
    else
        api_act_go(q->b->a, &e.act, on_done, held_new(q, jb));
    bus_event_fini(&e);
}

/* Workers set timers, which is for their loop. */
static void on_start(void *arg)
{
    bus_queue *q = arg;
    const app_options *opt = &q->b->a->opt;
    jobs_worker_options o;
    int err;

    jobs_worker_options_init(&o);
    o.queue = opt->inbox_queue;
    o.concurrency = opt->inbox_concurrency;
    o.perform = perform;
    o.arg = q;
    if ((err = jobs_worker_new(&q->worker, opt->inbox, &o)) < 0)
        log_error("the queue %s cannot be served: %s", opt->inbox_queue, sio_strerror(err));
}

int bus_queue_new(bus_queue **out, bus *b)
{
    bus_queue *q = calloc(1, sizeof(*q));

    if (!q)
        return SIO_ENOMEM;
    q->b = b;
    list_init(&q->held);
    *out = q;
    return sio_post(b->a->io, 0, on_start, q);
}

void bus_queue_free(bus_queue *q)
{
    if (!q)
        return;
    while (!list_empty(&q->held)) /* their locks run out, and another server has them */
        held_free(container_of(q->held.next, held, link));
    free(q);
}
