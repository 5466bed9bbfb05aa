/* What a client of a scenario sends, and what it sees. */
#include "play_int.h"

static buf from_hex(const player *pl, const char *hex)
{
    buf out;

    buf_init(&out, MAX_TEXT);
    for (unsigned byte; *hex; hex += 2) {
        if (sscanf(hex, "%2x", &byte) != 1)
            wrong(pl, "this is not hexadecimal");
        buf_putc(&out, (char)byte);
    }
    return out;
}

/* ---- what clients send ---- */

static void send_request(player *pl, actor *a, const char *method, const char *target, const buf *body)
{
    buf out;

    (void)pl;
    buf_init(&out, MAX_TEXT);
    buf_printf(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, target);
    buf_add(&out, a->headers.p, a->headers.n);
    if (body)
        buf_printf(&out, "Content-Length: %zu\r\n", body->n);
    buf_puts(&out, "\r\n");
    if (body)
        buf_add(&out, body->p, body->n);
    a->headers.n = 0;
    peer_send(&a->p, out.p, out.n);
    buf_fini(&out);
}

/* "target" or "target body" */
static void do_request(player *pl, actor *a, const char *method, const char *rest)
{
    const char *space = strchr(rest, ' ');
    char *target = space ? strndup(rest, (size_t)(space - rest)) : strdup(rest);
    buf full = expand(pl, target), body = expand(pl, space ? space + 1 : "");

    buf_putc(&full, 0);
    send_request(pl, a, method, full.p, space ? &body : NULL);
    buf_fini(&full);
    buf_fini(&body);
    free(target);
}

static void do_upgrade(player *pl, actor *a, const char *target)
{
    buf full = expand(pl, target);

    buf_putc(&full, 0);
    buf_putc(&a->headers, 0);
    peer_upgrade(&a->p, full.p, a->headers.p);
    a->headers.n = 0;
    a->is_websocket = true;
    buf_fini(&full);
}

static const struct {
    const char *word;
    unsigned first; /* FIN and opcode */
    bool hex;
} frames[] = {
    {"text", 0x81, false},      {"binary", 0x82, true},      {"ping", 0x89, true},  {"pong", 0x8a, true},
    {"part text", 0x01, false}, {"part binary", 0x02, true}, {"more", 0x00, false}, {"last", 0x80, false},
};

static bool do_frame(player *pl, actor *a, const char *what)
{
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        const char *rest = behind(what, frames[i].word);
        buf payload;

        if (!rest)
            continue;
        payload = frames[i].hex ? from_hex(pl, rest) : expand(pl, rest);
        peer_send_frame(&a->p, frames[i].first, payload.p, payload.n);
        buf_fini(&payload);
        return true;
    }
    return false;
}

/* The payload of a close frame: nothing, or a code and a reason. */
static buf close_payload(const player *pl, const char *rest)
{
    char *reason;
    unsigned long code = strtoul(rest, &reason, 10);
    buf out, text;

    buf_init(&out, 256);
    if (!*rest)
        return out;
    text = expand(pl, *reason ? reason + 1 : reason);
    buf_putc(&out, (char)(code >> 8));
    buf_putc(&out, (char)code);
    buf_add(&out, text.p, text.n);
    buf_fini(&text);
    return out;
}

static void do_end(player *pl, actor *a, const char *what)
{
    if (strcmp(what, "end") == 0)
        sim_end(pl->r.s, a->p.fd);
    else if (strcmp(what, "hangup") == 0)
        sim_hangup(pl->r.s, a->p.fd);
    else if (strcmp(what, "reset") == 0)
        sim_reset(pl->r.s, a->p.fd);
    else
        wrong(pl, "no such thing to send");
    sim_settle(pl->r.s);
}

static bool do_bytes(player *pl, actor *a, const char *what)
{
    const char *raw = behind(what, "raw"), *hex = behind(what, "hex"), *close = behind(what, "close");
    buf bytes;

    if (!raw && !hex && !close)
        return false;
    bytes = raw ? expand(pl, raw) : hex ? from_hex(pl, hex) : close_payload(pl, close);
    if (close)
        peer_send_frame(&a->p, 0x88, bytes.p, bytes.n);
    else
        peer_send(&a->p, bytes.p, bytes.n);
    buf_fini(&bytes);
    return true;
}

void client_does(player *pl, actor *a, const char *what)
{
    const char *space = strchr(what, ' '), *target = behind(what, "upgrade");
    char method[16];

    if (target) {
        do_upgrade(pl, a, target);
    } else if (what[0] >= 'A' && what[0] <= 'Z' && space) {
        snprintf(method, sizeof method, "%.*s", (int)(space - what), what);
        do_request(pl, a, method, space + 1);
    } else if (!do_frame(pl, a, what) && !do_bytes(pl, a, what)) {
        do_end(pl, a, what);
    }
}

/* ---- what clients see ---- */

static void sees_reply(player *pl, actor *a, int status, const char *body, bool is_head)
{
    buf_fini(&a->taken);
    if (!peer_take_reply(&a->p, is_head, &a->reply, &a->taken))
        wrong(pl, "no complete answer has come, only: %.*s", (int)a->p.in.n, a->p.in.n ? a->p.in.p : "");
    if (a->reply.status != status)
        wrong(pl, "status %d has come: %.*s", a->reply.status, (int)a->reply.body.n, a->reply.body.p);
    if (!vars_match(&pl->vars, body, a->reply.body))
        wrong(pl, "this body has come: %.*s", (int)a->reply.body.n, a->reply.body.p);
}

