/* The Engine.IO side of a client, and the hooks below Socket.IO. */
#include "base/log.h"
#include "sio/request_int.h"

#include <stdlib.h>

/* ---- an engine session as a client's transport ---- */

static void engine_send(client *c, parcel *p)
{
    eio_session *s = c->transport;

    eio_send(s, p->head);
    for (unsigned i = 0; i < p->nbins; i++)
        eio_send(s, p->bin[i]);
}

static size_t engine_unsent(const client *c)
{
    return eio_unsent(c->transport);
}

static bool engine_is_writable(const client *c)
{
    return eio_is_writable(c->transport);
}

static void engine_close(client *c, eio_reason why)
{
    eio_close(c->transport, why);
}

static int engine_probe(client *c, uint32_t ms, eio_probe_fn *fn, void *arg)
{
    return eio_probe_start(c->transport, ms, fn, arg);
}

const client_ops engine_client_ops = {.send = engine_send, .is_writable = engine_is_writable,
                                      .unsent = engine_unsent,
                                      .close = engine_close, .probe = engine_probe};

/* ---- sessions ---- */

static void on_connect_timeout(loop_timer *t)
{
    client *c = container_of(t, handshake, joins)->client;

    log_debug("client joined no namespace in time");
    client_close(c, EIO_FORCED_CLOSE);
}

/* The timer goes away with the first namespace, as the handshake does: idle clients do not pay for it. */
static void arm_connect_timer(client *c)
{
    loop_timer_init(&c->handshake->joins, on_connect_timeout);
    loop_timer_set(c->shard->loop, &c->handshake->joins, c->shard->io->opt.connect_timeout_ms);
}

static void on_handshake(void *ctx, eio_session *s, http_req *r)
{
    shard *sh = ctx;
    client *c = client_new(sh, &engine_client_ops, s);

    if (!c)
        abort(); /* a small fixed allocation */
    c->handshake = handshake_new(c, r);
    s->user = c;
}

static uint8_t transport_of(const eio_session *s)
{
    return s->ws ? SIO_WEBSOCKET : SIO_POLLING;
}

static void on_open(eio_session *s)
{
    client *c = s->user;

    client_count(c, transport_of(s));
    if (c->handshake)
        arm_connect_timer(c);
    else
        client_close(c, EIO_FORCED_CLOSE); /* without memory for its request */
}

static void on_upgrade(eio_session *s)
{
    client_count(s->user, transport_of(s));
}

static void on_message(eio_session *s, bool binary, char *p, size_t n)
{
    client_message(s->user, binary, p, n);
}

static void on_close(eio_session *s, eio_reason why)
{
    client_lost(s->user, eio_reason_text(why));
}

/* ---- hooks of the user ---- */

/* Whoever moves clients off, or stops, takes no new ones; those inside go on. */
static bool is_turned_away(shard *sh, const http_req *r)
{
    buf sid;
    int found;

    if (!sh->draining && !atomic_load_explicit(&sh->io->drain_rate, memory_order_relaxed))
        return false;
    buf_init(&sid, 4 * r->head->query.n + 1);
    found = http1_query_get(r->head->query, "sid", &sid);
    buf_fini(&sid);
    return found == 0;
}

static int on_request(void *ctx, http_req *r)
{
    const sio_options *o = &((shard *)ctx)->io->opt;

    if (is_turned_away(ctx, r)) {
        reply_draining(r);
        return SIO_ESTATE;
    }
    return o->hooks.on_request ? o->hooks.on_request(o->hook_arg, request_of(r)) : 0;
}

/* What allow_request is given: a face that stays until it is answered, while the peer may go
 * away behind it. */
typedef struct asking {
    http_req  face;
    http_req *real;             /* NULL once the peer is gone */
} asking;

static void on_asking_gone(http_req *r)
{
    static const http1_request nothing;
    asking *a = r->user;

    a->real = NULL;
    a->face.head = &nothing;
}

static void on_allow(void *ctx, http_req *r)
{
    const sio_options *o = &((shard *)ctx)->io->opt;
    asking *a;

    if (http_hold(r) < 0)
        return;
    if (!(a = malloc(sizeof *a)))
        abort(); /* a small fixed allocation */
    *a = (asking){{.head = r->head, .server = r->server}, r};
    r->user = a;
    r->on_abort = on_asking_gone;
    o->hooks.allow_request(o->hook_arg, request_of(&a->face));
}

