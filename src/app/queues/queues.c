#include "app/queues/queues.h"

#include "app/push/pusher.h"

#include <stdlib.h>

#define LOOK_MS   2000  /* between two countings */
#define LEAST_MS  100   /* the same, when somebody looks at the counts */
#define WANTED_MS 90000 /* after a call of queues_counted it is counted for so long */

#define NCOUNTS (sizeof(jobs_counts) / sizeof(int64_t)) /* it has no other members */

/* What a queue said last. */
typedef struct seen {
    struct queues *all;
    atomic_bool    known;
    atomic_llong   count[NCOUNTS];
} seen;

struct queues {
    app         *a;
    queues_one   one[QUEUES_MAX];
    unsigned     n, under_way;
    int64_t      looked_ms;
    atomic_llong wanted_ms; /* when queues_counted was called last */
    atomic_bool  hurried;   /* on_hurry is on its way */
    seen         seen[QUEUES_MAX];
};
typedef struct queues queues;

/* ---- which there are --------------------------------------------------------------------------------- */

unsigned queues_list(const app *a, queues_one out[QUEUES_MAX])
{
    unsigned n = 0;

    if (a->opt.inbox)
        out[n++] = (queues_one){a->opt.inbox_queue, a->opt.inbox_queue,
                                "What Node services ask of this server.", true, a->opt.inbox};
    if (a->opt.push.queue)
        out[n++] = (queues_one){PUSHER_DEVICES, PUSHER_DEVICES,
                                "Pushes to devices, for a worker to deliver.", true, a->opt.push.queue};
    if (a->jobs) {
        out[n++] = (queues_one){"database:" PUSHER_OFFLINE, PUSHER_OFFLINE,
                                "News of rooms, and notifications: who of them is offline?", false, a->jobs};
        out[n++] = (queues_one){"database:" PUSHER_DEVICES, PUSHER_DEVICES,
                                "Pushes to devices that are delivered or handed over.", false, a->jobs};
    }
    return n;
}

/* ---- how many jobs are in them ----------------------------------------------------------------------- */

static void on_counts(void *arg, int err, const jobs_counts *c)
{
    seen *s = arg;

    for (size_t i = 0; i < NCOUNTS && err == 0; i++)
        atomic_store_explicit(&s->count[i], ((const int64_t *)c)[i], memory_order_relaxed);
    atomic_store(&s->known, err == 0);
    s->all->under_way--;
}

static void look(queues *q)
{
    q->looked_ms = sio_now(q->a->io);
    for (unsigned i = 0; i < q->n; i++) {
        if (jobs_count(q->one[i].keeper, q->one[i].own, on_counts, &q->seen[i]) == 0)
            q->under_way++;
        else
            atomic_store(&q->seen[i].known, false);
    }
}

static void on_tick(void *arg)
{
    queues *q = arg;
    app *a = q->a;

    if (q->under_way == 0 && sio_now(a->io) - atomic_load(&q->wanted_ms) < WANTED_MS)
        look(q);
    if (sio_after(a->io, LOOK_MS, on_tick, q) < 0)
        abort(); /* a few bytes */
}

/* Who looks once looks again soon, perhaps at what has just changed. */
static void on_hurry(void *arg)
{
    queues *q = arg;

    atomic_store(&q->hurried, false);
    if (q->under_way == 0 && sio_now(q->a->io) - q->looked_ms >= LEAST_MS)
        look(q);
}

static void hurry(queues *q)
{
    if (!atomic_exchange(&q->hurried, true) && sio_post(q->a->io, 0, on_hurry, q) < 0)
        atomic_store(&q->hurried, false); /* then on_tick, later */
}

bool queues_counted(const app *a, unsigned i, jobs_counts *out)
{
    queues *q = a->queues;

    *out = (jobs_counts){0};
    if (!q || i >= q->n)
        return false;
    atomic_store_explicit(&q->wanted_ms, sio_now(a->io), memory_order_relaxed);
    hurry(q);
    for (size_t at = 0; at < NCOUNTS; at++)
        ((int64_t *)out)[at] = atomic_load_explicit(&q->seen[i].count[at], memory_order_relaxed);
    return atomic_load(&q->seen[i].known);
}

/* ---- life -------------------------------------------------------------------------------------------- */

/* The keepers start with the loop, and the first counts are to be there when they are asked for. */
static void on_start(void *arg)
{
    queues *q = arg;

    atomic_store(&q->wanted_ms, sio_now(q->a->io));
    on_tick(q);
}

int queues_attach(app *a)
{
    queues *q = a->queues = calloc(1, sizeof(*q));

    if (!q)
        return SIO_ENOMEM;
    q->a = a;
    q->n = queues_list(a, q->one);
    for (unsigned i = 0; i < q->n; i++)
        q->seen[i].all = q;
    return sio_post(a->io, 0, on_start, q);
}

void queues_detach(app *a)
{
    free(a->queues);
    a->queues = NULL;
}
