#include "loop/loop_int.h"

/* Hooks that keep making work for each other must not keep the sockets waiting. */
#define MAX_HOOK_ROUNDS 8

static _Thread_local loop *current;

void loop_init(loop *l, const loop_ops *ops)
{
    l->ops = ops;
    l->hooks = NULL;
    l->in_turn = l->kicked = false;
    atomic_init(&l->stop, false);
    mailbox_init(&l->box);
    l->log = (log_batch){.p = NULL};
    ops->clock(l);
    wheel_init(&l->timers, l->now);
}

void loop_free(loop *l)
{
    if (!l)
        return;
    log_batch_fini(&l->log);
    l->ops->destroy(l);
}

void loop_run(loop *l)
{
    l->ops->run(l);
    atomic_store(&l->stop, false);
}

void loop_stop(loop *l)
{
    atomic_store(&l->stop, true);
    l->ops->wake(l);
}

loop *loop_current(void) { return current; }
uint64_t loop_now(const loop *l) { return l->now; }
int64_t loop_now_ns(const loop *l) { return (int64_t)l->now * 1000000 + l->below_ms; }
int64_t loop_wall(const loop *l) { return l->wall; }

/* ---- a turn ---- */

const uint32_t loop_turn_bound[LOOP_TURN_BOUNDS] = {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000};

const stat_histogram *loop_turn_ms(const loop *l) { return &l->turn_ms; }

loop *loop_turn_begin(loop *l)
{
    loop *outer = current;

    current = l;
    log_collect(&l->log);
    l->ops->clock(l);
    l->in_turn = true;
    return outer;
}

static void run_hooks(loop *l)
{
    for (int round = 0; round < MAX_HOOK_ROUNDS && (round == 0 || l->kicked); round++) {
        l->kicked = false;
        for (loop_hook *h = l->hooks; h; h = h->next)
            h->fn(h);
    }
}

void loop_turn_end(loop *l, loop *outer)
{
    uint64_t began = l->now;

    wheel_run(&l->timers, l->now);
    mailbox_run(&l->box, NULL);
    log_flush(); /* before the hooks send what is told in it */
    run_hooks(l);
    log_collect(outer ? &outer->log : NULL);
    l->in_turn = false;
    current = outer;
    l->ops->clock(l);
    stat_observe(&l->turn_ms, loop_turn_bound, LOOP_TURN_BOUNDS, l->now - began);
}

bool loop_has_work(loop *l)
{
    return l->kicked || !mailbox_is_empty(&l->box) || wheel_next(&l->timers) <= l->now;
}

/* ---- timers ---- */

void loop_timer_init(loop_timer *t, void (*fn)(loop_timer *t))
{
    list_init(&t->link);
    t->due = 0;
    t->fn = fn;
}

/* At least one millisecond ahead: a timer that always rearms itself with 0 runs once a turn, not for ever. */
void loop_timer_set(loop *l, loop_timer *t, uint64_t ms)
{
    loop_timer_cancel(l, t);
    if (!l->in_turn)
        l->ops->clock(l);
    t->due = ms < WHEEL_MAX - l->now ? l->now + (ms ? ms : 1) : WHEEL_MAX;
    wheel_add(&l->timers, t);
}

void loop_timer_cancel(loop *l, loop_timer *t)
{
    if (!t->due)
        return;
    wheel_remove(&l->timers, t);
    t->due = 0;
}

bool loop_timer_is_set(const loop_timer *t) { return t->due != 0; }

bool loop_timer_is_due(const loop *l, const loop_timer *t) { return t->due != 0 && t->due <= l->now; }

/* While timers run the wheel stands at the millisecond they were due. */
uint64_t loop_timer_late(const loop *l) { return l->now - l->timers.now; }

/* ---- tasks ---- */

void loop_post(loop *l, loop_task *t)
{
    if (mailbox_push(&l->box, t))
        l->ops->wake(l);
}

static void drop(loop_task *t)
{
    if (t->drop)
        t->drop(t);
}

void loop_drop_tasks(loop *l) { mailbox_run(&l->box, drop); }

void loop_add_hook(loop *l, loop_hook *h)
{
    h->next = l->hooks;
    l->hooks = h;
}

void loop_kick(loop *l) { l->kicked = true; }

/* ---- sockets ---- */

int loop_watch(loop *l, loop_io *io) { return l->ops->watch(l, io); }

int loop_rewatch(loop *l, loop_io *io, unsigned want)
{
    if (io->want == want)
        return 0;
    io->want = want;
    return l->ops->rewatch(l, io);
}

void loop_unwatch(loop *l, loop_io *io) { l->ops->unwatch(l, io); }
ssize_t loop_read(loop *l, int fd, void *p, size_t n) { return l->ops->read(l, fd, p, n); }
ssize_t loop_write(loop *l, int fd, const void *p, size_t n) { return l->ops->write(l, fd, p, n); }
ssize_t loop_writev(loop *l, int fd, const struct iovec *v, int n) { return l->ops->writev(l, fd, v, n); }
void loop_shutdown(loop *l, int fd) { l->ops->shutdown(l, fd); }
void loop_close(loop *l, int fd) { l->ops->close(l, fd); }

int loop_listen(loop *l, const char *host, int *port, int backlog)
{
    return l->ops->listen(l, host, port, backlog);
}

bool loop_port_is_taken(loop *l, const char *host, int port) { return l->ops->is_taken(l, host, port); }
int loop_accept(loop *l, int listener) { return l->ops->accept(l, listener); }

int loop_connect(loop *l, const struct sockaddr *addr, socklen_t n) { return l->ops->connect(l, addr, n); }
bool loop_is_real(const loop *l) { return l->ops->real; }
int loop_connect_result(loop *l, int fd) { return l->ops->connect_result(l, fd); }
void loop_peer(loop *l, int fd, char *out, size_t n) { l->ops->peer(l, fd, out, n); }
