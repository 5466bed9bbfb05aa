/* Audience "followers": a socket watches those its user follows. They are read once it is connected, for all
 * who came within a moment in one job: waking a thread and being woken by it costs more than the query. */
#include "app/presence/presence_int.h"
#include "base/log.h"

#include <stdlib.h>

#define COLLECT_MS 2    /* how long the first one waits for others */
#define ROUND_MAX  128  /* users asked about in one job */
#define ROWS_MAX   1600 /* with so many rows a job ends early: its loop has to enter as many rooms at once */
#define BUSY_MAX   2    /* jobs of a loop under way */
#define PAUSE_MS   1000 /* after the database could not */

typedef struct follow {
    list      link;   /* in presence_follows.waiting or round.follows */
    sio_id    socket;
    app_user *user;   /* held */
    bool      asked;
    unsigned  upto;   /* in round.room: its own are behind those of the one before */
} follow;

/* Some users that one job asks about. */
typedef struct round {
    db_job job;
    presence_loop *here;
    list      follows;
    unsigned  n, cap; /* rooms of all of them, one after the other */
    char    **room;
} round;

static void want(presence_loop *l);

static void rooms_clear(round *r)
{
    while (r->n > 0)
        free(r->room[--r->n]);
}

static void follow_free(follow *f)
{
    app_user_drop(f->user);
    free(f);
}

static void round_free(round *r)
{
    rooms_clear(r);
    free(r->room);
    free(r);
}

void presence_follows_fini(presence_follows *q)
{
    while (!list_empty(&q->waiting)) {
        follow *f = container_of(q->waiting.next, follow, link);

        list_del(&f->link);
        follow_free(f);
    }
}

/* ---- the job --------------------------------------------------------------------------------------- */

static bool rooms_grow(round *r)
{
    unsigned cap = r->cap ? 2 * r->cap : 64;
    char **room;

    if (r->n < r->cap)
        return true;
    if (!(room = realloc(r->room, cap * sizeof(*room))))
        return false;
    r->room = room;
    r->cap = cap;
    return true;
}

static int on_row(void *ctx, const db_row *row)
{
    round *r = ctx;
    sio_str id = db_col_text(row, 0);
    char room[PRESENCE_ROOM_MAX];

    if (id.n == 0 || id.n > 128) /* no user that could come */
        return 0;
    presence_room(id, room);
    if (!rooms_grow(r) || !(r->room[r->n] = strdup(room)))
        return SIO_ENOMEM;
    r->n++;
    return 0;
}

static int ask(round *r, const follow *f, db_conn *c)
{
    return db_query(c,
                    "SELECT following_id FROM user_follows WHERE follower_id = ?1"
                    " ORDER BY created_at DESC LIMIT ?2",
                    db_args(db_text(f->user->id), db_int(PRESENCE_FOLLOWS_MAX)), on_row, r);
}

/* May be called again, from the start. */
static int on_run(db_job *j, db_conn *c)
{
    round *r = container_of(j, round, job);
    int err = 0;

    rooms_clear(r);
    list_each(it, &r->follows) {
        follow *f = container_of(it, follow, link);

        f->asked = err == 0 && r->n < ROWS_MAX;
        if (f->asked)
            err = ask(r, f, c);
        f->upto = r->n;
    }
    return err;
}

/* ---- the answer ------------------------------------------------------------------------------------ */

/* Those that were not asked about come next. */
static void answer(round *r)
{
    presence_loop *l = r->here;
    unsigned at = 0;

    for (list *it = r->follows.prev, *before; it != &r->follows; it = before) {
        follow *f = container_of(it, follow, link);

        before = it->prev;
        if (f->asked)
            break;
        list_del(it);
        list_add_tail(l->follows.waiting.next, it); /* in front of the first */
        l->follows.n++;
    }
    while (!list_empty(&r->follows)) {
        follow *f = container_of(r->follows.next, follow, link);
        sio_socket *s = sio_find(l->a->ns, f->socket);

        for (; at < f->upto; at++)
            if (s)
                sio_join(s, r->room[at]);
        list_del(&f->link);
        follow_free(f);
    }
}

static void put_back(presence_follows *q, round *r)
{
    while (!list_empty(&r->follows)) {
        list *it = r->follows.next;

        list_del(it);
        list_add_tail(&q->waiting, it);
        q->n++;
    }
}

static void on_pause_end(void *arg)
{
    presence_loop *l = arg;

    l->follows.paused = false;
    want(l);
}

static void wait_a_while(presence_loop *l)
{
    if (!l->follows.paused)
        l->follows.paused = sio_after(l->a->io, PAUSE_MS, on_pause_end, l) == 0;
}

static void on_done(db_job *j)
{
    round *r = container_of(j, round, job);
    presence_loop *l = r->here;

    l->follows.busy--;
    if (j->err == 0) {
        answer(r);
    } else {
        log_debug("follows of users that came: %s", sio_strerror(j->err));
        put_back(&l->follows, r);
        wait_a_while(l);
    }
    round_free(r);
    want(l);
}

/* ---- the queue ------------------------------------------------------------------------------------- */

/* Takes those who are still there; NULL when nobody is. */
static round *round_new(presence_loop *l)
{
    presence_follows *q = &l->follows;
    round *r = calloc(1, sizeof(*r));

    if (!r)
        abort();
    *r = (round){.job = {.run = on_run, .done = on_done}, .here = l};
    list_init(&r->follows);
    for (unsigned n = 0; n < ROUND_MAX && !list_empty(&q->waiting);) {
        follow *f = container_of(q->waiting.next, follow, link);

        list_del(&f->link);
        q->n--;
        if (sio_find(l->a->ns, f->socket)) {
            list_add_tail(&r->follows, &f->link);
            n++;
        } else {
            follow_free(f);
        }
    }
    if (!list_empty(&r->follows))
        return r;
    round_free(r);
    return NULL;
}

static void pump(presence_loop *l)
{
    presence_follows *q = &l->follows;
    round *r;

    while (q->busy < BUSY_MAX && !q->paused && (r = round_new(l))) {
        db_job_here(&r->job);
        if (db_read(l->a->opt.db, &r->job) < 0) {
            put_back(q, r);
            round_free(r);
            wait_a_while(l);
            return;
        }
        q->busy++;
    }
}

static void on_collected(void *arg)
{
    presence_loop *l = arg;

    l->follows.collecting = false;
    pump(l);
}

/* A full round goes at once, others when the time is up. */
static void want(presence_loop *l)
{
    presence_follows *q = &l->follows;

    if (q->n >= ROUND_MAX)
        pump(l);
    if (q->n > 0 && !q->collecting && !q->paused && q->busy < BUSY_MAX)
        q->collecting = sio_after(l->a->io, COLLECT_MS, on_collected, l) == 0;
}

void presence_follow_start(sio_socket *s)
{
    app *a = app_of(s);
    presence_loop *here = &a->presence->loop[sio_loop(a->io)];
    follow *f = calloc(1, sizeof(*f));

    if (!f)
        abort();
    *f = (follow){.socket = sio_id_of(s), .user = app_user_hold(app_session_of(s)->user)};
    list_add_tail(&here->follows.waiting, &f->link);
    here->follows.n++;
    want(here);
}
