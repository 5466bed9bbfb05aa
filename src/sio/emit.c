/* Sending: targets, and operations that run on every loop concerned. */
#include "sio/sio_int.h"
#include "sio_adapter.h"

#include <stdlib.h>

/* ---- targets ---- */

sio_target sio_target_socket(sio_socket *s)
{
    return (sio_target){.ns = s->ns->ns, .from = s};
}

sio_target sio_target_ns(sio_ns *ns)
{
    return (sio_target){.ns = ns, .flags_ = OP_BROADCAST};
}

sio_target sio_broadcast_(sio_target t)
{
    t.flags_ |= OP_BROADCAST;
    return t;
}

sio_target sio_flag_(sio_target t, unsigned flag)
{
    t.flags_ |= flag;
    return t;
}

sio_target sio_to_(sio_target t, sio_str room)
{
    t.flags_ |= OP_BROADCAST;
    if (t.n_ < SIO_TARGET_ROOMS)
        t.room_[t.n_++] = room;
    else
        t.overflow_ = true;
    return t;
}

sio_target sio_except_(sio_target t, sio_str room)
{
    t.flags_ |= OP_BROADCAST;
    if (t.nexcept_ < SIO_TARGET_ROOMS)
        t.except_[t.nexcept_++] = room;
    else
        t.overflow_ = true;
    return t;
}

bool value_is_reserved_event(sio_val name)
{
    return name.kind == SIO_STRING && sio_packet_is_reserved(name.s);
}

/* The selection borrows from the target; id receives the excluded socket's id. */
int op_from_target(const sio_target *t, op_kind kind, op *out, char id[SIO_ID_LEN])
{
    if (t->overflow_)
        return SIO_ELIMIT;
    *out = (op){.kind = kind, .flags = t->flags_};
    out->sel = (selection){.room = t->room_, .nrooms = t->n_, .except = t->except_, .nexcept = t->nexcept_,
                           .all = t->n_ == 0};
    if (t->from) {
        memcpy(id, t->from->id, SIO_ID_LEN);
        out->sel.skip = id;
    }
    return 0;
}

/* ---- running an op on one shard ---- */

/* Whether an event is not for this client now, and counted as such: volatile ones need a free way, droppable
 * ones are kept from clients that fall behind. */
static bool is_skipped(sio_socket *s, unsigned flags)
{
    const client *c = s->client;
    shard_stats *st = s->ns->shard->stats;

    if (!c || !c->transport)
        return false;
    if ((flags & OP_VOLATILE) && !c->ops->is_writable(c)) {
        stat_add(&st->dropped_volatile, 1);
        return true;
    }
    if ((flags & OP_DROPPABLE) && c->ops->unsent(c) > s->ns->ns->io->opt.max_unsent / 4) {
        stat_add(&st->dropped_slow, 1);
        return true;
    }
    return false;
}

static void emit_one(sio_socket *s, void *ctx)
{
    op *o = ctx;
    const ns_table *t = s->ns->ns->table;

    if ((o->flags & (OP_VOLATILE | OP_DROPPABLE)) && is_skipped(s, o->flags))
        return;
    if (t->on_any_outgoing)
        event_outgoing(s, &o->parcel);
    socket_send(s, &o->parcel);
}

static void join_one(sio_socket *s, void *ctx)
{
    room_join(s, ((op *)ctx)->room);
}

static void leave_one(sio_socket *s, void *ctx)
{
    room_leave(s, ((op *)ctx)->room);
}

typedef struct found {
    sio_socket **s;
    size_t       n, cap;
} found;

static void collect_one(sio_socket *s, void *ctx)
{
    found *f = ctx;

    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 64;
        sio_socket **grown = realloc(f->s, cap * sizeof(*grown));

        if (!grown)
            abort();
        f->s = grown;
        f->cap = cap;
    }
    f->s[f->n++] = socket_hold(s);
}

/* These change the rooms they walk, so the members are noted first. */
static void apply_to_each(op *o, void (*fn)(sio_socket *s, void *ctx), void *ctx)
{
    found f = {0};

    room_each(o->ns, &o->sel, collect_one, &f);
    for (size_t i = 0; i < f.n; i++) {
        if (f.s[i]->state == SOCKET_CONNECTED)
            fn(f.s[i], ctx);
        socket_drop(f.s[i]);
    }
    free(f.s);
}

