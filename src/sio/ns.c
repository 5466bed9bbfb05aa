/* Namespaces: the registry, handler tables, dynamic namespaces. */
#include "sio/sio_int.h"

#include <stdlib.h>

#define MAX_NS_NAME 512

/* ---- tables ---- */

static sio_str handler_key(const void *object)
{
    return sio_str_z(((const handler *)object)->name);
}

static ns_table *table_new(const sio_ns_options *opt)
{
    ns_table *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    map_init(&t->events, handler_key);
    map_init(&t->server_events, handler_key);
    if (opt)
        t->opt = *opt;
    return t;
}

static void handlers_free(map *of)
{
    uint32_t at = 0;
    handler *h;

    while ((h = map_next(of, &at))) {
        free(h->name);
        free(h);
    }
    map_fini(of);
}

static void table_free(ns_table *t)
{
    handlers_free(&t->events);
    handlers_free(&t->server_events);
    free(t->guard);
    free(t);
}

/* ---- one namespace ---- */

static sio_str socket_key(const void *object)
{
    return (sio_str){((const sio_socket *)object)->id, SIO_ID_LEN};
}

static sio_str room_key(const void *object)
{
    const room *r = object;

    return (sio_str){r->name, r->name_len};
}

static void ns_shard_init(ns_shard *n, sio_ns *ns, shard *sh)
{
    n->ns = ns;
    n->shard = sh;
    map_init(&n->sockets, socket_key);
    map_init(&n->rooms, room_key);
    if (ns->io->recovers_here)
        n->recovery = recovery_new(n);
}

static void ns_shard_fini(ns_shard *n)
{
    if (n->recovery)
        recovery_free(n->recovery);
    map_fini(&n->sockets);
    map_fini(&n->rooms);
    free(n->all);
}

static void ns_free(sio_ns *ns)
{
    for (unsigned i = 0; ns->shard && i < ns->io->nshards; i++)
        ns_shard_fini(&ns->shard[i]);
    if (!ns->parent)
        table_free(ns->table);
    pthread_mutex_destroy(&ns->outside);
    pthread_mutex_destroy(&ns->here_lock);
    here_fini(ns);
    free(ns->shard);
    free((char *)(uintptr_t)ns->name.p);
    free(ns);
}

static sio_ns *ns_new(sio_server *io, sio_str name, ns_table *table, bool has_sockets)
{
    sio_ns *ns = calloc(1, sizeof *ns);
    char *copy = ns ? calloc(1, name.n + 1) : NULL;

    if (!copy || (has_sockets && !(ns->shard = calloc(io->nshards, sizeof *ns->shard)))) {
        free(copy);
        free(ns);
        return NULL;
    }
    if (name.n)
        memcpy(copy, name.p, name.n);
    ns->name = (sio_str){copy, name.n};
    ns->io = io;
    ns->table = table;
    pthread_mutex_init(&ns->outside, NULL);
    pthread_mutex_init(&ns->here_lock, NULL);
    here_init(ns);
    for (unsigned i = 0; has_sockets && i < io->nshards; i++)
        ns_shard_init(&ns->shard[i], ns, &io->shard[i]);
    return ns;
}

/* ---- the registry (holding its lock) ---- */

static int remember(guarded *g, sio_ns *ns)
{
    sio_ns **order = realloc(g->order, (g->n + 1) * sizeof *order);

    if (!order)
        return SIO_ENOMEM;
    g->order = order;
    if (ns->shard && map_put(&g->by_name, ns) < 0)
        return SIO_ENOMEM;
    order[g->n++] = ns;
    return 0;
}

static sio_ns *add(sio_server *io, sio_str name, ns_table *table, bool has_sockets)
{
    sio_ns *ns = ns_new(io, name, table, has_sockets);

    if (ns && remember(&io->ns, ns) < 0) {
        ns_free(ns);
        ns = NULL;
    }
    return ns;
}

sio_ns *sio_find_ns(sio_server *io, sio_str name)
{
    sio_ns *ns;

    pthread_mutex_lock(&io->ns.lock);
    ns = map_get(&io->ns.by_name, name);
    pthread_mutex_unlock(&io->ns.lock);
    return ns;
}

static bool name_is_good(sio_str name)
{
    return name.n >= 1 && name.n <= MAX_NS_NAME && name.p[0] == '/' && !memchr(name.p, ',', name.n);
}

sio_ns *sio_of(sio_server *io, const char *name, const sio_ns_options *opt)
{
    sio_str key = sio_str_z(name);
    sio_ns *ns = sio_find_ns(io, key);
    ns_table *table;

    if (!name_is_good(key))
        return NULL;
    if (ns) {
        if (opt && !ns->table->opt.data_size && !ns->table->opt.on_free && !ns->table->opt.data_show)
            ns->table->opt = *opt;
        return ns;
    }
    if (!(table = table_new(opt)))
        return NULL;
    pthread_mutex_lock(&io->ns.lock);
    ns = add(io, key, table, true);
    pthread_mutex_unlock(&io->ns.lock);
    if (ns)
        adapter_ns_made(ns);
    return ns;
}

