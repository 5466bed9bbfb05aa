/* What the Engine.IO suite servers share: one loop with an Engine.IO server, on the floors
 * below Socket.IO. */
#ifndef EIO_EXAMPLE_H
#define EIO_EXAMPLE_H

#include "eio/eio.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static loop       *example_loop;
static eio_server *example_eio; /* the ctx of the hooks points here */

static void example_stop(int sig)
{
    (void)sig;
    loop_stop(example_loop);
}

static inline void example_send(eio_session *s, bool binary, const char *p, size_t n)
{
    char *at;
    blob *m = eio_message_new(binary, n, &at);

    if (!m)
        return;
    memcpy(at, p, n);
    eio_message_seal(m);
    eio_send(s, m);
    blob_drop(m);
}

static inline void example_on_handshake(void *ctx, eio_session *s, http_req *r)
{
    (void)ctx, (void)s, (void)r;
}

static inline void example_on_close(eio_session *s, eio_reason why)
{
    (void)s, (void)why;
}

/* Protocol defaults with the handlers still to be filled in. */
static inline eio_config example_config(void)
{
    return (eio_config){
        .path = "/engine.io/",
        .transports = EIO_POLLING | EIO_WEBSOCKET,
        .allow_upgrades = true,
        .ping_interval_ms = 25000,
        .ping_timeout_ms = 20000,
        .upgrade_timeout_ms = 10000,
        .max_payload = 1000000,
        .max_unsent = 16u << 20,
        .compression_threshold = 1024,
        .cors = {.enabled = true, .any = true},
        .on_handshake = example_on_handshake,
        .on_close = example_on_close,
    };
}

static inline int example_fail(int err)
{
    fprintf(stderr, "%s\n", sio_strerror(err));
    return 1;
}

static inline int example_run(const eio_config *config, int port)
{
    const char *text = getenv("PORT");
    net_limits limits = {.max_unsent = 16u << 20};
    http_server *http;
    net *n;
    int err;

    port = text ? atoi(text) : port;
    if ((err = loop_new(&example_loop)) < 0 || (err = net_new(&n, example_loop, &limits)) < 0 ||
        (err = http_server_new(&http, n, NULL)) < 0 ||
        (err = eio_server_new(&example_eio, http, config, &example_eio, 0, &http, 1)) < 0 ||
        (err = http_server_listen(http, NULL, &port)) < 0)
        return example_fail(err);
    signal(SIGINT, example_stop);
    signal(SIGTERM, example_stop);
    printf("listening on %d\n", port);
    fflush(stdout);
    loop_run(example_loop);
    eio_server_close_all(example_eio);
    http_server_free(http);
    net_free(n);
    eio_server_free(example_eio);
    loop_free(example_loop);
    return 0;
}

#endif
