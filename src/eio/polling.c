/* The long-polling transport: GET fetches what waits, POST brings packets. */
#include "base/utf8.h"
#include "base/base64.h"
#include "eio/eio_int.h"

#include <stdlib.h>

/* A poll's body may be as large as what may wait, in base64 and with separators. */
static size_t payload_max(const eio_server *e)
{
    return e->config->max_unsent * 2 + 4096;
}

/* ---- what waits ---- */

#define MAX_WAITING (1u << 17) /* messages: many tiny ones cost many times their bytes */

static bool grow(eio_poll *p)
{
    uint32_t cap = p->cap ? p->cap * 2 : 4;
    blob **out = realloc(p->out, cap * sizeof *out);

    if (!out)
        return false;
    p->out = out;
    p->cap = cap;
    return true;
}

static void mark_dirty(eio_session *s)
{
    if (list_empty(&s->poll->dirty))
        list_add_tail(&s->server->dirty, &s->poll->dirty);
    loop_kick(s->server->loop);
}

void eio_poll_send(eio_session *s, blob *m)
{
    eio_poll *p = s->poll;

    /* The caller may be walking a room, so a peer that does not fetch is closed at the end of the turn. */
    if (p->bytes + m->n > s->server->config->max_unsent || p->nout == MAX_WAITING ||
        (p->nout == p->cap && !grow(p))) {
        s->flags |= EIO_F_OVERFLOW;
        mark_dirty(s);
        return;
    }
    p->out[p->nout++] = blob_hold(m);
    p->bytes += m->n;
    if (p->get)
        mark_dirty(s);
}

static int put_packet(buf *out, const blob *m)
{
    sio_str data = {m->p + WS_MAX_HEAD, m->n - WS_MAX_HEAD};
    int err;

    if (!(m->tag & EIO_TAG_BINARY))
        return buf_add_str(out, data);
    if ((err = buf_reserve(out, BASE64_LEN(data.n) + 1)) < 0)
        return err;
    out->p[out->n++] = 'b';
    out->n += base64_encode(data.p, data.n, out->p + out->n);
    return 0;
}

/* Everything that waits as one payload; the queue is empty afterwards, its memory given back. */
static int take_payload(eio_poll *p, buf *out)
{
    int err = 0;

    p->compress = false;
    for (uint32_t i = 0; i < p->nout; i++) {
        if (!(p->out[i]->tag & EIO_TAG_UNCOMPRESSED))
            p->compress = true;
        if (i && !err)
            err = buf_putc(out, EIO_SEPARATOR);
        if (!err)
            err = put_packet(out, p->out[i]);
        blob_drop(p->out[i]);
    }
    free(p->out);
    p->out = NULL;
    p->nout = p->cap = 0;
    p->bytes = 0;
    return err;
}

/* ---- GET ---- */

static void answer(eio_session *s, sio_str payload)
{
    http_req *r = s->poll->get;

    s->poll->get = NULL;
    r->on_abort = NULL;
    eio_reply_payload(s->server, r, s, false, payload);
}

void eio_poll_flush(eio_session *s)
{
    eio_poll *p = s->poll;
    buf out;

    if (s->flags & EIO_F_OVERFLOW) {
        stat_add(&s->server->overflows, 1);
        eio_close(s, EIO_SLOW_CONSUMER);
        return;
    }
    if (!p->get || !p->nout)
        return;
    buf_init(&out, payload_max(s->server));
    if (take_payload(p, &out) == 0)
        answer(s, buf_str(&out));
    else
        eio_close(s, EIO_TRANSPORT_ERROR);
    buf_fini(&out);
}

void eio_poll_release(eio_session *s, char digit)
{
    if (s->poll && s->poll->get)
        answer(s, (sio_str){&digit, 1});
}

/* The session was closed by us: what waits, then the close packet. */
static void say_goodbye(eio_session *s)
{
    buf out;

    buf_init(&out, payload_max(s->server) + 2);
    if (s->poll->nout == 0)
        buf_putc(&out, '6');
    take_payload(s->poll, &out);
    buf_putc(&out, EIO_SEPARATOR);
    buf_putc(&out, '1');
    answer(s, buf_str(&out));
    buf_fini(&out);
    eio_session_free(s);
}

bool eio_poll_close(eio_session *s)
{
    eio_poll *p = s->poll;
    buf out;

    if (!p->get)
        return false;
    buf_init(&out, payload_max(s->server) + 2);
    if (p->nout && take_payload(p, &out) == 0)
        buf_putc(&out, EIO_SEPARATOR);
    buf_putc(&out, '1');
    answer(s, buf_str(&out));
    buf_fini(&out);
    return true;
}

static void on_poll_abort(http_req *r)
{
    eio_session *s = r->user;

    s->poll->get = NULL;
    if (s->state == EIO_OPENED)
        eio_session_lost(s, EIO_TRANSPORT_ERROR);
    else
        eio_session_free(s);
}

