/* Asking the other servers, for the sharded and the streams adapter. */
#include "cluster/talk_int.h"

#include "cluster/classic_opts.h"
#include "codec/val.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- life ---- */

void talk_init(talk *t, bool sharded, message_form form)
{
    message_decoder_init(&t->in);
    t->publish = sharded ? "SPUBLISH" : "PUBLISH";
    t->kind = sharded ? REDIS_SHARD : REDIS_CHANNEL;
    t->form = form;
}

void talk_fini(talk *t)
{
    message_decoder_fini(&t->in);
}

int talk_ns_init(cluster_ns *base)
{
    talk_ns *ns = (talk_ns *)base;
    const sio_str part[] = {
        sio_s(base->c->opt.key), SIO_STR("#"), base->name, SIO_STR("#"), base->uid, SIO_STR("#")};
    char *all = cluster_join(part, 4), *own = cluster_join(part, 6);

    ns->all = sio_str_z(all);
    ns->own = sio_str_z(own);
    ns->base.count_channel = ns->all;
    return all && own ? 0 : SIO_ENOMEM;
}

void talk_ns_fini(cluster_ns *base)
{
    talk_ns *ns = (talk_ns *)base;

    free((char *)(uintptr_t)ns->all.p);
    free((char *)(uintptr_t)ns->own.p);
}

/* Only without memory a channel is not heard, or with a namespace whose name makes the same channel; which
 * message is whose, the message says. */
void talk_subscribe(cluster_ns *base)
{
    talk_ns *ns = (talk_ns *)base;
    talk *t = talk_of(ns);

    redis_subscribe(base->c->subs, t->kind, ns->all, talk_on_message, NULL, ns);
    redis_subscribe(base->c->subs, t->kind, ns->own, talk_on_message, NULL, ns);
}

void talk_unsubscribe(cluster_ns *base)
{
    talk_ns *ns = (talk_ns *)base;

    redis_unsubscribe(base->c->subs, talk_of(ns)->kind, ns->all);
    redis_unsubscribe(base->c->subs, talk_of(ns)->kind, ns->own);
}

/* ---- our questions ---- */

cluster_message talk_message_of(const talk_ns *ns, const sio_op *op)
{
    static const message_type type[] = {[SIO_OP_EMIT] = MESSAGE_BROADCAST,
                                        [SIO_OP_JOIN] = MESSAGE_JOIN,
                                        [SIO_OP_LEAVE] = MESSAGE_LEAVE,
                                        [SIO_OP_DISCONNECT] = MESSAGE_DISCONNECT};
    cluster_message m = {.type = type[op->kind], .uid = ns->base.uid, .nsp = ns->base.name, .op = *op};

    if (op->kind == SIO_OP_EMIT) {
        m.packet = op->args;
        m.bins = op->bins ? *op->bins : (sio_bins){NULL, 0};
    }
    return m;
}

/* To all servers, under the id of a question. */
static void ask(talk_ns *ns, cluster_request *q, cluster_message *m)
{
    talk *t = talk_of(ns);
    buf text;
    int err;

    m->request = q->id;
    buf_init(&text, MESSAGE_MAX_TEXT);
    if ((err = message_encode(&text, m, t->form)) < 0)
        cluster_request_end(q, err);
    else
        cluster_request_send(q, t->publish, ns->all, buf_str(&text));
    buf_fini(&text);
}

static cluster_request *question(cluster_ns *ns, cluster_ask what, uint32_t ms, sio_remote *r)
{
    if (ns)
        return cluster_request_new(ns, what, ms, r);
    sio_remote_end(r, SIO_ENOMEM);
    return NULL;
}

void talk_gather(sio_adapter *a, sio_ns *sns, const sio_op *op, uint32_t ms, sio_remote *r)
{
    cluster_ns *ns = cluster_ns_of((cluster *)a, sns);
    cluster_request *q = question(ns, ASK_GATHER, ms, r);

    if (q) {
        cluster_message m = talk_message_of((talk_ns *)ns, op);

        m.timeout_ms = ms ? ms : ns->c->opt.requests_timeout_ms;
        ask((talk_ns *)ns, q, &m);
    }
}

void talk_fetch(sio_adapter *a, sio_ns *sns, const sio_op *op, uint32_t ms, sio_remote *r)
{
    cluster_ns *ns = cluster_ns_of((cluster *)a, sns);
    cluster_request *q = question(ns, ASK_FETCH, ms, r);

    if (q) {
        cluster_message m = {.type = MESSAGE_FETCH, .uid = ns->uid, .nsp = ns->name, .op = *op};

        ask((talk_ns *)ns, q, &m);
    }
}

