/* Who is there. Each loop knows the sockets of its users; each of them is asked at once (sio_probe), and
 * other servers ask theirs. A phone that has gone without a word does not answer, and counts as away. */
#include "app/push/pusher_int.h"

#include <stdio.h>
#include <stdlib.h>

#define SOCKETS_MAX 8                 /* of a user on a loop that are asked */
#define QUESTION    "partyline:probe" /* {users: [id], room?} answered with [true, ...] in their order */
#define TRAVEL_MS   1000              /* what the way to other servers may take */

/* ---- sockets of a loop ------------------------------------------------------------------------------- */

typedef struct user {
    sio_str id; /* first: the map's key */
    list sockets;
    char text[];
} user;

/* app_session.pushing */
typedef struct pusher_socket {
    list link;
    user *u;
    sio_socket *s;
    bool away;
    char room[PUSHER_ROOM_MAX + 1];
} pusher_socket;

static user *user_new(map *users, sio_str id)
{
    user *u = malloc(sizeof(*u) + id.n);

    if (!u)
        return NULL;
    memcpy(u->text, id.p, id.n);
    u->id = (sio_str){u->text, id.n};
    list_init(&u->sockets);
    if (map_put(users, u) == 0)
        return u;
    free(u);
    return NULL;
}

static map *users_here(const app *a)
{
    return &a->pusher->loop[sio_loop(a->io)].users;
}

/* Without memory the user counts as away, and is pushed for once too often. */
void pusher_came(sio_socket *s)
{
    app *a = app_of(s);
    app_session *me = app_session_of(s);
    pusher_socket *k;

    if (!a->pusher || !(k = calloc(1, sizeof(*k))))
        return;
    k->s = s;
    k->u = map_get(users_here(a), me->user->id);
    if (!k->u && !(k->u = user_new(users_here(a), me->user->id))) {
        free(k);
        return;
    }
    list_add_tail(&k->u->sockets, &k->link);
    me->pushing = k;
}

void pusher_goes(sio_socket *s)
{
    app_session *me = app_session_of(s);
    pusher_socket *k = me->pushing;

    if (!k)
        return;
    me->pushing = NULL;
    list_del(&k->link);
    if (list_empty(&k->u->sockets)) {
        map_del(users_here(app_of(s)), k->u->id);
        free(k->u);
    }
    free(k);
}

void pusher_focus(sio_socket *s, sio_str room, bool away)
{
    pusher_socket *k = app_session_of(s)->pushing;

    if (!k)
        return;
    k->away = away;
    snprintf(k->room, sizeof(k->room), "%.*s", (int)room.n, room.n ? room.p : "");
}

/* ---- a question -------------------------------------------------------------------------------------- */

typedef struct who who;

/* A loop's part of it. */
typedef struct look {
    who *w;
    unsigned loop, waiting;
    bool *there;
    list asks;
} look;

/* A socket that was asked. */
typedef struct ask {
    list link;
    look *l;
    unsigned user;
} ask;

struct who {
    pusher *p;
    list link;
    pusher_who_fn *fn;
    void *arg;
    unsigned n, waiting, nlooks;
    char *text;
    sio_str *user;
    bool *there; /* n for the answer, and n for each loop */
    char room[PUSHER_ROOM_MAX + 1];
    look look[];
};

static void who_free(who *w)
{
    list_del(&w->link);
    for (unsigned i = 0; i < w->nlooks; i++)
        list_each(it, &w->look[i].asks) free(container_of(it, ask, link));
    free(w->text);
    free(w->user);
    free(w->there);
    free(w);
}

static void part_done(who *w)
{
    if (--w->waiting)
        return;
    w->fn(w->arg, w->there);
    who_free(w);
}

static void look_done(void *arg)
{
    look *l = arg;

    for (unsigned i = 0; i < l->w->n; i++)
        l->w->there[i] |= l->there[i];
    part_done(l->w);
}

/* On the look's loop. */
static void look_end(look *l)
{
    if (--l->waiting == 0 && sio_post(l->w->p->a->io, 0, look_done, l) < 0)
        abort(); /* a few bytes */
}

static void on_told(void *arg, bool alive)
{
    ask *k = arg;
    look *l = k->l;

    l->there[k->user] |= alive;
    list_del(&k->link);
    free(k);
    look_end(l);
}

static bool shows(const pusher_socket *k, const char *room)
{
    return !k->away || (*room && strcmp(k->room, room) == 0);
}

static void look_at(look *l, unsigned i)
{
    const app *a = l->w->p->a;
    const user *u = map_get(users_here(a), l->w->user[i]);
    unsigned n = 0;

    if (!u)
        return;
    list_each(it, &u->sockets)
    {
        pusher_socket *s = container_of(it, pusher_socket, link);
        ask *k;

        if (n == SOCKETS_MAX || !shows(s, l->w->room) || !(k = calloc(1, sizeof(*k))))
            continue;
        k->l = l;
        k->user = i;
        if (sio_probe(s->s, a->opt.push.confirm_ms, on_told, k) < 0) {
            free(k);
            continue;
        }
        list_add_tail(&l->asks, &k->link);
        l->waiting++;
        n++;
    }
}

