#include "app/presence/presence_leave.h"
#include "app/app.h"
#include "app/batch.h"

#include <stdio.h>
#include <stdlib.h>

const char presence_status_script[] =
    "local has = redis.call('HMGET', KEYS[1], 'status', 'lastSeen')\n"
    "local status, seen = has[1], has[2]\n"
    "local live = status == 'online' or status == 'away' or status == 'busy'\n"
    "local newer = not seen or seen < ARGV[2]\n"
    "if ARGV[3] == 'choose' or not live or (ARGV[3] == 'repair' and newer) then status = ARGV[1] end\n"
    "if newer or ARGV[3] == 'choose' then seen = ARGV[2] end\n"
    "redis.call('HSET', KEYS[1], 'status', status, 'lastSeen', seen)\n"
    "return status\n";

typedef struct leaving leaving;

typedef struct departing {
    leaving *l;
    sio_str  id;
    bool     stays; /* another server has it now */
} departing;

struct leaving {
    batch            b;
    presence_leaving o;
    int64_t          left;    /* sockets that S has */
    bool             removed; /* from O, by us, the last time */
    departing        each[];  /* their texts, and the user's, are behind them */
};

static sio_str key(const char *prefix, sio_str user, char out[PRESENCE_KEY_MAX])
{
    size_t n = strlen(prefix);

    if (user.n > PRESENCE_KEY_MAX - n)
        user.n = PRESENCE_KEY_MAX - n;
    memcpy(out, prefix, n);
    memcpy(out + n, user.p, user.n);
    return (sio_str){out, n + user.n};
}

sio_str presence_key_sockets(sio_str user, char out[PRESENCE_KEY_MAX])
{
    return key("user_sockets:", user, out);
}
sio_str presence_key_status(sio_str user, char out[PRESENCE_KEY_MAX])
{
    return key("user:status:", user, out);
}

static leaving *of(batch *b) { return container_of(b, leaving, b); }

