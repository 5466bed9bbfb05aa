/* Reading messages of the cluster. What comes from Redis is checked as if anybody had written it. */
#include "cluster/cluster_message.h"

#include "base/base64.h"
#include "cluster/classic_opts.h"
#include "codec/json.h"
#include "codec/msgpack.h"

void message_decoder_init(message_decoder *d)
{
    arena_init(&d->strings, MESSAGE_MAX_TEXT);
    buf_init(&d->text, MESSAGE_MAX_TEXT);
}

void message_decoder_fini(message_decoder *d)
{
    arena_fini(&d->strings);
    buf_fini(&d->text);
}

/* A large message once must not cost its memory for ever. */
void message_decoder_reset(message_decoder *d)
{
    arena_reset(&d->strings);
    d->text.n = 0;
    if (d->text.cap > 1u << 20)
        buf_fini(&d->text);
}

/* ---- JSON, member by member in one pass ---- */

typedef struct wanted {
    const char *name;
    sio_str     raw; /* p NULL: absent or null */
} wanted;

static int read_members(sio_str object, wanted *w, size_t n)
{
    sio_str key, item;
    size_t at = 0;

    if (json_kind_of(object) != JSON_OBJECT)
        return SIO_EPARSE;
    while (json_next(object, &at, &key, &item))
        for (size_t i = 0; i < n; i++)
            if (json_equals(key, sio_str_z(w[i].name)))
                w[i].raw = json_kind_of(item) == JSON_NULL ? (sio_str){NULL, 0} : item;
    return 0;
}
#define READ_MEMBERS(object, w) read_members(object, w, sizeof(w) / sizeof *(w))

static int read_text(message_decoder *d, sio_str raw, sio_str *out)
{
    char *p;

    if (!raw.p || json_kind_of(raw) != JSON_STRING)
        return SIO_EPARSE;
    if (json_plain(raw, out))
        return 0;
    if (!(p = arena_alloc(&d->strings, raw.n)))
        return SIO_ENOMEM;
    *out = (sio_str){p, json_unescape(raw, p)};
    return 0;
}

static int read_id(message_decoder *d, sio_str raw, sio_str *out)
{
    int err = read_text(d, raw, out);

    return err < 0 ? err : out->n == 0 || out->n > MESSAGE_MAX_ID ? SIO_EPARSE : 0;
}

/* ---- the parts of a message ---- */

/* An array that begins with a name: an event. */
static bool is_event(sio_str raw)
{
    size_t at = 0;
    sio_str name;

    return raw.p && json_kind_of(raw) == JSON_ARRAY && json_next(raw, &at, NULL, &name) &&
           json_kind_of(name) == JSON_STRING;
}

/* {type: 2, data: [...]}; 5, an event with attachments, is what some put there themselves. */
static int read_packet(sio_str raw, cluster_message *m)
{
    wanted w[] = {{"type"}, {"data"}};
    int64_t type;

    if (!raw.p || READ_MEMBERS(raw, w) < 0 || !w[0].raw.p || !json_int(w[0].raw, &type))
        return SIO_EPARSE;
    if ((type != 2 && type != 5) || !is_event(w[1].raw))
        return SIO_EPARSE;
    m->packet = m->op.args = w[1].raw;
    return 0;
}

static int read_count(sio_str raw, uint32_t *out)
{
    int64_t n;

    if (!raw.p || !json_int(raw, &n) || n < 0 || n > INT32_MAX)
        return SIO_EPARSE;
    *out = (uint32_t)n;
    return 0;
}

static int read_bool(sio_str raw, bool *out)
{
    *out = raw.p && json_kind_of(raw) == JSON_TRUE;
    return raw.p && json_kind_of(raw) != JSON_TRUE && json_kind_of(raw) != JSON_FALSE ? SIO_EPARSE : 0;
}

static int read_targets(message_decoder *d, sio_str raw, sio_op *op)
{
    return raw.p ? classic_read_list(&d->strings, raw, &op->target, &op->ntargets) : SIO_EPARSE;
}

