/* The client behind a real sentinel that watches a master and a replica. */
#include "redis/program_test.h"

static redis_server master, replica, watcher;
static char url[200];

static void wait_until_says(const redis_server *s, const char *question, const char *what)
{
    struct timespec moment = {0, 10000000};
    static char out[8000];

    for (int tries = 0; tries < 3000; tries++) {
        if (redis_server_ask(s->port, question, out, sizeof(out)) && strstr(out, what))
            return;
        nanosleep(&moment, NULL);
    }
    fail_msg("%s never says %s", s->url, what);
}

static int start_servers(void **state)
{
    char port[12], file[] = "/tmp/sentinel_test_XXXXXX", address[40];
    FILE *f = fdopen(mkstemp(file), "w");
    const char *follow[] = {"--replicaof", address, "--repl-diskless-sync-delay", "0", NULL};
    const char *watch[] = {file, "--sentinel", NULL};

    (void)state;
    redis_server_start(&master);
    snprintf(port, sizeof(port), "%d", master.port);
    snprintf(address, sizeof(address), "127.0.0.1 %s", port);
    redis_server_start_with(&replica, follow);
    wait_until_says(&replica, "INFO replication\r\n", "master_link_status:up");
    fprintf(f, "sentinel monitor mymaster 127.0.0.1 %d 1\nsentinel down-after-milliseconds mymaster 500\n"
               "sentinel failover-timeout mymaster 3000\n", master.port);
    fclose(f);
    redis_server_start_with(&watcher, watch);
    unlink(file);
    wait_until_says(&watcher, "SENTINEL MASTERS\r\n", "num-slaves\r\n$1\r\n1");
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:1,127.0.0.1:%d/mymaster/2", watcher.port);
    return 0;
}

static int stop_servers(void **state)
{
    (void)state;
    redis_server_stop(&watcher);
    redis_server_stop(&replica);
    redis_server_stop(&master);
    return 0;
}

static void finds_the_master(void **state)
{
    heard h;

    (void)state;
    heard_open(&g, &h, url);
    assert_string_equal(ASK(h.r, "SET", "key", "1"), "OK");
    assert_non_null(strstr(ASK(h.r, "CLIENT", "INFO"), " db=2 "));
    redis_free(h.r);
}

static void unknown_name(void **state)
{
    redis_options o;
    char other[100];
    heard h;

    (void)state;
    snprintf(other, sizeof(other), "redis+sentinel://127.0.0.1:%d/nobody", watcher.port);
    o = heard_options(&h, other);
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_down, &h);
    assert_non_null(strstr(h.why, "does not know a master"));
    redis_free(h.r);
}

/* Made a replica behind the sentinel's back: READONLY tells us. When it is the master again, all is well. */
static void readonly_is_no_master(void **state)
{
    char line[64];
    heard h;

    (void)state;
    heard_open(&g, &h, url);
    snprintf(line, sizeof(line), "REPLICAOF 127.0.0.1 %d", replica.port);
    redis_server_do(&master, line);
    for (int tries = 0; h.downs == 0; tries++) {
        answer a = {0};
        if (redis_cmd(h.r, on_answer, &a, "SET", "key", "2") == 0)
            rig_wait(&g, is_answered, &a);
        else
            rig_try(&g, 10, is_down, &h);
        assert_true(tries < 1000);
    }
    redis_server_do(&master, "REPLICAOF NO ONE");
    rig_wait(&g, is_up, &h);
    wait_until_says(&replica, "INFO replication\r\n", "master_link_status:up");
    redis_free(h.r);
}

static void follows_to_the_new_master(void **state)
{
    ears e = {.done = 0};
    heard h, p;

    (void)state;
    heard_open(&g, &h, url);
    heard_open(&g, &p, url);
    rig_subscribe(h.r, REDIS_CHANNEL, "news", &e);
    rig_wait(&g, is_done, &e);
    redis_server_kill(&master);
    rig_wait(&g, is_down, &h);
    rig_wait(&g, is_up, &h);
    rig_wait(&g, is_up, &p);
    wait_until_says(&replica, "ROLE\r\n", "master");
    assert_string_equal(ASK(p.r, "SET", "key", "3"), "OK");
    assert_string_equal(ASK(p.r, "PUBLISH", "news", "x"), "1");
    rig_wait(&g, has_heard, &e);
    assert_int_equal(h.ups, 2);
    redis_free(h.r);
    redis_free(p.r);
}

/* The sentinel goes: the master we know stays. */
static void sentinel_goes(void **state)
{
    heard h;

    (void)state;
    heard_open(&g, &h, url);
    h.downs = 0;
    redis_server_kill(&watcher);
    assert_false(rig_try(&g, 300, is_down, &h));
    assert_string_equal(ASK(h.r, "PING"), "PONG");
    redis_free(h.r);
}

/* A sentinel that wants a password of its own. */
static void sentinel_with_a_password(void **state)
{
    char file[] = "/tmp/sentinel_test_XXXXXX", other[200];
    FILE *f = fdopen(mkstemp(file), "w");
    const char *watch[] = {file, "--sentinel", NULL};
    redis_server locked;
    redis_options o;
    heard h;

    (void)state;
    fprintf(f, "requirepass guard\nsentinel monitor mymaster 127.0.0.1 %d 1\n", master.port);
    fclose(f);
    redis_server_start_with(&locked, watch);
    unlink(file);
    snprintf(other, sizeof(other), "redis+sentinel://127.0.0.1:%d/mymaster?sentinel_password=guard",
             locked.port);
    heard_open(&g, &h, other);
    assert_string_equal(ASK(h.r, "SET", "key", "1"), "OK");
    redis_free(h.r);
    *strchr(other, '?') = 0;
    o = heard_options(&h, other);
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_down, &h);
    assert_non_null(strstr(h.why, "NOAUTH"));
    redis_free(h.r);
    redis_server_stop(&locked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_the_master), TEST(sentinel_with_a_password), TEST(unknown_name),
        TEST(readonly_is_no_master),
        TEST(follows_to_the_new_master),
        TEST(sentinel_goes),
    };
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