static void look_run(void *arg)
{
    look *l = arg;

    l->waiting = 1;
    for (unsigned i = 0; i < l->w->n; i++)
        look_at(l, i);
    look_end(l);
}

static int who_fill(who *w, sio_str room, const sio_str *users, unsigned n)
{
    size_t size = 1, at = 0;

    for (unsigned i = 0; i < n; i++)
        size += users[i].n;
    w->text = malloc(size);
    w->user = calloc(n + 1, sizeof(*w->user));
    w->there = calloc((size_t)n * (w->nlooks + 1) + 1, sizeof(*w->there));
    if (!w->text || !w->user || !w->there)
        return SIO_ENOMEM;
    for (unsigned i = 0; i < n; i++) {
        memcpy(w->text + at, users[i].p, users[i].n);
        w->user[i] = (sio_str){w->text + at, users[i].n};
        at += users[i].n;
    }
    w->n = n;
    snprintf(w->room, sizeof(w->room), "%.*s", (int)room.n, room.n ? room.p : "");
    return 0;
}

/* Asks on this server. */
static who *who_new(pusher *p, sio_str room, const sio_str *users, unsigned n, pusher_who_fn *fn, void *arg)
{
    unsigned loops = sio_server_loops(p->a->io);
    who *w = calloc(1, sizeof(*w) + loops * sizeof(w->look[0]));

    if (!w)
        return NULL;
    w->p = p;
    w->fn = fn;
    w->arg = arg;
    w->nlooks = loops;
    list_add_tail(&p->whos, &w->link);
    for (unsigned i = 0; i < loops; i++)
        list_init(&w->look[i].asks);
    if (who_fill(w, room, users, n) < 0) {
        who_free(w);
        return NULL;
    }
    w->waiting = loops;
    for (unsigned i = 0; i < loops; i++) {
        w->look[i].w = w;
        w->look[i].loop = i;
        w->look[i].there = w->there + (size_t)n * (i + 1);
        if (sio_post(p->a->io, i, look_run, &w->look[i]) < 0)
            abort(); /* a few bytes */
    }
    return w;
}

/* ---- other servers ----------------------------------------------------------------------------------- */

/* Those of servers that do not answer in time count as away there. */
static void on_others(void *arg, int err, const sio_val *answers, size_t n)
{
    who *w = arg;

    (void)err;
    for (size_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < w->n; k++) {
            bool there;

            if (sio_bool(sio_at(answers[i], k), &there))
                w->there[k] |= there;
        }
    }
    part_done(w);
}

int pusher_who(pusher *p, sio_str room, const sio_str *users, unsigned n, pusher_who_fn *fn, void *arg)
{
    who *w = who_new(p, room, users, n, fn, arg);
    sio_val id[PUSHER_WHO_MAX];

    if (!w)
        return SIO_ENOMEM;
    if (!p->a->opt.redis_url)
        return 0;
    for (unsigned i = 0; i < n; i++)
        id[i] = sio_v(w->user[i]);
    w->waiting++; /* and the loops, whose answers come later */
    if (sio_server_call(p->a->ns, p->a->opt.push.confirm_ms + TRAVEL_MS, on_others, w, QUESTION,
                        sio_obj("users", sio_list(id, n), "room", (const char *)w->room)) < 0)
        w->waiting--;
    return 0;
}

typedef struct question {
    sio_in *in;
    unsigned n;
} question;

static void on_answered(void *arg, const bool *there)
{
    question *q = arg;
    sio_val v[PUSHER_WHO_MAX];

    for (unsigned i = 0; i < q->n; i++)
        v[i] = sio_v(there[i]);
    sio_ack(q->in, sio_list(v, q->n));
    sio_release(q->in);
    free(q);
}

static void on_question(sio_ns *ns, sio_in *in)
{
    app *a = sio_context(sio_ns_server(ns));
    sio_val users = sio_get(sio_arg(in, 0), "users");
    sio_str user[PUSHER_WHO_MAX], room = {0};
    question *q = NULL;
    size_t n = sio_len(users);

    if (n > PUSHER_WHO_MAX || !a->pusher || a->pusher->stopped)
        return;
    for (size_t i = 0; i < n; i++)
        if (!sio_str_of(in, sio_at(users, i), &user[i]))
            return;
    if (!sio_str_of(in, sio_get(sio_arg(in, 0), "room"), &room) || room.n > PUSHER_ROOM_MAX)
        room.n = 0;
    if (!(q = calloc(1, sizeof(*q))) || !(q->in = sio_keep(in))) {
        free(q);
        return;
    }
    q->n = (unsigned)n;
    if (!who_new(a->pusher, room, user, q->n, on_answered, q)) {
        sio_release(q->in);
        free(q);
    }
}

int pusher_who_attach(app *a)
{
    return sio_on_server(a->ns, QUESTION, on_question);
}

void pusher_who_detach(pusher *p)
{
    list_each(it, &p->whos)
    {
        who *w = container_of(it, who, link);

        if (w->fn == on_answered) /* its event is gone with the server */
            free(w->arg);
        who_free(w);
    }
    for (unsigned i = 0; i < sio_server_loops(p->a->io); i++)
        map_fini(&p->loop[i].users); /* sockets have gone, and taken along what is in it */
}
