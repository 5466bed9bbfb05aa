/* For tests: the client's end of a simulated connection, which speaks HTTP and WebSocket by hand, so that it
 * can also speak them wrongly. Every call that sends lets the simulation settle. */
#ifndef EIO_PEER_TEST_H
#define EIO_PEER_TEST_H

#include "base/buf.h"
#include "base/testing.h"
#include "loop/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PEER_MAX ((size_t)64 << 20)

typedef struct peer {
    sim *s;
    int fd;
    buf in; /* what came and was not taken yet */
} peer;

/* One HTTP answer; views into the peer's buffer until the next call. */
typedef struct peer_reply {
    int status;
    sio_str line, headers, body; /* headers: whole lines */
} peer_reply;

typedef struct peer_frame {
    bool fin, rsv;
    unsigned opcode;
    sio_str payload;
} peer_frame;

/* ---- life ---- */

/* chunk: the server reads at most so many bytes at a time; 0 = whole. */
static inline void peer_open(peer *p, sim *s, int port, size_t chunk)
{
    *p = (peer){.s = s, .fd = sim_dial(s, port)};
    assert_true(p->fd >= 0);
    buf_init(&p->in, PEER_MAX);
    if (chunk)
        sim_chunk(s, p->fd, chunk);
}

static inline void peer_close(peer *p)
{
    buf_fini(&p->in);
}

static inline void peer_hangup(peer *p)
{
    sim_hangup(p->s, p->fd);
    sim_settle(p->s);
}

/* ---- bytes ---- */

static inline void peer_send(peer *p, const void *bytes, size_t n)
{
    sim_send(p->s, p->fd, bytes, n);
    sim_settle(p->s);
}

static inline void peer_sends(peer *p, const char *z)
{
    peer_send(p, z, strlen(z));
}

/* Takes in all that has arrived. */
static inline sio_str peer_pull(peer *p)
{
    size_t n;

    do {
        assert_int_equal(buf_reserve(&p->in, 65536), 0);
        n = sim_recv(p->s, p->fd, p->in.p + p->in.n, 65536);
        p->in.n += n;
        sim_settle(p->s);
    } while (n);
    return buf_str(&p->in);
}

static inline bool peer_is_ended(peer *p)
{
    peer_pull(p);
    return sim_eof(p->s, p->fd);
}

/* Everything unread, as a 0-terminated text; it counts as read then. */
static inline const char *peer_text(peer *p)
{
    peer_pull(p);
    assert_int_equal(buf_putc(&p->in, 0), 0);
    p->in.n = 0;
    return p->in.p;
}

#define peer_expect(p, text) assert_string_equal(peer_text(p), text)

/* ---- HTTP ---- */

static inline sio_str peer_header(const peer_reply *r, const char *name)
{
    const char *at = r->headers.p, *end = at + r->headers.n;
    size_t n = strlen(name);

    while (at < end) {
        const char *eol = memmem(at, (size_t)(end - at), "\r\n", 2);

        if ((size_t)(eol - at) > n + 1 && at[n] == ':' && strncasecmp(at, name, n) == 0) {
            for (at += n + 1; at < eol && *at == ' '; at++)
                ;
            return (sio_str){at, (size_t)(eol - at)};
        }
        at = eol + 2;
    }
    return (sio_str){0};
}

/* True when a complete answer has arrived (is_head: one without body, whatever its length says). It is not
 * taken out. */
static inline bool peer_peek_reply(peer *p, bool is_head, peer_reply *r, size_t *size)
{
    sio_str in = peer_pull(p), length;
    const char *eol, *end = in.n ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;
    bool bare;

    if (!end)
        return false;
    eol = memmem(in.p, in.n, "\r\n", 2);
    *r = (peer_reply){.line = {in.p, (size_t)(eol - in.p)}};
    assert_true(r->line.n > 12 && memcmp(in.p, "HTTP/1.1 ", 9) == 0);
    r->status = (int)strtoul(in.p + 9, NULL, 10); /* a space or the end of the line stops it */
    r->headers = (sio_str){eol + 2, (size_t)(end - eol)};
    bare = is_head || r->status < 200 || r->status == 204 || r->status == 304;
    length = peer_header(r, "content-length");
    r->body = (sio_str){end + 4, bare || !length.p ? 0 : strtoul(length.p, NULL, 10)};
    *size = (size_t)(end + 4 - in.p) + r->body.n;
    return in.n >= *size;
}

/* Takes an answer out; its views live in `taken`, which the caller gives back with buf_fini. */
static inline bool peer_take_reply(peer *p, bool is_head, peer_reply *r, buf *taken)
{
    size_t n;

    if (!peer_peek_reply(p, is_head, r, &n))
        return false;
    buf_init(taken, PEER_MAX);
    assert_int_equal(buf_add(taken, p->in.p, n), 0);
    r->line.p += taken->p - p->in.p;
    r->headers.p += taken->p - p->in.p;
    r->body.p += taken->p - p->in.p;
    buf_consume(&p->in, n);
    return true;
}

