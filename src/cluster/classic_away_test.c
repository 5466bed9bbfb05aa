/* The classic adapter while Redis is away, hangs, or refuses, and while other servers are silent. */
#include "cluster/classic_rig_test.h"

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
        cmocka_unit_test(test_silent_server),
        cmocka_unit_test(test_redis_away),
        cmocka_unit_test(test_redis_comes_later),
        cmocka_unit_test(test_no_rights),
        cmocka_unit_test(test_redis_goes_while_asked),
        cmocka_unit_test(test_redis_hangs),
        cmocka_unit_test(test_too_much),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
