#include "net/net_int.h"
#include "sio_err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS       1000
#define CLOSING_TICKS 16  /* a closing stream that moved no byte for so many ticks is given up */
#define MAX_UNSENT    ((size_t)1 << 31)

/* ---- ends ---- */

static void stay(net_stream *s, list *where)
{
    list_del(&s->link);
    list_add_tail(where, &s->link);
}

static void arm_timer(net *n)
{
    if (!loop_timer_is_set(&n->timer))
        loop_timer_set(n->loop, &n->timer, TICK_MS);
}

/* Tells the owner, once; it is not the owner any more. */
static void tell_over(net_stream *s, int err)
{
    const net_ops *ops = s->ops;

    if (s->flags & NET_OVER)
        return;
    s->flags |= NET_OVER;
    ops->on_close(s, err);
}

static void bury(net_stream *s)
{
    net_queue_drop(s);
    s->flags |= NET_DEAD;
    stay(s, &s->net->dead);
    loop_kick(s->net->loop);
}

/* A connection that breaks off says no close_notify: the peer shall know that something is missing. */
static void end_tls(net_stream *s)
{
    if (!s->tail)
        net_tls_bye(s);
    net_tls_free(net_tls_take(s));
}

static void end(net_stream *s, int err)
{
    if (s->secure)
        end_tls(s);
    loop_unwatch(s->net->loop, &s->io);
    loop_close(s->net->loop, s->io.fd);
    bury(s);
    tell_over(s, err);
}

/* The queue is empty. What the peer still sends is dropped until its end comes: closing over unread bytes
 * would send a reset, which may destroy what the peer has not read yet. */
static void linger(net_stream *s, int err)
{
    if (s->flags & NET_OVER) { /* the peer's end came first */
        end(s, err);
        return;
    }
    if (s->secure)
        net_tls_free(net_tls_take(s));
    loop_shutdown(s->net->loop, s->io.fd);
    s->flags &= (uint8_t)~(NET_PAUSED | NET_CLOSING | NET_BLOCKED);
    stay(s, &s->net->linger[0]);
    arm_timer(s->net);
    tell_over(s, err);
    net_stream_want(s);
}

static void end_politely(net_stream *s)
{
    if (!s->secure || net_tls_bye(s))
        linger(s, 0);
}

static void fail(net_stream *s, int err)
{
    s->flags |= NET_FAILED;
    s->err = (int8_t)err;
    net_queue_drop(s);
    net_stream_mark(s);
}

static void flush(net_stream *s)
{
    if (net_queue_flush(s) < 0)
        fail(s, SIO_EIO);
}

/* ---- events ---- */

/* A handshake goes on on a closing stream: what is queued waits for it. */
static bool wants_read(const net_stream *s)
{
    if (!(s->flags & (NET_PAUSED | NET_CLOSING)))
        return true;
    return s->secure && !(s->flags & NET_PAUSED) && net_tls_shakes(s);
}

static bool wants_write(const net_stream *s)
{
    return s->secure ? net_tls_is_full(s) : s->flags & NET_BLOCKED;
}

void net_stream_want(net_stream *s)
{
    unsigned want = wants_write(s) ? LOOP_WRITE : 0;

    if (wants_read(s))
        want |= LOOP_READ;
    loop_rewatch(s->net->loop, &s->io, want);
}

void net_stream_block(net_stream *s, bool on)
{
    if (on)
        s->flags |= NET_BLOCKED;
    else
        s->flags &= (uint8_t)~NET_BLOCKED;
    net_stream_want(s);
}

static void on_peer_end(net_stream *s)
{
    if (s->tail && !(s->flags & NET_BLOCKED))
        flush(s);
    if (!s->tail) {
        end(s, s->flags & NET_FAILED ? s->err : 0);
        return;
    }
    /* It may have ended its sending direction only: let it have the rest. */
    s->flags |= NET_CLOSING | NET_PROGRESS;
    stay(s, &s->net->closing);
    arm_timer(s->net);
    tell_over(s, 0);
    net_stream_want(s);
}

static void on_readable_tls(net_stream *s)
{
    size_t n = net_tls_read(s);

    if (n > 0 && !(s->flags & NET_CLOSING))
        s->ops->on_data(s, s->net->in, n);
}

/* One read per event: the level-triggered loop comes back, and no peer keeps the others waiting. */
static void on_readable(net_stream *s)
{
    net *n = s->net;
    ssize_t got;

    if (s->secure) {
        on_readable_tls(s);
        return;
    }
    got = loop_read(n->loop, s->io.fd, n->in, NET_IN_SIZE);
    if (got == -EAGAIN)
        return;
    if (got > 0)
        stat_add(&n->stats.bytes_in, (uint64_t)got);
    if (s->flags & NET_OVER) { /* lingering */
        if (got <= 0)
            end(s, 0);
    } else if (got > 0) {
        s->ops->on_data(s, n->in, (size_t)got);
    } else if (got == 0) {
        on_peer_end(s);
    } else {
        end(s, SIO_EIO);
    }
}

