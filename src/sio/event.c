/* Incoming events: arguments, handlers, kept copies, acks. */
#include "codec/json.h"
#include "sio/sio_int.h"

#include <stdalign.h>
#include <stdlib.h>

#define IN_MEM 1024 /* bytes for what a handler allocates with sio_alloc, before malloc is asked */

/* ---- life of a sio_in ---- */

void in_init_for(sio_in *in, const sio_server *io, sio_str json, const sio_bins *bins)
{
    memset(in, 0, offsetof(sio_in, arg)); /* of arg only argc are ever looked at */
    if (bins)
        in->bins = *bins;
    in->args = (sio_val){.kind = SIO_JSON, .s = json, .bins = bins ? &in->bins : NULL};
    arena_init(&in->arena, io->opt.max_payload * 4 + 65536);
}

void in_init(sio_in *in, sio_socket *s, sio_str json, const sio_bins *bins)
{
    in_init_for(in, s->ns->ns->io, json, bins);
    in->socket = s;
}

/* Notes where the first arguments are; the others are looked for when asked. */
void in_index(sio_in *in)
{
    sio_str item;
    size_t at = 0;
    unsigned i = 0;

    in->argc = 0;
    if (!in->args.s.n)
        return;
    while (json_next(in->args.s, &at, NULL, &item)) {
        if (i++ < in->skip)
            continue;
        if (in->argc < SIO_INLINE_ARGS)
            in->arg[in->argc] = item;
        in->argc++;
    }
}

/* The same for what the parser has found already. */
static void in_take(sio_in *in, const json_items *items)
{
    unsigned noted = items->n < JSON_ITEMS ? items->n : JSON_ITEMS;

    in->argc = items->n > in->skip ? items->n - in->skip : 0;
    for (unsigned i = in->skip; i < noted && i < in->skip + SIO_INLINE_ARGS; i++)
        in->arg[i - in->skip] = items->item[i];
}

void in_index_packet(sio_in *in, const sio_packet *p)
{
    if (p->items.n)
        in_take(in, &p->items);
    else
        in_index(in);
}

void in_fini(sio_in *in)
{
    if (in->reply_end && !in->acked)
        in->reply_end(in->reply_arg); /* let go of without an answer */
    arena_fini(&in->arena);
}

/* ---- keeping ---- */

static sio_str copy_text(arena *a, sio_str s, bool *ok)
{
    char *p = s.p ? arena_dup(a, s.p, s.n) : NULL;

    if (s.p && !p)
        *ok = false;
    return (sio_str){p, s.n};
}

static bool copy_bins(sio_in *to, const sio_in *from)
{
    sio_str *bin;
    bool ok = true;

    to->bins = (sio_bins){0};
    to->args.bins = NULL;
    if (!from->args.bins)
        return true;
    if (!(bin = arena_alloc(&to->arena, sizeof *bin * (from->bins.n + 1))))
        return false;
    for (unsigned i = 0; i < from->bins.n; i++)
        bin[i] = copy_text(&to->arena, from->bins.bin[i], &ok);
    to->bins = (sio_bins){bin, from->bins.n};
    to->args.bins = &to->bins;
    return ok;
}

/* A kept event that the client still waits for. */
static bool is_owed(const sio_in *in)
{
    return in->kept && in->wants_ack && !in->acked;
}

/* The ack slot moves with the copy. */
static void move_slot(sio_in *in, sio_in *to)
{
    to->socket->owed -= is_owed(in);
    to->socket->owed += is_owed(to);
    socket_hold(to->socket);
}

sio_in *sio_keep(sio_in *in)
{
    sio_in *k = malloc(sizeof *k);
    size_t max = in->arena.max + in->args.s.n;
    bool ok = true;

    if (!k)
        return NULL;
    for (unsigned i = 0; in->args.bins && i < in->bins.n; i++)
        max += in->bins.bin[i].n + 64;
    *k = *in;
    k->kept = true;
    arena_init(&k->arena, max);
    k->args.s = copy_text(&k->arena, in->args.s, &ok);
    k->event = copy_text(&k->arena, in->event, &ok);
    if (!copy_bins(k, in) || !ok) {
        arena_fini(&k->arena);
        free(k);
        return NULL;
    }
    if (!k->single)
        in_index(k);
    if (k->socket)
        move_slot(in, k);
    in->acked = true;
    return k;
}

void sio_release(sio_in *in)
{
    sio_socket *s = in->socket;

    if (s)
        s->owed -= is_owed(in);
    in_fini(in);
    free(in);
    if (s)
        socket_drop(s);
}

sio_socket *sio_in_socket(const sio_in *in)
{
    return in->socket;
}

/* ---- dispatch ---- */

/* Names are strings or numbers; a number's handler is registered under its text. */
bool in_name(sio_in *in, sio_str raw)
{
    if (json_kind_of(raw) != JSON_STRING) {
        in->event = raw;
        return true;
    }
    return sio_str_of(in, (sio_val){.kind = SIO_JSON, .s = raw}, &in->event);
}

