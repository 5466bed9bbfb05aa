/* For the tests of the classic adapter: whole servers on threads of their own, on a real redis-server,
 * watched from outside by a client of Redis. */
#ifndef CLUSTER_CLASSIC_RIG_TEST_H
#define CLUSTER_CLASSIC_RIG_TEST_H

#include "redis/rig_test.h"
#include "sio_redis.h"

#include <pthread.h>
#include <stdatomic.h>

#define SEEN 4096

typedef struct seen {
    char channel[100];
    char bytes[600];
    size_t n;
} seen;

/* One server on threads of its own. */
typedef struct one {
    sio_server *io;
    sio_adapter *adapter;
    sio_ns *root, *admin;
    pthread_t thread;
    bool runs;
    atomic_int ups, downs, done, err, n; /* on_state; what a call on a loop gave */
    char uid[7], admin_uid[7];
} one;

static rig g;
static redis_server server;
static heard watcher, asker;
static seen got[SEEN];
static unsigned nseen;

/* ---- watching ---- */

static inline void on_seen(void *arg, sio_str channel, sio_str payload, sio_str pattern)
{
    seen *s = &got[nseen];

    (void)arg;
    (void)pattern;
    if (payload.n > sizeof s->bytes)
        return; /* those of test_redis_hangs */
    assert_true(nseen < SEEN && channel.n < sizeof s->channel);
    memcpy(s->channel, channel.p, channel.n);
    s->channel[channel.n] = 0;
    memcpy(s->bytes, payload.p, payload.n);
    s->n = payload.n;
    nseen++;
}

static inline bool has_seen(void *arg)
{
    return nseen >= *(unsigned *)arg;
}

static inline void wait_seen(unsigned n)
{
    rig_wait(&g, has_seen, &n);
}

static inline const char *redis_says(const sio_str *argv, unsigned argc)
{
    static answer a;

    memset(&a, 0, sizeof a);
    assert_int_equal(redis_command(asker.r, on_answer, &a, argv, argc), 0);
    rig_wait(&g, is_answered, &a);
    assert_int_equal(a.err, 0);
    return a.text;
}
#define ASK_REDIS(...) redis_says((const sio_str[]){REDIS_MAP_(__VA_ARGS__)}, SIO_COUNT_(__VA_ARGS__))

/* ---- the server ---- */

static inline void on_state(void *arg, bool up, const char *why)
{
    one *o = arg;

    assert_true(up || why);
    atomic_fetch_add(up ? &o->ups : &o->downs, 1);
}

static inline void *run(void *arg)
{
    one *o = arg;

    assert_int_equal(sio_server_run(o->io), 0);
    return NULL;
}

static inline sio_redis_options redis_options_of(one *o)
{
    sio_redis_options r;

    sio_redis_options_init(&r);
    r.url = server.url;
    r.on_state = on_state;
    r.arg = o;
    return r;
}

static inline void on_sse(sio_ns *ns, sio_in *in)
{
    (void)ns;
    sio_ack(in, sio_arg(in, 0));
}

static inline void make(one *o, const sio_redis_options *r)
{
    sio_options s;

    sio_options_init(&s);
    s.host = "127.0.0.1";
    s.port = 0;
    s.loops = 2;
    assert_int_equal(sio_redis_adapter(&s.adapter, r), 0);
    o->adapter = s.adapter;
    assert_int_equal(sio_server_new(&o->io, &s), 0);
    o->root = sio_of(o->io, "/", NULL);
    o->admin = sio_of(o->io, "/admin", NULL);
    sio_on_server(o->root, "sse", on_sse);
    assert_int_equal(sio_server_listen(o->io), 0);
}

static inline bool is_joined(void *arg)
{
    return atomic_load(&((one *)arg)->ups) > 0;
}
static inline bool is_away(void *arg)
{
    return atomic_load(&((one *)arg)->downs) > 0;
}
static inline bool has_ended(void *arg)
{
    return atomic_load(&((one *)arg)->done) > 0;
}