static void on_writable(net_stream *s)
{
    flush(s);
    if (s->flags & (NET_FAILED | NET_BLOCKED))
        return;
    if (s->flags & NET_CLOSING)
        end_politely(s);
    else if (s->ops->on_drain)
        s->ops->on_drain(s);
}

static void on_io(loop_io *io, unsigned events)
{
    net_stream *s = container_of(io, net_stream, io);

    if (events & LOOP_WRITE && s->flags & NET_BLOCKED && !(s->flags & NET_FAILED))
        on_writable(s);
    if (s->flags & (NET_DEAD | NET_FAILED))
        return;
    if (wants_read(s) && events & (LOOP_READ | LOOP_ERROR))
        on_readable(s);
    else if (events & LOOP_ERROR)
        end(s, SIO_EIO);
}

/* ---- the end of the turn ---- */

void net_stream_mark(net_stream *s)
{
    net *n = s->net;

    if (s->flags & NET_DIRTY)
        return;
    if (n->ndirty == n->dirty_cap) {
        size_t cap = n->dirty_cap ? 2 * n->dirty_cap : 64;
        net_stream **p = realloc(n->dirty, cap * sizeof(*p));
        if (!p)
            abort(); /* 8 bytes a stream */
        n->dirty = p;
        n->dirty_cap = cap;
    }
    n->dirty[n->ndirty++] = s;
    s->flags |= NET_DIRTY;
    loop_kick(n->loop);
}

/* The end that TLS has seen comes after the bytes before it, and not while nobody wants to read. */
static void settle_tls(net_stream *s)
{
    int over = net_tls_over(s);

    if (over < 0) {
        net_queue_drop(s);
        linger(s, over);
    } else if (over > 0 && !(s->flags & (NET_PAUSED | NET_CLOSING))) {
        on_peer_end(s);
    }
}

static void settle(net_stream *s)
{
    s->flags &= (uint8_t)~NET_DIRTY;
    if (s->flags & NET_DEAD)
        return;
    if (s->tail && !(s->flags & (NET_BLOCKED | NET_FAILED)))
        flush(s);
    if (s->flags & NET_FAILED)
        end(s, s->err);
    else if (s->flags & NET_CLOSING && !s->tail)
        end_politely(s);
    else if (s->secure)
        settle_tls(s);
}

static void free_dead(net *n)
{
    list_each(it, &n->dead)
        free(container_of(it, net_stream, link));
    list_init(&n->dead);
}

static void on_turn_end(loop_hook *h)
{
    net *n = container_of(h, net, hook);

    for (size_t i = 0; i < n->ndirty; i++) { /* grows when a callback sends */
        if (i + 2 < n->ndirty)
            __builtin_prefetch(n->dirty[i + 2]);
        settle(n->dirty[i]);
    }
    n->ndirty = 0;
    free_dead(n);
}

/* ---- streams that take their time to end ---- */

static void end_list(list *l, int err)
{
    while (!list_empty(l))
        end(container_of(l->next, net_stream, link), err);
}

static void give_up_stuck(net *n)
{
    list_each(it, &n->closing) {
        net_stream *s = container_of(it, net_stream, link);
        if (!(s->flags & NET_PROGRESS))
            fail(s, SIO_EIO); /* ends when the turn does: callbacks may change the list */
        s->flags &= (uint8_t)~NET_PROGRESS;
    }
}

static void on_timer(loop_timer *t)
{
    net *n = container_of(t, net, timer);

    end_list(&n->linger[1], 0);
    list_each(it, &n->linger[0])
        stay(container_of(it, net_stream, link), &n->linger[1]);
    if (++n->ticks % CLOSING_TICKS == 0)
        give_up_stuck(n);
    if (!list_empty(&n->linger[1]) || !list_empty(&n->closing))
        arm_timer(n);
}

/* ---- life ---- */

int net_new(net **out, loop *l, const net_limits *limits)
{
    net *n = malloc(sizeof(*n));

    if (!n)
        return SIO_ENOMEM;
    memset(n, 0, offsetof(net, in));
    n->loop = l;
    n->max_unsent = limits->max_unsent < MAX_UNSENT ? limits->max_unsent : MAX_UNSENT;
    list_init(&n->open);
    list_init(&n->closing);
    list_init(&n->dead);
    list_init(&n->linger[0]);
    list_init(&n->linger[1]);
    loop_timer_init(&n->timer, on_timer);
    n->hook.fn = on_turn_end;
    loop_add_hook(l, &n->hook);
    *out = n;
    return 0;
}

/* What was queued gets one chance: the last words of a server that stops. */
static void end_all(list *l)
{
    while (!list_empty(l)) {
        net_stream *s = container_of(l->next, net_stream, link);
        if (!(s->flags & (NET_BLOCKED | NET_FAILED)))
            net_queue_flush(s);
        end(s, SIO_ECANCELED);
    }
}

void net_free(net *n)
{
    if (!n)
        return;
    end_all(&n->open);
    end_all(&n->closing);
    end_all(&n->linger[0]);
    end_all(&n->linger[1]);
    free_dead(n);
    loop_timer_cancel(n->loop, &n->timer);
    net_spare_free(n);
    free(n->dirty);
    free(n);
}

