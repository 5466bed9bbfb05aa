/*
 * A reconnect storm: all clients but some are dropped at once and come back, --window of them at a time,
 * while those some keep echoing at --rate. Said are the time until all are back, how long the echoes took
 * before and meanwhile, who was refused, and the server's memory: with the few alone, with all, at the peak,
 * with all back, and with the few alone again.
 *
 * The generator has one thread: it closes and dials a few sockets between two looks at the echoes, so that
 * what it does itself does not count as the server's delay. Its longest turn is told along.
 */
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { CLOSES_A_TURN = 32, DIALS_A_TURN = 8, RING = 4096, HEARD_MAX = 96 };

#define PATIENCE_NS 90000000000u

typedef struct storm_mode {
    echo echo;
    hist before, during; /* latencies of the others */
    hist *into;          /* which of the two, NULL: neither */
    uint64_t due_ns;     /* of the next echo */
    uint32_t next_echo;
    uint64_t skipped; /* echoes not sent, as RING of that client are outstanding */
    int up;           /* clients of the storm that are connected and in their room */
    uint64_t refused;
    uint32_t *away; /* those to be dialed */
    int away_count;
    char joined[HEARD_MAX];
    size_t joined_len;
    bool ending; /* who is dropped now stays away */
} storm_mode;

typedef struct memory {
    usage few, all, back, left;
} memory;

/* ---- clients ---- */

static bool is_other(const gen *g, const conn *c)
{
    return c->index < (uint32_t)g->o->others;
}

/* Every second client is in a room. */
static bool has_room(const gen *g, const conn *c)
{
    return g->o->room_size > 0 && c->index % 2 == 0;
}

static void client_up(gen *g, conn *c)
{
    storm_mode *m = g->mode;

    m->up++;
    hist_add(&g->lat, g->now_ns - c->opened_ns);
}

static void on_connected(gen *g, conn *c)
{
    storm_mode *m = g->mode;
    const options *o = g->o;
    char text[256];
    int n;

    if (is_other(g, c)) {
        echo_attach(&m->echo, c);
        return;
    }
    if (!has_room(g, c)) {
        client_up(g, c);
        return;
    }
    n = snprintf(text, sizeof(text), "42%s[\"%s\",{\"%s\":\"%s%u\"}]", m->joined_len > 0 ? "" : "0",
                 o->ev_join, o->room_key, o->room_prefix, c->index / 2 / (uint32_t)o->room_size);
    conn_send(g, c, text, (size_t)n);
}

static void on_ack(gen *g, conn *c, uint64_t id)
{
    storm_mode *m = g->mode;
    int64_t ns;

    if (!is_other(g, c)) {
        client_up(g, c);
        return;
    }
    ns = echo_answered(&m->echo, g, c, id);
    if (ns >= 0 && m->into)
        hist_add(m->into, (uint64_t)ns);
}

static void on_event(gen *g, conn *c, const char *text, size_t len)
{
    storm_mode *m = g->mode;

    if (m->joined_len > 0 && len > m->joined_len && memcmp(text, m->joined, m->joined_len) == 0)
        client_up(g, c);
    else if (len > 10 && memcmp(text, "42[\"error\"", 10) == 0)
        gen_fail(g, "server said: %.*s", (int)(len < 120 ? len : 120), text);
}

static void on_closed(gen *g, conn *c)
{
    storm_mode *m = g->mode;

    gen_fail(g, "the server closed %s connection", is_other(g, c) ? "another client's" : "a returning");
    m->refused++;
    if (!is_other(g, c))
        m->away[m->away_count++] = c->index;
}

static const mode_ops ops = {on_connected, on_ack, on_event, on_closed};

/* ---- time passes ---- */

static void others_echo(gen *g)
{
    storm_mode *m = g->mode;
    uint64_t now = now_ns(), step = (uint64_t)(1e9 / g->o->rate);

    for (; m->due_ns <= now; m->due_ns += step) {
        conn *c = &g->conns[m->next_echo++ % (uint32_t)g->o->others];

        if (c->fd >= 0 && c->outstanding < RING)
            echo_send(&m->echo, g, c, m->due_ns);
        else
            m->skipped++;
    }
}

static void storm_turn(gen *g)
{
    others_echo(g);
    gen_turn(g);
}

static void storm_wait(gen *g, double seconds)
{
    uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);

    while (now_ns() < until)
        storm_turn(g);
}

static void storm_drop(gen *g)
{
    storm_mode *m = g->mode;

    for (int i = g->o->others; i < g->o->clients; i++) {
        conn_drop(g, &g->conns[i]);
        if (!m->ending)
            m->away[m->away_count++] = (uint32_t)i;
        if (i % CLOSES_A_TURN == 0)
            storm_turn(g);
    }
    m->up = 0;
}

