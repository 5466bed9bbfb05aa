/* Tests of connections themselves: opening many, opening and closing, holding them idle. */
#include <stdlib.h>

#include "load.h"

enum { SETTLE_MS = 100 };

typedef struct conn_mode {
    uint64_t connected, closed;
    bool churn, stopping;
} conn_mode;

static void on_connected(gen *g, conn *c)
{
    conn_mode *m = g->mode;

    m->connected++;
    hist_add(&g->lat, g->now_ns - c->opened_ns);
    if (m->churn)
        conn_send_close(g, c);
}

static void on_closed(gen *g, conn *c)
{
    conn_mode *m = g->mode;

    m->closed++;
    if (!m->churn)
        gen_fail(g, "the server closed a connection");
    else if (!m->stopping)
        gen_open(g, c->index);
}

static void on_ack(gen *g, conn *c, uint64_t id)
{
    (void)c;
    gen_fail(g, "unexpected ack %ju", (uintmax_t)id);
}

/* A server may greet with events of its own (presence); they are not what is measured. */
static void on_event(gen *g, conn *c, const char *text, size_t len)
{
    (void)g, (void)c, (void)text, (void)len;
}

static const mode_ops ops = {on_connected, on_ack, on_event, on_closed};

static gen *gen_new(const options *o, conn_mode *m)
{
    gen *g = malloc(sizeof(*g));

    if (!g)
        abort();
    gen_init(g, o, &ops, m);
    return g;
}

static void gen_free(gen *g)
{
    gen_fini(g);
    free(g);
}

void mode_connect(const options *o)
{
    conn_mode m = {0};
    gen *g = gen_new(o, &m);
    result r = {.unit = "connection"};
    usage before, after;
    uint64_t began;

    usage_read(&before, o->pids, false);
    gen_watch(g);
    began = now_ns();
    gen_open_all(g, o->clients);
    r.seconds = (double)(now_ns() - began) / 1e9;
    gen_idle(g, SETTLE_MS);
    usage_read(&after, o->pids, false);
    r.ops = m.connected;
    r.lost = (uint64_t)o->clients - m.connected;
    r.cpu_us = after.cpu_us - before.cpu_us;
    result_print(g, &r, "");
    gen_free(g);
}

static void turn_for(gen *g, double seconds)
{
    uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);

    while (now_ns() < until && g->failures == 0)
        gen_turn(g);
}

void mode_churn(const options *o)
{
    conn_mode m = {.churn = true};
    gen *g = gen_new(o, &m);
    result r = {.unit = "connection"};
    usage before, after;
    uint64_t began;

    for (int i = 0; i < o->window && i < o->clients; i++)
        gen_open(g, (uint32_t)i);
    turn_for(g, o->warmup);
    usage_read(&before, o->pids, false);
    m.closed = 0;
    g->lat = (hist){0};
    gen_watch(g);
    began = now_ns();
    turn_for(g, o->seconds);
    r.ops = m.closed;
    r.seconds = (double)(now_ns() - began) / 1e9;
    usage_read(&after, o->pids, false);
    r.cpu_us = after.cpu_us - before.cpu_us;
    result_print(g, &r, "");
    m.stopping = true;
    gen_free(g);
}

void mode_idle(const options *o)
{
    conn_mode m = {0};
    gen *g = gen_new(o, &m);
    result r = {.unit = "connection held", .seconds = 1};
    usage first, last;
    char extra[256];
    double more = o->clients - o->idle_from;

    if (more <= 0) {
        fprintf(stderr, "load: --idle-from must be less than --clients\n");
        exit(2);
    }
    gen_open_all(g, o->idle_from);
    gen_idle(g, o->settle_ms);
    usage_read(&first, o->pids, true);
    gen_open_all(g, o->clients);
    gen_idle(g, o->settle_ms);
    usage_read(&last, o->pids, true);
    r.ops = m.connected;
    r.lost = (uint64_t)o->clients - m.connected;
    snprintf(extra, sizeof(extra),
             ",\"rss_bytes\":%.0f,\"pss_bytes\":%.0f,\"rss_first\":%ju,\"rss_last\":%ju",
             ((double)last.rss_bytes - (double)first.rss_bytes) / more,
             ((double)last.pss_bytes - (double)first.pss_bytes) / more, (uintmax_t)first.rss_bytes,
             (uintmax_t)last.rss_bytes);
    result_print(g, &r, extra);
    gen_free(g);
}
