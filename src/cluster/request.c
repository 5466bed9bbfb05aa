/* Questions: ours to the other servers, and who asked us. */
#include "cluster/cluster_int.h"

#include <stdlib.h>

/* ---- ours ---- */

static void request_free(cluster_request *q)
{
    cluster *c = q->ns->c;

    map_del(&c->requests, q->id);
    loop_timer_cancel(c->loop, &q->timer);
    list_del(&q->link);
    free(q->held);
    if (q->counting)
        q->gone = true; /* the count has it, and frees it */
    else
        free(q);
}

void cluster_request_end(cluster_request *q, int err)
{
    sio_remote *r = q->remote;

    request_free(q);
    sio_remote_end(r, err);
}

static void on_time(loop_timer *t)
{
    cluster_request_end(container_of(t, cluster_request, timer), SIO_ETIMEOUT);
}

static cluster_request *request_new(cluster_ns *ns, cluster_ask ask, sio_remote *r)
{
    cluster_request *q = calloc(1, sizeof *q);

    if (!q)
        return NULL;
    q->ns = ns;
    q->ask = ask;
    q->remote = r;
    cluster_make_id(ns->c, q->id_text);
    q->id = sio_str_z(q->id_text);
    loop_timer_init(&q->timer, on_time);
    list_init(&q->link);
    if (map_put(&ns->c->requests, q) == 0)
        return q;
    free(q);
    return NULL;
}

cluster_request *cluster_request_new(cluster_ns *ns, cluster_ask ask, uint32_t ms, sio_remote *r)
{
    cluster *c = ns->c;
    cluster_request *q = NULL;
    int err = !cluster_is_up(c) ? SIO_EUNAVAILABLE : c->requests.n >= CLUSTER_ASKED_MAX ? SIO_ELIMIT : 0;

    if (!err && !(q = request_new(ns, ask, r)))
        err = SIO_ENOMEM;
    if (err) {
        sio_remote_end(r, err);
        return NULL;
    }
    list_add_tail(&c->asked, &q->link);
    loop_timer_set(c->loop, &q->timer, ms ? ms : c->opt.requests_timeout_ms);
    stat_add(&c->stats.requests, 1);
    return q;
}

/* Every other server has said how many answers it has, and all have come. */
static void end_if_done(cluster_request *q)
{
    if (q->counted && q->reported >= q->servers && q->answers >= q->clients)
        cluster_request_end(q, 0);
}

static void send_held(cluster_request *q)
{
    const sio_str argv[] = {sio_str_z(q->verb), q->channel, {q->held, q->held_len}};
    int err = cluster_send(q->ns->c, argv, 3);

    free(q->held);
    q->held = NULL;
    if (err < 0)
        cluster_request_end(q, SIO_EUNAVAILABLE);
}

/* PUBSUB NUMSUB: the channel and how many connections listen there. */
static int read_count(int err, const resp_val *v, unsigned *n)
{
    if (err)
        return err;
    if (v->kind != RESP_ARRAY || v->n < 2 || v->item[1].kind != RESP_INT || v->item[1].i < 0)
        return SIO_EUNAVAILABLE;
    *n = v->item[1].i > UINT16_MAX ? UINT16_MAX : (unsigned)v->item[1].i;
    return 0;
}

static void on_counted(void *arg, int err, const resp_val *v)
{
    cluster_request *q = arg;
    unsigned n = 0;

    q->counting = false;
    if (q->gone) {
        free(q);
        return;
    }
    if (read_count(err, v, &n) < 0) {
        cluster_request_end(q, SIO_EUNAVAILABLE);
        return;
    }
    q->servers = n > 1 ? n - 1 : 0;
    q->counted = true;
    if (q->servers)
        send_held(q);
    else
        cluster_request_end(q, 0);
}

static int count_servers(cluster_ns *ns, redis_reply_fn *fn, void *arg)
{
    cluster *c = ns->c;

    return redis_cmd(c->commands, fn, arg, "PUBSUB", c->kind->sharded_count ? "SHARDNUMSUB" : "NUMSUB",
                     ns->count_channel);
}

