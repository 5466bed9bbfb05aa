#include "loop/loop_int.h"
#include "sio_err.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Events taken per wait: doubles when a wait fills it. A larger batch means fewer waits and more bytes per
 * write. */
#define FIRST_BATCH 128
#define LAST_BATCH  4096

/* Timers may be late by this much, so that many of them share a wake-up. A power of two. */
#define SLACK_MS 4u

/* Loops that a thread can owe a wake-up. */
#define HELD_MAX 64

typedef struct epoll_loop {
    loop                base;
    int                 epfd, evfd;
    struct epoll_event *ev;
    int                 cap, n, at; /* events [at, n) have not been delivered yet */
} epoll_loop;

static epoll_loop *self_of(loop *l) { return container_of(l, epoll_loop, base); }

/* ---- waiting ---- */

static uint64_t clock_ms(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void on_clock(loop *l)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    l->now = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    l->below_ms = (uint32_t)t.tv_nsec % 1000000;
    l->wall = (int64_t)clock_ms(CLOCK_REALTIME);
}

static void wake(int evfd)
{
    uint64_t one = 1;
    int saved = errno; /* may run in a signal handler */
    ssize_t r = write(evfd, &one, sizeof(one));

    (void)r; /* fails only when the counter is full, and then the loop is awake anyway */
    errno = saved;
}

/* Wake-ups that this thread owes. A loop asks for a second one only if it slept again, so few are there
 * twice; what does not fit is done at once. */
static _Thread_local struct {
    bool     on;
    unsigned n;
    int      evfd[HELD_MAX];
} held;

void loop_wakes_hold(void) { held.on = true; }

void loop_wakes_release(void)
{
    held.on = false;
    while (held.n > 0)
        wake(held.evfd[--held.n]);
}

static void on_wake(loop *l)
{
    int evfd = self_of(l)->evfd;

    if (held.on && held.n < HELD_MAX)
        held.evfd[held.n++] = evfd;
    else
        wake(evfd);
}

/* Milliseconds to wait; -1 = until something happens. */
static int wait_ms(loop *l)
{
    uint64_t next, now;

    if (l->kicked || atomic_load(&l->stop) || !mailbox_is_empty(&l->box))
        return 0;
    next = wheel_next(&l->timers);
    if (next == UINT64_MAX)
        return -1;
    next = (next + SLACK_MS - 1) & ~(uint64_t)(SLACK_MS - 1);
    now = clock_ms(CLOCK_MONOTONIC);
    if (next <= now)
        return 0;
    return next - now < INT_MAX ? (int)(next - now) : INT_MAX;
}

static void wait_for_events(epoll_loop *e)
{
    loop *l = &e->base;
    int ms = wait_ms(l);

    /* A poster that comes later sees us asleep and writes the eventfd; loop_stop always does. */
    if (ms != 0 && !mailbox_sleep(&l->box))
        ms = 0;
    e->at = 0;
    e->n = epoll_wait(e->epfd, e->ev, e->cap, ms);
    if (e->n < 0)
        e->n = 0; /* EINTR: a turn without events */
    mailbox_awake(&l->box);
}

static void grow_batch(epoll_loop *e)
{
    struct epoll_event *ev;

    if (e->n < e->cap || e->cap >= LAST_BATCH)
        return;
    ev = realloc(e->ev, 2 * (size_t)e->cap * sizeof(*ev));
    if (!ev)
        return;
    e->ev = ev;
    e->cap *= 2;
}

static void drain_eventfd(epoll_loop *e)
{
    uint64_t count;
    ssize_t r = read(e->evfd, &count, sizeof(count));

    (void)r;
}

static void deliver(epoll_loop *e)
{
    while (e->at < e->n) {
        const struct epoll_event *ev = &e->ev[e->at++];
        loop_io *io = ev->data.ptr;
        unsigned events = (ev->events & EPOLLIN ? LOOP_READ : 0) | (ev->events & EPOLLOUT ? LOOP_WRITE : 0) |
                          (ev->events & (EPOLLERR | EPOLLHUP) ? LOOP_ERROR : 0);
        if (ev->data.ptr == e)
            drain_eventfd(e);
        else if (io)
            io->fn(io, events);
    }
}

static void on_run(loop *l)
{
    epoll_loop *e = self_of(l);

    while (!atomic_load(&l->stop)) {
        wait_for_events(e);
        loop *outer = loop_turn_begin(l);
        deliver(e);
        loop_turn_end(l, outer);
        grow_batch(e);
    }
}

/* ---- sockets ---- */

