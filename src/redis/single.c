/* One server, reached at one address. */
#include "redis/redis_int.h"

#include <stdio.h>

/* Up when the server has confirmed every subscription. */
static void check_up(conn *c)
{
    if (c->state == CONN_READY && c->unconfirmed == 0)
        redis_tell_up(c->r);
}

void single_on_ready(conn *c)
{
    subs_send(c->r);
    check_up(c);
}

void single_on_lost(conn *c, const char *why)
{
    redis *r = c->r;

    subs_forget(r, c);
    conn_retry(c);
    redis_tell_down(r, why);
}

static void on_retry(conn *c)
{
    redis *r = c->r;

    conn_open(c, r->url.host[0].name, r->url.host[0].port);
}

void single_on_subscribed(conn *c, redis_sub_kind kind, sio_str name, uint64_t seq)
{
    subs_on_subscribed(c, kind, name, seq);
    if (!c->r->dead)
        check_up(c);
}

/* An ACL forbids the channel: half a set of subscriptions is none, and the reason is told. */
void single_on_refused(conn *c, const resp_val *v, uint64_t seq)
{
    sio_str error = error_text(v);

    (void)seq;
    snprintf(c->why, sizeof(c->why), "subscription: %.*s", (int)error.n, error.p);
    conn_drop(c, SIO_ECLOSED, c->why);
}

static const conn_ops single_conn = {
    .on_ready = single_on_ready, .on_lost = single_on_lost, .on_retry = on_retry,
    .on_message = subs_on_message,
    .on_subscribed = single_on_subscribed, .on_dropped = subs_on_dropped, .on_refused = single_on_refused,
};

static int start(redis *r)
{
    conn_login login = {r->url.user, r->url.password, r->url.db};

    return conn_init(&r->main, r, &single_conn, &login);
}

static void open_it(redis *r) { on_retry(&r->main); }
static void close_it(redis *r) { conn_close(&r->main); }
static void release(redis *r) { conn_release(&r->main); }
bool single_can_ask(const redis *r) { return r->main.state == CONN_READY; }

int single_command(redis *r, redis_reply_fn *fn, void *arg, const sio_str *argv, unsigned argc)
{
    if (!redis_is_up(r))
        return SIO_EUNAVAILABLE;
    return conn_ask(&r->main, (ask){.kind = ASK_CALL, .fn = fn, .arg = arg}, argv, argc);
}

conn *single_conn_of(redis *r, const sub *s)
{
    (void)s;
    return r->main.state == CONN_READY ? &r->main : NULL;
}

const redis_mode redis_single = {start, open_it, close_it, release, single_can_ask, single_command,
                                  single_conn_of};
