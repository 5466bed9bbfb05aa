/* Audience "followers": a socket watches those its user follows. They are read once it is connected, a few
 * users at a time, so that a storm of connections does not fill the database's queue. */
#include "app/presence/presence_int.h"
#include "base/log.h"

#include <stdlib.h>

#define BUSY_MAX 32   /* jobs of a loop under way */
#define PAUSE_MS 1000 /* after the database could not */

typedef struct follow {
    list      link;   /* in presence_follows.waiting */
    db_job    job;
    app      *a;
    presence_loop *here;
    sio_id    socket;
    app_user *user;   /* held */
    unsigned  n;
    char     *room[PRESENCE_FOLLOWS_MAX];
} follow;

static void pump(presence_loop *l);

static void rooms_clear(follow *f)
{
    while (f->n > 0)
        free(f->room[--f->n]);
}

static void follow_free(follow *f)
{
    rooms_clear(f);
    app_user_drop(f->user);
    free(f);
}

void presence_follows_fini(presence_follows *f)
{
    list_each(it, &f->waiting)
        follow_free(container_of(it, follow, link));
    list_init(&f->waiting);
}

/* ---- the job --------------------------------------------------------------------------------------- */

static int on_row(void *ctx, const db_row *r)
{
    follow *f = ctx;
    sio_str id = db_col_text(r, 0);
    char room[PRESENCE_ROOM_MAX];

    if (id.n == 0 || id.n > 128) /* no user that could come */
        return 0;
    presence_room(id, room);
    f->room[f->n] = strdup(room);
    return f->room[f->n++] ? 0 : SIO_ENOMEM;
}

static int on_run(db_job *j, db_conn *c)
{
    follow *f = container_of(j, follow, job);

    rooms_clear(f);
    return db_query(c,
                    "SELECT following_id FROM user_follows WHERE follower_id = ?1"
                    " ORDER BY created_at DESC LIMIT ?2",
                    db_args(db_text(f->user->id), db_int(PRESENCE_FOLLOWS_MAX)), on_row, f);
}

static void watch(follow *f)
{
    sio_socket *s = sio_find(f->a->ns, f->socket);

    for (unsigned i = 0; s && i < f->n; i++)
        sio_join(s, f->room[i]);
}

static void on_pause_end(void *arg)
{
    presence_loop *l = arg;

    l->follows.paused = false;
    pump(l);
}

static void wait_a_while(presence_loop *l)
{
    if (!l->follows.paused)
        l->follows.paused = sio_after(l->a->io, PAUSE_MS, on_pause_end, l) == 0;
}

static void on_done(db_job *j)
{
    follow *f = container_of(j, follow, job);
    presence_loop *l = f->here;

    l->follows.busy--;
    if (j->err == 0) {
        watch(f);
        follow_free(f);
    } else {
        log_debug("follows of %.*s: %s", (int)f->user->id.n, f->user->id.p, sio_strerror(j->err));
        list_add_tail(&l->follows.waiting, &f->link);
        wait_a_while(l);
    }
    pump(l);
}

/* ---- the queue ------------------------------------------------------------------------------------- */

static void pump(presence_loop *l)
{
    presence_follows *q = &l->follows;

    while (q->busy < BUSY_MAX && !q->paused && !list_empty(&q->waiting)) {
        follow *f = container_of(q->waiting.next, follow, link);

        list_del(&f->link);
        if (!sio_find(l->a->ns, f->socket)) {
            follow_free(f);
            continue;
        }
        db_job_here(&f->job);
        if (db_read(l->a->opt.db, &f->job) < 0) {
            list_add_tail(&q->waiting, &f->link);
            wait_a_while(l);
            return;
        }
        q->busy++;
    }
}

void presence_follow_start(sio_socket *s)
{
    app *a = app_of(s);
    presence_loop *here = &a->presence->loop[sio_loop(a->io)];
    follow *f = calloc(1, sizeof(*f));

    if (!f)
        abort();
    *f = (follow){.job = {.run = on_run, .done = on_done}, .a = a, .here = here, .socket = sio_id_of(s),
                  .user = app_user_hold(app_session_of(s)->user)};
    list_add_tail(&here->follows.waiting, &f->link);
    pump(here);
}
