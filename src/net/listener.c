#include "base/log.h"
#include "net/net.h"
#include "sio_err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BACKLOG  4096
#define BATCH    64  /* accepted per event, so that connections in hand are served between */
#define PAUSE_MS 100

struct net_listener {
    loop_io    io;
    loop      *loop;     /* not the net: the listener may outlive it */
    void     (*on_accept)(void *ctx, int fd);
    void      *ctx;
    loop_timer retry;
    bool       starved;  /* ran out of something and said so */
    bool       accepting, closed;
};

/* Descriptors or memory are short: the connections stay in the kernel's queue for a moment. */
static void pause_accepting(net_listener *l, int err)
{
    if (!l->starved)
        log_error("accept: %s; trying again every %d ms", strerror(err), PAUSE_MS);
    l->starved = true;
    loop_rewatch(l->loop, &l->io, 0);
    loop_timer_set(l->loop, &l->retry, PAUSE_MS);
}

static bool accept_one(net_listener *l)
{
    int fd = loop_accept(l->loop, l->io.fd);

    if (fd >= 0) {
        l->on_accept(l->ctx, fd);
        return true;
    }
    if (fd == -EAGAIN)
        l->starved = false;
    else
        pause_accepting(l, -fd);
    return false;
}

static void on_io(loop_io *io, unsigned events)
{
    net_listener *l = container_of(io, net_listener, io);

    (void)events;
    l->accepting = true;
    for (int i = 0; i < BATCH && !l->closed; i++)
        if (!accept_one(l))
            break;
    l->accepting = false;
    if (l->closed)
        free(l);
}

static void on_retry(loop_timer *t)
{
    net_listener *l = container_of(t, net_listener, retry);

    loop_rewatch(l->loop, &l->io, LOOP_READ);
}

int net_listen(net_listener **out, net *n, const char *host, int *port, void (*on_accept)(void *ctx, int fd),
               void *ctx)
{
    int picked = *port, fd = loop_listen(net_loop(n), host, &picked, BACKLOG);
    net_listener *l;

    if (fd < 0)
        return fd;
    l = calloc(1, sizeof(*l));
    if (!l) {
        loop_close(net_loop(n), fd);
        return SIO_ENOMEM;
    }
    *l = (net_listener){.io = {.fd = fd, .want = LOOP_READ, .fn = on_io}, .loop = net_loop(n),
                        .on_accept = on_accept};
    l->ctx = ctx;
    loop_timer_init(&l->retry, on_retry);
    if (loop_watch(net_loop(n), &l->io) < 0) {
        loop_close(net_loop(n), fd);
        free(l);
        return SIO_EIO;
    }
    *port = picked;
    *out = l;
    return 0;
}

void net_listener_close(net_listener *l)
{
    if (!l || l->closed)
        return;
    loop_timer_cancel(l->loop, &l->retry);
    loop_unwatch(l->loop, &l->io);
    loop_close(l->loop, l->io.fd);
    l->closed = true;
    if (!l->accepting)
        free(l);
}
