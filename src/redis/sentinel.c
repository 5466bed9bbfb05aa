/* Redis behind Sentinel: whoever the sentinels name as master, as soon as they name another. One sentinel
 * is asked after the other; the one that answered is listened to from then on. */
#include "redis/redis_int.h"

#include <stdio.h>
#include <stdlib.h>

#define WRONG_ROLE_TRIES 3u /* a replica that should be the master will soon be: not 50 ms later, though */

typedef struct sentinel {
    redis   *r;
    conn     c;
    unsigned next;           /* which sentinel is asked next */
    char     host[256];      /* of the master; "" = not known */
    int      port;
} sentinel;

static sentinel *sentinel_of(const conn *c) { return c->r->more; }

/* ---- asking ---- */

static void ask_next(sentinel *s)
{
    const redis_url *u = &s->r->url;
    unsigned i = s->next % u->nhosts;

    conn_close(&s->c); /* it may be subscribed, and then answers no questions */
    conn_open(&s->c, u->host[i].name, u->host[i].port);
}

static void open_master(sentinel *s)
{
    if (s->r->main.state == CONN_IDLE)
        conn_open(&s->r->main, s->host, s->port);
}

static void set_master(sentinel *s, sio_str host, int port)
{
    bool same = sio_str_eq(sio_str_z(s->host), host) && s->port == port;

    if (host.n == 0 || host.n >= sizeof(s->host) || port < 1 || port > 65535)
        return;
    snprintf(s->host, sizeof(s->host), "%.*s", (int)host.n, host.p);
    s->port = port;
    if (!same && s->r->main.state != CONN_IDLE)
        conn_drop(&s->r->main, SIO_ECLOSED, "there is another master");
    if (!s->r->dead)
        open_master(s);
}

static void give_up(sentinel *s, const char *why)
{
    s->next++;
    conn_drop(&s->c, SIO_ECLOSED, why);
}

static bool is_text(const resp_val *v) { return v->kind == RESP_BULK || v->kind == RESP_STATUS; }

static int port_of(sio_str s)
{
    int v = 0;

    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9' || (v = v * 10 + (s.p[i] - '0')) > 65535)
            return -1;
    return v;
}

static void on_address(void *arg, int err, const resp_val *v)
{
    sentinel *s = arg;

    if (err < 0)
        return;
    if (v->kind == RESP_NIL)
        give_up(s, "the sentinel does not know a master of that name");
    else if (v->kind != RESP_ARRAY || v->n != 2 || !is_text(&v->item[0]) || !is_text(&v->item[1]))
        give_up(s, "the sentinel gives no address");
    else
        set_master(s, v->item[0].s, port_of(v->item[1].s));
}

/* The question goes out before the subscription, while it is allowed; a change between both is told by
 * neither, but is noticed by ROLE, by READONLY, or since Sentinel cuts the connections of a master that it
 * makes a replica. */
static void on_sentinel_ready(conn *c)
{
    sentinel *s = sentinel_of(c);
    sio_str argv[] = {SIO_STR("SENTINEL"), SIO_STR("GET-MASTER-ADDR-BY-NAME"), sio_str_z(c->r->url.master)};

    if (conn_ask(c, (ask){.kind = ASK_CALL, .fn = on_address, .arg = s}, argv, 3) < 0)
        conn_doom(c, "out of memory");
    conn_subscribe_to(c, REDIS_CHANNEL, sio_lit("+switch-master"), 0);
}

static void on_sentinel_lost(conn *c, const char *why)
{
    sentinel_of(c)->next++;
    conn_retry(c);
    if (c->r->main.state == CONN_IDLE)
        redis_tell_down(c->r, why);
}

static void on_sentinel_retry(conn *c) { ask_next(sentinel_of(c)); }

/* ---- the news ---- */

static sio_str word(sio_str *s)
{
    const char *space = s->n ? memchr(s->p, ' ', s->n) : NULL;
    sio_str w = {s->p, space ? (size_t)(space - s->p) : s->n};
    size_t skip = w.n + (space != NULL);

    s->p += skip;
    s->n -= skip;
    return w;
}

/* NAME OLD-HOST OLD-PORT NEW-HOST NEW-PORT */
static void on_news(conn *c, redis_sub_kind kind, sio_str channel, sio_str payload, sio_str pattern)
{
    sio_str name = word(&payload), host;

    (void)kind, (void)channel, (void)pattern;
    if (!sio_str_eq(name, sio_str_z(c->r->url.master)))
        return;
    word(&payload);
    word(&payload);
    host = word(&payload);
    set_master(sentinel_of(c), host, port_of(word(&payload)));
}

static void on_sentinel_subscribed(conn *c, redis_sub_kind kind, sio_str name, uint64_t seq)
{
    (void)c, (void)kind, (void)name, (void)seq;
}

static void on_sentinel_dropped(conn *c, redis_sub_kind kind, sio_str name)
{
    (void)kind, (void)name;
    conn_doom(c, "the sentinel ended the subscription");
}

static void on_sentinel_refused(conn *c, const resp_val *v, uint64_t seq)
{
    (void)v, (void)seq;
    conn_drop(c, SIO_ECLOSED, "the sentinel refuses a subscription");
}

static const conn_ops sentinel_conn = {
    .on_ready = on_sentinel_ready, .on_lost = on_sentinel_lost, .on_retry = on_sentinel_retry,
    .on_message = on_news,
    .on_subscribed = on_sentinel_subscribed, .on_dropped = on_sentinel_dropped,
    .on_refused = on_sentinel_refused,
};

/* ---- the master ---- */

static void on_role(void *arg, int err, const resp_val *v)
{
    conn *c = arg;

    if (err < 0)
        return;
    if (v->kind == RESP_ARRAY && v->n > 0 && resp_is(&v->item[0], "master")) {
        single_on_ready(c);
        return;
    }
    c->tries = WRONG_ROLE_TRIES;
    conn_drop(c, SIO_ECLOSED, "the server that Sentinel names is not the master");
}

static void on_ready(conn *c)
{
    sio_str role = sio_lit("ROLE");

    if (conn_ask(c, (ask){.kind = ASK_CALL, .fn = on_role, .arg = c}, &role, 1) < 0)
        conn_doom(c, "out of memory");
}

static void on_retry(conn *c) { ask_next(sentinel_of(c)); }

static const conn_ops master_conn = {
    .on_ready = on_ready, .on_lost = single_on_lost, .on_retry = on_retry, .on_message = subs_on_message,
    .on_subscribed = single_on_subscribed, .on_dropped = subs_on_dropped, .on_refused = single_on_refused,
    .leaves_replicas = true,
};

/* ---- the mode ---- */

static int start(redis *r)
{
    conn_login login = {r->url.user, r->url.password, r->url.db};
    conn_login other = {r->url.sentinel_user, r->url.sentinel_password, 0};
    sentinel *s = calloc(1, sizeof(*s));

    if (!s)
        return SIO_ENOMEM;
    s->r = r;
    r->more = s;
    conn_init(&s->c, r, &sentinel_conn, &other);
    return conn_init(&r->main, r, &master_conn, &login);
}

static void open_it(redis *r) { ask_next(r->more); }

static void close_it(redis *r)
{
    conn_close(&((sentinel *)r->more)->c);
    conn_close(&r->main);
}

static void release(redis *r)
{
    sentinel *s = r->more;

    conn_release(&r->main);
    if (s)
        conn_release(&s->c);
    free(s);
}

const redis_mode redis_sentinel = {start, open_it, close_it, release, single_can_ask, single_command,
                                   single_conn_of};
