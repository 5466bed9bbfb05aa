/* The client on one real server. */
#include "redis/program_test.h"

static int setup(void **state)
{
    redis_server_do(&server, "FLUSHALL");
    return open_rig(state);
}

#define FRESH(fn) cmocka_unit_test_setup_teardown(fn, setup, close_rig)

static void commands_and_answers(void **state)
{
    sio_str bytes = {"a\0b\r\n", 5};
    heard h;

    (void)state;
    heard_open(&g, &h, server.url);
    assert_string_equal(ASK(h.r, "SET", "key", bytes), "OK");
    assert_string_equal(ASK(h.r, "STRLEN", "key"), "5");
    assert_string_equal(ASK(h.r, "SADD", "set", "one"), "1");
    assert_string_equal(ASK(h.r, "SMEMBERS", "set"), "one");
    assert_string_equal(ASK(h.r, "GET", "absent"), "nil");
    assert_string_equal(ASK(h.r, "GET", "set"),
                        "-WRONGTYPE Operation against a key holding the wrong kind of value");
    assert_int_equal(redis_cmd(h.r, NULL, NULL, "SET", "quiet", "1"), 0);
    assert_string_equal(ASK(h.r, "GET", "quiet"), "1");
    assert_int_equal(h.downs, 0);
    redis_free(h.r);
    redis_free(NULL);
}

/* ---- pipelining ---- */

static struct {
    int64_t  last;
    unsigned calls, canceled;
} run;

static void on_count(void *arg, int err, const resp_val *v)
{
    (void)arg;
    run.calls++;
    if (err == SIO_ECANCELED)
        run.canceled++;
    if (err < 0)
        return;
    assert_int_equal(v->kind, RESP_INT);
    assert_int_equal(v->i, ++run.last);
}

static bool all_10000(void *arg)
{
    (void)arg;
    return run.calls == 10000;
}

static void answers_come_in_order(void **state)
{
    heard h;

    (void)state;
    memset(&run, 0, sizeof(run));
    heard_open(&g, &h, server.url);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(redis_cmd(h.r, on_count, NULL, "INCR", "n"), 0);
    rig_wait(&g, all_10000, NULL);
    assert_int_equal(run.last, 10000);
    redis_free(h.r);
}

/* More than the kernel takes at once, while the answers, as large, come in. */
static char big[3000000];

static void on_big(void *arg, int err, const resp_val *v)
{
    assert_int_equal(err, 0);
    assert_int_equal(v->kind, RESP_BULK);
    assert_int_equal(v->s.n, sizeof(big) - 3); /* the last one */
    assert_memory_equal(v->s.p, big, v->s.n);
    ++*(int *)arg;
}

static bool got_4(void *arg) { return *(int *)arg == 4; }

static void large_values(void **state)
{
    redis_options o;
    int got = 0;
    heard h;

    (void)state;
    o = heard_options(&h, server.url);
    o.reply_ms = RIG_PATIENCE_MS;
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_up, &h);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 1000);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(redis_cmd(h.r, NULL, NULL, "SET", "big", ((sio_str){big, sizeof(big) - i})), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(redis_cmd(h.r, on_big, &got, "GET", "big"), 0);
    rig_wait(&g, got_4, &got);
    redis_free(h.r);
}

static void limits(void **state)
{
    static char many[200000];
    redis_options o;
    heard h;

    (void)state;
    o = heard_options(&h, server.url);
    o.max_unsent = sizeof(many) + 1000;
    o.max_reply = 150000;
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_up, &h);
    memset(many, 'x', sizeof(many));
    sio_str too_big = {many, sizeof(many) + 1000}, half = {many, sizeof(many) / 2};
    assert_int_equal(redis_cmd(h.r, NULL, NULL, "SET", "a", too_big), SIO_ETOOBIG);
    int rc = 0, sent = 0;
    kill(server.pid, SIGSTOP); /* it must not read as fast as is sent */
    while (sent < 1000 && (rc = redis_cmd(h.r, NULL, NULL, "APPEND", "a", half)) == 0)
        sent++;
    assert_int_equal(rc, SIO_ELIMIT); /* the kernel's buffers are full, and ours */
    assert_true(sent >= 1);
    kill(server.pid, SIGCONT);
    answer a = {0};
    while (redis_cmd(h.r, on_answer, &a, "GET", "a") < 0)
        rig_try(&g, 5, is_answered, &a);
    rig_wait(&g, is_answered, &a);
    assert_int_equal(a.err, SIO_ECLOSED); /* larger than max_reply */
    assert_string_equal(h.why, "a reply is larger than max_reply");
    rig_wait(&g, is_up, &h);
    redis_free(h.r);
}

