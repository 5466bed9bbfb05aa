/* Is anybody there? A ping now, and whatever comes from the peer is the answer. */
#include "eio/eio_int.h"

#include <stdlib.h>

/* Its end is told from the loop's timers, never inside a call of the session's. */
struct eio_probe {
    loop_timer    timer;
    list          link;      /* in eio_server.probes */
    loop         *loop;
    eio_probe   **home;      /* the list it is in; NULL: it is known by now */
    eio_probe    *next;
    bool          alive;
    eio_probe_fn *fn;
    void         *arg;
};

static void forget(eio_probe *p)
{
    eio_probe **at = p->home;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    p->home = NULL;
}

static void on_end(loop_timer *t)
{
    eio_probe *p = container_of(t, eio_probe, timer);
    eio_probe_fn *fn = p->fn;
    void *arg = p->arg;
    bool alive = p->alive;

    if (p->home)
        forget(p);
    list_del(&p->link);
    free(p);
    fn(arg, alive);
}

void eio_probes_end(eio_probe **home, bool alive)
{
    while (*home) {
        eio_probe *p = *home;

        forget(p);
        p->alive = alive;
        loop_timer_set(p->loop, &p->timer, 0);
    }
}

int eio_probe_add(eio_server *e, eio_probe **home, uint32_t ms, eio_probe_fn *fn, void *arg)
{
    eio_probe *p = calloc(1, sizeof *p);

    if (!p)
        return SIO_ENOMEM;
    p->loop = e->loop;
    p->home = home;
    p->fn = fn;
    p->arg = arg;
    p->next = *home;
    *home = p;
    list_add_tail(&e->probes, &p->link);
    loop_timer_init(&p->timer, on_end);
    loop_timer_set(p->loop, &p->timer, ms);
    return 0;
}

int eio_probe_start(eio_session *s, uint32_t ms, eio_probe_fn *fn, void *arg)
{
    bool asked = s->probes != NULL; /* a ping that is on its way asks for all */
    int err = s->state == EIO_OPENED ? eio_probe_add(s->server, &s->probes, ms, fn, arg) : SIO_ECLOSED;

    if (err == 0 && !asked)
        eio_send(s, s->server->ping);
    return err;
}

void eio_probes_drop(eio_server *e)
{
    list_each(it, &e->probes) {
        eio_probe *p = container_of(it, eio_probe, link);

        if (p->home)
            forget(p);
        loop_timer_cancel(p->loop, &p->timer);
        free(p);
    }
    list_init(&e->probes);
}
