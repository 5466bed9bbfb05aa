/* A whole server with the classic adapter on a real redis-server, watched from outside by a client of Redis:
 * what it publishes, byte for byte as Node does, what it subscribes, and what it does while Redis is away. */
#include "codec/vectors_test.h"
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

static void on_seen(void *arg, sio_str channel, sio_str payload, sio_str pattern)
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

static bool has_seen(void *arg)
{
    return nseen >= *(unsigned *)arg;
}

static void wait_seen(unsigned n)
{
    rig_wait(&g, has_seen, &n);
}

static const char *redis_says(const sio_str *argv, unsigned argc)
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

static void on_state(void *arg, bool up, const char *why)
{
    one *o = arg;

    assert_true(up || why);
    atomic_fetch_add(up ? &o->ups : &o->downs, 1);
}

static void *run(void *arg)
{
    one *o = arg;

    assert_int_equal(sio_server_run(o->io), 0);
    return NULL;
}

static sio_redis_options redis_options_of(one *o)
{
    sio_redis_options r;

    sio_redis_options_init(&r);
    r.url = server.url;
    r.on_state = on_state;
    r.arg = o;
    return r;
}

static void on_sse(sio_ns *ns, sio_in *in)
{
    (void)ns;
    sio_ack(in, sio_arg(in, 0));
}

static void make(one *o, const sio_redis_options *r)
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

static bool is_joined(void *arg)
{
    return atomic_load(&((one *)arg)->ups) > 0;
}
static bool is_away(void *arg)
{
    return atomic_load(&((one *)arg)->downs) > 0;
}
static bool has_ended(void *arg)
{
    return atomic_load(&((one *)arg)->done) > 0;
}

/* The rig's loop sleeps while others work: a tick looks after what they have done. */
static void on_tick(loop_timer *t)
{
    loop_timer_set(g.l, t, 2);
}

static loop_timer tick;

/* The last word of the channel names that Redis knows for the namespace: KEY-response#NSP#UID#. */
static void find_uid(const char *nsp, char uid[7])
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

static void start_with(one *o, const sio_redis_options *r)
{
    make(o, r);
    assert_int_equal(pthread_create(&o->thread, NULL, run, o), 0);
    o->runs = true;
    rig_wait(&g, is_joined, o);
}

static void start(one *o)
{
    sio_redis_options r = redis_options_of(o);

    *o = (one){0};
    start_with(o, &r);
    find_uid("/", o->uid);
    find_uid("/admin", o->admin_uid);
}

static void stop(one *o)
{
    if (o->runs) {
        sio_server_stop(o->io, 500);
        pthread_join(o->thread, NULL);
    }
    sio_server_free(o->io);
}

static int open_all(void **state)
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

static int close_all(void **state)
{
    (void)state;
    redis_free(watcher.r);
    redis_free(asker.r);
    loop_timer_cancel(g.l, &tick);
    rig_close(&g);
    redis_server_stop(&server);
    return 0;
}

/* ---- what is published ---- */

/* One message comes of it. */
#define DO(body)                                                                                             \
    do {                                                                                                     \
        const unsigned before_ = nseen;                                                                      \
        body;                                                                                                \
        wait_seen(before_ + 1);                                                                              \
        assert_int_equal(nseen, before_ + 1);                                                                \
    } while (0)

