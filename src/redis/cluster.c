/* Redis Cluster: a connection to every master, the table of slots, and when all of it is up. */
#include "base/rand.h"
#include "redis/cluster_int.h"

#include <stdio.h>
#include <stdlib.h>

#define CALM_MS   30000u  /* between looks at the table while all is well */
#define SEARCH_MS 400u    /* while something is missing */

static const conn_ops node_ops;

static cnode *node_of(conn *c) { return container_of(c, cnode, c); }
static cluster *cluster_of(const conn *c) { return c->r->more; }

/* ---- nodes ---- */

static bool is_at(const cnode *node, sio_str host, int port)
{
    return node->port == port && sio_str_eq(sio_str_z(node->host), host);
}

cnode *cluster_node(cluster *cl, sio_str host, int port)
{
    redis *r = cl->r;
    conn_login login = {r->url.user, r->url.password, 0};
    cnode *node;

    list_each(it, &cl->nodes) {
        node = container_of(it, cnode, link);
        if (is_at(node, host, port))
            return node;
    }
    if (host.n == 0 || host.n > 255 || memchr(host.p, 0, host.n) || cl->nnodes == CLUSTER_MAX_NODES)
        return NULL;
    node = calloc(1, sizeof(*node) + host.n + 1);
    if (!node)
        return NULL;
    memcpy(node->host, host.p, host.n);
    node->port = port;
    list_init(&node->queue);
    conn_init(&node->c, r, &node_ops, &login);
    list_add_tail(&cl->nodes, &node->link);
    cl->nnodes++;
    return node;
}

void cluster_open(cnode *node)
{
    if (node->c.state == CONN_IDLE)
        conn_open(&node->c, node->host, node->port);
}

cnode *cluster_home(cluster *cl)
{
    cnode *found = NULL;
    uint32_t random, n = 0;

    if (cl->home && cl->home->role == NODE_MASTER && cl->home->c.state == CONN_READY)
        return cl->home;
    list_each(it, &cl->nodes) { /* any of them, so that clients spread */
        cnode *node = container_of(it, cnode, link);
        if (node->role != NODE_MASTER || node->c.state != CONN_READY)
            continue;
        rand_bytes(&random, sizeof(random));
        if (random % ++n == 0)
            found = node;
    }
    cl->home = found;
    return found;
}

static void node_free(cluster *cl, cnode *node)
{
    list_del(&node->link);
    cl->nnodes--;
    if (cl->home == node)
        cl->home = NULL;
    if (cl->asker == &node->c)
        cl->asker = NULL;
    conn_close(&node->c);
    conn_release(&node->c);
    free(node);
}

/* Nodes that the table knows no more go when nothing is under way on them. From the tick only: nobody's
 * callback runs on them then. */
static void sweep(cluster *cl)
{
    list_each(it, &cl->nodes) {
        cnode *node = container_of(it, cnode, link);
        if (node->role == NODE_GONE && list_empty(&node->queue) && node->c.nasks == 0)
            node_free(cl, node);
    }
}

/* ---- up ---- */

static bool all_ready(const cluster *cl)
{
    unsigned unconfirmed = 0;

    if (cl->covered < CLUSTER_SLOTS)
        return false;
    list_each(it, &cl->nodes) {
        const cnode *node = container_of(it, cnode, link);
        if (node->role == NODE_MASTER && node->c.state != CONN_READY)
            return false;
        unconfirmed += node->c.unconfirmed;
    }
    return unconfirmed == 0;
}

static void check_up(cluster *cl)
{
    if (!cl->r->up && all_ready(cl) && subs_are_made(cl->r))
        redis_tell_up(cl->r);
}

/* ---- the table of slots ---- */

static bool is_text(const resp_val *v) { return v->kind == RESP_BULK || v->kind == RESP_STATUS; }

/* [host, port, id, ...]; an empty host is the one we asked. */
static cnode *read_node(cluster *cl, const resp_val *v)
{
    sio_str host = {"", 0};

    if (v->kind != RESP_ARRAY || v->n < 2 || v->item[1].kind != RESP_INT)
        return NULL;
    if (v->item[1].i < 1 || v->item[1].i > 65535)
        return NULL;
    if (is_text(&v->item[0]) && !resp_is(&v->item[0], "?"))
        host = v->item[0].s;
    if (host.n == 0 && cl->asker)
        host = sio_str_z(cl->asker->host);
    return cluster_node(cl, host, (int)v->item[1].i);
}

