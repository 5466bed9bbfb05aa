/* Rooms, except and flags as the adapters' messages write them; sockets; JSON without attachments. */
#include "cluster/classic_opts.h"
#include "base/num.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "codec/msgpack.h"
#include "codec/placeholder.h"
#include "codec/val.h"

#include <stdlib.h>

/* ---- reading ---- */

void classic_members(sio_str object, const sio_str *name, sio_str *v, unsigned n)
{
    sio_str key, item;
    size_t at = 0;

    memset(v, 0, n * sizeof *v);
    if (json_kind_of(object) != JSON_OBJECT)
        return;
    while (json_next(object, &at, &key, &item))
        for (unsigned i = 0; i < n; i++)
            if (json_equals(key, name[i])) /* the last one counts */
                v[i] = json_kind_of(item) == JSON_NULL ? (sio_str){0} : item;
}

bool classic_read_text(arena *a, sio_str raw, sio_str *out)
{
    char *p;

    if (json_kind_of(raw) != JSON_STRING) {
        *out = raw;
        return true;
    }
    if (json_plain(raw, out))
        return true;
    if (!(p = arena_alloc(a, raw.n)))
        return false;
    *out = (sio_str){p, json_unescape(raw, p)};
    return true;
}

int classic_read_list(arena *a, sio_str list, const sio_str **out, unsigned *n)
{
    size_t items = json_len(list), at = 0;
    sio_str item, *room;
    unsigned i = 0;

    if (json_kind_of(list) != JSON_ARRAY)
        return SIO_EPARSE;
    if (items > CLASSIC_MAX_ROOMS)
        return SIO_ELIMIT;
    if (!(room = arena_alloc(a, items * sizeof *room)))
        return SIO_ENOMEM;
    while (i < items && json_next(list, &at, NULL, &item))
        if (!classic_read_text(a, item, &room[i++]))
            return SIO_ENOMEM;
    *out = room;
    *n = i;
    return 0;
}

/* As `new Set(undefined)`: nothing there is an empty list. */
static int read_member_list(arena *a, sio_str list, const sio_str **out, unsigned *n)
{
    *out = NULL;
    *n = 0;
    return list.p ? classic_read_list(a, list, out, n) : 0;
}

static json_kind kind_of_member(sio_str object, const char *key)
{
    sio_str v;

    return json_get(object, sio_s(key), &v) ? json_kind_of(v) : JSON_NULL;
}

static void read_flags(sio_str flags, sio_op *op, uint32_t *timeout_ms)
{
    sio_str ms;
    double v;

    op->is_volatile = kind_of_member(flags, "volatile") == JSON_TRUE;
    op->uncompressed = kind_of_member(flags, "compress") == JSON_FALSE;
    if (!timeout_ms || !json_get(flags, sio_lit("timeout"), &ms) || json_kind_of(ms) != JSON_NUMBER)
        return;
    v = json_double(ms);
    *timeout_ms = v >= 1 && v <= INT32_MAX ? (uint32_t)v : 0;
}

int classic_read_opts(arena *a, sio_str opts, sio_op *op, uint32_t *timeout_ms)
{
    static const sio_str name[] = {SIO_STR("rooms"), SIO_STR("except"), SIO_STR("flags")};
    sio_str v[3];
    int err;

    if (timeout_ms)
        *timeout_ms = 0;
    if (json_kind_of(opts) != JSON_OBJECT)
        return SIO_EPARSE;
    classic_members(opts, name, v, 3);
    if ((err = read_member_list(a, v[0], &op->room, &op->nrooms)) < 0 ||
        (err = read_member_list(a, v[1], &op->except, &op->nexcept)) < 0)
        return err;
    if (v[2].p && json_len(v[2]) > 0)
        read_flags(v[2], op, timeout_ms);
    return 0;
}

/* ---- writing ---- */

int classic_put_list(buf *out, const sio_str *room, unsigned n)
{
    int err = buf_putc(out, '[');

    for (unsigned i = 0; i < n && !err; i++)
        if ((err = i ? buf_putc(out, ',') : 0) == 0)
            err = json_quote(out, room[i]);
    return err ? err : buf_putc(out, ']');
}

int classic_put_str(buf *out, sio_str text)
{
    char *clean;
    int err;

    if (utf8_valid(text.p, text.n))
        return msgpack_put_str(out, text);
    if (!(clean = malloc(text.n * 3)))
        return SIO_ENOMEM;
    err = msgpack_put_str(out, (sio_str){clean, utf8_sanitize(text.p, text.n, clean)});
    free(clean);
    return err;
}

static int put_names(buf *out, const char *key, const sio_str *room, unsigned n)
{
    int err = msgpack_put_str(out, sio_s(key));

    if (!err)
        err = msgpack_put_array(out, n);
    for (unsigned i = 0; i < n && !err; i++)
        err = classic_put_str(out, room[i]);
    return err;
}

