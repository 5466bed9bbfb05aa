/* Performing jobs of the database: taking some at a time, holding their locks, writing down
 * what became of them.
 *
 * A worker looks when it is woken (jobs were added here), when the first delayed job is due, and
 * every POLL_MS, since others may have added some. It looks with a read first: an idle queue costs
 * no transaction. */
#include "base/rand.h"
#include "jobs/dbq_int.h"

#include <stdlib.h>

#define POLL_MS  1000
#define TRIM_AT  64                  /* jobs ended between two looks at what can be forgotten */
#define PASS_MAX 64                  /* jobs taken at a time */

typedef struct worker {
    jobs_worker base;
    list        link;                /* in dbq.workers */
    jobs_worker_options o;
    char        queue[JOBS_NAME_MAX + 1], token[DBQ_TOKEN_LEN];
    list        held;
    unsigned    nheld, writing;      /* jobs in hand; jobs of the database under way */
    bool        looking;             /* a LOOK or TAKE is under way */
    bool        woken;               /* meanwhile: it may have looked before there was something */
    bool        closing, settling;   /* takes no more; and goes when nothing is under way */
    loop_timer  look, renew, stalled;
    job_keep    trim_complete, trim_fail;
    unsigned    ended;
    void      (*closed)(void *arg);
    void       *closed_arg;
} worker;

/* A job in hand; its texts are one block. */
typedef struct held {
    job     jb;
    list    link;
    worker *w;
    dbq_row row;
    bool    renewing;                /* its lock is being renewed */
    char    text[];
} held;

static dbq *queue_of(const worker *w) { return (dbq *)w->base.jobs; }
static sio_str name_of(const worker *w) { return sio_str_z(w->queue); }
static sio_str token_of(const worker *w) { return (sio_str){w->token, DBQ_TOKEN_LEN}; }

static void look(worker *w);

/* ---- jobs in hand ----------------------------------------------------------------------------------- */

static sio_str put(char **at, sio_str s)
{
    sio_str out = {*at, s.n};

    memcpy(*at, s.p, s.n);
    *at += s.n + 1; /* a 0 byte behind each */
    return out;
}

static void on_row(void *ctx, const dbq_row *r)
{
    list *taken = ctx;
    held *h = calloc(1, sizeof(*h) + r->id.n + r->name.n + r->data.n + 3);
    char *at;

    if (!h)
        abort(); /* as dbq_copy */
    at = h->text;
    h->row = *r;
    h->row.id = put(&at, r->id);
    h->row.name = put(&at, r->name);
    h->row.data = put(&at, r->data);
    list_add_tail(taken, &h->link);
}

static void held_free(held *h)
{
    list_del(&h->link);
    free(h);
}

static void drop_all(list *l)
{
    while (!list_empty(l))
        held_free(container_of(l->next, held, link));
}

static bool comes_before(const held *a, const held *b)
{
    return a->row.priority != b->row.priority ? a->row.priority < b->row.priority : a->row.ord < b->row.ord;
}

/* The database gives them in any order. */
static held *first_of(list *taken)
{
    held *first = container_of(taken->next, held, link);

    list_each(it, taken) {
        held *h = container_of(it, held, link);

        if (comes_before(h, first))
            first = h;
    }
    return first;
}

static void perform(worker *w, held *h)
{
    list_del(&h->link);
    list_add_tail(&w->held, &h->link);
    w->nheld++;
    h->w = w;
    h->jb = (job){.jobs = w->base.jobs, .id = h->row.id, .name = h->row.name, .data = h->row.data,
                  .attempts_made = h->row.attempts_made, .attempts = h->row.attempts};
    if (w->closing)
        job_release(&h->jb);
    else
        w->o.perform(w->o.arg, &h->jb);
}

/* ---- the end of a worker ---------------------------------------------------------------------------- */

static void worker_free(worker *w)
{
    dbq *q = queue_of(w);

    loop_timer_cancel(q->loop, &w->look);
    loop_timer_cancel(q->loop, &w->renew);
    loop_timer_cancel(q->loop, &w->stalled);
    list_del(&w->link);
    drop_all(&w->held);
    free(w);
}

