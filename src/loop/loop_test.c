#include "base/testing.h"
#include "loop/loop_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- the wheel against a plain list ---- */

#define NTIMERS 300

struct probe {
    loop_timer t;
    uint64_t   due;
    unsigned   runs;
};

static struct {
    wheel        w;
    struct probe p[NTIMERS];
    uint64_t     now, last;
    unsigned     fired;
} model;

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    return *x ^= *x << 17;
}

static void model_set(struct probe *p, uint64_t in)
{
    if (p->t.due) {
        wheel_remove(&model.w, &p->t);
        p->t.due = 0;
    }
    p->due = p->t.due = model.now + in;
    wheel_add(&model.w, &p->t);
}

static void on_probe(loop_timer *t)
{
    struct probe *p = container_of(t, struct probe, t);

    assert_int_equal(p->t.due, 0);
    assert_true(p->due <= model.now);
    assert_true(p->due >= model.last); /* in order of time */
    model.last = p->due;
    p->runs++;
    model.fired++;
}

static void wheel_agrees_with_a_list(void **state)
{
    uint64_t x = 88172645463325252u;
    unsigned set = 0, cancelled = 0, pending = 0;

    (void)state;
    model.now = 1000;
    wheel_init(&model.w, model.now);
    for (int i = 0; i < NTIMERS; i++)
        loop_timer_init(&model.p[i].t, on_probe);
    for (int i = 0; i < 200000; i++) {
        struct probe *p = &model.p[next_random(&x) % NTIMERS];
        unsigned what = (unsigned)(next_random(&x) % 8);
        if (what < 4) {
            cancelled += p->t.due != 0;
            model_set(p, 1 + next_random(&x) % (UINT64_C(1) << next_random(&x) % 40));
            set++;
        } else if (what == 4 && p->t.due) {
            wheel_remove(&model.w, &p->t);
            p->t.due = 0;
            cancelled++;
        } else {
            uint64_t first = UINT64_MAX;
            for (int k = 0; k < NTIMERS; k++)
                if (model.p[k].t.due && model.p[k].t.due < first)
                    first = model.p[k].t.due;
            assert_true(wheel_next(&model.w) <= first);
            model.now += next_random(&x) % (UINT64_C(1) << next_random(&x) % 30);
            model.last = 0;
            wheel_run(&model.w, model.now);
            for (int k = 0; k < NTIMERS; k++)
                assert_true(model.p[k].t.due == 0 || model.p[k].t.due > model.now);
        }
    }
    for (int i = 0; i < NTIMERS; i++)
        pending += model.p[i].t.due != 0;
    assert_int_equal(set, model.fired + cancelled + pending);
    assert_true(model.fired > 1000);
}

/* ---- timers on a loop ---- */

#define FAR 600000 /* ms: no machine stands still so long */

static struct {
    loop      *l;
    loop_timer a, b, c, end;
    uint64_t   started, a_ms;
    unsigned   a_runs, b_runs, c_runs;
} timers;

static void on_a(loop_timer *t)
{
    assert_ptr_equal(loop_current(), timers.l);
    timers.a_ms = loop_now(timers.l) - timers.started;
    if (timers.a_runs++ == 0) {
        assert_int_equal(loop_timer_late(timers.l), timers.a_ms - 20);
        assert_int_equal(loop_timer_is_due(timers.l, &timers.b), timers.b.due <= loop_now(timers.l));
        assert_false(loop_timer_is_due(timers.l, &timers.c));
        assert_false(loop_timer_is_due(timers.l, t));
        assert_int_equal(timers.c_runs, 0); /* it was due sooner, then was put off */
    }
    loop_timer_cancel(timers.l, &timers.b);
    loop_timer_cancel(timers.l, t);
    loop_timer_set(timers.l, t, timers.a_runs < 3 ? 0 : FAR);
    if (timers.a_runs == 3)
        loop_timer_set(timers.l, &timers.c, 5);
}

static void on_b(loop_timer *t)
{
    (void)t;
    timers.b_runs++;
}

static void on_c(loop_timer *t)
{
    timers.c_runs++;
    loop_timer_cancel(timers.l, &timers.a);
    loop_timer_set(timers.l, t, UINT64_MAX);
    assert_true(loop_timer_is_set(t));
    loop_timer_cancel(timers.l, t);
    assert_false(loop_timer_is_set(t));
    loop_timer_set(timers.l, &timers.end, 5);
}

static void on_end(loop_timer *t)
{
    (void)t;
    loop_stop(timers.l);
}