static void tell(talk_ns *ns, sio_str channel, const cluster_message *m)
{
    talk *t = talk_of(ns);
    buf text;

    buf_init(&text, MESSAGE_MAX_TEXT);
    if (message_encode(&text, m, t->form) == 0) {
        const sio_str argv[] = {sio_s(t->publish), channel, buf_str(&text)};

        cluster_send(&t->base, argv, 3);
    }
    buf_fini(&text);
}

void talk_server_emit(sio_adapter *a, sio_ns *sns, sio_str args, const sio_bins *bins, uint32_t ms,
                      sio_remote *r)
{
    cluster_ns *ns = cluster_ns_of((cluster *)a, sns);
    cluster_request *q;
    cluster_message m;

    if (!ns && !r)
        return;
    m = (cluster_message){.type = MESSAGE_SERVER_EMIT, .packet = args};
    if (bins)
        m.bins = *bins;
    if (ns) {
        m.uid = ns->uid;
        m.nsp = ns->name;
    }
    if (!r)
        tell((talk_ns *)ns, ((talk_ns *)ns)->all, &m);
    else if ((q = question(ns, ASK_SERVERS, ms, r)))
        ask((talk_ns *)ns, q, &m);
}

/* ---- questions of others ---- */

/* To the server that asked. */
static void answer(cluster_asker *k, cluster_message *m)
{
    talk_ns *ns = (talk_ns *)k->ns;
    const sio_str part[] = {
        sio_s(k->ns->c->opt.key), SIO_STR("#"), k->ns->name, SIO_STR("#"), k->uid, SIO_STR("#")};
    char *channel = cluster_join(part, 6);

    m->uid = k->ns->uid;
    m->nsp = k->ns->name;
    m->request = k->id;
    if (channel)
        tell(ns, sio_str_z(channel), m);
    free(channel);
}

/* A value as the packet of an answer. */
static void answer_with(cluster_asker *k, message_type type, sio_val v)
{
    sio_str bin[MESSAGE_MAX_BINS];
    cluster_message m = {.type = type, .bins = {bin, 0}};
    buf json;

    buf_init(&json, MESSAGE_MAX_TEXT);
    if (v.kind != SIO_UNDEFINED && val_to_json(&json, v, bin, MESSAGE_MAX_BINS, &m.bins.n) == 0)
        m.packet = buf_str(&json);
    answer(k, &m);
    buf_fini(&json);
}

static void on_count(void *arg, size_t clients)
{
    cluster_message m = {.type = MESSAGE_CLIENT_COUNT, .clients = (uint32_t)clients};

    answer(arg, &m);
}

static void on_answer(void *arg, sio_val v)
{
    answer_with(arg, MESSAGE_ACK, v);
}

static void on_end(void *arg)
{
    cluster_asker_free(arg);
}

static const sio_asked asked = {on_count, on_answer, on_end};

/* The asker must hear of a count, or it waits for us. */
static void receive_ask(talk_ns *ns, cluster_message *m)
{
    cluster_asker *k = cluster_asker_new(&ns->base, 0, m->request, m->uid);
    uint32_t ms = m->timeout_ms ? m->timeout_ms : ns->base.c->opt.requests_timeout_ms;
    int err;

    if (!k)
        return;
    if ((err = sio_deliver_gather(ns->base.ns, &m->op, ms, &asked, k)) < 0) {
        talk_refuse(talk_of(ns), m, err);
        on_count(k, 0);
        on_end(k);
    }
}

static void on_fetched(void *arg, int err, const sio_peer *peers, size_t n)
{
    cluster_asker *k = arg;
    cluster_message m = {.type = MESSAGE_FETCH_RESPONSE};
    buf json;

    buf_init(&json, MESSAGE_MAX_TEXT);
    if (err == 0 && classic_put_peers(&json, peers, n) == 0) {
        m.packet = buf_str(&json);
        answer(k, &m);
    }
    buf_fini(&json);
    cluster_asker_free(k);
}

static void receive_fetch(talk_ns *ns, cluster_message *m)
{
    cluster_asker *k = cluster_asker_new(&ns->base, 0, m->request, m->uid);

    if (k && sio_deliver_fetch(ns->base.ns, &m->op, on_fetched, k) < 0)
        cluster_asker_free(k);
}