static void settle(worker *w)
{
    void (*closed)(void *) = w->closed;
    void *arg = w->closed_arg;
    dbq *q = queue_of(w);

    if (!w->settling || w->nheld || w->writing)
        return;
    worker_free(w);
    if (closed)
        closed(arg);
    dbq_settle(q);
}

static void on_close(void *arg)
{
    ((worker *)arg)->settling = true;
    settle(arg);
}

void dbq_worker_close(jobs_worker *jw, void (*done)(void *arg), void *arg)
{
    worker *w = (worker *)jw;

    w->closing = true;
    w->closed = done;
    w->closed_arg = arg;
    if (sio_post(queue_of(w)->io, 0, on_close, w) < 0)
        abort(); /* a few bytes */
}

void dbq_worker_end_all(dbq *q)
{
    for (list *it = q->workers.next, *next; it != &q->workers; it = next) {
        worker *w = container_of(it, worker, link);

        next = it->next;
        w->closing = w->settling = true;
        w->closed = NULL;
        w->nheld = 0;
        drop_all(&w->held);
        settle(w);
    }
}

/* ---- one job of the database ------------------------------------------------------------------------- */

typedef enum deed { TAKE, LOOK, COMPLETE, FAIL, AGAIN, RELEASE, PROGRESS, TRIM, RENEW, STALLED } deed;

typedef struct act {
    db_job      job;
    worker     *w;
    deed        what;
    held       *h;                   /* the job that ends; in `taken` */
    char       *id, *text;           /* id: PROGRESS */
    int64_t     now_ms, due_ms;
    dbq_take    take;
    list        taken;               /* TAKE: the jobs */
    dbq_outlook outlook;
    unsigned    nkept;               /* RENEW: ids that are still ours, one behind the other */
    sio_str    *kept;
} act;

static act *act_of(db_job *j) { return container_of(j, act, job); }

static void kept_clear(act *a)
{
    for (unsigned i = 0; i < a->nkept; i++)
        free((char *)(uintptr_t)a->kept[i].p);
    a->nkept = 0;
}

static void act_free(act *a)
{
    drop_all(&a->taken);
    kept_clear(a);
    free(a->kept);
    free(a->id);
    free(a->text);
    free(a);
}

static void on_kept(void *ctx, sio_str id)
{
    act *a = ctx;
    sio_str *kept = realloc(a->kept, (a->nkept + 1) * sizeof(*kept));

    if (!kept)
        abort(); /* no more than jobs in hand */
    a->kept = kept;
    kept[a->nkept++] = (sio_str){dbq_copy(id), id.n};
}

static int trim(act *a, db_conn *c)
{
    worker *w = a->w;
    int err = dbq_store_trim(c, name_of(w), DBQ_COMPLETED, w->trim_complete, a->now_ms);

    return err < 0 ? err : dbq_store_trim(c, name_of(w), DBQ_FAILED, w->trim_fail, a->now_ms);
}

/* May be called again, from the start. */
static int run(act *a, db_conn *c)
{
    sio_str queue = name_of(a->w), token = token_of(a->w);

    switch (a->what) {
    case TAKE:
        drop_all(&a->taken);
        return dbq_store_take(c, &a->take, on_row, &a->taken);
    case LOOK:
        return dbq_store_outlook(c, queue, a->now_ms, &a->outlook);
    case TRIM:
        return trim(a, c);
    case RENEW:
        kept_clear(a);
        return dbq_store_renew(c, queue, token, a->due_ms, on_kept, a);
    case STALLED:
        return dbq_store_stalled(c, queue, a->w->o.max_stalled, a->now_ms);
    case COMPLETE:
        return dbq_store_finish(c, queue, &a->h->row, token, DBQ_COMPLETED, sio_str_z(a->text), a->now_ms);
    case FAIL:
        return dbq_store_finish(c, queue, &a->h->row, token, DBQ_FAILED, sio_str_z(a->text), a->now_ms);
    case AGAIN:
        return dbq_store_again(c, queue, &a->h->row, token, sio_str_z(a->text), a->due_ms, a->now_ms);
    case RELEASE:
        return dbq_store_release(c, queue, a->h->row.id, token, a->now_ms);
    case PROGRESS:
        return dbq_store_progress(c, queue, sio_str_z(a->id), token, sio_str_z(a->text));
    }
    return SIO_EINVAL;
}