static void timers_run_and_cancel_each_other(void **state)
{
    (void)state;
    assert_int_equal(loop_new(&timers.l), 0);
    loop_timer_init(&timers.a, on_a);
    loop_timer_init(&timers.b, on_b);
    loop_timer_init(&timers.c, on_c);
    loop_timer_init(&timers.end, on_end);
    loop_timer_set(timers.l, &timers.a, 20);
    timers.started = loop_now(timers.l);
    loop_timer_set(timers.l, &timers.b, 20);
    loop_timer_set(timers.l, &timers.c, 5);
    loop_timer_set(timers.l, &timers.c, FAR);
    loop_run(timers.l);
    assert_null(loop_current());
    assert_int_equal(timers.a_runs, 3);
    assert_false(loop_timer_is_set(&timers.a));
    assert_true(timers.a_ms >= 20);
    assert_int_equal(timers.b_runs, 0);
    assert_int_equal(timers.c_runs, 1);
    loop_free(timers.l);
}

/* ---- tasks ---- */

#define POSTERS 4
#define POSTS   20000

struct job {
    loop_task t;
    unsigned  poster, seq;
};

static struct {
    loop    *l;
    unsigned seen[POSTERS], total;
} posts;

static void on_job(loop_task *t)
{
    struct job *j = container_of(t, struct job, t);

    assert_int_equal(j->seq, posts.seen[j->poster]);
    posts.seen[j->poster]++;
    free(j);
    if (++posts.total == POSTERS * POSTS)
        loop_stop(posts.l);
}

static void *post_many(void *arg)
{
    for (unsigned i = 0; i < POSTS; i++) {
        struct job *j = malloc(sizeof(*j));
        *j = (struct job){.t.fn = on_job, .poster = (unsigned)(uintptr_t)arg, .seq = i};
        loop_post(posts.l, &j->t);
        if (i % 1000 == 0)
            sched_yield();
    }
    return NULL;
}

static void four_threads_post(void **state)
{
    pthread_t thread[POSTERS];

    (void)state;
    assert_int_equal(loop_new(&posts.l), 0);
    for (uintptr_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, post_many, (void *)i), 0);
    loop_run(posts.l);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(posts.total, POSTERS * POSTS);
    loop_free(posts.l);
}

/* Two loops throw one task to and fro: every throw has to wake a sleeping loop. */
struct ball {
    loop_task t;
    loop     *l[2];
    unsigned  hits;
};

static void on_ball(loop_task *t)
{
    struct ball *b = container_of(t, struct ball, t);

    assert_ptr_equal(loop_current(), b->l[b->hits % 2]);
    if (++b->hits == 20000) {
        loop_stop(b->l[0]);
        loop_stop(b->l[1]);
    } else {
        loop_post(b->l[b->hits % 2], t);
    }
}

static void *run_loop(void *l)
{
    loop_run(l);
    return NULL;
}

static void no_wakeup_is_lost(void **state)
{
    struct ball b = {.t.fn = on_ball};
    pthread_t thread;

    (void)state;
    assert_int_equal(loop_new(&b.l[0]), 0);
    assert_int_equal(loop_new(&b.l[1]), 0);
    assert_int_equal(pthread_create(&thread, NULL, run_loop, b.l[1]), 0);
    loop_post(b.l[0], &b.t);
    loop_run(b.l[0]);
    pthread_join(thread, NULL);
    assert_int_equal(b.hits, 20000);
    loop_free(b.l[0]);
    loop_free(b.l[1]);
}

#define HELD 200

/* A thread that posts much at once to a loop that sleeps. */
static struct held {
    loop     *l;
    loop_task t[HELD];
    loop_hook turn;
    unsigned  ran, before, turns; /* tasks, those before this turn, turns that had any */
} held;

static void on_held(loop_task *t)
{
    (void)t;
    if (++held.ran == HELD)
        loop_stop(held.l);
}

static void on_held_turn(loop_hook *h)
{
    (void)h;
    held.turns += held.ran > held.before;
    held.before = held.ran;
}

static void *post_held(void *arg)
{
    (void)arg;
    while (!atomic_load(&held.l->box.asleep))
        sched_yield();
    loop_wakes_hold();
    for (unsigned i = 0; i < HELD; i++) {
        held.t[i].fn = on_held;
        loop_post(held.l, &held.t[i]);
        sched_yield(); /* a loop that had been woken would run now */
    }
    loop_wakes_release();
    return NULL;
}