/* The rig's loop sleeps while others work: a tick looks after what they have done. */
static inline void on_tick(loop_timer *t)
{
    loop_timer_set(g.l, t, 2);
}

static loop_timer tick;

/* The last word of the channel names that Redis knows for the namespace: KEY-response#NSP#UID#. */
static inline void find_uid(const char *nsp, char uid[7])
{
    char pattern[100], *end;
    const char *names;

    snprintf(pattern, sizeof pattern, "socket.io-response#%s#??????#", nsp);
    names = ASK_REDIS("PUBSUB", "CHANNELS", pattern);
    end = strrchr(names, '#');
    assert_non_null(end);
    memcpy(uid, end - 6, 6);
    uid[6] = 0;
}

static inline void start_with(one *o, const sio_redis_options *r)
{
    make(o, r);
    assert_int_equal(pthread_create(&o->thread, NULL, run, o), 0);
    o->runs = true;
    rig_wait(&g, is_joined, o);
}

static inline void start(one *o)
{
    sio_redis_options r = redis_options_of(o);

    *o = (one){0};
    start_with(o, &r);
    find_uid("/", o->uid);
    find_uid("/admin", o->admin_uid);
}

static inline void stop(one *o)
{
    if (o->runs) {
        sio_server_stop(o->io, 500);
        pthread_join(o->thread, NULL);
    }
    sio_server_free(o->io);
}

static inline int open_all(void **state)
{
    unsigned patterns = 0;

    (void)state;
    rig_open(&g);
    loop_timer_init(&tick, on_tick);
    loop_timer_set(g.l, &tick, 2);
    redis_server_start(&server);
    heard_open(&g, &watcher, server.url);
    heard_open(&g, &asker, server.url);
    nseen = patterns;
    assert_int_equal(redis_subscribe(watcher.r, REDIS_PATTERN, sio_lit("*"), on_seen, NULL, NULL), 0);
    while (strcmp(ASK_REDIS("PUBSUB", "NUMPAT"), "0") == 0)
        ;
    return 0;
}

static inline int close_all(void **state)
{
    (void)state;
    redis_free(watcher.r);
    redis_free(asker.r);
    loop_timer_cancel(g.l, &tick);
    rig_close(&g);
    redis_server_stop(&server);
    return 0;
}

/* One message comes of it. */
#define DO(body)                                                                                             \
    do {                                                                                                     \
        const unsigned before_ = nseen;                                                                      \
        body;                                                                                                \
        wait_seen(before_ + 1);                                                                              \
        assert_int_equal(nseen, before_ + 1);                                                                \
    } while (0)

/* ---- calls on a loop ---- */

static inline void on_gathered(void *arg, int err, const sio_val *answers, size_t n)
{
    one *o = arg;

    (void)answers;
    atomic_store(&o->err, err);
    atomic_store(&o->n, (int)n);
    atomic_fetch_add(&o->done, 1);
}

static inline void on_counted(void *arg, int err, unsigned n)
{
    on_gathered(arg, err, NULL, n);
}

static inline void call_servers(void *arg)
{
    one *o = arg;

    assert_int_equal(sio_server_call(o->root, 0, on_gathered, o, "sse", 1), 0);
}

static inline void count_servers(void *arg)
{
    one *o = arg;

    assert_int_equal(sio_server_count(o->root, on_counted, o), 0);
}

static inline void on_loop(one *o, unsigned loop, void (*fn)(void *arg), int err, int n)
{
    atomic_store(&o->done, 0);
    assert_int_equal(sio_post(o->io, loop, fn, o), 0);
    rig_wait(&g, has_ended, o);
    assert_int_equal(atomic_load(&o->err), err);
    assert_int_equal(atomic_load(&o->n), n);
}

static inline sio_redis_stats stats_of(const one *o)
{
    sio_redis_stats s;

    sio_redis_stats_read(o->adapter, &s);
    return s;
}

#endif
