/* For tests of the seam to other servers: an adapter that is a piece of memory between two servers on
 * simulated loops. */
#ifndef SIO_ADAPTER_BUS_TEST_H
#define SIO_ADAPTER_BUS_TEST_H

#include "sio/remote_int.h"
#include "sio/rig_test.h"

#define LOG_MAX 32

/* ---- the adapter: what one server publishes is posted to the other one's loop 0 ---- */

typedef struct bus bus;

typedef struct side {
    sio_adapter base;
    bus        *b;
    sio_server *io;
    int         started, stopped, namespaces;
    char        rooms[256];     /* "+room" and "-room" in order */
} side;

typedef struct kept {
    char id[21], pid[21], data[64];
    sio_str room[4];
    char room_text[4][32];
    unsigned n;
} kept;

struct bus {
    side side[2];
    sio_adapter_ops ops;
    bool away;
    char *log[LOG_MAX];         /* delivers: the arguments of events, each at its offset */
    sio_str log_room[LOG_MAX];
    int nlog;
    kept kept;
    int refused;
};

static inline side *other_of(side *s)
{
    return &s->b->side[s == &s->b->side[0]];
}

typedef struct carried {
    loop_task task;
    side     *to;
    char      nsp[32];
    op       *o;                /* owns the texts */
    wire     *w;
    sio_op    shown;
    sio_str   except[SIO_TARGET_ROOMS + 1];
    char      offset[24];
} carried;

static inline sio_str dup_text(sio_str s)
{
    return (sio_str){s.p ? strndup(s.p, s.n) : NULL, s.n};
}

static inline void carried_free(carried *c)
{
    sio_op *o = &c->shown;

    for (unsigned i = 0; i < o->nrooms; i++)
        free((char *)(uintptr_t)o->room[i].p);
    for (unsigned i = 0; i < o->nexcept; i++)
        free((char *)(uintptr_t)o->except[i].p);
    for (unsigned i = 0; i < o->ntargets; i++)
        free((char *)(uintptr_t)o->target[i].p);
    free((void *)(uintptr_t)o->room);
    free((void *)(uintptr_t)o->except);
    free((void *)(uintptr_t)o->target);
    free(c->w);
    free(c);
}

static const sio_str *dup_list(const sio_str *from, unsigned n)
{
    sio_str *to = calloc(n + 1, sizeof *to);

    for (unsigned i = 0; i < n; i++)
        to[i] = dup_text(from[i]);
    return to;
}

static inline carried *carry(side *to, sio_ns *ns, const sio_op *o)
{
    carried *c = calloc(1, sizeof *c);
    sio_val args = {.kind = SIO_JSON, .s = o->args, .bins = o->bins};
    int err;

    c->to = to;
    c->shown = *o;
    c->shown.others = o->others && to->io == sio_ns_server(ns); /* it does not travel */
    snprintf(c->nsp, sizeof c->nsp, "%.*s", (int)sio_ns_name(ns).n, sio_ns_name(ns).p);
    c->shown.room = dup_list(o->room, o->nrooms);
    c->shown.except = dup_list(o->except, o->nexcept);
    c->shown.target = dup_list(o->target, o->ntargets);
    if (o->args.p && (c->w = wire_new(&args, 1, &err))) {
        c->shown.args = (sio_str){c->w->args.p + 1, c->w->args.n - 2}; /* without the list around it */
        c->shown.bins = &c->w->bins;
    }
    return c;
}

static inline void on_carried(loop_task *t)
{
    carried *c = container_of(t, carried, task);
    sio_ns *ns = sio_find_ns(c->to->io, sio_str_z(c->nsp));

    if (ns && sio_deliver(ns, &c->shown) < 0) {
        c->to->b->refused++;
        sio_adapter_refused(c->to->io, "a test");
    }
    carried_free(c);
}

static inline void on_carried_drop(loop_task *t) { carried_free(container_of(t, carried, task)); }

static inline void send_to(side *to, sio_ns *ns, const sio_op *o, const char *offset)
{
    carried *c = carry(to, ns, o);

    if (offset) {
        snprintf(c->offset, sizeof c->offset, "%s", offset);
        c->shown.offset = sio_str_z(c->offset);
    }
    c->task = (loop_task){.fn = on_carried, .drop = on_carried_drop};
    loop_post(to->io->shard[0].loop, &c->task);
}

static inline int bus_start(sio_adapter *a, sio_server *io)
{
    ((side *)a)->io = io;
    ((side *)a)->started++;
    return 0;
}

static inline void bus_stop(sio_adapter *a)
{
    ((side *)a)->stopped++;
}

static inline void bus_free(sio_adapter *a)
{
    (void)a;
}

static inline void bus_ns_open(sio_adapter *a, sio_ns *ns)
{
    (void)ns;
    ((side *)a)->namespaces++;
}

static inline int bus_publish(sio_adapter *a, sio_ns *ns, const sio_op *o)
{
    side *s = (side *)a;
    char offset[24];

    if (s->b->away)
        return SIO_EUNAVAILABLE;
    if (s->b->ops.delivers && o->kind == SIO_OP_EMIT) {
        snprintf(offset, sizeof offset, "%d-0", s->b->nlog);
        s->b->log_room[s->b->nlog] = dup_text(o->nrooms ? o->room[0] : (sio_str){0});
        s->b->log[s->b->nlog++] = strndup(o->args.p, o->args.n);
        send_to(s, ns, o, offset);
        send_to(other_of(s), ns, o, offset);
        return 0;
    }
    if (s->b->ops.delivers)
        send_to(s, ns, o, NULL);
    send_to(other_of(s), ns, o, NULL);
    return 0;
}

typedef struct asked {
    sio_remote *r;
    size_t count, n;
} asked;