/* The request that is answered now, or NULL when nobody waits for it any more. */
static http_req *answered(sio_request *r)
{
    asking *a = container_of(http_of(r), asking, face);
    http_req *real = a->real;

    free(a);
    if (real)
        real->on_abort = NULL;
    return real;
}

static void on_headers(void *ctx, http_req *r, bool initial, buf *headers)
{
    shard *sh = ctx;
    const sio_options *o = &sh->io->opt;

    sh->hook_headers = headers;
    o->hooks.on_headers(o->hook_arg, request_of(r), initial);
    sh->hook_headers = NULL;
}

static stat_cell *refused_cell(shard_stats *st, enum eio_error code)
{
    switch (code) {
    case EIO_ERR_TRANSPORT:
        return &st->refused_transport;
    case EIO_ERR_SID:
        return &st->refused_sid;
    case EIO_ERR_METHOD:
        return &st->refused_method;
    case EIO_ERR_FORBIDDEN:
        return &st->refused_forbidden;
    case EIO_ERR_PROTOCOL:
        return &st->refused_protocol;
    default:
        return &st->refused_request;
    }
}

static void on_error(void *ctx, http_req *r, enum eio_error code, const char *message)
{
    const shard *sh = ctx;
    const sio_hooks *h = &sh->io->opt.hooks;

    stat_add(refused_cell(sh->stats, code), 1);
    if (h->on_connection_error)
        h->on_connection_error(sh->io->opt.hook_arg, request_of(r), (int)code, message);
}

void sio_allow(sio_request *r)
{
    http_req *real = answered(r);

    if (real)
        eio_allow(shard_of(real)->eio, real);
}

void sio_refuse_request(sio_request *r, const char *message)
{
    http_req *real = answered(r);

    if (real)
        eio_refuse(shard_of(real)->eio, real, message);
}

static bool is_header_safe(sio_str value)
{
    return !memchr(value.p, '\r', value.n) && !memchr(value.p, '\n', value.n);
}

void sio_add_header(sio_request *r, const char *name, sio_str value)
{
    buf *out = shard_of(http_of(r))->hook_headers;

    if (out && is_header_safe(value))
        buf_printf(out, "%s: %.*s\r\n", name, (int)value.n, value.p);
}

/* ---- the engine's view of the options ---- */

static void config_cors(eio_cors *to, const sio_cors *from)
{
    *to = (eio_cors){
        .enabled = from->enabled,
        .any = from->any || (!from->reflect && !from->fixed && !(from->origins && from->origins[0])),
        .reflect = from->reflect,
        .credentials = from->credentials,
        .origins = from->origins,
        .fixed = from->fixed,
        .methods = from->methods,
        .allowed_headers = from->allowed_headers,
        .exposed_headers = from->exposed_headers,
        .max_age = from->max_age,
    };
}

static void config_cookie(eio_cookie *to, const sio_cookie *from)
{
    *to = (eio_cookie){
        .name = from->name, .path = from->path, .domain = from->domain, .same_site = from->same_site,
        .http_only = from->http_only, .secure = from->secure, .max_age = from->max_age,
    };
}

static void config_hooks(eio_config *c, const sio_hooks *h)
{
    c->on_request = on_request;
    c->on_allow = h->allow_request ? on_allow : NULL;
    c->on_headers = h->on_headers ? on_headers : NULL;
    c->on_error = on_error;
    c->on_upgrade = on_upgrade;
    c->on_handshake = on_handshake;
    c->on_open = on_open;
    c->on_message = on_message;
    c->on_close = on_close;
}

void engine_config(sio_server *io)
{
    const sio_options *o = &io->opt;
    eio_config *c = &io->eio;

    *c = (eio_config){
        .path = o->path,
        .transports = o->transports,
        .allow_upgrades = o->allow_upgrades,
        .ping_interval_ms = o->ping_interval_ms,
        .ping_timeout_ms = o->ping_timeout_ms,
        .upgrade_timeout_ms = o->upgrade_timeout_ms,
        .max_payload = o->max_payload,
        .max_unsent = o->max_unsent,
        .compression_threshold = o->compression_threshold,
        .ws_deflate = o->deflate.enabled,
        .ws_deflate_threshold = o->deflate.threshold,
        .ws_deflate_level = o->deflate.level,
        .max_sessions = o->max_connections,
        .initial_packet = o->initial_packet,
    };
    memcpy(c->node, io->node, EIO_NODE_LEN);
    config_cors(&c->cors, &o->cors);
    config_cookie(&c->cookie, &o->cookie);
    config_hooks(c, &o->hooks);
}
