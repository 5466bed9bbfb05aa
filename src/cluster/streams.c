/* The streams adapter: what is published, from any thread; its streams. */
#include "cluster/streams_int.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- streams ---- */

/* "socket.io", or with several "socket.io-0", "socket.io-1" ...: from malloc. */
static char *stream_name(const cluster *c, int i)
{
    char *name = NULL;

    if (c->opt.stream_count == 1)
        return strdup(c->opt.stream);
    return asprintf(&name, "%s-%d", c->opt.stream, i) < 0 ? NULL : name;
}

static lane *add_lane(streams *s, int i, bool listen_only)
{
    lane **grown = realloc(s->lane, (s->nlanes + 1) * sizeof *grown);
    char *name = stream_name(&s->talk.base, i);
    lane *l = NULL;

    if (grown)
        s->lane = grown;
    if (grown && name)
        l = lane_new(s, name, listen_only); /* the name is its own */
    else
        free(name);
    if (l)
        s->lane[s->nlanes++] = l;
    return l;
}

/* The reference keeps the sign of the hash in the remainder, and so writes what negative ones publish into
 * a stream that none of its servers reads. We add them where all servers read, and listen to that stream
 * as well: so Node hears us, and we hear Node. */
static int streams_ns_init(cluster_ns *base)
{
    streams_ns *ns = (streams_ns *)base;
    int n = (int)base->c->opt.stream_count, i = message_hash(base->name) % n;

    ns->lane = (unsigned)((i + n) % n);
    ns->deaf = i < 0 ? i : 0;
    return talk_ns_init(base);
}

static void listen_to_the_deaf(streams *s, int i)
{
    char *name = stream_name(&s->talk.base, i);
    bool known = !name;

    for (unsigned k = s->talk.base.opt.stream_count; k < s->nlanes && !known; k++)
        known = strcmp(s->lane[k]->name, name) == 0;
    free(name);
    if (!known)
        add_lane(s, i, true);
}

static void streams_subscribe(cluster_ns *base)
{
    streams_ns *ns = (streams_ns *)base;

    talk_subscribe(base);
    if (ns->deaf)
        listen_to_the_deaf((streams *)base->c, ns->deaf);
}

/* ---- publishing ---- */

static void on_inbox(void *arg)
{
    streams *s = arg;
    outgoing *o = atomic_exchange_explicit(&s->inbox, NULL, memory_order_acquire), *oldest = NULL, *next;

    for (; o; o = next) {
        next = o->next;
        o->next = oldest;
        oldest = o;
    }
    s->draining = true;
    for (o = oldest; o; o = next) {
        next = o->next;
        lane_add(lane_of(o->ns), o);
    }
    s->draining = false;
}

/* From loop 0 it goes out with this turn's output: when a client hears that something was done, what was
 * published for it is in the stream before anything the client causes elsewhere. Not when something is
 * still to be delivered, which may be why this is published. */
static bool put_at_once(streams *s, outgoing *o)
{
    if (sio_loop(s->talk.base.io) != 0 || s->draining || o->is_volatile ||
        atomic_load_explicit(&s->inbox, memory_order_relaxed) || !lane_is_open(lane_of(o->ns)))
        return false;
    lane_add(lane_of(o->ns), o);
    return true;
}

static void put(streams *s, outgoing *o)
{
    outgoing *head = atomic_load_explicit(&s->inbox, memory_order_relaxed);

    do
        o->next = head;
    while (!atomic_compare_exchange_weak_explicit(&s->inbox, &head, o, memory_order_release,
                                                  memory_order_relaxed));
    /* Who finds something there knows that a turn is coming. */
    if (!head && sio_post(s->talk.base.io, 0, on_inbox, s) < 0)
        abort();
}

