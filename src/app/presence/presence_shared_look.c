/* How users are in the whole cluster: one command for who is online, one for each user's status. Who is here
 * is there for certain, even if Redis was not told yet. */
#include "app/presence/presence_shared_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct look look;

typedef struct asked {
    look         *l;
    presence_seen seen;
    bool          online;
} asked;

struct look {
    batch            b;
    presence_shared *s;
    const sio_str   *users;
    unsigned         n;
    presence_seen   *out;
    void           (*done)(void *arg, int err);
    void            *arg;
    asked            each[];
};

/* "2026-01-31T12:34:56.789Z"; 0 when it is not that. */
static int64_t parse_iso(sio_str s)
{
    char text[25], end = 0;
    struct tm t = {0};
    int ms = 0;

    if (s.n != 24)
        return 0;
    memcpy(text, s.p, 24);
    text[24] = '\0';
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3d%c", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour,
               &t.tm_min, &t.tm_sec, &ms, &end) != 8 ||
        end != 'Z' || ms < 0)
        return 0;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    return (int64_t)timegm(&t) * 1000 + ms;
}

static void on_online(void *arg, int err, const resp_val *v)
{
    look *l = arg;

    if (batch_is_good(&l->b, err, v) && v->kind == RESP_ARRAY)
        for (unsigned i = 0; i < l->n && i < v->n; i++)
            l->each[i].online = v->item[i].kind == RESP_INT && v->item[i].i == 1;
    batch_end(&l->b);
}

static void on_status(void *arg, int err, const resp_val *v)
{
    asked *a = arg;

    if (batch_is_good(&a->l->b, err, v) && v->kind == RESP_ARRAY && v->n == 2) {
        for (int i = PRESENCE_ONLINE; i < PRESENCE_OFFLINE; i++)
            if (resp_is(&v->item[0], presence_status_names[i]))
                a->seen.status = (enum presence_status)i;
        if (v->item[1].kind == RESP_BULK)
            a->seen.wall = parse_iso(v->item[1].s);
    }
    batch_end(&a->l->b);
}

/* What was answered for one user, under what is known here. A user who is there with no status, or one that
 * makes no sense, is online. */
static presence_seen merge(presence_shared *s, sio_str user, const asked *a)
{
    member *m = presence_member(s, user);
    presence_seen seen = a->seen;
    bool is_here = m && m->here;

    if (!a->online && !is_here)
        seen.status = PRESENCE_OFFLINE;
    else if (is_here && (m->fresh || m->chosen || m->writing_choice || seen.status == PRESENCE_OFFLINE))
        seen.status = m->status;
    else if (seen.status == PRESENCE_OFFLINE)
        seen.status = PRESENCE_ONLINE;
    if (is_here && seen.wall == 0)
        seen.wall = m->status_wall;
    if (is_here && m->in == MEMBERS_KEPT && (!a->online || a->seen.status == PRESENCE_OFFLINE)) {
        m->session = s->session - 1; /* somebody has erred: it is written again */
        presence_member_to(s, m, MEMBERS_STALE);
    }
    return seen;
}

static void on_answered(batch *b)
{
    look *l = container_of(b, look, b);
    presence_store *local = l->s->local;

    if (b->err < 0) {
        local->ops->look(local, l->users, l->n, l->out, l->done, l->arg);
    } else {
        for (unsigned i = 0; i < l->n; i++)
            l->out[i] = merge(l->s, l->users[i], &l->each[i]);
        presence_pump(l->s);
        l->done(l->arg, 0);
    }
    free(l);
}

static void ask(look *l)
{
    redis *r = l->s->r;
    sio_str *argv = malloc((l->n + 2) * sizeof(*argv));
    char key[PRESENCE_KEY_MAX];

    batch_begin(&l->b, on_answered);
    if (argv) {
        argv[0] = sio_s("SMISMEMBER");
        argv[1] = sio_s(PRESENCE_ONLINE_USERS);
        memcpy(argv + 2, l->users, l->n * sizeof(*argv));
    }
    batch_add(&l->b, argv ? redis_command(r, on_online, l, argv, 2 + l->n) : SIO_ENOMEM);
    for (unsigned i = 0; i < l->n && l->b.err == 0; i++) {
        l->each[i] = (asked){.l = l, .seen = {.status = PRESENCE_OFFLINE}};
        batch_add(&l->b, redis_cmd(r, on_status, &l->each[i], "HMGET", presence_key_status(l->users[i], key),
                                   "status", "lastSeen"));
    }
    free(argv);
    batch_sent(&l->b);
}

void presence_shared_look(presence_store *face, const sio_str *users, unsigned n, presence_seen *out,
                          void (*done)(void *arg, int err), void *arg)
{
    presence_shared *s = shared_of(face);
    look *l = s->r && n > 0 ? calloc(1, sizeof(*l) + n * sizeof(l->each[0])) : NULL;

    if (!l) {
        s->local->ops->look(s->local, users, n, out, done, arg);
        return;
    }
    l->s = s;
    l->users = users;
    l->n = n;
    l->out = out;
    l->done = done;
    l->arg = arg;
    ask(l);
}
