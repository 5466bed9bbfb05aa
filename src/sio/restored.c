/* Recovery by the adapter's log: a lost client's state is kept where all servers find it, and what it missed
 * is read from there. */
#include "codec/json.h"
#include "sio/recovery_int.h"
#include "sio/remote_int.h"

#include <stdlib.h>

/* What one client may have missed; over it, it starts a new session. */
#define MISSED_MAX_BYTES (16u << 20)

struct sio_restored {
    restore q;                  /* found: id and rooms; its data is NULL */
    sio_str pid, offset;        /* in text */
    char   *data;               /* JSON */
    parcel *packet;             /* what was missed; belongs to loop 0, then to the asker */
    size_t  n, cap, bytes;
    bool    overflow;
    char    text[];
};

/* ---- keeping ---- */

typedef struct keep {
    loop_task task;
    sio_ns   *ns;
    char      pid[SIO_ID_LEN], id[SIO_ID_LEN];
    char     *data;
    unsigned  nrooms;
    sio_str   room[];
} keep;

static void keep_free(keep *k)
{
    free(k->data);
    free(k);
}

static void on_keep(loop_task *t)
{
    keep *k = container_of(t, keep, task);
    const sio_server *io = k->ns->io;

    io->opt.adapter->ops->persist(io->opt.adapter, k->ns, (sio_str){k->pid, SIO_ID_LEN},
                                  (sio_str){k->id, SIO_ID_LEN},
                                  k->room, k->nrooms, sio_str_z(k->data), io->opt.recovery_ms);
    keep_free(k);
}

static void on_keep_drop(loop_task *t) { keep_free(container_of(t, keep, task)); }

void restored_keep(sio_socket *s)
{
    size_t size = sizeof(keep);
    char *p;
    keep *k;

    for (unsigned i = 0; i < s->nrooms; i++)
        size += sizeof(sio_str) + s->rooms[i].room->name_len;
    if (!(k = malloc(size)))
        return; /* the client starts a new session */
    *k = (keep){.task = {.fn = on_keep, .drop = on_keep_drop}, .ns = s->ns->ns, .nrooms = s->nrooms,
                .data = socket_data_shown(s)};
    memcpy(k->pid, socket_pid(s), SIO_ID_LEN);
    memcpy(k->id, s->id, SIO_ID_LEN);
    p = (char *)(k->room + k->nrooms);
    for (unsigned i = 0; i < k->nrooms; i++) {
        const room *r = s->rooms[i].room;

        k->room[i] = (sio_str){memcpy(p, r->name, r->name_len), r->name_len};
        p += r->name_len;
    }
    loop_post(s->ns->ns->io->shard[0].loop, &k->task);
}

/* ---- on loop 0: the adapter's findings ---- */

static saved *saved_new(sio_str id, const sio_str *rooms, unsigned nrooms)
{
    saved *v = calloc(1, sizeof *v);
    size_t n = 0;
    char *p;

    for (unsigned i = 0; i < nrooms; i++)
        n += 1 + rooms[i].n;
    if (!v || !(p = v->rooms = malloc(n + 1))) {
        free(v);
        return NULL;
    }
    memcpy(v->id, id.p, SIO_ID_LEN);
    for (unsigned i = 0; i < nrooms; i++) {
        if (!rooms[i].n || rooms[i].n > SIO_MAX_ROOM)
            continue;
        *p++ = (char)rooms[i].n;
        memcpy(p, rooms[i].p, rooms[i].n);
        p += rooms[i].n;
        v->nrooms++;
    }
    return v;
}

int sio_restored_state(sio_restored *r, sio_str id, const sio_str *rooms, unsigned nrooms, sio_str data)
{
    sio_str text;

    if (r->q.found || id.n != SIO_ID_LEN || nrooms > r->q.ns->io->opt.max_rooms || !json_valid(data, &text))
        return SIO_EINVAL;
    if (!(r->data = strndup(text.p, text.n)) || !(r->q.found = saved_new(id, rooms, nrooms)))
        return SIO_ENOMEM;
    memcpy(r->q.found->pid, r->q.pid, SIO_ID_LEN);
    return 0;
}

static parcel *next_packet(sio_restored *r)
{
    size_t cap = r->cap ? r->cap * 2 : 16;
    parcel *p;

    if (r->n < r->cap)
        return &r->packet[r->n];
    if (!(p = realloc(r->packet, cap * sizeof *p)))
        return NULL;
    r->packet = p;
    r->cap = cap;
    return &p[r->n];
}