static inline void on_asked_count(void *arg, size_t n)
{
    ((asked *)arg)->count = n;
}

static inline void on_asked_answer(void *arg, sio_val answer)
{
    ((asked *)arg)->n++;
    sio_remote_answer(((asked *)arg)->r, answer);
}

static inline void on_asked_end(void *arg)
{
    asked *k = arg;

    sio_remote_end(k->r, k->n < k->count ? SIO_ETIMEOUT : 0);
    free(k);
}

/* The other server's loop 0 is on this thread, too, but a question must be asked inside its turn. */
typedef struct question {
    sio_remote *r;
    carried    *c;
    uint32_t    ms;
    bool        fetches;
} question;

static inline void on_peers_there(void *arg, int err, const sio_peer *peers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sio_peer far = peers[i];

        far.data = NULL;
        sio_remote_peer(arg, &far);
    }
    sio_remote_end(arg, err);
}

static inline void ask_there(void *arg)
{
    static const sio_asked fns = {on_asked_count, on_asked_answer, on_asked_end};
    question *q = arg;
    sio_ns *ns = sio_find_ns(q->c->to->io, sio_str_z(q->c->nsp));

    if (q->fetches) {
        assert_int_equal(sio_deliver_fetch(ns, &q->c->shown, on_peers_there, q->r), 0);
    } else {
        asked *k = calloc(1, sizeof *k);

        k->r = q->r;
        assert_int_equal(sio_deliver_gather(ns, &q->c->shown, q->ms, &fns, k), 0);
    }
    carried_free(q->c);
    free(q);
}

static inline void ask(sio_adapter *a, sio_ns *ns, const sio_op *o, question from)
{
    side *s = (side *)a;
    question *q = malloc(sizeof *q);

    *q = from;
    q->c = carry(other_of(s), ns, o);
    sio_post(q->c->to->io, 0, ask_there, q);
}

static inline void bus_gather(sio_adapter *a, sio_ns *ns, const sio_op *o, uint32_t ms, sio_remote *r)
{
    ask(a, ns, o, (question){.r = r, .ms = ms});
}

static inline void bus_fetch(sio_adapter *a, sio_ns *ns, const sio_op *o, uint32_t ms, sio_remote *r)
{
    ask(a, ns, o, (question){.r = r, .ms = ms, .fetches = true});
}

static inline void on_event_reply(void *arg, sio_val answer)
{
    sio_remote_answer(arg, answer);
    sio_remote_end(arg, 0);
}

static inline void bus_server_emit(sio_adapter *a, sio_ns *ns, sio_str args, const sio_bins *bins,
                                   uint32_t ms, sio_remote *r)
{
    side *to = other_of((side *)a);
    sio_ns *there = sio_find_ns(to->io, sio_ns_name(ns));

    (void)ms;
    if (!sio_deliver_server_event(there, args, bins, r ? on_event_reply : NULL, r) && r)
        sio_remote_end(r, SIO_ETIMEOUT);
}

static inline void bus_server_count(sio_adapter *a, sio_ns *ns, void (*fn)(void *arg, int err, unsigned n),
                                    void *arg)
{
    (void)a, (void)ns;
    fn(arg, 0, 2);
}

static inline void note_room(sio_adapter *a, char sign, sio_str room, bool own)
{
    char *to = ((side *)a)->rooms;
    size_t n = strlen(to);

    if (!own)
        snprintf(to + n, sizeof ((side *)a)->rooms - n, "%c%.*s", sign, (int)room.n, room.p);
}

static inline void bus_room_open(sio_adapter *a, sio_ns *ns, sio_str room, bool own)
{
    (void)ns;
    note_room(a, '+', room, own);
}

static inline void bus_room_close(sio_adapter *a, sio_ns *ns, sio_str room, bool own)
{
    (void)ns;
    note_room(a, '-', room, own);
}

static inline void bus_persist(sio_adapter *a, sio_ns *ns, sio_str pid, sio_str id, const sio_str *rooms,
                               unsigned nrooms,
                        sio_str data, uint32_t keep_ms)
{
    kept *k = &((side *)a)->b->kept;

    (void)ns;
    assert_int_equal(keep_ms, 5000);
    snprintf(k->pid, sizeof k->pid, "%.*s", (int)pid.n, pid.p);
    snprintf(k->id, sizeof k->id, "%.*s", (int)id.n, id.p);
    snprintf(k->data, sizeof k->data, "%.*s", (int)data.n, data.p);
    k->n = nrooms;
    for (unsigned i = 0; i < nrooms; i++) {
        snprintf(k->room_text[i], sizeof k->room_text[i], "%.*s", (int)rooms[i].n, rooms[i].p);
        k->room[i] = sio_str_z(k->room_text[i]);
    }
}

static inline void bus_restore(sio_adapter *a, sio_ns *ns, sio_str pid, sio_str offset, sio_restored *r)
{
    bus *b = ((side *)a)->b;
    int at = atoi(offset.p);

    (void)ns;
    if (!sio_str_eq(pid, sio_str_z(b->kept.pid))) {
        sio_restored_end(r, SIO_ENOENT);
        return;
    }
    assert_int_equal(sio_restored_state(r, sio_str_z(b->kept.id), b->kept.room, b->kept.n,
                                        sio_str_z(b->kept.data)), 0);
    for (int i = at + 1; i < b->nlog; i++) {
        char text[24];
        sio_op o = {.kind = SIO_OP_EMIT, .room = &b->log_room[i], .nrooms = b->log_room[i].p != NULL,
                    .args = sio_str_z(b->log[i])};

        snprintf(text, sizeof text, "%d-0", i);
        o.offset = sio_str_z(text);
        assert_int_equal(sio_restored_missed(r, &o), 0);
    }
    sio_restored_end(r, 0);
}

#endif
