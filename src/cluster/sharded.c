/* The sharded adapter: everything over Redis 7's sharded channels, with a channel for each room that has
 * members here. */
#include "cluster/talk_int.h"

#include <stdlib.h>

/* A room's channel that was subscribed already, by a namespace whose name makes the same one: closing one
 * of both must not deafen the other. */
typedef struct twin {
    unsigned times;
    size_t   len;
    char     channel[];
} twin;

typedef struct sharded {
    talk talk;
    map  twins;
} sharded;

static sio_str twin_key(const void *object)
{
    const twin *t = object;

    return (sio_str){t->channel, t->len};
}

/* ---- channels of rooms ---- */

/* KEY#NSP#ROOM#, from malloc. */
static char *room_channel(const talk_ns *ns, sio_str room, sio_str *out)
{
    const sio_str part[] = {ns->all, room, SIO_STR("#")};
    char *channel = cluster_join(part, 3);

    *out = (sio_str){channel, ns->all.n + room.n + 1};
    return channel;
}

static void hold_twin(sharded *s, sio_str channel)
{
    twin *t = map_get(&s->twins, channel);

    if (!t && (t = calloc(1, sizeof *t + channel.n))) {
        t->len = channel.n;
        memcpy(t->channel, channel.p, channel.n);
        if (map_put(&s->twins, t) < 0) {
            free(t);
            t = NULL;
        }
    }
    if (t)
        t->times++;
}

static bool drop_twin(sharded *s, sio_str channel)
{
    twin *t = map_get(&s->twins, channel);

    if (!t)
        return false;
    if (--t->times == 0)
        free(map_del(&s->twins, channel));
    return true;
}

/* Dynamic servers subscribe also rooms whose names look private to a sender, as the reference does. */
static bool has_channel(const cluster *c, bool own)
{
    return c->opt.subscriptions == SIO_REDIS_DYNAMIC_PRIVATE ||
           (c->opt.subscriptions == SIO_REDIS_DYNAMIC && !own);
}

static void sharded_room_open(sio_adapter *a, sio_ns *sns, sio_str room, bool own)
{
    cluster *c = (cluster *)a;
    cluster_ns *ns = has_channel(c, own) ? cluster_ns_of(c, sns) : NULL;
    sio_str channel;
    char *text;

    if (!ns || c->stopped || !(text = room_channel((talk_ns *)ns, room, &channel)))
        return;
    if (redis_subscribe(c->subs, REDIS_SHARD, channel, talk_on_message, NULL, ns) == SIO_EEXIST)
        hold_twin((sharded *)c, channel);
    free(text);
}

static void sharded_room_close(sio_adapter *a, sio_ns *sns, sio_str room, bool own)
{
    cluster *c = (cluster *)a;
    cluster_ns *ns = has_channel(c, own) ? cluster_ns_of(c, sns) : NULL;
    sio_str channel;
    char *text;

    if (!ns || c->stopped || !(text = room_channel((talk_ns *)ns, room, &channel)))
        return;
    if (!drop_twin((sharded *)c, channel))
        redis_unsubscribe(c->subs, REDIS_SHARD, channel);
    free(text);
}

/* A client may name its namespace so that its channel is one of a room here. */
static void sharded_subscribe(cluster_ns *base)
{
    talk_ns *ns = (talk_ns *)base;
    sharded *s = (sharded *)base->c;

    if (redis_subscribe(base->c->subs, REDIS_SHARD, ns->all, talk_on_message, NULL, ns) == SIO_EEXIST)
        hold_twin(s, ns->all);
    if (redis_subscribe(base->c->subs, REDIS_SHARD, ns->own, talk_on_message, NULL, ns) == SIO_EEXIST)
        hold_twin(s, ns->own);
}

/* ---- broadcasts ---- */

/* Any thread. */
static int send_message(talk_ns *ns, const cluster_message *m)
{
    cluster *c = ns->base.c;
    sio_str room = message_room(m, c->opt.subscriptions), channel = ns->all;
    char *own = NULL;
    buf text;
    int err;

    if (room.p && !(own = room_channel(ns, room, &channel)))
        return SIO_ENOMEM;
    buf_init(&text, MESSAGE_MAX_TEXT);
    if ((err = message_encode(&text, m, MESSAGE_AUTO)) == 0) {
        const sio_str argv[] = {SIO_STR("SPUBLISH"), channel, buf_str(&text)};

        err = cluster_send(c, argv, 3);
    }
    buf_fini(&text);
    free(own);
    return err;
}

static int sharded_publish(sio_adapter *a, sio_ns *sns, const sio_op *op)
{
    cluster_ns *ns = cluster_ns_of((cluster *)a, sns);
    cluster_message m;

    if (!ns)
        return SIO_ENOMEM;
    m = talk_message_of((talk_ns *)ns, op);
    return send_message((talk_ns *)ns, &m);
}

/* ---- the kind ---- */

static int sharded_start(sio_adapter *a, sio_server *io)
{
    map_init(&((sharded *)a)->twins, twin_key);
    talk_init((talk *)a, true, MESSAGE_AUTO);
    return cluster_start(a, io);
}

static void free_all(cluster *c)
{
    sharded *s = (sharded *)c;
    uint32_t at = 0;
    twin *t;

    while ((t = map_next(&s->twins, &at)))
        free(t);
    map_fini(&s->twins);
    talk_fini(&s->talk);
}

static const sio_adapter_ops sharded_ops = {
    .name = "redis-sharded",
    .start = sharded_start,
    .stop = cluster_stop,
    .free = cluster_free,
    .ns_open = cluster_ns_open,
    .publish = sharded_publish,
    .gather = talk_gather,
    .fetch = talk_fetch,
    .server_emit = talk_server_emit,
    .server_count = cluster_server_count,
    .room_open = sharded_room_open,
    .room_close = sharded_room_close,
};

const cluster_kind cluster_sharded = {
    .ops = &sharded_ops,
    .size = sizeof(sharded),
    .ns_size = sizeof(talk_ns),
    .id_len = 16,
    .hex = true,
    .sharded_count = true,
    .ns_init = talk_ns_init,
    .ns_fini = talk_ns_fini,
    .subscribe = sharded_subscribe,
    .unsubscribe = talk_unsubscribe,
    .freeing = free_all,
};
