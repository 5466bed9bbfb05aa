/* A whole server on simulated loops. The input is a script of small steps of four clients and the clock:
 *
 *     first byte   options: loops, recovery, parser, slow reading, compression
 *     then steps   a byte (low 4 bits: what, next 2 bits: client), and what that step needs
 *
 * What the server answers is searched for session ids and offsets, which later steps can use. When the script
 * is over everything is closed, and nothing may be left. */
#include "loop/sim.h"
#include "sio/sio_int.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x)  ((x) ? (void)0 : abort())
#define CLIENTS   4
#define MAX_STEPS 300
#define UPGRADE                                                                                              \
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                             \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                                                        \
    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

typedef struct world {
    const uint8_t *p, *end;
    sim *s;
    sio_server *io;
    sio_ns *ns;
    int fd[CLIENTS]; /* -1: not dialled */
    char sid[21], pid[21], offset[32];
    size_t chunk;
    sio_in *kept;
} world;

/* ---- reading the script ---- */

static unsigned next_byte(world *w)
{
    return w->p < w->end ? *w->p++ : 0;
}

/* A length and so many bytes. */
static sio_str next_bytes(world *w)
{
    size_t n = next_byte(w), left = (size_t)(w->end - w->p);
    sio_str s;

    if (n > left)
        n = left;
    s = (sio_str){(const char *)w->p, n};
    w->p += n;
    return s;
}

/* ---- the app ---- */

static void on_echo(sio_socket *s, sio_in *in)
{
    sio_val args[9] = {sio_v("echo")};
    size_t n = sio_argc(in) < 8 ? sio_argc(in) : 8;

    for (size_t i = 0; i < n; i++)
        args[i + 1] = sio_arg(in, i);
    if (sio_wants_ack(in))
        sio_ack_(in, args + 1, n);
    else
        sio_emit_(sio_dest(s), args, n + 1);
}

static void on_join(sio_socket *s, sio_in *in)
{
    sio_str room;

    if (sio_str_of(in, sio_arg(in, 0), &room) && sio_join(s, room) == 0)
        sio_emit(sio_to(s, room), "joined", sio_args(in));
}

static void on_reply(void *arg, int err, sio_in *in)
{
    (void)arg;
    if (err == 0)
        sio_emit(sio_in_socket(in), "answer", sio_args(in));
}

static void on_ask(sio_socket *s, sio_in *in)
{
    sio_call(s, 100, on_reply, NULL, "question", sio_arg(in, 0));
}

static void on_answers(void *arg, int err, const sio_val *answers, size_t n)
{
    world *w = arg;

    (void)err;
    sio_emit(w->ns, "answers", sio_list(answers, n));
}

static void on_ask_all(sio_socket *s, sio_in *in)
{
    sio_gather(sio_ns_of(s), 100, on_answers, sio_context(sio_server_of(s)), "question", sio_arg(in, 0));
}

static void on_leave(sio_socket *s, sio_in *in)
{
    bool close = false;

    sio_bool(sio_arg(in, 0), &close);
    sio_disconnect(s, close);
}

static void keep(sio_socket *s, sio_in *in)
{
    world *w = sio_context(sio_server_of(s));

    if (!w->kept)
        w->kept = sio_keep(in);
}

static void use_kept(void *arg)
{
    world *w = arg;
    sio_in *in = w->kept;

    w->kept = NULL;
    sio_accept(in);
    sio_ack(in, sio_args(in));
    sio_release(in);
}

static void guard(sio_socket *s, sio_in *in)
{
    int64_t what = 0;

    sio_int(sio_get(sio_arg(in, 0), "what"), &what);
    if (what == 1)
        sio_refuse(in, "no", sio_get(sio_arg(in, 0), "why"));
    else if (what == 2)
        keep(s, in);
    else
        sio_accept(in);
}

static void on_disconnect(sio_socket *s, const char *reason)
{
    sio_emit(sio_broadcast(s), "left", reason);
}

static bool is_dynamic(void *arg, sio_str name, sio_val auth)
{
    (void)arg, (void)auth;
    return name.n < 8;
}

static void attach(world *w)
{
    sio_ns *dynamic = sio_of_dynamic(w->io, is_dynamic, NULL, NULL), *ns[3];

    w->ns = ns[0] = sio_of(w->io, "/", NULL);
    ns[1] = sio_of(w->io, "/guarded", NULL);
    ns[2] = dynamic;
    for (int i = 0; i < 3; i++) {
        sio_on(ns[i], "echo", on_echo);
        sio_on(ns[i], "join", on_join);
        sio_on(ns[i], "ask", on_ask);
        sio_on(ns[i], "all", on_ask_all);
        sio_on(ns[i], "leave", on_leave);
        sio_on(ns[i], "keep", keep);
        sio_on_disconnect(ns[i], on_disconnect);
    }
    sio_use(ns[1], guard);
    CHECK(sio_plain_ws(w->io, "/plain", ns[1]) == 0);
}

