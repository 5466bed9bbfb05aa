#include "http/ws_conn.h"

#include "sio_err.h"

#include <stdlib.h>
#include <strings.h>

#define CLOSING_MS 30000
#define MAX_EARLY  ((size_t)1 << 20)
#define MAX_HEADERS ((size_t)64 * 1024)
#define EXTENSIONS "Sec-WebSocket-Extensions"
#define CLOSE_ABNORMAL 1006
#define CLOSE_INTERNAL 1011

enum ws_state {
    STATE_STARTING, /* ws_accept_upgrade has not returned: what comes is kept */
    STATE_OPEN,
    STATE_CLOSING,  /* our close frame is out, the peer's is awaited */
    STATE_OVER,
};

/* What a connection needs only at its two ends. */
struct ws_extra {
    ws_conn   *c;       /* NULL once it is over while `task` is still posted */
    loop_timer closing;
    loop_task  task;
    bool       posted;
    buf        early;   /* came with the upgrade request */
};

static loop *loop_of(const ws_conn *c) { return net_loop(c->stream->net); }

/* ---- the extra part ---- */

static void on_closing_timeout(loop_timer *t);
static void on_early(loop_task *t);
static void on_early_drop(loop_task *t);

static struct ws_extra *extra_get(ws_conn *c)
{
    struct ws_extra *x = c->extra;

    if (x)
        return x;
    x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->c = c;
    x->task = (loop_task){.fn = on_early, .drop = on_early_drop};
    loop_timer_init(&x->closing, on_closing_timeout);
    buf_init(&x->early, MAX_EARLY);
    return c->extra = x;
}

static void extra_free(ws_conn *c)
{
    struct ws_extra *x = c->extra;

    c->extra = NULL;
    if (!x)
        return;
    loop_timer_cancel(loop_of(c), &x->closing);
    buf_fini(&x->early);
    x->c = NULL;
    if (!x->posted)
        free(x);
}

/* ---- the end ---- */

static void ignore_data(net_stream *s, char *p, size_t n)
{
    (void)s;
    (void)p;
    (void)n;
}

static void ignore_close(net_stream *s, int err)
{
    (void)s;
    (void)err;
}

static void conn_free(ws_conn *c)
{
    ws_parser_fini(&c->parser);
    free(c);
}

/* The stream finishes by itself what it has to send. */
static void finish(ws_conn *c, unsigned code, bool clean)
{
    static const net_ops nobody = {ignore_data, NULL, ignore_close};
    const ws_conn_ops *ops = c->ops;

    if (c->state == STATE_OVER)
        return;
    c->state = STATE_OVER;
    net_give(c->stream, &nobody, NULL);
    extra_free(c);
    if (ops)
        ops->on_close(c, code, clean);
    if (!c->in_feed)
        conn_free(c);
}

/* A frame as b, or NULL: then there is no memory for it, and the connection ends. */
static blob *frame_of(ws_conn *c, enum ws_opcode op, const void *p, size_t n)
{
    blob *b = n <= UINT32_MAX - WS_MAX_HEAD ? blob_new(ws_head_len(n) + n) : NULL;
    size_t head;

    if (!b) {
        net_close(c->stream);
        return NULL;
    }
    head = ws_put_head((uint8_t *)b->p, op, n);
    if (n)
        memcpy(b->p + head, p, n);
    return b;
}

static void send_frame(ws_conn *c, enum ws_opcode op, const void *p, size_t n)
{
    blob *b = frame_of(c, op, p, n);

    if (b)
        net_send(c->stream, b, 0, b->n);
    blob_drop(b);
}

static void send_close(ws_conn *c, unsigned code)
{
    uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};

    send_frame(c, WS_CLOSE, payload, code ? 2 : 0);
}

/* The peer broke the protocol: tell it why and end TCP right after. */
static void fail(ws_conn *c, unsigned code)
{
    if (c->state == STATE_OPEN)
        send_close(c, code);
    net_close(c->stream);
    finish(c, code, false);
}

static void on_closing_timeout(loop_timer *t)
{
    struct ws_extra *x = container_of(t, struct ws_extra, closing);

    net_abort(x->c->stream, SIO_ETIMEOUT); /* finishes in on_stream_close */
}

/* ---- frames in ---- */

static bool on_message(void *ctx, bool binary, char *p, size_t n)
{
    ws_conn *c = ctx;

    if (c->state == STATE_OPEN && c->ops)
        c->ops->on_message(c, binary, p, n);
    return c->state != STATE_OVER;
}

static void on_close_frame(ws_conn *c, const char *p, size_t n)
{
    unsigned code = n >= 2 ? (unsigned)(uint8_t)p[0] << 8 | (uint8_t)p[1] : WS_CLOSE_NO_STATUS;

    if (c->state == STATE_OPEN)
        send_frame(c, WS_CLOSE, p, n);
    net_close(c->stream);
    finish(c, code, true);
}