void net_give_back(net *n)
{
    net_spare_free(n);
    if (n->ndirty == 0) {
        free(n->dirty);
        n->dirty = NULL;
        n->dirty_cap = 0;
    }
}

loop *net_loop(net *n) { return n->loop; }
const net_stats *net_stats_of(const net *n) { return &n->stats; }

static net_stream *stream_new(net *n, net_line line, const net_ops *ops, void *owner)
{
    net_stream *s = malloc(line.tls ? net_tls_size() : sizeof(*s));

    if (!s)
        return NULL;
    *s = (net_stream){.io = {.fd = line.fd, .want = LOOP_READ, .fn = on_io}, .net = n, .ops = ops};
    s->owner = owner;
    if (loop_watch(n->loop, &s->io) < 0) {
        free(s);
        return NULL;
    }
    list_add_tail(&n->open, &s->link);
    return s;
}

net_stream *net_attach(net *n, net_line line, const net_ops *ops, void *owner)
{
    net_stream *s = stream_new(n, line, ops, owner);

    if (!s)
        net_line_drop(n->loop, line);
    else if (line.tls)
        net_tls_start(s, line.tls);
    return s;
}

net_stream *net_adopt(net *n, int fd, const net_ops *ops, void *owner)
{
    return net_attach(n, (net_line){.fd = fd}, ops, owner);
}

void net_line_drop(loop *l, net_line line)
{
    loop_close(l, line.fd);
    net_tls_free(line.tls);
}

void net_give(net_stream *s, const net_ops *ops, void *owner)
{
    s->ops = ops;
    s->owner = owner;
}

net_line net_detach(net_stream *s)
{
    net_line line = {.fd = s->io.fd};

    if (s->secure)
        line.tls = net_tls_take(s);
    loop_unwatch(s->net->loop, &s->io);
    s->flags |= NET_OVER;
    bury(s);
    return line;
}

/* ---- what the owner does ---- */

bool net_is_open(const net_stream *s)
{
    return !(s->flags & (NET_CLOSING | NET_FAILED | NET_OVER | NET_DEAD));
}

static bool is_over(const net_stream *s, size_t n)
{
    return s->unsent + n > s->net->max_unsent || s->chunks == NET_MAX_CHUNKS;
}

/* False when the stream has just failed for having too much to send. What could leave at once does not
 * count. Apart from has_room, so that a delivery does not pay for its frame. */
static __attribute__((noinline)) bool make_room(net_stream *s, size_t n)
{
    if (s->tail)
        net_flush(s);
    if (net_is_open(s) && is_over(s, n)) {
        stat_add(&s->net->stats.overflows, 1);
        fail(s, SIO_ELIMIT);
    }
    return net_is_open(s);
}

static bool has_room(net_stream *s, size_t n) { return !is_over(s, n) || make_room(s, n); }

static void send_owned(net_stream *s, blob *b, uint32_t from, uint32_t n)
{
    if (!net_queue_push(s, b, from, n)) {
        fail(s, SIO_EIO);
        return;
    }
    if (!(s->flags & NET_BLOCKED))
        net_stream_mark(s);
}

void net_send(net_stream *s, blob *b, uint32_t from, uint32_t n)
{
    if (n && net_is_open(s) && has_room(s, n))
        send_owned(s, blob_hold(b), from, n);
}

void net_send_copy(net_stream *s, const void *p, size_t n)
{
    blob *b;

    if (n == 0 || !net_is_open(s) || !has_room(s, n))
        return;
    b = blob_new(n);
    if (!b) {
        fail(s, SIO_EIO);
        return;
    }
    memcpy(b->p, p, n);
    send_owned(s, b, 0, (uint32_t)n);
}

void net_flush(net_stream *s)
{
    if (s->tail && !(s->flags & (NET_BLOCKED | NET_FAILED | NET_DEAD)))
        flush(s);
}

bool net_is_secure(const net_stream *s) { return s->secure; }
size_t net_unsent(const net_stream *s) { return s->unsent; }
bool net_is_blocked(const net_stream *s) { return s->flags & NET_BLOCKED; }

void net_pause(net_stream *s)
{
    if (!net_is_open(s))
        return;
    s->flags |= NET_PAUSED;
    net_stream_want(s);
}

void net_resume(net_stream *s)
{
    if (!net_is_open(s))
        return;
    s->flags &= (uint8_t)~NET_PAUSED;
    net_stream_want(s);
    if (s->secure && net_tls_over(s))
        net_stream_mark(s); /* was seen before the pause */
}

/* READ stays wanted until the flush: when that sends all, lingering wants it again. */
void net_close(net_stream *s)
{
    if (!net_is_open(s))
        return;
    s->flags |= NET_CLOSING | NET_PROGRESS;
    stay(s, &s->net->closing);
    arm_timer(s->net);
    if (s->flags & NET_BLOCKED)
        net_stream_want(s);
    else
        net_stream_mark(s);
}

void net_abort(net_stream *s, int err)
{
    if (!(s->flags & NET_OVER))
        end(s, err);
}

void net_peer(net_stream *s, char *out, size_t n)
{
    loop_peer(s->net->loop, s->io.fd, out, n);
}
