/* Recovery across servers: sessions are kept in Redis, what a client missed is in the stream. */
#include "cluster/streams_int.h"

#include "cluster/classic_opts.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- keeping ---- */

static char *session_key(const cluster *c, sio_str pid)
{
    const sio_str part[] = {sio_s(c->opt.session_prefix), pid};

    return cluster_join(part, 2);
}

/* As Node writes it, a socket's own room is the first. */
static int encode_session(buf *out, sio_str pid, sio_str id, const sio_str *rooms, unsigned nrooms,
                          sio_str data)
{
    sio_str *all = malloc((nrooms + 1) * sizeof *all);
    message_session s = {.sid = id, .pid = pid, .room = all, .nrooms = 1, .data = data};
    int err;

    if (!all)
        return SIO_ENOMEM;
    all[0] = id;
    for (unsigned i = 0; i < nrooms; i++)
        if (!sio_str_eq(rooms[i], id))
            all[s.nrooms++] = rooms[i];
    err = message_session_encode(out, &s);
    free(all);
    return err;
}

void streams_persist(sio_adapter *a, sio_ns *ns, sio_str pid, sio_str id, const sio_str *rooms,
                     unsigned nrooms, sio_str data, uint32_t keep_ms)
{
    cluster *c = (cluster *)a;
    char ms[12], *key = session_key(c, pid);
    buf text;

    (void)ns;
    buf_init(&text, MESSAGE_MAX_TEXT);
    snprintf(ms, sizeof ms, "%u", keep_ms);
    if (key && encode_session(&text, pid, id, rooms, nrooms, data) == 0) {
        const sio_str argv[] = {SIO_STR("SET"), sio_str_z(key), buf_str(&text), SIO_STR("PX"), sio_str_z(ms)};

        cluster_send(c, argv, 5);
    }
    buf_fini(&text);
    free(key);
}

/* ---- giving back ---- */

typedef struct comeback {
    list          link;                  /* in lane.comebacks, or in no list */
    streams_ns   *ns;
    sio_restored *r;
    message_at    offset, at;            /* where the client was; how far we have read */
    unsigned      rounds;
    sio_str       pid;
    char          text[];
} comeback;

static void end(comeback *b, int err)
{
    sio_restored_end(b->r, err);
    free(b);
}

static void on_missed(void *arg, int err, const resp_val *v);

static void read_on(comeback *b)
{
    cluster *c = b->ns->talk.base.c;
    char from[MESSAGE_AT_SIZE], count[12];

    snprintf(count, sizeof count, "%u", c->opt.read_count);
    if (++b->rounds > STREAMS_CATCH_UP)
        end(b, SIO_ELIMIT);
    else if (redis_cmd(c->commands, on_missed, b, "XRANGE", lane_of(b->ns)->name,
                       message_at_text(message_at_next(b->at), from), "+", "COUNT", count) < 0)
        end(b, SIO_EUNAVAILABLE);
}

/* What is no event for clients of the namespace, or was not meant to last, is not missed. */
static int give_missed(comeback *b, const stream_entry *e)
{
    talk *t = talk_of(&b->ns->talk);
    cluster_message m;

    if (!sio_str_eq(e->nsp, b->ns->talk.base.name) || !sio_str_eq(e->type, sio_lit("3")) ||
        message_entry_decode(&t->in, e->uid, e->nsp, e->type, e->data, &m) < 0 || m.request.p ||
        m.op.is_volatile)
        return 0;
    m.op.offset = e->id;
    return sio_restored_missed(b->r, &m.op) == SIO_ELIMIT ? SIO_ELIMIT : 0;
}

/* Up to what this server has delivered already: behind that the client gets it as everybody does. */
static int give_all(comeback *b, const resp_val *v)
{
    const lane *l = lane_of(b->ns);
    stream_entry e;
    int err = 0;

    for (uint32_t i = 0; i < v->n && err == 0; i++) {
        if (!stream_entry_of(&v->item[i], &e))
            return SIO_EPARSE;
        b->at = e.at;
        if (message_at_compare(e.at, l->at) <= 0)
            err = give_missed(b, &e);
    }
    return err;
}

