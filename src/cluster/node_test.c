/* Nodes on a real redis-server: all of them in one loop, each with a client of its own. */
#include "cluster/node.h"
#include "redis/program_test.h"

#define LEASE 1200 /* longer than a busy machine makes one wait */
#define NODES 3

typedef struct peer {
    heard    h;
    node    *n;
    unsigned lost, away, dead, dead_loops, claims, refusals;
    char     dead_code[NODE_CODE_LEN + 1], address[100];
    int      found;
    bool     sweeps; /* claims who is dead, at once */
} peer;

static peer p[NODES];

static void on_up(void *arg)
{
    peer *x = container_of(arg, peer, h);

    heard_up(arg);
    if (x->n)
        node_redis_up(x->n);
}

static void on_down(void *arg, const char *why)
{
    peer *x = container_of(arg, peer, h);

    heard_down(arg, why);
    if (x->n)
        node_redis_down(x->n);
}

static void on_lost(void *arg) { ((peer *)arg)->lost++; }
static void on_away(void *arg) { ((peer *)arg)->away++; }

static void on_claim(void *arg, bool ours)
{
    peer *x = arg;

    x->claims += ours;
    x->refusals += !ours;
}

static void on_dead(void *arg, sio_str code, unsigned loops)
{
    peer *x = arg;

    x->dead++;
    x->dead_loops = loops;
    snprintf(x->dead_code, sizeof(x->dead_code), "%.*s", (int)code.n, code.p);
    if (x->sweeps)
        node_claim(x->n, code, on_claim, x);
}

static void on_found(void *arg, int err, const char *address)
{
    peer *x = arg;

    x->found = err == 0 ? 1 : err;
    snprintf(x->address, sizeof(x->address), "%s", address ? address : "");
}

static bool has_lost(void *arg) { return ((peer *)arg)->lost > 0; }
static bool is_away(void *arg) { return ((peer *)arg)->away > 0; }
static bool knows_dead(void *arg) { return ((peer *)arg)->dead > 0; }
static bool has_found(void *arg) { return ((peer *)arg)->found != 0; }
static bool counts_one(void *arg) { return node_count(((peer *)arg)->n) == 1; }
static bool counts_two(void *arg) { return node_count(((peer *)arg)->n) == 2; }
static bool has_claim(void *arg) { return ((peer *)arg)->claims > 0; }
static bool all_have_tried(void *arg)
{
    (void)arg;
    return p[1].claims + p[1].refusals > 0 && p[2].claims + p[2].refusals > 0;
}

static void peer_open(int i)
{
    static const char *const codes[] = {"aaa0", "bbb1", "ccc2"}, *const addresses[] = {"10.0.0.1:3000",
                                                                                       "host-b:1", NULL};
    peer *x = &p[i];
    redis_options o = heard_options(&x->h, server.url);
    node_options no = {.loop = g.l, .address = addresses[i], .loops = 2 + (unsigned)i, .lease_ms = LEASE,
                       .on_dead = on_dead, .on_lost = on_lost, .on_away = on_away, .arg = x};

    *x = (peer){.h = x->h};
    o.on_up = on_up;
    o.on_down = on_down;
    assert_int_equal(redis_new(&x->h.r, g.n, &o), 0);
    no.redis = x->h.r;
    memcpy(no.code, codes[i], NODE_CODE_LEN);
    assert_int_equal(node_new(&x->n, &no), 0);
    rig_wait(&g, has_lost, x);
    x->lost = 0;
}

static void peer_close(int i)
{
    node_free(p[i].n);
    redis_free(p[i].h.r);
    p[i] = (peer){0};
}

/* As kill -9: nobody says goodbye. */
static void peer_crash(int i)
{
    redis_free(p[i].h.r);
    p[i].h.r = NULL;
    node_redis_down(p[i].n);
}

static int setup(void **state)
{
    (void)state;
    redis_server_do(&server, "FLUSHALL");
    rig_open(&g);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < NODES; i++)
        if (p[i].h.r)
            peer_close(i);
    rig_close(&g);
    return 0;
}

/* ---- tests ------------------------------------------------------------------------------------------ */

static void nodes_see_each_other(void **state)
{
    (void)state;
    peer_open(0);
    assert_int_equal(node_count(p[0].n), 1);
    peer_open(1);
    rig_wait(&g, counts_two, &p[0]);
    node_find(p[0].n, sio_str_z("bbb1"), on_found, &p[0]);
    rig_wait(&g, has_found, &p[0]);
    assert_string_equal(p[0].address, "host-b:1");
    p[0].found = 0;
    node_find(p[0].n, sio_str_z("bbb1"), on_found, &p[0]);
    assert_int_equal(p[0].found, 1); /* at once: it is known */
    node_find(p[1].n, sio_str_z("zzz9"), on_found, &p[1]);
    rig_wait(&g, has_found, &p[1]);
    assert_int_equal(p[1].found, SIO_ENOENT);
    assert_int_equal(p[0].lost + p[0].dead + p[0].away + p[1].lost + p[1].dead, 0);
}

