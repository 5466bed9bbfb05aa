/* A whole server with the classic adapter on a real redis-server: what it publishes, byte for byte as Node
 * does, what it subscribes, what it refuses. */
#include "cluster/classic_rig_test.h"
#include "codec/vectors_test.h"

/* ---- what is published ---- */

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

/* ---- alone and with another ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_as_node_publishes_them),
        cmocka_unit_test(test_orders_as_node_publishes_them),
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_subscriptions),
        cmocka_unit_test(test_order_of_each_thread),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_glob_names),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
