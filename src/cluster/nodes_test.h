/* Several servers in one process, in a cluster over a redis-server of the test's own. What others and they
 * themselves broadcast is not delivered to clients, of which there are none, but noted. */
#ifndef CLUSTER_NODES_TEST_H
#define CLUSTER_NODES_TEST_H

#include "base/testing.h"

#include "sio_redis.h"
#include "redis/server_test.h"

#include <pthread.h>

#define NODES_MAX         3
#define NODES_EVENTS      20000
#define NODES_PATIENCE_S  20

/* A server, and the numbers that came in events "e", in order. */
typedef struct node_rig {
    sio_server     *io;
    sio_adapter    *adapter;
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  more;
    unsigned        n;
    int             ups;
    int64_t         seen[NODES_EVENTS];
} node_rig;

typedef struct nodes {
    redis_server redis;
    unsigned     n;
    node_rig     node[NODES_MAX];
} nodes;

static inline bool nodes_on_broadcast(sio_ns *ns, const sio_str *rooms, size_t nrooms, sio_val args)
{
    node_rig *r = sio_context(sio_ns_server(ns));
    int64_t number = -1;

    (void)rooms;
    (void)nrooms;
    sio_int(sio_at(args, 1), &number);
    pthread_mutex_lock(&r->lock);
    if (r->n < NODES_EVENTS)
        r->seen[r->n++] = number;
    pthread_cond_broadcast(&r->more);
    pthread_mutex_unlock(&r->lock);
    return true;
}

static inline void nodes_on_state(void *arg, bool up, const char *why)
{
    node_rig *r = arg;

    (void)why;
    pthread_mutex_lock(&r->lock);
    r->ups += up;
    pthread_cond_broadcast(&r->more);
    pthread_mutex_unlock(&r->lock);
}

static inline void *nodes_run(void *arg)
{
    assert_int_equal(sio_server_run(arg), 0);
    return NULL;
}

static inline void node_open(node_rig *r, sio_redis_options *how, const char *const *ns)
{
    sio_options o;

    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->more, NULL);
    sio_options_init(&o);
    o.host = "127.0.0.1";
    o.port = 0;
    o.loops = 2;
    o.context = r;
    o.recovery_ms = 60000;
    how->on_state = nodes_on_state;
    how->arg = r;
    assert_int_equal(sio_redis_adapter(&r->adapter, how), 0);
    o.adapter = r->adapter;
    assert_int_equal(sio_server_new(&r->io, &o), 0);
    for (; *ns; ns++)
        sio_on_broadcast(sio_of(r->io, *ns, NULL), nodes_on_broadcast);
    assert_int_equal(sio_server_listen(r->io), 0);
    assert_int_equal(pthread_create(&r->thread, NULL, nodes_run, r->io), 0);
}

/* Waits for something that nodes_on_... tell about. */
static inline void node_wait_(node_rig *r, bool (*until)(node_rig *r, int64_t n), int64_t n, const char *what,
                              int line)
{
    struct timespec end;
    int err = 0;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += NODES_PATIENCE_S;
    pthread_mutex_lock(&r->lock);
    while (!until(r, n) && err == 0)
        err = pthread_cond_timedwait(&r->more, &r->lock, &end);
    pthread_mutex_unlock(&r->lock);
    if (err)
        fail_msg("line %d: waited in vain for %s(%lld): %u events, %d times up", line, what, (long long)n,
                 r->n, r->ups);
}
#define node_wait(r, until, n) node_wait_(r, until, n, #until, __LINE__)

static inline bool node_is_up(node_rig *r, int64_t times) { return r->ups >= times; }
static inline bool node_has(node_rig *r, int64_t n) { return r->n >= n; }
/* The number was among the events. */
static inline bool node_heard(node_rig *r, int64_t number)
{
    for (unsigned i = r->n; i > 0; i--) /* it is mostly one of the last */
        if (r->seen[i - 1] == number)
            return true;
    return false;
}

static inline void node_forget(node_rig *r)
{
    pthread_mutex_lock(&r->lock);
    r->n = 0;
    pthread_mutex_unlock(&r->lock);
}

static inline unsigned node_times(node_rig *r, int64_t number)
{
    unsigned times = 0;

    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->n; i++)
        times += r->seen[i] == number;
    pthread_mutex_unlock(&r->lock);
    return times;
}

static inline sio_ns *node_ns(node_rig *r, const char *name)
{
    sio_ns *ns = sio_find_ns(r->io, sio_s(name));

    assert_non_null(ns);
    return ns;
}

static inline void node_emit(node_rig *r, const char *ns, int64_t number)
{
    assert_int_equal(sio_emit(node_ns(r, ns), "e", number), 0);
}

/* ns: names, NULL behind the last. */
static inline nodes *nodes_open(unsigned n, sio_redis_options *how, const char *const *ns)
{
    nodes *all = calloc(1, sizeof *all);

    assert_non_null(all);
    redis_server_start(&all->redis);
    how->url = all->redis.url;
    all->n = n;
    for (unsigned i = 0; i < n; i++)
        node_open(&all->node[i], how, ns);
    for (unsigned i = 0; i < n; i++)
        node_wait(&all->node[i], node_is_up, 1);
    return all;
}

/* Everybody hears everybody: what was emitted before the last one came up is not what a test is about. */
static inline void nodes_meet(nodes *all, const char *ns)
{
    for (unsigned i = 0; i < all->n; i++) {
        int64_t hello = 1000000 + i;

        for (unsigned k = 0; k < all->n; k++) {
            if (k == i && !all->node[i].adapter->ops->delivers)
                continue; /* what a server does for itself is not noted */
            for (unsigned tries = 0; tries < 2000 && !node_times(&all->node[k], hello); tries++) {
                struct timespec moment = {0, 10000000};

                node_emit(&all->node[i], ns, hello);
                nanosleep(&moment, NULL);
            }
            node_wait(&all->node[k], node_heard, hello);
        }
    }
}

static inline void nodes_close(nodes *all)
{
    for (unsigned i = 0; i < all->n; i++)
        sio_server_stop(all->node[i].io, 1000);
    for (unsigned i = 0; i < all->n; i++) {
        pthread_join(all->node[i].thread, NULL);
        sio_server_free(all->node[i].io);
        pthread_cond_destroy(&all->node[i].more);
        pthread_mutex_destroy(&all->node[i].lock);
    }
    redis_server_stop(&all->redis);
    free(all);
}

#endif
