/* Servers in a cluster over Redis streams: one order for all, nothing lost and nothing twice when Redis
 * comes and goes. */
#include "cluster/nodes_test.h"

#include "base/log.h"

static const char *const root[] = {"/", NULL};
static unsigned trimmed_lines;
static node_rig *listener; /* for those lines */

static bool has_told_of_trimming(node_rig *r, int64_t n)
{
    (void)r;
    return trimmed_lines >= n;
}

static void note_log(log_level level, const char *line, const log_field *fields, size_t n)
{
    (void)fields;
    (void)n;
    if (level != LOG_WARN || !strstr(line, "trimmed beyond"))
        return;
    pthread_mutex_lock(&listener->lock);
    trimmed_lines++;
    pthread_cond_broadcast(&listener->more);
    pthread_mutex_unlock(&listener->lock);
}

static sio_redis_options how(void)
{
    sio_redis_options o;

    sio_redis_options_init(&o);
    o.mode = SIO_REDIS_STREAMS;
    o.block_ms = 1000;
    return o;
}

static nodes *open_nodes(unsigned n)
{
    sio_redis_options o = how();
    nodes *all = nodes_open(n, &o, root);

    nodes_meet(all, "/");
    for (unsigned i = 0; i < n; i++)
        node_forget(&all->node[i]);
    return all;
}

static void wait_for_all(nodes *all, int64_t number)
{
    for (unsigned i = 0; i < all->n; i++)
        node_wait(&all->node[i], node_heard, number);
}

static void assert_once_everywhere(nodes *all, int64_t from, int64_t to)
{
    for (unsigned i = 0; i < all->n; i++)
        for (int64_t k = from; k < to; k++)
            if (node_times(&all->node[i], k) != 1)
                fail_msg("server %u heard %lld %u times", i, (long long)k, node_times(&all->node[i], k));
}

/* ---- order ---- */

typedef struct speaker {
    node_rig *r;
    int64_t   from, n;
} speaker;

#define UNHEARD 25

/* Who has to wait for Redis for too long hears itself out of order: nobody says more than comes back soon. */
static void *speak(void *arg)
{
    const speaker *s = arg;

    for (int64_t k = 0; k < s->n; k++) {
        node_emit(s->r, "/", s->from + k);
        if (k % UNHEARD == UNHEARD - 1)
            node_wait(s->r, node_heard, s->from + k);
    }
    return NULL;
}

