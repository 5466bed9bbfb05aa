#include "app/shared_sweep.h"
#include "app/party/party.h"
#include "app/presence/presence.h"
#include "app/presence/presence_shared.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOPS_UNKNOWN 64 /* looked at when nobody knows any more how many the server had */

/* First all sockets, then all viewers, of one loop of the dead server after the other. */
typedef struct sweep {
    list           link;
    shared_sweeps *s;
    char           code[NODE_CODE_LEN];
    unsigned       loops, at;
    unsigned       users;  /* that are gone with it */
    bool           viewers; /* the sockets are done */
} sweep;

static sio_str code_of(const sweep *w) { return (sio_str){w->code, NODE_CODE_LEN}; }

static void sweep_free(sweep *w)
{
    list_del(&w->link);
    free(w);
}

static void next(sweep *w);

static void on_part_done(void *arg, int err)
{
    sweep *w = arg;

    if (err == 0) {
        w->at++;
        next(w);
        return;
    }
    if (err != SIO_ECANCELED && w->s->node)
        node_swept(w->s->node, code_of(w), false);
    sweep_free(w);
}

static bool goes_on(void *arg)
{
    sweep *w = arg;

    return node_has_claim(w->s->node, code_of(w));
}

static void on_gone(void *arg, sio_str user)
{
    sweep *w = arg;

    w->users++;
    presence_vanished(w->s->a, user);
}

static int sweep_sockets(sweep *w)
{
    char key[PRESENCE_REGISTER_MAX], code[NODE_CODE_LEN + 1];
    presence_sweep_options o = {.r = w->s->r,
                                .gone = on_gone,
                                .goes_on = goes_on,
                                .done = on_part_done,
                                .arg = w,
                                .wall = sio_now(w->s->a->io)};

    presence_register(code_of(w), w->at, key);
    snprintf(code, sizeof(code), "%.*s", NODE_CODE_LEN, w->code);
    o.key = key;
    o.moves = w->s->a->opt.recovery_ms > 0 ? code : NULL;
    return presence_sweep(&o);
}

static void end(sweep *w)
{
    log_info("server %.*s is gone, and %u users with it", NODE_CODE_LEN, w->code, w->users);
    node_swept(w->s->node, code_of(w), true);
    sweep_free(w);
}

static void next(sweep *w)
{
    int err;

    if (w->at == w->loops && !w->viewers) {
        w->viewers = true;
        w->at = 0;
    }
    if (w->at == w->loops) {
        end(w);
        return;
    }
    if (!goes_on(w))
        err = SIO_ECANCELED;
    else
        err = w->viewers ? party_sweep(w->s->a, w->s->r, code_of(w), w->at, goes_on, on_part_done, w)
                         : sweep_sockets(w);
    if (err < 0) {
        node_swept(w->s->node, code_of(w), false);
        sweep_free(w);
    }
}

static void on_claimed(void *arg, bool ours)
{
    sweep *w = arg;

    if (ours)
        next(w);
    else
        sweep_free(w);
}

static bool is_under_way(const shared_sweeps *s, sio_str code)
{
    list_each(it, &s->sweeps)
        if (sio_str_eq(code_of(container_of(it, sweep, link)), code))
            return true;
    return false;
}

void shared_sweep_start(shared_sweeps *s, sio_str code, unsigned loops)
{
    sweep *w = code.n == NODE_CODE_LEN && !is_under_way(s, code) ? calloc(1, sizeof(*w)) : NULL;

    if (!w) /* it is said again */
        return;
    w->s = s;
    w->loops = loops ? loops : LOOPS_UNKNOWN;
    memcpy(w->code, code.p, NODE_CODE_LEN);
    list_add_tail(&s->sweeps, &w->link);
    node_claim(s->node, code, on_claimed, w);
}

void shared_sweeps_init(shared_sweeps *s, app *a, node *n, redis *r)
{
    *s = (shared_sweeps){.a = a, .node = n, .r = r};
    list_init(&s->sweeps);
}

void shared_sweeps_fini(shared_sweeps *s)
{
    list_each(it, &s->sweeps)
        sweep_free(container_of(it, sweep, link));
}
