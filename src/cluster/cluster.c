/* Life of an adapter over Redis: options, its two connections, its namespaces. */
#include "base/log.h"
#include "base/rand.h"
#include "cluster/cluster_int.h"
#include "sio/home.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- making ---- */

static sio_str request_key(const void *object)
{
    return ((const cluster_request *)object)->id;
}

static bool options_are_sane(const sio_redis_options *o)
{
    return o->size == sizeof *o && o->url && !redis_url_fault(o->url) && o->key && o->key[0] &&
           o->requests_timeout_ms && o->max_unsent && o->mode <= SIO_REDIS_STREAMS &&
           o->subscriptions <= SIO_REDIS_STATIC;
}

static bool own(const char **text)
{
    char *copy = *text ? strdup(*text) : NULL;
    bool ok = copy || !*text;

    *text = copy;
    return ok;
}

static int own_options(sio_redis_options *o)
{
    bool url = own(&o->url), key = own(&o->key), stream = own(&o->stream), prefix = own(&o->session_prefix);

    return url && key && stream && prefix ? 0 : SIO_ENOMEM;
}

static void free_options(sio_redis_options *o)
{
    free((char *)(uintptr_t)o->url);
    free((char *)(uintptr_t)o->key);
    free((char *)(uintptr_t)o->stream);
    free((char *)(uintptr_t)o->session_prefix);
}

int cluster_new(cluster **out, const cluster_kind *kind, const sio_redis_options *o)
{
    cluster *c;

    if (!options_are_sane(o))
        return SIO_EINVAL;
    if (!(c = calloc(1, kind->size)))
        return SIO_ENOMEM;
    c->base.ops = kind->ops;
    c->kind = kind;
    c->opt = *o;
    if (own_options(&c->opt) < 0) {
        free_options(&c->opt);
        free(c);
        return SIO_ENOMEM;
    }
    pthread_mutex_init(&c->ns_lock, NULL);
    map_init(&c->requests, request_key);
    list_init(&c->asked);
    list_init(&c->askers);
    if (kind->making)
        kind->making(c);
    *out = c;
    return 0;
}

void cluster_make_id(const cluster *c, char *out)
{
    uint8_t bytes[CLUSTER_ID_SIZE / 2];

    if (c->kind->hex) {
        rand_bytes(bytes, sizeof bytes);
        for (unsigned i = 0; i < c->kind->id_len; i++)
            out[i] = "0123456789abcdef"[bytes[i / 2] >> (i % 2 ? 0 : 4) & 15];
    } else {
        rand_id(out, c->kind->id_len);
    }
    out[c->kind->id_len] = 0;
}

char *cluster_join(const sio_str *part, unsigned n)
{
    size_t len = 1;
    char *text, *p;

    for (unsigned i = 0; i < n; i++)
        len += part[i].n;
    if (!(text = p = malloc(len)))
        return NULL;
    for (unsigned i = 0; i < n; i++)
        if (part[i].n > 0)
            p = (char *)memcpy(p, part[i].p, part[i].n) + part[i].n;
    *p = 0;
    return text;
}

/* ---- connections ---- */

static void tell_state(cluster *c, bool up, const char *why)
{
    int now = up ? 1 : -1;

    if (c->told == now)
        return;
    c->told = now;
    if (c->opt.on_state)
        c->opt.on_state(c->opt.arg, up, why);
}

/* One connection has come: both are there, or the other one is still missing, which has been told. */
static void came(cluster *c, bool *which)
{
    *which = true;
    atomic_store_explicit(&c->can_send, c->commands_up, memory_order_relaxed);
    if (!cluster_is_up(c))
        return;
    if (c->kind->up)
        c->kind->up(c);
    tell_state(c, true, NULL);
}

static void went(cluster *c, bool *which, const char *why)
{
    bool was_up = cluster_is_up(c);

    *which = false;
    atomic_store_explicit(&c->can_send, c->commands_up, memory_order_relaxed);
    if (was_up)
        cluster_requests_end(c, SIO_EUNAVAILABLE);
    if (was_up && c->kind->down)
        c->kind->down(c);
    if (!c->stopped)
        tell_state(c, false, why);
}

static void on_commands_up(void *arg)
{
    came(arg, &((cluster *)arg)->commands_up);
}

static void on_subs_up(void *arg)
{
    came(arg, &((cluster *)arg)->subs_up);
}

static void on_commands_down(void *arg, const char *why)
{
    went(arg, &((cluster *)arg)->commands_up, why);
}

static void on_subs_down(void *arg, const char *why)
{
    went(arg, &((cluster *)arg)->subs_up, why);
}

redis_options cluster_redis_options(const cluster *c, const char *name)
{
    redis_options o;

    redis_options_init(&o);
    o.url = c->opt.url;
    o.name = name;
    o.max_unsent = c->opt.max_unsent;
    return o;
}

