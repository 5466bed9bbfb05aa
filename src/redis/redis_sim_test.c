/* The client in the simulator, before a server of a few lines: how much leaves in one write, and what
 * happens when. */
#include "base/testing.h"
#include "loop/sim.h"
#include "redis/redis.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
    sim          *s;
    loop         *l;
    net          *n;
    net_listener *listener;
    int           port;
    unsigned      conns, reads, commands, ups, downs, answers;
    bool          mute;
    char          why[100];
    uint64_t      opened[200];      /* when connections came */
} t;

/* ---- the server: every command is answered PONG ---- */

static void on_data(net_stream *s, char *p, size_t n)
{
    t.reads++;
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '*')
            continue;
        t.commands++;
        if (!t.mute)
            net_send_copy(s, "+PONG\r\n", 7);
    }
}

static void on_close(net_stream *s, int err) { (void)s, (void)err; }
static const net_ops server_ops = {on_data, NULL, on_close};

static void on_accept(void *ctx, int fd)
{
    (void)ctx;
    if (t.conns < 200)
        t.opened[t.conns] = loop_now(t.l);
    t.conns++;
    assert_non_null(net_adopt(t.n, fd, &server_ops, NULL));
}

/* ---- the client ---- */

static void on_up(void *arg)
{
    (void)arg;
    t.ups++;
}

static void on_down(void *arg, const char *why)
{
    (void)arg;
    t.downs++;
    snprintf(t.why, sizeof(t.why), "%s", why);
}

static void on_answer(void *arg, int err, const resp_val *v)
{
    (void)arg;
    assert_int_equal(err, 0);
    assert_true(resp_is(v, "PONG"));
    t.answers++;
}

static redis *begin(redis_options *o, bool listens)
{
    static char url[64];
    net_limits limits = {1 << 20};
    redis *r;

    memset(&t, 0, sizeof(t));
    t.s = sim_new(0);
    assert_int_equal(sim_loop_new(t.s, &t.l), 0);
    assert_int_equal(net_new(&t.n, t.l, &limits), 0);
    t.port = 7000;
    if (listens)
        assert_int_equal(net_listen(&t.listener, t.n, NULL, &t.port, on_accept, NULL), 0);
    snprintf(url, sizeof(url), "redis://:pw@redis.test:%d/1", t.port);
    o->url = url;
    o->name = "sim";
    o->on_up = on_up;
    o->on_down = on_down;
    assert_int_equal(redis_new(&r, t.n, o), 0);
    return r;
}

static void end(redis *r)
{
    redis_free(r);
    net_listener_close(t.listener);
    net_free(t.n);
    loop_free(t.l);
    sim_free(t.s);
}

static void one_write_a_turn(void **state)
{
    redis_options o;
    redis *r;

    (void)state;
    redis_options_init(&o);
    r = begin(&o, true);
    sim_advance(t.s, 10);
    assert_int_equal(t.ups, 1);
    assert_int_equal(t.commands, 4); /* AUTH, SELECT, CLIENT SETNAME, PING */
    assert_int_equal(t.reads, 1);
    for (int i = 0; i < 500; i++)
        assert_int_equal(redis_cmd(r, on_answer, NULL, "GET", "key"), 0);
    assert_int_equal(t.answers, 0);
    sim_settle(t.s);
    assert_int_equal(t.answers, 500);
    assert_int_equal(t.reads, 2);
    end(r);
}

static void signs_of_life(void **state)
{
    redis_options o;
    redis *r;

    (void)state;
    redis_options_init(&o);
    r = begin(&o, true);
    sim_advance(t.s, 61000);
    assert_int_equal(t.commands, 4 + 12); /* every 5 s of silence */
    t.mute = true;
    sim_advance(t.s, 13500); /* 4 s to the next, 10 s for its answer */
    assert_int_equal(t.downs, 0);
    sim_advance(t.s, 1000);
    assert_int_equal(t.downs, 1);
    assert_string_equal(t.why, "no answer in time");
    t.mute = false;
    sim_advance(t.s, 6000);
    assert_int_equal(t.ups, 2);
    end(r);
}

/* A server that accepts and is silent: 5 s for the greeting, then a pause of up to 2 s that begins with 50
 * ms. */
static void pauses_grow(void **state)
{
    redis_options o;
    redis *r;

    (void)state;
    redis_options_init(&o);
    r = begin(&o, true);
    t.mute = true;
    sim_advance(t.s, 120000);
    assert_int_equal(t.ups, 0);
    assert_int_equal(t.downs, 1); /* once, however often it is tried */
    assert_string_equal(t.why, "no answer to the greeting");
    assert_in_range(t.conns, 120 / 7, 120 / 5);
    for (unsigned i = 1; i < t.conns; i++) {
        uint64_t pause = t.opened[i] - t.opened[i - 1] - 5000, most = i < 7 ? UINT64_C(50) << (i - 1) : 2000;
        assert_in_range(pause, most / 2, most + 10);
    }
    t.mute = false;
    sim_advance(t.s, 8000);
    assert_int_equal(t.ups, 1);
    end(r);
}

static void nobody_listens(void **state)
{
    redis_options o;
    redis *r;

    (void)state;
    redis_options_init(&o);
    r = begin(&o, false);
    sim_advance(t.s, 10000);
    assert_int_equal(t.downs, 1);
    assert_string_equal(t.why, "redis.test:7000: connection refused");
    assert_int_equal(net_listen(&t.listener, t.n, NULL, &t.port, on_accept, NULL), 0);
    sim_advance(t.s, 2100);
    assert_int_equal(t.ups, 1);
    end(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_write_a_turn), cmocka_unit_test(signs_of_life), cmocka_unit_test(pauses_grow),
        cmocka_unit_test(nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
