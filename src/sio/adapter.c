/* What the server tells its adapter: namespaces, rooms, broadcasts. The adapter lives on loop 0. */
#include "base/log.h"
#include "sio/remote_int.h"

#include <stdlib.h>

/* ---- news for loop 0 ---- */

typedef enum news_kind { NEWS_NS, NEWS_ROOM_OPEN, NEWS_ROOM_CLOSE, NEWS_COUNT } news_kind;

typedef struct news {
    loop_task task;
    sio_ns   *ns;
    news_kind kind;
    bool      own;
    shard    *home;             /* COUNT */
    void    (*fn)(void *arg, int err, unsigned n);
    void     *arg;
    int       err;
    unsigned  count;
    size_t    len;
    char      name[];
} news;

static void tell_count(void *arg, int err, unsigned n);

static void tell(news *n)
{
    sio_adapter *a = n->ns->io->opt.adapter;
    sio_str name = {n->name, n->len};

    if (n->kind == NEWS_NS)
        a->ops->ns_open(a, n->ns);
    else if (n->kind == NEWS_ROOM_OPEN)
        a->ops->room_open(a, n->ns, name, n->own);
    else
        a->ops->room_close(a, n->ns, name, n->own);
}

static void on_news(loop_task *t)
{
    news *n = container_of(t, news, task);
    sio_adapter *a = n->ns->io->opt.adapter;

    if (n->kind != NEWS_COUNT) {
        tell(n);
        free(n);
    } else if (a) {
        a->ops->server_count(a, n->ns, tell_count, n);
    } else {
        tell_count(n, 0, 1);
    }
}

static void on_drop(loop_task *t) { free(container_of(t, news, task)); }

static void post(sio_ns *ns, news from, sio_str name)
{
    news *n = malloc(sizeof *n + name.n);

    if (!n)
        abort(); /* a room's name at most */
    *n = from;
    n->ns = ns;
    n->len = name.n;
    n->task = (loop_task){.fn = on_news, .drop = on_drop};
    if (name.n)
        memcpy(n->name, name.p, name.n);
    loop_post(ns->io->shard[0].loop, &n->task);
}

/* ---- life ---- */

int adapter_start(sio_server *io)
{
    sio_adapter *a = io->opt.adapter;
    int err = a ? a->ops->start(a, io) : 0;

    if (err < 0 || !a)
        return err;
    io->in_cluster = true;
    for (unsigned i = 0; i < io->ns.n; i++)
        if (io->ns.order[i]->shard)
            a->ops->ns_open(a, io->ns.order[i]);
    return 0;
}

void adapter_stop(sio_server *io)
{
    sio_adapter *a = io->opt.adapter;

    if (a && io->in_cluster)
        a->ops->stop(a);
}

void adapter_ns_made(sio_ns *ns)
{
    if (ns->io->in_cluster)
        post(ns, (news){.kind = NEWS_NS}, (sio_str){0});
}

/* ---- broadcasts ---- */

int adapter_publish(sio_ns *ns, const op *o, const packet_out *out)
{
    static const sio_op_kind shown[] = {[OP_EMIT] = SIO_OP_EMIT, [OP_JOIN] = SIO_OP_JOIN,
                                        [OP_LEAVE] = SIO_OP_LEAVE,
                                        [OP_DISCONNECT] = SIO_OP_DISCONNECT};
    sio_adapter *a = ns->io->opt.adapter;
    sio_str except[SIO_TARGET_ROOMS + 1];
    wire *w = NULL;
    sio_op show;
    int err = 0;

    op_show(o, shown[o->kind], &show, except);
    show.target = &o->room;
    show.ntargets = o->kind == OP_JOIN || o->kind == OP_LEAVE;
    if (out && !(w = wire_new(out->args, out->n, &err)))
        return err;
    if (w) {
        show.args = w->args;
        show.bins = &w->bins;
    }
    err = a->ops->publish(a, ns, &show);
    free(w);
    return err;
}

/* ---- rooms of this server, over all loops ---- */

typedef struct here {
    unsigned loops;             /* that have members */
    uint32_t len;
    char     name[];
} here;

static sio_str here_key(const void *object)
{
    const here *h = object;

    return (sio_str){h->name, h->len};
}

void here_init(sio_ns *ns)
{
    map_init(&ns->here, here_key);
}

void here_fini(sio_ns *ns)
{
    uint32_t at = 0;
    here *h;

    while ((h = map_next(&ns->here, &at)))
        free(h);
    map_fini(&ns->here);
}

/* True when the room is new on this server. */
static bool here_add(sio_ns *ns, sio_str name)
{
    here *h = map_get(&ns->here, name);

    if (h)
        return h->loops++ == 0;
    if (!(h = malloc(sizeof *h + name.n)))
        abort(); /* a room's name */
    *h = (here){.loops = 1, .len = (uint32_t)name.n};
    memcpy(h->name, name.p, name.n);
    if (map_put(&ns->here, h) < 0)
        abort();
    return true;
}

static bool here_remove(sio_ns *ns, sio_str name)
{
    here *h = map_get(&ns->here, name);

    if (!h || --h->loops)
        return false;
    map_del(&ns->here, name);
    free(h);
    return true;
}

/* The news are posted under the lock, so that loop 0 hears of opening and closing in the right order. */
void adapter_room(sio_ns *ns, sio_str name, bool own, bool open)
{
    const sio_adapter *a = ns->io->opt.adapter;

    if (!a || (own && !a->ops->room_open))
        return;
    pthread_mutex_lock(&ns->here_lock);
    if ((open ? here_add : here_remove)(ns, name) && a->ops->room_open)
        post(ns, (news){.kind = open ? NEWS_ROOM_OPEN : NEWS_ROOM_CLOSE, .own = own}, name);
    pthread_mutex_unlock(&ns->here_lock);
}

bool sio_has_room(sio_ns *ns, sio_str room)
{
    bool has;

    if (room.n == SIO_ID_LEN)
        return true;
    pthread_mutex_lock(&ns->here_lock);
    has = map_get(&ns->here, room) != NULL;
    pthread_mutex_unlock(&ns->here_lock);
    return has;
}

/* ---- counting servers ---- */

static void on_count(loop_task *t)
{
    news *n = container_of(t, news, task);

    n->fn(n->arg, n->err, n->count);
    free(n);
}

static void tell_count(void *arg, int err, unsigned count)
{
    news *n = arg;

    n->err = err;
    n->count = count;
    n->task.fn = on_count;
    loop_post(n->home->loop, &n->task);
}

int sio_server_count(sio_ns *ns, void (*fn)(void *arg, int err, unsigned n), void *arg)
{
    shard *sh = shard_current(ns->io);

    if (!sh)
        return SIO_ESTATE;
    post(ns, (news){.kind = NEWS_COUNT, .home = sh, .fn = fn, .arg = arg}, (sio_str){0});
    return 0;
}

/* ---- what others do wrong ---- */

void sio_adapter_refused(sio_server *io, const char *what)
{
    long long now = (long long)sio_now(io), said = atomic_load(&io->refused_said);

    stat_add_shared(&io->refused_remote, 1);
    if (now - said >= 1000 && atomic_compare_exchange_strong(&io->refused_said, &said, now))
        log_warn("refused from another server: %s", what);
}