static void finish(leaving *l, bool gone)
{
    l->o.fn(l->o.arg, l->b.err, gone);
    free(l);
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static void on_left(void *arg, int err, const resp_val *v)
{
    leaving *l = arg;

    if (batch_is_good(&l->b, err, v))
        l->left = v->i;
    batch_end(&l->b);
}

static void on_removed(void *arg, int err, const resp_val *v)
{
    leaving *l = arg;

    if (batch_is_good(&l->b, err, v))
        l->removed = v->i == 1;
    batch_end(&l->b);
}

/* ---- steps ------------------------------------------------------------------------------------------ */

static void on_looked_again(batch *b);
static void on_put_back_looked(batch *b);

static void look(leaving *l, void (*next)(batch *b))
{
    char sockets[PRESENCE_KEY_MAX];

    batch_begin(&l->b, next);
    batch_add(&l->b, redis_cmd(l->o.r, on_left, l, "SCARD", presence_key_sockets(l->o.user, sockets)));
    batch_sent(&l->b);
}

static void on_taken_out(batch *b)
{
    if (b->err < 0)
        finish(of(b), false);
    else
        look(of(b), on_looked_again);
}

static void take_out(leaving *l)
{
    char status[PRESENCE_KEY_MAX], seen[APP_ISO_SIZE];

    app_iso(l->o.last.wall, seen);
    batch_begin(&l->b, on_taken_out);
    batch_add(&l->b, redis_cmd(l->o.r, on_removed, l, "SREM", PRESENCE_ONLINE_USERS, l->o.user));
    batch_add(&l->b,
              redis_cmd(l->o.r, batch_on_reply, &l->b, "HSET", presence_key_status(l->o.user, status),
                        "status", presence_status_names[PRESENCE_OFFLINE], "lastSeen", (const char *)seen));
    batch_sent(&l->b);
}

static void on_put_back(batch *b)
{
    if (b->err < 0)
        finish(of(b), false);
    else
        look(of(b), on_put_back_looked);
}

static void put_back(leaving *l)
{
    char status[PRESENCE_KEY_MAX], seen[APP_ISO_SIZE];
    sio_str argv[] = {presence_key_status(l->o.user, status), sio_s(presence_status_names[l->o.last.status]),
                      {seen, APP_ISO_SIZE - 1}, sio_s("join")};

    app_iso(l->o.last.wall, seen);
    batch_begin(&l->b, on_put_back);
    batch_add(&l->b, redis_cmd(l->o.r, batch_on_reply, &l->b, "SADD", PRESENCE_ONLINE_USERS, l->o.user));
    batch_add(&l->b, redis_eval(l->o.r, l->o.status, batch_on_reply, &l->b, 1, argv, 4));
    batch_sent(&l->b);
}

static void on_looked_again(batch *b)
{
    leaving *l = of(b);

    if (b->err < 0 || l->left == 0)
        finish(l, b->err == 0 && l->removed);
    else
        put_back(l);
}

static void on_put_back_looked(batch *b)
{
    leaving *l = of(b);

    if (b->err < 0 || l->left > 0)
        finish(l, false);
    else
        take_out(l);
}

static void on_first_look(batch *b)
{
    leaving *l = of(b);

    if (b->err < 0 || l->left > 0)
        finish(l, false);
    else
        take_out(l);
}

/* SREM and SCARD have the same key, so that their order is that of sending everywhere. */
static int take_sockets(leaving *l)
{
    char key_text[PRESENCE_KEY_MAX];
    sio_str argv[2 + PRESENCE_LEAVE_MAX] = {sio_s("SREM"), presence_key_sockets(l->o.user, key_text)};
    unsigned argc = 2;
    int err = 0;

    for (unsigned i = 0; i < l->o.n; i++)
        if (!l->each[i].stays)
            argv[argc++] = l->each[i].id;
    batch_begin(&l->b, on_first_look);
    if (argc > 2)
        batch_add(&l->b, err = redis_command(l->o.r, batch_on_reply, &l->b, argv, argc));
    if (err == 0)
        batch_add(&l->b, err = redis_cmd(l->o.r, on_left, l, "SCARD", argv[1]));
    return l->b.waiting > 1 ? 0 : err;
}

/* ---- sockets that have moved ------------------------------------------------------------------------ */

sio_str presence_key_moved(sio_str socket, char out[PRESENCE_MOVED_MAX])
{
    int n = snprintf(out, PRESENCE_MOVED_MAX, "partyline:moved:%.*s", (int)(socket.n < 160 ? socket.n : 159),
                     socket.p);

    return (sio_str){out, (size_t)n};
}

static void on_moved(void *arg, int err, const resp_val *v)
{
    departing *d = arg;

    if (batch_is_good(&d->l->b, err, v))
        d->stays = v->kind == RESP_BULK && !resp_is(v, d->l->o.moves);
    batch_end(&d->l->b);
}

static void on_all_known(batch *b)
{
    leaving *l = of(b);
    int err = b->err < 0 ? b->err : take_sockets(l);

    l->b.err = err;
    if (err < 0)
        finish(l, false);
    else
        batch_sent(&l->b);
}

static int ask_moved(leaving *l)
{
    char key_text[PRESENCE_MOVED_MAX];

    batch_begin(&l->b, on_all_known);
    for (unsigned i = 0; i < l->o.n && l->b.err == 0; i++)
        batch_add(&l->b, redis_cmd(l->o.r, on_moved, &l->each[i], "GET",
                                   presence_key_moved(l->each[i].id, key_text)));
    return l->b.waiting > 1 ? 0 : l->b.err;
}

/* ---- the beginning ---------------------------------------------------------------------------------- */

static leaving *leaving_new(const presence_leaving *o)
{
    unsigned n = o->n < PRESENCE_LEAVE_MAX ? o->n : PRESENCE_LEAVE_MAX;
    size_t text = o->user.n;
    leaving *l;
    char *at;

    for (unsigned i = 0; i < n; i++)
        text += o->sockets[i].n;
    l = calloc(1, sizeof(*l) + n * sizeof(l->each[0]) + text);
    if (!l)
        return NULL;
    l->o = *o;
    l->o.n = n;
    at = (char *)&l->each[n];
    l->o.user.p = memcpy(at, o->user.p, o->user.n);
    at += o->user.n;
    for (unsigned i = 0; i < n; i++) {
        l->each[i] = (departing){.l = l, .id = {at, o->sockets[i].n}};
        memcpy(at, o->sockets[i].p, o->sockets[i].n);
        at += o->sockets[i].n;
    }
    if (l->o.last.status == PRESENCE_OFFLINE)
        l->o.last.status = PRESENCE_ONLINE;
    return l;
}

int presence_leave(const presence_leaving *o)
{
    leaving *l = leaving_new(o);
    int err;

    if (!l)
        return SIO_ENOMEM;
    err = o->moves && l->o.n > 0 ? ask_moved(l) : take_sockets(l);
    if (err < 0)
        free(l);
    else
        batch_sent(&l->b);
    return err;
}