static bool on_control(void *ctx, enum ws_opcode op, char *p, size_t n)
{
    ws_conn *c = ctx;

    if (op == WS_CLOSE)
        on_close_frame(c, p, n);
    else if (op == WS_PING && c->state == STATE_OPEN)
        send_frame(c, WS_PONG, p, n);
    else if (op == WS_PONG && c->state == STATE_OPEN && c->ops && c->ops->on_pong)
        c->ops->on_pong(c);
    return c->state != STATE_OVER;
}

/* False when c is gone. */
static bool feed(ws_conn *c, char *p, size_t n)
{
    static const ws_events events = {on_message, on_control};
    int rc;

    c->in_feed = true;
    rc = ws_parser_feed(&c->parser, c->limits, p, n, &events, c);
    c->in_feed = false;
    if (c->state == STATE_OVER) {
        conn_free(c);
        return false;
    }
    if (rc != 0)
        fail(c, rc > 0 ? (unsigned)rc : CLOSE_INTERNAL);
    return rc == 0;
}

/* ---- bytes that came with the upgrade ---- */

static bool feed_early(ws_conn *c)
{
    buf early = c->extra->early;
    bool alive;

    buf_init(&c->extra->early, MAX_EARLY);
    if (c->state == STATE_OPEN)
        extra_free(c);
    alive = feed(c, early.p, early.n);
    buf_fini(&early);
    return alive;
}

static void on_early(loop_task *t)
{
    struct ws_extra *x = container_of(t, struct ws_extra, task);

    x->posted = false;
    if (!x->c)
        free(x);
    else if (x->early.n > 0)
        feed_early(x->c);
}

static void on_early_drop(loop_task *t)
{
    struct ws_extra *x = container_of(t, struct ws_extra, task);

    x->posted = false;
    if (!x->c)
        free(x);
}

static void keep_early(ws_conn *c, const char *p, size_t n)
{
    struct ws_extra *x = extra_get(c);

    if (!x || buf_add(&x->early, p, n) < 0) {
        net_close(c->stream); /* on_close follows at the end of the turn */
        return;
    }
    if (!x->posted)
        loop_post(loop_of(c), &x->task);
    x->posted = true;
}

/* ---- the stream ---- */

static void on_stream_data(net_stream *s, char *p, size_t n)
{
    ws_conn *c = s->owner;

    c->stream = s; /* while starting, before http_upgrade returned it */
    if (c->state == STATE_STARTING || (c->extra && c->extra->early.n > 0))
        keep_early(c, p, n);
    else
        feed(c, p, n);
}

static void on_stream_drain(net_stream *s)
{
    ws_conn *c = s->owner;

    if (c->state == STATE_OPEN && c->ops && c->ops->on_drain)
        c->ops->on_drain(c);
}

static void on_stream_close(net_stream *s, int err)
{
    ws_conn *c = s->owner;

    if (c->extra && c->extra->early.n > 0 && !c->in_feed && !feed_early(c))
        return;
    finish(c, err == SIO_ELIMIT ? WS_CLOSE_OVERLOADED : CLOSE_ABNORMAL, c->state == STATE_CLOSING);
}

/* ---- the upgrade ---- */

/* The peer may spread its offers over several headers: 0 or SIO_EPARSE. */
static int read_offers(const http1_request *head, const ws_limits *limits, ws_deflate_terms *t)
{
    int err = 0;

    *t = (ws_deflate_terms){0};
    for (unsigned i = 0; limits->deflate && i < head->nheaders && err == 0; i++) {
        const http1_header *h = &head->header[i];

        if (h->name.n == sizeof(EXTENSIONS) - 1 && strncasecmp(h->name.p, EXTENSIONS, h->name.n) == 0)
            err = ws_deflate_offer(t, h->value);
    }
    return err;
}

int ws_upgrade_check(const http1_request *head, const ws_limits *limits, sio_str *headers)
{
    ws_deflate_terms terms;
    sio_str version = http1_header_get(head, "Sec-WebSocket-Version");

    *headers = sio_lit("");
    if (!head->upgrade || !sio_str_eq(head->method, sio_lit("GET")))
        return 400;
    if (!http1_has_token(http1_header_get(head, "Upgrade"), "websocket"))
        return 400;
    if (!ws_key_is_good(http1_header_get(head, "Sec-WebSocket-Key")))
        return 400;
    if (sio_str_eq(version, sio_lit("13")) || sio_str_eq(version, sio_lit("8")))
        return read_offers(head, limits, &terms) < 0 ? 400 : 0;
    *headers = sio_lit("Sec-WebSocket-Version: 13, 8\r\n");
    return 400;
}

static int put_answer(buf *b, const ws_deflate_terms *t)
{
    char answer[WS_DEFLATE_ANSWER];

    if (!t->server_bits)
        return 0;
    ws_deflate_answer(t, answer);
    return buf_printf(b, EXTENSIONS ": %s\r\n", answer);
}