static void held_wakes_make_one_turn(void **state)
{
    pthread_t thread;

    (void)state;
    held = (struct held){.turn = {.fn = on_held_turn}};
    assert_int_equal(loop_new(&held.l), 0);
    loop_add_hook(held.l, &held.turn);
    assert_int_equal(pthread_create(&thread, NULL, post_held, NULL), 0);
    loop_run(held.l);
    pthread_join(thread, NULL);
    assert_int_equal(held.ran, HELD);
    assert_int_equal(held.turns, 1);
    loop_free(held.l);
}

static struct {
    loop     *l;
    loop_task t;
    loop_hook first, second;
    unsigned  tasks, first_runs, second_runs;
} turns;

static void on_task(loop_task *t)
{
    /* One round a turn, and one more that was kicked. */
    assert_int_equal(turns.first_runs, turns.tasks + (turns.tasks > 1));
    if (++turns.tasks == 3)
        loop_stop(turns.l);
    else
        loop_post(turns.l, t);
}

static void on_first(loop_hook *h)
{
    (void)h;
    turns.first_runs++;
    assert_int_equal(turns.first_runs, turns.second_runs); /* the hook added last runs first */
}

static void on_second(loop_hook *h)
{
    (void)h;
    turns.second_runs++;
    if (turns.second_runs == 2)
        loop_kick(turns.l);
}

static void hooks_end_every_turn(void **state)
{
    (void)state;
    assert_int_equal(loop_new(&turns.l), 0);
    turns.t.fn = on_task;
    turns.first.fn = on_first;
    turns.second.fn = on_second;
    loop_add_hook(turns.l, &turns.first);
    loop_add_hook(turns.l, &turns.second);
    loop_post(turns.l, &turns.t);
    loop_run(turns.l);
    assert_int_equal(turns.tasks, 3);
    assert_int_equal(turns.first_runs, 4);
    assert_int_equal(turns.second_runs, 4);
    loop_free(turns.l);
}

static loop *signalled;

static void on_signal(int sig)
{
    (void)sig;
    loop_stop(signalled);
}

static void *send_signal(void *arg)
{
    pthread_kill(*(pthread_t *)arg, SIGUSR1);
    return NULL;
}

static void a_signal_handler_may_stop(void **state)
{
    struct sigaction sa = {.sa_handler = on_signal};
    pthread_t self = pthread_self(), thread;

    (void)state;
    assert_int_equal(loop_new(&signalled), 0);
    sigaction(SIGUSR1, &sa, NULL);
    assert_int_equal(pthread_create(&thread, NULL, send_signal, &self), 0);
    loop_run(signalled);
    pthread_join(thread, NULL);
    loop_free(signalled);
}

/* ---- sockets ---- */

struct end {
    loop_io  io;
    unsigned events, calls;
};

static struct {
    loop      *l;
    struct end a, b;
    loop_timer end;
} socks;

static int replaced[2];

static void on_pair(loop_io *io, unsigned events)
{
    struct end *self = container_of(io, struct end, io), *other = self == &socks.a ? &socks.b : &socks.a;

    self->calls++;
    self->events |= events;
    /* Both are readable in this turn; whoever comes first closes the other, whose number is taken again. */
    loop_unwatch(socks.l, &other->io);
    loop_close(socks.l, other->io.fd);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, replaced), 0);
    assert_int_equal(replaced[0], other->io.fd);
    loop_unwatch(socks.l, io);
    loop_stop(socks.l);
}