enum { OPTS, ROOMS, CLOSE, REQUEST, PACKET, SOCKETS, COUNT };

static int read_server_emit(sio_str raw, cluster_message *m)
{
    m->packet = raw;
    return is_event(raw) ? 0 : SIO_EPARSE;
}

static int read_sockets(sio_str raw, cluster_message *m)
{
    m->packet = raw;
    return raw.p && json_kind_of(raw) == JSON_ARRAY ? 0 : SIO_EPARSE;
}

/* What each type must carry beside the request id and the opts. */
static int read_body(message_decoder *d, const wanted *w, cluster_message *m)
{
    switch (m->type) {
    case MESSAGE_BROADCAST:
        return read_packet(w[PACKET].raw, m);
    case MESSAGE_JOIN:
    case MESSAGE_LEAVE:
        return read_targets(d, w[ROOMS].raw, &m->op);
    case MESSAGE_DISCONNECT:
        return read_bool(w[CLOSE].raw, &m->op.close);
    case MESSAGE_FETCH_RESPONSE:
        return read_sockets(w[SOCKETS].raw, m);
    case MESSAGE_SERVER_EMIT:
        return read_server_emit(w[PACKET].raw, m);
    case MESSAGE_CLIENT_COUNT:
        return read_count(w[COUNT].raw, &m->clients);
    case MESSAGE_SERVER_EMIT_RESPONSE:
    case MESSAGE_ACK:
        m->packet = w[PACKET].raw;
        return 0;
    default:
        return m->type == MESSAGE_FETCH ? 0 : SIO_EPARSE;
    }
}

static int read_opts(message_decoder *d, sio_str raw, cluster_message *m)
{
    static const sio_op_kind kind[] = {[MESSAGE_JOIN] = SIO_OP_JOIN,
                                       [MESSAGE_LEAVE] = SIO_OP_LEAVE,
                                       [MESSAGE_DISCONNECT] = SIO_OP_DISCONNECT,
                                       [MESSAGE_FETCH] = SIO_OP_EMIT};

    wanted w[] = {{"flags"}}, f[] = {{"expectSingleResponse"}};
    int err;

    m->op.kind = kind[m->type];
    m->op.bins = &m->bins;
    if (!raw.p || (err = classic_read_opts(&d->strings, raw, &m->op, &m->timeout_ms)) < 0)
        return raw.p ? err : SIO_EPARSE;
    READ_MEMBERS(raw, w);
    m->single =
        w[0].raw.p && READ_MEMBERS(w[0].raw, f) == 0 && f[0].raw.p && json_kind_of(f[0].raw) == JSON_TRUE;
    return 0;
}

static bool has_opts(message_type t)
{
    return t >= MESSAGE_BROADCAST && t <= MESSAGE_FETCH;
}

static bool needs_request(message_type t)
{
    return t == MESSAGE_FETCH || t == MESSAGE_FETCH_RESPONSE || t >= MESSAGE_SERVER_EMIT_RESPONSE;
}

static bool may_request(message_type t)
{
    return t == MESSAGE_BROADCAST || t == MESSAGE_SERVER_EMIT;
}

bool message_is_foreign(message_type type)
{
    return type == MESSAGE_INITIAL_HEARTBEAT || type == MESSAGE_HEARTBEAT || type == MESSAGE_CLOSE;
}

static int read_data(message_decoder *d, sio_str raw, cluster_message *m)
{
    wanted w[] = {{"opts"}, {"rooms"}, {"close"}, {"requestId"}, {"packet"}, {"sockets"}, {"clientCount"}};
    int err;

    if (message_is_foreign(m->type))
        return 0;
    if (!raw.p || READ_MEMBERS(raw, w) < 0)
        return SIO_EPARSE;
    if (needs_request(m->type) || (w[REQUEST].raw.p && may_request(m->type)))
        if ((err = read_id(d, w[REQUEST].raw, &m->request)) < 0)
            return err;
    if (has_opts(m->type) && (err = read_opts(d, w[OPTS].raw, m)) < 0)
        return err;
    return read_body(d, w, m);
}