static int control(loop *l, int op, loop_io *io)
{
    struct epoll_event ev = {.data.ptr = io};

    ev.events = (io->want & LOOP_READ ? EPOLLIN : 0u) | (io->want & LOOP_WRITE ? EPOLLOUT : 0u);
    return epoll_ctl(self_of(l)->epfd, op, io->fd, &ev) < 0 ? SIO_EIO : 0;
}

static int on_watch(loop *l, loop_io *io) { return control(l, EPOLL_CTL_ADD, io); }
static int on_rewatch(loop *l, loop_io *io) { return control(l, EPOLL_CTL_MOD, io); }

static void on_unwatch(loop *l, loop_io *io)
{
    epoll_loop *e = self_of(l);

    for (int i = e->at; i < e->n; i++)
        if (e->ev[i].data.ptr == io)
            e->ev[i].data.ptr = NULL;
    control(l, EPOLL_CTL_DEL, io);
}

static ssize_t on_read(loop *l, int fd, void *p, size_t n)
{
    ssize_t r;

    (void)l;
    do
        r = recv(fd, p, n, 0);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

/* send and sendmsg instead of write: MSG_NOSIGNAL spares the process SIGPIPE. */
static ssize_t on_write(loop *l, int fd, const void *p, size_t n)
{
    ssize_t r;

    (void)l;
    do
        r = send(fd, p, n, MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

static ssize_t on_writev(loop *l, int fd, const struct iovec *v, int n)
{
    struct msghdr m = {.msg_iov = (struct iovec *)v, .msg_iovlen = (size_t)n};
    ssize_t r;

    (void)l;
    do
        r = sendmsg(fd, &m, MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

static void on_shutdown(loop *l, int fd)
{
    (void)l;
    shutdown(fd, SHUT_WR);
}

/* A watched descriptor that is closed leaves epoll by itself; its events of this turn must go too, since
 * the number may be taken again before they would be delivered. */
static void on_close(loop *l, int fd)
{
    epoll_loop *e = self_of(l);

    for (int i = e->at; i < e->n; i++) {
        const loop_io *io = e->ev[i].data.ptr;
        if (io && e->ev[i].data.ptr != e && io->fd == fd)
            e->ev[i].data.ptr = NULL;
    }
    close(fd);
}

static int on_listen(loop *l, const char *host, int *port, int backlog)
{
    (void)l;
    return tcp_listen(host, port, backlog);
}

static bool on_is_taken(loop *l, const char *host, int port)
{
    (void)l;
    return tcp_is_taken(host, port);
}

static int on_accept(loop *l, int listener)
{
    (void)l;
    return tcp_accept(listener);
}

static int on_connect(loop *l, const struct sockaddr *addr, socklen_t n)
{
    (void)l;
    return tcp_connect(addr, n);
}

static int on_connect_result(loop *l, int fd)
{
    (void)l;
    return tcp_connect_result(fd);
}

static void on_peer(loop *l, int fd, char *out, size_t n)
{
    (void)l;
    tcp_peer(fd, out, n);
}

/* ---- life ---- */

static void on_destroy(loop *l)
{
    epoll_loop *e = self_of(l);

    if (e->evfd >= 0)
        close(e->evfd);
    if (e->epfd >= 0)
        close(e->epfd);
    free(e->ev);
    free(e);
}

static const loop_ops epoll_ops = {
    .real = true,
    .destroy = on_destroy, .run = on_run, .wake = on_wake, .clock = on_clock,
    .watch = on_watch, .rewatch = on_rewatch, .unwatch = on_unwatch,
    .read = on_read, .write = on_write, .writev = on_writev, .shutdown = on_shutdown, .close = on_close,
    .listen = on_listen, .is_taken = on_is_taken, .accept = on_accept, .peer = on_peer,
    .connect = on_connect, .connect_result = on_connect_result,
};

int loop_new(loop **out)
{
    epoll_loop *e = calloc(1, sizeof(*e));

    if (!e)
        return SIO_ENOMEM;
    loop_init(&e->base, &epoll_ops);
    e->cap = FIRST_BATCH;
    e->ev = malloc(FIRST_BATCH * sizeof(*e->ev));
    e->epfd = epoll_create1(EPOLL_CLOEXEC);
    e->evfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = e};
    if (!e->ev || e->epfd < 0 || e->evfd < 0 || epoll_ctl(e->epfd, EPOLL_CTL_ADD, e->evfd, &ev) < 0) {
        int err = e->ev ? SIO_EIO : SIO_ENOMEM;
        on_destroy(&e->base);
        return err;
    }
    *out = &e->base;
    return 0;
}
