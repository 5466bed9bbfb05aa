/* Acknowledgements we wait for: of one socket (sio_call) and of many (sio_gather). */
#include "codec/val.h"
#include "sio/remote_int.h"

#include <stdlib.h>

typedef struct gather gather;

/* One answer due from one socket. */
typedef struct ack {
    list          link;
    uint64_t      id;
    sio_socket   *socket;
    loop_timer    timer;
    sio_reply_fn *fn;           /* NULL: it belongs to a gather */
    void         *arg;
    gather       *gather;
    unsigned      origin;       /* the shard of the gather */
} ack;

static void ack_unlink(ack *a)
{
    sio_socket *s = a->socket;

    if (s->acks == &a->link)
        s->acks = a->link.next == &a->link ? NULL : a->link.next;
    list_del(&a->link);
    s->nacks--;
    loop_timer_cancel(s->ns->shard->loop, &a->timer);
}

static void gather_report(const ack *a, const sio_val *answer);

static void ack_fail(ack *a, int err)
{
    sio_in in;

    ack_unlink(a);
    if (a->fn) {
        in_init(&in, a->socket, (sio_str){0}, NULL);
        a->fn(a->arg, err, &in);
        in_fini(&in);
    } else {
        gather_report(a, NULL);
    }
    free(a);
}

static void on_timeout(loop_timer *t)
{
    ack *a = container_of(t, ack, timer);
    sio_socket *s = socket_hold(a->socket);

    ack_fail(a, SIO_ETIMEOUT);
    socket_drop(s);
}

static ack *ack_new(sio_socket *s, uint64_t id)
{
    ack *a;

    if (s->nacks >= s->ns->ns->io->opt.max_acks || !(a = calloc(1, sizeof *a)))
        return NULL;
    a->id = id;
    a->socket = s;
    loop_timer_init(&a->timer, on_timeout);
    if (s->acks) {
        list_add_tail(s->acks, &a->link);
    } else {
        list_init(&a->link);
        s->acks = &a->link;
    }
    s->nacks++;
    return a;
}

void ack_cancel_all(sio_socket *s)
{
    while (s->acks)
        ack_fail(container_of(s->acks, ack, link), SIO_ECLOSED);
}

/* Sends a question. NULL when too many are open, or when the outgoing listener ended the socket. */
static ack *ack_send(sio_socket *s, uint64_t id, parcel *p)
{
    ack *a;

    if (s->ns->ns->table->on_any_outgoing)
        event_outgoing(s, p);
    if (s->state != SOCKET_CONNECTED || !(a = ack_new(s, id)))
        return NULL;
    socket_send(s, p);
    return a;
}

/* ---- one socket ---- */

int sio_call_(sio_target t, uint32_t ms, sio_reply_fn *fn, void *arg, const sio_val *args, size_t n)
{
    sio_socket *s = t.from;
    packet_out out = {.type = SIO_PACKET_EVENT, .nsp = t.ns->name, .has_id = true, .args = args, .n = n,
                      .uncompressed = t.flags_ & OP_UNCOMPRESSED};
    parcel p;
    ack *a;
    int err;

    if (!s || t.n_ || t.nexcept_ || (t.flags_ & OP_BROADCAST))
        return SIO_EINVAL;
    if (n == 0 || value_is_reserved_event(args[0]))
        return SIO_EINVAL;
    if (s->state != SOCKET_CONNECTED)
        return SIO_ECLOSED;
    if (s->nacks >= t.ns->io->opt.max_acks)
        return SIO_ELIMIT;
    out.id = atomic_fetch_add(&t.ns->next_ack, 1);
    if ((err = parcel_encode(&p, &t.ns->io->opt, &s->ns->shard->scratch, &out)) < 0)
        return err;
    if ((a = ack_send(s, out.id, &p))) {
        a->fn = fn;
        a->arg = arg;
        if (ms)
            loop_timer_set(s->ns->shard->loop, &a->timer, ms);
    }
    parcel_free(&p);
    return a ? 0 : SIO_ECLOSED;
}

/* ---- many sockets: answers meet on the shard that asked ---- */

struct gather {
    list           link;        /* in shard.gathers */
    shard         *home;
    loop_timer     timer;
    sio_gather_fn *fn;
    const sio_asked *asked;     /* instead of fn: another server wants each answer as it comes */
    void          *arg;
    unsigned       shards_due;
    size_t         due, n, cap;
    sio_val       *answer;      /* each with text and attachments in one block, see answer_copy */
    size_t         told;        /* asked: answers handed on */
    size_t         refs;        /* reports due: of a shard its count, of an ack how it ended; and the
                                 * other servers' */
    bool           others_due;  /* they keep the time by themselves */
    bool           timed_out, ended;
};

/* What a shard tells the gather's home: how many sockets it asked, or how one of them fared. */
typedef struct report {
    loop_task task;
    gather   *g;
    bool      is_count;
    size_t    count;
    bool      answered;
    sio_val   answer;           /* owned */
} report;