static int read_type(sio_str raw, message_type *out)
{
    int64_t type;

    if (!raw.p || !json_int(raw, &type) || type < MESSAGE_INITIAL_HEARTBEAT || type > MESSAGE_CLOSE)
        return SIO_EPARSE;
    *out = (message_type)type;
    return 0;
}

/* ---- whole messages ---- */

/* Either form as validated JSON; bytes go to d->bin. */
static int to_json(message_decoder *d, sio_str payload, sio_str *json, cluster_message *m)
{
    unsigned nbins = 0;
    long used;

    if (payload.n > 0 && payload.p[0] == '{')
        return json_valid(payload, json) ? 0 : SIO_EPARSE;
    used = msgpack_to_json(payload.p, payload.n, &d->text, d->bin, MESSAGE_MAX_BINS, &nbins);
    if (used < 0)
        return (int)used;
    if ((size_t)used != payload.n)
        return SIO_EPARSE;
    *json = buf_str(&d->text);
    m->bins = (sio_bins){d->bin, nbins};
    return 0;
}

int message_decode(message_decoder *d, sio_str payload, cluster_message *m)
{
    wanted w[] = {{"type"}, {"data"}, {"uid"}, {"nsp"}};
    sio_str json;
    int err;

    *m = (cluster_message){0};
    message_decoder_reset(d);
    if ((err = to_json(d, payload, &json, m)) < 0)
        return err;
    if (READ_MEMBERS(json, w) < 0 || read_type(w[0].raw, &m->type) < 0)
        return SIO_EPARSE;
    if ((err = read_id(d, w[2].raw, &m->uid)) < 0 || (err = read_text(d, w[3].raw, &m->nsp)) < 0)
        return err;
    return read_data(d, w[1].raw, m);
}

/* Base64 in the decoder's own memory: what is decoded from it refers to that. */
static int entry_payload(message_decoder *d, sio_str data, sio_str *payload)
{
    char *p;

    *payload = data;
    if (data.p[0] == '{')
        return 0;
    if (!(p = arena_alloc(&d->strings, data.n / 4 * 3 + 3)))
        return SIO_ENOMEM;
    *payload = (sio_str){p, base64_decode_lenient(data.p, data.n, p)};
    return 0;
}

int message_entry_decode(message_decoder *d, sio_str uid, sio_str nsp, sio_str type, sio_str data,
                         cluster_message *m)
{
    sio_str payload, json = {NULL, 0};
    int err;

    *m = (cluster_message){.uid = uid, .nsp = nsp};
    message_decoder_reset(d);
    if (uid.n == 0 || uid.n > MESSAGE_MAX_ID || json_scan(type.p, type.n) != (long)type.n ||
        read_type(type, &m->type) < 0)
        return SIO_EPARSE;
    if (data.n > 0)
        if ((err = entry_payload(d, data, &payload)) < 0 || (err = to_json(d, payload, &json, m)) < 0)
            return err;
    return read_data(d, json, m);
}

int message_peer_next(message_decoder *d, const cluster_message *m, size_t *at, sio_peer *p)
{
    wanted w[] = {{"id"}, {"handshake"}, {"rooms"}, {"data"}};
    sio_str item;
    int err;

    if (!json_next(m->packet, at, NULL, &item))
        return 0;
    *p = (sio_peer){.handshake = sio_null, .shown = sio_null};
    if (READ_MEMBERS(item, w) < 0)
        return SIO_EPARSE;
    if ((err = read_id(d, w[0].raw, &p->id)) < 0 ||
        (w[2].raw.p && (err = classic_read_list(&d->strings, w[2].raw, &p->rooms, &p->nrooms)) < 0))
        return err;
    if (w[1].raw.p)
        p->handshake = (sio_val){.kind = SIO_JSON, .s = w[1].raw, .bins = &m->bins};
    if (w[3].raw.p)
        p->shown = (sio_val){.kind = SIO_JSON, .s = w[3].raw, .bins = &m->bins};
    return 1;
}
