/* Performing BullMQ's jobs: when to take some, and holding their locks. What became of them is bull_end.c.
 *
 * A worker takes when its bell rings (BZPOPMIN on the queue's marker, on a connection of its own), when the first delayed job is
 * due by its own timer, when a job has ended, and every POLL_MS, since whoever popped the marker last may have died. */
#include "base/base64.h"
#include "base/log.h"
#include "base/rand.h"
#include "jobs/bull_work_int.h"

#include <stdio.h>
#include <stdlib.h>

#define POLL_MS    5000
#define POLL_S     "5"               /* of BZPOPMIN */
#define BELL_MS    20000             /* a bell that is silent for so long is on a dead connection */
#define PASS_MAX   16                /* jobs taken at a time */
#define RENEW_MAX  200               /* locks renewed at a time */
#define MAX_REPLY  65536             /* of the bell */

static void listen_for_bell(bull_worker *w);

/* ---- jobs in hand ----------------------------------------------------------------------------------- */

static sio_str put(char **at, sio_str s)
{
    sio_str out = {*at, s.n};

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n + 1; /* a 0 byte behind each */
    return out;
}

static bull_held *held_new(bull_worker *w, const bull_taken *t, uint64_t asked_at)
{
    bull_held *h = calloc(1, sizeof(*h) + t->id.n + t->token.n + t->name.n + t->data.n + 4);
    char *at;

    if (!h)
        abort(); /* not larger than what was just read */
    at = h->text;
    h->w = w;
    h->plan = t->plan;
    h->locked_until = asked_at + w->o.lock_ms;
    h->jb = (job){.jobs = w->base.jobs, .attempts_made = t->attempts_made, .attempts = t->plan.attempts};
    h->jb.id = put(&at, t->id);
    h->token = put(&at, t->token);
    h->jb.name = put(&at, t->name);
    h->jb.data = put(&at, t->data);
    list_add_tail(&w->held, &h->link);
    w->nheld++;
    return h;
}

void bull_held_free(bull_held *h)
{
    h->w->nheld--;
    list_del(&h->link);
    free(h->value);
    free(h->entry);
    free(h);
}

/* ---- taking ----------------------------------------------------------------------------------------- */

typedef struct taking {
    bull_worker *w;
    unsigned     room;
    uint64_t     at;
} taking;

static void accept_job(bull_worker *w, const resp_val *v, uint64_t at)
{
    bull_taken t;
    bull_held *h;

    if (!bull_taken_read(&t, v)) {
        log_error("job queues: an answer about a job of queue %s was not understood", w->queue);
        return; /* it is taken over when its lock runs out */
    }
    h = held_new(w, &t, at);
    if (w->closing)
        bull_release(&h->jb);
    else if (t.fault.n)
        bull_fail_unseen(h, t.fault);
    else
        w->o.perform(w->o.arg, &h->jb);
}

static void wait_ms(bull_worker *w, int64_t ms)
{
    if (!w->closing)
        loop_timer_set(bull_of(w)->loop, &w->look, ms < 0 || ms > POLL_MS ? POLL_MS : ms < 1 ? 1 : (uint64_t)ms);
}

/* Schedules go on only when whoever takes their job makes the next one: that is for Node. */
static void note_refusal(bull_worker *w, bool refused)
{
    if (refused && !w->refused)
        log_error("job queues: the next job of queue %s is a job scheduler's, which only workers on Node continue: nothing "
                  "is taken from the queue until one has taken it",
                  w->queue);
    w->refused = refused;
}

static unsigned room_of(const bull_worker *w)
{
    unsigned room = w->o.concurrency > w->nheld ? w->o.concurrency - w->nheld : 0;

    return room > PASS_MAX ? PASS_MAX : room;
}

/* A ring that is of no use here is for somebody else. */
static void pass_on(bull_worker *w)
{
    redis_cmd(bull_of(w)->r, NULL, NULL, "ZADD", w->bell_key, "0", "0");
}

/* The ring that came while it took. */
static void pass_on_unused(bull_worker *w)
{
    if (w->rung && (w->closing || !room_of(w)))
        pass_on(w);
}

