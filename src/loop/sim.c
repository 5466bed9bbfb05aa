/* The simulated machine: loops, the clock, the order of things. */
#include "loop/sim_int.h"
#include "sio_err.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define START_MS   1000                     /* monotonic: not 0, which means "not set" for a timer */
#define START_WALL INT64_C(1700000000000)   /* a day in November 2023 */
#define FIRST_PORT 10000
/* A program that still has something to do after so many turns without time passing is spinning. */
#define MAX_ROUNDS 10000000u

static sim_loop *self_of(loop *l) { return container_of(l, sim_loop, base); }

/* 0 when nothing is shuffled */
static uint64_t sim_random(sim *s, uint64_t below)
{
    if (!s->random || below < 2)
        return 0;
    s->random += UINT64_C(0x9e3779b97f4a7c15);
    if (!s->random)
        s->random = 1;
    uint64_t z = s->random;
    z = (z ^ z >> 32) * UINT64_C(0xd6e8feb86659fd93);
    z = (z ^ z >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (z ^ z >> 32) % below;
}

/* ---- a turn ---- */

/* The events of all watched descriptors whose state changed, and that still have some. */
static void collect(sim_loop *e)
{
    e->n = e->at = 0;
    list_each(it, &e->active) {
        sim_sock *k = container_of(it, sim_sock, active);
        unsigned events = sim_sock_events(k);
        if (!events) {
            list_del(it);
            continue;
        }
        if (e->n == e->cap) {
            e->cap = e->cap ? 2 * e->cap : 64;
            e->ev = sim_grow(e->ev, e->cap, sizeof(*e->ev));
        }
        e->ev[e->n++] = (loop_event){k->io, events};
    }
    for (size_t i = e->n; e->sim->random && i > 1; i--) {
        size_t j = sim_random(e->sim, i);
        loop_event swap = e->ev[i - 1];
        e->ev[i - 1] = e->ev[j];
        e->ev[j] = swap;
    }
}

static void turn(sim_loop *e)
{
    collect(e);
    loop *outer = loop_turn_begin(&e->base);
    while (e->at < e->n) {
        loop_event ev = e->ev[e->at++];
        if (ev.io)
            ev.io->fn(ev.io, ev.events);
    }
    loop_turn_end(&e->base, outer);
}

static bool has_work(sim_loop *e)
{
    if (loop_has_work(&e->base))
        return true;
    list_each(it, &e->active) {
        if (sim_sock_events(container_of(it, sim_sock, active)))
            return true;
        list_del(it);
    }
    return false;
}

/* Every loop that has work gets one turn, beginning with one chosen by the seed. False when none has any. */
static bool round_of_turns(sim *s)
{
    size_t start = sim_random(s, s->nloops);
    bool any = false;

    for (size_t i = 0; i < s->nloops; i++) {
        sim_loop *e = s->loops[(start + i) % s->nloops];
        if (!has_work(e))
            continue;
        turn(e);
        any = true;
    }
    return any;
}

void sim_settle(sim *s)
{
    for (unsigned rounds = 0; round_of_turns(s); rounds++) {
        if (rounds > MAX_ROUNDS) {
            fprintf(stderr, "sim: no end of work at %llu ms\n", (unsigned long long)s->now);
            abort();
        }
    }
}

/* ---- time ---- */

static void set_clock(sim *s, uint64_t now)
{
    s->now = now;
    for (size_t i = 0; i < s->nloops; i++)
        s->loops[i]->base.ops->clock(&s->loops[i]->base);
}

static uint64_t next_timer(const sim *s)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < s->nloops; i++) {
        uint64_t t = wheel_next(&s->loops[i]->base.timers);
        if (t < next)
            next = t;
    }
    return next;
}

void sim_advance(sim *s, uint64_t ms)
{
    uint64_t end = s->now + ms, next;

    sim_settle(s);
    while ((next = next_timer(s)) <= end) {
        set_clock(s, next);
        sim_settle(s);
    }
    set_clock(s, end);
    sim_settle(s);
}

/* ---- loop operations ---- */

static void on_clock(loop *l)
{
    l->now = self_of(l)->sim->now;
    l->below_ms = 0;
    l->wall = START_WALL + (int64_t)(l->now - START_MS);
}

static void on_run(loop *l)
{
    sim *s = self_of(l)->sim;

    while (!atomic_load(&l->stop)) {
        sim_settle(s);
        uint64_t next = next_timer(s);
        if (next == UINT64_MAX)
            return;
        if (!atomic_load(&l->stop))
            set_clock(s, next);
    }
}

static void on_wake(loop *l) { (void)l; }

static int on_watch(loop *l, loop_io *io)
{
    sim_sock *k = sim_sock_at(self_of(l)->sim, io->fd);

    if (!k || k->io)
        return SIO_EIO;
    k->io = io;
    k->loop = self_of(l);
    sim_sock_touch(k);
    return 0;
}

static int on_rewatch(loop *l, loop_io *io)
{
    sim_sock *k = sim_sock_at(self_of(l)->sim, io->fd);

    if (!k || k->io != io)
        return SIO_EIO;
    sim_sock_touch(k);
    return 0;
}

static void on_unwatch(loop *l, loop_io *io)
{
    sim_loop *e = self_of(l);
    sim_sock *k = sim_sock_at(e->sim, io->fd);

    for (size_t i = e->at; i < e->n; i++)
        if (e->ev[i].io == io)
            e->ev[i].io = NULL;
    if (!k || k->io != io)
        return;
    list_del(&k->active);
    k->io = NULL;
    k->loop = NULL;
}

