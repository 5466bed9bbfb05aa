/* WebSocket frames in, messages out. A frame that is whole in the bytes at hand and is a message by itself is
 * unmasked and delivered where it lies; everything else is collected in a `ws_partial`, which exists only
 * until the message (or the control frame) is complete. */
#include "codec/ws.h"

#include "base/base64.h"
#include "base/sha1.h"
#include "sio_err.h"

#include <stdlib.h>

#define MAX_CONTROL 125
#define GO_ON       1 /* not a close code and not an error */
#define STOP        2 /* a callback ended it: the parser may be gone */

/* What only compressed messages need is kept out of the functions that all go through, and
 * their registers. */
#define RARE __attribute__((noinline))

typedef struct ws_partial {
    buf        message;
    unsigned   fragments;
    utf8_state utf8; /* of the message, up to where it has been collected */
    uint8_t    ncontrol;
    char       control[MAX_CONTROL];
} ws_partial;

/* The arguments of ws_parser_feed, and what is left of its bytes. */
typedef struct ws_feed {
    ws_parser       *w;
    const ws_limits *limits;
    const ws_events *ev;
    void            *ctx;
    char            *p, *end;
} ws_feed;

void ws_parser_init(ws_parser *w)
{
    *w = (ws_parser){0};
}

static void partial_free(ws_partial *m)
{
    if (!m)
        return;
    buf_fini(&m->message);
    free(m);
}

void ws_parser_fini(ws_parser *w)
{
    partial_free(w->partial);
    w->partial = NULL;
    w->closed = true;
}

static ws_partial *partial_get(ws_feed *f)
{
    ws_partial *m = f->w->partial;

    if (m)
        return m;
    m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    buf_init(&m->message, f->limits->max_message);
    return f->w->partial = m;
}

/* Takes the collected bytes away from the parser, so that they outlive whatever a callback does to it. */
static ws_partial *partial_take(ws_parser *w)
{
    ws_partial *m = w->partial;

    w->partial = NULL;
    return m;
}

/* ---- unmasking ---- */

/* XORs p[0..n) with the mask, whose first byte belongs to p[0]. */
static void unmask(char *p, size_t n, const uint8_t mask[4])
{
    uint32_t m32;
    uint64_t m64, w[4];
    size_t i = 0;

    memcpy(&m32, mask, 4);
    m64 = (uint64_t)m32 << 32 | m32;
    for (; n - i >= 32; i += 32) {
        memcpy(w, p + i, 32);
        w[0] ^= m64;
        w[1] ^= m64;
        w[2] ^= m64;
        w[3] ^= m64;
        memcpy(p + i, w, 32);
    }
    for (; n - i >= 8; i += 8) {
        memcpy(w, p + i, 8);
        w[0] ^= m64;
        memcpy(p + i, w, 8);
    }
    for (; i < n; i++)
        p[i] = (char)((uint8_t)p[i] ^ mask[i & 3]);
}

/* Unmasks the next n bytes of the frame and counts them: the next piece starts with another mask byte. */
static void unmask_piece(ws_parser *w, char *p, size_t n)
{
    uint8_t old[4];

    memcpy(old, w->mask, 4);
    unmask(p, n, old);
    for (unsigned i = 0; i < 4; i++)
        w->mask[i] = old[(i + n) & 3];
    w->frame_left -= n;
}

/* ---- frame heads ---- */

static bool is_control(uint8_t opcode)
{
    return opcode >= WS_CLOSE;
}

/* The only reserved bit with a meaning is RSV1, on the first frame of a message. */
static RARE bool rsv_is_good(const ws_parser *w, uint8_t first)
{
    uint8_t op = first & 0x0f;

    return (first & 0x70) == WS_RSV1 && w->deflates && (op == WS_TEXT || op == WS_BINARY);
}

/* Judges the first two bytes, as soon as they are there. */
static int check_head(const ws_parser *w, const uint8_t h[2])
{
    bool fin = h[0] & 0x80;
    uint8_t op = h[0] & 0x0f, n = h[1] & 0x7f;

    if (((h[0] & 0x70) && !rsv_is_good(w, h[0])) || !(h[1] & 0x80))
        return WS_CLOSE_PROTOCOL;
    if (is_control(op))
        return op <= WS_PONG && fin && n <= MAX_CONTROL ? GO_ON : WS_CLOSE_PROTOCOL;
    if (op > WS_BINARY)
        return WS_CLOSE_PROTOCOL;
    /* A message continues with WS_CONT and nothing else. */
    return (op == WS_CONT) == (w->message != 0) ? GO_ON : WS_CLOSE_PROTOCOL;
}

static unsigned head_size(const uint8_t h[2])
{
    unsigned n = h[1] & 0x7f;

    return 2 + 4 + (n == 126 ? 2 : n == 127 ? 8 : 0);
}

static uint64_t head_payload(const uint8_t *h)
{
    unsigned n = h[1] & 0x7f, bytes = n == 126 ? 2 : 8;
    uint64_t v = 0;

    if (n < 126)
        return n;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | h[2 + i];
    return v;
}

