/* A proxy before a real server cuts the connection at every byte of a conversation, in either direction:
 * answers come once or are told as lost, and the client recovers. Many cuts run at once, each with a
 * client and a proxy of its own. */
#include "net/dial.h"
#include "redis/program_test.h"

#define BATCH 70 /* places to cut at once, in both directions: some 700 descriptors */
#define BYTES (6 * BATCH) /* longer than both conversations */

/* An address of this process alone: two that are given ports at the same moment may get the same one. */
static char host[20];

/* ---- the proxy ---- */

typedef struct side side;

typedef struct proxy {
    net_listener *listener;
    int           port;
    long          left[2];     /* bytes until the cut, of the client and of the server */
    bool          was_cut;
    unsigned      conns;
} proxy;

/* One end of a connection through it. */
struct side {
    proxy      *p;
    side       *other;
    net_stream *s;
    net_dial   *dial;
    int         from;          /* 0: the client's end, 1: the server's */
    char        early[512];    /* what came before the server's end was there */
    size_t      n;
};

static void side_free(side *e)
{
    if (e->dial)
        net_dial_cancel(e->dial);
    free(e);
}

static void cut_both(side *e)
{
    side *o = e->other;

    e->other = NULL;
    if (o)
        o->other = NULL;
    if (o && o->s)
        net_close(o->s);
    else if (o)
        side_free(o);
    net_close(e->s);
}

static void forward(side *e, const char *p, size_t n)
{
    long *left = &e->p->left[e->from];
    bool cuts = !e->p->was_cut && (long)n >= *left;

    if (cuts)
        n = (size_t)*left;
    *left -= (long)n;
    if (e->other && e->other->s) {
        net_send_copy(e->other->s, p, n);
    } else if (e->other) {
        assert_true(e->n + n <= sizeof(e->early));
        memcpy(e->early + e->n, p, n);
        e->n += n;
    }
    if (cuts) {
        e->p->was_cut = true;
        cut_both(e);
    }
}

static void on_side_data(net_stream *s, char *p, size_t n) { forward(s->owner, p, n); }

static void on_side_close(net_stream *s, int err)
{
    side *e = s->owner, *o = e->other;

    (void)err;
    if (o)
        o->other = NULL;
    if (o && o->s)
        net_close(o->s);
    else if (o)
        side_free(o);
    side_free(e);
}

static const net_ops side_ops = {on_side_data, NULL, on_side_close};

static void on_server(void *arg, net_stream *s, int err)
{
    side *e = arg;

    assert_int_equal(err, 0);
    e->dial = NULL;
    e->s = s;
    net_send_copy(s, e->other->early, e->other->n);
    e->other->n = 0;
}

static void on_proxy_accept(void *ctx, int fd)
{
    side *client = calloc(1, sizeof(*client)), *far = calloc(1, sizeof(*far));

    client->p = far->p = ctx;
    client->p->conns++;
    client->other = far;
    far->other = client;
    far->from = 1;
    client->s = net_adopt(g.n, fd, &side_ops, client);
    assert_int_equal(net_dial_start(&far->dial, g.n, server.path, 0, 5000, &side_ops, far, on_server, far),
                     0);
}

/* ---- a client and its conversation ---- */

typedef struct talk {
    proxy    p;
    heard    h;
    char     key[24];
    unsigned asked, answered, lost;
    bool     asked_end, ended;
} talk;

static talk all[2 * BATCH];
static unsigned ended;

static void on_end(void *arg, int err, const resp_val *v)
{
    talk *t = arg;

    if (err < 0) {             /* cut here: once more when it is up */
        t->asked_end = false;
        return;
    }
    int counted = v->kind == RESP_BULK ? v->s.p[0] - '0' : 0;
    assert_true(counted >= (int)t->answered && counted <= (int)(t->answered + t->lost));
    t->ended = true;
    ended++;
}

static void go_on(talk *t)
{
    if (t->asked == 4 && t->answered + t->lost == 4 && !t->asked_end)
        t->asked_end = redis_cmd(t->h.r, on_end, t, "GET", t->key) == 0;
}

static void on_talk(void *arg, int err, const resp_val *v)
{
    talk *t = arg;

    if (err == 0) {
        assert_int_equal(v->kind, RESP_INT);
        t->answered++;
        assert_true(v->i >= t->answered && v->i <= 4);
    } else {
        assert_int_equal(err, SIO_ECLOSED);
        t->lost++;
    }
    assert_true(t->answered + t->lost <= 4);
    go_on(t);
}

