/* The classic adapter: every server hears everything. Broadcasts are published on a channel of the namespace,
 * or of the one room they are for, requests and responses on two more; who does not know the room does not
 * look inside. */
#include "cluster/classic_message.h"
#include "cluster/cluster_int.h"

#include <stdlib.h>

typedef struct classic {
    cluster base;
    classic_reader reader;
    buf out; /* for encoding on loop 0; empty between calls */
} classic;

typedef struct classic_ns {
    cluster_ns base;
    sio_str broadcast;         /* KEY#NSP# */
    sio_str pattern;           /* the same, followed by anything */
    sio_str request, response; /* KEY-request#NSP#, KEY-response#NSP# */
    sio_str own;               /* KEY-response#NSP#UID# */
} classic_ns;

static classic *classic_of(cluster_ns *ns)
{
    return (classic *)ns->c;
}

static classic_ns *names_of(cluster_ns *ns)
{
    return (classic_ns *)ns;
}

/* ---- channels ---- */

static int join(sio_str *out, const sio_str *part, unsigned n)
{
    *out = sio_str_z(cluster_join(part, n));
    return out->p ? 0 : SIO_ENOMEM;
}
#define JOIN(out, ...)                                                                                       \
    join(out, (const sio_str[]){__VA_ARGS__}, sizeof((const sio_str[]){__VA_ARGS__}) / sizeof(sio_str))

/* What is special to Redis in a pattern is not special in a name. */
static int make_pattern(sio_str *out, sio_str name)
{
    char *p = malloc(name.n * 2 + 2);
    size_t n = 0;

    if (!p)
        return SIO_ENOMEM;
    for (size_t i = 0; i < name.n; i++) {
        if (memchr("*?[]\\", name.p[i], 5))
            p[n++] = '\\';
        p[n++] = name.p[i];
    }
    p[n++] = '*';
    *out = (sio_str){p, n};
    return 0;
}

static int ns_init(cluster_ns *base)
{
    const sio_str hash = sio_lit("#"), key = sio_str_z(base->c->opt.key);
    classic_ns *ns = names_of(base);
    int err = JOIN(&ns->broadcast, key, hash, base->name, hash);

    if (!err && (err = make_pattern(&ns->pattern, ns->broadcast)) == 0 &&
        (err = JOIN(&ns->request, key, sio_lit("-request#"), base->name, hash)) == 0 &&
        (err = JOIN(&ns->response, key, sio_lit("-response#"), base->name, hash)) == 0)
        err = JOIN(&ns->own, ns->response, base->uid, hash);
    base->count_channel = ns->request;
    return err;
}

static void ns_fini(cluster_ns *base)
{
    classic_ns *ns = names_of(base);
    const sio_str all[] = {ns->broadcast, ns->pattern, ns->request, ns->response, ns->own};

    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        free((char *)(uintptr_t)all[i].p);
}

/* ---- sending ---- */

static int publish_to(cluster *c, sio_str channel, sio_str payload)
{
    const sio_str argv[] = {SIO_STR("PUBLISH"), channel, payload};

    return cluster_send(c, argv, 3);
}

static int publish_event(classic_ns *ns, const sio_op *op, sio_str payload)
{
    sio_str channel;
    int err;

    if (op->nrooms != 1)
        return publish_to(ns->base.c, ns->broadcast, payload);
    if ((err = JOIN(&channel, ns->broadcast, op->room[0], sio_lit("#"))) < 0)
        return err;
    err = publish_to(ns->base.c, (sio_str){channel.p, ns->broadcast.n + op->room[0].n + 1}, payload);
    free((char *)(uintptr_t)channel.p);
    return err;
}

static int publish(sio_adapter *a, sio_ns *sns, const sio_op *op)
{
    classic_ns *ns = (classic_ns *)cluster_ns_of((cluster *)a, sns);
    buf out;
    int err;

    if (!ns)
        return SIO_ENOMEM;
    buf_init(&out, CLASSIC_MAX_MESSAGE);
    if (op->kind == SIO_OP_EMIT) {
        if ((err = classic_put_broadcast(&out, ns->base.uid, ns->base.name, op)) == 0)
            err = publish_event(ns, op, buf_str(&out));
    } else if ((err = classic_put_change(&out, ns->base.uid, op)) == 0) {
        err = publish_to(ns->base.c, ns->request, buf_str(&out));
    }
    buf_fini(&out);
    return err;
}

/* ---- asking ---- */

