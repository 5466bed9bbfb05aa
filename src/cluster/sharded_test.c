/* Servers in a cluster over sharded pub/sub: what clients of real servers do not show
 * (tests/interop/mixed_sharded.test.mjs). */
#include "cluster/nodes_test.h"

static sio_redis_options how(sio_redis_subscriptions mode)
{
    sio_redis_options o;

    sio_redis_options_init(&o);
    o.mode = SIO_REDIS_SHARDED;
    o.subscriptions = mode;
    return o;
}

/* ---- rooms without members: what a server tells its adapter, on loop 0 ---- */

typedef struct room_news {
    node_rig   *r;
    const char *ns, *room;
    bool        open, own, done;
} room_news;

static void tell_room(void *arg)
{
    room_news *n = arg;
    sio_ns *ns = node_ns(n->r, n->ns);

    (n->open ? n->r->adapter->ops->room_open : n->r->adapter->ops->room_close)(n->r->adapter, ns,
                                                                               sio_s(n->room), n->own);
    pthread_mutex_lock(&n->r->lock);
    n->done = true;
    pthread_cond_broadcast(&n->r->more);
    pthread_mutex_unlock(&n->r->lock);
}

static room_news *telling;

static bool is_told(node_rig *r, int64_t n)
{
    (void)r;
    (void)n;
    return telling->done;
}

static void room(node_rig *r, const char *ns, const char *name, bool open, bool own)
{
    room_news n = {r, ns, name, open, own, false};

    telling = &n;
    assert_int_equal(sio_post(r->io, 0, tell_room, &n), 0);
    node_wait(r, is_told, 0);
}

/* Waits until so many connections listen to a channel. */
static void assert_listeners(nodes *all, const char *channel, int wanted)
{
    char line[100], out[200], end[24];

    snprintf(line, sizeof line, "PUBSUB SHARDNUMSUB %s\r\n", channel);
    snprintf(end, sizeof end, ":%d\r\n", wanted);
    for (unsigned tries = 0; tries < 1000; tries++) {
        struct timespec moment = {0, 5000000};
        size_t n;

        assert_true(redis_server_ask(all->redis.port, line, out, sizeof out));
        n = strlen(out);
        if (n > strlen(end) && strcmp(out + n - strlen(end), end) == 0)
            return;
        nanosleep(&moment, NULL);
    }
    fail_msg("%s: %s, not %d", channel, out, wanted);
}

static void test_rooms_by_mode(void **state)
{
    static const struct {
        sio_redis_subscriptions mode;
        int                     open, own;
    } cases[] = {{SIO_REDIS_STATIC, 0, 0}, {SIO_REDIS_DYNAMIC, 1, 0}, {SIO_REDIS_DYNAMIC_PRIVATE, 1, 1}};
    static const char *const root[] = {"/", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sio_redis_options o = how(cases[i].mode);
        nodes *all = nodes_open(1, &o, root);

        room(&all->node[0], "/", "r", true, false);
        room(&all->node[0], "/", "aaaaaaaaaaaaaaaaaaaa", true, true);
        room(&all->node[0], "/", "fence", true, false);
        assert_listeners(all, "socket.io#/#", 1);
        assert_listeners(all, "socket.io#/#fence#", cases[i].open);
        assert_listeners(all, "socket.io#/#r#", cases[i].open);
        assert_listeners(all, "socket.io#/#aaaaaaaaaaaaaaaaaaaa#", cases[i].own);
        room(&all->node[0], "/", "r", false, false);
        room(&all->node[0], "/", "aaaaaaaaaaaaaaaaaaaa", false, true);
        assert_listeners(all, "socket.io#/#r#", 0);
        assert_listeners(all, "socket.io#/#aaaaaaaaaaaaaaaaaaaa#", 0);
        nodes_close(all);
    }
}

/* The namespace "/#x" has the channel of the room "x" of "/". */
static void test_one_channel_for_two(void **state)
{
    static const char *const names[] = {"/", "/#x", NULL};
    sio_redis_options o = how(SIO_REDIS_DYNAMIC);
    nodes *all = nodes_open(2, &o, names);

    (void)state;
    nodes_meet(all, "/");
    room(&all->node[1], "/", "x", true, false);
    assert_int_equal(sio_emit(sio_to(node_ns(&all->node[0], "/"), "x"), "e", 1), 0);
    node_wait(&all->node[1], node_heard, 1);
    room(&all->node[1], "/", "x", false, false);
    node_emit(&all->node[0], "/#x", 2);
    node_wait(&all->node[1], node_heard, 2);
    assert_listeners(all, "socket.io#/#x#", 2);
    assert_int_equal(node_times(&all->node[1], 1), 1);
    nodes_close(all);
}

static void test_redis_away(void **state)
{
    static const char *const root[] = {"/", NULL};
    sio_redis_options o = how(SIO_REDIS_DYNAMIC);
    nodes *all = nodes_open(2, &o, root);

    (void)state;
    nodes_meet(all, "/");
    room(&all->node[1], "/", "r", true, false);
    redis_server_restart(&all->redis);
    for (unsigned i = 0; i < 2; i++)
        node_wait(&all->node[i], node_is_up, 2);
    assert_listeners(all, "socket.io#/#r#", 1);
    assert_int_equal(sio_emit(sio_to(node_ns(&all->node[0], "/"), "r"), "e", 1), 0);
    node_wait(&all->node[1], node_heard, 1);
    nodes_close(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rooms_by_mode),
        cmocka_unit_test(test_one_channel_for_two),
        cmocka_unit_test(test_redis_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