/* The header lines of the 101: 0, SIO_EINVAL, or an error of buf. */
static int put_headers(buf *b, const http1_request *head, const ws_deflate_terms *t, sio_str more)
{
    char accept[28];
    int err;

    if (!ws_accept(http1_header_get(head, "Sec-WebSocket-Key"), accept))
        return SIO_EINVAL;
    err = buf_puts(b, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
    if (err == 0)
        err = buf_add(b, accept, sizeof(accept));
    if (err == 0)
        err = buf_puts(b, "\r\n");
    if (err == 0)
        err = put_answer(b, t);
    return err == 0 ? buf_add_str(b, more) : err;
}

ws_conn *ws_accept_upgrade(http_req *r, sio_str headers, const ws_limits *limits, const ws_conn_ops *ops,
                           void *owner)
{
    static const net_ops stream_ops = {on_stream_data, on_stream_drain, on_stream_close};
    ws_conn *c = calloc(1, sizeof(*c));
    ws_deflate_terms terms = {0};
    buf b;
    int err = SIO_ENOMEM;

    buf_init(&b, MAX_HEADERS);
    if (c && r->head)
        err = read_offers(r->head, limits, &terms) < 0 ? SIO_EINVAL
                                                       : put_headers(&b, r->head, &terms, headers);
    if (err < 0) {
        http_reply(r, err == SIO_EINVAL ? 400 : 500, sio_lit(""), sio_lit(""));
    } else {
        *c = (ws_conn){.ops = ops, .owner = owner, .limits = limits, .state = STATE_STARTING,
                       .window = terms.server_bits};
        ws_parser_init(&c->parser);
        c->parser.deflates = c->window > 0;
        c->stream = http_upgrade(r, buf_str(&b), &stream_ops, c);
    }
    buf_fini(&b);
    if (!c || !c->stream) {
        free(c);
        return NULL;
    }
    c->state = STATE_OPEN;
    return c;
}

/* ---- frames out ---- */

/* The frame's compressed form as a frame: NULL when it would be no shorter, or there is no memory. */
static blob *pack(ws_deflate *d, const char *frame, sio_str payload)
{
    blob *b = NULL;
    size_t head;
    buf out;

    buf_init(&out, UINT32_MAX);
    if (ws_deflate_pack(d, payload, &out) == 0 && (b = blob_new(ws_head_len(out.n) + out.n))) {
        head = ws_put_head((uint8_t *)b->p, frame[0] & 0x0f, out.n);
        b->p[0] |= WS_RSV1;
        memcpy(b->p + head, out.p, out.n);
    }
    buf_fini(&out);
    return b;
}

/* The payload of a frame that may be compressed, else nothing. */
static sio_str payload_of(const char *frame, uint32_t n)
{
    uint8_t len = n < 2 ? 0 : (uint8_t)frame[1];
    size_t head = len < 126 ? 2 : len == 126 ? 4 : WS_MAX_HEAD;
    bool is_data = n > head && (frame[0] == (char)(0x80 | WS_TEXT) || frame[0] == (char)(0x80 | WS_BINARY));

    return is_data ? (sio_str){frame + head, n - head} : (sio_str){0};
}

/* Whether a peer that agreed on compression gets b->packed instead of the frame; it is made for
 * the first one. */
static bool goes_packed(const ws_conn *c, blob *b, uint32_t from, uint32_t n)
{
    ws_deflate *d = c->limits->deflate;
    sio_str payload;

    if (blob_is_unpacked(b) || n <= ws_deflate_threshold(d))
        return false;
    payload = payload_of(b->p + from, n);
    if (payload.n < ws_deflate_threshold(d) || !ws_deflate_suits(c->window, payload.n))
        return false;
    if (!b->packed && !(b->packed = pack(d, b->p + from, payload)))
        blob_keep_unpacked(b);
    return !blob_is_unpacked(b);
}

/* Not part of ws_send_frame, so that connections without compression pay one look at c->window for it. */
static __attribute__((noinline)) void send_agreed(ws_conn *c, blob *b, uint32_t from, uint32_t n)
{
    if (goes_packed(c, b, from, n))
        net_send(c->stream, b->packed, 0, b->packed->n);
    else
        net_send(c->stream, b, from, n);
}

void ws_send_frame(ws_conn *c, blob *b, uint32_t from, uint32_t n)
{
    if (c->state != STATE_OPEN)
        return;
    if (c->window)
        send_agreed(c, b, from, n);
    else
        net_send(c->stream, b, from, n);
}

void ws_send(ws_conn *c, enum ws_opcode op, const void *p, size_t n)
{
    blob *b = c->state == STATE_OPEN ? frame_of(c, op, p, n) : NULL;

    if (b)
        ws_send_frame(c, b, 0, b->n);
    blob_drop(b);
}

void ws_close(ws_conn *c, unsigned code)
{
    struct ws_extra *x;

    if (c->state != STATE_OPEN)
        return;
    send_close(c, code);
    c->state = STATE_CLOSING;
    x = extra_get(c);
    if (x)
        loop_timer_set(loop_of(c), &x->closing, CLOSING_MS);
    else
        net_close(c->stream);
}

void ws_release(ws_conn *c, unsigned code)
{
    c->ops = NULL;
    c->owner = NULL;
    ws_close(c, code);
}

bool ws_is_open(const ws_conn *c) { return c->state == STATE_OPEN && net_is_open(c->stream); }
size_t ws_unsent(const ws_conn *c) { return net_unsent(c->stream); }
bool ws_is_blocked(const ws_conn *c) { return net_is_blocked(c->stream); }