static void on_missed(void *arg, int err, const resp_val *v)
{
    comeback *b = arg;
    const lane *l;

    if (err < 0 || v->kind != RESP_ARRAY) {
        end(b, SIO_EUNAVAILABLE);
        return;
    }
    l = lane_of(b->ns);
    if (v->n == 0)
        b->rounds += STREAMS_CATCH_UP / 4; /* what was there is trimmed: it will not be there next time */
    if ((err = give_all(b, v)) < 0)
        end(b, err);
    else if (message_at_compare(b->at, l->at) >= 0)
        end(b, 0);
    else
        read_on(b);
}

static int give_state(comeback *b, sio_str text)
{
    talk *t = talk_of(&b->ns->talk);
    message_session s;
    buf data;
    int err = message_session_decode(&t->in, text, &s);

    if (err < 0)
        return err;
    if (!sio_str_eq(s.pid, b->pid))
        return SIO_EINVAL;
    buf_init(&data, MESSAGE_MAX_TEXT);
    if (!s.data.p)
        s.data = sio_lit("{}");
    if ((err = classic_put_plain(&data, (sio_val){.kind = SIO_JSON, .s = s.data, .bins = &s.bins})) == 0)
        err = sio_restored_state(b->r, s.sid, s.room, s.nrooms, buf_str(&data));
    buf_fini(&data);
    return err;
}

/* What it has seen elsewhere and we have not read yet would reach it again: that must have passed first. */
static void go_on(comeback *b)
{
    lane *l = lane_of(b->ns);

    if (message_at_compare(l->at, b->offset) < 0)
        list_add_tail(&l->comebacks, &b->link);
    else
        read_on(b);
}

void restore_moved(lane *l)
{
    list_each(it, &l->comebacks) {
        comeback *b = container_of(it, comeback, link);

        if (message_at_compare(l->at, b->offset) >= 0) {
            list_del(&b->link);
            read_on(b);
        }
    }
}

void restore_give_up(lane *l)
{
    while (!list_empty(&l->comebacks)) {
        comeback *b = container_of(l->comebacks.next, comeback, link);

        list_del(&b->link);
        end(b, SIO_EUNAVAILABLE);
    }
}

static void on_session(void *arg, int err, const resp_val *v)
{
    comeback *b = arg;

    if (err < 0 || v->kind == RESP_ERROR)
        end(b, SIO_EUNAVAILABLE);
    else if (v->kind != RESP_BULK)
        end(b, SIO_ENOENT);
    else if ((err = give_state(b, v->s)) < 0)
        end(b, err);
    else
        go_on(b);
}

/* The position is still in the stream: then everything behind it is, too. */
static void on_offset(void *arg, int err, const resp_val *v)
{
    comeback *b = arg;
    streams *s = (streams *)b->ns->talk.base.c;
    char *key;
    sio_str argv;

    if (err < 0 || v->kind != RESP_ARRAY || v->n == 0) {
        end(b, err < 0 ? SIO_EUNAVAILABLE : SIO_ENOENT);
        return;
    }
    key = session_key(&s->talk.base, b->pid);
    argv = sio_str_z(key);
    if (!key || redis_eval(s->talk.base.commands, &s->take, on_session, b, 1, &argv, 1) < 0)
        end(b, SIO_EUNAVAILABLE);
    free(key);
}

void streams_restore(sio_adapter *a, sio_ns *sns, sio_str pid, sio_str offset, sio_restored *r)
{
    streams *s = (streams *)a;
    streams_ns *ns = (streams_ns *)cluster_ns_of(&s->talk.base, sns);
    message_at at;
    comeback *b;

    if (!message_at_parse(offset, &at) || pid.n > MESSAGE_MAX_ID) {
        sio_restored_end(r, SIO_ENOENT);
        return;
    }
    if (!ns || !s->up || !(b = calloc(1, sizeof *b + pid.n))) {
        sio_restored_end(r, SIO_EUNAVAILABLE);
        return;
    }
    *b = (comeback){.ns = ns, .r = r, .offset = at, .at = at, .pid = {memcpy(b->text, pid.p, pid.n), pid.n}};
    list_init(&b->link);
    if (redis_cmd(s->talk.base.commands, on_offset, b, "XRANGE", lane_of(ns)->name, offset, offset) < 0)
        end(b, SIO_EUNAVAILABLE);
}