/* Its lease ends; of two who notice, one sweeps; then it is forgotten. */
static void one_of_all_sweeps_behind_the_dead(void **state)
{
    node *dead;

    (void)state;
    for (int i = 0; i < NODES; i++)
        peer_open(i);
    p[1].sweeps = p[2].sweeps = true;
    dead = p[0].n;
    peer_crash(0);
    rig_wait(&g, all_have_tried, NULL);
    assert_string_equal(p[1].claims ? p[1].dead_code : p[2].dead_code, "aaa0");
    assert_int_equal(p[1].claims ? p[1].dead_loops : p[2].dead_loops, 2);
    assert_int_equal(p[1].claims + p[2].claims, 1);
    for (int i = 1; i < NODES; i++)
        assert_int_equal(node_has_claim(p[i].n, sio_str_z("aaa0")), p[i].claims == 1);
    for (int i = 1; i < NODES; i++)
        node_swept(p[i].n, sio_str_z("aaa0"), true);
    p[1].dead = p[2].dead = 0;
    assert_false(rig_try(&g, 2 * LEASE, knows_dead, &p[1]));
    assert_int_equal(p[2].dead, 0);
    assert_int_equal(node_count(p[1].n), 2);
    node_free(dead);
    p[0] = (peer){0};
}

/* A claim that is given up, or whose holder died, is another's. */
static void a_sweep_that_was_not_done_is_tried_again(void **state)
{
    node *dead, *sweeper;

    (void)state;
    for (int i = 0; i < NODES; i++)
        peer_open(i);
    dead = p[0].n;
    peer_crash(0);
    p[1].sweeps = true;
    rig_wait(&g, has_claim, &p[1]);
    assert_false(rig_try(&g, 2 * LEASE, counts_one, &p[1])); /* it keeps the claim alive */
    assert_true(node_has_claim(p[1].n, sio_str_z("aaa0")));
    node_swept(p[1].n, sio_str_z("aaa0"), false);
    p[1].claims = 0;
    rig_wait(&g, has_claim, &p[1]);
    sweeper = p[1].n;
    peer_crash(1);
    p[2].sweeps = true;
    while (!node_has_claim(p[2].n, sio_str_z("aaa0"))) {
        p[2].claims = 0;
        rig_wait(&g, has_claim, &p[2]);
    }
    node_free(dead);
    node_free(sweeper);
    p[0] = p[1] = (peer){0};
}

static void who_stops_is_swept_at_once(void **state)
{
    (void)state;
    peer_open(0);
    peer_open(1);
    p[1].sweeps = true;
    peer_close(0);
    assert_true(rig_try(&g, LEASE * 2 / 3, has_claim, &p[1]));
}

static void what_was_flushed_is_written_again(void **state)
{
    (void)state;
    peer_open(0);
    redis_server_do(&server, "FLUSHALL");
    rig_wait(&g, has_lost, &p[0]);
    assert_int_equal(p[0].away, 0);
}

static void redis_comes_back(void **state)
{
    (void)state;
    peer_open(0);
    redis_server_kill(&server);
    rig_wait(&g, is_away, &p[0]);
    node_find(p[0].n, sio_str_z("bbb1"), on_found, &p[0]);
    assert_int_equal(p[0].found, SIO_EUNAVAILABLE);
    assert_false(rig_try(&g, LEASE, has_lost, &p[0]));
    redis_server_restart(&server);
    rig_wait(&g, has_lost, &p[0]);
}

/* Away for longer than a lease, and somebody sweeps: it must not write before that is over. */
static void who_is_being_swept_waits(void **state)
{
    (void)state;
    peer_open(0);
    peer_open(1);
    p[1].sweeps = true;
    node_redis_down(p[0].n); /* it cannot reach Redis any more */
    assert_int_equal(p[0].away, 1);
    rig_wait(&g, has_claim, &p[1]);
    node_redis_up(p[0].n);
    assert_false(rig_try(&g, 2 * LEASE, has_lost, &p[0]));
    /* The answer that still has it among the dead comes when that is over, before Redis knows. */
    p[1].dead = 0;
    kill(server.pid, SIGSTOP);
    node_redis_up(p[1].n);
    assert_false(rig_try(&g, 100, has_lost, &p[0]));
    node_swept(p[1].n, sio_str_z("aaa0"), true);
    kill(server.pid, SIGCONT);
    rig_wait(&g, has_lost, &p[0]);
    rig_wait(&g, counts_two, &p[0]);
    assert_int_equal(p[1].dead, 0);
    assert_int_equal(p[1].claims, 1);
    /* Back in time, there is nothing to claim. */
    p[1].refusals = 0;
    node_claim(p[1].n, sio_str_z("aaa0"), on_claim, &p[1]);
    rig_wait(&g, counts_two, &p[1]);
    while (p[1].refusals == 0)
        rig_try(&g, 20, has_lost, &p[1]);
    assert_int_equal(p[1].claims, 1);
}

int main(void)
{
#define NODE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        NODE_TEST(nodes_see_each_other),
        NODE_TEST(one_of_all_sweeps_behind_the_dead),
        NODE_TEST(a_sweep_that_was_not_done_is_tried_again),
        NODE_TEST(who_stops_is_swept_at_once),
        NODE_TEST(what_was_flushed_is_written_again),
        NODE_TEST(redis_comes_back),
        NODE_TEST(who_is_being_swept_waits),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
