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

typedef struct leaving {
    batch              b;
    redis             *r;
    redis_script      *script;
    presence_seen      last;
    int64_t            left;    /* sockets that S has */
    bool               removed; /* from O, by us, the last time */
    presence_leave_fn *fn;
    void              *arg;
    sio_str            user;
    char               text[];
} leaving;

static sio_str key(const char *prefix, sio_str user, char out[PRESENCE_KEY_MAX])
{
    size_t n = strlen(prefix);

    if (user.n > PRESENCE_KEY_MAX - n)
        user.n = PRESENCE_KEY_MAX - n;
    memcpy(out, prefix, n);
    memcpy(out + n, user.p, user.n);
    return (sio_str){out, n + user.n};
}

sio_str presence_key_sockets(sio_str user, char out[PRESENCE_KEY_MAX]) { return key("user_sockets:", user, out); }
sio_str presence_key_status(sio_str user, char out[PRESENCE_KEY_MAX]) { return key("user:status:", user, out); }

static leaving *of(batch *b) { return container_of(b, leaving, b); }

static void finish(leaving *l, bool gone)
{
    l->fn(l->arg, l->b.err, gone);
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
    batch_add(&l->b, redis_cmd(l->r, on_left, l, "SCARD", presence_key_sockets(l->user, sockets)));
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

    app_iso(l->last.wall, seen);
    batch_begin(&l->b, on_taken_out);
    batch_add(&l->b, redis_cmd(l->r, on_removed, l, "SREM", PRESENCE_ONLINE_USERS, l->user));
    batch_add(&l->b, redis_cmd(l->r, batch_on_reply, &l->b, "HSET", presence_key_status(l->user, status), "status",
                               presence_status_names[PRESENCE_OFFLINE], "lastSeen", (const char *)seen));
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
    sio_str argv[] = {presence_key_status(l->user, status), sio_s(presence_status_names[l->last.status]),
                      {seen, APP_ISO_SIZE - 1}, sio_s("join")};

    app_iso(l->last.wall, seen);
    batch_begin(&l->b, on_put_back);
    batch_add(&l->b, redis_cmd(l->r, batch_on_reply, &l->b, "SADD", PRESENCE_ONLINE_USERS, l->user));
    batch_add(&l->b, redis_eval(l->r, l->script, batch_on_reply, &l->b, 1, argv, 4));
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
int presence_leave(redis *r, redis_script *status, sio_str user, const sio_str *sockets, unsigned n, presence_seen last,
                   presence_leave_fn *fn, void *arg)
{
    leaving *l = calloc(1, sizeof(*l) + user.n);
    char key_text[PRESENCE_KEY_MAX];
    sio_str argv[2 + PRESENCE_LEAVE_MAX] = {sio_s("SREM")};
    int err;

    if (!l)
        return SIO_ENOMEM;
    *l = (leaving){.r = r, .script = status, .last = last, .fn = fn, .arg = arg, .user = {l->text, user.n}};
    if (l->last.status == PRESENCE_OFFLINE)
        l->last.status = PRESENCE_ONLINE;
    memcpy(l->text, user.p, user.n);
    argv[1] = presence_key_sockets(l->user, key_text);
    n = n < PRESENCE_LEAVE_MAX ? n : PRESENCE_LEAVE_MAX;
    if (n)
        memcpy(argv + 2, sockets, n * sizeof(*sockets));
    batch_begin(&l->b, on_first_look);
    err = n ? redis_command(r, batch_on_reply, &l->b, argv, 2 + n) : 0;
    if (err < 0) {
        free(l);
        return err;
    }
    if (n)
        batch_add(&l->b, 0);
    err = redis_cmd(r, on_left, l, "SCARD", argv[1]);
    if (err < 0 && n == 0) {
        free(l);
        return err;
    }
    batch_add(&l->b, err);
    batch_sent(&l->b);
    return 0;
}