int sio_restored_missed(sio_restored *r, const sio_op *emit)
{
    const sio_ns *ns = r->q.ns;
    sio_val args = {.kind = SIO_JSON, .s = json_trim(emit->args), .bins = emit->bins};
    packet_out out = {.type = SIO_PACKET_EVENT, .nsp = ns->name, .args = &args, .n = 1, .whole = true,
                      .offset = emit->offset, .uncompressed = emit->uncompressed};
    parcel *p;
    op o;
    int err;

    if (!r->q.found || !event_is_good(emit->args))
        return SIO_EINVAL;
    op_from_shown(emit, OP_EMIT, &o);
    if (!recovery_is_for(&o, r->q.found))
        return 0;
    r->overflow |= (r->bytes += emit->args.n) > MISSED_MAX_BYTES;
    if (r->overflow || !(p = next_packet(r)))
        return SIO_ELIMIT;
    if ((err = parcel_encode(p, &ns->io->opt, &ns->io->shard[0].scratch, &out)) == 0)
        r->n++;
    return err;
}

/* ---- back on the loop that asked ---- */

static bool adopt(sio_socket *s, const sio_restored *r)
{
    const sio_ns_options *opt = &s->ns->ns->table->opt;

    if (opt->data_load && opt->data_load(s->data, sio_json(sio_str_z(r->data))) < 0)
        return false;
    memcpy(s->id, r->q.found->id, SIO_ID_LEN);
    if (socket_extra_get(s))
        memcpy(s->extra->pid, r->q.found->pid, SIO_ID_LEN);
    s->recovered = true;
    recovery_join_rooms(s, r->q.found);
    return true;
}

static void on_drop(loop_task *t)
{
    sio_restored *r = container_of(t, sio_restored, q.task);

    sio_release(r->q.in);
    recovery_restore_free(&r->q, &r->q.ns->shard[r->q.asker]);
}

static void on_back(loop_task *t)
{
    sio_restored *r = container_of(t, sio_restored, q.task);
    sio_in *in = r->q.in;
    restore *q = &r->q;

    q->in = NULL;
    if (!q->found || r->overflow || !in->socket->connecting || !adopt(in->socket, r)) {
        recovery_restore_free(q, in->socket->ns);
        q = NULL;
    }
    connect_resume(in, q);
    sio_release(in);
}

void sio_restored_end(sio_restored *r, int err)
{
    if (err < 0)
        r->overflow = true;
    r->q.task.fn = on_back;
    loop_post(r->q.ns->io->shard[r->q.asker].loop, &r->q.task);
}

void restored_replay(sio_socket *s, sio_restored *r)
{
    for (size_t i = 0; i < r->n; i++)
        socket_send(s, &r->packet[i]);
}

void restored_free(sio_restored *r)
{
    for (size_t i = 0; i < r->n; i++)
        parcel_free(&r->packet[i]);
    free(r->packet);
    free(r->data);
    free(r);
}

/* ---- asking ---- */

static void on_ask(loop_task *t)
{
    sio_restored *r = container_of(t, sio_restored, q.task);
    sio_adapter *a = r->q.ns->io->opt.adapter;

    a->ops->restore(a, r->q.ns, r->pid, r->offset, r);
}

static sio_restored *restored_new(sio_ns *ns, sio_str pid, sio_str offset)
{
    sio_restored *r = calloc(1, sizeof *r + pid.n + offset.n);

    if (!r)
        return NULL;
    r->q.ns = ns;
    r->q.there = r;
    memcpy(r->q.pid, pid.p, SIO_ID_LEN);
    r->pid = (sio_str){memcpy(r->text, pid.p, pid.n), pid.n};
    r->offset = (sio_str){memcpy(r->text + pid.n, offset.p, offset.n), offset.n};
    return r;
}

bool restored_request(client *c, sio_ns *ns, sio_str auth, const sio_bins *bins, sio_str pid, sio_str offset)
{
    sio_restored *r = restored_new(ns, pid, offset);
    sio_socket *s;

    if (!r)
        return false;
    if (!(s = connect_new(c, ns, auth))) {
        restored_free(r);
        return true;
    }
    r->q.asker = c->shard->index;
    r->q.in = connect_keep(s, auth, bins);
    r->q.task = (loop_task){.fn = on_ask, .drop = on_drop};
    loop_post(ns->io->shard[0].loop, &r->q.task);
    return true;
}

