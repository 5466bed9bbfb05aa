/* The client on a real cluster: three masters and a replica of the first. */
#include "redis/cluster_int.h"
#include "redis/program_test.h"

#define NODES 4

static redis_server node[NODES];
static char id[NODES][41], url[200];

/* ---- the cluster ---- */

static void tell(int i, const char *format, ...)
{
    char line[300];
    va_list ap;

    va_start(ap, format);
    vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    redis_server_do(&node[i], line);
}

static bool says(int i, const char *question, const char *what)
{
    static char out[4000];

    return redis_server_ask(node[i].port, question, out, sizeof(out)) && strstr(out, what);
}

static void wait_until_says(int i, const char *question, const char *what)
{
    struct timespec moment = {0, 10000000};

    for (int tries = 0; tries < 2000; tries++) {
        if (says(i, question, what))
            return;
        nanosleep(&moment, NULL);
    }
    fail_msg("node %d never says %s", i, what);
}

static void wait_for_agreement(void)
{
    for (int i = 0; i < NODES; i++) {
        wait_until_says(i, "CLUSTER INFO\r\n", "cluster_state:ok");
        wait_until_says(i, "CLUSTER INFO\r\n", "cluster_slots_assigned:16384");
        wait_until_says(i, "CLUSTER INFO\r\n", "cluster_known_nodes:4");
    }
}

static int start_cluster(void **state)
{
    static const char *const args[] = {"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
                                       "--cluster-node-timeout", "2000", "--cluster-require-full-coverage",
                                       "no", "--repl-diskless-sync-delay", "0", NULL};
    static const int first[] = {0, 5461, 10923, CLUSTER_SLOTS};
    char out[100];

    (void)state;
    for (int i = 0; i < NODES; i++) {
        redis_server_start_with(&node[i], args);
        assert_true(redis_server_ask(node[i].port, "CLUSTER MYID\r\n", out, sizeof(out)));
        snprintf(id[i], sizeof(id[i]), "%.40s", out + 5);
        tell(i, "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
        if (i < 3)
            tell(i, "CLUSTER ADDSLOTSRANGE %d %d", first[i], first[i + 1] - 1);
    }
    for (int i = 1; i < NODES; i++)
        tell(i, "CLUSTER MEET 127.0.0.1 %d", node[0].port);
    wait_until_says(3, "CLUSTER INFO\r\n", "cluster_known_nodes:4");
    tell(3, "CLUSTER REPLICATE %s", id[0]);
    wait_for_agreement();
    wait_until_says(3, "INFO replication\r\n", "master_link_status:up");
    for (int i = 0; i < 3; i++)
        wait_until_says(i, "CLUSTER NODES\r\n", "slave");
    snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:1,127.0.0.1:%d,127.0.0.1:%d", node[1].port,
             node[2].port);
    return 0;
}

static int stop_cluster(void **state)
{
    (void)state;
    for (int i = 0; i < NODES; i++)
        redis_server_stop(&node[i]);
    return 0;
}

static int owner(const char *key)
{
    int slot = slot_of(sio_str_z(key));

    return slot < 5461 ? 0 : slot < 10923 ? 1 : 2;
}

/* ---- slots ---- */

static int slot_in(const char *line)
{
    sio_str argv[16];
    unsigned n = 0;

    for (const char *p = line; *p; p += strspn(p, " ")) {
        argv[n++] = (sio_str){p, strcspn(p, " ")};
        p += argv[n - 1].n;
    }
    return slot_of_command(argv, n);
}

static void slots_of_keys(void **state)
{
    static const char *const keys[] = {"a", "foo", "{user1000}.following", "foo{}{bar}", "foo{{bar}}zap",
                                       "foo{bar}{zap}", "{", "}", "{}", "x{", "a}b{c}d", "123456789"};
    heard h;

    (void)state;
    assert_int_equal(slot_of(sio_lit("123456789")), 0x31c3);
    assert_int_equal(slot_of(sio_lit("")), 0);
    heard_open(&g, &h, url);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_int_equal(atoi(ASK(h.r, "CLUSTER", "KEYSLOT", keys[i])), slot_of(sio_str_z(keys[i])));
    redis_free(h.r);
}