void answer_free(sio_val v)
{
    free((void *)(uintptr_t)v.bins);
}

static void gather_free(gather *g)
{
    list_del(&g->link);
    for (size_t i = 0; i < g->n; i++)
        answer_free(g->answer[i]);
    free(g->answer);
    free(g);
}

/* Gone once it has told its maker and nobody will report to it any more. */
static void gather_settle(gather *g)
{
    if (g->ended && !g->refs)
        gather_free(g);
}

void gather_drop_all(shard *sh)
{
    while (!list_empty(&sh->gathers))
        gather_free(container_of(sh->gathers.next, gather, link));
}

static void gather_end(gather *g)
{
    g->ended = true;
    loop_timer_cancel(g->home->loop, &g->timer);
    if (g->asked)
        g->asked->on_end(g->arg);
    else
        g->fn(g->arg, g->timed_out ? SIO_ETIMEOUT : 0, g->answer, g->n);
}

/* The other server learns first how many were asked. */
static void hand_on(gather *g)
{
    while (g->asked && !g->shards_due && g->told < g->n)
        g->asked->on_answer(g->arg, g->answer[g->told++]);
}

static void gather_check(gather *g)
{
    hand_on(g);
    if (g->asked && g->shards_due)
        return; /* the count comes before the end */
    if (!g->ended && !g->others_due && (g->timed_out || (g->shards_due == 0 && g->n >= g->due)))
        gather_end(g);
}

static void on_gather_timeout(loop_timer *t)
{
    gather *g = container_of(t, gather, timer);

    g->timed_out = true;
    gather_check(g);
    gather_settle(g);
}

static void gather_add(gather *g, sio_val answer)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 8;
        sio_val *v = realloc(g->answer, cap * sizeof *v);

        if (!v) {
            answer_free(answer);
            return;
        }
        g->answer = v;
        g->cap = cap;
    }
    g->answer[g->n++] = answer;
}

/* On the gather's home. */
static void gather_take(gather *g, const report *r)
{
    if (r->is_count) {
        g->due += r->count;
        g->refs += r->count;
        if (--g->shards_due == 0 && g->asked)
            g->asked->on_count(g->arg, g->due);
    } else if (r->answered && !g->ended && !g->timed_out) {
        gather_add(g, r->answer);
    } else if (r->answered) {
        answer_free(r->answer);
    }
    g->refs--;
    gather_check(g);
    gather_settle(g);
}

/* What clients of other servers answered: those servers' count of them is the adapter's business. */
static void on_others(sio_remote *r)
{
    gather *g = r->arg;

    g->others_due = false;
    g->refs--;
    g->timed_out |= r->err < 0;
    for (size_t i = 0; i < r->n; i++)
        gather_add(g, r->answer[i]);
    g->due += r->n;
    r->n = 0;
    gather_check(g);
    gather_settle(g);
}

static void on_report(loop_task *t)
{
    report *r = container_of(t, report, task);

    gather_take(r->g, r);
    free(r);
}

static void on_report_drop(loop_task *t)
{
    report *r = container_of(t, report, task);

    if (r->answered)
        answer_free(r->answer);
    free(r);
}

static void send_report(const shard *from, unsigned home, report what)
{
    report *r;

    if (from->index == home) {
        gather_take(what.g, &what);
        return;
    }
    if (!(r = malloc(sizeof *r)))
        abort(); /* a small fixed allocation */
    *r = what;
    r->task = (loop_task){.fn = on_report, .drop = on_report_drop};
    loop_post(from->io->shard[home].loop, &r->task);
}

/* The value with its text and attachments in one block that starts at its `bins`. */
static sio_val answer_block(sio_val v)
{
    size_t nbins = v.bins ? v.bins->n : 0, size = sizeof(sio_bins) + nbins * sizeof(sio_str) + v.s.n;
    sio_bins *b;
    sio_str *bin;
    char *p;

    for (size_t i = 0; i < nbins; i++)
        size += v.bins->bin[i].n;
    if (!(b = malloc(size)))
        abort();
    bin = (sio_str *)(b + 1);
    p = (char *)(bin + nbins);
    memcpy(p, v.s.p, v.s.n);
    v.s.p = p;
    p += v.s.n;
    for (size_t i = 0; i < nbins; i++) {
        memcpy(p, v.bins->bin[i].p, v.bins->bin[i].n);
        bin[i] = (sio_str){p, v.bins->bin[i].n};
        p += bin[i].n;
    }
    *b = (sio_bins){bin, (unsigned)nbins};
    v.bins = b;
    return v;
}

sio_val answer_copy(sio_val v)
{
    sio_str bin[SIO_MAX_BINS];
    sio_bins bins = {bin, 0};
    sio_val text = {.kind = SIO_JSON, .bins = &bins};
    buf json;

    if (v.kind == SIO_JSON)
        return answer_block(v);
    buf_init(&json, UINT32_MAX / 2);
    if (val_to_json(&json, v, bin, SIO_MAX_BINS, &bins.n) < 0)
        buf_puts(&json, "null");
    text.s = buf_str(&json);
    text = answer_block(text);
    buf_fini(&json);
    return text;
}

