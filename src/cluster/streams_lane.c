/* One stream: entries on their way into it, and back. */
#include "cluster/streams_int.h"
#include "base/log.h"
#include "sio/home.h"

#include <stdio.h>
#include <stdlib.h>

lane *lane_of(const streams_ns *ns)
{
    return ((streams *)ns->talk.base.c)->lane[ns->lane];
}

static cluster *cluster_of(const lane *l)
{
    return &l->s->talk.base;
}

/* ---- delivering ---- */

static void deliver(streams_ns *ns, sio_str type, sio_str data, sio_str id)
{
    talk *t = talk_of(&ns->talk);
    cluster_message m;
    int err = message_entry_decode(&t->in, ns->talk.base.uid, ns->talk.base.name, type, data, &m);

    if (err == 0) {
        if (m.op.kind == SIO_OP_EMIT && !m.op.is_volatile)
            m.op.offset = id;
        err = sio_deliver(ns->talk.base.ns, &m.op);
    }
    if (err < 0)
        log_warn("An event of this server could not be delivered: %s", sio_strerror(err));
}

static void deliver_early(outgoing *o)
{
    const char digit = (char)('0' + (int)o->type);

    if (!o->delivered && !o->others)
        deliver(o->ns, (sio_str){&digit, 1}, (sio_str){o->data, o->n}, (sio_str){NULL, 0});
    o->delivered = true;
}

/* What is not delivered yet is, without a position. */
static void lane_deliver_early(lane *l)
{
    list_each(it, &l->pending)
        deliver_early(container_of(it, outgoing, link));
}

static bool is_live(const lane *l)
{
    return l->s->up && l->reader_up && !l->stalled;
}

/* ---- adding ---- */

static void lost(lane *l, outgoing *o)
{
    deliver_early(o);
    stat_add_shared(&cluster_of(l)->stats.lost, 1);
    list_del(&o->link);
    outgoing_free(l->s, o);
}

static void found_reset(lane *l)
{
    log_warn("Redis stream %s has begun anew: what was in it is gone", l->name);
    l->at = (message_at){0, 0};
}

static bool can_add(const lane *l)
{
    return l->s->up && l->caught_up;
}

bool lane_is_open(const lane *l)
{
    return can_add(l) && is_live(l);
}

static void wait_for_retry(lane *l)
{
    l->caught_up = l->targeted = false;
    loop_timer_set(cluster_of(l)->loop, &l->retry, STREAMS_RETRY_MS);
}

static void refused_by_redis(lane *l, outgoing *o, const resp_val *v)
{
    sio_adapter_refused(cluster_of(l)->io, "an entry, by Redis");
    log_debug("Redis stream %s: %.*s", l->name, (int)v->s.n, v->s.p);
    lost(l, o);
}

static void on_added(void *arg, int err, const resp_val *v)
{
    outgoing *o = arg;
    lane *l;

    if (o->seen || err == SIO_ECANCELED) {
        outgoing_free((streams *)o->ns->talk.base.c, o);
        return;
    }
    l = lane_of(o->ns);
    if (err < 0) { /* when Redis is back we will see */
        o->sent = false;
        o->uncertain = true;
        wait_for_retry(l);
        if (!is_live(l))
            deliver_early(o);
    } else if (v->kind == RESP_ERROR || !message_at_parse(v->s, &o->at)) {
        refused_by_redis(l, o, v);
    } else {
        o->replied = true;
        if (message_at_compare(o->at, l->at) <= 0)
            found_reset(l); /* it was added behind what we read, and would never be read */
    }
}

static int add(lane *l, outgoing *o)
{
    const cluster *c = cluster_of(l);
    char max[12], type[4];
    sio_str data = {o->data, o->n};

    snprintf(max, sizeof max, "%u", c->opt.stream_max);
    snprintf(type, sizeof type, "%d", (int)o->type);
    return redis_cmd(c->commands, on_added, o, "XADD", l->name, "MAXLEN", "~", max, "*", "uid",
                     o->ns->talk.base.uid, "nsp", o->ns->talk.base.name, "type", type, "data", data);
}

/* False when Redis takes no more now. */
static bool send_now(lane *l, outgoing *o)
{
    if (add(l, o) < 0)
        return false;
    o->sent = true;
    o->uncertain = false;
    stat_add(&cluster_of(l)->stats.sent, 1);
    return true;
}

void lane_add(lane *l, outgoing *o)
{
    o->since = loop_now(cluster_of(l)->loop);
    list_add_tail(&l->pending, &o->link);
    if (can_add(l) && !send_now(l, o))
        wait_for_retry(l);
    if (!o->sent && o->is_volatile) {
        lost(l, o);
        return;
    }
    if (!is_live(l))
        deliver_early(o);
    if (!loop_timer_is_set(&l->timer))
        loop_timer_set(cluster_of(l)->loop, &l->timer, STREAMS_TICK_MS);
}

/* ---- reading back ---- */

static bool is_it(const outgoing *o, streams_ns *ns, message_at at, sio_str type, sio_str data)
{
    if (o->ns != ns || (!o->sent && !o->uncertain))
        return false;
    if (o->replied)
        return message_at_compare(o->at, at) == 0;
    return type.n == 1 && type.p[0] == '0' + (int)o->type && sio_str_eq(data, (sio_str){o->data, o->n});
}