/* The question is in out, or could not be written. */
static void ask(cluster_request *q, int err)
{
    classic *c = classic_of(q->ns);

    if (err < 0)
        cluster_request_end(q, SIO_EUNAVAILABLE);
    else
        cluster_request_send(q, "PUBLISH", names_of(q->ns)->request, buf_str(&c->out));
    buf_fini(&c->out);
}

static cluster_request *start(sio_adapter *a, sio_ns *sns, cluster_ask what, uint32_t ms, sio_remote *r)
{
    cluster_ns *ns = cluster_ns_of((cluster *)a, sns);

    if (ns)
        return cluster_request_new(ns, what, ms, r);
    sio_remote_end(r, SIO_EUNAVAILABLE);
    return NULL;
}

static void gather(sio_adapter *a, sio_ns *sns, const sio_op *op, uint32_t ms, sio_remote *r)
{
    cluster_request *q = start(a, sns, ASK_GATHER, ms, r);

    if (q)
        ask(q, classic_put_ask(&((classic *)a)->out, q->ns->uid, q->id, q->ns->name, op, ms));
}

static void fetch(sio_adapter *a, sio_ns *sns, const sio_op *op, uint32_t ms, sio_remote *r)
{
    cluster_request *q = start(a, sns, ASK_FETCH, ms, r);

    if (q)
        ask(q, classic_put_fetch(&((classic *)a)->out, q->ns->uid, q->id, op));
}

static void tell_servers(sio_adapter *a, sio_ns *sns, sio_str args, const sio_bins *bins)
{
    cluster_ns *ns = cluster_ns_of((cluster *)a, sns);
    buf *out = &((classic *)a)->out;

    if (ns && classic_put_server_emit(out, ns->uid, (sio_str){0}, args, bins) == 0)
        publish_to(ns->c, names_of(ns)->request, buf_str(out));
    buf_fini(out);
}

static void server_emit(sio_adapter *a, sio_ns *sns, sio_str args, const sio_bins *bins, uint32_t ms,
                        sio_remote *r)
{
    cluster_request *q;

    if (!r)
        tell_servers(a, sns, args, bins);
    else if ((q = start(a, sns, ASK_SERVERS, ms, r)))
        ask(q, classic_put_server_emit(&((classic *)a)->out, q->ns->uid, q->id, args, bins));
}

/* ---- what others broadcast ---- */

static void refused(cluster_ns *ns, const char *what)
{
    sio_adapter_refused(ns->c->io, what);
}

/* The room the channel is for: empty for everybody. False when it is not ours, since a pattern may match
 * more. */
static bool channel_room(const classic_ns *ns, sio_str channel, sio_str *room)
{
    size_t n = ns->broadcast.n;

    if (channel.n < n || memcmp(channel.p, ns->broadcast.p, n) != 0)
        return false;
    *room = (sio_str){channel.p + n, channel.n > n ? channel.n - n - 1 : 0};
    return true;
}

static void take_broadcast(cluster_ns *ns, const classic_message *m)
{
    if (sio_str_eq(m->uid, ns->uid) || !sio_str_eq(m->nsp, ns->name))
        return;
    stat_add(&ns->c->stats.received, 1);
    if (sio_deliver(ns->ns, &m->op) < 0)
        refused(ns, "an event");
}

static void on_broadcast(void *arg, sio_str channel, sio_str payload, sio_str pattern)
{
    cluster_ns *ns = arg;
    classic_message m;
    sio_str room;

    (void)pattern;
    if (!channel_room(names_of(ns), channel, &room) || (room.n && !sio_has_room(ns->ns, room)) ||
        sio_str_eq(classic_peek_uid(payload), ns->uid))
        return;
    if (classic_read_broadcast(&classic_of(ns)->reader, payload, &m) < 0)
        refused(ns, "a broadcast");
    else
        take_broadcast(ns, &m);
}

/* ---- answering ---- */

static void respond(cluster_asker *k, int err)
{
    cluster_ns *ns = k->ns;
    classic *c = classic_of(ns);
    sio_str channel = names_of(ns)->response, own = {0};

    if (c->base.opt.specific_response_channel && k->uid.n && k->what != CLASSIC_SERVER_EMIT &&
        JOIN(&own, channel, k->uid, sio_lit("#")) == 0)
        channel = (sio_str){own.p, channel.n + k->uid.n + 1};
    if (err < 0)
        refused(ns, "a question whose answer is too large");
    else
        publish_to(ns->c, channel, buf_str(&c->out));
    free((char *)(uintptr_t)own.p);
    buf_fini(&c->out);
}