/* [first, last, master, replica...] */
static void read_range(cluster *cl, const resp_val *v)
{
    cnode *node;

    if (v->kind != RESP_ARRAY || v->n < 3 || v->item[0].kind != RESP_INT || v->item[1].kind != RESP_INT)
        return;
    node = read_node(cl, &v->item[2]);
    if (!node || v->item[0].i < 0 || v->item[1].i >= CLUSTER_SLOTS)
        return;
    node->role = NODE_MASTER;
    for (int64_t i = v->item[0].i; i <= v->item[1].i; i++) {
        cl->covered += !cl->slot[i];
        cl->slot[i] = node;
    }
    for (uint32_t i = 3; i < v->n; i++) {
        node = read_node(cl, &v->item[i]);
        if (node && node->role == NODE_GONE)
            node->role = NODE_REPLICA;
    }
}

/* Subscriptions on nodes that are masters no more, or not of their slot any more, move. */
static void read_table(cluster *cl, const resp_val *v)
{
    list_each(it, &cl->nodes)
        container_of(it, cnode, link)->role = NODE_GONE;
    memset(cl->slot, 0, sizeof(cl->slot));
    cl->covered = 0;
    for (uint32_t i = 0; i < v->n; i++)
        read_range(cl, &v->item[i]);
    cl->stale = false;
    list_each(at, &cl->nodes) {
        cnode *node = container_of(at, cnode, link);
        if (node->role == NODE_MASTER)
            cluster_open(node);
        else
            subs_leave(cl->r, &node->c);
    }
    subs_send(cl->r);
    check_up(cl);
}

static void on_table(void *arg, int err, const resp_val *v)
{
    cluster *cl = arg;
    redis *r = cl->r;
    char why[160];

    cl->asking = false;
    if (r->dead)
        return;
    if (err == 0 && v->kind == RESP_ARRAY) {
        read_table(cl, v);
    } else if (err == 0) {
        sio_str error = error_text(v);
        snprintf(why, sizeof(why), "CLUSTER SLOTS: %.*s", (int)error.n, error.p);
        redis_tell_down(r, why);
    }
    cl->asker = NULL;
    if (r->dead || r->main.state == CONN_IDLE)
        return;
    cl->seed--; /* the next probe begins with the address that answered */
    conn_close(&r->main);
}

static void ask_table(cluster *cl, conn *c)
{
    sio_str argv[] = {SIO_STR("CLUSTER"), SIO_STR("SLOTS")};

    if (conn_ask(c, (ask){.kind = ASK_CALL, .fn = on_table, .arg = cl}, argv, 2) < 0)
        return;
    cl->asking = true;
    cl->asker = c;
}

/* ---- the probe: asks for the table when no node does ---- */

static void probe(cluster *cl)
{
    const redis_url *u = &cl->r->url;
    unsigned i = cl->seed++ % (u->nhosts + cl->nnodes);

    if (i < u->nhosts) {
        conn_open(&cl->r->main, u->host[i].name, u->host[i].port);
        return;
    }
    list_each(it, &cl->nodes)
        if (i-- == u->nhosts) {
            conn_open(&cl->r->main, container_of(it, cnode, link)->host, container_of(it, cnode, link)->port);
            return;
        }
}

static void on_probe_ready(conn *c) { ask_table(cluster_of(c), c); }

/* All addresses in a row, then a pause. */
static void on_probe_lost(conn *c, const char *why)
{
    cluster *cl = cluster_of(c);

    if (cl->seed % (c->r->url.nhosts + cl->nnodes) != 0)
        cluster_tick(cl, 1);
    redis_tell_down(c->r, why);
}

static void on_probe_retry(conn *c) { (void)c; }

static const conn_ops probe_ops = {
    .on_ready = on_probe_ready, .on_lost = on_probe_lost, .on_retry = on_probe_retry,
};

/* Connections with subscriptions answer no questions (RESP2). */
static cnode *answerer(cluster *cl)
{
    list_each(it, &cl->nodes) {
        cnode *node = container_of(it, cnode, link);
        if (node->role == NODE_MASTER && node->c.state == CONN_READY && !node->c.subscribes)
            return node;
    }
    return NULL;
}

static void refresh(cluster *cl)
{
    cnode *node = answerer(cl);

    if (cl->asking)
        return;
    if (node)
        ask_table(cl, &node->c);
    else if (cl->r->main.state == CONN_IDLE)
        probe(cl);
}

/* ---- the tick ---- */

void cluster_tick(cluster *cl, uint32_t ms)
{
    loop *l = cl->r->l;

    if (loop_timer_is_set(&cl->tick) && cl->tick.due <= loop_now(l) + ms)
        return;
    loop_timer_set(l, &cl->tick, ms);
}

