/* The Redis client before a server that says anything: in the simulator, on one server, on a cluster and
 * behind a sentinel. Whatever comes, every question is answered once, and nothing is left when the client is
 * freed. The first byte chooses the mode, the second how what the server says is cut; 0xff separates what is
 * said at each time that it hears something. */
#include "base/log.h"
#include "loop/sim.h"
#include "redis/redis.h"
#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())
#define MAX_CONNS 64

typedef struct world {
    sim           *s;
    loop          *l;
    net           *n;
    redis         *r;
    const uint8_t *p, *end;    /* what is still to be said */
    unsigned       conns, asked, answered, subscribed, done, left;
    redis_script   script;
} world;

static world *w;

/* ---- the server ---- */

static void on_data(net_stream *s, char *p, size_t n)
{
    const uint8_t *end;

    (void)p, (void)n;
    if (w->p == w->end)
        return;
    end = memchr(w->p, 0xff, (size_t)(w->end - w->p));
    if (!end)
        end = w->end;
    net_send_copy(s, w->p, (size_t)(end - w->p));
    w->p = end + (end < w->end);
}

static void on_close(net_stream *s, int err) { (void)s, (void)err; }

static const net_ops server_ops = {on_data, NULL, on_close};

static void on_accept(void *ctx, int fd)
{
    (void)ctx;
    if (++w->conns > MAX_CONNS)
        loop_close(w->l, fd);
    else
        CHECK(net_adopt(w->n, fd, &server_ops, NULL));
}

/* ---- what is asked of the client ---- */

static void on_reply(void *arg, int err, const resp_val *v)
{
    (void)arg;
    CHECK((err == 0) == (v != NULL));
    w->answered++;
}

static void on_done(void *arg, int err)
{
    (void)arg;
    CHECK(err == 0 || err == SIO_ECANCELED);
    w->done++;
}

static void on_message(void *arg, sio_str channel, sio_str payload, sio_str pattern)
{
    (void)arg, (void)pattern;
    CHECK(channel.n == 0 || channel.p[0] + 1);
    CHECK(payload.n == 0 || payload.p[payload.n - 1] + 1);
    if (w->left > 0 && --w->left == 0) /* and now something from inside a callback */
        redis_unsubscribe(w->r, REDIS_CHANNEL, sio_lit("c"));
}

static void subscribe(redis_sub_kind kind, const char *name)
{
    if (redis_subscribe(w->r, kind, sio_str_z(name), on_message, on_done, NULL) == 0)
        w->subscribed++;
}

static void on_up(void *arg)
{
    sio_str key = sio_lit("k");

    (void)arg;
    w->asked += redis_cmd(w->r, on_reply, NULL, "GET", "k") == 0;
    w->asked += redis_cmd(w->r, on_reply, NULL, "PUBSUB", "NUMSUB", "c", "d") == 0;
    w->asked += redis_eval(w->r, &w->script, on_reply, NULL, 1, &key, 1) == 0;
    w->asked += redis_cmd(w->r, on_reply, NULL, "PUBLISH", "c", "x") == 0;
}

/* ---- a run ---- */

static void start(int mode, int port)
{
    static const char *const form[] = {"redis://:pw@127.0.0.1:%d/1", "redis+cluster://127.0.0.1:%d",
                                       "redis+sentinel://127.0.0.1:%d/m"};
    redis_options o;
    char url[64];

    CHECK(snprintf(url, sizeof(url), form[mode], port) > 0);
    redis_options_init(&o);
    o.url = url;
    o.name = "fuzz";
    o.max_reply = 4096;
    o.max_unsent = 4096;
    o.on_up = on_up;
    CHECK(redis_new(&w->r, w->n, &o) == 0);
}

static void live(void)
{
    sim_advance(w->s, 20);
    subscribe(REDIS_CHANNEL, "c");
    subscribe(REDIS_PATTERN, "c*");
    sim_advance(w->s, 500);
    subscribe(REDIS_SHARD, "c");
    redis_unsubscribe(w->r, REDIS_PATTERN, sio_lit("c*"));
    sim_advance(w->s, 3000);
    redis_free(w->r);
    CHECK(w->asked == w->answered && w->subscribed == w->done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    net_limits limits = {1 << 20};
    world now = {.p = data + 2, .end = data + size, .left = 2, .script = {.text = "return 1"}};
    net_listener *listener;
    int port = 0;

    if (size < 2)
        return 0;
    log_setup(LOG_ERROR, NULL);
    w = &now;
    w->s = sim_new(data[1]);
    CHECK(sim_loop_new(w->s, &w->l) == 0 && net_new(&w->n, w->l, &limits) == 0);
    CHECK(net_listen(&listener, w->n, NULL, &port, on_accept, NULL) == 0);
    start(data[0] % 3, port);
    live();
    net_listener_close(listener);
    net_free(w->n);
    loop_free(w->l);
    sim_free(w->s);
    return 0;
}