static void on_server_answer(void *arg, sio_val v)
{
    answer_with(arg, MESSAGE_SERVER_EMIT_RESPONSE, v);
}

static const sio_asked server_asked = {NULL, on_server_answer, on_end};

static void receive_server_emit(talk_ns *ns, cluster_message *m)
{
    cluster_asker *k;

    if (!m->request.p)
        sio_deliver_server_event(ns->base.ns, m->packet, &m->bins, NULL, NULL);
    else if ((k = cluster_asker_new(&ns->base, 0, m->request, m->uid)))
        sio_deliver_server_call(ns->base.ns, m->packet, &m->bins, &server_asked, k);
}

/* ---- their answers ---- */

static sio_val packet_of(const cluster_message *m)
{
    return m->packet.p ? (sio_val){.kind = SIO_JSON, .s = m->packet, .bins = &m->bins} : sio_undefined;
}

static void receive_sockets(talk_ns *ns, cluster_request *q, const cluster_message *m)
{
    talk *t = talk_of(ns);
    size_t at = 0;
    sio_peer p;
    int got;

    while ((got = message_peer_next(&t->in, m, &at, &p)) > 0)
        cluster_request_peer(q, &p);
    if (got < 0)
        talk_refuse(t, m, got);
    cluster_request_reported(q);
}

static void receive_response(talk_ns *ns, const cluster_message *m)
{
    cluster *c = ns->base.c;
    cluster_request *q;

    switch (m->type) {
    case MESSAGE_FETCH_RESPONSE:
        if ((q = cluster_request_find(c, m->request, ASK_FETCH)))
            receive_sockets(ns, q, m);
        break;
    case MESSAGE_SERVER_EMIT_RESPONSE:
        if ((q = cluster_request_find(c, m->request, ASK_SERVERS))) {
            cluster_request_answer(q, packet_of(m));
            cluster_request_reported(q);
        }
        break;
    case MESSAGE_CLIENT_COUNT:
        if ((q = cluster_request_find(c, m->request, ASK_GATHER)))
            cluster_request_clients(q, m->clients);
        break;
    default:
        if ((q = cluster_request_find(c, m->request, ASK_GATHER)))
            cluster_request_client_answer(q, packet_of(m));
    }
}

/* ---- receiving ---- */

void talk_refuse(talk *t, const cluster_message *m, int err)
{
    char what[96];

    if (m && message_is_foreign(m->type))
        snprintf(what, sizeof what,
                 "a heartbeat: a server with an adapter of another version uses the same Redis keys");
    else
        snprintf(what, sizeof what, "a message of another server (%s)", sio_errcode(err));
    sio_adapter_refused(t->base.io, what);
}

void talk_receive(talk_ns *ns, cluster_message *m)
{
    int err = 0;

    stat_add(&ns->base.c->stats.received, 1);
    if (m->type == MESSAGE_BROADCAST && m->request.p)
        receive_ask(ns, m);
    else if (m->type >= MESSAGE_BROADCAST && m->type <= MESSAGE_DISCONNECT)
        err = sio_deliver(ns->base.ns, &m->op);
    else if (m->type == MESSAGE_FETCH)
        receive_fetch(ns, m);
    else if (m->type == MESSAGE_SERVER_EMIT)
        receive_server_emit(ns, m);
    else if (!message_is_foreign(m->type))
        receive_response(ns, m);
    else
        err = SIO_EINVAL;
    if (err < 0)
        talk_refuse(talk_of(ns), m, err);
}

/* Names of two namespaces and a room may make one channel. */
static talk_ns *ns_of_message(talk_ns *ns, const cluster_message *m)
{
    sio_ns *other;

    if (sio_str_eq(ns->base.name, m->nsp))
        return ns;
    other = sio_find_ns(ns->base.c->io, m->nsp);
    ns = other ? (talk_ns *)cluster_ns_of(ns->base.c, other) : NULL;
    return ns && ns->base.open ? ns : NULL;
}

void talk_on_message(void *arg, sio_str channel, sio_str payload, sio_str pattern)
{
    talk_ns *ns = arg;
    talk *t = talk_of(ns);
    cluster_message m;
    int err;

    (void)channel;
    (void)pattern;
    if (t->base.stopped)
        return;
    if ((err = message_decode(&t->in, payload, &m)) < 0)
        talk_refuse(t, NULL, err);
    else if ((ns = ns_of_message(ns, &m)) && !sio_str_eq(m.uid, ns->base.uid))
        talk_receive(ns, &m);
}