static void gather_report(const ack *a, const sio_val *answer)
{
    report r = {.g = a->gather, .answered = answer != NULL};

    if (answer)
        r.answer = answer_copy(*answer);
    send_report(a->socket->ns->shard, a->origin, r);
}

typedef struct ask {
    op     *o;
    size_t  n;
} ask;

static void ask_one(sio_socket *s, void *ctx)
{
    ask *k = ctx;
    ack *a = ack_send(s, k->o->ack, &k->o->parcel);

    if (!a)
        return;
    a->gather = k->o->collect;
    a->origin = k->o->origin;
    loop_timer_set(s->ns->shard->loop, &a->timer, k->o->ms);
    k->n++;
}

void op_gather_run(op *o)
{
    shard *sh = o->ns->shard;
    ask k = {o, 0};

    op_each_receiver(o, ask_one, &k);
    send_report(sh, o->origin, (report){.g = o->collect, .is_count = true, .count = k.n});
}

/* ---- answers ---- */

static ack *ack_find(sio_socket *s, uint64_t id)
{
    list *it = s->acks;

    for (unsigned i = 0; i < s->nacks; i++, it = it->next)
        if (container_of(it, ack, link)->id == id)
            return container_of(it, ack, link);
    return NULL;
}

void ack_receive(sio_socket *s, const sio_packet *p, const sio_bins *bins)
{
    ack *a = p->has_id ? ack_find(s, p->id) : NULL;
    sio_in in;

    if (!a)
        return; /* unknown, repeated or late: ignored */
    ack_unlink(a);
    in_init(&in, s, p->data, bins);
    in_index_packet(&in, p);
    if (a->fn) {
        a->fn(a->arg, 0, &in);
    } else {
        sio_val first = sio_arg(&in, 0);

        gather_report(a, &first);
    }
    in_fini(&in);
    free(a);
}

/* ---- asking many ---- */

static gather *gather_new(shard *sh, uint32_t ms)
{
    gather *g = calloc(1, sizeof *g);

    if (!g)
        abort(); /* a small fixed allocation */
    g->home = sh;
    g->shards_due = sh->io->nshards;
    g->refs = g->shards_due;
    list_add_tail(&sh->gathers, &g->link);
    loop_timer_init(&g->timer, on_gather_timeout);
    loop_timer_set(sh->loop, &g->timer, ms);
    return g;
}

/* Encodes the question with an id of its own. */
static int question(sio_ns *ns, shard *sh, op *o, packet_out *out)
{
    o->ack = atomic_fetch_add(&ns->next_ack, 1);
    out->has_id = true;
    out->id = o->ack;
    return parcel_encode(&o->parcel, &ns->io->opt, &sh->scratch, out);
}

static int ask_all(sio_ns *ns, gather *g, op *o, uint32_t ms)
{
    o->ms = ms;
    o->collect = g;
    o->origin = g->home->index;
    return op_everywhere(ns, o);
}

int gather_for_other(sio_ns *ns, op *o, const packet_out *out, uint32_t ms, const sio_asked *fns, void *arg)
{
    shard *sh = shard_current(ns->io);
    packet_out with_id = *out;
    gather *g;
    int err;

    if (!sh)
        return SIO_ESTATE;
    if ((err = question(ns, sh, o, &with_id)) < 0)
        return err;
    g = gather_new(sh, ms ? ms : 1);
    g->asked = fns;
    g->arg = arg;
    return ask_all(ns, g, o, ms ? ms : 1);
}

static void ask_others(sio_ns *ns, gather *g, const op *o, wire *what, uint32_t ms)
{
    g->others_due = true;
    g->refs++;
    remote_gather(ns, o, what, ms, g->home, on_others, g);
}

int sio_gather_(sio_target t, uint32_t ms, sio_gather_fn *fn, void *arg, const sio_val *args, size_t n)
{
    packet_out out = {.type = SIO_PACKET_EVENT, .nsp = t.ns->name, .args = args, .n = n,
                      .uncompressed = t.flags_ & OP_UNCOMPRESSED};
    shard *sh = shard_current(t.ns->io);
    char id[SIO_ID_LEN];
    wire *what = NULL;
    gather *g;
    op o;
    int err;

    if (!sh)
        return SIO_ESTATE;
    if (n == 0 || value_is_reserved_event(args[0]))
        return SIO_EINVAL;
    if ((err = op_from_target(&t, OP_GATHER, &o, id)) < 0 || (err = question(t.ns, sh, &o, &out)) < 0)
        return err;
    if (is_for_others(t.ns, t.flags_) && !(what = wire_new(args, n, &err))) {
        parcel_free(&o.parcel);
        return err;
    }
    g = gather_new(sh, ms ? ms : 1);
    g->fn = fn;
    g->arg = arg;
    if (what)
        ask_others(t.ns, g, &o, what, ms ? ms : 1);
    return ask_all(t.ns, g, &o, ms ? ms : 1);
}
