/* Writing messages of the cluster, members in the order in which the JavaScript adapters write them. */
#include "cluster/cluster_message.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "cluster/classic_opts.h"
#include "codec/json.h"
#include "codec/msgpack.h"

/* Remembers the first error; what follows it is not written. */
typedef struct writer {
    buf *out;
    int  err;
} writer;

static void put(writer *w, const char *z)
{
    if (w->err == 0)
        w->err = buf_puts(w->out, z);
}

static void put_text(writer *w, sio_str s)
{
    if (w->err == 0)
        w->err = json_quote(w->out, s);
}

static void put_count(writer *w, unsigned n)
{
    if (w->err == 0)
        w->err = buf_printf(w->out, "%u", n);
}

static void put_list(writer *w, const sio_str *text, unsigned n)
{
    if (w->err == 0)
        w->err = classic_put_list(w->out, text, n);
}

static void put_flag(writer *w, const char **comma, const char *flag)
{
    put(w, *comma);
    put(w, flag);
    *comma = ",";
}

static void put_flags(writer *w, const cluster_message *m)
{
    const char *comma = "";

    put(w, "{");
    if (m->op.is_volatile)
        put_flag(w, &comma, "\"volatile\":true");
    if (m->op.uncompressed)
        put_flag(w, &comma, "\"compress\":false");
    if (m->single)
        put_flag(w, &comma, "\"expectSingleResponse\":true");
    if (m->timeout_ms > 0) {
        put_flag(w, &comma, "\"timeout\":");
        put_count(w, m->timeout_ms);
    }
    put(w, "}");
}

static void put_opts(writer *w, const cluster_message *m)
{
    put(w, "\"opts\":{\"rooms\":");
    put_list(w, m->op.room, m->op.nrooms);
    put(w, ",\"except\":");
    put_list(w, m->op.except, m->op.nexcept);
    put(w, ",\"flags\":");
    put_flags(w, m);
    put(w, "}");
}

static void put_request(writer *w, const cluster_message *m)
{
    put(w, "\"requestId\":");
    put_text(w, m->request);
}

/* ---- the data of each type ---- */

static void put_packet(writer *w, const cluster_message *m, bool plain)
{
    if (w->err == 0)
        w->err =
            plain ? classic_put_plain(w->out, (sio_val){.kind = SIO_JSON, .s = m->packet, .bins = &m->bins})
                  : buf_add_str(w->out, m->packet);
}

static void put_broadcast(writer *w, const cluster_message *m, bool plain)
{
    put(w, "\"packet\":{\"type\":2,\"data\":");
    put_packet(w, m, plain);
    put(w, "},");
    if (m->request.p) {
        put_request(w, m);
        put(w, ",");
    }
    put_opts(w, m);
}

static void put_moves(writer *w, const cluster_message *m)
{
    put_opts(w, m);
    put(w, ",\"rooms\":");
    put_list(w, m->op.target, m->op.ntargets);
}

static void put_server_emit(writer *w, const cluster_message *m, bool plain)
{
    if (m->request.p) {
        put_request(w, m);
        put(w, ",");
    }
    put(w, "\"packet\":");
    put_packet(w, m, plain);
}

static void put_answer(writer *w, const cluster_message *m, const char *key, bool plain)
{
    put_request(w, m);
    if (!m->packet.p)
        return;
    put(w, key);
    put_packet(w, m, plain);
}

static void put_members(writer *w, const cluster_message *m, bool plain)
{
    switch (m->type) {
    case MESSAGE_BROADCAST:
        put_broadcast(w, m, plain);
        break;
    case MESSAGE_JOIN:
    case MESSAGE_LEAVE:
        put_moves(w, m);
        break;
    case MESSAGE_DISCONNECT:
        put_opts(w, m);
        put(w, m->op.close ? ",\"close\":true" : ",\"close\":false");
        break;
    case MESSAGE_FETCH:
        put_opts(w, m);
        put(w, ",");
        put_request(w, m);
        break;
    case MESSAGE_SERVER_EMIT:
        put_server_emit(w, m, plain);
        break;
    case MESSAGE_CLIENT_COUNT:
        put_request(w, m);
        put(w, ",\"clientCount\":");
        put_count(w, m->clients);
        break;
    case MESSAGE_FETCH_RESPONSE:
        put_answer(w, m, ",\"sockets\":", plain);
        break;
    default:
        put_answer(w, m, ",\"packet\":", plain);
    }
}