static void on_fetched(void *arg, int err, const sio_peer *peers, size_t n)
{
    cluster_asker *k = arg;
    buf *out = &classic_of(k->ns)->out;

    (void)err;
    if (k->what == CLASSIC_FETCH)
        respond(k, classic_put_sockets(out, k->id, peers, n));
    else if (k->what == CLASSIC_SOCKETS)
        respond(k, classic_put_ids(out, k->id, peers, n));
    else if (k->what == CLASSIC_ALL_ROOMS)
        respond(k, classic_put_rooms(out, k->id, peers, n));
    else if (n > 0) /* in the old form, only the server that has the socket answers */
        respond(k, classic_put_done(out, k->id));
    cluster_asker_free(k);
}

static void answer_fetch(cluster_ns *ns, const classic_message *m)
{
    cluster_asker *k = m->id.p ? cluster_asker_new(ns, (int)m->type, m->id, m->uid) : NULL;

    if (k && sio_deliver_fetch(ns->ns, &m->op, on_fetched, k) < 0)
        cluster_asker_free(k);
}

static void take_change(cluster_ns *ns, const classic_message *m)
{
    if (m->by_sid)
        answer_fetch(ns, m); /* who it is, before it is gone */
    if (sio_deliver(ns->ns, &m->op) < 0)
        refused(ns, "a change of rooms");
}

static void on_count(void *arg, size_t clients)
{
    cluster_asker *k = arg;

    respond(k, classic_put_clients(&classic_of(k->ns)->out, k->id, clients));
}

static void on_client_answer(void *arg, sio_val answer)
{
    cluster_asker *k = arg;

    respond(k, classic_put_answer(&classic_of(k->ns)->out, k->id, answer));
}

static void on_asked_end(void *arg)
{
    cluster_asker_free(arg);
}

static void answer_ask(cluster_ns *ns, const classic_message *m)
{
    static const sio_asked fns = {on_count, on_client_answer, on_asked_end};
    cluster_asker *k = cluster_asker_new(ns, CLASSIC_ASK, m->id, m->uid);
    uint32_t ms = m->timeout_ms ? m->timeout_ms : ns->c->opt.requests_timeout_ms;

    if (k && sio_deliver_gather(ns->ns, &m->op, ms, &fns, k) < 0) {
        refused(ns, "an event that asks for answers");
        cluster_asker_free(k);
    }
}

static void on_server_answer(void *arg, sio_val answer)
{
    cluster_asker *k = arg;

    respond(k, classic_put_server_answer(&classic_of(k->ns)->out, k->id, answer));
}

static void answer_server_emit(cluster_ns *ns, const classic_message *m)
{
    static const sio_asked fns = {NULL, on_server_answer, on_asked_end};
    cluster_asker *k;

    if (!m->id.p)
        sio_deliver_server_event(ns->ns, m->op.args, m->op.bins, NULL, NULL);
    else if ((k = cluster_asker_new(ns, CLASSIC_SERVER_EMIT, m->id, m->uid)))
        sio_deliver_server_call(ns->ns, m->op.args, m->op.bins, &fns, k);
}

static void take_request(cluster_ns *ns, const classic_message *m)
{
    /* Changes of rooms, too: they were made here before they were published; in Node, when they come back. */
    bool ours = sio_str_eq(m->uid, ns->uid) || (m->id.p && cluster_request_is_ours(ns->c, m->id));

    if (ours)
        return;
    stat_add(&ns->c->stats.received, 1);
    switch (m->type) {
    case CLASSIC_JOIN:
    case CLASSIC_LEAVE:
    case CLASSIC_DISCONNECT:
        take_change(ns, m);
        break;
    case CLASSIC_SERVER_EMIT:
        answer_server_emit(ns, m);
        break;
    case CLASSIC_ASK:
        answer_ask(ns, m);
        break;
    default:
        answer_fetch(ns, m);
    }
}

static void on_request(void *arg, sio_str channel, sio_str payload, sio_str pattern)
{
    cluster_ns *ns = arg;
    classic_message m;
    int err = classic_read_request(&classic_of(ns)->reader, payload, &m);

    (void)channel;
    (void)pattern;
    if (err == 0)
        take_request(ns, &m);
    else if (err != SIO_ENOENT) /* what newer servers may want is none of our business */
        refused(ns, "a request");
}

/* ---- answers to us ---- */

