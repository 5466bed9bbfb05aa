/* The entry points of sio_redis.h. */
#include "cluster/cluster_int.h"

void sio_redis_options_init(sio_redis_options *o)
{
    *o = (sio_redis_options){
        .size = sizeof *o,
        .mode = SIO_REDIS_CLASSIC,
        .key = "socket.io",
        .requests_timeout_ms = 5000,
        .subscriptions = SIO_REDIS_DYNAMIC,
        .stream = "socket.io",
        .stream_count = 1,
        .stream_max = 10000,
        .read_count = 100,
        .block_ms = 5000,
        .session_prefix = "sio:session:",
        .max_unsent = 64u << 20,
    };
}

static const cluster_kind *kind_of(const sio_redis_options *o)
{
    switch (o->mode) {
    case SIO_REDIS_CLASSIC:
        return &cluster_classic;
    case SIO_REDIS_SHARDED:
        return &cluster_sharded;
    case SIO_REDIS_STREAMS:
        return o->sharded_pubsub ? &cluster_streams_sharded : &cluster_streams;
    }
    return NULL;
}

int sio_redis_adapter(sio_adapter **out, const sio_redis_options *o)
{
    const cluster_kind *kind = kind_of(o);
    cluster *c;
    int err;

    if (!kind)
        return SIO_EINVAL;
    if ((err = cluster_new(&c, kind, o)) == 0)
        *out = &c->base;
    return err;
}

void sio_redis_stats_read(const sio_adapter *a, sio_redis_stats *out)
{
    const cluster_stats *s = &((const cluster *)a)->stats;

    *out = (sio_redis_stats){
        .sent = stat_get(&s->sent),
        .lost = stat_get(&s->lost),
        .received = stat_get(&s->received),
        .requests = stat_get(&s->requests),
    };
}
