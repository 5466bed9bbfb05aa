/* The upgrade of a polling session: a WebSocket probes, polls are released, the WebSocket takes over.
 * Until the peer's `5` polling stays the transport, so a probe that fails costs nothing. */
#include "eio/eio_int.h"

#include <stdlib.h>

static void on_tick(loop_timer *t)
{
    eio_upgrade *u = container_of(t, eio_upgrade, tick);

    eio_poll_release(u->session, '6');
    loop_timer_set(u->session->server->loop, &u->tick, EIO_PROBE_TICK_MS);
}

static void on_deadline(loop_timer *t)
{
    eio_upgrade_cancel(container_of(t, eio_upgrade, deadline)->session);
}

static ws_conn *end(eio_session *s)
{
    eio_upgrade *u = s->upgrade;
    ws_conn *c = u->ws;

    loop_timer_cancel(s->server->loop, &u->deadline);
    loop_timer_cancel(s->server->loop, &u->tick);
    s->upgrade = NULL;
    free(u);
    return c;
}

void eio_upgrade_cancel(eio_session *s)
{
    if (s->upgrade)
        ws_release(end(s), 0);
}

static void on_probe(eio_upgrade *u)
{
    ws_send(u->ws, WS_TEXT, "3probe", 6);
    loop_timer_set(u->session->server->loop, &u->tick, EIO_PROBE_TICK_MS);
}

/* What waited for a poll leaves on the WebSocket, in order. */
static void take_over(eio_session *s)
{
    eio_poll *p = s->poll;

    eio_poll_release(s, '1'); /* a correct client has none open */
    eio_ws_take(s, end(s));
    s->poll = NULL;
    for (uint32_t i = 0; i < p->nout; i++)
        eio_ws_send(s, p->out[i]);
    s->poll = p;
    eio_poll_free(s);
    if (s->server->config->on_upgrade)
        s->server->config->on_upgrade(s);
}

static void on_message(ws_conn *c, bool binary, char *p, size_t n)
{
    eio_upgrade *u = c->owner;
    eio_session *s = u->session;

    if (!binary && n == 6 && memcmp(p, "2probe", 6) == 0)
        on_probe(u);
    else if (!binary && n >= 1 && p[0] == '5' && s->state == EIO_OPENED && !(s->flags & EIO_F_OVERFLOW))
        take_over(s);
    else
        eio_upgrade_cancel(s);
}

static void on_close(ws_conn *c, unsigned code, bool clean)
{
    eio_upgrade *u = c->owner;

    (void)code, (void)clean;
    end(u->session);
}

static const ws_conn_ops probe_ops = {.on_message = on_message, .on_close = on_close};

static eio_upgrade *upgrade_new(eio_session *s)
{
    eio_upgrade *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    u->session = s;
    loop_timer_init(&u->deadline, on_deadline);
    loop_timer_init(&u->tick, on_tick);
    return u;
}

void eio_upgrade_request(eio_session *s, http_req *r)
{
    eio_server *e = s->server;
    eio_upgrade *u = NULL;
    ws_conn *c;

    /* A second WebSocket of a session is accepted and closed: the first one is not affected. */
    if (s->state == EIO_OPENED && s->poll && !s->upgrade && !(u = upgrade_new(s))) {
        http_drop(r);
        return;
    }
    c = eio_ws_accept(e, r, false, u ? &probe_ops : NULL, u);
    if (!c) {
        free(u);
    } else if (!u) {
        ws_release(c, 0);
    } else {
        u->ws = c;
        s->upgrade = u;
        loop_timer_set(e->loop, &u->deadline, e->config->upgrade_timeout_ms);
    }
}
