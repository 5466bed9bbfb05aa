#include "app/shared.h"
#include "app/party/party.h"
#include "app/presence/presence.h"
#include "app/shared_sweep.h"
#include "base/log.h"
#include "sio/home.h"

#include <stdlib.h>

/* Of one loop, for its thread. */
typedef struct shared_loop {
    struct shared *s;
    unsigned       index;
    redis         *r;
    bool           standing; /* the node has a lease */
    bool           in_use;   /* presence and parties write */
} shared_loop;

typedef struct shared {
    app             *a;
    node            *node;   /* on loop 0 */
    shared_sweeps    sweeps; /* likewise */
    atomic_uint      servers;
    atomic_uint      in_use; /* loops */
    unsigned         n;
    shared_loop      loop[];
} shared;

/* ---- who may write ---------------------------------------------------------------------------------- */

static void use(shared_loop *l)
{
    if (!l->standing || !redis_is_up(l->r))
        return;
    if (!l->in_use)
        atomic_fetch_add(&l->s->in_use, 1);
    l->in_use = true;
    presence_redis(l->s->a, l->index, l->r);
    party_redis(l->s->a, l->index, l->r);
}

static void unuse(shared_loop *l)
{
    if (!l->in_use)
        return;
    l->in_use = false;
    atomic_fetch_sub(&l->s->in_use, 1);
    presence_redis(l->s->a, l->index, NULL);
    party_redis(l->s->a, l->index, NULL);
}

static void on_stand(void *arg)
{
    ((shared_loop *)arg)->standing = true;
    use(arg);
}

static void on_fall(void *arg)
{
    ((shared_loop *)arg)->standing = false;
    unuse(arg);
}

static void tell_all(shared *s, void (*fn)(void *arg))
{
    for (unsigned i = 0; i < s->n; i++)
        if (sio_post(s->a->io, i, fn, &s->loop[i]) < 0)
            abort();
}

/* ---- the node --------------------------------------------------------------------------------------- */

static void on_lost(void *arg)
{
    shared *s = arg;

    log_debug("writing to Redis what is here");
    tell_all(s, on_stand);
}

static void on_away(void *arg) { tell_all(arg, on_fall); }

static void on_count(void *arg, unsigned nodes) { atomic_store(&((shared *)arg)->servers, nodes); }

static void on_dead(void *arg, sio_str code, unsigned loops)
{
    shared *s = arg;

    shared_sweep_start(&s->sweeps, code, loops);
}

static int make_node(shared *s)
{
    const app_options *opt = &s->a->opt;
    node_options o = {.loop = net_loop(sio_home_net(s->a->io, 0)),
                      .redis = s->loop[0].r,
                      .address = opt->node_address,
                      .loops = s->n,
                      .lease_ms = opt->cluster_lease_ms,
                      .on_dead = on_dead,
                      .on_lost = on_lost,
                      .on_away = on_away,
                      .on_count = on_count,
                      .arg = s};

    memcpy(o.code, opt->node_code, NODE_CODE_LEN);
    return node_new(&s->node, &o);
}

/* ---- connections ------------------------------------------------------------------------------------ */

static void on_up(void *arg)
{
    shared_loop *l = arg;

    if (l->index == 0)
        node_redis_up(l->s->node);
    use(l);
}

static void on_down(void *arg, const char *why)
{
    shared_loop *l = arg;

    unuse(l);
    if (l->index > 0 || !l->s->node) /* it ends */
        return;
    log_warn("Redis is away, presence and viewers go by what is here: %s", why);
    node_redis_down(l->s->node);
}

static int connect_loop(shared *s, unsigned i)
{
    shared_loop *l = &s->loop[i];
    redis_options o;

    *l = (shared_loop){.s = s, .index = i};
    redis_options_init(&o);
    o.url = s->a->opt.redis_url;
    o.name = "partyline";
    o.on_up = on_up;
    o.on_down = on_down;
    o.arg = l;
    return redis_new(&l->r, sio_home_net(s->a->io, i), &o);
}

/* ---- life ------------------------------------------------------------------------------------------- */

int shared_attach(app *a)
{
    unsigned n = sio_server_loops(a->io);
    shared *s;
    int err = 0;

    if (!a->opt.redis_url)
        return 0;
    s = calloc(1, sizeof(*s) + n * sizeof(s->loop[0]));
    if (!s)
        return SIO_ENOMEM;
    s->a = a;
    a->shared = s;
    atomic_init(&s->servers, 1);
    atomic_init(&s->in_use, 0);
    for (; s->n < n && err == 0; s->n++)
        err = connect_loop(s, s->n);
    if (err == 0)
        err = make_node(s);
    shared_sweeps_init(&s->sweeps, a, s->node, s->loop[0].r);
    return err;
}

void shared_detach(app *a)
{
    shared *s = a->shared;
    node *n;

    if (!s)
        return;
    n = s->node;
    s->node = s->sweeps.node = NULL; /* sweeps that are cut off below have nobody to tell */
    node_free(n);
    for (unsigned i = 0; i < s->n; i++)
        redis_free(s->loop[i].r);
    shared_sweeps_fini(&s->sweeps);
    free(s);
    a->shared = NULL;
}

node *app_node(app *a) { return a->shared ? a->shared->node : NULL; }
unsigned shared_servers(const app *a) { return a->shared ? atomic_load(&a->shared->servers) : 1; }

bool shared_is_in_use(const app *a)
{
    return !a->shared || atomic_load(&a->shared->in_use) == a->shared->n;
}