static void test_one_order_for_all(void **state)
{
    nodes *all = open_nodes(3);
    pthread_t thread[3];
    speaker who[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        who[i] = (speaker){&all->node[i], (int64_t)i * 1000, 1000};
        assert_int_equal(pthread_create(&thread[i], NULL, speak, &who[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < 3; i++)
        node_wait(&all->node[i], node_has, 3000);
    for (unsigned i = 1; i < 3; i++)
        assert_memory_equal(all->node[i].seen, all->node[0].seen, 3000 * sizeof(int64_t));
    assert_once_everywhere(all, 0, 3000);
    nodes_close(all);
}

/* ---- Redis comes and goes ---- */

static void test_connections_killed_meanwhile(void **state)
{
    nodes *all = open_nodes(2);

    (void)state;
    for (int64_t k = 0; k < 3000; k++) {
        node_emit(&all->node[k % 2], "/", k);
        if (k % 500 == 250)
            redis_server_do(&all->redis,
                            k % 1000 == 250 ? "CLIENT KILL TYPE normal" : "CLIENT KILL TYPE pubsub");
    }
    wait_for_all(all, 2998);
    wait_for_all(all, 2999);
    for (unsigned i = 0; i < 2; i++)
        node_wait(&all->node[i], node_has, 3000);
    assert_once_everywhere(all, 0, 3000);
    nodes_close(all);
}

/* Local clients go on at once; the others hear it when Redis is back, although it has forgotten
 * everything. */
static void test_redis_away(void **state)
{
    nodes *all = open_nodes(2);

    (void)state;
    redis_server_kill(&all->redis);
    for (int64_t k = 0; k < 100; k++)
        node_emit(&all->node[0], "/", k);
    node_wait(&all->node[0], node_heard, 99);
    assert_int_equal(node_times(&all->node[1], 99), 0);
    assert_true(redis_server_launch(&all->redis));
    node_wait(&all->node[1], node_heard, 99);
    node_emit(&all->node[1], "/", 100);
    wait_for_all(all, 100);
    assert_once_everywhere(all, 0, 101);
    nodes_close(all);
}

/* It answers nothing, and nothing says that it is gone. */
static void test_redis_hangs(void **state)
{
    nodes *all = open_nodes(2);

    (void)state;
    kill(all->redis.pid, SIGSTOP);
    for (int64_t k = 0; k < 10; k++)
        node_emit(&all->node[0], "/", k);
    node_wait(&all->node[0], node_heard, 9);
    node_emit(&all->node[0], "/", 10);
    node_wait(&all->node[0], node_heard, 10);
    assert_int_equal(node_times(&all->node[1], 0), 0);
    kill(all->redis.pid, SIGCONT);
    node_wait(&all->node[1], node_heard, 10);
    node_emit(&all->node[0], "/", 11);
    wait_for_all(all, 11);
    assert_once_everywhere(all, 0, 12);
    nodes_close(all);
}

static void test_stream_is_emptied(void **state)
{
    nodes *all = open_nodes(2);

    (void)state;
    for (int64_t k = 0; k < 20; k++) {
        if (k == 10)
            redis_server_do(&all->redis, "FLUSHALL");
        node_emit(&all->node[k % 2], "/", k);
        wait_for_all(all, k);
    }
    assert_once_everywhere(all, 0, 20);
    nodes_close(all);
}

/* What is trimmed while nobody reads cannot be had again, but is told. */
static void test_trimmed_beyond_us(void **state)
{
    static const char lines[] =
        "MULTI\r\nCLIENT KILL TYPE normal\r\nXADD socket.io * a b\r\nXADD socket.io * a b\r\n"
        "XTRIM socket.io MAXLEN 1\r\nEXEC\r\n";
    nodes *all = open_nodes(1);
    char out[400];

    (void)state;
    listener = &all->node[0];
    log_setup(LOG_WARN, note_log);
    assert_true(redis_server_ask(all->redis.port, lines, out, sizeof out));
    node_wait(&all->node[0], has_told_of_trimming, 1);
    node_emit(&all->node[0], "/", 1);
    node_wait(&all->node[0], node_heard, 1);
    assert_int_equal(trimmed_lines, 1);
    log_setup(LOG_INFO, NULL);
    nodes_close(all);
}

/* The queue is full: local clients hear everything, the others what had room. */
static void test_queue_is_bounded(void **state)
{
    sio_redis_options o = how();
    sio_redis_stats stats;
    nodes *all;

    (void)state;
    o.max_unsent = 64u << 10;
    all = nodes_open(2, &o, root);
    nodes_meet(all, "/");
    redis_server_kill(&all->redis);
    for (int64_t k = 0; k < 5000; k++)
        node_emit(&all->node[0], "/", k);
    node_wait(&all->node[0], node_heard, 4999);
    sio_redis_stats_read(all->node[0].adapter, &stats);
    assert_in_range(stats.lost, 1000, 4999);
    assert_true(redis_server_launch(&all->redis));
    node_wait(&all->node[1], node_heard, (int64_t)(4999 - stats.lost));
    assert_int_equal(node_times(&all->node[1], 4999), 0);
    node_emit(&all->node[0], "/", 6000);
    wait_for_all(all, 6000);
    nodes_close(all);
}

/* ---- what others write ---- */

static void test_others_entries(void **state)
{
    static const char *const bad[] = {
        "XADD socket.io * a b",
        "XADD socket.io * uid x nsp / type 3 data {",
        "XADD socket.io * uid x nsp / type 3",
        "XADD socket.io * uid x nsp / type 2", /* a server with the adapter 0.2 */
        "XADD socket.io * uid x nsp / type 1",
        "XADD socket.io * nsp / type 3 data '{\"packet\":{\"type\":2,\"data\":[\"e\",7]},\"opts\":{}}'",
        "XADD socket.io * uid x nsp /nowhere type 3 data "
        "'{\"packet\":{\"type\":2,\"data\":[\"e\",7]},\"opts\":{}}'",
        "XADD socket.io * uid x nsp / type 3 data "
        "'{\"packet\":{\"type\":2,\"data\":[\"e\",7]},\"opts\":{},\"requestId\":\"1\"}'",
        "XADD socket.io * uid x nsp / type 7 data '{\"opts\":{},\"requestId\":\"1\"}'",
        "XADD socket.io * uid x nsp / type 3 data "
        "'{\"packet\":{\"type\":2,\"data\":[\"disconnect\",7]},\"opts\":{}}'",
        "XADD socket.io * uid x nsp / type 3 data //////",
    };
    nodes *all = open_nodes(1);
    node_rig *r = &all->node[0];
    sio_stats before, after;

    (void)state;
    sio_stats_read(r->io, &before);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        redis_server_do(&all->redis, bad[i]);
    redis_server_do(&all->redis, "XADD socket.io * uid x nsp / type 3 data "
                                 "'{\"packet\":{\"type\":2,\"data\":[\"e\",8]},\"opts\":{}}'");
    node_wait(r, node_heard, 8);
    assert_int_equal(node_times(r, 7), 0);
    sio_stats_read(r->io, &after);
    assert_int_equal(after.refused_remote - before.refused_remote, 9);
    nodes_close(all);
}

/* ---- several streams ---- */

static void assert_length(nodes *all, const char *stream, int wanted)
{
    char line[100], out[100], text[20];

    snprintf(line, sizeof line, "XLEN %s\r\n", stream);
    snprintf(text, sizeof text, ":%d\r\n", wanted);
    assert_true(redis_server_ask(all->redis.port, line, out, sizeof out));
    if (strcmp(out, text) != 0)
        fail_msg("%s has %s and not %d entries", stream, out, wanted);
}

static void assert_not_empty(nodes *all, const char *stream)
{
    char line[100], out[100];

    snprintf(line, sizeof line, "XLEN %s\r\n", stream);
    assert_true(redis_server_ask(all->redis.port, line, out, sizeof out));
    assert_true(out[0] == ':' && out[1] != '0');
}

/* "/my-namespace" has a negative hash. */
static void test_several_streams(void **state)
{
    static const char *const names[] = {"/", "/admin", "/my-namespace", NULL};
    sio_redis_options o = how();
    nodes *all;

    (void)state;
    o.stream_count = 2;
    all = nodes_open(2, &o, names);
    for (const char *const *ns = names; *ns; ns++) {
        nodes_meet(all, *ns);
        for (unsigned i = 0; i < all->n; i++)
            node_forget(&all->node[i]);
    }
    assert_length(all, "socket.io", 0);
    assert_length(all, "socket.io--1", 0);
    assert_not_empty(all, "socket.io-0");
    assert_not_empty(all, "socket.io-1");
    redis_server_do(&all->redis, "XADD socket.io--1 * uid x nsp /my-namespace type 3 data "
                                 "'{\"packet\":{\"type\":2,\"data\":[\"e\",5]},\"opts\":{}}'");
    wait_for_all(all, 5);
    nodes_close(all);
}

static void test_bad_options(void **state)
{
    sio_redis_options o = how();
    sio_options so;
    sio_server *io;

    (void)state;
    sio_options_init(&so);
    so.port = 0;
    o.url = "redis://127.0.0.1:1";
    o.stream_count = 0;
    assert_int_equal(sio_redis_adapter(&so.adapter, &o), 0);
    assert_int_equal(sio_server_new(&io, &so), 0);
    assert_int_equal(sio_server_listen(io), SIO_EINVAL);
    sio_server_free(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_order_for_all), cmocka_unit_test(test_connections_killed_meanwhile),
        cmocka_unit_test(test_redis_away),        cmocka_unit_test(test_redis_hangs),
        cmocka_unit_test(test_stream_is_emptied), cmocka_unit_test(test_trimmed_beyond_us),
        cmocka_unit_test(test_queue_is_bounded),  cmocka_unit_test(test_others_entries),
        cmocka_unit_test(test_several_streams),   cmocka_unit_test(test_bad_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
