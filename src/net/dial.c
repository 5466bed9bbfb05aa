/* Connecting: addresses, from a look-up or given, are tried one after the other until one answers. */
#include "net/dial.h"
#include "sio_err.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_ADDRS 8

typedef struct address {
    struct sockaddr_storage a;
    socklen_t               n;
} address;

/* A look-up shared by the dial and its thread; the last of both frees it. So a dial can be given up, and
 * its loop freed, while the resolver still waits for a name server. */
typedef struct lookup {
    atomic_int refs;
    int        evfd;           /* readable when addr is filled */
    atomic_int n;              /* of them; -1 before */
    address    addr[MAX_ADDRS];
    char       service[8];
    char       host[];
} lookup;

struct net_dial {
    net           *n;
    loop          *l;
    const net_ops *ops;
    void          *owner;
    net_dial_fn   *fn;
    void          *arg;
    uint64_t       deadline;   /* loop_now when all of it must be done */
    loop_timer     timer;      /* of this address, or of the look-up */
    loop_io        io;         /* the look-up's evfd, or the connection that is being made; fd -1 = none */
    lookup        *look;       /* while it is under way */
    int            err;        /* what fn will be told when nothing is left to try */
    unsigned       naddrs, next;
    address        addr[MAX_ADDRS];
};

/* ---- names ---- */

static void lookup_drop(lookup *k)
{
    if (atomic_fetch_sub(&k->refs, 1) > 1)
        return;
    close(k->evfd);
    free(k);
}

static unsigned resolve(const char *host, const char *service, int flags, address *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags}, *found;
    unsigned n = 0;

    if (getaddrinfo(host, service, &hints, &found) != 0)
        return 0;
    for (struct addrinfo *ai = found; ai && n < MAX_ADDRS; ai = ai->ai_next) {
        if (ai->ai_addrlen > sizeof(out[n].a))
            continue;
        memcpy(&out[n].a, ai->ai_addr, ai->ai_addrlen);
        out[n++].n = ai->ai_addrlen;
    }
    freeaddrinfo(found);
    return n;
}

static void *lookup_run(void *arg)
{
    lookup *k = arg;
    uint64_t one = 1;

    atomic_store(&k->n, (int)resolve(k->host, k->service, AI_ADDRCONFIG, k->addr));
    ssize_t r = write(k->evfd, &one, sizeof(one));
    (void)r; /* cannot fail: the counter is 0 */
    lookup_drop(k);
    return NULL;
}

/* Signals are for the threads that expect them. */
static int start_thread(lookup *k)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    int err;

    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&thread, &attr, lookup_run, k);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return err ? SIO_ENOMEM : 0;
}

static lookup *lookup_new(const char *host, const char *service)
{
    size_t n = strlen(host) + 1;
    lookup *k = calloc(1, sizeof(*k) + n);

    if (!k)
        return NULL;
    atomic_init(&k->refs, 2);
    atomic_init(&k->n, -1);
    memcpy(k->host, host, n);
    memcpy(k->service, service, sizeof(k->service));
    k->evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (k->evfd < 0 || start_thread(k) < 0) {
        if (k->evfd >= 0)
            close(k->evfd);
        free(k);
        return NULL;
    }
    return k;
}

/* ---- one address after the other ---- */

static void stop(net_dial *d)
{
    loop_timer_cancel(d->l, &d->timer);
    if (d->io.fd < 0)
        return;
    loop_unwatch(d->l, &d->io);
    if (d->look) {
        lookup_drop(d->look);
        d->look = NULL;
    } else {
        loop_close(d->l, d->io.fd);
    }
    d->io.fd = -1;
}

static void finish(net_dial *d, net_stream *s, int err)
{
    net_dial_fn *fn = d->fn;
    void *arg = d->arg;

    loop_timer_cancel(d->l, &d->timer);
    free(d);
    fn(arg, s, err);
}

static bool watch(net_dial *d, int fd, unsigned want, uint64_t ms)
{
    d->io.fd = fd;
    d->io.want = want;
    if (loop_watch(d->l, &d->io) < 0) {
        d->io.fd = -1;
        return false;
    }
    loop_timer_set(d->l, &d->timer, ms);
    return true;
}

/* The time that is left is shared by the addresses that are, so that one that swallows everything does not
 * eat it all. */