/* What Node has published for the same call, with our uid where it had its own. */
static void assert_as_node(const one *o, const char *trigger)
{
    const seen *s = &got[nseen - 1];
    char want[600], quoted[200];
    sio_str vector, v, bytes;
    vectors f;
    bool admin;

    snprintf(quoted, sizeof quoted, "\"%s\"", trigger);
    for (vectors_open(&f, "redis_classic.json"); vectors_next(&f, &vector);)
        if (json_get(vector, sio_lit("trigger"), &v) && sio_str_eq(v, sio_str_z(quoted)) &&
            json_get(vector, sio_lit("payload_hex"), &v))
            break;
    if (!vector.p || !json_get(vector, sio_lit("payload_hex"), &v))
        fail_msg("no vector %s", trigger);
    bytes = vectors_bytes(&f, v);
    memcpy(want, bytes.p, bytes.n);
    for (size_t i = 0; i + 6 <= bytes.n; i++) {
        admin = memcmp(want + i, "T_yOod", 6) == 0;
        if (admin || memcmp(want + i, "FX2XUr", 6) == 0)
            memcpy(want + i, admin ? o->admin_uid : o->uid, 6);
    }
    assert_true(json_get(vector, sio_lit("channel"), &v));
    assert_string_equal(s->channel, vectors_text(&f, v).p);
    if (s->n != bytes.n || memcmp(s->bytes, want, s->n) != 0)
        fail_msg("%s: %.*s", trigger, (int)s->n, s->bytes);
    vectors_close(&f);
}

static void test_events_as_node_publishes_them(void **state)
{
    one o;

    (void)state;
    start(&o);
    DO(sio_emit(o.root, "hello", 1, "two", sio_obj("three", sio_arr(sio_true, sio_null, 1.5))));
    assert_as_node(&o, "io.emit");
    DO(sio_emit(o.root, "bin", sio_bin("\1\2\3", 3), sio_obj("x", sio_bin("\4", 1))));
    assert_as_node(&o, "io.emit binary");
    DO(sio_emit(sio_to(o.root, "room1"), "r", "x"));
    assert_as_node(&o, "io.to(room1).emit");
    DO(sio_emit(sio_except(sio_to(sio_to(o.root, "room1"), "room2"), "room3"), "r2", "y"));
    assert_as_node(&o, "io.to([room1,room2]).except(room3).emit");
    DO(sio_emit(sio_uncompressed(sio_volatile(o.root)), "fl", 1));
    assert_as_node(&o, "io.volatile.compress(false).emit");
    DO(sio_emit(o.admin, "adm", 1));
    assert_as_node(&o, "io.of(/admin).emit");
    stop(&o);
}

static void test_orders_as_node_publishes_them(void **state)
{
    one o;

    (void)state;
    start(&o);
    DO(sio_server_emit(o.root, "sse", 1, "a", sio_obj("b", sio_arr(sio_true))));
    assert_as_node(&o, "serverSideEmit");
    DO(sio_server_emit(o.root, "sse", sio_bin("\1\2", 2)));
    assert_as_node(&o, "serverSideEmit binary");
    DO(sio_server_emit(o.admin, "sse", 1));
    assert_as_node(&o, "serverSideEmit in /admin");
    DO(sio_sockets_leave(sio_except(sio_to(o.root, "room1"), "zz"), "roomX"));
    DO(sio_sockets_join(sio_to(o.root, "room1"), "roomX"));
    assert_string_equal(got[nseen - 1].channel, "socket.io-request#/#");
    DO(sio_sockets_disconnect(sio_to(o.root, "nobody"), true));
    assert_non_null(strstr(got[nseen - 1].bytes,
                           "\"type\":4,\"opts\":{\"rooms\":[\"nobody\"],\"except\":[]},\"close\":true}"));
    stop(&o);
}

/* What goes to this server alone does not leave it; and it does not answer itself. */
static void test_local(void **state)
{
    unsigned before;
    one o;

    (void)state;
    start(&o);
    before = nseen;
    sio_emit(sio_local(o.root), "quiet", 1);
    sio_emit(o.root, "loud", 1);
    wait_seen(before + 1);
    assert_non_null(memmem(got[before].bytes, got[before].n, "loud", 4));
    stop(&o);
}

/* ---- what is subscribed ---- */