static void on_close(loop *l, int fd)
{
    sim_sock *k = sim_sock_at(self_of(l)->sim, fd);

    if (k && k->io)
        on_unwatch(l, k->io);
    sim_sock_close(self_of(l)->sim, fd);
}

static sim_conn *conn_at(loop *l, int fd)
{
    sim_sock *k = sim_sock_at(self_of(l)->sim, fd);

    return k ? k->conn : NULL;
}

static ssize_t on_read(loop *l, int fd, void *p, size_t n)
{
    sim_conn *c = conn_at(l, fd);

    return c ? sim_conn_read(c, p, n) : -EBADF;
}

/* One call, one limit: what the vectors hold together counts as one write. */
static ssize_t on_writev(loop *l, int fd, const struct iovec *v, int n)
{
    sim_conn *c = conn_at(l, fd);
    size_t left = c && c->write_max ? c->write_max : SIZE_MAX;
    ssize_t sum = 0, r = 0;

    if (!c)
        return -EBADF;
    for (int i = 0; i < n && left; i++) {
        r = sim_conn_write(c, v[i].iov_base, v[i].iov_len < left ? v[i].iov_len : left);
        if (r < 0)
            break;
        sum += r;
        left -= (size_t)r;
        if ((size_t)r < v[i].iov_len)
            break;
    }
    c->writes += sum > 0;
    return sum ? sum : r;
}

static ssize_t on_write(loop *l, int fd, const void *p, size_t n)
{
    struct iovec v = {(void *)p, n};

    return on_writev(l, fd, &v, 1);
}

static void on_shutdown(loop *l, int fd)
{
    sim_conn *c = conn_at(l, fd);

    if (!c)
        return;
    sim_conn_end(c);
    sim_sock_touch(sim_sock_at(self_of(l)->sim, fd));
}

static int on_listen(loop *l, const char *host, int *port, int backlog)
{
    sim *s = self_of(l)->sim;
    sim_sock *k = sim_sock_new(s);

    (void)host;
    (void)backlog;
    if (*port == 0)
        *port = s->next_port++;
    k->port = *port;
    k->listener_of = l;
    k->queue_end = &k->queue;
    return k->fd;
}

/* Nobody else is on this machine. */
static bool on_is_taken(loop *l, const char *host, int port)
{
    (void)l, (void)host, (void)port;
    return false;
}

static int on_accept(loop *l, int listener)
{
    sim *s = self_of(l)->sim;
    sim_sock *k = sim_sock_at(s, listener), *taken;

    if (!k || !k->listener_of)
        return -EBADF;
    taken = k->queue;
    if (!taken)
        return -EAGAIN;
    if (s->fd_limit && s->accepted_fds >= s->fd_limit)
        return -EMFILE;
    k->queue = taken->next;
    if (!k->queue)
        k->queue_end = &k->queue;
    taken->next = NULL;
    taken->accepted = true;
    s->accepted_fds++;
    return taken->fd;
}

static int on_connect(loop *l, const struct sockaddr *addr, socklen_t n)
{
    const struct sockaddr_in *four = (const void *)addr;
    const struct sockaddr_in6 *six = (const void *)addr;

    (void)n;
    if (addr->sa_family == AF_INET)
        return sim_connect(self_of(l)->sim, ntohs(four->sin_port));
    if (addr->sa_family == AF_INET6)
        return sim_connect(self_of(l)->sim, ntohs(six->sin6_port));
    return -EAFNOSUPPORT;
}

static int on_connect_result(loop *l, int fd)
{
    sim_conn *c = conn_at(l, fd);

    return !c ? -EBADF : c->broken ? -ECONNRESET : 0;
}

static void on_peer(loop *l, int fd, char *out, size_t n)
{
    snprintf(out, n, "%s", conn_at(l, fd) ? "127.0.0.1" : "");
}

static void on_destroy(loop *l)
{
    sim_loop *e = self_of(l);
    sim *s = e->sim;
    size_t i = 0;

    for (size_t fd = 0; fd < s->nsocks; fd++)
        if (s->socks[fd] && (s->socks[fd]->loop == e || s->socks[fd]->listener_of == l))
            on_close(l, (int)fd);
    while (s->loops[i] != e)
        i++;
    s->loops[i] = s->loops[--s->nloops];
    free(e->ev);
    free(e);
}

static const loop_ops sim_ops = {
    .destroy = on_destroy, .run = on_run, .wake = on_wake, .clock = on_clock,
    .watch = on_watch, .rewatch = on_rewatch, .unwatch = on_unwatch,
    .read = on_read, .write = on_write, .writev = on_writev, .shutdown = on_shutdown, .close = on_close,
    .listen = on_listen, .is_taken = on_is_taken, .accept = on_accept, .peer = on_peer,
    .connect = on_connect, .connect_result = on_connect_result,
};

/* ---- life ---- */

sim *sim_new(uint64_t seed)
{
    sim *s = sim_grow(NULL, 1, sizeof(*s));

    *s = (sim){.now = START_MS, .random = seed, .next_port = FIRST_PORT};
    return s;
}

void sim_free(sim *s)
{
    if (!s)
        return;
    sim_socks_free(s);
    sim_conns_free(s);
    free(s->loops);
    free(s);
}

int sim_loop_new(sim *s, loop **out)
{
    sim_loop *e = sim_grow(NULL, 1, sizeof(*e));

    e->sim = s;
    e->ev = NULL;
    e->cap = e->n = e->at = 0;
    list_init(&e->active);
    loop_init(&e->base, &sim_ops);
    s->loops = sim_grow(s->loops, s->nloops + 1, sizeof(s->loops[0]));
    s->loops[s->nloops++] = e;
    *out = &e->base;
    return 0;
}
