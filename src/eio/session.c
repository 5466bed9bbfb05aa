/* A session's life, whatever its transport: handshake, heartbeat, packets, end. */
#include "base/log.h"
#include "base/num.h"
#include "base/rand.h"
#include "eio/eio_int.h"

#include <stdlib.h>

static const char *const reason_text[] = {
    [EIO_TRANSPORT_ERROR] = "transport error", [EIO_TRANSPORT_CLOSE] = "transport close",
    [EIO_FORCED_CLOSE] = "forced close",       [EIO_PING_TIMEOUT] = "ping timeout",
    [EIO_PARSE_ERROR_CLOSE] = "parse error",   [EIO_SHUTDOWN] = "server shutting down",
    [EIO_SLOW_CONSUMER] = "slow_consumer",
};

const char *eio_reason_text(eio_reason why)
{
    return reason_text[why];
}

/* ---- heartbeat ---- */

static void await_ping(eio_session *s)
{
    s->flags &= (uint8_t)~(EIO_F_AWAITING | EIO_F_EXTENDED);
    loop_timer_set(s->server->loop, &s->heartbeat, s->server->config->ping_interval_ms);
}

static void await_pong(eio_session *s, uint64_t ms)
{
    loop_timer_set(s->server->loop, &s->heartbeat, ms);
}

/* The pong's time counts from when the ping was due: peers know both periods and expect the session to end
 * after their sum. A loop that was held up leaves the peer half of it all the same. */
static void send_ping(eio_session *s)
{
    uint64_t late = loop_timer_late(s->server->loop), timeout = s->server->config->ping_timeout_ms;

    eio_send(s, s->server->ping);
    s->flags |= EIO_F_AWAITING;
    await_pong(s, timeout - (late < timeout / 2 ? late : timeout / 2));
}

static void on_heartbeat(loop_timer *t)
{
    eio_session *s = container_of(t, eio_session, heartbeat);

    if (s->state == EIO_CLOSING)
        eio_session_free(s);
    else if (s->flags & EIO_F_AWAITING)
        eio_close(s, EIO_PING_TIMEOUT);
    else
        send_ping(s);
}

/* Any packet shows that the peer lives: while a pong is due it extends the deadline, once. */
static void note_life(eio_session *s)
{
    if ((s->flags & (EIO_F_AWAITING | EIO_F_EXTENDED)) != EIO_F_AWAITING)
        return;
    s->flags |= EIO_F_EXTENDED;
    await_pong(s, s->server->config->ping_timeout_ms);
}

/* ---- birth ---- */

/* The first character names the loop, the next four the node, the others are 90 random bits: the
 * id is a secret. */
static void make_sid(eio_server *e, char *sid)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    rand_id(sid, EIO_SID_LEN);
    sid[0] = alphabet[e->index];
    if (e->config->node[0])
        memcpy(sid + 1, e->config->node, EIO_NODE_LEN);
}

eio_session *eio_session_new(eio_server *e, const eio_query *q, http_req *r)
{
    eio_session *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->server = e;
    s->state = EIO_OPENING;
    s->flags = (uint8_t)((q->base64 ? EIO_F_BASE64 : 0) | (q->is_jsonp ? EIO_F_JSONP : 0));
    loop_timer_init(&s->heartbeat, on_heartbeat);
    make_sid(e, s->sid);
    if (map_put(&e->sessions, s) < 0) {
        free(s);
        return NULL;
    }
    e->config->on_handshake(e->ctx, s, r);
    return s;
}

/* Requests are served before the timers of their turn: one that comes after the pong was due
 * finds nothing. */
eio_session *eio_session_find(eio_server *e, const char *sid)
{
    eio_session *s = map_get(&e->sessions, sio_str_z(sid));

    if (!s || s->state != EIO_OPENED || !(s->flags & EIO_F_AWAITING) ||
        !loop_timer_is_due(e->loop, &s->heartbeat))
        return s;
    eio_close(s, EIO_PING_TIMEOUT);
    return NULL;
}

int eio_session_handshake(const eio_session *s, bool polling, buf *out)
{
    const eio_config *c = s->server->config;
    bool can_upgrade = polling && c->allow_upgrades && (c->transports & EIO_WEBSOCKET);
    char text[192], *to = text; /* all of it is ours: it fits */

    to = stpcpy(to, "0{\"sid\":\"");
    memcpy(to, s->sid, EIO_SID_LEN);
    to = stpcpy(to + EIO_SID_LEN, "\",\"upgrades\":[");
    to = stpcpy(to, can_upgrade ? "\"websocket\"" : "");
    to = stpcpy(to, "],\"pingInterval\":");
    to += num_u64(c->ping_interval_ms, to);
    to = stpcpy(to, ",\"pingTimeout\":");
    to += num_u64(c->ping_timeout_ms, to);
    to = stpcpy(to, ",\"maxPayload\":");
    to += num_u64(c->max_payload, to);
    *to++ = '}';
    return buf_add(out, text, (size_t)(to - text));
}