static void on_talk_up(void *arg)
{
    talk *t = arg;

    t->h.ups++;
    while (t->asked < 4) {
        assert_int_equal(redis_cmd(t->h.r, on_talk, t, "INCR", t->key), 0);
        t->asked++;
    }
    go_on(t);
}

static bool all_ended(void *arg)
{
    (void)arg;
    return ended == 2 * BATCH;
}

static void open_proxy(proxy *p, int direction, int at)
{
    memset(p, 0, sizeof(*p));
    p->left[direction] = at;
    p->left[!direction] = 1L << 40;
    assert_int_equal(net_listen(&p->listener, g.n, host, &p->port, on_proxy_accept, p), 0);
}

/* The talk number i of those that begin with the cut at byte first. */
static redis_options talk_options(int first, int i, void (*on_up)(void *arg))
{
    talk *t = &all[i];
    static char url[64];
    redis_options o;

    memset(t, 0, sizeof(*t));
    open_proxy(&t->p, i % 2, first + i / 2);
    snprintf(t->key, sizeof(t->key), "k%d.%d", first + i / 2, i % 2);
    snprintf(url, sizeof(url), "redis://%s:%d", host, t->p.port);
    o = heard_options(&t->h, url);
    o.name = "talker";
    o.arg = t;
    o.on_up = on_up;
    o.on_down = NULL;
    return o;
}

static void close_all(int first)
{
    for (int i = 0; i < 2 * BATCH; i++) {
        const proxy *p = &all[i].p;
        assert_true(p->was_cut || first > 0 || i >= 40); /* the answers are few bytes */
        assert_false(p->was_cut && first == BYTES - BATCH); /* the conversation ended before */
        if (p->conns > 1u + p->was_cut)
            fail_msg("%s: %u connections, %s", all[i].key, p->conns, p->was_cut ? "cut" : "not cut");
        redis_free(all[i].h.r);
        net_listener_close(p->listener);
    }
}

static void talk_through_cuts(int first)
{
    ended = 0;
    for (int i = 0; i < 2 * BATCH; i++) {
        redis_options o = talk_options(first, i, on_talk_up);
        assert_int_equal(redis_new(&all[i].h.r, g.n, &o), 0);
    }
    rig_wait(&g, all_ended, NULL);
    close_all(first);
}

static void commands_cut_at_every_byte(void **state)
{
    (void)state;
    redis_server_do(&server, "FLUSHALL");
    for (int first = 0; first < BYTES; first += BATCH)
        talk_through_cuts(first);
}

/* ---- subscriptions ---- */

static heard publisher;

static void on_listener_message(void *arg, sio_str channel, sio_str payload, sio_str pattern)
{
    talk *t = arg;

    assert_true(sio_str_eq(channel, sio_str_z(t->key)) && sio_str_eq(payload, sio_lit("hello")) &&
                pattern.n == 0);
    if (!t->ended)
        ended++;
    t->ended = true;
}

/* Whenever it says that it is up, one message: unless the cut takes it away it must arrive. */
static void on_listener_up(void *arg)
{
    talk *t = arg;

    t->h.ups++;
    assert_int_equal(redis_cmd(publisher.r, NULL, NULL, "PUBLISH", t->key, "hello"), 0);
}

static void listen_through_cuts(int first)
{
    ended = 0;
    for (int i = 0; i < 2 * BATCH; i++) {
        redis_options o = talk_options(first, i, on_listener_up);
        sio_str name = sio_str_z(all[i].key);
        assert_int_equal(redis_new(&all[i].h.r, g.n, &o), 0);
        assert_int_equal(redis_subscribe(all[i].h.r, REDIS_CHANNEL, name, on_listener_message, NULL, &all[i]),
                         0);
    }
    rig_wait(&g, all_ended, NULL);
    for (int i = 0; i < 2 * BATCH; i++)
        assert_true(all[i].h.ups == 1 || all[i].h.ups == 2);
    close_all(first);
}

static void subscriptions_cut_at_every_byte(void **state)
{
    (void)state;
    heard_open(&g, &publisher, server.url);
    for (int first = 0; first < BYTES; first += BATCH)
        listen_through_cuts(first);
    redis_free(publisher.r);
}

static int start(void **state)
{
    snprintf(host, sizeof(host), "127.%d.%d.%d", 1 + getpid() / 65536 % 200, getpid() / 256 % 256,
             getpid() % 256);
    return start_server(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(commands_cut_at_every_byte),
                                       TEST(subscriptions_cut_at_every_byte)};
    return cmocka_run_group_tests(tests, start, stop_server);
}
