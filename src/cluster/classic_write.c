/* Writing what servers with the classic adapter say. */
#include "base/num.h"
#include "cluster/classic_opts.h"
#include "codec/json.h"
#include "codec/msgpack.h"
#include "codec/val.h"

#include <stdlib.h>

/* All or nothing. */
static int whole(buf *out, size_t before, int err)
{
    if (err)
        out->n = before;
    return err;
}

/* ---- msgpack ---- */

static int put_pair(buf *out, const char *key, sio_str text)
{
    int err = msgpack_put_str(out, sio_str_z(key));

    return err ? err : classic_put_str(out, text);
}

static int put_type(buf *out, classic_type type)
{
    int err = msgpack_put_str(out, sio_lit("type"));

    return err ? err : msgpack_put_int(out, type);
}

/* {type:2, data:[..], nsp} */
static int put_packet(buf *out, sio_str nsp, const sio_op *op)
{
    int err = msgpack_put_map(out, 3);

    if (!err && (err = put_type(out, 2)) == 0 && (err = msgpack_put_str(out, sio_lit("data"))) == 0 &&
        (err = msgpack_from_json(op->args, op->bins, out)) == 0)
        err = put_pair(out, "nsp", nsp);
    return err;
}

int classic_put_broadcast(buf *out, sio_str uid, sio_str nsp, const sio_op *op)
{
    size_t before = out->n;
    int err = msgpack_put_array(out, 3);

    if (!err && (err = classic_put_str(out, uid)) == 0 && (err = put_packet(out, nsp, op)) == 0)
        err = classic_put_opts(out, op, 0);
    return whole(out, before, err);
}

int classic_put_ask(buf *out, sio_str uid, sio_str id, sio_str nsp, const sio_op *op, uint32_t timeout_ms)
{
    size_t before = out->n;
    int err = msgpack_put_map(out, 5);

    if (!err && (err = put_pair(out, "uid", uid)) == 0 && (err = put_pair(out, "requestId", id)) == 0 &&
        (err = put_type(out, CLASSIC_ASK)) == 0 && (err = msgpack_put_str(out, sio_lit("packet"))) == 0 &&
        (err = put_packet(out, nsp, op)) == 0 && (err = msgpack_put_str(out, sio_lit("opts"))) == 0)
        err = classic_put_opts(out, op, timeout_ms);
    return whole(out, before, err);
}

static int put_value(buf *out, sio_val v)
{
    sio_str bin[CLASSIC_MAX_BINS];
    sio_bins bins = {bin, 0};
    buf json;
    int err;

    buf_init(&json, CLASSIC_MAX_JSON);
    if ((err = val_to_json(&json, v, bin, CLASSIC_MAX_BINS, &bins.n)) == 0)
        err = msgpack_from_json(buf_str(&json), &bins, out);
    buf_fini(&json);
    return err;
}

int classic_put_answer(buf *out, sio_str id, sio_val answer)
{
    bool said = answer.kind != SIO_UNDEFINED;
    size_t before = out->n;
    int err = msgpack_put_map(out, said ? 3 : 2);

    if (!err && (err = put_type(out, CLASSIC_ANSWER)) == 0)
        err = put_pair(out, "requestId", id);
    if (!err && said && (err = msgpack_put_str(out, sio_lit("packet"))) == 0)
        err = put_value(out, answer);
    return whole(out, before, err);
}

/* ---- JSON ---- */

static int put_text(buf *out, const char *head, sio_str text)
{
    int err = buf_puts(out, head);

    return err ? err : json_quote(out, text);
}

static int put_number(buf *out, const char *head, uint64_t n)
{
    char text[20];
    int err = buf_puts(out, head);

    return err ? err : buf_add(out, text, num_u64(n, text));
}

/* {"uid":..,"type":N,"opts":{..} */
static int put_change_head(buf *out, sio_str uid, classic_type type, const sio_op *op)
{
    int err = put_text(out, "{\"uid\":", uid);

    if (!err && (err = put_number(out, ",\"type\":", type)) == 0 && (err = buf_puts(out, ",\"opts\":")) == 0)
        err = classic_put_selection(out, op);
    return err;
}

static classic_type change_type(const sio_op *op)
{
    if (op->kind == SIO_OP_DISCONNECT)
        return CLASSIC_DISCONNECT;
    return op->kind == SIO_OP_JOIN ? CLASSIC_JOIN : CLASSIC_LEAVE;
}

int classic_put_change(buf *out, sio_str uid, const sio_op *op)
{
    size_t before = out->n;
    int err = put_change_head(out, uid, change_type(op), op);

    if (!err && op->kind == SIO_OP_DISCONNECT)
        err = buf_puts(out, op->close ? ",\"close\":true" : ",\"close\":false");
    else if (!err && (err = buf_puts(out, ",\"rooms\":")) == 0)
        err = classic_put_list(out, op->target, op->ntargets);
    return whole(out, before, err ? err : buf_putc(out, '}'));
}