static void test_subscriptions(void **state)
{
    one o;

    (void)state;
    start(&o);
    assert_string_equal(ASK_REDIS("PUBSUB", "NUMSUB", "socket.io-request#/#", "socket.io-response#/#",
                                  "socket.io-request#/admin#"),
                        "socket.io-request#/# 1 socket.io-response#/# 1 socket.io-request#/admin# 1");
    assert_string_equal(ASK_REDIS("PUBSUB", "NUMPAT"), "3"); /* the watcher's, too */
    assert_non_null(strstr(ASK_REDIS("CLIENT", "LIST", "TYPE", "pubsub"), "id="));
    stop(&o);
    assert_string_equal(ASK_REDIS("PUBSUB", "NUMSUB", "socket.io-request#/#"), "socket.io-request#/# 0");
    assert_string_equal(ASK_REDIS("PUBSUB", "NUMPAT"), "1");
}

/* ---- threads ---- */

#define THREADS 4
#define EACH    200

typedef struct emitter {
    one *o;
    int k;
} emitter;

static void *emit_many(void *arg)
{
    const emitter *e = arg;

    for (int i = 0; i < EACH; i++)
        sio_emit(sio_to(e->o->root, "order"), "n", e->k, i);
    return NULL;
}

/* ["n", k, i] at the end of the packet's data. */
static void read_order(const seen *s, int *k, int *i)
{
    const uint8_t *p = memmem(s->bytes, s->n, "\x93\xa1n", 3);

    assert_non_null(p);
    *k = p[3];
    *i = p[4] == 0xcc ? p[5] : p[4];
}

static void test_order_of_each_thread(void **state)
{
    emitter e[THREADS];
    pthread_t t[THREADS];
    int next[THREADS] = {0}, k, i;
    unsigned before;
    one o;

    (void)state;
    start(&o);
    before = nseen;
    for (k = 0; k < THREADS; k++) {
        e[k] = (emitter){&o, k};
        assert_int_equal(pthread_create(&t[k], NULL, emit_many, &e[k]), 0);
    }
    for (k = 0; k < THREADS; k++)
        pthread_join(t[k], NULL);
    wait_seen(before + THREADS * EACH);
    for (unsigned n = before; n < nseen; n++) {
        read_order(&got[n], &k, &i);
        assert_int_equal(i, next[k]++);
    }
    stop(&o);
}

/* ---- alone, and without Redis ---- */

static void on_gathered(void *arg, int err, const sio_val *answers, size_t n)
{
    one *o = arg;

    (void)answers;
    atomic_store(&o->err, err);
    atomic_store(&o->n, (int)n);
    atomic_fetch_add(&o->done, 1);
}

static void on_counted(void *arg, int err, unsigned n)
{
    on_gathered(arg, err, NULL, n);
}

static void call_servers(void *arg)
{
    one *o = arg;

    assert_int_equal(sio_server_call(o->root, 0, on_gathered, o, "sse", 1), 0);
}

static void count_servers(void *arg)
{
    one *o = arg;

    assert_int_equal(sio_server_count(o->root, on_counted, o), 0);
}

static void on_loop(one *o, unsigned loop, void (*fn)(void *arg), int err, int n)
{
    atomic_store(&o->done, 0);
    assert_int_equal(sio_post(o->io, loop, fn, o), 0);
    rig_wait(&g, has_ended, o);
    assert_int_equal(atomic_load(&o->err), err);
    assert_int_equal(atomic_load(&o->n), n);
}

static void test_alone(void **state)
{
    unsigned before;
    one o;

    (void)state;
    start(&o);
    before = nseen;
    on_loop(&o, 0, count_servers, 0, 1);
    on_loop(&o, 1, call_servers, 0, 0);
    assert_int_equal(nseen, before); /* nobody is there to be asked */
    stop(&o);
}

static void test_two(void **state)
{
    one a, b;

    (void)state;
    start(&a);
    b = (one){0};
    sio_redis_options r = redis_options_of(&b);
    start_with(&b, &r);
    on_loop(&a, 1, count_servers, 0, 2);
    on_loop(&b, 0, call_servers, 0, 1);
    on_loop(&a, 1, call_servers, 0, 1);
    stop(&b);
    on_loop(&a, 0, count_servers, 0, 1);
    on_loop(&a, 0, call_servers, 0, 0);
    stop(&a);
}