/* A data frame begins: the limits, judged before a byte of it is kept. */
static int begin_data(ws_feed *f, uint8_t rsv1)
{
    ws_parser *w = f->w;
    bool alone = w->fin && w->opcode != WS_CONT;
    size_t have = w->message ? w->partial->message.n : 0;
    ws_partial *m;

    if (w->frame_left >> 63)
        return WS_CLOSE_PROTOCOL;
    if (have > f->limits->max_message || w->frame_left > f->limits->max_message - have)
        return WS_CLOSE_TOO_BIG;
    if (w->opcode != WS_CONT)
        w->message = w->opcode | rsv1;
    if (alone)
        return GO_ON;
    m = partial_get(f);
    if (!m)
        return SIO_ENOMEM;
    m->fragments++;
    return f->limits->max_fragments && m->fragments > f->limits->max_fragments ? WS_CLOSE_POLICY : GO_ON;
}

/* h is a complete head of n bytes. */
static int begin_frame(ws_feed *f, const uint8_t *h, unsigned n)
{
    ws_parser *w = f->w;

    w->fin = h[0] & 0x80;
    w->opcode = h[0] & 0x0f;
    w->frame_left = head_payload(h);
    memcpy(w->mask, h + n - 4, 4);
    w->nhead = 0;
    w->in_frame = true;
    return is_control(w->opcode) ? GO_ON : begin_data(f, h[0] & WS_RSV1);
}

/* Adds bytes to the head until it has n of them; false when they do not suffice. */
static bool fill_head(ws_feed *f, unsigned n)
{
    ws_parser *w = f->w;
    size_t want, have = (size_t)(f->end - f->p);

    if (w->nhead >= n)
        return true;
    want = n - w->nhead;
    if (want > have)
        want = have;
    memcpy(w->head + w->nhead, f->p, want);
    w->nhead = (uint8_t)(w->nhead + want);
    f->p += want;
    return w->nhead == n;
}

static int take_split_head(ws_feed *f)
{
    ws_parser *w = f->w;
    bool judged = w->nhead >= 2;
    int rc;

    if (!fill_head(f, 2))
        return GO_ON;
    rc = judged ? GO_ON : check_head(w, w->head);
    if (rc != GO_ON || !fill_head(f, head_size(w->head)))
        return rc;
    return begin_frame(f, w->head, head_size(w->head));
}

/* Reads a frame head, or as much of it as there is (then in_frame stays false and no bytes are left). */
static int take_head(ws_feed *f)
{
    const uint8_t *h = (const uint8_t *)f->p;
    size_t have = (size_t)(f->end - f->p);
    unsigned n;
    int rc;

    if (f->w->nhead > 0 || have < 2 || have < head_size(h))
        return take_split_head(f);
    n = head_size(h);
    rc = check_head(f->w, h);
    if (rc != GO_ON)
        return rc;
    f->p += n;
    return begin_frame(f, h, n);
}

/* ---- payloads ---- */

static bool close_code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999);
}

static int check_close(const char *p, size_t n)
{
    if (n == 0)
        return GO_ON;
    if (n == 1 || !close_code_is_valid((unsigned)(uint8_t)p[0] << 8 | (uint8_t)p[1]))
        return WS_CLOSE_PROTOCOL;
    return utf8_valid(p + 2, n - 2) ? GO_ON : WS_CLOSE_BAD_DATA;
}

static int deliver_control(ws_feed *f, char *p, size_t n)
{
    ws_parser *w = f->w;
    enum ws_opcode op = w->opcode;
    int rc = op == WS_CLOSE ? check_close(p, n) : GO_ON;

    if (rc != GO_ON)
        return rc;
    w->in_frame = false;
    w->closed = op == WS_CLOSE;
    return f->ev->on_control(f->ctx, op, p, n) && op != WS_CLOSE ? GO_ON : STOP;
}

/* The last piece of a collected control frame is here: it goes out from the stack, since the callback may
 * free the partial message that it interrupted. */
static int finish_control(ws_feed *f, ws_partial *m)
{
    char copy[MAX_CONTROL];
    size_t n = m->ncontrol;

    memcpy(copy, m->control, n);
    m->ncontrol = 0;
    if (!f->w->message)
        partial_free(partial_take(f->w));
    return deliver_control(f, copy, n);
}

static int take_control(ws_feed *f, size_t n)
{
    ws_parser *w = f->w;
    ws_partial *m = w->partial;
    char *p = f->p;

    f->p += n;
    unmask_piece(w, p, n);
    if (w->frame_left == 0 && (!m || m->ncontrol == 0))
        return deliver_control(f, p, n);
    m = partial_get(f);
    if (!m)
        return SIO_ENOMEM;
    memcpy(m->control + m->ncontrol, p, n);
    m->ncontrol = (uint8_t)(m->ncontrol + n);
    return w->frame_left == 0 ? finish_control(f, m) : GO_ON;
}

static int unpack(ws_feed *f, bool binary, sio_str packed, buf *out)
{
    int err = ws_deflate_unpack(f->limits->deflate, packed, f->limits->max_message, out);

    if (err == SIO_EPARSE || (err == 0 && !binary && !utf8_valid(out->p, out->n)))
        return WS_CLOSE_BAD_DATA;
    return err == SIO_ETOOBIG ? WS_CLOSE_TOO_BIG : err < 0 ? err : GO_ON;
}