static void on_tick(loop_timer *t)
{
    cluster *cl = container_of(t, cluster, tick);
    redis *r = cl->r;
    bool calm;

    redis_enter(r);
    sweep(cl);
    cluster_delayed_send(cl);
    if (!r->dead) {
        subs_send(r);
        refresh(cl);
        calm = r->up && !cl->stale;
        cluster_tick(cl, calm ? CALM_MS : SEARCH_MS);
    }
    redis_leave(r);
}

/* ---- connections to nodes ---- */

static void on_ready(conn *c)
{
    cluster *cl = cluster_of(c);

    cluster_queue_send(node_of(c));
    if (c->r->dead)
        return;
    subs_send(c->r);
    check_up(cl);
}

static void on_lost(conn *c, const char *why)
{
    cluster *cl = cluster_of(c);
    cnode *node = node_of(c);

    subs_forget(c->r, c);
    if (cl->asker == c)
        cl->asker = NULL;
    cluster_queue_fail(&node->queue, SIO_ECLOSED);
    if (c->r->dead || node->role != NODE_MASTER)
        return;
    conn_retry(c);
    cluster_tick(cl, SEARCH_MS);
    redis_tell_down(c->r, why);
    if (!c->r->dead)
        subs_send(c->r); /* channels find another home */
}

static void on_retry(conn *c)
{
    if (node_of(c)->role == NODE_MASTER || !list_empty(&node_of(c)->queue))
        cluster_open(node_of(c));
}

static void on_subscribed(conn *c, redis_sub_kind kind, sio_str name, uint64_t seq)
{
    subs_on_subscribed(c, kind, name, seq);
    if (!c->r->dead && c->unconfirmed == 0)
        check_up(cluster_of(c));
}

/* Slots are on the move, or nobody has them at the moment: asked again where they are then. */
static void on_refused(conn *c, const resp_val *v, uint64_t seq)
{
    cluster *cl = cluster_of(c);
    sio_str error = error_text(v);
    bool moved = cluster_moved(cl, c, error, "MOVED");

    if (!moved && !begins(error, "CLUSTERDOWN") && !begins(error, "TRYAGAIN") && !begins(error, "LOADING")) {
        snprintf(c->why, sizeof(c->why), "subscription: %.*s", (int)error.n, error.p);
        conn_drop(c, SIO_ECLOSED, c->why);
        return;
    }
    subs_refused(c, seq);
    if (moved)
        subs_send(c->r);
    cl->stale = true;
    cluster_tick(cl, SEARCH_MS);
}

static const conn_ops node_ops = {
    .on_ready = on_ready, .on_lost = on_lost, .on_retry = on_retry, .on_message = subs_on_message,
    .on_subscribed = on_subscribed, .on_dropped = subs_on_dropped, .on_refused = on_refused,
};

/* ---- the mode ---- */

static int start(redis *r)
{
    conn_login login = {r->url.user, r->url.password, 0};
    cluster *cl = calloc(1, sizeof(*cl));

    if (!cl)
        return SIO_ENOMEM;
    cl->r = r;
    list_init(&cl->nodes);
    list_init(&cl->delayed);
    loop_timer_init(&cl->tick, on_tick);
    r->more = cl;
    return conn_init(&r->main, r, &probe_ops, &login);
}

static void open_it(redis *r) { on_tick(&((cluster *)r->more)->tick); }

static void close_it(redis *r)
{
    cluster *cl = r->more;

    loop_timer_cancel(r->l, &cl->tick);
    cluster_queue_fail(&cl->delayed, SIO_ECANCELED);
    conn_close(&r->main);
    list_each(it, &cl->nodes) {
        cnode *node = container_of(it, cnode, link);
        conn_close(&node->c);
        cluster_queue_fail(&node->queue, SIO_ECANCELED);
    }
}

static void release(redis *r)
{
    cluster *cl = r->more;

    conn_release(&r->main);
    if (!cl)
        return;
    while (!list_empty(&cl->nodes))
        node_free(cl, container_of(cl->nodes.next, cnode, link));
    free(cl);
}

static bool can_ask(const redis *r) { return ((const cluster *)r->more)->covered > 0; }

static conn *conn_of(redis *r, const sub *s)
{
    cluster *cl = r->more;
    cnode *node = s->kind == REDIS_SHARD ? cl->slot[slot_of(sub_name(s))] : cluster_home(cl);

    return node && node->c.state == CONN_READY ? &node->c : NULL;
}

const redis_mode redis_cluster = {start, open_it, close_it, release, can_ask, cluster_command, conn_of};
