/* Requests on the engine path: the checks of the protocol in their order, then the session concerned. */
#include "eio/eio_int.h"

#include <stdlib.h>

/* ---- what is asked for ---- */

static bool is_plain(sio_str raw)
{
    for (size_t i = 0; i < raw.n; i++)
        if (raw.p[i] == '%' || raw.p[i] == '+' || (unsigned char)raw.p[i] >= 0x80)
            return false;
    return true;
}

/* 1 and the text, 0 for absent, negative with an empty text when it is too long to mean anything. */
static int query_text(sio_str raw, char *out, size_t n)
{
    int err;
    buf b;

    out[0] = 0;
    if (!raw.p)
        return 0;
    if (raw.n < n && is_plain(raw)) { /* as nearly all are: nothing to decode */
        memcpy(out, raw.p, raw.n);
        out[raw.n] = 0;
        return 1;
    }
    buf_init(&b, n - 1);
    err = http1_query_decode(raw, &b);
    if (b.n)
        memcpy(out, b.p, b.n);
    out[b.n] = 0;
    buf_fini(&b);
    return err < 0 ? err : 1;
}

static void eio_query_parse(eio_query *q, sio_str query)
{
    enum { TRANSPORT, SID, J, EIO, B64, KEYS };
    static const char *const keys[] = {"transport", "sid", "j", "EIO", "b64"};
    sio_str raw[KEYS];
    char eio[8], b64[8];

    http1_query_find(query, keys, KEYS, raw);
    query_text(raw[TRANSPORT], q->transport, sizeof q->transport);
    /* Too long: unknown, not absent */
    q->has_sid = query_text(raw[SID], q->sid, sizeof q->sid) < 0 || q->sid[0];
    q->is_jsonp = query_text(raw[J], q->jsonp, sizeof q->jsonp) != 0;
    q->protocol4 = query_text(raw[EIO], eio, sizeof eio) && strcmp(eio, "4") == 0;
    q->base64 = query_text(raw[B64], b64, sizeof b64) < 0 || b64[0];
}

static unsigned transport_bit(const char *name)
{
    if (strcmp(name, "polling") == 0)
        return EIO_POLLING;
    return strcmp(name, "websocket") == 0 ? EIO_WEBSOCKET : 0;
}

/* Without the WebSocket transport nobody answers upgrades: such a request is one like any other. */
bool eio_is_upgrade(const eio_server *e, const http_req *r)
{
    return r->head->upgrade && (e->config->transports & EIO_WEBSOCKET);
}

/* ---- sessions of other loops and nodes ---- */