static bool storm_return(gen *g)
{
    storm_mode *m = g->mode;
    int all = g->o->clients - g->o->others;
    uint64_t until = now_ns() + PATIENCE_NS;

    while (m->up < all && now_ns() < until) {
        for (int i = 0; i < DIALS_A_TURN && m->away_count > 0 && g->pending < g->o->window; i++)
            gen_open(g, m->away[--m->away_count]);
        storm_turn(g);
    }
    return m->up == all;
}

/* ---- the test ---- */

static void storm_rest(gen *g, usage *u, int ms)
{
    storm_wait(g, (double)ms / 1e3);
    usage_read(u, g->o->pids, true);
    g->now_ns = now_ns();
}

static void storm_gather(gen *g, memory *mem)
{
    storm_mode *m = g->mode;

    gen_open_all(g, g->o->others);
    m->due_ns = now_ns();
    storm_rest(g, &mem->few, g->o->settle_ms);
    for (int i = g->o->others; i < g->o->clients; i++)
        m->away[m->away_count++] = (uint32_t)i;
    if (!storm_return(g))
        gen_fail(g, "only %d clients connected", m->up);
    storm_rest(g, &mem->all, g->o->settle_ms);
}

static void storm_measure(gen *g, memory *mem, result *r)
{
    storm_mode *m = g->mode;
    usage before, after;
    uint64_t began;

    usage_forget_top(g->o->pids);
    m->due_ns = now_ns(); /* reading memory took its time, which is not the server's */
    m->into = &m->before;
    storm_wait(g, g->o->seconds);
    usage_read(&before, g->o->pids, false);
    g->lat = (hist){0};
    m->into = &m->during;
    m->due_ns = now_ns();
    gen_watch(g);
    began = now_ns();
    storm_drop(g);
    if (!storm_return(g))
        gen_fail(g, "only %d clients came back", m->up);
    r->seconds = (double)(now_ns() - began) / 1e9;
    r->ops = (uint64_t)m->up;
    usage_read(&after, g->o->pids, false);
    r->cpu_us = after.cpu_us - before.cpu_us;
    m->into = NULL;
    storm_rest(g, &mem->back, g->o->settle_ms);
}

static void storm_print(gen *g, const memory *mem, result *r, double longest_us)
{
    storm_mode *m = g->mode;
    char extra[1024];
    int n;

    n = snprintf(
        extra, sizeof(extra),
        ",\"back_seconds\":%.3f,\"refused\":%ju,\"skipped\":%ju,\"longest_turn_us\":%.0f,\"rss_few\":%ju,"
        "\"rss_all\":%ju,\"rss_top\":%ju,\"rss_back\":%ju,\"rss_left\":%ju",
        r->seconds, (uintmax_t)m->refused, (uintmax_t)m->skipped, longest_us, (uintmax_t)mem->few.rss_bytes,
        (uintmax_t)mem->all.rss_bytes, (uintmax_t)mem->back.top_bytes, (uintmax_t)mem->back.rss_bytes,
        (uintmax_t)mem->left.rss_bytes);
    for (int i = 0; i < 2; i++) {
        const hist *h = i == 0 ? &m->before : &m->during;
        const char *when = i == 0 ? "before" : "during";

        n += snprintf(extra + n, sizeof(extra) - (size_t)n,
                      ",\"%s_p50_us\":%.1f,\"%s_p99_us\":%.1f,\"%s_max_us\":%.1f", when,
                      (double)hist_quantile(h, 0.50) / 1e3, when, (double)hist_quantile(h, 0.99) / 1e3, when,
                      (double)h->max / 1e3);
    }
    result_print(g, r, extra);
}

void mode_storm(const options *o)
{
    storm_mode *m = calloc(1, sizeof(*m));
    gen *g = malloc(sizeof(*g));
    result r = {.unit = "connection"};
    double longest_us;
    memory mem;

    if (!g || !m || !(m->away = calloc((size_t)o->clients, sizeof(*m->away))))
        abort();
    if (o->ev_ready)
        m->joined_len = (size_t)snprintf(m->joined, HEARD_MAX, "42[\"%.64s\"", o->ev_ready);
    gen_init(g, o, &ops, m);
    echo_init(&m->echo, o, RING);
    storm_gather(g, &mem);
    storm_measure(g, &mem, &r);
    longest_us = (double)g->longest_ns / 1e3;
    m->ending = true;
    storm_drop(g);
    storm_rest(g, &mem.left, o->end_ms > 0 ? o->end_ms : o->settle_ms);
    storm_print(g, &mem, &r, longest_us);
    echo_fini(&m->echo);
    gen_fini(g);
    free(m->away);
    free(m);
    free(g);
}