static sio_redis_stats stats_of(const one *o)
{
    sio_redis_stats s;

    sio_redis_stats_read(o->adapter, &s);
    return s;
}

static bool has_lost_ten(void *arg)
{
    return stats_of(arg).lost >= 10;
}

static bool has_lost_three(void *arg)
{
    return stats_of(arg).lost >= 3;
}

static bool has_sent(void *arg)
{
    return stats_of(arg).sent > 0;
}

/* Somebody who subscribes and never answers, as a server that hangs. */
static void test_silent_server(void **state)
{
    sio_redis_options r;
    heard mute;
    one o = {0};

    (void)state;
    r = redis_options_of(&o);
    r.requests_timeout_ms = 50;
    start_with(&o, &r);
    heard_open(&g, &mute, server.url);
    assert_int_equal(
        redis_subscribe(mute.r, REDIS_CHANNEL, sio_lit("socket.io-request#/#"), on_seen, NULL, NULL), 0);
    while (!strstr(ASK_REDIS("PUBSUB", "NUMSUB", "socket.io-request#/#"), " 2"))
        ;
    on_loop(&o, 0, call_servers, SIO_ETIMEOUT, 0);
    on_loop(&o, 1, call_servers, SIO_ETIMEOUT, 0);
    redis_free(mute.r);
    stop(&o);
}

static bool counts_servers(void *arg)
{
    one *o = arg;

    if (atomic_load(&o->done) == 0)
        return false;
    if (atomic_load(&o->err) == 0)
        return true;
    atomic_store(&o->done, 0);
    assert_int_equal(sio_post(o->io, 0, count_servers, o), 0);
    return false;
}

/* Redis goes: what is published is refused and counted, questions end. Redis comes, and all is as before. */
static void test_redis_away(void **state)
{
    one o;

    (void)state;
    start(&o);
    sio_emit(o.root, "before", 1);
    rig_wait(&g, has_sent, &o);
    on_loop(&o, 0, count_servers, 0, 1); /* answered behind it */
    assert_int_equal(stats_of(&o).lost, 0);
    redis_server_kill(&server);
    rig_wait(&g, is_away, &o);
    for (int i = 0; i < 10; i++)
        sio_emit(o.root, "away", i);
    rig_wait(&g, has_lost_ten, &o); /* not all at once: the connection for commands may end a little later */
    assert_int_equal(stats_of(&o).lost, 10);
    on_loop(&o, 1, call_servers, SIO_EUNAVAILABLE, 0);
    on_loop(&o, 0, count_servers, SIO_EUNAVAILABLE, 1);
    assert_int_equal(atomic_load(&o.downs), 1);
    redis_server_restart(&server);
    rig_wait(&g, counts_servers, &o);
    rig_wait(&g, is_up, &watcher);
    rig_wait(&g, is_up, &asker);
    on_loop(&o, 1, count_servers, 0, 1);
    assert_int_equal(atomic_load(&o.ups), 2);
    DO(sio_emit(o.root, "after", 1));
    assert_string_equal(ASK_REDIS("PUBSUB", "NUMSUB", "socket.io-request#/#"), "socket.io-request#/# 1");
    stop(&o);
}

/* A server may be there before Redis is. */
static void test_redis_comes_later(void **state)
{
    sio_redis_options r;
    one o = {0};

    (void)state;
    r = redis_options_of(&o);
    redis_server_kill(&server);
    make(&o, &r);
    assert_int_equal(pthread_create(&o.thread, NULL, run, &o), 0);
    o.runs = true;
    rig_wait(&g, is_away, &o);
    sio_emit(o.root, "away", 1);
    assert_int_equal(stats_of(&o).lost, 1);
    redis_server_restart(&server);
    rig_wait(&g, is_joined, &o);
    rig_wait(&g, is_up, &watcher);
    rig_wait(&g, is_up, &asker);
    assert_int_equal(atomic_load(&o.downs), 1);
    DO(sio_emit(o.root, "here", 1));
    stop(&o);
}