static outgoing *outgoing_new(streams *s, streams_ns *ns, const cluster_message *m)
{
    outgoing *o = NULL;
    size_t bytes;
    buf data;

    buf_init(&data, MESSAGE_MAX_TEXT);
    if (message_entry_encode(&data, m, s->talk.base.opt.plaintext_only) == 0) {
        bytes = sizeof *o + data.n;
        if (atomic_fetch_add_explicit(&s->queued, bytes, memory_order_relaxed) + bytes >
                s->talk.base.opt.max_unsent ||
            !(o = malloc(bytes)))
            atomic_fetch_sub_explicit(&s->queued, bytes, memory_order_relaxed);
    }
    if (o) {
        *o = (outgoing){
            .ns = ns, .type = m->type, .others = m->op.others, .is_volatile = m->op.is_volatile, .n = data.n};
        memcpy(o->data, data.p, data.n);
    }
    buf_fini(&data);
    return o;
}

/* What does not fit into the queue is lost to the others; this server's sockets get it. */
static int streams_publish(sio_adapter *a, sio_ns *sns, const sio_op *op)
{
    streams *s = (streams *)a;
    streams_ns *ns = (streams_ns *)cluster_ns_of(&s->talk.base, sns);
    cluster_message m;
    outgoing *o = NULL;

    if (ns) {
        m = talk_message_of(&ns->talk, op);
        o = outgoing_new(s, ns, &m);
    }
    if (!o) {
        stat_add_shared(&s->talk.base.stats.lost, 1);
        return sio_deliver(sns, op);
    }
    if (!put_at_once(s, o))
        put(s, o);
    return 0;
}

void outgoing_free(streams *s, outgoing *o)
{
    atomic_fetch_sub_explicit(&s->queued, sizeof *o + o->n, memory_order_relaxed);
    free(o);
}

/* ---- life ---- */

static int streams_start(sio_adapter *a, sio_server *io)
{
    streams *s = (streams *)a;
    const sio_redis_options *o = &s->talk.base.opt;
    int err;

    talk_init(&s->talk, o->sharded_pubsub, MESSAGE_PACKED);
    s->take.text = "local v = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) return v";
    if (o->stream_count == 0 || o->stream_count > STREAMS_MAX || o->read_count == 0 || o->stream_max == 0 ||
        !o->stream || !o->stream[0] || !o->session_prefix)
        return SIO_EINVAL;
    if ((err = cluster_start(a, io)) < 0)
        return err;
    for (unsigned i = 0; i < o->stream_count; i++)
        if (!add_lane(s, (int)i, false))
            return SIO_ENOMEM;
    return 0;
}

static void streams_up(cluster *c)
{
    streams *s = (streams *)c;

    s->up = true;
    for (unsigned i = 0; i < s->nlanes; i++)
        lane_up(s->lane[i]);
}

static void streams_down(cluster *c)
{
    streams *s = (streams *)c;

    s->up = false;
    for (unsigned i = 0; i < s->nlanes; i++)
        lane_down(s->lane[i]);
}

static void free_all(cluster *c)
{
    streams *s = (streams *)c;
    outgoing *o = atomic_exchange(&s->inbox, NULL), *next;

    for (; o; o = next) {
        next = o->next;
        outgoing_free(s, o);
    }
    for (unsigned i = 0; i < s->nlanes; i++)
        lane_free(s->lane[i]);
    free(s->lane);
    s->lane = NULL;
    s->nlanes = 0;
    talk_fini(&s->talk);
}

static const sio_adapter_ops streams_ops = {
    .name = "redis-streams",
    .delivers = true,
    .start = streams_start,
    .stop = cluster_stop,
    .free = cluster_free,
    .ns_open = cluster_ns_open,
    .publish = streams_publish,
    .gather = talk_gather,
    .fetch = talk_fetch,
    .server_emit = talk_server_emit,
    .server_count = cluster_server_count,
    .persist = streams_persist,
    .restore = streams_restore,
};

#define STREAMS_KIND(sharded)                                                                              \
    {                                                                                                      \
        .ops = &streams_ops, .size = sizeof(streams), .ns_size = sizeof(streams_ns), .id_len = 16,         \
        .hex = true, .sharded_count = sharded, .ns_init = streams_ns_init, .ns_fini = talk_ns_fini,        \
        .subscribe = streams_subscribe, .unsubscribe = talk_unsubscribe, .up = streams_up,                 \
        .down = streams_down, .freeing = free_all                                                          \
    }

const cluster_kind cluster_streams = STREAMS_KIND(false);
const cluster_kind cluster_streams_sharded = STREAMS_KIND(true);