void op_each_receiver(op *o, void (*fn)(sio_socket *s, void *ctx), void *ctx)
{
    if (o->ns->ns->table->on_any_outgoing)
        apply_to_each(o, fn, ctx); /* what the listener does is not ours to know */
    else
        room_each(o->ns, &o->sel, fn, ctx);
}

static void op_emit_run(op *o)
{
    op_each_receiver(o, emit_one, o);
    if (o->ns->recovery && o->seq)
        recovery_log(o->ns, o);
}

static void disconnect_one(sio_socket *s, void *ctx)
{
    sio_disconnect(s, ((op *)ctx)->close);
}

void op_run(op *o)
{
    switch (o->kind) {
    case OP_EMIT:
        op_emit_run(o);
        break;
    case OP_JOIN:
        apply_to_each(o, join_one, o);
        break;
    case OP_LEAVE:
        apply_to_each(o, leave_one, o);
        break;
    case OP_DISCONNECT:
        apply_to_each(o, disconnect_one, o);
        break;
    case OP_GATHER:
        op_gather_run(o);
        break;
    case OP_FETCH:
        op_fetch_run(o);
        break;
    }
}

/* ---- and on all of them ---- */

/* A posted op is one block: the op, its string table, the bytes of the strings. */
typedef struct copier {
    sio_str *str;
    char    *p;
} copier;

static size_t op_text(const op *o)
{
    size_t n = o->room.n + (o->sel.skip ? SIO_ID_LEN : 0);

    for (unsigned i = 0; i < o->sel.nrooms; i++)
        n += o->sel.room[i].n;
    for (unsigned i = 0; i < o->sel.nexcept; i++)
        n += o->sel.except[i].n;
    return n;
}

static sio_str put(copier *c, sio_str s)
{
    sio_str out = {c->p, s.n};

    if (s.n)
        memcpy(c->p, s.p, s.n);
    c->p += s.n;
    return out;
}

static const sio_str *put_list(copier *c, const sio_str *list, unsigned n)
{
    sio_str *out = c->str;

    for (unsigned i = 0; i < n; i++)
        *c->str++ = put(c, list[i]);
    return out;
}

void op_free(op *o)
{
    parcel_free(&o->parcel);
    free(o);
}

static void on_op(loop_task *t)
{
    op *o = container_of(t, op, task);

    op_run(o);
    op_free(o);
}

static void on_op_drop(loop_task *t) { op_free(container_of(t, op, task)); }

op *op_copy(const op *o, ns_shard *ns, bool share)
{
    unsigned nstr = o->sel.nrooms + o->sel.nexcept;
    op *c = malloc(sizeof *c + nstr * sizeof(sio_str) + op_text(o));
    copier at;

    if (!c)
        return NULL;
    *c = *o;
    c->ns = ns;
    c->task = (loop_task){.fn = on_op, .drop = on_op_drop};
    at.str = (sio_str *)(c + 1);
    at.p = (char *)(at.str + nstr);
    c->sel.room = put_list(&at, o->sel.room, o->sel.nrooms);
    c->sel.except = put_list(&at, o->sel.except, o->sel.nexcept);
    c->room = put(&at, o->room);
    if (o->sel.skip)
        c->sel.skip = put(&at, (sio_str){o->sel.skip, SIO_ID_LEN}).p;
    if (o->parcel.head && (share ? parcel_share : parcel_clone)(&c->parcel, &o->parcel) < 0) {
        free(c);
        return NULL;
    }
    return c;
}

int op_everywhere(sio_ns *ns, op *o)
{
    shard *here = shard_current(ns->io);
    int err = 0;

    for (unsigned i = 0; ns->shard && i < ns->io->nshards; i++) {
        op *c;

        if (here && here->index == i)
            continue;
        if ((c = op_copy(o, &ns->shard[i], false)))
            loop_post(ns->io->shard[i].loop, &c->task);
        else
            err = SIO_ENOMEM;
    }
    if (here && ns->shard) {
        o->ns = &ns->shard[here->index];
        op_run(o);
    }
    parcel_free(&o->parcel);
    return err;
}

/* ---- emitting ---- */

/* Off the loops there is no shard's buffer to encode in. */
static int encode(sio_ns *ns, shard *here, parcel *p, const packet_out *out)
{
    buf own;
    int err;

    if (here)
        return parcel_encode(p, &ns->io->opt, &here->scratch, out);
    buf_init(&own, UINT32_MAX / 2);
    err = parcel_encode(p, &ns->io->opt, &own, out);
    buf_fini(&own);
    return err;
}

