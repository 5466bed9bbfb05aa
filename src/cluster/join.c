/* sio_cluster.h: a Redis client, a lease and the link, put together for users of the library. */
#include "base/log.h"
#include "cluster/link.h"
#include "sio/home.h"
#include "sio_cluster.h"

#include <stdlib.h>

struct sio_cluster {
    redis     *redis;
    node      *node;
    peer_link *link;
};

void sio_cluster_options_init(sio_cluster_options *o)
{
    *o = (sio_cluster_options){.size = sizeof *o, .prefix = "sio", .lease_ms = 15000};
}

static void on_up(void *arg)
{
    sio_cluster *c = arg;

    if (c->node)
        node_redis_up(c->node);
}

static void on_down(void *arg, const char *why)
{
    sio_cluster *c = arg;

    log_warn("cluster: Redis is away: %s; servers are found where they were", why);
    if (c->node)
        node_redis_down(c->node);
}

static int open_redis(sio_cluster *c, net *n, const char *url)
{
    redis_options o;

    redis_options_init(&o);
    o.url = url;
    o.on_up = on_up;
    o.on_down = on_down;
    o.arg = c;
    return redis_new(&c->redis, n, &o);
}

static int open_node(sio_cluster *c, sio_server *io, net *n, const sio_cluster_options *o)
{
    node_options p = {.loop = net_loop(n), .redis = c->redis, .prefix = o->prefix,
                      .address = peer_link_address(c->link), .loops = sio_server_loops(io),
                      .lease_ms = o->lease_ms};

    memcpy(p.code, sio_node(io), NODE_CODE_LEN);
    return node_new(&c->node, &p);
}

int sio_cluster_join(sio_cluster **out, sio_server *io, const sio_cluster_options *o)
{
    peer_link_options l = {.secret = o->secret, .host = o->host, .port = o->port, .advertise = o->advertise};
    net *n = sio_home_net(io, 0);
    sio_cluster *c;
    int err;

    if (o->size != sizeof *o || !o->url || !o->prefix || !o->lease_ms)
        return SIO_EINVAL;
    if (!(c = calloc(1, sizeof *c)))
        return SIO_ENOMEM;
    if ((err = open_redis(c, n, o->url)) < 0 || (err = peer_link_new(&c->link, io, &l)) < 0 ||
        (err = open_node(c, io, n, o)) < 0) {
        sio_cluster_leave(c);
        return err;
    }
    peer_link_use(c->link, c->node);
    *out = c;
    return 0;
}

const char *sio_cluster_address(const sio_cluster *c)
{
    return peer_link_address(c->link);
}

void sio_cluster_leave(sio_cluster *c)
{
    node *n;

    if (!c)
        return;
    n = c->node;
    c->node = NULL; /* on_down comes from redis_free */
    if (n)
        node_free(n);
    redis_free(c->redis);
    peer_link_free(c->link);
    free(c);
}