static void keys_of_commands(void **state)
{
    int k = slot_of(sio_lit("key"));

    (void)state;
    assert_int_equal(slot_in("GET key"), k);
    assert_int_equal(slot_in("set key 1"), k);
    assert_int_equal(slot_in("SPUBLISH key x"), k);
    assert_int_equal(slot_in("EVAL text 1 key arg"), k);
    assert_int_equal(slot_in("evalsha sha 2 key other"), k);
    assert_int_equal(slot_in("EVALSHA sha 0 arg"), -1);
    assert_int_equal(slot_in("EVALSHA sha 0"), -1);
    assert_int_equal(slot_in("XREAD BLOCK 5 STREAMS key 0"), k);
    assert_int_equal(slot_in("XREADGROUP GROUP g c STREAMS key >"), k);
    assert_int_equal(slot_in("XREAD COUNT 1"), -1);
    assert_int_equal(slot_in("XGROUP CREATE key g"), k);
    assert_int_equal(slot_in("OBJECT ENCODING key"), k);
    assert_int_equal(slot_in("PUBLISH key x"), -1);
    assert_int_equal(slot_in("PING"), -1);
    assert_int_equal(slot_in("GET"), -1);
    assert_int_equal(slot_of_command(NULL, 0), -1);
}

/* ---- commands ---- */

static struct {
    unsigned calls, failed, canceled;
} many;

static void on_many(void *arg, int err, const resp_val *v)
{
    (void)arg;
    many.calls++;
    many.canceled += err == SIO_ECANCELED;
    many.failed += err < 0 || v->kind == RESP_ERROR;
}

static bool all_300(void *arg)
{
    (void)arg;
    return many.calls == 300;
}

static void keys_on_all_nodes(void **state)
{
    char key[32], sum[32];
    heard h;

    (void)state;
    memset(&many, 0, sizeof(many));
    heard_open(&g, &h, url);
    assert_int_equal(h.downs, 1); /* the first seed is nobody */
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        assert_int_equal(redis_cmd(h.r, on_many, NULL, "SET", key, key), 0);
    }
    rig_wait(&g, all_300, NULL);
    assert_int_equal(many.failed, 0);
    for (int i = 0; i < 300; i += 37) {
        snprintf(key, sizeof(key), "key%d", i);
        assert_string_equal(ASK(h.r, "GET", key), key);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(redis_server_ask(node[i].port, "DBSIZE\r\n", sum, sizeof(sum)));
        assert_true(atoi(sum + 1) > 50);
    }
    assert_string_equal(ASK(h.r, "MGET", "key1", "key2"),
                        "-CROSSSLOT Keys in request don't hash to the same slot");
    redis_free(h.r);
}

static void scripts_go_to_their_keys(void **state)
{
    static const char *const keys[] = {"s1", "s2", "s3", "s4", "s5", "s6"};
    redis_script s = {.text = "return redis.call('incr', KEYS[1])"};
    heard h;

    (void)state;
    heard_open(&g, &h, url);
    for (size_t i = 0; i < 6; i++) {
        sio_str key = sio_str_z(keys[i]);
        answer a = {0};
        assert_int_equal(redis_eval(h.r, &s, on_answer, &a, 1, &key, 1), 0);
        rig_wait(&g, is_answered, &a);
        assert_string_equal(a.text, "1");
    }
    redis_free(h.r);
}

static void freed_while_asked(void **state)
{
    char key[32];
    heard h;

    (void)state;
    memset(&many, 0, sizeof(many));
    heard_open(&g, &h, url);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        assert_int_equal(redis_cmd(h.r, on_many, NULL, "SET", key, key), 0);
    }
    assert_int_equal(redis_cmd(h.r, on_many, NULL, "PUBSUB", "NUMSUB", "a"), 0);
    redis_free(h.r);
    assert_int_equal(many.canceled, 301);
}

/* ---- slots on the move ---- */

/* Belongs to every move, of an empty slot too: who imports gets a new epoch, else gossip of the old one may
 * undo it. */
static void begin_move(int slot, int from, int to)
{
    tell(to, "CLUSTER SETSLOT %d IMPORTING %s", slot, id[from]);
    tell(from, "CLUSTER SETSLOT %d MIGRATING %s", slot, id[to]);
}