/* The message has memory of its own as long as the callback runs. */
static RARE int deliver_packed(ws_feed *f, bool binary, char *p, size_t n)
{
    buf out;
    int rc = unpack(f, binary, (sio_str){p, n}, &out);

    if (rc == GO_ON && !f->ev->on_message(f->ctx, binary, out.p ? out.p : p, out.n))
        rc = STOP;
    buf_fini(&out);
    return rc;
}

static int deliver_message(ws_feed *f, char *p, size_t n)
{
    ws_parser *w = f->w;
    bool packed = w->message & WS_RSV1, binary = (w->message & 0x0f) == WS_BINARY;

    w->in_frame = false;
    w->message = 0;
    if (packed)
        return deliver_packed(f, binary, p, n);
    return f->ev->on_message(f->ctx, binary, p, n) ? GO_ON : STOP;
}

static int finish_message(ws_feed *f)
{
    ws_partial *m = f->w->partial;
    int rc;

    if (f->w->message == WS_TEXT && m->utf8 != UTF8_ACCEPT)
        return WS_CLOSE_BAD_DATA;
    partial_take(f->w);
    rc = deliver_message(f, m->message.p ? m->message.p : m->control, m->message.n);
    partial_free(m);
    return rc;
}

/* Keeps a piece; bad UTF-8 is found as soon as it comes. */
static int collect(ws_feed *f, ws_partial *m, const char *p, size_t n)
{
    int err = n ? buf_add(&m->message, p, n) : 0;

    if (err)
        return err == SIO_ETOOBIG ? WS_CLOSE_TOO_BIG : err;
    if (f->w->message == WS_TEXT)
        m->utf8 = utf8_feed(m->utf8, p, n);
    return m->utf8 == UTF8_REJECT ? WS_CLOSE_BAD_DATA : GO_ON;
}

static int take_data(ws_feed *f, size_t n)
{
    ws_parser *w = f->w;
    ws_partial *m = w->partial;
    char *p = f->p;
    int rc;

    f->p += n;
    unmask_piece(w, p, n);
    if (w->frame_left == 0 && !m)
        return w->message == WS_TEXT && !utf8_valid(p, n) ? WS_CLOSE_BAD_DATA : deliver_message(f, p, n);
    m = partial_get(f);
    if (!m)
        return SIO_ENOMEM;
    rc = collect(f, m, p, n);
    if (rc != GO_ON || w->frame_left > 0)
        return rc;
    w->in_frame = false;
    return w->fin ? finish_message(f) : GO_ON;
}

/* Reads one frame, or what there is of it. */
static int take_frame(ws_feed *f)
{
    ws_parser *w = f->w;
    size_t n;

    if (!w->in_frame) {
        int rc = take_head(f);

        if (rc != GO_ON || !w->in_frame)
            return rc;
    }
    n = (size_t)(f->end - f->p);
    if (n > w->frame_left)
        n = (size_t)w->frame_left;
    if (n == 0 && w->frame_left > 0)
        return GO_ON;
    return is_control(w->opcode) ? take_control(f, n) : take_data(f, n);
}

int ws_parser_feed(ws_parser *w, const ws_limits *limits, char *p, size_t n, const ws_events *ev, void *ctx)
{
    ws_feed f = {.w = w, .limits = limits, .ev = ev, .ctx = ctx, .p = p, .end = p + n};
    int rc = GO_ON;

    if (w->closed)
        return 0;
    while (f.p < f.end && rc == GO_ON)
        rc = take_frame(&f);
    if (rc == GO_ON || rc == STOP)
        return 0;
    ws_parser_fini(w);
    return rc;
}

/* ---- writing ---- */

size_t ws_head_len(uint64_t payload)
{
    return payload < 126 ? 2 : payload <= UINT16_MAX ? 4 : 10;
}

size_t ws_put_head(uint8_t out[WS_MAX_HEAD], enum ws_opcode op, uint64_t payload)
{
    size_t n = ws_head_len(payload);

    out[0] = (uint8_t)(0x80 | op);
    out[1] = (uint8_t)(n == 2 ? payload : n == 4 ? 126 : 127);
    for (size_t i = n; i > 2; i--, payload >>= 8)
        out[i - 1] = (uint8_t)payload;
    return n;
}

static bool is_base64_digit(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

bool ws_key_is_good(sio_str key)
{
    if (key.n != 24 || key.p[22] != '=' || key.p[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (!is_base64_digit(key.p[i]))
            return false;
    return true;
}

bool ws_accept(sio_str key, char out[28])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char text[24 + sizeof(guid) - 1], digest[SHA1_SIZE];

    if (!ws_key_is_good(key))
        return false;
    memcpy(text, key.p, 24);
    memcpy(text + 24, guid, sizeof(guid) - 1);
    sha1(text, sizeof(text), digest);
    base64_encode(digest, sizeof(digest), out);
    return true;
}
