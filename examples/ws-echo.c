/* A plain WebSocket echo server on the lower floors (loop, net, http): on any path, each message comes back
 * as it was, text as text and binary as binary. This is what protocol test suites are pointed at.
 *
 *     PORT=9001 ws-echo                DEFLATE=1 with permessage-deflate
 */
#include "http/ws_conn.h"
#include "sio_err.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_MESSAGE = 64 << 20 };

static ws_limits limits = {.max_message = MAX_MESSAGE, .max_fragments = 0};

static loop *main_loop; /* for the signal handler only */

static void on_signal(int sig)
{
    (void)sig;
    loop_stop(main_loop);
}

/* A client that does not read its answers is not read either. */
static void on_message(ws_conn *c, bool binary, char *p, size_t n)
{
    ws_send(c, binary ? WS_BINARY : WS_TEXT, p, n);
    if (ws_is_blocked(c))
        net_pause(c->stream);
}

static void on_drain(ws_conn *c)
{
    net_resume(c->stream);
}

static void on_close(ws_conn *c, unsigned code, bool clean)
{
    (void)c;
    (void)code;
    (void)clean;
}

static const ws_conn_ops echo_ops = {.on_message = on_message, .on_drain = on_drain, .on_close = on_close};

static void on_request(void *ctx, http_req *r)
{
    sio_str headers = sio_lit("");
    int status;

    (void)ctx;
    if (!r->head->upgrade) {
        http_reply(r, 426, sio_lit("Upgrade: websocket\r\n"), sio_lit("This is a WebSocket echo server.\n"));
        return;
    }
    status = ws_upgrade_check(r->head, &limits, &headers);
    if (status)
        http_reply(r, status, headers, sio_lit(""));
    else
        ws_accept_upgrade(r, sio_lit(""), &limits, &echo_ops, NULL);
}

/* Listens and serves until a signal comes. */
static int serve(net *n, int port)
{
    http_server *server;
    int err = http_server_new(&server, n, &(http_options){0});

    if (err < 0)
        return err;
    err = http_server_route(server, (http_route){.path = "", .on_request = on_request});
    if (err == 0)
        err = http_server_listen(server, "127.0.0.1", &port);
    if (err == 0) {
        printf("echo on ws://127.0.0.1:%d/\n", port);
        fflush(stdout);
        loop_run(net_loop(n));
    }
    http_server_free(server);
    return err;
}

int main(void)
{
    const net_limits unsent = {.max_unsent = 2 * (size_t)MAX_MESSAGE};
    const char *port = getenv("PORT");
    net *n = NULL;
    int err = loop_new(&main_loop);

    if (getenv("DEFLATE") && !(limits.deflate = ws_deflate_new(0, 6)))
        err = SIO_ENOMEM;
    if (err == 0)
        err = net_new(&n, main_loop, &unsent);
    if (err == 0) {
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        err = serve(n, port ? atoi(port) : 9001);
    }
    if (err < 0)
        fprintf(stderr, "ws-echo: %s\n", sio_strerror(err));
    if (n)
        net_free(n);
    if (main_loop)
        loop_free(main_loop);
    ws_deflate_free(limits.deflate);
    return err < 0;
}