int classic_put_selection(buf *out, const sio_op *op)
{
    int err = buf_puts(out, "{\"rooms\":");

    if (!err && (err = classic_put_list(out, op->room, op->nrooms)) == 0 &&
        (err = buf_puts(out, ",\"except\":")) == 0)
        err = classic_put_list(out, op->except, op->nexcept);
    return err ? err : buf_putc(out, '}');
}

static int put_flags(buf *out, const sio_op *op, uint32_t timeout_ms)
{
    sio_val yes = op->is_volatile ? sio_true : sio_undefined,
            no = op->uncompressed ? sio_false : sio_undefined;
    sio_val timeout = timeout_ms ? sio_v(timeout_ms) : sio_undefined;
    unsigned nbins = 0;
    buf json;
    int err;

    buf_init(&json, 256);
    err = val_to_json(&json, sio_obj("volatile", yes, "compress", no, "timeout", timeout), NULL, 0, &nbins);
    if (!err)
        err = msgpack_from_json(buf_str(&json), NULL, out);
    buf_fini(&json);
    return err;
}

int classic_put_opts(buf *out, const sio_op *op, uint32_t timeout_ms)
{
    int err = msgpack_put_map(out, 3);

    if (!err && (err = put_names(out, "rooms", op->room, op->nrooms)) == 0 &&
        (err = put_names(out, "except", op->except, op->nexcept)) == 0 &&
        (err = msgpack_put_str(out, sio_lit("flags"))) == 0)
        err = put_flags(out, op, timeout_ms);
    return err;
}

/* ---- bytes in JSON ---- */

static int put_bytes(buf *out, sio_str bytes)
{
    char text[24];
    int err = buf_puts(out, "{\"type\":\"Buffer\",\"data\":[");

    for (size_t i = 0; i < bytes.n && !err; i++) {
        size_t n = 0;

        if (i)
            text[n++] = ',';
        n += num_u64((uint8_t)bytes.p[i], text + n);
        err = buf_add(out, text, n);
    }
    return err ? err : buf_puts(out, "]}");
}

static int put_plain(buf *out, sio_str json, const sio_bins *bins);

static int put_plain_items(buf *out, sio_str json, const sio_bins *bins)
{
    bool object = json_kind_of(json) == JSON_OBJECT, first = true;
    int err = buf_putc(out, object ? '{' : '[');
    sio_str key, item;
    size_t at = 0;

    while (!err && json_next(json, &at, &key, &item)) {
        if (!first)
            err = buf_putc(out, ',');
        if (!err && object && (err = buf_add_str(out, key)) == 0)
            err = buf_putc(out, ':');
        if (!err)
            err = put_plain(out, item, bins);
        first = false;
    }
    return err ? err : buf_putc(out, object ? '}' : ']');
}

static int put_plain(buf *out, sio_str json, const sio_bins *bins)
{
    unsigned i;

    if (json_kind_of(json) != JSON_ARRAY && json_kind_of(json) != JSON_OBJECT)
        return buf_add_str(out, json);
    if (placeholder_of(json, bins->n, &i) == PLACEHOLDER_INDEX)
        return put_bytes(out, bins->bin[i]);
    return put_plain_items(out, json, bins);
}

int classic_put_plain(buf *out, sio_val v)
{
    sio_str bin[CLASSIC_MAX_BINS];
    sio_bins bins = {bin, 0};
    size_t before = out->n;
    buf json;
    int err;

    buf_init(&json, CLASSIC_MAX_JSON);
    if ((err = val_to_json(&json, v, bin, CLASSIC_MAX_BINS, &bins.n)) == 0)
        err = bins.n ? put_plain(out, buf_str(&json), &bins) : buf_add_str(out, buf_str(&json));
    if (err)
        out->n = before;
    buf_fini(&json);
    return err;
}

/* ---- sockets ---- */

static int put_member(buf *out, const char *head, sio_val v)
{
    int err = buf_puts(out, head);

    if (err)
        return err;
    if (v.kind == SIO_UNDEFINED || v.kind == SIO_NULL)
        return buf_puts(out, "{}"); /* Node reads members of both without asking what they are */
    return classic_put_plain(out, v);
}

static int put_peer(buf *out, const sio_peer *p)
{
    int err = buf_puts(out, "{\"id\":");

    if (!err && (err = json_quote(out, p->id)) == 0 &&
        (err = put_member(out, ",\"handshake\":", p->handshake)) == 0 &&
        (err = buf_puts(out, ",\"rooms\":")) == 0 && (err = classic_put_list(out, p->rooms, p->nrooms)) == 0)
        err = put_member(out, ",\"data\":", p->shown);
    return err ? err : buf_putc(out, '}');
}

int classic_put_peers(buf *out, const sio_peer *peers, size_t n)
{
    int err = buf_putc(out, '[');

    for (size_t i = 0; i < n && !err; i++)
        if ((err = i ? buf_putc(out, ',') : 0) == 0)
            err = put_peer(out, &peers[i]);
    return err ? err : buf_putc(out, ']');
}