/* One who may subscribe, and may not publish: refused, counted, and the server goes on. */
static void test_no_rights(void **state)
{
    char url[100];
    sio_redis_options r;
    one o = {0};

    (void)state;
    ASK_REDIS("ACL", "SETUSER", "deaf", "on", ">pw", "allcommands", "allchannels", "allkeys", "-publish");
    snprintf(url, sizeof url, "redis://deaf:pw@127.0.0.1:%d", server.port);
    r = redis_options_of(&o);
    r.url = url;
    start_with(&o, &r);
    for (int i = 0; i < 3; i++)
        sio_emit(o.root, "unheard", i);
    rig_wait(&g, has_lost_three, &o);
    on_loop(&o, 1, count_servers, 0, 1);
    stop(&o);
}

/* A question under way when Redis goes ends then, and not with its time. */
static void test_redis_goes_while_asked(void **state)
{
    sio_redis_options r;
    heard mute;
    one o = {0};

    (void)state;
    r = redis_options_of(&o);
    r.requests_timeout_ms = 60000;
    start_with(&o, &r);
    heard_open(&g, &mute, server.url);
    assert_int_equal(
        redis_subscribe(mute.r, REDIS_CHANNEL, sio_lit("socket.io-request#/#"), on_seen, NULL, NULL), 0);
    while (!strstr(ASK_REDIS("PUBSUB", "NUMSUB", "socket.io-request#/#"), " 2"))
        ;
    unsigned before = nseen;
    atomic_store(&o.done, 0);
    assert_int_equal(sio_post(o.io, 1, call_servers, &o), 0);
    wait_seen(before + 1);
    redis_server_kill(&server);
    rig_wait(&g, has_ended, &o);
    assert_int_equal(atomic_load(&o.err), SIO_EUNAVAILABLE);
    redis_free(mute.r);
    stop(&o);
    redis_server_restart(&server);
    rig_wait(&g, is_up, &watcher);
    rig_wait(&g, is_up, &asker);
}

/* Redis stands still: what the kernel does not take any more waits up to max_unsent, and the rest is lost and
 * counted. */
static void test_redis_hangs(void **state)
{
    static char big[20000];
    const sio_str text = {big, sizeof big};
    sio_redis_options r;
    one o = {0};
    int sent = 0;

    (void)state;
    memset(big, 'x', sizeof big);
    r = redis_options_of(&o);
    r.max_unsent = 100000;
    start_with(&o, &r);
    find_uid("/", o.uid);
    kill(server.pid, SIGSTOP);
    while (stats_of(&o).lost == 0 && sent++ < 5000)
        sio_emit(o.root, "big", text);
    kill(server.pid, SIGCONT);
    assert_in_range(sent, 1, 4999);
    atomic_store(&o.err, SIO_EUNAVAILABLE);
    atomic_store(&o.done, 1);
    rig_wait(&g, counts_servers, &o);
    DO(sio_emit(o.root, "after", 1));
    stop(&o);
}

/* ---- names ---- */

/* A name full of what patterns are made of is heard, and only itself. */
static void test_glob_names(void **state)
{
    static const char *const name[] = {"/a*b", "/q?", "/[x]", "/back\\slash", "/a#b"};
    char channel[100];
    unsigned before;
    sio_redis_options r;
    uint64_t had;
    one o = {0};

    (void)state;
    r = redis_options_of(&o);
    make(&o, &r);
    for (unsigned i = 0; i < sizeof name / sizeof *name; i++)
        assert_non_null(sio_of(o.io, name[i], NULL));
    assert_int_equal(pthread_create(&o.thread, NULL, run, &o), 0);
    o.runs = true;
    rig_wait(&g, is_joined, &o);
    for (unsigned i = 0; i < sizeof name / sizeof *name; i++) {
        snprintf(channel, sizeof channel, "socket.io-request#%s#", name[i]);
        while (!strstr(ASK_REDIS("PUBSUB", "NUMSUB", channel), " 1"))
            ;
    }
    had = stats_of(&o).received;
    for (unsigned i = 0; i < sizeof name / sizeof *name; i++) {
        buf m;

        buf_init(&m, 200);
        buf_printf(&m,
                   "\x93\xa1x\x83\xa4type\x02\xa4"
                   "data\x91\xa1"
                   "e\xa3nsp%c%s",
                   (char)(0xa0 + strlen(name[i])), name[i]);
        buf_add(&m, "\x80", 1);
        snprintf(channel, sizeof channel, "socket.io#%s#", name[i]);
        before = nseen;
        ASK_REDIS("PUBLISH", channel, buf_str(&m));
        wait_seen(before + 1);
        buf_fini(&m);
    }
    on_loop(&o, 0, count_servers, 0, 1); /* a round trip behind them all */
    while (stats_of(&o).received < had + 5)
        rig_try(&g, 5, NULL, NULL);
    assert_int_equal(stats_of(&o).received, had + 5);
    stop(&o);
}

