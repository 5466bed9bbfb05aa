/* Plain WebSocket clients: text frames ["event", payload] both ways, with the handlers and
 * rooms of a namespace.
 *
 * Guards run before the upgrade, so a refusal is an ordinary HTTP answer; until then the client's transport
 * is the waiting request. */
#include "base/log.h"
#include "codec/json.h"
#include "sio/request_int.h"

#include <stdlib.h>

/* A WebSocket ping keeps the connection through proxies and finds dead peers. */
typedef struct plain {
    ws_conn    *ws;
    http_req   *req;             /* until the upgrade */
    client     *client;
    loop_timer  heartbeat;
    bool        awaiting;        /* a ping was sent, a sign of life is due */
    eio_probe  *probes;          /* questions whether it is there */
} plain;

static void plain_free(plain *p)
{
    eio_probes_end(&p->probes, false);
    loop_timer_cancel(p->client->shard->loop, &p->heartbeat);
    free(p);
}

/* ---- sending ---- */

static blob *frame_of(const parcel *p)
{
    uint8_t head[WS_MAX_HEAD];
    sio_str json = p->json;
    size_t n = ws_put_head(head, WS_TEXT, json.n);
    blob *b = blob_new(n + json.n);

    if (!b)
        return NULL;
    memcpy(b->p, head, n);
    memcpy(b->p + n, json.p, json.n);
    if (blob_is_unpacked(p->head))
        blob_keep_unpacked(b);
    return b;
}

/* Only events travel; attachments follow their text as binary frames. */
static void plain_send(client *c, parcel *p)
{
    plain *pl = c->transport;

    if (!p->json.n || !pl->ws)
        return;
    if (!p->plain && !(p->plain = frame_of(p)))
        return;
    ws_send_frame(pl->ws, p->plain, 0, p->plain->n);
    for (unsigned i = 0; i < p->nbins; i++)
        ws_send_frame(pl->ws, p->bin[i], p->bin[i]->start, p->bin[i]->n - p->bin[i]->start);
}

static size_t plain_unsent(const client *c)
{
    const plain *pl = c->transport;

    return pl->ws ? ws_unsent(pl->ws) : 0;
}

static bool plain_is_writable(const client *c)
{
    const plain *pl = c->transport;

    return pl->ws && !ws_is_blocked(pl->ws);
}

/* ---- ends ---- */

static void lost(plain *p, const char *reason)
{
    client *c = p->client;

    plain_free(p);
    client_lost(c, reason);
}

static void plain_close(client *c, eio_reason why)
{
    plain *p = c->transport;

    if (p->ws)
        ws_release(p->ws, why == EIO_SHUTDOWN ? WS_CLOSE_GOING_AWAY : WS_CLOSE_NORMAL);
    if (p->req) {
        p->req->on_abort = NULL;
        http_drop(p->req);
    }
    lost(p, eio_reason_text(why));
}

static void plain_refuse(client *c, const char *message)
{
    plain *p = c->transport;
    http_req *r = p->req;

    if (!r) {
        plain_close(c, EIO_FORCED_CLOSE);
        return;
    }
    p->req = NULL;
    r->on_abort = NULL;
    http_reply(r, 401, sio_lit("Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"),
               sio_str_z(message));
    lost(p, "transport close");
}

static void on_abort(http_req *r)
{
    plain *p = r->user;

    p->req = NULL;
    lost(p, "transport close");
}

/* ---- heartbeat ---- */

static void note_life(plain *p)
{
    const shard *sh = p->client->shard;

    p->awaiting = false;
    eio_probes_end(&p->probes, true);
    loop_timer_set(sh->loop, &p->heartbeat, sh->io->opt.ping_interval_ms);
}

static void on_heartbeat(loop_timer *t)
{
    plain *p = container_of(t, plain, heartbeat);
    const shard *sh = p->client->shard;

    if (p->awaiting) {
        plain_close(p->client, EIO_PING_TIMEOUT);
        return;
    }
    p->awaiting = true;
    ws_send(p->ws, WS_PING, "", 0);
    loop_timer_set(sh->loop, t, sh->io->opt.ping_timeout_ms);
}

static void on_pong(ws_conn *ws)
{
    note_life(ws->owner);
}

