/* All clients together: their epoll, which is only ever polled, and the turns of it. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"

enum { SPARE_FDS = 32 };

void gen_die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

void gen_fail(gen *g, const char *fmt, ...)
{
    va_list ap;

    if (g->failures++ > 0)
        return;
    va_start(ap, fmt);
    vsnprintf(g->error, sizeof(g->error), fmt, ap);
    va_end(ap);
}

static int gen_size(const options *o)
{
    return o->clients + o->beside;
}

static void gen_worked(gen *g, uint64_t ns)
{
    g->busy_ns += ns;
    if (ns > g->longest_ns)
        g->longest_ns = ns;
}

void gen_turn(gen *g)
{
    struct epoll_event ev[EVENTS_MAX];
    uint64_t began = now_ns();
    int n;

    conn_flush_queue(g);
    n = epoll_wait(g->epoll, ev, EVENTS_MAX, 0);
    for (int i = 0; i < n; i++)
        conn_event(g, ev[i].data.ptr, ev[i].events);
    conn_flush_queue(g);
    if (n > 0 || g->worked)
        gen_worked(g, now_ns() - began);
    g->worked = false;
}

void gen_open_all(gen *g, int upto)
{
    while ((g->opened < upto || g->pending > 0) && g->failures == 0) {
        while (g->opened < upto && g->pending < g->o->window)
            gen_open(g, (uint32_t)g->opened);
        gen_turn(g);
    }
}

void gen_open_beside(gen *g)
{
    gen_open_all(g, gen_size(g->o));
}

void gen_idle(gen *g, int ms)
{
    uint64_t until = now_ns() + (uint64_t)ms * 1000000;

    while (now_ns() < until)
        gen_turn(g);
}

void gen_watch(gen *g)
{
    g->busy_ns = g->longest_ns = 0;
    g->watch_ns = now_ns();
}

double gen_busy(const gen *g)
{
    uint64_t span = now_ns() - g->watch_ns;

    return span > 0 ? (double)g->busy_ns / (double)span : 0;
}

/* Lifts the descriptor limit; fails when the clients asked for do not fit. */
static void gen_raise_limit(const options *o)
{
    struct rlimit r;

    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    if ((rlim_t)gen_size(o) + SPARE_FDS > r.rlim_cur) {
        fprintf(stderr, "load: %d clients do not fit into %ju descriptors\n", gen_size(o),
                (uintmax_t)r.rlim_cur);
        exit(1);
    }
}

static void gen_make_tokens(gen *g)
{
    g->tokens = calloc((size_t)gen_size(g->o), sizeof(*g->tokens));
    for (int i = 0; g->tokens && i < gen_size(g->o); i++) {
        char *jwt = token_make(g->o, (uint32_t)i);

        if (asprintf(&g->tokens[i], "40{\"token\":\"%s\"}", jwt) < 0)
            abort();
        free(jwt);
    }
}

void gen_init(gen *g, const options *o, const mode_ops *ops, void *mode)
{
    memset(g, 0, sizeof(*g));
    g->o = o;
    g->ops = ops;
    g->mode = mode;
    g->rng = 0x9e3779b97f4a7c15u;
    snprintf(g->key, sizeof(g->key), "dGhlIHNhbXBsZSBub25jZQ==");
    accept_of(g->key, g->accept);
    gen_raise_limit(o);
    g->conns = calloc((size_t)gen_size(o), sizeof(*g->conns));
    g->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!g->conns || g->epoll < 0)
        gen_die("epoll_create1");
    for (int i = 0; i < gen_size(o); i++)
        g->conns[i].fd = -1;
    if (o->jwt_secret)
        gen_make_tokens(g);
}

void gen_fini(gen *g)
{
    for (int i = 0; i < gen_size(g->o); i++) {
        conn_drop(g, &g->conns[i]);
        free(g->conns[i].out);
        free(g->conns[i].sent_ns);
        if (g->tokens)
            free(g->tokens[i]);
    }
    free(g->tokens);
    free(g->conns);
    close(g->epoll);
}