static int connect_both(cluster *c, net *n)
{
    redis_options commands = cluster_redis_options(c, "sio-commands"),
                  subs = cluster_redis_options(c, "sio-subs");
    int err;

    commands.on_up = on_commands_up;
    commands.on_down = on_commands_down;
    subs.on_up = on_subs_up;
    subs.on_down = on_subs_down;
    commands.arg = subs.arg = c;
    if ((err = redis_new(&c->commands, n, &commands)) == 0)
        err = redis_new(&c->subs, n, &subs);
    return err;
}

int cluster_start(sio_adapter *a, sio_server *io)
{
    cluster *c = (cluster *)a;
    net *n = sio_home_net(io, 0);
    int err;

    c->io = io;
    c->loop = net_loop(n);
    cluster_outbox_init(c);
    if ((err = connect_both(c, n)) == 0 && c->kind->started)
        c->kind->started(c);
    return err;
}

/* ---- namespaces ---- */

static unsigned bucket_of(const sio_ns *ns)
{
    return (unsigned)(((uintptr_t)ns >> 4) * 0x9e3779b97f4a7c15u >> 56) % CLUSTER_NS_BUCKETS;
}

static cluster_ns *find_ns(cluster *c, const sio_ns *ns)
{
    cluster_ns *it = atomic_load_explicit(&c->ns[bucket_of(ns)], memory_order_acquire);

    while (it && it->ns != ns)
        it = it->next;
    return it;
}

static cluster_ns *make_ns(cluster *c, sio_ns *ns)
{
    cluster_ns *made = calloc(1, c->kind->ns_size);

    if (!made)
        return NULL;
    made->c = c;
    made->ns = ns;
    made->name = sio_ns_name(ns);
    cluster_make_id(c, made->id);
    made->uid = sio_str_z(made->id);
    if (c->kind->ns_init && c->kind->ns_init(made) < 0) {
        if (c->kind->ns_fini)
            c->kind->ns_fini(made);
        free(made);
        return NULL;
    }
    made->next = atomic_load_explicit(&c->ns[bucket_of(ns)], memory_order_relaxed);
    atomic_store_explicit(&c->ns[bucket_of(ns)], made, memory_order_release);
    return made;
}

/* An event may be published in a namespace before loop 0 hears of it. */
cluster_ns *cluster_ns_of(cluster *c, sio_ns *ns)
{
    cluster_ns *found = find_ns(c, ns);

    if (found)
        return found;
    pthread_mutex_lock(&c->ns_lock);
    if (!(found = find_ns(c, ns)))
        found = make_ns(c, ns);
    pthread_mutex_unlock(&c->ns_lock);
    return found;
}

void cluster_ns_open(sio_adapter *a, sio_ns *sns)
{
    cluster *c = (cluster *)a;
    cluster_ns *ns = cluster_ns_of(c, sns);

    if (!ns) {
        log_error("No memory to join a namespace to the cluster");
        return;
    }
    if (ns->open || c->stopped)
        return;
    ns->open = true;
    c->kind->subscribe(ns);
}

static void each_ns(cluster *c, void (*fn)(cluster_ns *ns))
{
    for (unsigned i = 0; i < CLUSTER_NS_BUCKETS; i++)
        for (cluster_ns *ns = atomic_load(&c->ns[i]), *next; ns; ns = next) {
            next = ns->next;
            fn(ns);
        }
}

/* ---- the end ---- */

static void close_ns(cluster_ns *ns)
{
    if (ns->open && ns->c->kind->unsubscribe)
        ns->c->kind->unsubscribe(ns);
    ns->open = false;
}

static void free_ns(cluster_ns *ns)
{
    if (ns->c->kind->ns_fini)
        ns->c->kind->ns_fini(ns);
    free(ns);
}

/* Others must not wait for our answers any more; what is still sent is sent. */
void cluster_stop(sio_adapter *a)
{
    cluster *c = (cluster *)a;

    if (c->stopped)
        return;
    cluster_requests_end(c, SIO_EUNAVAILABLE);
    cluster_outbox_flush(c); /* there may be no other turn */
    each_ns(c, close_ns);
    if (c->kind->stopping)
        c->kind->stopping(c);
    c->stopped = true;
}

void cluster_free(sio_adapter *a)
{
    cluster *c = (cluster *)a;

    if (c->kind->freeing)
        c->kind->freeing(c);
    c->stopped = true;
    cluster_requests_drop(c);
    redis_free(c->subs);
    redis_free(c->commands);
    while (!list_empty(&c->askers))
        cluster_asker_free(container_of(c->askers.next, cluster_asker, link));
    cluster_outbox_free(c);
    each_ns(c, free_ns);
    map_fini(&c->requests);
    pthread_mutex_destroy(&c->ns_lock);
    free_options(&c->opt);
    free(c);
}