static void on_answer(bull_worker *w, const resp_val *v, unsigned room, uint64_t at)
{
    const resp_val *jobs = &v->item[2];

    note_refusal(w, v->item[1].i != 0);
    for (uint32_t i = 0; i < jobs->n; i++)
        accept_job(w, &jobs->item[i], at);
    w->taking = false;
    pass_on_unused(w);
    if ((jobs->n == room || w->rung) && !w->refused) {
        wait_ms(w, -1);
        bull_look(w);
        return;
    }
    wait_ms(w, v->item[0].i);
    listen_for_bell(w);
}

static bool is_answer(const resp_val *v)
{
    return v->kind == RESP_ARRAY && v->n == 3 && v->item[0].kind == RESP_INT && v->item[1].kind == RESP_INT &&
           v->item[2].kind == RESP_ARRAY;
}

static void on_taken(void *arg, int err, const resp_val *v)
{
    taking t = *(taking *)arg;
    bull_worker *w = t.w;

    free(arg);
    w->asking--;
    if (bull_of(w)->freeing)
        return;
    if (err == 0 && is_answer(v)) {
        w->failing = false;
        on_answer(w, v, t.room, t.at);
    } else {
        w->taking = false;
        if (err == 0 && !w->failing)
            bull_fault(0, v, "no job was taken");
        w->failing = err == 0;
        pass_on_unused(w);
        wait_ms(w, 1000);
    }
    bull_settle(w);
}

static int send_take(bull_worker *w, taking *t)
{
    bull *b = bull_of(w);
    char now[24], lock[24], max[24], duration[24], room[24], data[24], token[BULL_TOKEN_LEN + 24];
    int n = snprintf(token, sizeof(token), "%s:%llu", w->token, (unsigned long long)++w->takes);
    const sio_str argv[] = {bull_number(loop_wall(b->loop), now), {token, (size_t)n}, bull_number(w->o.lock_ms, lock),
                            b->name ? sio_str_z(b->name) : sio_lit(""), bull_number(w->o.rate_max, max),
                            bull_number(w->o.rate_ms, duration), bull_number(t->room, room),
                            bull_number(JOBS_DATA_MAX, data)};

    return bull_eval(b, BULL_TAKE, w->queue, argv, sizeof(argv) / sizeof(argv[0]), on_taken, t);
}

void bull_look(bull_worker *w)
{
    bull *b = bull_of(w);
    taking *t;

    if (w->closing || w->taking || b->freeing || !room_of(w) || !redis_is_up(b->r))
        return;
    if (!(t = malloc(sizeof(*t))))
        abort(); /* a small fixed allocation */
    *t = (taking){w, room_of(w), loop_now(b->loop)};
    w->rung = false;
    if (send_take(w, t) < 0) {
        free(t);
        wait_ms(w, 1000);
        return;
    }
    w->taking = true;
    w->asking++;
}

static void on_look(loop_timer *t)
{
    bull_worker *w = container_of(t, bull_worker, look);

    wait_ms(w, -1); /* whatever becomes of this */
    bull_look(w);
}

/* ---- the bell --------------------------------------------------------------------------------------- */

static void on_bell(void *arg, int err, const resp_val *v)
{
    bull_worker *w = arg;
    bool rung = err == 0 && v->kind == RESP_ARRAY && v->n == 3;

    w->listening = false;
    if (bull_of(w)->freeing)
        return;
    if (rung && (w->closing || !room_of(w)))
        pass_on(w);
    else if (rung && w->taking)
        w->rung = true;
    else if (rung)
        bull_look(w);
    else if (err == 0 && v->kind != RESP_ERROR)
        listen_for_bell(w);
    /* else when the connection is back, or the worker looks by itself */
}

/* Only while it can take what is there: a ring wakes one worker. */
static void listen_for_bell(bull_worker *w)
{
    if (w->closing || w->listening || w->refused || bull_of(w)->freeing || !room_of(w) || !redis_is_up(w->bell))
        return;
    w->listening = redis_cmd(w->bell, on_bell, w, "BZPOPMIN", w->bell_key, POLL_S) == 0;
}