/* ---- up and down ---- */

static int make_loop(void *arg, loop **out)
{
    return sim_loop_new(arg, out);
}

static void up(world *w)
{
    unsigned flags = next_byte(w);
    sio_options o;

    w->s = sim_new(0);
    sio_options_init(&o);
    o.port = 0;
    o.loops = flags & 1 ? 3 : 1;
    o.recovery_ms = flags & 2 ? 10000 : 0;
    o.parser = flags & 4 ? SIO_PARSER_MSGPACK : SIO_PARSER_DEFAULT;
    o.recovery_runs_guards = flags & 16;
    o.keep_handshake = flags & 32;
    o.cors.enabled = o.cors.reflect = flags & 64;
    /* What session ids stand in is shorter, so that they stay readable. */
    o.deflate = (sio_deflate){.enabled = flags & 128, .threshold = 130, .level = 1};
    o.max_payload = 4000;
    o.max_unsent = 20000;
    o.max_namespaces = 3;
    o.max_acks = 3;
    o.max_rooms = 5;
    o.max_sockets = 4;
    o.compression_threshold = 64;
    o.context = w;
    w->chunk = flags & 8 ? 1 : 0;
    CHECK(server_new_on(&w->io, &o, &(loop_maker){make_loop, w->s}) == 0);
    attach(w);
    CHECK(sio_server_listen(w->io) == 0);
    for (int i = 0; i < CLIENTS; i++)
        w->fd[i] = -1;
    memset(w->sid, 'A', 20);
    memset(w->pid, 'A', 20);
}

static void close_shard(void *arg)
{
    shard *sh = arg;

    http_server_drain(sh->http); /* else what is pipelined behind a poll would come in now */
    eio_server_close_all(sh->eio);
    while (!list_empty(&sh->clients))
        client_close(container_of(sh->clients.next, client, link), EIO_SHUTDOWN);
}

static void down(world *w)
{
    if (w->kept)
        sio_post(w->io, w->kept->socket->ns->shard->index, use_kept, w);
    sim_settle(w->s);
    for (unsigned i = 0; i < w->io->nshards; i++)
        sio_post(w->io, i, close_shard, &w->io->shard[i]);
    sim_settle(w->s);
    if (w->kept) /* closing may have made a last event */
        use_kept(w);
    CHECK(sio_clients_count(w->io) == 0);
    for (unsigned i = 0; i < w->io->nshards; i++) {
        CHECK(eio_server_sessions(w->io->shard[i].eio) == 0);
        CHECK(w->ns->shard[i].rooms.n == 0 && w->ns->shard[i].sockets.n == 0);
    }
    sio_server_free(w->io);
    sim_free(w->s);
}

/* ---- what the clients send ---- */

static int client_fd(world *w, unsigned c)
{
    if (w->fd[c] >= 0)
        return w->fd[c];
    w->fd[c] = sim_dial(w->s, sio_server_port(w->io));
    CHECK(w->fd[c] >= 0);
    sim_chunk(w->s, w->fd[c], w->chunk);
    return w->fd[c];
}

static void send_bytes(world *w, unsigned c, const void *p, size_t n)
{
    if (n)
        sim_send(w->s, client_fd(w, c), p, n);
}

static void send_get(world *w, unsigned c, const char *transport, bool sid)
{
    sio_str more = next_bytes(w);
    char b[1024];
    int n = snprintf(b, sizeof b, "GET /socket.io/?EIO=4&transport=%s%s%s%.*s HTTP/1.1\r\nHost: x\r\n",
                     transport, sid ? "&sid=" : "", sid ? w->sid : "", (int)more.n, more.p);

    send_bytes(w, c, b, (size_t)n);
    if (strcmp(transport, "websocket") == 0)
        send_bytes(w, c, UPGRADE, sizeof UPGRADE - 1);
    else
        send_bytes(w, c, "\r\n", 2);
}

