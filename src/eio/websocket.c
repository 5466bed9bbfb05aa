/* The WebSocket transport: one packet per message. */
#include "base/base64.h"
#include "eio/eio_int.h"

#include <stdio.h>
#include <stdlib.h>

static void on_message(ws_conn *c, bool binary, char *p, size_t n)
{
    eio_session *s = c->owner;
    eio_in in = {.type = EIO_MESSAGE, .binary = binary, .p = p, .n = n};

    eio_session_enter(s);
    if (!binary && eio_packet_parse(p, n, &in) < 0)
        eio_close(s, EIO_PARSE_ERROR_CLOSE);
    else
        eio_session_packet(s, &in);
    eio_session_leave(s);
}

static eio_reason reason_of(unsigned code, bool clean)
{
    if (!clean && code == WS_CLOSE_OVERLOADED)
        return EIO_SLOW_CONSUMER;
    return clean || code == 1006 ? EIO_TRANSPORT_CLOSE : EIO_TRANSPORT_ERROR;
}

static void on_close(ws_conn *c, unsigned code, bool clean)
{
    eio_session *s = c->owner;

    s->ws = NULL;
    eio_session_lost(s, reason_of(code, clean));
}

static const ws_conn_ops transport_ops = {.on_message = on_message, .on_close = on_close};

/* A peer that cannot take binary gets base64 text. Such peers are rare: the others pay nothing for it. */
static __attribute__((noinline)) void send_base64(eio_session *s, const blob *m)
{
    sio_str data = eio_message_payload(m);
    size_t n = BASE64_LEN(data.n);
    blob *text = blob_new(WS_MAX_HEAD + 1 + n);

    if (!text)
        return;
    text->p[WS_MAX_HEAD] = 'b';
    base64_encode(data.p, data.n, text->p + WS_MAX_HEAD + 1);
    eio_message_seal(text);
    if (blob_is_unpacked(m))
        blob_keep_unpacked(text);
    ws_send_frame(s->ws, text, text->start, text->n - text->start);
    blob_drop(text);
}

void eio_ws_send(eio_session *s, blob *m)
{
    if ((m->tag & EIO_TAG_BINARY) && (s->flags & EIO_F_BASE64))
        send_base64(s, m);
    else
        ws_send_frame(s->ws, m, m->start, m->n - m->start);
}

static void send_text(ws_conn *c, buf *text)
{
    ws_send(c, WS_TEXT, text->p, text->n);
    buf_fini(text);
}

static void send_handshake(eio_session *s)
{
    const char *initial = s->server->config->initial_packet;
    buf text;

    buf_init(&text, 4096);
    eio_session_handshake(s, false, &text);
    send_text(s->ws, &text);
    if (!initial)
        return;
    buf_init(&text, strlen(initial) + 2);
    buf_printf(&text, "4%s", initial);
    send_text(s->ws, &text);
}

void eio_ws_take(eio_session *s, ws_conn *c)
{
    c->ops = &transport_ops;
    c->owner = s;
    s->ws = c;
}

/* An upgrade request that is none is refused in the words of the reference. */
static bool check_upgrade(const eio_server *e, http_req *r)
{
    const char *what = "Missing or invalid Sec-WebSocket-Key header";
    char headers[128];
    sio_str more;
    int status;

    if (!ws_upgrade_check(r->head, &e->ws_limits, &more))
        return true;
    status = sio_str_eq(r->head->method, sio_lit("GET")) ? 400 : 405;
    if (status == 405)
        what = "Invalid HTTP method";
    else if (!http1_has_token(http1_header_get(r->head, "Upgrade"), "websocket"))
        what = "Invalid Upgrade header";
    else if (more.n)
        what = "Missing or invalid Sec-WebSocket-Version header";
    else if (ws_key_is_good(http1_header_get(r->head, "Sec-WebSocket-Key")))
        what = "Invalid or unacceptable Sec-WebSocket-Extensions header";
    snprintf(headers, sizeof headers, "Content-Type: text/html\r\n%.*s", (int)more.n, more.p);
    http_reply(r, status, sio_str_z(headers), sio_str_z(what));
    return false;
}

/* What check_upgrade has let through. */
static ws_conn *accept_checked(eio_server *e, http_req *r, bool initial, const ws_conn_ops *ops, void *owner)
{
    ws_conn *c;
    buf headers;

    buf_init(&headers, 8192);
    eio_upgrade_headers(e, r, initial, &headers);
    c = ws_accept_upgrade(r, buf_str(&headers), &e->ws_limits, ops, owner);
    buf_fini(&headers);
    return c;
}

ws_conn *eio_ws_accept(eio_server *e, http_req *r, bool initial, const ws_conn_ops *ops, void *owner)
{
    return check_upgrade(e, r) ? accept_checked(e, r, initial, ops, owner) : NULL;
}

void eio_ws_open(eio_server *e, http_req *r, const eio_query *q)
{
    eio_session *s;
    ws_conn *c;

    if (!check_upgrade(e, r))
        return;
    s = eio_session_new(e, q, r);
    if (!s) {
        http_drop(r);
        return;
    }
    c = accept_checked(e, r, true, &transport_ops, s);
    if (!c) {
        eio_session_lost(s, EIO_TRANSPORT_CLOSE);
        return;
    }
    s->ws = c;
    send_handshake(s);
    eio_session_opened(s);
}