static int sid_digit(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

/* The session id names its loop: a request that came to another one moves there with its connection. */
static bool hand_over(eio_server *e, http_req *r, const eio_query *q)
{
    int home = q->has_sid ? sid_digit(q->sid[0]) : -1;

    if (home < 0 || (unsigned)home >= e->npeers || (unsigned)home == e->index)
        return false;
    http_handoff(r, e->peers[home]);
    return true;
}

/* The id is well-formed and names another node. */
static bool is_foreign(const eio_server *e, const eio_query *q)
{
    if (strlen(q->sid) != EIO_SID_LEN || memcmp(q->sid + 1, e->config->node, EIO_NODE_LEN) == 0)
        return false;
    for (const char *c = q->sid; *c; c++)
        if (sid_digit(*c) < 0)
            return false;
    return true;
}

static bool give_away(eio_server *e, http_req *r, const eio_query *q)
{
    const eio_config *c = e->config;

    return c->on_foreign && is_foreign(e, q) && !http_is_relayed(r) &&
           c->on_foreign(e->ctx, r, (sio_str){q->sid, EIO_SID_LEN});
}

void eio_unknown(eio_server *e, http_req *r)
{
    eio_reply_error(e, r, EIO_ERR_SID, NULL);
}

/* ---- new sessions ---- */

static void open_session(eio_server *e, http_req *r, const eio_query *q)
{
    eio_session *s;

    if (!q->protocol4) {
        eio_reply_error(e, r, EIO_ERR_PROTOCOL, NULL);
    } else if (transport_bit(q->transport) == EIO_WEBSOCKET) {
        eio_ws_open(e, r, q);
    } else if (eio_is_upgrade(e, r)) {
        /* A WebSocket that asks for polling: the reference accepts and closes it. */
        ws_conn *c = eio_ws_accept(e, r, false, NULL, NULL);

        if (c)
            ws_release(c, 0);
    } else if (!(s = eio_session_new(e, q, r))) {
        http_drop(r);
    } else if (eio_poll_open(s, r, q) < 0) {
        eio_session_lost(s, EIO_TRANSPORT_ERROR);
    }
}

void eio_allow(eio_server *e, http_req *r)
{
    eio_query q;

    eio_query_parse(&q, r->head->query);
    open_session(e, r, &q);
}

void eio_refuse(eio_server *e, http_req *r, const char *message)
{
    eio_reply_error(e, r, EIO_ERR_FORBIDDEN, message);
}

static void handshake(eio_server *e, http_req *r, const eio_query *q)
{
    const eio_config *c = e->config;
    bool websocket = transport_bit(q->transport) == EIO_WEBSOCKET;

    if (!sio_str_eq(r->head->method, sio_lit("GET")))
        eio_reply_error(e, r, EIO_ERR_METHOD, NULL);
    else if (websocket && !eio_is_upgrade(e, r))
        eio_reply_error(e, r, EIO_ERR_REQUEST, NULL);
    else if (c->max_sessions && e->sessions.n >= c->max_sessions)
        eio_reply_error(e, r, EIO_ERR_FORBIDDEN, "Too many connections");
    else if (c->on_allow)
        c->on_allow(e->ctx, r);
    else
        open_session(e, r, q);
}

/* ---- known sessions ---- */

static void known_session(eio_session *s, http_req *r, const eio_query *q)
{
    eio_server *e = s->server;
    bool websocket = transport_bit(q->transport) == EIO_WEBSOCKET, upgrade = eio_is_upgrade(e, r);

    if (!q->protocol4 || (!upgrade && (websocket || !s->poll)))
        eio_reply_error(e, r, EIO_ERR_REQUEST, NULL);
    else if (upgrade)
        eio_upgrade_request(s, r);
    else
        eio_poll_request(s, r);
}

/* ---- the route ---- */

/* A transport this server does not offer, and an upgrade while WebSocket is off, are both
 * "Transport unknown". */
static void check_and_serve(eio_server *e, http_req *r)
{
    eio_query q;
    eio_session *s;

    eio_query_parse(&q, r->head->query);
    if (!(transport_bit(q.transport) & e->config->transports)) {
        eio_reply_error(e, r, EIO_ERR_TRANSPORT, NULL);
    } else if (q.has_sid) {
        if (give_away(e, r, &q) || hand_over(e, r, &q))
            return;
        if ((s = eio_session_find(e, q.sid)))
            known_session(s, r, &q);
        else
            eio_unknown(e, r);
    } else {
        handshake(e, r, &q);
    }
}

static void on_request(void *ctx, http_req *r)
{
    eio_server *e = ctx;
    const eio_config *c = e->config;
    int err = c->on_request ? c->on_request(e->ctx, r) : 0;

    if (err == SIO_ESTATE)
        return;
    if (err < 0)
        eio_reply_error(e, r, EIO_ERR_REQUEST, NULL);
    else if (c->cors.enabled && sio_str_eq(r->head->method, sio_lit("OPTIONS")))
        eio_reply_preflight(e, r);
    else
        check_and_serve(e, r);
}

/* ---- life ---- */

static sio_str session_key(const void *object)
{
    return (sio_str){((const eio_session *)object)->sid, EIO_SID_LEN};
}

static void flush_polls(loop_hook *h)
{
    eio_server *e = container_of(h, eio_server, flush);

    /* Closing one session may make others speak, or end them: take the first until none is left. */
    while (!list_empty(&e->dirty)) {
        eio_poll *p = container_of(e->dirty.next, eio_poll, dirty);

        list_del(&p->dirty);
        eio_poll_flush(p->session);
    }
}

static int make_ws_limits(eio_server *e, const eio_config *c)
{
    e->ws_limits = (ws_limits){.max_message = c->max_payload, .max_fragments = 16384};
    if (!c->ws_deflate)
        return 0;
    e->ws_limits.deflate = ws_deflate_new(c->ws_deflate_threshold, c->ws_deflate_level);
    return e->ws_limits.deflate ? 0 : SIO_ENOMEM;
}

int eio_server_new(eio_server **out, http_server *http, const eio_config *config, void *ctx,
                   unsigned loop_index,
                   http_server *const *peers, unsigned npeers)
{
    eio_server *e = calloc(1, sizeof *e);
    http_route route = {config->path, false, on_request, e};

    if (!e || !(e->ping = eio_control('2')) || make_ws_limits(e, config) < 0) {
        blob_drop(e ? e->ping : NULL);
        free(e);
        return SIO_ENOMEM;
    }
    e->config = config;
    e->http = http;
    e->loop = net_loop(http_server_net(http));
    e->ctx = ctx;
    e->index = loop_index;
    e->peers = peers;
    e->npeers = npeers;
    e->flush.fn = flush_polls;
    map_init(&e->sessions, session_key);
    list_init(&e->dirty);
    list_init(&e->probes);
    loop_add_hook(e->loop, &e->flush);
    *out = e;
    return http_server_route(http, route);
}

void eio_server_close_all(eio_server *e)
{
    uint32_t at = 0;
    eio_session *s;

    /* Closing changes the map, so each step starts anew; sessions that only wait for their last
     * poll are dropped. */
    while ((s = map_next(&e->sessions, &at))) {
        if (s->state == EIO_CLOSING)
            eio_session_free(s);
        else
            eio_close(s, EIO_SHUTDOWN);
        at = 0;
    }
}

void eio_server_free(eio_server *e)
{
    uint32_t at = 0;
    eio_session *s;

    while ((s = map_next(&e->sessions, &at))) {
        eio_session_free(s);
        at = 0;
    }
    eio_probes_drop(e);
    map_fini(&e->sessions);
    ws_deflate_free(e->ws_limits.deflate);
    blob_drop(e->ping);
    free(e);
}

const ws_limits *eio_server_ws_limits(const eio_server *e)
{
    return &e->ws_limits;
}

uint64_t eio_server_overflows(const eio_server *e)
{
    return stat_get(&e->overflows);
}

size_t eio_server_sessions(const eio_server *e)
{
    return e->sessions.n;
}