static int plain_probe(client *c, uint32_t ms, eio_probe_fn *fn, void *arg)
{
    plain *p = c->transport;
    bool asked = p->probes != NULL;
    int err = p->ws ? eio_probe_add(c->shard->eio, &p->probes, ms, fn, arg) : SIO_ECLOSED;

    if (err == 0 && !asked)
        ws_send(p->ws, WS_PING, "", 0);
    return err;
}

/* ---- receiving ---- */

/* A frame is an EVENT packet without its head. */
static void on_message(ws_conn *ws, bool binary, char *bytes, size_t n)
{
    plain *p = ws->owner;
    client *c = p->client;
    sio_packet packet = {.type = SIO_PACKET_EVENT, .nsp = sio_lit("/")};
    sio_socket *s = c->nsockets ? client_sockets(c)[0] : NULL;
    sio_str name;
    size_t at = 0;

    note_life(p);
    if (binary || !json_valid((sio_str){bytes, n}, &packet.data) || json_kind_of(packet.data) != JSON_ARRAY ||
        !json_next(packet.data, &at, NULL, &name) || json_kind_of(name) != JSON_STRING) {
        log_debug("plain client sent something else than [\"event\", ...]");
        p->ws = NULL;
        ws_release(ws, WS_CLOSE_BAD_DATA);
        lost(p, "parse error");
        return;
    }
    if (!s || s->state != SOCKET_CONNECTED)
        return;
    client_enter(c);
    event_dispatch(socket_hold(s), &packet, NULL);
    socket_drop(s);
    client_leave(c);
}

static void on_close(ws_conn *ws, unsigned code, bool clean)
{
    plain *p = ws->owner;

    p->ws = NULL;
    if (!clean && code == WS_CLOSE_OVERLOADED)
        lost(p, eio_reason_text(EIO_SLOW_CONSUMER));
    else /* as with the engine's clients */
        lost(p, clean || code == 1006 ? "transport close" : "transport error");
}

static const ws_conn_ops plain_ws_ops = {.on_message = on_message, .on_pong = on_pong, .on_close = on_close};

/* ---- opening ---- */

/* The guards said yes: now the socket gets its WebSocket. */
static void plain_accepted(client *c)
{
    plain *p = c->transport;
    http_req *r = p->req;

    p->req = NULL;
    r->on_abort = NULL;
    p->ws = ws_accept_upgrade(r, (sio_str){0}, eio_server_ws_limits(c->shard->eio), &plain_ws_ops, p);
    if (!p->ws) {
        lost(p, "transport close");
        return;
    }
    client_count(c, CLIENT_PLAIN);
    note_life(p);
}

static const client_ops plain_client_ops = {
    .name = "plain", .send = plain_send, .is_writable = plain_is_writable, .unsent = plain_unsent,
    .close = plain_close, .probe = plain_probe,
    .refuse = plain_refuse, .accepted = plain_accepted,
};

static void open_plain(shard *sh, sio_ns *ns, http_req *r)
{
    plain *p = calloc(1, sizeof *p);
    client *c = p ? client_new(sh, &plain_client_ops, p) : NULL;

    if (!c)
        abort(); /* small fixed allocations */
    p->client = c;
    p->req = r;
    loop_timer_init(&p->heartbeat, on_heartbeat);
    r->user = p;
    r->on_abort = on_abort;
    c->handshake = handshake_new(c, r);
    client_enter(c);
    connect_start(c, ns, sio_lit("{}"), NULL);
    client_leave(c);
}

static void on_plain_route(void *ctx, http_req *r)
{
    route *rt = ctx;
    sio_str refusal = {0};
    int status;

    status = ws_upgrade_check(r->head, eio_server_ws_limits(shard_of(r)->eio), &refusal);
    if (shard_of(r)->draining || atomic_load_explicit(&shard_of(r)->io->drain_rate, memory_order_relaxed))
        reply_draining(r);
    else if (status)
        http_reply(r, status, refusal, (sio_str){0});
    else if (http_hold(r) == 0)
        open_plain(shard_of(r), rt->ns, r);
}

int sio_plain_ws(sio_server *io, const char *path, sio_ns *ns)
{
    route *rt = route_new(io, path);

    if (!rt)
        return SIO_ENOMEM;
    rt->ns = ns;
    rt->upgrades = true;
    return route_add(rt, true, on_plain_route);
}
