/* Emit with ack: every client keeps some messages outstanding, or all together keep to a rate. */
#include <stdlib.h>

#include "load.h"

enum { PACED_RING = 64 };

typedef struct echo_mode {
    uint64_t answered, skipped;
    bool running;
    echo echo;
} echo_mode;

static void on_connected(gen *g, conn *c)
{
    echo_mode *m = g->mode;

    echo_attach(&m->echo, c);
}

static void on_ack(gen *g, conn *c, uint64_t id)
{
    echo_mode *m = g->mode;
    int64_t ns = echo_answered(&m->echo, g, c, id);

    if (ns < 0)
        return;
    hist_add(&g->lat, (uint64_t)ns);
    m->answered++;
    if (m->running && g->o->rate <= 0)
        echo_send(&m->echo, g, c, g->now_ns);
}

static void on_event(gen *g, conn *c, const char *text, size_t len)
{
    (void)g, (void)c, (void)text, (void)len;
}

static void on_closed(gen *g, conn *c)
{
    (void)c;
    gen_fail(g, "the server closed a connection");
}

static const mode_ops ops = {on_connected, on_ack, on_event, on_closed};

/* Turns for some seconds; with a rate, client after client sends when its time has come. */
static void echo_drive(gen *g, double seconds)
{
    echo_mode *m = g->mode;
    uint64_t now = now_ns(), until = now + (uint64_t)(seconds * 1e9), due = now;
    uint64_t step = g->o->rate > 0 ? (uint64_t)(1e9 / g->o->rate) : 0;
    uint32_t next = 0;

    for (; now < until && g->failures == 0; now = now_ns()) {
        for (; step > 0 && due <= now; due += step) {
            conn *c = &g->conns[next++ % (uint32_t)g->o->clients];

            if (c->outstanding < m->echo.ring)
                echo_send(&m->echo, g, c, due);
            else
                m->skipped++;
        }
        gen_turn(g);
    }
}

static uint64_t echo_left(const gen *g)
{
    uint64_t left = 0;

    for (int i = 0; i < g->o->clients; i++)
        left += g->conns[i].outstanding;
    return left;
}

/* Answers may still be on their way; what has not come after two seconds is lost. */
static void echo_drain(gen *g)
{
    uint64_t until = now_ns() + 2000000000u;

    while (now_ns() < until && g->failures == 0 && echo_left(g) > 0)
        gen_turn(g);
}

static void echo_start(gen *g)
{
    echo_mode *m = g->mode;

    m->running = true;
    if (g->o->rate > 0)
        return;
    for (int i = 0; i < g->o->clients; i++)
        for (int k = 0; k < g->o->outstanding; k++)
            echo_send(&m->echo, g, &g->conns[i], now_ns());
}

static void echo_measure(gen *g, result *r)
{
    echo_mode *m = g->mode;
    usage before, after;
    uint64_t began;

    echo_start(g);
    echo_drive(g, g->o->warmup);
    usage_read(&before, g->o->pids, false);
    m->answered = m->skipped = 0;
    g->lat = (hist){0};
    gen_watch(g);
    began = now_ns();
    echo_drive(g, g->o->seconds);
    r->ops = m->answered;
    r->seconds = (double)(now_ns() - began) / 1e9;
    usage_read(&after, g->o->pids, false);
    r->cpu_us = after.cpu_us - before.cpu_us;
}

void mode_echo(const options *o)
{
    echo_mode m = {0};
    gen *g = malloc(sizeof(*g));
    result r = {.unit = "echo"};
    char extra[64];

    if (!g)
        abort();
    gen_init(g, o, &ops, &m);
    echo_init(&m.echo, o, o->rate > 0 ? PACED_RING : (uint32_t)o->outstanding);
    gen_open_all(g, o->clients);
    gen_open_beside(g);
    echo_measure(g, &r);
    snprintf(extra, sizeof(extra), ",\"skipped\":%ju", (uintmax_t)m.skipped);
    m.running = false;
    echo_drain(g);
    r.lost = echo_left(g);
    result_print(g, &r, extra);
    gen_fini(g);
    echo_fini(&m.echo);
    free(g);
}