static int act_run(db_job *j, db_conn *c) { return run(act_of(j), c); }

/* ---- what comes of it ------------------------------------------------------------------------------- */

static void look_at(worker *w, int64_t when_ms)
{
    int64_t wait = when_ms - dbq_now(queue_of(w));

    if (w->closing)
        return;
    loop_timer_set(queue_of(w)->loop, &w->look, wait < 1 ? 1 : wait > POLL_MS ? POLL_MS : (uint64_t)wait);
}

static void on_taken(act *a)
{
    worker *w = a->w;
    bool some = a->job.err == 0 && !list_empty(&a->taken);

    while (some && !list_empty(&a->taken))
        perform(w, first_of(&a->taken));
    w->looking = false;
    if (some || w->woken)
        look(w); /* there may be more */
    else
        look_at(w, INT64_MAX);
}

static void take(worker *w);

static void on_outlook(act *a)
{
    worker *w = a->w;

    w->looking = false;
    if (a->job.err == 0 && a->outlook.ready)
        take(w);
    else if (a->job.err == 0 && w->woken)
        look(w);
    else
        look_at(w, a->job.err < 0 ? INT64_MAX : a->outlook.next_ms);
}

static bool is_kept(const act *a, sio_str id)
{
    for (unsigned i = 0; i < a->nkept; i++)
        if (sio_str_eq(a->kept[i], id))
            return true;
    return false;
}

/* Jobs that were taken after the renewal began are not in its list. */
static void on_renewed(act *a)
{
    list_each(it, &a->w->held) {
        held *h = container_of(it, held, link);

        h->jb.lost |= h->renewing && a->job.err == 0 && !is_kept(a, h->row.id);
        h->renewing = false;
    }
}

static void act_done(db_job *j)
{
    act *a = act_of(j);
    worker *w = a->w;

    w->writing--;
    if (a->what == TAKE)
        on_taken(a);
    else if (a->what == LOOK)
        on_outlook(a);
    else if (a->what == RENEW)
        on_renewed(a);
    act_free(a);
    settle(w);
}

/* ---- starting them ---------------------------------------------------------------------------------- */

static act *act_new(worker *w, deed what)
{
    act *a = calloc(1, sizeof(*a));

    if (!a)
        abort(); /* a small fixed allocation */
    a->w = w;
    a->what = what;
    a->now_ms = dbq_now(queue_of(w));
    list_init(&a->taken);
    return a;
}

static int go(act *a)
{
    worker *w = a->w;
    dbq *q = queue_of(w);
    int err;

    a->job = (db_job){.run = act_run, .done = act_done, .home = q->loop};
    if ((err = (a->what == LOOK ? db_read : db_write)(q->d, &a->job)) < 0)
        act_free(a);
    else
        w->writing++;
    return err;
}

static unsigned room_for(const worker *w)
{
    unsigned room = w->o.concurrency - w->nheld;

    return room > PASS_MAX ? PASS_MAX : room;
}

static void take(worker *w)
{
    act *a;

    if (w->closing || w->looking || w->nheld >= w->o.concurrency)
        return;
    a = act_new(w, TAKE);
    a->take = (dbq_take){.queue = name_of(w), .token = token_of(w), .now_ms = a->now_ms,
                         .lock_ms = w->o.lock_ms,
                         .max = room_for(w), .rate_max = w->o.rate_max, .rate_ms = w->o.rate_ms};
    w->woken = false;
    w->looking = go(a) == 0;
    if (!w->looking)
        look_at(w, INT64_MAX);
}

static void look(worker *w)
{
    if (w->closing || w->looking || w->nheld >= w->o.concurrency)
        return;
    w->woken = false;
    w->looking = go(act_new(w, LOOK)) == 0;
    if (!w->looking)
        look_at(w, INT64_MAX);
}