void cluster_request_send(cluster_request *q, const char *verb, sio_str channel, sio_str message)
{
    q->verb = verb;
    q->channel = channel;
    q->held_len = message.n;
    if (!(q->held = malloc(message.n + 1))) {
        cluster_request_end(q, SIO_ENOMEM);
        return;
    }
    memcpy(q->held, message.p, message.n);
    if (count_servers(q->ns, on_counted, q) < 0)
        cluster_request_end(q, SIO_EUNAVAILABLE);
    else
        q->counting = true;
}

cluster_request *cluster_request_find(cluster *c, sio_str id, cluster_ask ask)
{
    cluster_request *q = map_get(&c->requests, id);

    return q && q->ask == ask ? q : NULL;
}

bool cluster_request_is_ours(cluster *c, sio_str id)
{
    return map_get(&c->requests, id) != NULL;
}

void cluster_request_peer(cluster_request *q, const sio_peer *p)
{
    sio_remote_peer(q->remote, p);
}

void cluster_request_answer(cluster_request *q, sio_val answer)
{
    sio_remote_answer(q->remote, answer);
}

void cluster_request_reported(cluster_request *q)
{
    q->reported++;
    end_if_done(q);
}

void cluster_request_clients(cluster_request *q, uint64_t n)
{
    q->clients += n;
    cluster_request_reported(q);
}

void cluster_request_client_answer(cluster_request *q, sio_val answer)
{
    q->answers++;
    sio_remote_answer(q->remote, answer);
    end_if_done(q);
}

void cluster_requests_end(cluster *c, int err)
{
    while (!list_empty(&c->asked))
        cluster_request_end(container_of(c->asked.next, cluster_request, link), err);
}

void cluster_requests_drop(cluster *c)
{
    while (!list_empty(&c->asked))
        request_free(container_of(c->asked.next, cluster_request, link));
}

/* ---- how many servers ---- */

typedef struct count {
    void (*fn)(void *arg, int err, unsigned n);
    void *arg;
} count;

static void on_server_count(void *arg, int err, const resp_val *v)
{
    count k = *(count *)arg;
    unsigned n = 1;

    free(arg);
    err = read_count(err, v, &n);
    k.fn(k.arg, err ? SIO_EUNAVAILABLE : 0, err || n == 0 ? 1 : n);
}

void cluster_server_count(sio_adapter *a, sio_ns *sns, void (*fn)(void *arg, int err, unsigned n), void *arg)
{
    cluster *c = (cluster *)a;
    cluster_ns *ns = cluster_ns_of(c, sns);
    count *k = malloc(sizeof *k);

    if (!ns || !k) {
        free(k);
        fn(arg, SIO_ENOMEM, 1);
        return;
    }
    *k = (count){fn, arg};
    if (!cluster_is_up(c) || count_servers(ns, on_server_count, k) < 0) {
        free(k);
        fn(arg, SIO_EUNAVAILABLE, 1);
    }
}

/* ---- theirs ---- */

cluster_asker *cluster_asker_new(cluster_ns *ns, int what, sio_str id, sio_str uid)
{
    cluster *c = ns->c;
    cluster_asker *k = NULL;
    char *p;

    if (id.n <= CLUSTER_PEER_ID_MAX && uid.n <= CLUSTER_PEER_ID_MAX && c->naskers < CLUSTER_ASKED_MAX)
        k = malloc(sizeof *k + id.n + uid.n);
    if (!k) {
        sio_adapter_refused(c->io, "a question of another server");
        return NULL;
    }
    p = (char *)(k + 1);
    *k = (cluster_asker){.ns = ns, .what = what, .id = {p, id.n}, .uid = {p + id.n, uid.n}};
    if (id.n > 0)
        memcpy(p, id.p, id.n);
    if (uid.n > 0)
        memcpy(p + id.n, uid.p, uid.n);
    list_add_tail(&c->askers, &k->link);
    c->naskers++;
    return k;
}

void cluster_asker_free(cluster_asker *k)
{
    k->ns->c->naskers--;
    list_del(&k->link);
    free(k);
}