/* Entries come back in the order in which they were added; between them may be some that Redis refused. */
static outgoing *find(lane *l, streams_ns *ns, message_at at, sio_str type, sio_str data)
{
    list_each(it, &l->pending) {
        outgoing *o = container_of(it, outgoing, link);

        if (is_it(o, ns, at, type, data))
            return o;
    }
    return NULL;
}

void lane_read_back(lane *l, streams_ns *ns, message_at at, sio_str id, sio_str type, sio_str data)
{
    outgoing *o = find(l, ns, at, type, data);

    if (!o) /* was sent twice, which took an answer that came neither as one nor as its loss */
        return;
    l->stalled = false;
    list_del(&o->link);
    if (!o->delivered && !o->others)
        deliver(ns, type, data, id);
    o->seen = true;
    if (!o->sent || o->replied) /* else the answer has it */
        outgoing_free(l->s, o);
}

/* ---- stalls ---- */

static void on_tick(loop_timer *t)
{
    lane *l = container_of(t, lane, timer);
    uint64_t now = loop_now(cluster_of(l)->loop);

    list_each(it, &l->pending) {
        outgoing *o = container_of(it, outgoing, link);

        if (o->delivered)
            continue;
        l->stalled = now - o->since >= STREAMS_STALL_MS;
        break;
    }
    if (l->stalled)
        lane_deliver_early(l);
    if (!list_empty(&l->pending))
        loop_timer_set(cluster_of(l)->loop, t, STREAMS_TICK_MS);
}

/* ---- Redis comes and goes ---- */

static void resend(lane *l)
{
    l->caught_up = true;
    list_each(it, &l->pending) {
        outgoing *o = container_of(it, outgoing, link);

        if (!o->sent && !send_now(l, o)) {
            wait_for_retry(l);
            return;
        }
    }
}

void lane_moved(lane *l)
{
    restore_moved(l);
    if (l->targeted && !l->caught_up && message_at_compare(l->at, l->target) >= 0)
        resend(l);
}

/* The last entry there is: from here on at first; later, what we are not sure of is up to there. */
static void on_tail(void *arg, int err, const resp_val *v)
{
    lane *l = arg;
    message_at last = {0, 0};

    if (err < 0)
        return; /* it is asked again when Redis is back */
    if (v->kind != RESP_ARRAY) {
        loop_timer_set(cluster_of(l)->loop, &l->retry, STREAMS_RETRY_MS);
        return;
    }
    if (v->n > 0 && v->item[0].kind == RESP_ARRAY && v->item[0].n > 0)
        message_at_parse(v->item[0].item[0].s, &last);
    if (!l->positioned)
        l->at = last;
    else if (message_at_compare(last, l->at) < 0)
        found_reset(l);
    l->positioned = l->targeted = true;
    l->target = last;
    lane_moved(l);
    lane_read(l);
}

void lane_up(lane *l)
{
    l->targeted = l->caught_up = false;
    if (redis_cmd(cluster_of(l)->commands, on_tail, l, "XREVRANGE", l->name, "+", "-", "COUNT", "1") < 0)
        loop_timer_set(cluster_of(l)->loop, &l->retry, STREAMS_RETRY_MS);
}

void lane_down(lane *l)
{
    l->caught_up = l->targeted = false;
    lane_deliver_early(l);
    restore_give_up(l);
}

static void on_retry(loop_timer *t)
{
    lane *l = container_of(t, lane, retry);

    if (!l->s->up || cluster_of(l)->stopped)
        return;
    if (!l->caught_up)
        lane_up(l);
    lane_read(l);
}

static void on_reader_up(void *arg)
{
    lane *l = arg;

    l->reader_up = true;
    l->reading = false;
    lane_check(l);
    lane_read(l);
}

static void on_reader_down(void *arg, const char *why)
{
    lane *l = arg;

    (void)why; /* the other connections say so */
    l->reader_up = false;
    lane_deliver_early(l);
}

/* ---- life ---- */

lane *lane_new(streams *s, char *name, bool listen_only)
{
    redis_options o = cluster_redis_options(&s->talk.base, "sio-stream");
    uint32_t block = s->talk.base.opt.block_ms;
    lane *l = calloc(1, sizeof *l);

    if (!l) {
        free(name);
        return NULL;
    }
    l->s = s;
    l->name = name;
    l->listen_only = listen_only;
    list_init(&l->pending);
    list_init(&l->comebacks);
    loop_timer_init(&l->timer, on_tick);
    loop_timer_init(&l->retry, on_retry);
    o.reply_ms = block ? block + 5000 : 0;
    o.on_up = on_reader_up;
    o.on_down = on_reader_down;
    o.arg = l;
    if (redis_new(&l->reader, sio_home_net(s->talk.base.io, 0), &o) < 0) {
        free(name);
        free(l);
        return NULL;
    }
    if (s->up)
        lane_up(l);
    return l;
}

/* Those whose answer is under way are freed by it: the connection for commands goes last. */
void lane_free(lane *l)
{
    redis_free(l->reader);
    restore_give_up(l);
    while (!list_empty(&l->pending)) {
        outgoing *o = container_of(l->pending.next, outgoing, link);

        list_del(&o->link);
        o->seen = true;
        if (!o->sent || o->replied)
            outgoing_free(l->s, o);
    }
    loop_timer_cancel(cluster_of(l)->loop, &l->timer);
    loop_timer_cancel(cluster_of(l)->loop, &l->retry);
    free(l->name);
    free(l);
}
