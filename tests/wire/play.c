/* Plays a scenario. Steps are interpreted as they stand, one line each. */
#include "lab.h"
#include "script.h"
#include "sio/rig_test.h"
#include "vars.h"

#define MAX_CLIENTS 32
#define MAX_TEXT    ((size_t)64 << 20)

typedef struct actor {
    char       name[16];
    peer       p;
    buf        headers;      /* of the next request */
    buf        taken;        /* behind reply */
    peer_reply reply;
    bool       is_websocket;
} actor;

typedef struct player {
    rig             r;
    lab             lab;
    const scenario *scenario;
    variant         v;
    const step     *at;
    vars            vars;
    actor           actor[MAX_CLIENTS];
    unsigned        nactors;
} player;

static void wrong(const player *pl, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
static void wrong(const player *pl, const char *fmt, ...)
{
    char what[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    fprintf(stderr, "%s:%u: %.300s\n    %.600s\n", pl->scenario->file, pl->at->line, pl->at->text, what);
    fail();
    abort(); /* not reached */
}

/* ---- actors ---- */

static actor *actor_of(player *pl, const char *name, size_t n)
{
    actor *a;

    for (unsigned i = 0; i < pl->nactors; i++)
        if (strlen(pl->actor[i].name) == n && memcmp(pl->actor[i].name, name, n) == 0)
            return &pl->actor[i];
    if (pl->nactors == MAX_CLIENTS || n >= sizeof a->name)
        wrong(pl, "too many clients, or too long a name");
    a = &pl->actor[pl->nactors++];
    memcpy(a->name, name, n);
    buf_init(&a->headers, MAX_TEXT);
    buf_init(&a->taken, MAX_TEXT);
    rig_dial(&pl->r, &a->p);
    return a;
}

/* The text with everything filled in; to be given back with buf_fini. */
static buf expand(const player *pl, const char *text)
{
    buf out;

    buf_init(&out, MAX_TEXT);
    if (!vars_expand(&pl->vars, text, &out))
        wrong(pl, "an unknown name or escape");
    return out;
}

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

/* "word rest": the rest when the text starts with word. */
static const char *behind(const char *text, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(text, word, n) != 0 || (text[n] && text[n] != ' '))
        return NULL;
    return text[n] ? text + n + 1 : text + n;
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
    unsigned    first;       /* FIN and opcode */
    bool        hex;
} frames[] = {
    {"text", 0x81, false}, {"binary", 0x82, true}, {"ping", 0x89, true}, {"pong", 0x8a, true},
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

static void client_does(player *pl, actor *a, const char *what)
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
    wrong(pl, "frame %s%u has come: %.*s (%s)", f->fin ? "" : "part ", f->opcode, (int)f->payload.n, f->payload.p, hex);
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

static void client_sees(player *pl, actor *a, const char *what)
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

/* ---- exchanges that have a short name; % is the client, @1 and @2 what stands behind ---- */

static const struct {
    const char *words;
    const char *steps[8];
} shorts[] = {
    {"opens polling", {"% > GET $poll", "% < 200 0{\"sid\":\"$%\",$*"}},
    {"opens websocket", {"% > upgrade $ws", "% < 101", "% < text 0{\"sid\":\"$%\",\"upgrades\":[],$*"}},
    {"upgrades", {"% > upgrade $ws&sid=$@1", "% < 101"}},
    {"takes over", {"% > upgrade $ws&sid=$@1", "% < 101", "% > text 2probe", "% < text 3probe", "% > text 5"}},
};

static const char *const joins_websocket[] = {"% > text 40@1", "% < text 40@2{\"sid\":\"$%_id\"}", NULL};
static const char *const joins_polling[] = {
    "% > POST $poll&sid=$% 40@1", "% < 200 ok", "% > GET $poll&sid=$%", "% < 200 40@2{\"sid\":\"$%_id\"}", NULL};
static const char *const joins_recoverable[] = {
    "% > text 40@1", "% < text 40@2{\"sid\":\"$%_id\",\"pid\":\"$%_pid\"}", NULL};

static void play_step(player *pl, const char *text);

static void play_template(player *pl, const char *step, const char *name, const char *first, const char *second)
{
    buf b;

    buf_init(&b, MAX_TEXT);
    for (; *step; step++) {
        if (*step == '%')
            buf_puts(&b, name);
        else if (*step == '@')
            buf_puts(&b, *++step == '1' ? first : second);
        else
            buf_putc(&b, *step);
    }
    buf_putc(&b, 0);
    play_step(pl, b.p);
    buf_fini(&b);
}

/* "joins", "joins /ns,", "joins /ns,{auth}": the answer names the namespace only. */
static void joins(player *pl, actor *a, const char *rest)
{
    const char *comma = rest[0] == '/' ? strchr(rest, ',') : NULL;
    char *ns = strndup(rest, comma ? (size_t)(comma + 1 - rest) : 0);
    const char *const *step = !a->is_websocket              ? joins_polling
                              : pl->r.io->opt.recovery_ms ? joins_recoverable
                                                          : joins_websocket;
    char name[16], var[32];

    strcpy(name, a->name);
    snprintf(var, sizeof var, "%s_id", name);
    vars_forget(&pl->vars, var);
    snprintf(var, sizeof var, "%s_pid", name);
    vars_forget(&pl->vars, var);
    for (; *step; step++)
        play_template(pl, *step, name, rest, ns);
    free(ns);
}

static bool play_short(player *pl, actor *a, const char *what)
{
    const char *rest = behind(what, "joins");
    char name[16];

    strcpy(name, a->name);
    if (rest) {
        joins(pl, a, rest);
        return true;
    }
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++) {
        if (!(rest = behind(what, shorts[i].words)))
            continue;
        for (const char *const *step = shorts[i].steps; *step; step++)
            play_template(pl, *step, name, rest, "");
        return true;
    }
    return false;
}

/* ---- the server, the clock, the log ---- */

static void server_emits(player *pl, const char *what)
{
    char ns[64], event[64];
    int n = 0;
    sio_ns *to;
    buf text;

    if (sscanf(what, "%63s %63s %n", ns, event, &n) < 2 || !(to = sio_find_ns(pl->r.io, sio_str_z(ns))))
        wrong(pl, "server emit /ns event text");
    text = expand(pl, what + n);
    assert_int_equal(sio_emit(to, (const char *)event, buf_str(&text)), 0);
    buf_fini(&text);
}

static void server_does(player *pl, const char *what)
{
    sio_ns *ns = sio_find_ns(pl->r.io, sio_lit("/"));
    const char *rest;

    if ((rest = behind(what, "emit")))
        server_emits(pl, rest);
    else if (strcmp(what, "closes") == 0)
        rig_close_all(&pl->r);
    else if ((rest = behind(what, "kicks")))
        sio_sockets_disconnect(sio_to(ns, rest), false);
    else if ((rest = behind(what, "drops")))
        sio_sockets_disconnect(sio_to(ns, rest), true);
    else
        wrong(pl, "no such thing for a server to do");
    sim_settle(pl->r.s);
}

static void time_passes(player *pl, const char *how_long)
{
    char unit[4] = "";
    unsigned n;

    if (sscanf(how_long, "%u%3s", &n, unit) != 2 || (strcmp(unit, "s") != 0 && strcmp(unit, "ms") != 0))
        wrong(pl, "this is no time");
    sim_advance(pl->r.s, unit[0] == 's' ? (uint64_t)n * 1000 : n);
}

static void log_says(player *pl, const char *line)
{
    const char *next = lab_log_next(&pl->lab);

    if (strcmp(line, "nothing") == 0 ? next != NULL : !next || !vars_match(&pl->vars, line, sio_str_z(next)))
        wrong(pl, "the log says: %s", next ? next : "nothing");
}

/* ---- one step ---- */

static void play_step(player *pl, const char *text)
{
    const char *space = strchr(text, ' '), *rest;
    actor *a;

    if ((rest = behind(text, "~"))) {
        time_passes(pl, rest);
    } else if ((rest = behind(text, "server"))) {
        server_does(pl, rest);
    } else if ((rest = behind(text, "log"))) {
        log_says(pl, rest);
    } else if (behind(text, "options")) {
        return; /* read when the server was made */
    } else if (!space) {
        wrong(pl, "a step has at least two words");
    } else {
        a = actor_of(pl, text, (size_t)(space - text));
        if ((rest = behind(space + 1, ">"))) {
            client_does(pl, a, rest);
        } else if ((rest = behind(space + 1, "<"))) {
            client_sees(pl, a, rest);
        } else if ((rest = behind(space + 1, "+"))) {
            buf line = expand(pl, rest);

            buf_add(&a->headers, line.p, line.n);
            buf_puts(&a->headers, "\r\n");
            buf_fini(&line);
        } else if (!play_short(pl, a, space + 1)) {
            wrong(pl, "no such step");
        }
    }
}

/* ---- one scenario ---- */

static void read_options(player *pl, sio_options *o)
{
    const scenario *s = pl->scenario;
    const char *bad, *rest;

    if (!lab_options(&pl->lab, s->options, o, &bad))
        fail_msg("%s: unknown option %s", s->file, bad);
    for (size_t i = 0; i < s->n; i++)
        if ((rest = behind(s->step[i].text, "options")) && !lab_options(&pl->lab, rest, o, &bad))
            fail_msg("%s: unknown option %s", s->file, bad);
    lab_hooks(&pl->lab, o);
}

static void begin(player *pl)
{
    sio_options o = rig_options(pl->v.loops);
    buf path;

    lab_init(&pl->lab);
    read_options(pl, &o);
    rig_init(&pl->r, &o);
    pl->r.chunk = pl->v.chunk;
    if (!lab_attach(&pl->lab, pl->r.io, pl->scenario->apps))
        fail_msg("%s: unknown app in \"%s\"", pl->scenario->file, pl->scenario->apps);
    rig_listen(&pl->r);
    buf_init(&path, 4096);
    buf_printf(&path, "%s%s?EIO=4&transport=polling", o.path, o.exact_path ? "" : "/");
    vars_set(&pl->vars, "poll", buf_str(&path));
    path.n = 0;
    buf_printf(&path, "%s%s?EIO=4&transport=websocket", o.path, o.exact_path ? "" : "/");
    vars_set(&pl->vars, "ws", buf_str(&path));
    buf_fini(&path);
}

static void end(player *pl)
{
    for (unsigned i = 0; i < pl->nactors; i++) {
        actor *a = &pl->actor[i];
        sio_str in = peer_pull(&a->p);

        if (in.n)
            wrong(pl, "at the end %s has not looked at: %.*s", a->name, (int)in.n, in.p);
        peer_close(&a->p);
        buf_fini(&a->headers);
        buf_fini(&a->taken);
    }
    rig_fini(&pl->r);
    lab_fini(&pl->lab);
    vars_fini(&pl->vars);
}

void scenario_play(const scenario *s, variant v)
{
    player *pl = calloc(1, sizeof *pl);

    if (!pl)
        abort();
    pl->scenario = s;
    pl->v = v;
    begin(pl);
    for (size_t i = 0; i < s->n; i++) {
        pl->at = &s->step[i];
        play_step(pl, s->step[i].text);
    }
    end(pl);
    free(pl);
}
