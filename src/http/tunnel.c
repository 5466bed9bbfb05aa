/* A relayed WebSocket: bytes both ways, each end read only as fast as the other takes. */
#include "http/relay_int.h"

static void forward(net_stream *from, net_stream *to, const char *p, size_t n)
{
    net_send_copy(to, p, n);
    if (net_is_blocked(to))
        net_pause(from);
}

/* ---- the client's end ---- */

static void on_data(net_stream *s, char *p, size_t n)
{
    upstream *up = s->owner;

    if (up->stream)
        forward(s, up->stream, p, n);
}

static void on_drain(net_stream *s)
{
    upstream *up = s->owner;

    if (up->stream)
        net_resume(up->stream);
}

/* What came before the end is still delivered. */
static void on_close(net_stream *s, int err)
{
    upstream *up = s->owner;

    (void)err;
    up->client = NULL;
    if (up->state == UP_OVER)
        return; /* upstream_drop goes on */
    if (up->stream)
        net_close(up->stream);
    else
        tunnel_close(up);
}

/* ---- the server's end ---- */

void tunnel_data(upstream *up, const char *p, size_t n)
{
    if (up->client)
        forward(up->stream, up->client, p, n);
}

void tunnel_drain(upstream *up)
{
    if (up->client)
        net_resume(up->client);
}

/* One end is gone: the other follows when it has taken everything, and frees. */
void tunnel_close(upstream *up)
{
    if (up->client) {
        net_close(up->client);
        return;
    }
    stat_sub(&up->relay->stats.open_tunnels, 1);
    upstream_free(up);
}

/* ---- opening ---- */

void tunnel_open(upstream *up, sio_str headers, const char *p, size_t n)
{
    static const net_ops ops = {on_data, on_drain, on_close};
    http_relay *x = up->relay;
    http_req *r = up->job->req;
    net_stream *client;

    loop_timer_cancel(x->loop, &up->timer);
    job_free(up->job);
    up->job = NULL;
    up->state = UP_TUNNEL;
    stat_add(&x->stats.tunnels, 1);
    stat_add(&x->stats.open_tunnels, 1);
    r->user = NULL;
    r->on_abort = NULL;
    r->on_drain = NULL;
    client = http_upgrade(r, headers, &ops, up); /* may forward at once */
    if (!client) {
        stat_sub(&x->stats.open_tunnels, 1);
        upstream_drop(up);
        return;
    }
    up->client = client;
    if (n)
        tunnel_data(up, p, n);
}