static void send_post(world *w, unsigned c)
{
    sio_str body = next_bytes(w);
    char b[256];
    int n = snprintf(b, sizeof b,
                     "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     w->sid, body.n);

    send_bytes(w, c, b, (size_t)n);
    send_bytes(w, c, body.p, body.n);
}

static void send_frame(world *w, unsigned c, unsigned first, sio_str payload)
{
    uint8_t head[8] = {(uint8_t)first, (uint8_t)(0x80 | (payload.n < 126 ? payload.n : 126))};
    size_t n = 2;

    if (payload.n >= 126) {
        head[n++] = (uint8_t)(payload.n >> 8);
        head[n++] = (uint8_t)payload.n;
    }
    memset(head + n, 0, 4); /* the mask */
    send_bytes(w, c, head, n + 4);
    send_bytes(w, c, payload.p, payload.n);
}

static void send_plain_upgrade(world *w, unsigned c)
{
    static const char request[] = "GET /plain?x=1 HTTP/1.1\r\nHost: x\r\n" UPGRADE;

    send_bytes(w, c, request, sizeof request - 1);
}

static void send_recover(world *w, unsigned c)
{
    char b[128];
    int n = snprintf(b, sizeof b, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", w->pid, w->offset);

    send_frame(w, c, 0x81, (sio_str){b, (size_t)n});
}

static void break_off(world *w, unsigned c)
{
    unsigned how = next_byte(w);

    if (w->fd[c] < 0)
        return;
    switch (how & 3) {
    case 0:
        sim_hangup(w->s, w->fd[c]);
        break;
    case 1:
        sim_reset(w->s, w->fd[c]);
        break;
    case 2:
        sim_end(w->s, w->fd[c]);
        break;
    default: /* it lives on, but hardly reads */
        sim_limit(w->s, w->fd[c], how >> 2, how);
        return;
    }
    w->fd[c] = -1;
}

/* ---- what the server does by itself ---- */

static void serve(world *w)
{
    unsigned how = next_byte(w);
    sio_str room = next_bytes(w);

    switch (how & 7) {
    case 0:
        sio_emit(w->ns, "news", room);
        break;
    case 1:
        sio_emit(sio_to(w->ns, room), "room", sio_bin(room.p, room.n));
        break;
    case 2:
        sio_sockets_join(w->ns, room);
        break;
    case 3:
        sio_sockets_leave(w->ns, room);
        break;
    case 4:
        sio_sockets_disconnect(sio_to(w->ns, room), how & 8);
        break;
    case 5:
        sio_emit(sio_volatile(sio_except(w->ns, room)), "volatile", room);
        break;
    default:
        if (w->kept)
            sio_post(w->io, w->kept->socket->ns->shard->index, use_kept, w);
        break;
    }
}

/* ---- what comes back ---- */

static void take(const char *text, size_t n, const char *before, char out[21])
{
    const char *at = memmem(text, n, before, strlen(before));

    if (at && (size_t)(text + n - at) >= strlen(before) + 20)
        memcpy(out, at + strlen(before), 20);
}

/* Offsets are the last argument of an event. */
static void take_offset(world *w, const char *text, size_t n)
{
    const char *end = memrchr(text, ']', n), *start;
    size_t len;

    if (!end || end - text < 2 || end[-1] != '"' || !(start = memrchr(text, '"', (size_t)(end - 1 - text))))
        return;
    len = (size_t)(end - 1 - start - 1);
    if (len == 0 || len >= sizeof w->offset)
        return;
    memcpy(w->offset, start + 1, len);
    w->offset[len] = 0;
}

static void listen_to_all(world *w)
{
    static char text[65536];

    sim_settle(w->s);
    for (int c = 0; c < CLIENTS; c++) {
        size_t n = w->fd[c] >= 0 ? sim_recv(w->s, w->fd[c], text, sizeof text) : 0;

        take(text, n, "0{\"sid\":\"", w->sid);
        take(text, n, "\"pid\":\"", w->pid);
        take_offset(w, text, n);
        if (w->fd[c] >= 0 && sim_eof(w->s, w->fd[c]))
            w->fd[c] = -1;
    }
}

/* ---- steps ---- */

static void step(world *w)
{
    unsigned op = next_byte(w), c = op >> 4 & 3, ms;
    sio_str bytes;

    switch (op & 15) {
    case 0:
    case 1:
        bytes = next_bytes(w);
        send_frame(w, c, op & 1 ? 0x82 : 0x81, bytes);
        break;
    case 2:
        bytes = next_bytes(w);
        send_bytes(w, c, bytes.p, bytes.n);
        break;
    case 3:
        ms = next_byte(w);
        send_frame(w, c, ms, next_bytes(w));
        break;
    case 4:
        send_get(w, c, "polling", false);
        break;
    case 5:
        send_get(w, c, "polling", true);
        break;
    case 6:
        send_get(w, c, "websocket", false);
        break;
    case 7:
        send_get(w, c, "websocket", true);
        break;
    case 8:
        send_post(w, c);
        break;
    case 9:
        send_plain_upgrade(w, c);
        break;
    case 10:
        send_recover(w, c);
        break;
    case 11:
        break_off(w, c);
        break;
    case 12:
        ms = next_byte(w);
        sim_advance(w->s, ms * ms);
        break;
    case 13:
        serve(w);
        break;
    default:
        return; /* the next step comes in the same turn */
    }
    if (!(op & 64))
        listen_to_all(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world w = {.p = data, .end = data + size};

    up(&w);
    for (unsigned i = 0; i < MAX_STEPS && w.p < w.end; i++)
        step(&w);
    listen_to_all(&w);
    down(&w);
    return 0;
}