static void end_move(int slot, int from, int to)
{
    tell(to, "CLUSTER SETSLOT %d NODE %s", slot, id[to]);
    tell(from, "CLUSTER SETSLOT %d NODE %s", slot, id[to]);
}

static void redirected(void **state)
{
    int slot = slot_of(sio_lit("{mv}")), from = owner("{mv}"), to = from == 1 ? 2 : 1;
    heard h;

    (void)state;
    heard_open(&g, &h, url);
    assert_string_equal(ASK(h.r, "SET", "{mv}1", "one"), "OK");
    assert_string_equal(ASK(h.r, "SET", "{mv}2", "two"), "OK");
    begin_move(slot, from, to);
    assert_string_equal(ASK(h.r, "GET", "{mv}1"), "one");
    assert_string_equal(ASK(h.r, "SET", "{mv}3", "three"), "OK"); /* ASK: it is at the new place already */
    assert_true(says(to, "ASKING\r\nGET {mv}3\r\n", "three"));
    assert_string_equal(ASK(h.r, "GET", "{mv}3"), "three");
    tell(from, "MIGRATE 127.0.0.1 %d {mv}1 0 5000", node[to].port);
    answer a = {0};
    /* Half here, half there: TRYAGAIN. */
    assert_int_equal(redis_cmd(h.r, on_answer, &a, "MGET", "{mv}1", "{mv}2"), 0);
    assert_false(rig_try(&g, 120, is_answered, &a));
    tell(from, "MIGRATE 127.0.0.1 %d {mv}2 0 5000", node[to].port);
    end_move(slot, from, to);
    rig_wait(&g, is_answered, &a);
    assert_string_equal(a.text, "one two");
    assert_string_equal(ASK(h.r, "MGET", "{mv}1", "{mv}3"), "one three"); /* MOVED */
    assert_true(redis_is_up(h.r));
    assert_string_equal(ASK(h.r, "DEL", "{mv}1", "{mv}2", "{mv}3"), "3");
    begin_move(slot, to, from);
    end_move(slot, to, from);
    assert_string_equal(ASK(h.r, "GET", "{mv}1"), "nil");
    redis_free(h.r);
}

/* The server ends the subscription when the slot has moved: it is made again where it is now. */
static void shard_subscription_moves(void **state)
{
    int slot = slot_of(sio_lit("ch")), from = owner("ch"), to = from == 2 ? 1 : 2;
    ears e = {.done = 0}, other = {.done = 0};
    char line[64];
    heard s, p;

    (void)state;
    heard_open(&g, &s, url);
    heard_open(&g, &p, url);
    rig_subscribe(s.r, REDIS_SHARD, "ch", &e);
    rig_subscribe(s.r, REDIS_SHARD, "another", &other);
    rig_wait(&g, is_done, &e);
    rig_wait(&g, is_done, &other);
    assert_string_equal(ASK(p.r, "SPUBLISH", "ch", "1"), "1");
    rig_wait(&g, has_heard, &e);
    begin_move(slot, from, to);
    end_move(slot, from, to);
    snprintf(line, sizeof(line), "PUBSUB SHARDNUMSUB ch\r\n");
    for (int tries = 0; !says(to, line, ":1"); tries++) {
        assert_true(tries < 1000);
        rig_try(&g, 10, is_down, &s);
    }
    e.text[0] = 0;
    assert_string_equal(ASK(p.r, "SPUBLISH", "ch", "2"), "1");
    rig_wait(&g, has_heard, &e);
    assert_string_equal(e.text, "ch=2;");
    assert_int_equal(e.done, 1);
    begin_move(slot, to, from);
    end_move(slot, to, from);
    redis_free(s.r);
    redis_free(p.r);
}

/* ---- counting subscribers ---- */

/* A table has a replica only when it is known to have received something. */
static void wait_for_replica(void)
{
    char port[16];

    snprintf(port, sizeof(port), ":%d\r\n", node[3].port);
    for (int i = 0; i < 3; i++)
        wait_until_says(i, "CLUSTER SLOTS\r\n", port);
}