/* ---- life ---- */

static void freed_while_asked(void **state)
{
    heard h;

    (void)state;
    memset(&run, 0, sizeof(run));
    heard_open(&g, &h, server.url);
    for (int i = 0; i < 3; i++)
        assert_int_equal(redis_cmd(h.r, on_count, NULL, "INCR", "n"), 0);
    redis_free(h.r);
    assert_int_equal(run.calls, 3);
    assert_int_equal(run.canceled, 3);
    heard_open(&g, &h, server.url); /* what was queued was still sent */
    assert_string_equal(ASK(h.r, "GET", "n"), "3");
    redis_free(h.r);
}

static void on_answer_free(void *arg, int err, const resp_val *v)
{
    heard *h = arg;

    assert_int_equal(err, 0);
    redis_free(h->r);
    h->r = NULL;
    assert_true(resp_is(v, "PONG")); /* views live until the callback ends */
}

static bool is_freed(void *arg) { return !((heard *)arg)->r; }

static void freed_from_its_callback(void **state)
{
    heard h;

    (void)state;
    memset(&run, 0, sizeof(run));
    heard_open(&g, &h, server.url);
    assert_int_equal(redis_cmd(h.r, on_answer_free, &h, "PING"), 0);
    assert_int_equal(redis_cmd(h.r, on_count, NULL, "INCR", "n"), 0);
    rig_wait(&g, is_freed, &h);
    assert_int_equal(run.canceled, 1);
}

static void server_goes_and_comes(void **state)
{
    answer a = {0};
    heard h;

    (void)state;
    heard_open(&g, &h, server.url);
    assert_int_equal(redis_cmd(h.r, on_answer, &a, "BLPOP", "nothing", "0"), 0);
    redis_server_kill(&server);
    rig_wait(&g, is_answered, &a);
    assert_int_equal(a.err, SIO_ECLOSED);
    assert_int_equal(h.downs, 1);
    assert_int_equal(redis_cmd(h.r, on_answer, &a, "PING"), SIO_EUNAVAILABLE);
    redis_script s = {.text = "return 1"};
    assert_int_equal(redis_eval(h.r, &s, on_answer, &a, 0, NULL, 0), SIO_EUNAVAILABLE);
    assert_false(rig_try(&g, 300, is_up, &h));
    redis_server_restart(&server);
    rig_wait(&g, is_up, &h);
    assert_int_equal(h.ups, 2);
    assert_int_equal(h.downs, 1); /* once per loss, not once per try */
    assert_string_equal(ASK(h.r, "PING"), "PONG");
    assert_int_equal(a.calls, 1);
    redis_free(h.r);
}

static void first_try_fails(void **state)
{
    redis_options o;
    char url[64];
    heard h;

    (void)state;
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", redis_server_free_port());
    o = heard_options(&h, url);
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_down, &h);
    assert_non_null(strstr(h.why, "connection refused"));
    assert_false(rig_try(&g, 300, is_up, &h));
    assert_int_equal(h.downs, 1);
    redis_free(h.r);
    o.url = "nonsense";
    assert_int_equal(redis_new(&h.r, g.n, &o), SIO_EINVAL);
}

/* A server that stops answering without closing. */
static void no_answer(void **state)
{
    answer a = {0}, b = {0};
    redis_options o;
    heard h;

    (void)state;
    o = heard_options(&h, server.url);
    o.reply_ms = 200;
    o.connect_ms = 200;
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_up, &h);
    kill(server.pid, SIGSTOP);
    assert_int_equal(redis_cmd(h.r, on_answer, &a, "PING"), 0);
    assert_int_equal(redis_cmd(h.r, on_answer, &b, "PING"), 0);
    rig_wait(&g, is_answered, &b);
    assert_int_equal(a.err, SIO_ETIMEOUT);
    assert_int_equal(b.err, SIO_ECLOSED);
    assert_false(rig_try(&g, 500, is_up, &h)); /* the kernel accepts, but nobody greets */
    kill(server.pid, SIGCONT);
    rig_wait(&g, is_up, &h);
    redis_free(h.r);
}

/* The same when nothing is asked: PING as a sign of life. */
static void idle_and_dead(void **state)
{
    redis_options o;
    heard h;

    (void)state;
    o = heard_options(&h, server.url);
    o.reply_ms = 2000;
    o.ping_ms = 50;
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_up, &h);
    assert_false(rig_try(&g, 500, is_down, &h));
    kill(server.pid, SIGSTOP);
    rig_wait(&g, is_down, &h);
    kill(server.pid, SIGCONT);
    rig_wait(&g, is_up, &h);
    redis_free(h.r);
}