void dbq_workers_wake(dbq *q, sio_str queue)
{
    list_each(it, &q->workers) {
        worker *w = container_of(it, worker, link);

        if (queue.p && !sio_str_eq(queue, name_of(w)))
            continue;
        w->woken = w->looking;
        take(w);
    }
}

static void on_look(loop_timer *t) { look(container_of(t, worker, look)); }

static void on_renew(loop_timer *t)
{
    worker *w = container_of(t, worker, renew);
    act *a;

    loop_timer_set(queue_of(w)->loop, t, w->o.lock_ms / 4);
    if (!w->nheld)
        return;
    list_each(it, &w->held)
        container_of(it, held, link)->renewing = true;
    a = act_new(w, RENEW);
    a->due_ms = a->now_ms + w->o.lock_ms;
    go(a);
}

static void on_stalled(loop_timer *t)
{
    worker *w = container_of(t, worker, stalled);

    loop_timer_set(queue_of(w)->loop, t, w->o.stalled_ms);
    if (!w->closing)
        go(act_new(w, STALLED));
}

/* ---- ending jobs ------------------------------------------------------------------------------------ */

/* What cannot be written down is found by whoever looks for jobs whose lock has run out. */
static void end(held *h, deed what, sio_str text, int64_t due_ms)
{
    worker *w = h->w;
    act *a = act_new(w, what);

    a->h = h;
    a->text = dbq_copy(text);
    a->due_ms = due_ms;
    list_del(&h->link);
    list_add_tail(&a->taken, &h->link); /* it goes with the act */
    w->nheld--;
    w->trim_complete = h->row.on_complete;
    w->trim_fail = h->row.on_fail;
    go(a);
    if (++w->ended % TRIM_AT == 0)
        go(act_new(w, TRIM));
    look(w);
}

static held *held_of(job *jb) { return container_of(jb, held, jb); }

void dbq_complete(job *jb, sio_str result) { end(held_of(jb), COMPLETE, result, 0); }

void dbq_release(job *jb) { end(held_of(jb), RELEASE, sio_lit(""), 0); }

void dbq_fail(job *jb, sio_str reason, int64_t retry_ms, bool final)
{
    held *h = held_of(jb);
    const dbq_row *r = &h->row;
    uint32_t dice;

    rand_bytes(&dice, sizeof(dice));
    if (retry_ms < 0)
        retry_ms = jobs_backoff_ms((job_backoff)r->backoff, r->backoff_ms, r->jitter, r->attempts_made + 1,
                                   dice / (double)UINT32_MAX);
    if (final || r->attempts_made + 1 >= r->attempts)
        end(h, FAIL, reason, 0);
    else
        end(h, AGAIN, reason, dbq_now(queue_of(h->w)) + retry_ms);
}

void dbq_progress(job *jb, sio_str progress)
{
    act *a = act_new(held_of(jb)->w, PROGRESS);

    a->id = dbq_copy(jb->id);
    a->text = dbq_copy(progress);
    go(a);
}

/* ---- life ------------------------------------------------------------------------------------------- */

int dbq_worker_new(jobs_worker **out, jobs *j, const jobs_worker_options *o)
{
    dbq *q = (dbq *)j;
    worker *w = calloc(1, sizeof(*w));

    if (!w)
        return SIO_ENOMEM;
    w->base.jobs = j;
    w->o = *o;
    memcpy(w->queue, o->queue, strlen(o->queue));
    rand_id(w->token, DBQ_TOKEN_LEN);
    list_init(&w->held);
    list_add_tail(&q->workers, &w->link);
    loop_timer_init(&w->look, on_look);
    loop_timer_init(&w->renew, on_renew);
    loop_timer_init(&w->stalled, on_stalled);
    loop_timer_set(q->loop, &w->look, 1);
    loop_timer_set(q->loop, &w->renew, o->lock_ms / 4);
    loop_timer_set(q->loop, &w->stalled, 1);
    *out = &w->base;
    return 0;
}
