/* A whole HTTP server with WebSocket echo, on two simulated loops. The input is a script: an options byte,
 * then records of an operation byte, a length byte and, for sending, that many bytes. */
#include "http/ws_conn.h"
#include "loop/sim.h"
#include "sio_err.h"

#include <stdlib.h>

#define CLIENTS 2
#define HELD    8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

typedef struct machine {
    sim         *s;
    loop        *l[2];
    net         *n[2];
    http_server *http[2];
    int          client[CLIENTS];
    http_req    *held[HELD];
    unsigned     upgraded;
} machine;

/* ---- handlers ---- */

static void forget(http_req *r)
{
    machine *m = r->user;

    for (int i = 0; i < HELD; i++)
        if (m->held[i] == r)
            m->held[i] = NULL;
}

static void on_body(http_req *r, int err, char *p, size_t n)
{
    if (err == SIO_EPARSE) {
        forget(r);
        return;
    }
    forget(r);
    for (size_t i = 0; i < n; i++)
        p[i] ^= 1;
    http_reply(r, err ? 413 : 200, sio_lit("X: y\r\n"), (sio_str){p, n});
}

static void on_post(void *ctx, http_req *r)
{
    r->user = ctx;
    http_body(r, 300, on_body);
}

static void on_later(void *ctx, http_req *r)
{
    machine *m = ctx;

    r->user = m;
    for (int i = 0; i < HELD; i++) {
        if (m->held[i])
            continue;
        if (http_hold(r) < 0)
            return;
        r->on_abort = forget;
        m->held[i] = r;
        return;
    }
    http_drop(r);
}

static void on_move(void *ctx, http_req *r)
{
    machine *m = ctx;

    if (r->server == m->http[0])
        http_handoff(r, m->http[1]);
    else
        on_post(ctx, r);
}

static void on_rest(void *ctx, http_req *r)
{
    (void)ctx;
    http_reply(r, 200, sio_lit(""), r->head->target);
}

static void on_message(ws_conn *c, bool binary, char *p, size_t n)
{
    if (n == 1 && *p == 'c')
        ws_close(c, 1000);
    else if (n == 1 && *p == 'r')
        ws_release(c, 1001);
    else if (n == 1 && *p == 'a')
        net_abort(c->stream, SIO_EIO);
    else
        ws_send(c, binary ? WS_BINARY : WS_TEXT, p, n);
    if (n)
        p[0] = 0;
}

static void on_ws_close(ws_conn *c, unsigned code, bool clean)
{
    machine *m = c->owner;

    if (code < 1000 || ws_is_open(c) || m->upgraded == 0)
        abort();
    (void)clean;
}

static void on_ws(void *ctx, http_req *r)
{
    static const ws_limits limits = {1000, 20};
    static const ws_conn_ops ops = {on_message, NULL, NULL, on_ws_close};
    machine *m = ctx;
    sio_str headers;
    int status = ws_upgrade_check(r->head, &limits, &headers);

    m->upgraded++;
    if (status)
        http_reply(r, status, headers, sio_lit(""));
    else
        ws_accept_upgrade(r, headers, &limits, &ops, m);
}

/* ---- the machine ---- */

static void start(machine *m, uint8_t options)
{
    static const net_limits limits = {20000};
    int port = 0;

    m->s = sim_new(options & 3);
    for (int i = 0; i < 2; i++) {
        http_route routes[] = {
            {"/ws", false, on_ws, m, true},       {"/post", false, on_post, m, false},
            {"/later", false, on_later, m, false}, {"/move", false, on_move, m, false},
            {"/", false, on_rest, m, false},
        };
        if (sim_loop_new(m->s, &m->l[i]) < 0 || net_new(&m->n[i], m->l[i], &limits) < 0 ||
            http_server_new(&m->http[i], m->n[i], NULL) < 0)
            abort();
        for (unsigned k = 0; k < sizeof(routes) / sizeof(routes[0]); k++)
            if (http_server_route(m->http[i], routes[k]) < 0)
                abort();
    }
    if (http_server_listen(m->http[0], NULL, &port) < 0)
        abort();
    for (int i = 0; i < CLIENTS; i++) {
        m->client[i] = sim_dial(m->s, port);
        sim_chunk(m->s, m->client[i], options >> 2 & 3);
        sim_limit(m->s, m->client[i], options >> 4 & 3, options >> 6 ? 64u << (options >> 6) : 0);
    }
}

static void reply_to_held(machine *m)
{
    for (int i = 0; i < HELD; i++) {
        http_req *r = m->held[i];
        if (!r)
            continue;
        m->held[i] = NULL;
        r->on_abort = NULL;
        if (i % 2)
            http_reply(r, 200, sio_lit(""), r->head->path);
        else
            on_post(m, r);
    }
}

static void operate(machine *m, unsigned op, unsigned n)
{
    static char sink[65536];
    int fd = m->client[op >> 3 & 1];

    switch (op & 7) {
    case 4:
        sim_recv(m->s, fd, sink, n ? n : sizeof(sink));
        break;
    case 5:
        sim_advance(m->s, n * 200);
        break;
    case 6:
        if (n % 3 == 0)
            sim_hangup(m->s, fd);
        else if (n % 3 == 1)
            sim_end(m->s, fd);
        else
            sim_reset(m->s, fd);
        break;
    case 7:
        reply_to_held(m);
        break;
    }
}

static void finish(machine *m)
{
    sim_settle(m->s);
    for (int i = 0; i < 2; i++) {
        http_server_free(m->http[i]);
        net_free(m->n[i]);
        if (sim_server_fds(m->s) != 0 && i == 1)
            abort(); /* every descriptor must be closed by now */
    }
    loop_free(m->l[0]);
    loop_free(m->l[1]);
    sim_free(m->s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    machine m = {0};
    size_t at = 1;

    if (n == 0)
        return 0;
    start(&m, data[0]);
    while (n - at >= 2) {
        unsigned op = data[at], len = data[at + 1];
        at += 2;
        if ((op & 7) < 4) {
            if (len > n - at)
                len = (unsigned)(n - at);
            sim_send(m.s, m.client[op >> 3 & 1], data + at, len);
            at += len;
            if (op & 1)
                continue; /* goes together with the next record */
        } else {
            operate(&m, op, len);
        }
        sim_settle(m.s);
    }
    finish(&m);
    return 0;
}
