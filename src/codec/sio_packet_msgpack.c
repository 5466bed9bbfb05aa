/* Packets of socket.io-msgpack-parser: one map a packet, binary inline. */
#include "codec/sio_packet.h"

#include "base/utf8.h"
#include "codec/msgpack.h"
#include "codec/msgpack_int.h"
#include "sio_err.h"

/* The members that matter, as far as they came; of several the last one counts. */
typedef struct packet_members {
    msgpack_value type, nsp, id, data;
    bool          has_type, has_nsp, has_id, has_data;
    sio_str       data_bytes; /* the whole value */
} packet_members;

static void packet_take_member(packet_members *m, sio_str key, const msgpack_value *v, sio_str bytes)
{
    if (sio_str_eq(key, sio_lit("type"))) {
        m->type = *v;
        m->has_type = true;
    } else if (sio_str_eq(key, sio_lit("nsp"))) {
        m->nsp = *v;
        m->has_nsp = true;
    } else if (sio_str_eq(key, sio_lit("id"))) {
        m->id = *v;
        m->has_id = !msgpack_is_undefined(v);
    } else if (sio_str_eq(key, sio_lit("data"))) {
        m->data = *v;
        m->data_bytes = bytes;
        m->has_data = !msgpack_is_undefined(v);
    }
}

static int packet_read_members(sio_str bytes, packet_members *m)
{
    msgpack_value map, key, v;
    long used = msgpack_read(bytes.p, bytes.n, &map);
    size_t at = used > 0 ? (size_t)used : 0;

    if (used < 0 || map.kind != MSGPACK_MAP)
        return SIO_EPARSE;
    for (uint32_t i = 0; i < map.n; i++) {
        used = msgpack_skip(bytes.p + at, bytes.n - at);
        if (used < 0 || msgpack_read(bytes.p + at, bytes.n - at, &key) < 0)
            return SIO_EPARSE;
        at += (size_t)used;
        used = msgpack_skip(bytes.p + at, bytes.n - at);
        if (used < 0 || msgpack_read(bytes.p + at, bytes.n - at, &v) < 0)
            return SIO_EPARSE;
        if (key.kind == MSGPACK_STR)
            packet_take_member(m, key.s, &v, (sio_str){bytes.p + at, (size_t)used});
        at += (size_t)used;
    }
    return at == bytes.n ? 0 : SIO_EPARSE;
}

static bool packet_type_takes(sio_packet_type type, const packet_members *m)
{
    switch (type) {
    case SIO_PACKET_CONNECT:
        return !m->has_data || m->data.kind == MSGPACK_MAP;
    case SIO_PACKET_DISCONNECT:
        return !m->has_data;
    case SIO_PACKET_CONNECT_ERROR:
        return m->has_data && (m->data.kind == MSGPACK_MAP || m->data.kind == MSGPACK_STR);
    default:
        return m->has_data && m->data.kind == MSGPACK_ARRAY;
    }
}

/* Everything but data. */
static int packet_check_members(const packet_members *m, sio_packet *packet)
{
    uint64_t type;

    if (!m->has_type || !msgpack_is_uint(&m->type, &type) || type > SIO_PACKET_CONNECT_ERROR)
        return SIO_EPARSE;
    packet->type = (sio_packet_type)type;
    if (!m->has_nsp || m->nsp.kind != MSGPACK_STR || !utf8_valid(m->nsp.s.p, m->nsp.s.n))
        return SIO_EPARSE;
    packet->nsp = m->nsp.s;
    packet->has_id = m->has_id;
    if (m->has_id && !msgpack_is_uint(&m->id, &packet->id))
        return SIO_EPARSE;
    if (packet->id > 1ull << 53) /* as the JavaScript number it was */
        packet->id = packet->id > UINT64_MAX - 2047 ? UINT64_MAX - 2047 : (uint64_t)(double)packet->id;
    return packet_type_takes(packet->type, m) ? 0 : SIO_EPARSE;
}

int sio_packet_parse_msgpack(sio_str bytes, unsigned max_attachments, buf *json, sio_str *bins,
                             sio_packet *out)
{
    packet_members m = {0};
    sio_packet packet = {0};
    size_t before = json->n;

    if (packet_read_members(bytes, &m) < 0 || packet_check_members(&m, &packet) < 0)
        return SIO_EPARSE;
    if (m.has_data) {
        long used = msgpack_to_json(m.data_bytes.p, m.data_bytes.n, json, bins, max_attachments,
                                    &packet.attachments);

        if (used < 0)
            return used == SIO_ELIMIT ? SIO_EPARSE : (int)used;
        packet.data = (sio_str){json->p + before, json->n - before};
    }
    *out = packet;
    return 0;
}

static int packet_put_members(buf *out, sio_packet_type type, sio_str nsp, bool has_id, uint64_t id,
                              sio_str data, const sio_bins *bins)
{
    int err = msgpack_put_map(out, 2u + has_id + (data.n > 0));

    if (err == 0)
        err = msgpack_put_str(out, sio_lit("type"));
    if (err == 0)
        err = msgpack_put_uint(out, type);
    if (err == 0 && data.n > 0)
        err = msgpack_put_str(out, sio_lit("data"));
    if (err == 0 && data.n > 0)
        err = msgpack_from_json(data, bins, out);
    if (err == 0 && has_id)
        err = msgpack_put_str(out, sio_lit("id"));
    if (err == 0 && has_id)
        err = msgpack_put_uint(out, id);
    if (err == 0)
        err = msgpack_put_str(out, sio_lit("nsp"));
    return err < 0 ? err : msgpack_put_str(out, nsp.n > 0 ? nsp : sio_lit("/"));
}

int sio_packet_put_msgpack(buf *out, sio_packet_type type, sio_str nsp, bool has_id, uint64_t id,
                           sio_str data, const sio_bins *bins)
{
    size_t before = out->n;
    int err;

    if (type >= SIO_PACKET_BINARY_EVENT)
        type -= SIO_PACKET_BINARY_EVENT - SIO_PACKET_EVENT;
    err = packet_put_members(out, type, nsp, has_id, id, data, bins);
    if (err < 0)
        out->n = before;
    return err;
}