static void every_subscriber_is_counted_once(void **state)
{
    ears e[4] = {{.done = 0}};
    char out[200];
    answer a = {0};
    heard h[4];
    int fd;

    (void)state;
    wait_for_replica();
    for (int i = 0; i < 4; i++) {
        heard_open(&g, &h[i], url);
        if (i < 3)
            rig_subscribe(h[i].r, REDIS_CHANNEL, "news", &e[i]);
        if (i < 3)
            rig_wait(&g, is_done, &e[i]);
    }
    fd = redis_server_connect(node[3].port); /* some clients subscribe at replicas */
    assert_int_equal(send(fd, "SUBSCRIBE news\r\n", 16, 0), 16);
    assert_true(recv(fd, out, sizeof(out), 0) > 0);
    assert_int_equal(redis_cmd(h[3].r, on_answer, &a, "PUBSUB", "NUMSUB", "news", "none"), 0);
    rig_wait(&g, is_answered, &a);
    assert_string_equal(a.text, "news 4 none 0");
    assert_string_equal(ASK(h[3].r, "PUBSUB", "NUMSUB", "news", "none"), "news 4 none 0");
    rig_subscribe(h[0].r, REDIS_SHARD, "shard", &e[3]);
    rig_wait(&g, is_done, &e[3]);
    assert_string_equal(ASK(h[3].r, "PUBSUB", "SHARDNUMSUB", "shard", "none"), "shard 1 none 0");
    assert_int_equal(redis_cmd(h[3].r, NULL, NULL, "PUBLISH", "news", "x"), 0);
    for (int i = 0; i < 3; i++) {
        rig_wait(&g, has_heard, &e[i]);
        assert_string_equal(e[i].text, "news=x;");
    }
    close(fd);
    for (int i = 0; i < 4; i++)
        redis_free(h[i].r);
}

/* ---- a master dies ---- */

static void replica_takes_over(void **state)
{
    static const char *const names[] = {"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"};
    ears shard[8] = {{.done = 0}}, channel = {.done = 0};
    heard s, p;

    (void)state;
    heard_open(&g, &s, url);
    heard_open(&g, &p, url);
    for (int i = 0; i < 8; i++)
        rig_subscribe(s.r, REDIS_SHARD, names[i], &shard[i]);
    rig_subscribe(s.r, REDIS_CHANNEL, "all", &channel);
    for (int i = 0; i < 8; i++)
        rig_wait(&g, is_done, &shard[i]);
    rig_wait(&g, is_done, &channel);
    s.downs = p.downs = 0;
    redis_server_kill(&node[0]);
    rig_wait(&g, is_down, &s);
    rig_wait(&g, is_down, &p);
    tell(3, "CLUSTER FAILOVER TAKEOVER");
    rig_wait(&g, is_up, &s);
    rig_wait(&g, is_up, &p);
    for (int i = 0; i < 8; i++) {
        assert_string_equal(ASK(p.r, "SPUBLISH", names[i], "x"), "1");
        rig_wait(&g, has_heard, &shard[i]);
    }
    assert_int_equal(redis_cmd(p.r, NULL, NULL, "PUBLISH", "all", "y"), 0);
    rig_wait(&g, has_heard, &channel);
    assert_int_equal(channel.done, 1);
    redis_free(s.r);
    redis_free(p.r);
}

static void not_a_cluster(void **state)
{
    redis_server single;
    redis_options o;
    char where[100];
    heard h;

    (void)state;
    redis_server_start(&single);
    snprintf(where, sizeof(where), "redis+cluster://127.0.0.1:%d", single.port);
    o = heard_options(&h, where);
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    assert_int_equal(redis_cmd(h.r, NULL, NULL, "PING"), SIO_EUNAVAILABLE);
    rig_wait(&g, is_down, &h);
    assert_non_null(strstr(h.why, "cluster support disabled"));
    redis_free(h.r);
    redis_server_stop(&single);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(slots_of_keys), TEST(keys_of_commands), TEST(keys_on_all_nodes), TEST(scripts_go_to_their_keys),
        TEST(freed_while_asked), TEST(redirected), TEST(shard_subscription_moves),
        TEST(every_subscriber_is_counted_once), TEST(replica_takes_over), TEST(not_a_cluster),
    };
    return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}