static bool passes_middleware(sio_socket *s, sio_in *in)
{
    const ns_table *t = s->ns->ns->table;
    int err = t->on_packet ? t->on_packet(s, in) : 0;

    if (err < 0 && t->on_error)
        t->on_error(s, err, sio_strerror(err));
    return err == 0;
}

static void run_handlers(sio_socket *s, sio_in *in)
{
    const ns_table *t = s->ns->ns->table;
    sio_event_fn *fn;

    if (!passes_middleware(s, in) || s->state != SOCKET_CONNECTED)
        return;
    if (t->on_any)
        t->on_any(s, in);
    fn = s->state == SOCKET_CONNECTED ? ns_handler(s->ns->ns, in->event) : NULL;
    if (fn)
        fn(s, in);
}

/* False when there is none: an EVENT without data is legal and reaches nobody. */
static bool find_name(const sio_packet *p, sio_str *name)
{
    size_t at = 0;

    if (!p->items.n)
        return p->data.n && json_next(p->data, &at, NULL, name);
    *name = p->items.item[0];
    return true;
}

void event_dispatch(sio_socket *s, const sio_packet *p, const sio_bins *bins)
{
    alignas(16) char mem[IN_MEM];
    sio_in in;
    sio_str name;

    if (!find_name(p, &name))
        return;
    stat_add(&s->ns->shard->stats->events_in, 1);
    in_init(&in, s, p->data, bins);
    arena_lend(&in.arena, mem, sizeof mem);
    in.skip = 1;
    in.wants_ack = p->has_id;
    in.ack_id = p->id;
    in_index_packet(&in, p);
    if (in_name(&in, name))
        run_handlers(s, &in);
    in_fini(&in);
}

void event_outgoing(sio_socket *s, const parcel *p)
{
    sio_str bin[SIO_MAX_BINS], name;
    sio_bins bins = {bin, p->nbins};
    size_t at = 0;
    sio_in in;

    if (!p->json.n || !json_next(p->json, &at, NULL, &name))
        return;
    for (unsigned i = 0; i < p->nbins; i++)
        bin[i] = eio_message_payload(p->bin[i]);
    in_init(&in, s, p->json, &bins);
    in.skip = 1;
    in_index(&in);
    if (in_name(&in, name))
        s->ns->ns->table->on_any_outgoing(s, &in);
    in_fini(&in);
}

/* ---- reading ---- */

sio_str sio_event_name(const sio_in *in)
{
    return in->event;
}

size_t sio_argc(const sio_in *in)
{
    return in->single ? 1 : in->argc;
}

sio_val sio_arg(const sio_in *in, size_t i)
{
    if (in->single)
        return i == 0 ? in->args : sio_undefined;
    if (i >= in->argc)
        return sio_undefined;
    if (i >= SIO_INLINE_ARGS)
        return sio_at(in->args, i + in->skip);
    return (sio_val){.kind = SIO_JSON, .s = in->arg[i], .bins = in->args.bins};
}

/* What stands between the name's comma and the closing bracket, as an array of its own. */
static sio_val slice_args(const sio_in *in)
{
    const char *from = in->arg[0].p, *end = in->args.s.p + in->args.s.n;
    size_t n = (size_t)(end - from);
    char *p = sio_alloc((sio_in *)(uintptr_t)in, n + 1);

    if (!p)
        return sio_undefined;
    p[0] = '[';
    memcpy(p + 1, from, n);
    return (sio_val){.kind = SIO_JSON, .s = {p, n + 1}, .bins = in->args.bins};
}

sio_val sio_args(const sio_in *in)
{
    if (in->argc == 0)
        return sio_list(NULL, 0);
    return in->skip == 0 ? in->args : slice_args(in);
}

bool sio_wants_ack(const sio_in *in)
{
    return in->wants_ack;
}

void *sio_alloc(sio_in *in, size_t n)
{
    return arena_alloc(&in->arena, n);
}

bool sio_str_of(sio_in *in, sio_val v, sio_str *out)
{
    char *scratch;

    if (sio_text(v, NULL, out))
        return true;
    if (sio_kind_of(v) != SIO_STRING || !(scratch = sio_alloc(in, sio_text_max(v) + 1)))
        return false;
    return sio_text(v, scratch, out);
}

/* ---- acks ---- */

/* To another server: its one value. */
static int reply(sio_in *in, const sio_val *args, size_t n)
{
    if (!in->wants_ack || in->acked)
        return 0;
    in->acked = true;
    in->reply(in->reply_arg, n ? args[0] : sio_undefined);
    if (in->reply_end)
        in->reply_end(in->reply_arg);
    return 0;
}

int sio_ack_(sio_in *in, const sio_val *args, size_t n)
{
    packet_out out = {.type = SIO_PACKET_ACK, .has_id = true, .id = in->ack_id, .args = args, .n = n};

    if (!in->socket)
        return reply(in, args, n);
    if (!in->wants_ack || in->acked || in->socket->state != SOCKET_CONNECTED)
        return 0;
    out.nsp = in->socket->ns->ns->name;
    in->socket->owed -= is_owed(in);
    in->acked = true;
    return send_packet(in->socket->client, &out);
}