static void sees_header(player *pl, actor *a, const char *line)
{
    const char *colon = strstr(line, ": ");
    char name[64];
    sio_str value;

    if (!a->taken.n || !colon)
        wrong(pl, "no answer was taken, or no header was named");
    snprintf(name, sizeof name, "%.*s", (int)(colon - line), line);
    value = peer_header(&a->reply, name);
    if (!value.p || !vars_match(&pl->vars, colon + 2, value))
        wrong(pl, "the headers are: %.*s", (int)a->reply.headers.n, a->reply.headers.p);
}

static void sees_no_header(player *pl, actor *a, const char *name)
{
    if (!a->taken.n || peer_header(&a->reply, name).p)
        wrong(pl, "the headers are: %.*s", (int)a->reply.headers.n, a->reply.headers.p);
}

static unsigned count_headers(const peer_reply *r)
{
    unsigned n = 0;

    for (size_t i = 0; i < r->headers.n; i++)
        n += r->headers.p[i] == '\n';
    return n - (peer_header(r, "content-length").p != NULL);
}

static void sees_headers(player *pl, actor *a, const char *list)
{
    char *copy = strdup(list), *at = copy, *line;
    unsigned n = 0;

    while (at && *at) {
        char *bar = strstr(at, " | ");

        line = at;
        at = bar ? bar + 3 : NULL;
        if (bar)
            *bar = 0;
        sees_header(pl, a, line);
        n++;
    }
    free(copy);
    if (count_headers(&a->reply) != n)
        wrong(pl, "the headers are: %.*s", (int)a->reply.headers.n, a->reply.headers.p);
}

static void wrong_frame(const player *pl, const peer_frame *f)
{
    char hex[129] = "";

    for (size_t i = 0; i < f->payload.n && i < 64; i++)
        sprintf(hex + 2 * i, "%02x", (unsigned char)f->payload.p[i]);
    wrong(pl, "frame %s%u has come: %.*s (%s)", f->fin ? "" : "part ", f->opcode, (int)f->payload.n,
          f->payload.p, hex);
}

static void take_frame(player *pl, actor *a, unsigned opcode, peer_frame *f, size_t *size)
{
    if (!peer_peek_frame(&a->p, f, size))
        wrong(pl, "no frame has come%s", peer_is_ended(&a->p) ? ", but the end" : "");
    if (!f->fin || f->rsv || f->opcode != opcode)
        wrong_frame(pl, f);
}

static void sees_text(player *pl, actor *a, const char *text)
{
    peer_frame f;
    size_t size;

    take_frame(pl, a, 1, &f, &size);
    if (!vars_match(&pl->vars, text, f.payload))
        wrong_frame(pl, &f);
    buf_consume(&a->p.in, size);
}

static void sees_payload(player *pl, actor *a, unsigned opcode, buf payload)
{
    peer_frame f;
    size_t size;

    take_frame(pl, a, opcode, &f, &size);
    if (!sio_str_eq(f.payload, buf_str(&payload)))
        wrong_frame(pl, &f);
    buf_consume(&a->p.in, size);
    buf_fini(&payload);
}

static void sees_silence(player *pl, actor *a, bool end)
{
    sio_str in = peer_pull(&a->p);

    if (in.n)
        wrong(pl, "this has come: %.*s", (int)in.n, in.p);
    if (peer_is_ended(&a->p) != end)
        wrong(pl, end ? "the connection is still open" : "the connection has ended");
}

static bool sees_frame(player *pl, actor *a, const char *what)
{
    const char *rest;

    if ((rest = behind(what, "text")))
        sees_text(pl, a, rest);
    else if ((rest = behind(what, "binary")))
        sees_payload(pl, a, 2, from_hex(pl, rest));
    else if ((rest = behind(what, "ping")))
        sees_payload(pl, a, 9, from_hex(pl, rest));
    else if ((rest = behind(what, "pong")))
        sees_payload(pl, a, 10, from_hex(pl, rest));
    else if ((rest = behind(what, "close")))
        sees_payload(pl, a, 8, close_payload(pl, rest));
    return rest != NULL;
}

void client_sees(player *pl, actor *a, const char *what)
{
    const char *rest = behind(what, "HEAD");
    bool is_head = rest != NULL;

    if (is_head)
        what = rest;
    if (what[0] >= '1' && what[0] <= '5')
        sees_reply(pl, a, atoi(what), what[3] ? what + 4 : "", is_head);
    else if ((rest = behind(what, "header")))
        sees_header(pl, a, rest);
    else if ((rest = behind(what, "no header")))
        sees_no_header(pl, a, rest);
    else if ((rest = behind(what, "headers")))
        sees_headers(pl, a, rest);
    else if (strcmp(what, "nothing") == 0 || strcmp(what, "end") == 0)
        sees_silence(pl, a, what[0] == 'e');
    else if (!sees_frame(pl, a, what))
        wrong(pl, "no such thing to see");
}
