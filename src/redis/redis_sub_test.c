/* Subscriptions on one real server. */
#include "redis/program_test.h"

static bool is_done_4(void *arg) { return ((ears *)arg)->done == 4; }

static void publish(heard *by, const char *channel, const char *payload)
{
    assert_int_equal(redis_cmd(by->r, NULL, NULL, "PUBLISH", channel, payload), 0);
}

/* How many hear it, by Redis' own count. */
static int heard_by(heard *by, const char *channel)
{
    answer a = {0};

    assert_int_equal(redis_cmd(by->r, on_answer, &a, "PUBLISH", channel, "?"), 0);
    rig_wait(&g, is_answered, &a);
    return atoi(a.text);
}

static void channels_patterns_and_shards(void **state)
{
    heard s, p;
    ears e = {.done = 0};

    (void)state;
    heard_open(&g, &s, server.url);
    heard_open(&g, &p, server.url);
    rig_subscribe(s.r, REDIS_CHANNEL, "a", &e);
    rig_subscribe(s.r, REDIS_PATTERN, "b*", &e);
    rig_subscribe(s.r, REDIS_SHARD, "a", &e);
    rig_subscribe(s.r, REDIS_CHANNEL, "b*", &e);
    assert_int_equal(redis_subscribe(s.r, REDIS_CHANNEL, sio_lit("a"), ears_message, NULL, &e), SIO_EEXIST);
    assert_int_equal(e.done, 0);
    rig_wait(&g, is_done_4, &e);
    publish(&p, "a", "1");
    rig_wait(&g, has_heard, &e);
    assert_string_equal(e.text, "a=1;");
    e.text[0] = 0;
    publish(&p, "bcd", "");
    rig_wait(&g, has_heard, &e);
    assert_string_equal(e.text, "b*:bcd=;");
    e.text[0] = 0;
    assert_int_equal(redis_cmd(p.r, NULL, NULL, "SPUBLISH", "a", "s"), 0);
    rig_wait(&g, has_heard, &e);
    assert_string_equal(e.text, "a=s;");
    assert_true(redis_is_up(s.r));
    redis_free(s.r);
    redis_free(p.r);
    assert_int_equal(e.done, 4);
}

static void unsubscribed(void **state)
{
    ears a = {.done = 0}, b = {.done = 0};
    heard s, p;

    (void)state;
    heard_open(&g, &s, server.url);
    heard_open(&g, &p, server.url);
    rig_subscribe(s.r, REDIS_CHANNEL, "a", &a);
    rig_wait(&g, is_done, &a);
    redis_unsubscribe(s.r, REDIS_CHANNEL, sio_lit("a"));
    redis_unsubscribe(s.r, REDIS_CHANNEL, sio_lit("nothing"));
    rig_subscribe(s.r, REDIS_CHANNEL, "b", &b);
    redis_unsubscribe(s.r, REDIS_CHANNEL, sio_lit("b")); /* not confirmed yet */
    assert_int_equal(b.done, 0);
    rig_wait(&g, is_done, &b);
    assert_int_equal(b.canceled, 1);
    b.done = b.canceled = 0;
    rig_subscribe(s.r, REDIS_CHANNEL, "b", &b);
    redis_unsubscribe(s.r, REDIS_CHANNEL, sio_lit("b"));
    rig_subscribe(s.r, REDIS_CHANNEL, "b", &b); /* the third time counts */
    rig_wait(&g, is_done, &b);
    while (b.done < 2)
        rig_try(&g, 5, is_done_4, &b);
    assert_int_equal(b.canceled, 1);
    assert_int_equal(heard_by(&p, "a"), 0);
    assert_int_equal(heard_by(&p, "b"), 1);
    rig_wait(&g, has_heard, &b);
    assert_string_equal(a.text, "");
    redis_free(s.r);
    redis_free(p.r);
    assert_int_equal(b.done, 2);
}

/* Subscriptions made while Redis is away, and those from before, are there when on_up says so. */
typedef struct upper {
    heard  h;
    redis *publisher;
} upper;

static void on_up_publish(void *arg)
{
    upper *u = arg;

    u->h.ups++;
    redis_server_do(&server, "PUBLISH old 1");
    redis_server_do(&server, "PUBLISH new 2");
}

