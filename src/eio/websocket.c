/* The WebSocket transport: one packet per message. */
#include "base/base64.h"
#include "eio/eio_int.h"

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

static bool failed_by_us(unsigned code, bool clean)
{
    return !clean && code != 1006;
}

static void on_close(ws_conn *c, unsigned code, bool clean)
{
    eio_session *s = c->owner;

    s->ws = NULL;
    eio_session_lost(s, failed_by_us(code, clean) ? EIO_TRANSPORT_ERROR : EIO_TRANSPORT_CLOSE);
}

static const ws_conn_ops transport_ops = {.on_message = on_message, .on_close = on_close};

/* A peer that cannot take binary gets base64 text. */
static void send_base64(eio_session *s, const blob *m)
{
    sio_str data = eio_message_payload(m);
    size_t n = BASE64_LEN(data.n);
    blob *text = blob_new(WS_MAX_HEAD + 1 + n);

    if (!text)
        return;
    text->p[WS_MAX_HEAD] = 'b';
    base64_encode(data.p, data.n, text->p + WS_MAX_HEAD + 1);
    eio_message_seal(text);
    ws_send_frame(s->ws, text, text->start, text->n - text->start);
    blob_drop(text);
}

void eio_ws_send(eio_session *s, blob *m)
{
    if (m->tag == EIO_TAG_BINARY && (s->flags & EIO_F_BASE64))
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

void eio_ws_open(eio_server *e, http_req *r, const eio_query *q)
{
    eio_session *s = eio_session_new(e, q, r);
    ws_conn *c;
    buf headers;

    if (!s) {
        http_drop(r);
        return;
    }
    buf_init(&headers, 8192);
    eio_upgrade_headers(e, r, true, &headers);
    c = ws_accept_upgrade(r, buf_str(&headers), &e->ws_limits, &transport_ops, s);
    buf_fini(&headers);
    if (!c) {
        eio_session_lost(s, EIO_TRANSPORT_CLOSE);
        return;
    }
    s->ws = c;
    send_handshake(s);
    eio_session_opened(s);
}