int classic_put_fetch(buf *out, sio_str uid, sio_str id, const sio_op *op)
{
    size_t before = out->n;
    int err = put_text(out, "{\"uid\":", uid);

    if (!err && (err = put_text(out, ",\"requestId\":", id)) == 0 &&
        (err = put_number(out, ",\"type\":", CLASSIC_FETCH)) == 0 && (err = buf_puts(out, ",\"opts\":")) == 0)
        err = classic_put_selection(out, op);
    return whole(out, before, err ? err : buf_putc(out, '}'));
}

int classic_put_server_emit(buf *out, sio_str uid, sio_str id, sio_str args, const sio_bins *bins)
{
    size_t before = out->n;
    int err = put_text(out, "{\"uid\":", uid);

    if (!err && id.p)
        err = put_text(out, ",\"requestId\":", id);
    if (!err && (err = put_number(out, ",\"type\":", CLASSIC_SERVER_EMIT)) == 0 &&
        (err = buf_puts(out, ",\"data\":")) == 0)
        err = classic_put_plain(out, (sio_val){.kind = SIO_JSON, .s = args, .bins = bins});
    return whole(out, before, err ? err : buf_putc(out, '}'));
}

/* ---- responses ---- */

/* {"requestId":..,"name":<list>} */
static int put_list_head(buf *out, sio_str id, const char *name)
{
    int err = put_text(out, "{\"requestId\":", id);

    return err ? err : buf_printf(out, ",\"%s\":", name);
}

int classic_put_ids(buf *out, sio_str id, const sio_peer *peers, size_t n)
{
    size_t before = out->n;
    int err = put_list_head(out, id, "sockets");

    for (size_t i = 0; i < n && !err; i++)
        err = put_text(out, i ? "," : "[", peers[i].id);
    if (!err && n == 0)
        err = buf_putc(out, '[');
    return whole(out, before, err ? err : buf_puts(out, "]}"));
}

static int by_text(const void *a, const void *b)
{
    const sio_str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int c = n > 0 ? memcmp(x->p, y->p, n) : 0;

    return c ? c : (x->n > y->n) - (x->n < y->n);
}

/* Every room of any of them, once. */
static sio_str *collect_rooms(const sio_peer *peers, size_t n, unsigned *count)
{
    size_t all = 0, kept = 0;
    sio_str *room;

    for (size_t i = 0; i < n; i++)
        all += peers[i].nrooms;
    if (!(room = malloc((all + 1) * sizeof *room)))
        return NULL;
    for (size_t i = 0, at = 0; i < n; i++)
        for (unsigned k = 0; k < peers[i].nrooms; k++)
            room[at++] = peers[i].rooms[k];
    qsort(room, all, sizeof *room, by_text);
    for (size_t i = 0; i < all; i++)
        if (kept == 0 || !sio_str_eq(room[kept - 1], room[i]))
            room[kept++] = room[i];
    *count = (unsigned)kept;
    return room;
}

int classic_put_rooms(buf *out, sio_str id, const sio_peer *peers, size_t n)
{
    size_t before = out->n;
    unsigned count;
    sio_str *room = collect_rooms(peers, n, &count);
    int err = room ? put_list_head(out, id, "rooms") : SIO_ENOMEM;

    if (!err && (err = classic_put_list(out, room, count)) == 0)
        err = buf_putc(out, '}');
    free(room);
    return whole(out, before, err);
}

int classic_put_done(buf *out, sio_str id)
{
    size_t before = out->n;
    int err = put_text(out, "{\"requestId\":", id);

    return whole(out, before, err ? err : buf_putc(out, '}'));
}

int classic_put_sockets(buf *out, sio_str id, const sio_peer *peers, size_t n)
{
    size_t before = out->n;
    int err = put_list_head(out, id, "sockets");

    if (!err)
        err = classic_put_peers(out, peers, n);
    return whole(out, before, err ? err : buf_putc(out, '}'));
}

int classic_put_server_answer(buf *out, sio_str id, sio_val answer)
{
    size_t before = out->n;
    int err = put_text(out, "{\"type\":6,\"requestId\":", id);

    if (!err && answer.kind != SIO_UNDEFINED && (err = buf_puts(out, ",\"data\":")) == 0)
        err = classic_put_plain(out, answer);
    return whole(out, before, err ? err : buf_putc(out, '}'));
}

int classic_put_clients(buf *out, sio_str id, uint64_t clients)
{
    size_t before = out->n;
    int err = put_text(out, "{\"type\":8,\"requestId\":", id);

    if (!err)
        err = put_number(out, ",\"clientCount\":", clients);
    return whole(out, before, err ? err : buf_putc(out, '}'));
}
