/* Reading a stream: what other servers publish, and our own entries as they come back. */
#include "cluster/streams_int.h"
#include "base/log.h"

#include <stdio.h>

/* ---- entries ---- */

static sio_str *field_of(stream_entry *e, sio_str name)
{
    if (sio_str_eq(name, sio_lit("uid")))
        return &e->uid;
    if (sio_str_eq(name, sio_lit("nsp")))
        return &e->nsp;
    if (sio_str_eq(name, sio_lit("type")))
        return &e->type;
    return sio_str_eq(name, sio_lit("data")) ? &e->data : NULL;
}

static bool is_text(const resp_val *v)
{
    return v->kind == RESP_BULK || v->kind == RESP_STATUS;
}

bool stream_entry_of(const resp_val *v, stream_entry *e)
{
    const resp_val *fields;

    *e = (stream_entry){0};
    if (v->kind != RESP_ARRAY || v->n < 2 || !is_text(v->item) || !message_at_parse(v->item->s, &e->at))
        return false;
    e->id = v->item->s;
    fields = &v->item[1];
    if (fields->kind != RESP_ARRAY)
        return true; /* deleted meanwhile */
    for (uint32_t i = 0; i + 1 < fields->n; i += 2) {
        sio_str *to = is_text(&fields->item[i]) && is_text(&fields->item[i + 1])
                          ? field_of(e, fields->item[i].s)
                          : NULL;

        if (to)
            *to = fields->item[i + 1].s;
    }
    return true;
}

/* The list of entries in an answer to XREAD of one stream; NULL when there is none. */
static const resp_val *stream_entries_of(const resp_val *v)
{
    if (v->kind == RESP_MAP && v->n >= 2)
        v = &v->item[1];
    else if (v->kind == RESP_ARRAY && v->n >= 1 && v->item->kind == RESP_ARRAY && v->item->n >= 2)
        v = &v->item->item[1];
    else
        return NULL;
    return v->kind == RESP_ARRAY ? v : NULL;
}

/* ---- what they are ---- */

/* Only what is meant to last belongs here: the other types are those of servers with the adapter 0.2. */
static void receive(lane *l, streams_ns *ns, const stream_entry *e)
{
    talk *t = &l->s->talk;
    cluster_message m;
    int err = message_entry_decode(&t->in, e->uid, e->nsp, e->type, e->data, &m);

    if (err < 0 || m.type < MESSAGE_BROADCAST || m.type > MESSAGE_DISCONNECT || m.request.p) {
        talk_refuse(t, err < 0 ? NULL : &m, err < 0 ? err : SIO_EINVAL);
        return;
    }
    if (m.type == MESSAGE_BROADCAST && !m.op.is_volatile && !l->listen_only)
        m.op.offset = e->id;
    talk_receive(&ns->talk, &m);
}

static void take(lane *l, const stream_entry *e)
{
    cluster *c = &l->s->talk.base;
    sio_ns *sns = e->nsp.n > 0 ? sio_find_ns(c->io, e->nsp) : NULL;
    streams_ns *ns = sns ? (streams_ns *)cluster_ns_of(c, sns) : NULL;

    if (!ns)
        return; /* nobody here is in that namespace, or it is no entry of a server */
    if (sio_str_eq(e->uid, ns->talk.base.uid))
        lane_read_back(l, ns, e->at, e->id, e->type, e->data);
    else if (ns->talk.base.open)
        receive(l, ns, e);
}

/* Whatever is wrong with an entry, the next one is read. */
static void take_all(lane *l, const resp_val *entries)
{
    stream_entry e;

    for (uint32_t i = 0; i < entries->n; i++) {
        if (!stream_entry_of(&entries->item[i], &e)) {
            talk_refuse(&l->s->talk, NULL, SIO_EPARSE);
            continue;
        }
        take(l, &e);
        l->at = e.at;
    }
    lane_moved(l);
}

/* ---- reading ---- */

/* Entries are trimmed from the old end: when the one we had read last is there, all behind it are. A
 * stream without any has begun anew, which is told elsewhere. */
static void on_still_there(void *arg, int err, const resp_val *v)
{
    const lane *l = arg;
    stream_entry e;

    if (err == 0 && v->kind == RESP_ARRAY && v->n > 0 && stream_entry_of(v->item, &e) &&
        message_at_compare(e.at, l->asked) != 0)
        log_warn("Redis stream %s was trimmed beyond our position: events of other servers may be lost",
                 l->name);
}

void lane_check(lane *l)
{
    char at[MESSAGE_AT_SIZE];

    l->asked = l->at;
    if (l->positioned && l->at.ms > 0)
        redis_cmd(l->reader, on_still_there, l, "XRANGE", l->name, message_at_text(l->at, at), "+", "COUNT",
                  "1");
}

static void on_read(void *arg, int err, const resp_val *v)
{
    lane *l = arg;
    const resp_val *entries;

    if (err == SIO_ECANCELED)
        return;
    l->reading = false;
    if (err < 0 || l->s->talk.base.stopped)
        return; /* it goes on when the connection is back */
    if (v->kind == RESP_ERROR) {
        log_warn("Redis stream %s cannot be read: %.*s", l->name, (int)(v->s.n < 200 ? v->s.n : 200), v->s.p);
        loop_timer_set(l->s->talk.base.loop, &l->retry, STREAMS_RETRY_MS);
        return;
    }
    if ((entries = stream_entries_of(v)))
        take_all(l, entries);
    lane_read(l);
}

void lane_read(lane *l)
{
    const sio_redis_options *o = &l->s->talk.base.opt;
    char at[MESSAGE_AT_SIZE], count[12], block[12];

    if (l->reading || !l->reader_up || !l->positioned || l->s->talk.base.stopped)
        return;
    snprintf(count, sizeof count, "%u", o->read_count);
    snprintf(block, sizeof block, "%u", o->block_ms);
    l->reading = redis_cmd(l->reader, on_read, l, "XREAD", "COUNT", count, "BLOCK", block, "STREAMS", l->name,
                           message_at_text(l->at, at)) == 0;
}