static void made_again_before_on_up(void **state)
{
    ears old = {.done = 0}, new = {.done = 0};
    upper u;
    redis_options o = heard_options(&u.h, server.url);

    (void)state;
    o.on_up = on_up_publish;
    assert_int_equal(redis_new(&u.h.r, g.n, &o), 0);
    rig_subscribe(u.h.r, REDIS_CHANNEL, "old", &old);
    rig_wait(&g, is_up, &u.h);
    rig_wait(&g, has_heard, &old);
    assert_int_equal(old.done, 1);
    for (int i = 0; i < 3; i++) {
        unsigned ups = u.h.ups;
        old.text[0] = new.text[0] = 0;
        redis_server_kill(&server);
        rig_wait(&g, is_down, &u.h);
        if (i == 0)
            rig_subscribe(u.h.r, REDIS_PATTERN, "ne?", &new);
        redis_server_restart(&server);
        rig_wait(&g, has_heard, &new);
        assert_string_equal(old.text, "old=1;");
        assert_string_equal(new.text, "ne?:new=2;");
        assert_int_equal(u.h.ups, ups + 1);
        u.h.downs = 0;
    }
    assert_int_equal(old.done, 1); /* told once, whatever comes later */
    assert_int_equal(new.done, 1);
    redis_free(u.h.r);
}

static void never_confirmed(void **state)
{
    ears e = {.done = 0};
    redis_options o;
    char url[64];
    heard h;

    (void)state;
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", redis_server_free_port());
    o = heard_options(&h, url);
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_subscribe(h.r, REDIS_CHANNEL, "a", &e);
    rig_subscribe(h.r, REDIS_CHANNEL, "b", &e);
    rig_wait(&g, is_down, &h);
    redis_unsubscribe(h.r, REDIS_CHANNEL, sio_lit("a"));
    redis_free(h.r);
    assert_int_equal(e.canceled, 2);
}

/* PING on a connection that is subscribed is answered in another form. */
static void signs_of_life_while_subscribed(void **state)
{
    ears e = {.done = 0};
    redis_options o;
    heard h;

    (void)state;
    o = heard_options(&h, server.url);
    o.ping_ms = 20;
    o.reply_ms = 2000;
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_subscribe(h.r, REDIS_CHANNEL, "a", &e);
    rig_wait(&g, is_up, &h);
    assert_false(rig_try(&g, 300, is_down, &h));
    kill(server.pid, SIGSTOP);
    rig_wait(&g, is_down, &h);
    kill(server.pid, SIGCONT);
    rig_wait(&g, is_up, &h);
    redis_free(h.r);
}

static void forbidden(void **state)
{
    ears e = {.done = 0};
    redis_options o;
    char url[100];
    heard h;

    (void)state;
    redis_server_do(&server, "ACL SETUSER narrow on >pw ~* resetchannels &allowed +@all");
    snprintf(url, sizeof(url), "redis://narrow:pw@127.0.0.1:%d", server.port);
    o = heard_options(&h, url);
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_subscribe(h.r, REDIS_CHANNEL, "other", &e);
    rig_wait(&g, is_down, &h);
    assert_non_null(strstr(h.why, "subscription: NOPERM"));
    assert_int_equal(h.ups, 0);
    redis_free(h.r);
    assert_int_equal(e.canceled, 1);
}

static void many_channels(void **state)
{
    static ears e[2000];
    char name[16];
    heard h;

    (void)state;
    memset(e, 0, sizeof(e));
    heard_open(&g, &h, server.url);
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        rig_subscribe(h.r, REDIS_CHANNEL, name, &e[i]);
    }
    rig_wait(&g, is_done, &e[1999]);
    redis_server_do(&server, "CLIENT KILL TYPE pubsub");
    rig_wait(&g, is_down, &h);
    rig_wait(&g, is_up, &h);
    redis_server_do(&server, "PUBLISH c1234 x");
    rig_wait(&g, has_heard, &e[1234]);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(e[i].done, 1);
    redis_free(h.r);
}

/* Freed by a message, with more of them behind it. */
static void on_message_free(void *arg, sio_str channel, sio_str payload, sio_str pattern)
{
    heard *h = arg;

    (void)pattern;
    redis_free(h->r);
    h->r = NULL;
    assert_true(sio_str_eq(channel, sio_lit("a")) && sio_str_eq(payload, sio_lit("1")));
}

static bool is_freed(void *arg) { return !((heard *)arg)->r; }

static void freed_by_a_message(void **state)
{
    ears e = {.done = 0};
    heard h;

    (void)state;
    heard_open(&g, &h, server.url);
    redis_subscribe(h.r, REDIS_CHANNEL, sio_lit("a"), on_message_free, NULL, &h);
    rig_subscribe(h.r, REDIS_CHANNEL, "b", &e);
    rig_wait(&g, is_done, &e);
    redis_server_do(&server, "EVAL \"for i=1,100 do redis.call('publish','a',i) end\" 0");
    rig_wait(&g, is_freed, &h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(channels_patterns_and_shards), TEST(unsubscribed), TEST(made_again_before_on_up),
        TEST(never_confirmed), TEST(signs_of_life_while_subscribed), TEST(forbidden), TEST(many_channels),
        TEST(freed_by_a_message),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