/* The next answer's body as a 0-terminated copy to free; fails the test unless it came with this status. */
static inline char *peer_body(peer *p, int status)
{
    peer_reply r;
    buf taken;
    char *body;

    if (!peer_take_reply(p, false, &r, &taken))
        fail_msg("no complete answer has come, only: %.*s", (int)p->in.n, p->in.p ? p->in.p : "");
    assert_int_equal(r.status, status);
    body = strndup(r.body.p, r.body.n);
    buf_fini(&taken);
    return body;
}

static inline void peer_get(peer *p, const char *target)
{
    char head[1024];

    snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    peer_sends(p, head);
}

static inline void peer_post(peer *p, const char *target, const char *body)
{
    buf b;

    buf_init(&b, PEER_MAX);
    buf_printf(&b,
               "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain;charset=UTF-8\r\n"
               "Content-Length: %zu\r\n\r\n",
               target, strlen(body));
    buf_puts(&b, body);
    peer_send(p, b.p, b.n);
    buf_fini(&b);
}

/* ---- WebSocket ---- */

static inline void peer_upgrade(peer *p, const char *target, const char *headers)
{
    char head[2048];

    snprintf(head, sizeof head,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
             target, headers);
    peer_sends(p, head);
}

/* The bytes of one masked frame; first = FIN, RSV and opcode as on the wire. */
static inline void peer_put_frame(buf *out, unsigned first, const void *payload, size_t n)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    const uint8_t *at = payload;

    buf_putc(out, (char)first);
    if (n < 126)
        buf_putc(out, (char)(0x80 | n));
    else
        buf_putc(out, (char)(n < 65536 ? 0xfe : 0xff));
    for (int shift = n < 126 ? -8 : n < 65536 ? 8 : 56; shift >= 0; shift -= 8)
        buf_putc(out, (char)((uint64_t)n >> shift));
    buf_add(out, mask, 4);
    for (size_t i = 0; i < n; i++)
        buf_putc(out, (char)(at[i] ^ mask[i % 4]));
}

static inline void peer_send_frame(peer *p, unsigned first, const void *payload, size_t n)
{
    buf b;

    buf_init(&b, PEER_MAX);
    peer_put_frame(&b, first, payload, n);
    peer_send(p, b.p, b.n);
    buf_fini(&b);
}

static inline void peer_say(peer *p, const char *text)
{
    peer_send_frame(p, 0x81, text, strlen(text));
}

/* True when a complete frame is there; *size bytes long. The payload is a view into the peer's buffer. */
static inline bool peer_peek_frame(peer *p, peer_frame *f, size_t *size)
{
    sio_str in = peer_pull(p);
    const uint8_t *b = (const uint8_t *)in.p;
    size_t head = 2, n;

    if (in.n < 2)
        return false;
    assert_false(b[1] & 0x80); /* a server does not mask */
    n = b[1];
    if (n >= 126) {
        size_t bytes = n == 126 ? 2 : 8;

        head += bytes;
        if (in.n < head)
            return false;
        n = 0;
        for (size_t i = 0; i < bytes; i++)
            n = n << 8 | b[2 + i];
    }
    *f = (peer_frame){b[0] & 0x80, b[0] & 0x70, b[0] & 0x0f, {in.p + head, n}};
    *size = head + n;
    return in.n >= *size;
}

/* The next frame must be this one. */
static inline void peer_expect_frame(peer *p, unsigned opcode, const void *payload, size_t n)
{
    peer_frame f = {0}; /* gcc does not know that fail_msg does not return */
    size_t size = 0;

    if (!peer_peek_frame(p, &f, &size))
        fail_msg("no frame has come; expected \"%.*s\"", (int)n, (const char *)payload);
    assert_true(f.fin && !f.rsv);
    if (f.opcode != opcode || f.payload.n != n || memcmp(f.payload.p, payload, n) != 0)
        fail_msg("frame %u \"%.*s\" has come instead of %u \"%.*s\"", f.opcode, (int)f.payload.n, f.payload.p,
                 opcode, (int)n, (const char *)payload);
    buf_consume(&p->in, size);
}

static inline void peer_hears(peer *p, const char *text)
{
    peer_expect_frame(p, 1, text, strlen(text));
}

/* The next frame, a text, as a 0-terminated copy to free. */
static inline char *peer_take_text(peer *p)
{
    peer_frame f = {0}; /* as above */
    size_t size = 0;
    char *text;

    if (!peer_peek_frame(p, &f, &size))
        fail_msg("no frame has come");
    assert_int_equal(f.opcode, 1);
    text = strndup(f.payload.p, f.payload.n);
    buf_consume(&p->in, size);
    return text;
}

static inline void peer_expect_nothing(peer *p)
{
    sio_str in = peer_pull(p);

    if (in.n)
        fail_msg("something has come: %.*s", (int)in.n, in.p);
    assert_false(peer_is_ended(p));
}

#endif