/* ---- what is refused ---- */

static uint64_t refused_of(const one *o)
{
    sio_stats s;

    sio_stats_read(o->io, &s);
    return s.refused_remote;
}

static void test_garbage(void **state)
{
    static const sio_str bad[] = {SIO_STR(""),
                                  SIO_STR("{nope"),
                                  SIO_STR("\xc0"),
                                  SIO_STR("\x93\xc0\xc0\xc0"),
                                  SIO_STR("{\"type\":5}"),
                                  SIO_STR("\xdd\xff\xff\xff\xff"),
                                  SIO_STR("[]")};
    unsigned n = sizeof bad / sizeof *bad;
    one o;

    (void)state;
    start(&o);
    for (unsigned i = 0; i < n; i++) {
        ASK_REDIS("PUBLISH", "socket.io#/#", bad[i]);
        ASK_REDIS("PUBLISH", "socket.io-request#/#", bad[i]);
        ASK_REDIS("PUBLISH", "socket.io-response#/#", bad[i]); /* nobody waits: not looked at */
    }
    while (refused_of(&o) < 2 * n)
        rig_try(&g, 5, NULL, NULL);
    assert_int_equal(refused_of(&o), 2 * n);
    on_loop(&o, 0, count_servers, 0, 1);
    stop(&o);
}

/* ---- options ---- */

static void test_options(void **state)
{
    sio_redis_options r;
    sio_adapter *a;

    (void)state;
    sio_redis_options_init(&r);
    assert_int_equal(sio_redis_adapter(&a, &r), SIO_EINVAL);
    r.url = "http://x";
    assert_int_equal(sio_redis_adapter(&a, &r), SIO_EINVAL);
    r.url = server.url;
    r.key = "";
    assert_int_equal(sio_redis_adapter(&a, &r), SIO_EINVAL);
    r.key = "k";
    r.size = 1;
    assert_int_equal(sio_redis_adapter(&a, &r), SIO_EINVAL);
    r.size = sizeof r;
    assert_int_equal(sio_redis_adapter(&a, &r), 0);
    a->ops->free(a);
}

/* Over max_unsent nothing waits, and all of it is counted. */
static void test_too_much(void **state)
{
    char big[400];
    const sio_str text = {big, sizeof big};
    sio_redis_options r;
    one o = {0};

    (void)state;
    r = redis_options_of(&o);
    r.max_unsent = 300;
    start_with(&o, &r);
    memset(big, 'x', sizeof big);
    sio_emit(o.root, "big", text); /* this server's clients have got it */
    assert_int_equal(stats_of(&o).lost, 1);
    DO(sio_emit(o.root, "small", 1));
    stop(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_events_as_node_publishes_them),
        cmocka_unit_test(test_orders_as_node_publishes_them),
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_subscriptions),
        cmocka_unit_test(test_order_of_each_thread),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_silent_server),
        cmocka_unit_test(test_glob_names),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_redis_hangs),
        cmocka_unit_test(test_redis_away),
        cmocka_unit_test(test_redis_comes_later),
        cmocka_unit_test(test_no_rights),
        cmocka_unit_test(test_redis_goes_while_asked),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
