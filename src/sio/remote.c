/* Questions to other servers, on their way to the adapter and back. */
#include "codec/val.h"
#include "sio/remote_int.h"

#include <stdlib.h>

/* ---- arguments ---- */

static wire *wire_copy(const buf *json, const sio_str *bin, unsigned nbins)
{
    size_t size = sizeof(wire) + nbins * sizeof(sio_str) + json->n;
    sio_str *to;
    wire *w;
    char *p;

    for (unsigned i = 0; i < nbins; i++)
        size += bin[i].n;
    if (!(w = malloc(size)))
        return NULL;
    to = (sio_str *)(w + 1);
    p = (char *)(to + nbins);
    memcpy(p, json->p, json->n);
    w->args = (sio_str){p, json->n};
    p += json->n;
    for (unsigned i = 0; i < nbins; i++) {
        if (bin[i].n)
            memcpy(p, bin[i].p, bin[i].n);
        to[i] = (sio_str){p, bin[i].n};
        p += bin[i].n;
    }
    w->bins = (sio_bins){to, nbins};
    return w;
}

wire *wire_new(const sio_val *args, size_t n, int *err)
{
    sio_str bin[SIO_MAX_BINS];
    unsigned nbins = 0;
    wire *w = NULL;
    buf json;

    buf_init(&json, UINT32_MAX / 2);
    if ((*err = val_to_json(&json, sio_list(args, (uint32_t)n), bin, SIO_MAX_BINS, &nbins)) == 0 &&
        !(w = wire_copy(&json, bin, nbins)))
        *err = SIO_ENOMEM;
    buf_fini(&json);
    return w;
}

/* ---- ops as others see them ---- */

void op_show(const op *o, sio_op_kind kind, sio_op *out, sio_str *except)
{
    unsigned n = o->sel.nexcept;

    if (n > 0)
        memcpy(except, o->sel.except, n * sizeof *except);
    if (o->sel.skip)
        except[n++] = (sio_str){o->sel.skip, SIO_ID_LEN};
    *out = (sio_op){.kind = kind, .room = o->sel.room, .nrooms = o->sel.nrooms, .except = except,
                    .nexcept = n,
                    .is_volatile = o->flags & OP_VOLATILE, .uncompressed = o->flags & OP_UNCOMPRESSED,
                    .others = o->flags & OP_OTHERS, .close = o->close};
}

void op_from_shown(const sio_op *o, op_kind kind, op *out)
{
    *out = (op){.kind = kind, .flags = OP_LOCAL, .close = o->close};
    if (o->is_volatile)
        out->flags |= OP_VOLATILE;
    out->sel = (selection){.room = o->room, .nrooms = o->nrooms, .except = o->except, .nexcept = o->nexcept,
                           .all = o->nrooms == 0};
}

/* ---- life ---- */

static void remote_free(sio_remote *r)
{
    for (size_t i = 0; i < r->n; i++)
        answer_free(r->answer[i]);
    free(r->answer);
    harvest_free(r->harvest);
    if (r->who)
        op_free(r->who);
    free(r->what);
    free(r);
}

static void on_done(loop_task *t)
{
    sio_remote *r = container_of(t, sio_remote, task);

    r->done(r);
    remote_free(r);
}

/* On loop 0: the adapter's turn. */
static void ask(sio_remote *r)
{
    sio_adapter *a = r->ns->io->opt.adapter;
    sio_str except[SIO_TARGET_ROOMS + 1];
    sio_op o;

    if (r->kind == REMOTE_EVENT) {
        a->ops->server_emit(a, r->ns, r->what->args, &r->what->bins, r->ms, r->home ? r : NULL);
        return;
    }
    op_show(r->who, SIO_OP_EMIT, &o, except);
    if (r->kind == REMOTE_FETCH) {
        a->ops->fetch(a, r->ns, &o, r->ms, r);
        return;
    }
    o.args = r->what->args;
    o.bins = &r->what->bins;
    a->ops->gather(a, r->ns, &o, r->ms, r);
}