static bool try_address(net_dial *d)
{
    uint64_t now = loop_now(d->l), left = d->deadline > now ? d->deadline - now : 0;
    unsigned addrs = d->naddrs - d->next;
    const address *a = &d->addr[d->next++];
    int fd = loop_connect(d->l, (const struct sockaddr *)&a->a, a->n);

    if (fd < 0)
        return false;
    if (watch(d, fd, LOOP_WRITE, left / addrs))
        return true;
    loop_close(d->l, fd);
    return false;
}

/* Begins with the next address that does not fail at once. False when there is none. */
static bool try_next(net_dial *d)
{
    while (d->next < d->naddrs)
        if (try_address(d))
            return true;
    return false;
}

static void go_on(net_dial *d, int err)
{
    d->err = err;
    if (!try_next(d))
        finish(d, NULL, err);
}

static void on_looked_up(net_dial *d)
{
    lookup *k = d->look;
    int n = atomic_load(&k->n); /* not -1: the event came behind it */

    d->naddrs = n > 0 ? (unsigned)n : 0;
    memcpy(d->addr, k->addr, sizeof(d->addr));
    stop(d);
    go_on(d, d->naddrs ? SIO_EIO : SIO_EADDR);
}

static void on_decided(net_dial *d)
{
    int fd = d->io.fd, err = loop_connect_result(d->l, fd);
    net_stream *s;

    if (err < 0) {
        stop(d);
        go_on(d, SIO_EIO);
        return;
    }
    loop_unwatch(d->l, &d->io);
    d->io.fd = -1;
    s = net_adopt(d->n, fd, d->ops, d->owner);
    finish(d, s, s ? 0 : SIO_ENOMEM);
}

static void on_io(loop_io *io, unsigned events)
{
    net_dial *d = container_of(io, net_dial, io);

    (void)events;
    if (d->look)
        on_looked_up(d);
    else
        on_decided(d);
}

/* Nothing is under way when even the beginning failed: that is told here, too, since fn never runs inside
 * net_dial_start. */
static void on_timer(loop_timer *t)
{
    net_dial *d = container_of(t, net_dial, timer);

    if (d->io.fd >= 0)
        d->err = SIO_ETIMEOUT;
    stop(d);
    go_on(d, d->err);
}

/* ---- beginning ---- */

static void use_path(net_dial *d, const char *path)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&d->addr[0].a;

    if (strlen(path) >= sizeof(un->sun_path))
        return;
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    d->addr[0].n = sizeof(*un);
    d->naddrs = 1;
}

static void look_up(net_dial *d, const char *host, const char *service, uint32_t timeout_ms)
{
    d->look = lookup_new(host, service);
    if (!d->look) {
        d->err = SIO_EIO;
        return;
    }
    if (watch(d, d->look->evfd, LOOP_READ, timeout_ms))
        return;
    lookup_drop(d->look);
    d->look = NULL;
}

static void begin(net_dial *d, const char *host, int port, uint32_t timeout_ms)
{
    char service[8];

    d->err = SIO_EADDR;
    if (host[0] == '/') {
        use_path(d, host);
    } else if (port > 0 && port <= 65535) {
        snprintf(service, sizeof(service), "%d", port);
        d->naddrs = resolve(host, service, AI_NUMERICHOST, d->addr);
        if (d->naddrs == 0 && !loop_is_real(d->l)) /* one machine, whatever it is called */
            d->naddrs = resolve("127.0.0.1", service, AI_NUMERICHOST, d->addr);
        if (d->naddrs == 0)
            look_up(d, host, service, timeout_ms);
    }
    if (d->naddrs > 0) {
        d->err = SIO_EIO;
        try_next(d);
    }
    if (d->io.fd < 0)
        loop_timer_set(d->l, &d->timer, 0);
}

int net_dial_start(net_dial **out, net *n, const char *host, int port, uint32_t timeout_ms,
                   const net_ops *ops, void *owner,
                   net_dial_fn *fn, void *arg)
{
    net_dial *d = calloc(1, sizeof(*d));

    if (!d)
        return SIO_ENOMEM;
    d->n = n;
    d->l = net_loop(n);
    d->ops = ops;
    d->owner = owner;
    d->fn = fn;
    d->arg = arg;
    d->deadline = loop_now(d->l) + timeout_ms;
    d->io = (loop_io){.fd = -1, .fn = on_io};
    loop_timer_init(&d->timer, on_timer);
    begin(d, host, port, timeout_ms);
    *out = d;
    return 0;
}

void net_dial_cancel(net_dial *d)
{
    stop(d);
    free(d);
}