static void on_bell_up(void *arg) { listen_for_bell(arg); }

/* A name by which Queue.getWorkers() knows it. */
static int bell_new(bull_worker *w)
{
    bull *b = bull_of(w);
    char base64[BASE64_LEN(JOBS_NAME_MAX) + 1], name[BULL_PREFIX_MAX + sizeof(base64) + JOBS_NAME_MAX + 8];
    redis_options o;

    base64[base64_encode(w->queue, strlen(w->queue), base64)] = '\0';
    snprintf(name, sizeof(name), "%s:%s%s%s", b->prefix, base64, b->name ? ":w:" : "", b->name ? b->name : "");
    redis_options_init(&o);
    o.url = b->url;
    o.max_reply = MAX_REPLY;
    o.reply_ms = BELL_MS;
    o.name = name;
    o.on_up = on_bell_up;
    o.arg = w;
    return redis_new(&w->bell, b->net, &o);
}

/* ---- locks ------------------------------------------------------------------------------------------ */

typedef struct renewal {
    bull_worker *w;
    uint64_t     id, at;
} renewal;

static bool is_listed(const resp_val *lost, sio_str id)
{
    for (uint32_t i = 0; i < lost->n; i++)
        if (lost->item[i].kind == RESP_BULK && sio_str_eq(lost->item[i].s, id))
            return true;
    return false;
}

static void lose(bull_held *h)
{
    if (!h->jb.lost)
        log_warn("job queues: the lock of job %.*s of queue %s is lost", (int)h->jb.id.n, h->jb.id.p, h->w->queue);
    h->jb.lost = true;
}

static void on_renewed(void *arg, int err, const resp_val *v)
{
    renewal r = *(renewal *)arg;
    bull_worker *w = r.w;

    free(arg);
    w->asking--;
    if (bull_of(w)->freeing)
        return;
    if (err == 0 && v->kind == RESP_ARRAY)
        list_each(it, &w->held) {
            bull_held *h = container_of(it, bull_held, link);

            if (h->renewal != r.id)
                continue;
            if (is_listed(v, h->jb.id))
                lose(h);
            else
                h->locked_until = r.at + w->o.lock_ms;
        }
    bull_settle(w);
}

static void send_renewal(bull_worker *w, sio_str *argv, unsigned argc)
{
    bull *b = bull_of(w);
    renewal *r;
    char ms[24];

    if (argc == 1 || !redis_is_up(b->r))
        return;
    if (!(r = malloc(sizeof(*r))))
        abort(); /* a small fixed allocation */
    *r = (renewal){w, w->renewals, loop_now(b->loop)};
    argv[0] = bull_number(w->o.lock_ms, ms);
    if (bull_eval(b, BULL_RENEW, w->queue, argv, argc, on_renewed, r) < 0)
        free(r);
    else
        w->asking++;
}

static void on_renew(loop_timer *t)
{
    bull_worker *w = container_of(t, bull_worker, renew);
    uint64_t now = loop_now(bull_of(w)->loop);
    sio_str argv[1 + 2 * RENEW_MAX];
    unsigned n = 1;

    loop_timer_set(bull_of(w)->loop, t, w->o.lock_ms / 4);
    w->renewals++;
    list_each(it, &w->held) {
        bull_held *h = container_of(it, bull_held, link);

        if (h->locked_until <= now)
            lose(h);
        if (h->jb.lost)
            continue;
        h->renewal = w->renewals;
        argv[n++] = h->jb.id;
        argv[n++] = h->token;
        if (n == 1 + 2 * RENEW_MAX) {
            send_renewal(w, argv, n);
            w->renewals++;
            n = 1;
        }
    }
    send_renewal(w, argv, n);
}

static void on_stalled_checked(void *arg, int err, const resp_val *v)
{
    bull_worker *w = arg;

    w->asking--;
    if (bull_of(w)->freeing)
        return;
    if (bull_fault(err, v, "stalled jobs were not looked for") == 0 && v->kind == RESP_INT && v->i > 0) {
        log_warn("job queues: %lld jobs of queue %s, whose workers are silent, are taken over", (long long)v->i, w->queue);
        bull_look(w);
    }
    bull_settle(w);
}