static void on_ask(loop_task *t)
{
    sio_remote *r = container_of(t, sio_remote, task);
    sio_server *io = r->ns->io;
    bool waits = r->home != NULL;

    list_add_tail(&io->remotes, &r->link);
    if (io->opt.adapter)
        ask(r);
    else if (waits)
        sio_remote_end(r, 0);
    if (!waits) {
        list_del(&r->link);
        remote_free(r);
    }
}

static void on_drop(loop_task *t) { remote_free(container_of(t, sio_remote, task)); }

void remote_drop_all(sio_server *io)
{
    while (io->remotes.next && !list_empty(&io->remotes)) {
        sio_remote *r = container_of(io->remotes.next, sio_remote, link);

        list_del(&r->link);
        remote_free(r);
    }
}

/* ---- asking ---- */

static void send_off(sio_remote from)
{
    sio_remote *r = malloc(sizeof *r);

    if (!r)
        abort(); /* a small fixed allocation */
    *r = from;
    r->task = (loop_task){.fn = on_ask, .drop = on_drop};
    loop_post(r->ns->io->shard[0].loop, &r->task);
}

static op *copy_of(const op *o, sio_ns *ns)
{
    op bare = *o, *c;

    bare.parcel = (parcel){0}; /* the arguments travel as JSON */
    if (!(c = op_copy(&bare, &ns->shard[0], false)))
        abort(); /* at most 33 room names */
    return c;
}

void remote_gather(sio_ns *ns, const op *o, wire *what, uint32_t ms, shard *home, void (*done)(sio_remote *r),
                   void *arg)
{
    send_off((sio_remote){.ns = ns, .kind = REMOTE_GATHER, .home = home, .who = copy_of(o, ns), .what = what,
                          .ms = ms,
                          .done = done, .arg = arg});
}

void remote_fetch(sio_ns *ns, const op *o, shard *home, void (*done)(sio_remote *r), void *arg)
{
    send_off((sio_remote){.ns = ns, .kind = REMOTE_FETCH, .home = home, .who = copy_of(o, ns), .done = done,
                          .arg = arg});
}

/* ---- answers, from the adapter ---- */

void sio_remote_answer(sio_remote *r, sio_val answer)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 8;
        sio_val *v = realloc(r->answer, cap * sizeof *v);

        if (!v)
            return;
        r->answer = v;
        r->cap = cap;
    }
    r->answer[r->n++] = answer_copy(answer);
}

void sio_remote_peer(sio_remote *r, const sio_peer *p)
{
    r->harvest = harvest_add(r->harvest, p);
}

void sio_remote_end(sio_remote *r, int err)
{
    list_del(&r->link);
    r->err = err;
    r->task.fn = on_done;
    loop_post(r->home->loop, &r->task);
}

/* ---- events for other servers ---- */

static bool is_reserved_for_servers(sio_val name)
{
    static const char *const word[] = {"connect", "connection", "new_namespace"};
    sio_str text;

    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (sio_text(name, NULL, &text) && sio_str_eq(text, sio_str_z(word[i])))
            return true;
    return false;
}

static int send_event(sio_ns *ns, const sio_val *args, size_t n, sio_remote r)
{
    int err;

    if (n == 0 || is_reserved_for_servers(args[0]) || !ns->shard)
        return SIO_EINVAL;
    if (!(r.what = wire_new(args, n, &err)))
        return err;
    r.ns = ns;
    r.kind = REMOTE_EVENT;
    send_off(r);
    return 0;
}

int sio_server_emit_(sio_ns *ns, const sio_val *args, size_t n)
{
    return send_event(ns, args, n, (sio_remote){0});
}

static void on_called(sio_remote *r)
{
    r->fn(r->arg, r->err, r->answer, r->n);
}

int sio_server_call_(sio_ns *ns, uint32_t ms, sio_gather_fn *fn, void *arg, const sio_val *args, size_t n)
{
    shard *sh = shard_current(ns->io);

    if (!sh)
        return SIO_ESTATE;
    return send_event(ns, args, n,
                      (sio_remote){.home = sh, .ms = ms, .done = on_called, .fn = fn, .arg = arg});
}