static sio_val value_of(const classic_message *m)
{
    if (!m->value.p)
        return sio_undefined;
    return (sio_val){.kind = SIO_JSON, .s = m->value, .bins = m->bins.n ? &m->bins : NULL};
}

static void take_sockets(cluster_ns *ns, cluster_request *q, const classic_message *m)
{
    sio_peer p;
    size_t at = 0;
    int more = 0;

    while (m->sockets.p && (more = classic_next_socket(&classic_of(ns)->reader, m, &at, &p)) == 1)
        cluster_request_peer(q, &p);
    if (more < 0)
        refused(ns, "a list of sockets");
    cluster_request_reported(q);
}

static void take_response(cluster_ns *ns, const classic_message *m)
{
    cluster *c = ns->c;
    cluster_request *q;

    if ((q = cluster_request_find(c, m->id, ASK_FETCH))) {
        take_sockets(ns, q, m);
    } else if ((q = cluster_request_find(c, m->id, ASK_SERVERS))) {
        cluster_request_answer(q, value_of(m));
        cluster_request_reported(q);
    } else if ((q = cluster_request_find(c, m->id, ASK_GATHER))) {
        if (m->type == CLASSIC_CLIENTS)
            cluster_request_clients(q, m->clients);
        else if (m->type == CLASSIC_ANSWER)
            cluster_request_client_answer(q, value_of(m));
    }
}

/* Everybody gets everybody's answers, as long as they use the channel for all: most are looked at no further
 * than this. */
static bool is_for_us(const cluster *c, sio_str payload)
{
    sio_str id;

    if (c->requests.n == 0)
        return false;
    id = classic_peek_id(payload);
    return !id.p || map_get(&c->requests, id);
}

static void on_response(void *arg, sio_str channel, sio_str payload, sio_str pattern)
{
    cluster_ns *ns = arg;
    classic_message m;

    (void)channel;
    (void)pattern;
    if (!is_for_us(ns->c, payload))
        return;
    if (classic_read_response(&classic_of(ns)->reader, payload, &m) < 0)
        refused(ns, "a response");
    else
        take_response(ns, &m);
}

/* ---- life ---- */

/* Without memory a server would hear half of it, which is worse than none. A name that is taken is that of a
 * namespace which was named after another one's channel; it hears what it can. */
static void listen_to(cluster_ns *ns, redis_sub_kind kind, sio_str name, redis_message_fn *fn)
{
    if (redis_subscribe(ns->c->subs, kind, name, fn, NULL, ns) == SIO_ENOMEM)
        abort();
}

static void subscribe(cluster_ns *base)
{
    const classic_ns *ns = names_of(base);

    listen_to(base, REDIS_PATTERN, ns->pattern, on_broadcast);
    listen_to(base, REDIS_CHANNEL, ns->request, on_request);
    listen_to(base, REDIS_CHANNEL, ns->response, on_response);
    listen_to(base, REDIS_CHANNEL, ns->own, on_response);
}

static void unsubscribe(cluster_ns *base)
{
    classic_ns *ns = names_of(base);
    redis *r = base->c->subs;

    redis_unsubscribe(r, REDIS_PATTERN, ns->pattern);
    redis_unsubscribe(r, REDIS_CHANNEL, ns->request);
    redis_unsubscribe(r, REDIS_CHANNEL, ns->response);
    redis_unsubscribe(r, REDIS_CHANNEL, ns->own);
}

static void making(cluster *base)
{
    classic *c = (classic *)base;

    classic_reader_init(&c->reader);
    buf_init(&c->out, CLASSIC_MAX_MESSAGE);
}

static void freeing(cluster *base)
{
    classic *c = (classic *)base;

    classic_reader_fini(&c->reader);
    buf_fini(&c->out);
}

static const sio_adapter_ops ops = {
    .name = "redis-classic",
    .start = cluster_start,
    .stop = cluster_stop,
    .free = cluster_free,
    .ns_open = cluster_ns_open,
    .publish = publish,
    .gather = gather,
    .fetch = fetch,
    .server_emit = server_emit,
    .server_count = cluster_server_count,
};

const cluster_kind cluster_classic = {
    .ops = &ops,
    .size = sizeof(classic),
    .ns_size = sizeof(classic_ns),
    .id_len = 6,
    .making = making,
    .ns_init = ns_init,
    .ns_fini = ns_fini,
    .subscribe = subscribe,
    .unsubscribe = unsubscribe,
    .freeing = freeing,
};