static void on_stalled(loop_timer *t)
{
    bull_worker *w = container_of(t, bull_worker, stalled);
    bull *b = bull_of(w);
    char now[24], interval[24], max[24];
    const sio_str argv[] = {bull_number(loop_wall(b->loop), now), bull_number(w->o.stalled_ms, interval),
                            bull_number(w->o.max_stalled, max)};

    loop_timer_set(b->loop, t, w->o.stalled_ms);
    if (redis_is_up(b->r) && bull_eval(b, BULL_STALLED, w->queue, argv, 3, on_stalled_checked, w) == 0)
        w->asking++;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void worker_free(bull_worker *w)
{
    loop *l = bull_of(w)->loop;
    loop_timer *timers[] = {&w->look, &w->renew, &w->stalled, &w->write, &w->settle};

    w->closing = true;
    for (unsigned i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
        loop_timer_cancel(l, timers[i]);
    redis_free(w->bell);
    while (!list_empty(&w->held))
        bull_held_free(container_of(w->held.next, bull_held, link));
    while (!list_empty(&w->ending))
        bull_held_free(container_of(w->ending.next, bull_held, link));
    list_del(&w->link);
    free(w);
}

static bool is_idle(const bull_worker *w) { return !w->nheld && !w->asking; }

void bull_settle(bull_worker *w)
{
    if (w->closing && is_idle(w) && !bull_of(w)->freeing)
        loop_timer_set(bull_of(w)->loop, &w->settle, 0);
}

static void on_settle(loop_timer *t)
{
    bull_worker *w = container_of(t, bull_worker, settle);
    void (*closed)(void *) = w->closed;
    void *arg = w->closed_arg;

    if (!is_idle(w))
        return;
    worker_free(w);
    if (closed)
        closed(arg);
}

void bull_worker_close(jobs_worker *jw, void (*done)(void *arg), void *arg)
{
    bull_worker *w = (bull_worker *)jw;
    loop *l = bull_of(w)->loop;

    w->closing = true;
    w->closed = done;
    w->closed_arg = arg;
    loop_timer_cancel(l, &w->look);
    loop_timer_cancel(l, &w->stalled);
    bull_settle(w);
}

void bull_workers_up(bull *b)
{
    list_each(it, &b->workers) {
        bull_worker *w = container_of(it, bull_worker, link);

        bull_write_ends(w);
        if (w->closing)
            continue;
        loop_timer_set(b->loop, &w->stalled, 1);
        bull_look(w);
    }
}

void bull_workers_free(bull *b)
{
    while (!list_empty(&b->workers))
        worker_free(container_of(b->workers.next, bull_worker, link));
}

static void on_write(loop_timer *t) { bull_write_ends(container_of(t, bull_worker, write)); }

int bull_worker_new(jobs_worker **out, jobs *j, const jobs_worker_options *o)
{
    bull *b = (bull *)j;
    bull_worker *w = calloc(1, sizeof(*w));
    int err;

    if (!w)
        return SIO_ENOMEM;
    w->base.jobs = j;
    w->o = *o;
    memcpy(w->queue, o->queue, strlen(o->queue));
    bull_key(b, w->queue, "marker", w->bell_key);
    rand_id(w->token, BULL_TOKEN_LEN);
    list_init(&w->held);
    list_init(&w->ending);
    if ((err = bell_new(w)) < 0) {
        free(w);
        return err;
    }
    list_add_tail(&b->workers, &w->link);
    loop_timer_init(&w->look, on_look);
    loop_timer_init(&w->renew, on_renew);
    loop_timer_init(&w->stalled, on_stalled);
    loop_timer_init(&w->write, on_write);
    loop_timer_init(&w->settle, on_settle);
    loop_timer_set(b->loop, &w->look, 1);
    loop_timer_set(b->loop, &w->renew, o->lock_ms / 4);
    loop_timer_set(b->loop, &w->stalled, 1);
    *out = &w->base;
    return 0;
}