static void put_data(writer *w, const cluster_message *m, bool plain)
{
    put(w, "{");
    put_members(w, m, plain);
    put(w, "}");
}

static void put_message(writer *w, const cluster_message *m)
{
    put(w, "{\"type\":");
    put_count(w, m->type);
    put(w, ",\"data\":");
    put_data(w, m, false);
    put(w, ",\"uid\":");
    put_text(w, m->uid);
    put(w, ",\"nsp\":");
    put_text(w, m->nsp);
    put(w, "}");
}

/* ---- whole messages ---- */

static int end_of(buf *out, size_t start, int err)
{
    if (err < 0)
        out->n = start;
    return err;
}

static int to_msgpack(buf *out, const cluster_message *m, void (*json_of)(writer *, const cluster_message *))
{
    writer w = {.err = 0};
    buf json;

    buf_init(&json, MESSAGE_MAX_TEXT);
    w.out = &json;
    json_of(&w, m);
    if (w.err == 0)
        w.err = msgpack_from_json(buf_str(&json), &m->bins, out);
    buf_fini(&json);
    return w.err;
}

int message_encode(buf *out, const cluster_message *m, message_form form)
{
    writer w = {.out = out};
    size_t start = out->n;

    if (form == MESSAGE_PACKED || m->bins.n > 0)
        return end_of(out, start, to_msgpack(out, m, put_message));
    put_message(&w, m);
    return end_of(out, start, w.err);
}

static void put_data_only(writer *w, const cluster_message *m)
{
    put_data(w, m, false);
}

static int put_base64(buf *out, sio_str bytes)
{
    int err = buf_reserve(out, BASE64_LEN(bytes.n));

    if (err == 0)
        out->n += base64_encode(bytes.p, bytes.n, out->p + out->n);
    return err;
}

int message_entry_encode(buf *out, const cluster_message *m, bool plaintext)
{
    writer w = {.out = out};
    size_t start = out->n;
    buf packed;

    if (plaintext || m->bins.n == 0) {
        put_data(&w, m, plaintext);
        return end_of(out, start, w.err);
    }
    buf_init(&packed, MESSAGE_MAX_TEXT);
    w.err = to_msgpack(&packed, m, put_data_only);
    if (w.err == 0)
        w.err = put_base64(out, buf_str(&packed));
    buf_fini(&packed);
    return end_of(out, start, w.err);
}

/* ---- routing ---- */

sio_str message_room(const cluster_message *m, sio_redis_subscriptions mode)
{
    const sio_str everybody = {NULL, 0};
    size_t units = 0;

    if (m->type != MESSAGE_BROADCAST || m->request.p || m->op.nrooms != 1 || mode == SIO_REDIS_STATIC)
        return everybody;
    if (mode == SIO_REDIS_DYNAMIC) {
        const sio_str *room = m->op.room;

        for (const char *p = room->p, *end = p + room->n; p < end;) {
            int used = utf8_char(p, end);

            units += used == 4 ? 2 : 1; /* the length of a JavaScript string */
            p += used > 0 ? used : -used;
        }
        if (units == 20)
            return everybody;
    }
    return m->op.room[0];
}

static uint32_t hash_unit(uint32_t h, uint32_t unit)
{
    return h * 31 + unit;
}

int32_t message_hash(sio_str nsp)
{
    uint32_t h = 0;

    for (const char *p = nsp.p, *end = p + nsp.n; p < end;) {
        int used = utf8_char(p, end);
        const unsigned char *c = (const unsigned char *)p;
        uint32_t cp = 0xfffd;

        if (used == 1)
            cp = c[0];
        else if (used == 2)
            cp = (c[0] & 0x1fu) << 6 | (c[1] & 0x3fu);
        else if (used == 3)
            cp = (c[0] & 0x0fu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
        else if (used == 4)
            cp = (c[0] & 0x07u) << 18 | (c[1] & 0x3fu) << 12 | (c[2] & 0x3fu) << 6 | (c[3] & 0x3fu);
        if (cp > 0xffff) {
            h = hash_unit(h, 0xd7c0 + (cp >> 10));
            cp = 0xdc00 | (cp & 0x3ff);
        }
        h = hash_unit(h, cp);
        p += used > 0 ? used : -used;
    }
    return (int32_t)h;
}