static void no_event_after_unwatch(void **state)
{
    int a[2], b[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
    assert_int_equal(loop_new(&socks.l), 0);
    socks.a = (struct end){.io = {.fd = a[0], .want = LOOP_READ, .fn = on_pair}};
    socks.b = (struct end){.io = {.fd = b[0], .want = LOOP_READ, .fn = on_pair}};
    assert_int_equal(loop_watch(socks.l, &socks.a.io), 0);
    assert_int_equal(loop_watch(socks.l, &socks.b.io), 0);
    assert_int_equal(send(a[1], "x", 1, 0), 1);
    assert_int_equal(send(b[1], "x", 1, 0), 1);
    loop_run(socks.l);
    assert_int_equal(socks.a.calls + socks.b.calls, 1);
    assert_int_equal(socks.a.events | socks.b.events, LOOP_READ);
    loop_free(socks.l);
    close(socks.a.calls ? a[0] : b[0]);
    close(a[1]);
    close(b[1]);
    close(replaced[0]);
    close(replaced[1]);
}

static void on_closing_pair(loop_io *io, unsigned events)
{
    struct end *self = container_of(io, struct end, io), *other = self == &socks.a ? &socks.b : &socks.a;

    (void)events;
    self->calls++;
    loop_close(socks.l, other->io.fd); /* without unwatching first */
    loop_stop(socks.l);
}

static void no_event_after_close(void **state)
{
    int a[2], b[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
    assert_int_equal(loop_new(&socks.l), 0);
    socks.a = (struct end){.io = {.fd = a[0], .want = LOOP_READ, .fn = on_closing_pair}};
    socks.b = (struct end){.io = {.fd = b[0], .want = LOOP_READ, .fn = on_closing_pair}};
    assert_int_equal(loop_watch(socks.l, &socks.a.io), 0);
    assert_int_equal(loop_watch(socks.l, &socks.b.io), 0);
    assert_int_equal(send(a[1], "x", 1, 0), 1);
    assert_int_equal(send(b[1], "x", 1, 0), 1);
    loop_run(socks.l);
    assert_int_equal(socks.a.calls + socks.b.calls, 1);
    loop_close(socks.l, socks.a.calls ? a[0] : b[0]);
    loop_free(socks.l);
    close(a[1]);
    close(b[1]);
}

static int dial(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static int accept_one(loop *l, int listener)
{
    int fd;

    while ((fd = loop_accept(l, listener)) == -EAGAIN)
        sched_yield();
    return fd;
}

static void listen_accept_read_write(void **state)
{
    loop *l;
    int port = 0, on = 0, second_port;
    socklen_t len = sizeof(on);
    char peer[64], got[16];

    (void)state;
    assert_int_equal(loop_new(&l), 0);
    int listener = loop_listen(l, "127.0.0.1", &port, 16);
    assert_true(listener >= 0);
    assert_true(port > 0);
    second_port = port;
    int second = loop_listen(l, "127.0.0.1", &second_port, 16); /* SO_REUSEPORT */
    assert_true(second >= 0);
    assert_int_equal(second_port, port);
    assert_true(loop_port_is_taken(l, "127.0.0.1", port));
    assert_false(loop_port_is_taken(l, "127.0.0.1", 0));
    loop_close(l, second);
    assert_int_equal(loop_accept(l, listener), -EAGAIN);
    int client = dial(port), fd = accept_one(l, listener);
    assert_true(fd >= 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_true(on);
    loop_peer(l, fd, peer, sizeof(peer));
    assert_string_equal(peer, "127.0.0.1");
    assert_int_equal(loop_read(l, fd, got, sizeof(got)), -EAGAIN);
    struct iovec v[2] = {{(void *)"ab", 2}, {(void *)"cd", 2}};
    assert_int_equal(loop_writev(l, fd, v, 2), 4);
    assert_int_equal(loop_write(l, fd, "e", 1), 1);
    loop_shutdown(l, fd);
    assert_int_equal(recv(client, got, sizeof(got), MSG_WAITALL), 5);
    assert_memory_equal(got, "abcde", 5);
    assert_int_equal(loop_write(l, fd, "x", 1), -EPIPE); /* and no SIGPIPE */
    close(client);
    loop_close(l, fd);
    loop_close(l, listener);
    loop_free(l);
}

static void bad_addresses_are_refused(void **state)
{
    loop *l;
    int port = 0, too_big = 70000;

    (void)state;
    assert_int_equal(loop_new(&l), 0);
    assert_true(loop_listen(l, "999.1.1.1", &port, 16) < 0);
    assert_true(loop_listen(l, "127.0.0.1", &too_big, 16) < 0);
    int everywhere = loop_listen(l, NULL, &port, 16);
    assert_true(everywhere >= 0);
    int client = dial(port), fd = accept_one(l, everywhere);
    char peer[64];
    loop_peer(l, fd, peer, sizeof(peer));
    assert_string_equal(peer, "127.0.0.1"); /* not the mapped form */
    close(client);
    loop_close(l, fd);
    loop_close(l, everywhere);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wheel_agrees_with_a_list),
        cmocka_unit_test(timers_run_and_cancel_each_other),
        cmocka_unit_test(four_threads_post),
        cmocka_unit_test(no_wakeup_is_lost),
        cmocka_unit_test(held_wakes_make_one_turn),
        cmocka_unit_test(hooks_end_every_turn),
        cmocka_unit_test(a_signal_handler_may_stop),
        cmocka_unit_test(no_event_after_unwatch),
        cmocka_unit_test(no_event_after_close),
        cmocka_unit_test(listen_accept_read_write),
        cmocka_unit_test(bad_addresses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