static void blocking_commands_wait(void **state)
{
    redis_options o;
    answer a = {0};
    heard h, other;

    (void)state;
    o = heard_options(&h, server.url);
    o.reply_ms = 0;
    o.ping_ms = 30;
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_up, &h);
    heard_open(&g, &other, server.url);
    assert_int_equal(redis_cmd(h.r, on_answer, &a, "BLPOP", "list", "0"), 0);
    assert_false(rig_try(&g, 300, is_answered, &a));
    assert_string_equal(ASK(other.r, "RPUSH", "list", "x"), "1");
    rig_wait(&g, is_answered, &a);
    assert_string_equal(a.text, "list x");
    assert_int_equal(h.downs, 0);
    redis_free(h.r);
    redis_free(other.r);
}

/* ---- who we are ---- */

static void login_and_database(void **state)
{
    static const char *const args[] = {"--requirepass", "s3cret p@ss", "--user", "alice", "on", ">wonder",
                                       "~*", "&*", "+@all", NULL};
    redis_server locked;
    redis_options o;
    char url[200];
    heard h;

    (void)state;
    redis_server_start_with(&locked, args);
    snprintf(url, sizeof(url), "redis://:s3cret%%20p%%40ss@127.0.0.1:%d/3", locked.port);
    o = heard_options(&h, url);
    o.name = "tester";
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_up, &h);
    assert_string_equal(ASK(h.r, "CLIENT", "GETNAME"), "tester");
    assert_non_null(strstr(ASK(h.r, "CLIENT", "INFO"), " db=3 "));
    redis_free(h.r);
    snprintf(url, sizeof(url), "unix://alice:wonder@%s?db=1", locked.path);
    heard_open(&g, &h, url);
    assert_string_equal(ASK(h.r, "ACL", "WHOAMI"), "alice");
    redis_free(h.r);
    snprintf(url, sizeof(url), "redis://:wr0ng@127.0.0.1:%d", locked.port);
    o = heard_options(&h, url);
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_down, &h);
    assert_non_null(strstr(h.why, "AUTH: WRONGPASS"));
    assert_null(strstr(h.why, "wr0ng"));
    redis_free(h.r);
    o = heard_options(&h, locked.url);
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_down, &h);
    assert_non_null(strstr(h.why, "NOAUTH"));
    redis_free(h.r);
    redis_server_stop(&locked);
}

static void no_such_database(void **state)
{
    redis_options o;
    char url[80];
    heard h;

    (void)state;
    snprintf(url, sizeof(url), "%s/99", server.url);
    o = heard_options(&h, url);
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_down, &h);
    assert_non_null(strstr(h.why, "SELECT: ERR DB index"));
    redis_free(h.r);
}

/* ---- scripts ---- */

static void scripts(void **state)
{
    redis_script s = {.text = "return {KEYS[1], ARGV[1], ARGV[2]}"}, broken = {.text = "return nonsense("};
    sio_str argv[] = {SIO_STR("k"), SIO_STR("a"), SIO_STR("b")};
    heard h;

    (void)state;
    heard_open(&g, &h, server.url);
    redis_server_do(&server, "SCRIPT FLUSH");
    for (int i = 0; i < 3; i++) {
        answer a = {0};
        if (i == 2)
            redis_server_do(&server, "SCRIPT FLUSH");
        assert_int_equal(redis_eval(h.r, &s, on_answer, &a, 1, argv, 3), 0);
        rig_wait(&g, is_answered, &a);
        assert_string_equal(a.text, "k a b");
    }
    assert_int_equal(strlen(s.sha), 40);
    answer a = {0};
    assert_int_equal(redis_eval(h.r, &broken, on_answer, &a, 0, NULL, 0), 0);
    rig_wait(&g, is_answered, &a);
    assert_int_equal(strncmp(a.text, "-ERR Error compiling script", 27), 0);
    assert_int_equal(redis_eval(h.r, &s, on_answer, &a, 1, argv, 3), 0);
    assert_int_equal(redis_eval(h.r, &s, NULL, NULL, 1, argv, 3), 0);
    redis_free(h.r);
    assert_int_equal(a.err, SIO_ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(commands_and_answers), FRESH(answers_come_in_order), FRESH(large_values), FRESH(limits),
        FRESH(freed_while_asked), FRESH(freed_from_its_callback), FRESH(server_goes_and_comes),
        FRESH(first_try_fails), FRESH(no_answer), FRESH(idle_and_dead), FRESH(blocking_commands_wait),
        FRESH(login_and_database), FRESH(no_such_database), FRESH(scripts),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