static void on_get(eio_session *s, http_req *r)
{
    if (s->poll->get) {
        eio_reply(s->server, r, 400, NULL, (sio_str){0});
        eio_close(s, EIO_TRANSPORT_ERROR);
        return;
    }
    if (http_hold(r) < 0)
        return;
    r->user = s;
    r->on_abort = on_poll_abort;
    s->poll->get = r;
    if (s->state == EIO_CLOSING)
        say_goodbye(s);
    else if (s->poll->nout)
        mark_dirty(s);
}

/* ---- POST ---- */

static void on_packets(eio_session *s, char *p, size_t n)
{
    size_t at = 0;
    eio_in in;
    int more;

    while ((more = eio_payload_next(p, n, &at, &in)) > 0)
        if (!eio_session_packet(s, &in))
            return;
    if (more < 0)
        eio_close(s, EIO_PARSE_ERROR_CLOSE);
}

/* A polled body is text: what is not UTF-8 is replaced, as the reference decodes it. */
static void on_text(eio_session *s, char *p, size_t n)
{
    char *clean;

    if (utf8_valid(p, n)) {
        on_packets(s, p, n);
    } else if ((clean = malloc(n * 3))) {
        on_packets(s, clean, utf8_sanitize(p, n, clean));
        free(clean);
    } else {
        eio_close(s, EIO_TRANSPORT_ERROR);
    }
}

static void on_jsonp_text(eio_session *s, char *p, size_t n)
{
    buf text;
    int err;

    buf_init(&text, n + 16);
    err = eio_jsonp_decode((sio_str){p, n}, &text);

    if (err == 0)
        on_text(s, text.p, text.n);
    else if (err != SIO_ENOENT) /* a form without the field is ignored */
        eio_close(s, EIO_PARSE_ERROR_CLOSE);
    buf_fini(&text);
}

static void on_body(http_req *r, int err, char *p, size_t n)
{
    eio_session *s = r->user;
    eio_server *e = s->server;

    r->on_abort = NULL;
    s->poll->post = NULL;
    if (err == SIO_ETOOBIG) {
        eio_reply(e, r, 413, NULL, (sio_str){0});
        return;
    }
    if (err < 0) { /* malformed chunks: r is gone */
        eio_close(s, EIO_TRANSPORT_ERROR);
        return;
    }
    eio_session_enter(s);
    e->current = r;
    if (s->state != EIO_OPENED)
        ;
    else if (s->flags & EIO_F_JSONP)
        on_jsonp_text(s, p, n);
    else
        on_text(s, p, n);
    e->current = NULL;
    eio_session_leave(s);
    eio_reply(e, r, 200, "text/html", sio_lit("ok"));
}

static void on_post_abort(http_req *r)
{
    eio_session *s = r->user;

    s->poll->post = NULL;
    if (s->state == EIO_OPENED)
        eio_close(s, EIO_TRANSPORT_ERROR);
}

static void on_post(eio_session *s, http_req *r)
{
    eio_server *e = s->server;
    sio_str type = http1_header_get(r->head, "content-type");

    if (s->poll->post || sio_str_eq(type, sio_lit("application/octet-stream"))) {
        eio_reply(e, r, 400, NULL, (sio_str){0});
        eio_close(s, EIO_TRANSPORT_ERROR);
        return;
    }
    r->user = s;
    r->on_abort = on_post_abort;
    s->poll->post = r;
    http_body(r, e->config->max_payload, on_body);
}

/* ---- the transport ---- */

void eio_poll_request(eio_session *s, http_req *r)
{
    if (s->probes) /* it asks for more: it is there */
        eio_probes_end(&s->probes, true);
    if (sio_str_eq(r->head->method, sio_lit("GET")))
        on_get(s, r);
    else if (sio_str_eq(r->head->method, sio_lit("POST")))
        on_post(s, r);
    else
        eio_reply(s->server, r, 500, NULL, (sio_str){0});
}

int eio_poll_open(eio_session *s, http_req *r, const eio_query *q)
{
    const char *initial = s->server->config->initial_packet;
    buf out;

    if (!(s->poll = calloc(1, sizeof *s->poll))) {
        http_drop(r);
        return SIO_ENOMEM;
    }
    s->poll->session = s;
    list_init(&s->poll->dirty);
    memcpy(s->poll->jsonp, q->jsonp, sizeof q->jsonp);
    s->poll->compress = true;
    buf_init(&out, 4096 + (initial ? strlen(initial) : 0));
    eio_session_handshake(s, true, &out);
    if (initial)
        buf_printf(&out, "%c4%s", EIO_SEPARATOR, initial);
    eio_reply_payload(s->server, r, s, true, buf_str(&out));
    buf_fini(&out);
    eio_session_opened(s);
    return 0;
}

void eio_poll_free(eio_session *s)
{
    eio_poll *p = s->poll;

    if (!p)
        return;
    s->poll = NULL;
    list_del(&p->dirty);
    if (p->get) {
        p->get->on_abort = NULL;
        http_drop(p->get);
    }
    if (p->post) {
        p->post->on_abort = NULL;
        http_drop(p->post);
    }
    for (uint32_t i = 0; i < p->nout; i++)
        blob_drop(p->out[i]);
    free(p->out);
    free(p);
}