void eio_session_opened(eio_session *s)
{
    s->state = EIO_OPENED;
    await_ping(s);
    if (s->server->config->on_open)
        s->server->config->on_open(s);
}

/* ---- packets ---- */

blob *eio_control(char digit)
{
    blob *m = blob_new(WS_MAX_HEAD + 1);

    if (!m)
        return NULL;
    m->p[WS_MAX_HEAD] = digit;
    eio_message_seal(m);
    return m;
}

bool eio_session_packet(eio_session *s, const eio_in *in)
{
    if (s->state != EIO_OPENED)
        return false;
    if (s->probes)
        eio_probes_end(&s->probes, true);
    if (in->type == EIO_PONG)
        await_ping(s);
    else
        note_life(s);
    if (in->type == EIO_MESSAGE)
        s->server->config->on_message(s, in->binary, in->p, in->n);
    else if (in->type == EIO_PING)
        eio_close(s, EIO_TRANSPORT_ERROR); /* pings come from the server only */
    else if (in->type == EIO_CLOSE && s->poll)
        eio_close(s, EIO_TRANSPORT_CLOSE);
    return s->state == EIO_OPENED;
}

void eio_send(eio_session *s, blob *m)
{
    if (s->state == EIO_CLOSING || s->state == EIO_CLOSED)
        return;
    if (s->poll)
        eio_poll_send(s, m);
    else if (s->ws)
        eio_ws_send(s, m);
}

bool eio_is_open(const eio_session *s)
{
    return s->state == EIO_OPENED;
}

size_t eio_unsent(const eio_session *s)
{
    if (s->poll)
        return s->poll->bytes;
    return s->ws ? ws_unsent(s->ws) : 0;
}

bool eio_is_writable(const eio_session *s)
{
    if (s->poll)
        return s->poll->get != NULL;
    return s->ws && !ws_is_blocked(s->ws);
}

const http_req *eio_current_request(const eio_session *s)
{
    return s->server->current;
}

const char *eio_transport(const eio_session *s)
{
    return s->poll ? "polling" : "websocket";
}

/* ---- end ---- */

static void tell_user(eio_session *s, eio_reason why)
{
    if (s->state == EIO_CLOSING || s->state == EIO_CLOSED)
        return;
    s->state = EIO_CLOSING;
    eio_probes_end(&s->probes, false);
    log_debug("engine session %.6s closed: %s", s->sid, eio_reason_text(why));
    s->server->config->on_close(s, why);
    s->user = NULL;
}

void eio_session_enter(eio_session *s)
{
    s->flags |= EIO_F_IN_CALL;
}

void eio_session_leave(eio_session *s)
{
    s->flags &= (uint8_t)~EIO_F_IN_CALL;
    if (s->state == EIO_CLOSED)
        free(s);
}

void eio_session_free(eio_session *s)
{
    map_del(&s->server->sessions, (sio_str){s->sid, EIO_SID_LEN});
    loop_timer_cancel(s->server->loop, &s->heartbeat);
    eio_probes_end(&s->probes, false);
    eio_upgrade_cancel(s);
    eio_poll_free(s);
    if (s->ws)
        ws_release(s->ws, 0);
    s->ws = NULL;
    s->state = EIO_CLOSED;
    if (!(s->flags & EIO_F_IN_CALL))
        free(s);
}

void eio_session_lost(eio_session *s, eio_reason why)
{
    bool in_call = s->flags & EIO_F_IN_CALL;

    s->flags |= EIO_F_IN_CALL; /* the user may close what is being closed */
    tell_user(s, why);
    if (!in_call)
        s->flags &= (uint8_t)~EIO_F_IN_CALL;
    if (s->state != EIO_CLOSED)
        eio_session_free(s);
}

/* What waits for a polling peer is still delivered when the close is the application's wish: without a poll
 * open the session stays as a shell until the peer asks next. */
void eio_close(eio_session *s, eio_reason why)
{
    if (s->state == EIO_CLOSING || s->state == EIO_CLOSED)
        return;
    if (!s->poll || why != EIO_FORCED_CLOSE) {
        eio_poll_release(s, why == EIO_TRANSPORT_CLOSE ? '6' : '1');
        eio_session_lost(s, why);
        return;
    }
    if (eio_poll_close(s)) {
        eio_session_lost(s, why);
        return;
    }
    tell_user(s, why);
    eio_upgrade_cancel(s);
    loop_timer_set(s->server->loop, &s->heartbeat, EIO_GOODBYE_MS);
}