/* With recovery by the adapter an event for one socket goes through its log, too. */
static int emit_to_own_room(const sio_target *t, packet_out *out)
{
    sio_str own = {t->from->id, SIO_ID_LEN};
    op o = {.kind = OP_EMIT, .flags = t->flags_, .sel = {.room = &own, .nrooms = 1}};

    return adapter_publish(t->ns, &o, out);
}

static int emit_to_one(const sio_target *t, packet_out *out)
{
    sio_socket *s = t->from;
    uint64_t seq = 0;
    unsigned origin;
    char text[24];
    parcel p;
    int err;

    if (s->state != SOCKET_CONNECTED)
        return SIO_ECLOSED;
    if (t->ns->io->recovers_there && is_for_others(t->ns, t->flags_) && !(t->flags_ & OP_VOLATILE))
        return emit_to_own_room(t, out);
    if (is_skipped(s, t->flags_))
        return 0;
    if (s->ns->recovery && !(t->flags_ & OP_VOLATILE))
        seq = recovery_stamp(t->ns, s->ns->shard, &origin, text, &out->offset);
    if ((err = parcel_encode(&p, &s->ns->ns->io->opt, &s->ns->shard->scratch, out)) < 0)
        return err;
    if (s->ns->ns->table->on_any_outgoing)
        event_outgoing(s, &p);
    socket_send(s, &p);
    if (seq)
        recovery_log_one(s, seq, &p);
    parcel_free(&p);
    return 0;
}

int emit_here(sio_ns *ns, op *o, packet_out *out)
{
    shard *here = shard_current(ns->io);
    bool logged = ns->io->recovers_here && !(o->flags & OP_VOLATILE);
    char text[24];
    int err;

    if (logged)
        o->seq = recovery_stamp(ns, here, &o->origin, text, &out->offset);
    if ((err = encode(ns, here, &o->parcel, out)) == 0)
        err = op_everywhere(ns, o);
    if (logged)
        recovery_unlock(ns, here);
    return err;
}

/* What was done by the adapter, or is not for this server. Local clients do not suffer from a cluster that
 * cannot be reached. */
static bool is_done_elsewhere(const sio_ns *ns, unsigned flags)
{
    return (flags & OP_OTHERS) || (is_for_others(ns, flags) && ns->io->opt.adapter->ops->delivers);
}

static int emit_to_many(const sio_target *t, packet_out *out)
{
    char id[SIO_ID_LEN];
    int err;
    op o;

    if ((err = op_from_target(t, OP_EMIT, &o, id)) < 0)
        return err;
    if (is_for_others(t->ns, o.flags))
        err = adapter_publish(t->ns, &o, out);
    return is_done_elsewhere(t->ns, o.flags) ? err : emit_here(t->ns, &o, out);
}

int sio_emit_(sio_target t, const sio_val *args, size_t n)
{
    packet_out out = {.type = SIO_PACKET_EVENT, .nsp = t.ns->name, .args = args, .n = n,
                      .uncompressed = t.flags_ & OP_UNCOMPRESSED};

    if (n == 0 || value_is_reserved_event(args[0]))
        return SIO_EINVAL;
    if (t.flags_ & OP_BROADCAST)
        return emit_to_many(&t, &out);
    return emit_to_one(&t, &out);
}

/* ---- operations on matching sockets ---- */

static int operate(const sio_target *t, op_kind kind, sio_str room, bool close)
{
    char id[SIO_ID_LEN];
    op o;
    int err = op_from_target(t, kind, &o, id);

    if (err < 0)
        return err;
    o.room = room;
    o.close = close;
    if (is_for_others(t->ns, o.flags))
        err = adapter_publish(t->ns, &o, NULL);
    return is_done_elsewhere(t->ns, o.flags) ? err : op_everywhere(t->ns, &o);
}

int sio_sockets_join_(sio_target t, sio_str room)
{
    return operate(&t, OP_JOIN, room, false);
}

int sio_sockets_leave_(sio_target t, sio_str room)
{
    return operate(&t, OP_LEAVE, room, false);
}

int sio_sockets_disconnect_(sio_target t, bool close_transport)
{
    return operate(&t, OP_DISCONNECT, (sio_str){0}, close_transport);
}
