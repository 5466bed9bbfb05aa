/* What the tests of the Redis client share: a loop that runs until something has happened, and clients
 * that remember. */
#ifndef REDIS_RIG_TEST_H
#define REDIS_RIG_TEST_H

#include "base/testing.h"

#include "base/list.h"
#include "redis/redis.h"
#include "redis/server_test.h"

#define RIG_PATIENCE_MS 20000
#define RIG_TICK_MS     10

typedef struct rig {
    loop      *l;
    net       *n;
    loop_hook  hook;
    loop_timer tick;
    uint64_t   patience; /* until this loop_now */
    bool     (*until)(void *arg);
    void      *arg;
    bool       happened;
} rig;

/* One client of a test and what it has said. */
typedef struct heard {
    redis   *r;
    unsigned ups, downs;
    char     why[200];
} heard;

static inline void rig_on_turn(loop_hook *h)
{
    rig *g = container_of(h, rig, hook);

    if (!g->happened && g->until && g->until(g->arg)) {
        g->happened = true;
        loop_stop(g->l);
    }
}

/* An idle loop has no turn at whose end what is waited for is seen: there is one every moment. */
static inline void rig_on_tick(loop_timer *t)
{
    rig *g = container_of(t, rig, tick);
    uint64_t now = loop_now(g->l);

    if (now >= g->patience)
        loop_stop(g->l);
    else
        loop_timer_set(g->l, t, g->patience - now < RIG_TICK_MS ? g->patience - now : RIG_TICK_MS);
}

static inline void rig_open(rig *g)
{
    net_limits limits = {1 << 20};

    memset(g, 0, sizeof(*g));
    assert_int_equal(loop_new(&g->l), 0);
    g->hook.fn = rig_on_turn;
    loop_add_hook(g->l, &g->hook);
    loop_timer_init(&g->tick, rig_on_tick);
    assert_int_equal(net_new(&g->n, g->l, &limits), 0);
}

static inline void rig_close(rig *g)
{
    loop_timer_cancel(g->l, &g->tick);
    net_free(g->n);
    loop_free(g->l);
}

/* Runs the loop until it is true at the end of a turn. False after ms. */
static inline bool rig_try(rig *g, uint32_t ms, bool (*until)(void *arg), void *arg)
{
    g->until = until;
    g->arg = arg;
    g->happened = false;
    loop_timer_set(g->l, &g->tick, ms < RIG_TICK_MS ? ms : RIG_TICK_MS);
    g->patience = loop_now(g->l) + ms; /* the timer's now */
    loop_run(g->l);
    loop_timer_cancel(g->l, &g->tick);
    g->until = NULL;
    return g->happened;
}

static inline void rig_wait_(rig *g, bool (*until)(void *arg), void *arg, const char *where, const char *what)
{
    if (!rig_try(g, RIG_PATIENCE_MS, until, arg))
        fail_msg("%s: waited in vain for %s", where, what);
}
#define rig_wait(g, until, arg) rig_wait_(g, until, arg, __func__, #until)

static inline void heard_up(void *arg) { ((heard *)arg)->ups++; }
static inline void heard_down(void *arg, const char *why)
{
    heard *h = arg;

    h->downs++;
    snprintf(h->why, sizeof(h->why), "%s", why);
}

static inline redis_options heard_options(heard *h, const char *url)
{
    redis_options o;

    memset(h, 0, sizeof(*h));
    redis_options_init(&o);
    o.url = url;
    o.on_up = heard_up;
    o.on_down = heard_down;
    o.arg = h;
    return o;
}

static inline bool is_up(void *arg) { return redis_is_up(((heard *)arg)->r); }
static inline bool is_down(void *arg) { return ((heard *)arg)->downs > 0 && !is_up(arg); }

static inline void heard_open(rig *g, heard *h, const char *url)
{
    redis_options o = heard_options(h, url);

    assert_int_equal(redis_new(&h->r, g->n, &o), 0);
    rig_wait(g, is_up, h);
    assert_int_equal(h->ups, 1);
}

/* ---- what a subscriber hears: "channel=payload;" or "pattern:channel=payload;" ---- */

typedef struct ears {
    char     text[2000];
    unsigned done, canceled;
} ears;

static inline void ears_message(void *arg, sio_str channel, sio_str payload, sio_str pattern)
{
    ears *e = arg;
    size_t n = strlen(e->text);

    snprintf(e->text + n, sizeof(e->text) - n, "%.*s%s%.*s=%.*s;", (int)pattern.n, pattern.p,
             pattern.n ? ":" : "",
             (int)channel.n, channel.p, (int)payload.n, payload.p);
}

static inline void ears_done(void *arg, int err)
{
    ears *e = arg;

    if (err == SIO_ECANCELED)
        e->canceled++;
    else
        assert_int_equal(err, 0);
    e->done++;
}

static inline bool has_heard(void *arg) { return ((ears *)arg)->text[0]; }
static inline bool is_done(void *arg) { return ((ears *)arg)->done; }

static inline void rig_subscribe(redis *r, redis_sub_kind kind, const char *name, ears *e)
{
    assert_int_equal(redis_subscribe(r, kind, sio_str_z(name), ears_message, ears_done, e), 0);
}

/* ---- an answer, as text ---- */

typedef struct answer {
    unsigned calls;
    int      err;
    char     text[400];
} answer;

static inline void answer_show(answer *a, const resp_val *v)
{
    size_t n = strlen(a->text), left = sizeof(a->text) - n;
    char *p = a->text + n;

    if (v->kind == RESP_INT)
        snprintf(p, left, "%lld", (long long)v->i);
    else if (v->kind == RESP_NIL)
        snprintf(p, left, "nil");
    else if (v->kind == RESP_BULK || v->kind == RESP_STATUS || v->kind == RESP_ERROR)
        snprintf(p, left, "%s%.*s", v->kind == RESP_ERROR ? "-" : "", (int)v->s.n, v->s.p);
    for (uint32_t i = 0; v->kind == RESP_ARRAY && i < v->n; i++) {
        if (i)
            strncat(a->text, " ", sizeof(a->text) - strlen(a->text) - 1);
        answer_show(a, &v->item[i]);
    }
}

static inline void on_answer(void *arg, int err, const resp_val *v)
{
    answer *a = arg;

    assert_true((v != NULL) == (err == 0));
    a->calls++;
    a->err = err;
    a->text[0] = 0;
    if (v)
        answer_show(a, v);
}

static inline bool is_answered(void *arg) { return ((answer *)arg)->calls > 0; }

static inline const char *rig_ask(rig *g, redis *r, const sio_str *argv, unsigned argc)
{
    static answer a;

    a.calls = 0;
    assert_int_equal(redis_command(r, on_answer, &a, argv, argc), 0);
    assert_int_equal(a.calls, 0);
    rig_wait(g, is_answered, &a);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.err, 0);
    return a.text;
}
#define RIG_ASK(g, r, ...) \
    rig_ask(g, r, REDIS_ARGS_(__VA_ARGS__), sizeof(REDIS_ARGS_(__VA_ARGS__)) / sizeof(sio_str))

#endif
