/* What other servers want of this one's sockets, brought by the adapter. */
#include "codec/json.h"
#include "sio/remote_int.h"

#include <stdlib.h>

/* ---- events ---- */

bool event_is_good(sio_str args)
{
    sio_str text, name;
    size_t at = 0;
    sio_val v;

    if (!json_valid(args, &text) || json_kind_of(text) != JSON_ARRAY || !json_next(text, &at, NULL, &name))
        return false;
    v = sio_json(name);
    if (json_kind_of(name) == JSON_NUMBER)
        return true;
    return json_kind_of(name) == JSON_STRING && (!sio_text(v, NULL, &name) || !sio_packet_is_reserved(name));
}

static int deliver_emit(sio_ns *ns, const sio_op *o)
{
    sio_val args = {.kind = SIO_JSON, .s = json_trim(o->args), .bins = o->bins};
    packet_out out = {.type = SIO_PACKET_EVENT, .nsp = ns->name, .args = &args, .n = 1, .whole = true,
                      .uncompressed = o->uncompressed};
    sio_broadcast_fn *taker = ns->table->on_broadcast;
    op i;

    if (o->others)
        return 0;
    if (ns->io->recovers_there)
        out.offset = o->offset;
    if (!event_is_good(o->args))
        return SIO_EINVAL;
    if (taker && taker(ns, o->room, o->nrooms, args))
        return 0;
    op_from_shown(o, OP_EMIT, &i);
    return emit_here(ns, &i, &out);
}

/* ---- the rest ---- */

static int deliver_move(sio_ns *ns, const sio_op *o, op_kind kind)
{
    int err = 0;

    for (unsigned k = 0; k < o->ntargets && err == 0; k++) {
        op i;

        op_from_shown(o, kind, &i);
        i.room = o->target[k];
        err = op_everywhere(ns, &i);
    }
    return err;
}

static int deliver_disconnect(sio_ns *ns, const sio_op *o)
{
    op i;

    op_from_shown(o, OP_DISCONNECT, &i);
    return op_everywhere(ns, &i);
}

int sio_deliver(sio_ns *ns, const sio_op *o)
{
    switch (o->kind) {
    case SIO_OP_EMIT:
        return deliver_emit(ns, o);
    case SIO_OP_JOIN:
        return deliver_move(ns, o, OP_JOIN);
    case SIO_OP_LEAVE:
        return deliver_move(ns, o, OP_LEAVE);
    case SIO_OP_DISCONNECT:
        return deliver_disconnect(ns, o);
    }
    return SIO_EINVAL;
}

int sio_deliver_gather(sio_ns *ns, const sio_op *o, uint32_t ms, const sio_asked *fns, void *arg)
{
    sio_val args = {.kind = SIO_JSON, .s = json_trim(o->args), .bins = o->bins};
    packet_out out = {.type = SIO_PACKET_EVENT, .nsp = ns->name, .args = &args, .n = 1, .whole = true,
                      .uncompressed = o->uncompressed};
    op i;

    if (!event_is_good(o->args))
        return SIO_EINVAL;
    op_from_shown(o, OP_GATHER, &i);
    return gather_for_other(ns, &i, &out, ms, fns, arg);
}

int sio_deliver_fetch(sio_ns *ns, const sio_op *o, sio_fetch_fn *fn, void *arg)
{
    op i;

    op_from_shown(o, OP_FETCH, &i);
    i.flags |= OP_SHOWN;
    return fetch_start(ns, &i, fn, arg);
}

/* ---- events for the server itself ---- */

static bool server_event(sio_ns *ns, sio_in *in)
{
    const handler *h = NULL;
    size_t at = 0;
    sio_str name;

    in->skip = 1;
    in->wants_ack = in->reply != NULL;
    in_index(in);
    if (json_next(in->args.s, &at, NULL, &name) && in_name(in, name) &&
        (h = map_get(&ns->table->server_events, in->event)))
        h->server_fn(ns, in);
    in_fini(in);
    return h != NULL;
}

bool sio_deliver_server_event(sio_ns *ns, sio_str args, const sio_bins *bins,
                              void (*reply)(void *arg, sio_val answer),
                              void *arg)
{
    sio_in in;

    if (!event_is_good(args))
        return false;
    in_init_for(&in, ns->io, json_trim(args), bins);
    in.reply = reply;
    in.reply_arg = arg;
    return server_event(ns, &in);
}

bool sio_deliver_server_call(sio_ns *ns, sio_str args, const sio_bins *bins, const sio_asked *fns, void *arg)
{
    sio_in in;

    if (!event_is_good(args)) {
        fns->on_end(arg);
        return false;
    }
    in_init_for(&in, ns->io, json_trim(args), bins);
    in.reply = fns->on_answer;
    in.reply_end = fns->on_end;
    in.reply_arg = arg;
    return server_event(ns, &in);
}
