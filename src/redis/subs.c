/* Subscriptions: a table by kind and name, asked for wherever the mode says and again after every loss. */
#include "redis/redis_int.h"

#include <stdlib.h>

#define MAX_NAME (1u << 20)

static sio_str key_of(const void *object)
{
    const sub *s = object;

    return (sio_str){s->key, s->n};
}

void subs_init(redis *r)
{
    map_init(&r->subs, key_of);
    list_init(&r->orphans);
}

static sub *find(redis *r, redis_sub_kind kind, sio_str name)
{
    char small[256], *key = name.n < sizeof(small) ? small : malloc(name.n + 1);
    sub *s;

    if (!key)
        return NULL;
    key[0] = (char)('0' + kind);
    if (name.n)
        memcpy(key + 1, name.p, name.n);
    s = map_get(&r->subs, (sio_str){key, name.n + 1});
    if (key != small)
        free(key);
    return s;
}

static sub *sub_new(redis_sub_kind kind, sio_str name)
{
    sub *s = name.n <= MAX_NAME ? calloc(1, sizeof(*s) + name.n + 1) : NULL;

    if (!s)
        return NULL;
    s->kind = kind;
    s->n = (uint32_t)name.n + 1;
    s->key[0] = (char)('0' + kind);
    if (name.n)
        memcpy(s->key + 1, name.p, name.n);
    list_init(&s->link);
    return s;
}

static void ask_for(redis *r, sub *s)
{
    conn *c = s->at ? NULL : r->mode->conn_of(r, s);

    if (c)
        conn_subscribe(c, s);
}

int redis_subscribe(redis *r, redis_sub_kind kind, sio_str name, redis_message_fn *fn,
                    void (*done)(void *arg, int err), void *arg)
{
    sub *s;

    if (find(r, kind, name))
        return SIO_EEXIST;
    s = sub_new(kind, name);
    if (!s)
        return SIO_ENOMEM;
    s->fn = fn;
    s->done = done;
    s->arg = arg;
    if (map_put(&r->subs, s) < 0) {
        free(s);
        return SIO_ENOMEM;
    }
    ask_for(r, s);
    return 0;
}

/* done is told later: callbacks do not run inside calls. */
void redis_unsubscribe(redis *r, redis_sub_kind kind, sio_str name)
{
    sub *s = find(r, kind, name);

    if (!s)
        return;
    map_del(&r->subs, key_of(s));
    if (s->at)
        conn_unsubscribe(s->at, kind, sub_name(s));
    if (!s->done) {
        free(s);
        return;
    }
    list_add_tail(&r->orphans, &s->link);
    loop_timer_set(r->l, &r->soon, 0);
}

/* ---- for the modes ---- */

void subs_send(redis *r)
{
    sub *s;

    for (uint32_t at = 0; (s = map_next(&r->subs, &at));)
        ask_for(r, s);
}

void subs_forget(redis *r, const conn *c)
{
    sub *s;

    for (uint32_t at = 0; (s = map_next(&r->subs, &at));) {
        if (s->at != c)
            continue;
        s->at = NULL;
        s->confirmed = false;
    }
}

void subs_leave(redis *r, conn *c)
{
    sub *s;

    for (uint32_t at = 0; (s = map_next(&r->subs, &at));)
        if (s->at == c)
            conn_unsubscribe(c, s->kind, sub_name(s));
    subs_forget(r, c);
}

void subs_refused(conn *c, uint64_t seq)
{
    sub *s;

    for (uint32_t at = 0; (s = map_next(&c->r->subs, &at));)
        if (s->at == c && s->seq == seq)
            s->at = NULL;
}

bool subs_are_made(const redis *r)
{
    const sub *s;

    for (uint32_t at = 0; (s = map_next(&r->subs, &at));)
        if (!s->confirmed)
            return false;
    return true;
}

static void tell_done(sub *s, int err)
{
    void (*done)(void *arg, int err) = s->done;

    s->done = NULL;
    if (done)
        done(s->arg, err);
}

void subs_orphans_tell(redis *r)
{
    while (!list_empty(&r->orphans)) {
        sub *s = container_of(r->orphans.next, sub, link);
        list_del(&s->link);
        tell_done(s, SIO_ECANCELED);
        free(s);
    }
}

void subs_cancel(redis *r)
{
    uint32_t at;
    sub *s;

    subs_orphans_tell(r);
    while (at = 0, (s = map_next(&r->subs, &at))) {
        map_del(&r->subs, key_of(s));
        tell_done(s, SIO_ECANCELED);
        free(s);
    }
    map_fini(&r->subs);
}

/* ---- what connections tell ---- */

void subs_on_message(conn *c, redis_sub_kind kind, sio_str channel, sio_str payload, sio_str pattern)
{
    sub *s = find(c->r, kind, kind == REDIS_PATTERN ? pattern : channel);

    if (s && s->at == c)
        s->fn(s->arg, channel, payload, pattern);
}

void subs_on_subscribed(conn *c, redis_sub_kind kind, sio_str name, uint64_t seq)
{
    sub *s = find(c->r, kind, name);

    if (!s || s->at != c || s->seq != seq)
        return;
    s->confirmed = true;
    tell_done(s, 0);
}

/* A slot has moved: where to, the mode will know. */
void subs_on_dropped(conn *c, redis_sub_kind kind, sio_str name)
{
    sub *s = find(c->r, kind, name);

    if (!s || s->at != c)
        return;
    s->at = NULL;
    s->confirmed = false;
    ask_for(c->r, s);
}