sio_ns *sio_of_dynamic(sio_server *io, bool (*accepts)(void *arg, sio_str name, sio_val auth), void *arg,
                       const sio_ns_options *opt)
{
    ns_table *table = table_new(opt);
    sio_ns *ns = NULL;

    if (!table)
        return NULL;
    pthread_mutex_lock(&io->ns.lock);
    if ((ns = add(io, (sio_str){0}, table, false))) {
        ns->accepts = accepts;
        ns->accepts_arg = arg;
    }
    pthread_mutex_unlock(&io->ns.lock);
    return ns;
}

/* Two loops may ask for the same name at once: whoever gets the lock second finds it made. */
static sio_ns *add_child(sio_server *io, sio_ns *parent, sio_str name)
{
    sio_ns *ns;

    pthread_mutex_lock(&io->ns.lock);
    ns = map_get(&io->ns.by_name, name);
    if (!ns && io->ns.dynamic < io->opt.max_namespaces && (ns = add(io, name, parent->table, true))) {
        ns->parent = parent;
        io->ns.dynamic++;
        adapter_ns_made(ns);
    }
    pthread_mutex_unlock(&io->ns.lock);
    return ns;
}

static sio_ns *parent_at(sio_server *io, unsigned *i)
{
    sio_ns *found = NULL;

    pthread_mutex_lock(&io->ns.lock);
    while (!found && *i < io->ns.n) {
        sio_ns *ns = io->ns.order[(*i)++];

        if (ns->accepts)
            found = ns;
    }
    pthread_mutex_unlock(&io->ns.lock);
    return found;
}

sio_ns *ns_resolve(sio_server *io, sio_str name, sio_val auth)
{
    sio_ns *ns = sio_find_ns(io, name), *parent;
    unsigned i = 0;

    if (ns || !name_is_good(name))
        return ns;
    while ((parent = parent_at(io, &i)))
        if (parent->accepts(parent->accepts_arg, name, auth))
            return add_child(io, parent, name);
    return NULL;
}

static void free_those(guarded *g, bool children)
{
    for (unsigned i = 0; i < g->n; i++) {
        if (!g->order[i] || (g->order[i]->parent != NULL) != children)
            continue;
        ns_free(g->order[i]);
        g->order[i] = NULL;
    }
}

void ns_free_all(sio_server *io)
{
    free_those(&io->ns, true); /* children use their parents' tables */
    free_those(&io->ns, false);
    map_fini(&io->ns.by_name);
    free(io->ns.order);
}

/* ---- handlers ---- */

int sio_use(sio_ns *ns, sio_event_fn *guard)
{
    ns_table *t = ns->table;
    sio_event_fn **g = realloc(t->guard, (t->nguards + 1) * sizeof *g);

    if (!g)
        return SIO_ENOMEM;
    t->guard = g;
    g[t->nguards++] = guard;
    return 0;
}

static int add_handler(map *to, const char *event, handler from)
{
    handler *h;
    int err;

    if (sio_packet_is_reserved(sio_str_z(event)))
        return SIO_EINVAL;
    if (!(h = malloc(sizeof *h)))
        return SIO_ENOMEM;
    *h = from;
    err = (h->name = strdup(event)) ? map_put(to, h) : SIO_ENOMEM;
    if (err < 0) {
        free(h->name);
        free(h);
    }
    return err;
}

int sio_on(sio_ns *ns, const char *event, sio_event_fn *fn)
{
    return add_handler(&ns->table->events, event, (handler){.fn = fn});
}

int sio_on_server(sio_ns *ns, const char *event, sio_server_fn *fn)
{
    return add_handler(&ns->table->server_events, event, (handler){.server_fn = fn});
}

void sio_on_broadcast(sio_ns *ns, sio_broadcast_fn *fn)
{
    ns->table->on_broadcast = fn;
}

sio_event_fn *ns_handler(const sio_ns *ns, sio_str event)
{
    const handler *h = map_get(&ns->table->events, event);

    return h ? h->fn : NULL;
}

void sio_on_connect(sio_ns *ns, sio_socket_fn *fn)
{
    ns->table->on_connect = fn;
}

void sio_on_disconnecting(sio_ns *ns, sio_reason_fn *fn)
{
    ns->table->on_disconnecting = fn;
}

void sio_on_disconnect(sio_ns *ns, sio_reason_fn *fn)
{
    ns->table->on_disconnect = fn;
}

void sio_on_any(sio_ns *ns, sio_event_fn *fn)
{
    ns->table->on_any = fn;
}

void sio_on_any_outgoing(sio_ns *ns, sio_event_fn *fn)
{
    ns->table->on_any_outgoing = fn;
}

void sio_use_packet(sio_ns *ns, int (*fn)(sio_socket *s, sio_in *in))
{
    ns->table->on_packet = fn;
}

void sio_on_error(sio_ns *ns, void (*fn)(sio_socket *s, int err, const char *what))
{
    ns->table->on_error = fn;
}

void sio_on_room(sio_ns *ns, sio_room_fn *created, sio_room_fn *deleted)
{
    ns->table->on_room_created = created;
    ns->table->on_room_deleted = deleted;
}

sio_str sio_ns_name(const sio_ns *ns)
{
    return ns->name;
}

sio_server *sio_ns_server(const sio_ns *ns)
{
    return ns->io;
}
