/* Reading what servers with the classic adapter say. All of it becomes JSON first: then there is one way to
 * read it. */
#include "cluster/classic_opts.h"
#include "codec/json.h"
#include "codec/msgpack.h"

void classic_reader_init(classic_reader *r)
{
    arena_init(&r->arena, CLASSIC_MAX_JSON);
    buf_init(&r->json, CLASSIC_MAX_JSON);
}

void classic_reader_fini(classic_reader *r)
{
    arena_fini(&r->arena);
    buf_fini(&r->json);
}

/* ---- a payload as JSON ---- */

/* A large message must not hold its memory for ever. */
static void forget(classic_reader *r)
{
    arena_reset(&r->arena);
    r->json.n = 0;
    if (r->json.cap > 1 << 20)
        buf_fini(&r->json);
}

static int read_msgpack(classic_reader *r, sio_str payload, classic_message *m, sio_str *json)
{
    unsigned n = 0;
    long used = msgpack_to_json(payload.p, payload.n, &r->json, r->bin, CLASSIC_MAX_BINS, &n);

    if (used < 0)
        return (int)used;
    if ((size_t)used != payload.n)
        return SIO_EPARSE;
    m->bins = (sio_bins){r->bin, n};
    *json = buf_str(&r->json);
    return 0;
}

static int read_json(sio_str payload, sio_str *json)
{
    return json_valid(payload, json) ? 0 : SIO_EPARSE;
}

static void start(classic_reader *r, classic_message *m)
{
    forget(r);
    *m = (classic_message){0};
    m->op.bins = &m->bins;
}

/* As Node tells them apart: by the first byte. */
static int read_either(classic_reader *r, sio_str payload, classic_message *m, sio_str *json)
{
    if (payload.n > CLASSIC_MAX_MESSAGE)
        return SIO_ETOOBIG;
    if (payload.n > 0 && payload.p[0] == '{')
        return read_json(payload, json);
    return read_msgpack(r, payload, m, json);
}

/* ---- members ---- */

/* False when it is absent or null: those are the same here. */
static bool member(sio_str object, const char *name, sio_str *v)
{
    return json_get(object, sio_str_z(name), v) && json_kind_of(*v) != JSON_NULL;
}

static int text_of(classic_reader *r, sio_str v, sio_str *out)
{
    if (json_kind_of(v) == JSON_ARRAY || json_kind_of(v) == JSON_OBJECT)
        return SIO_EPARSE;
    return classic_read_text(&r->arena, v, out) ? 0 : SIO_ENOMEM;
}

/* A text, when there is one. */
static int read_text(classic_reader *r, sio_str object, const char *name, sio_str *out)
{
    sio_str v;

    *out = (sio_str){0};
    return member(object, name, &v) ? text_of(r, v, out) : 0;
}

static int read_type(sio_str object, int64_t max, classic_type *out)
{
    sio_str v;
    int64_t type;

    if (!member(object, "type", &v))
        return SIO_EPARSE;
    if (json_kind_of(v) != JSON_NUMBER || !json_int(v, &type) || type < 0 || type > max)
        return SIO_ENOENT;
    *out = (classic_type)type;
    return 0;
}

/* ---- broadcasts ---- */

/* An event's {type, data, nsp}. */
static int read_packet(classic_reader *r, sio_str packet, classic_message *m)
{
    static const sio_str name[] = {SIO_STR("type"), SIO_STR("data"), SIO_STR("nsp")};
    sio_str v[3];
    int64_t type;

    classic_members(packet, name, v, 3);
    if (!v[0].p || json_kind_of(v[0]) != JSON_NUMBER || !json_int(v[0], &type) ||
        (type != 2 && type != 5)) /* 5: an event with bytes, from old emitters */
        return SIO_EPARSE;
    if (!v[1].p || json_kind_of(v[1]) != JSON_ARRAY)
        return SIO_EPARSE;
    m->op.args = v[1];
    m->nsp = sio_lit("/");
    return v[2].p ? text_of(r, v[2], &m->nsp) : 0;
}

int classic_read_broadcast(classic_reader *r, sio_str payload, classic_message *m)
{
    sio_str whole, part[3];
    size_t at = 0;
    int err;

    start(r, m);
    m->type = CLASSIC_BROADCAST;
    if (payload.n > CLASSIC_MAX_MESSAGE)
        return SIO_ETOOBIG;
    if ((err = read_msgpack(r, payload, m, &whole)) < 0)
        return err;
    if (json_kind_of(whole) != JSON_ARRAY)
        return SIO_EPARSE;
    for (unsigned i = 0; i < 3; i++)
        if (!json_next(whole, &at, NULL, &part[i]))
            return SIO_EPARSE;
    if (!classic_read_text(&r->arena, part[0], &m->uid))
        return SIO_ENOMEM;
    if ((err = read_packet(r, part[1], m)) < 0)
        return err;
    return classic_read_opts(&r->arena, part[2], &m->op, NULL);
}

sio_str classic_peek_uid(sio_str payload)
{
    const uint8_t *p = (const uint8_t *)payload.p;

    if (payload.n < 2 || p[0] != 0x93 || (p[1] & 0xe0) != 0xa0 || payload.n < 2u + (p[1] & 0x1f))
        return (sio_str){0};
    return (sio_str){payload.p + 2, p[1] & 0x1f};
}

/* Behind `before`, which ends with a quote: up to the next one, unless there are escapes. */
static sio_str peek_json(sio_str payload, sio_str before)
{
    const char *from, *end, *p;

    if (payload.n < before.n || memcmp(payload.p, before.p, before.n) != 0)
        return (sio_str){0};
    from = payload.p + before.n;
    end = payload.p + payload.n;
    for (p = from; p < end && *p != '"' && *p != '\\';)
        p++;
    return p < end && *p == '"' ? (sio_str){from, (size_t)(p - from)} : (sio_str){0};
}

/* {type:9,requestId,packet} */
static sio_str peek_answer(sio_str payload)
{
    static const sio_str head = SIO_STR("\x83\xa4type\x09\xa9requestId");
    size_t n;

    if (payload.n <= head.n || memcmp(payload.p, head.p, head.n) != 0)
        return (sio_str){0};
    n = (uint8_t)payload.p[head.n] - 0xa0u;
    if (n > 31 || payload.n < head.n + 1 + n)
        return (sio_str){0};
    return (sio_str){payload.p + head.n + 1, n};
}

sio_str classic_peek_id(sio_str payload)
{
    static const sio_str head[] = {SIO_STR("{\"requestId\":\""), SIO_STR("{\"type\":8,\"requestId\":\""),
                                   SIO_STR("{\"type\":6,\"requestId\":\"")};
    sio_str id = peek_answer(payload);

    for (unsigned i = 0; i < sizeof head / sizeof *head && !id.p; i++)
        id = peek_json(payload, head[i]);
    return id;
}

/* ---- requests ---- */

static int read_opts(classic_reader *r, sio_str object, classic_message *m)
{
    sio_str opts;

    if (!member(object, "opts", &opts))
        return SIO_EPARSE;
    return classic_read_opts(&r->arena, opts, &m->op, &m->timeout_ms);
}

static int read_one(classic_reader *r, sio_str object, const char *name, const sio_str **out, unsigned *n)
{
    sio_str *text = arena_alloc(&r->arena, sizeof *text);
    int err;

    if (!text)
        return SIO_ENOMEM;
    if ((err = read_text(r, object, name, text)) < 0)
        return err;
    *out = text;
    *n = 1;
    return text->p ? 0 : SIO_EPARSE;
}

/* JOIN, LEAVE: the rooms meant; in the old form one, for one socket. */
static int read_change(classic_reader *r, sio_str object, classic_message *m)
{
    sio_str rooms;
    int err;

    m->op.kind = m->type == CLASSIC_JOIN ? SIO_OP_JOIN : SIO_OP_LEAVE;
    if (!member(object, "opts", &rooms)) {
        m->by_sid = true;
        if ((err = read_one(r, object, "sid", &m->op.room, &m->op.nrooms)) < 0)
            return err;
        return read_one(r, object, "room", &m->op.target, &m->op.ntargets);
    }
    if ((err = read_opts(r, object, m)) < 0)
        return err;
    if (!member(object, "rooms", &rooms))
        return SIO_EPARSE;
    return classic_read_list(&r->arena, rooms, &m->op.target, &m->op.ntargets);
}

static int read_disconnect(classic_reader *r, sio_str object, classic_message *m)
{
    sio_str v;

    m->op.kind = SIO_OP_DISCONNECT;
    m->op.close = member(object, "close", &v) && json_kind_of(v) == JSON_TRUE;
    if (member(object, "opts", &v))
        return read_opts(r, object, m);
    m->by_sid = true;
    return read_one(r, object, "sid", &m->op.room, &m->op.nrooms);
}

static int read_sockets(classic_reader *r, sio_str object, classic_message *m)
{
    sio_str rooms;

    if (!member(object, "rooms", &rooms))
        return 0;
    return classic_read_list(&r->arena, rooms, &m->op.room, &m->op.nrooms);
}

static int read_server_emit(sio_str object, classic_message *m)
{
    if (!member(object, "data", &m->op.args) || json_kind_of(m->op.args) != JSON_ARRAY)
        return SIO_EPARSE;
    return 0;
}

static int read_ask(classic_reader *r, sio_str object, classic_message *m)
{
    sio_str packet;
    int err;

    if (!m->id.p || !member(object, "packet", &packet))
        return SIO_EPARSE;
    if ((err = read_packet(r, packet, m)) < 0 || (err = read_opts(r, object, m)) < 0)
        return err;
    m->op.is_volatile = m->op.uncompressed = false; /* Node does not look at them here either */
    return 0;
}

static int read_rest(classic_reader *r, sio_str object, classic_message *m)
{
    switch (m->type) {
    case CLASSIC_SOCKETS:
        return read_sockets(r, object, m);
    case CLASSIC_JOIN:
    case CLASSIC_LEAVE:
        return read_change(r, object, m);
    case CLASSIC_DISCONNECT:
        return read_disconnect(r, object, m);
    case CLASSIC_FETCH:
        return read_opts(r, object, m);
    case CLASSIC_SERVER_EMIT:
        return read_server_emit(object, m);
    case CLASSIC_ASK:
        return read_ask(r, object, m);
    default: /* ALL_ROOMS says no more */
        return 0;
    }
}

int classic_read_request(classic_reader *r, sio_str payload, classic_message *m)
{
    sio_str object;
    int err;

    start(r, m);
    if ((err = read_either(r, payload, m, &object)) < 0)
        return err;
    if (json_kind_of(object) != JSON_OBJECT)
        return SIO_EPARSE;
    if ((err = read_type(object, CLASSIC_ASK, &m->type)) < 0 ||
        (err = read_text(r, object, "uid", &m->uid)) < 0 ||
        (err = read_text(r, object, "requestId", &m->id)) < 0)
        return err;
    return read_rest(r, object, m);
}

/* ---- responses ---- */

static int read_clients(sio_str object, classic_message *m)
{
    sio_str v;
    int64_t n;

    if (!member(object, "clientCount", &v) || json_kind_of(v) != JSON_NUMBER || !json_int(v, &n) || n < 0)
        return SIO_EPARSE;
    m->clients = (uint64_t)n;
    return 0;
}

/* Undefined is left out by JavaScript; null is an answer. */
static void read_value(sio_str object, const char *name, sio_str *out)
{
    if (!json_get(object, sio_str_z(name), out))
        *out = (sio_str){0};
}

static int read_untyped(sio_str object, classic_message *m)
{
    m->type = CLASSIC_UNTYPED;
    read_value(object, "data", &m->value);
    if (member(object, "sockets", &m->sockets) && json_kind_of(m->sockets) != JSON_ARRAY)
        return SIO_EPARSE;
    return 0;
}

int classic_read_response(classic_reader *r, sio_str payload, classic_message *m)
{
    sio_str object;
    int err;

    start(r, m);
    if ((err = read_either(r, payload, m, &object)) < 0)
        return err;
    if (json_kind_of(object) != JSON_OBJECT)
        return SIO_EPARSE;
    if ((err = read_text(r, object, "requestId", &m->id)) < 0 || !m->id.p)
        return err ? err : SIO_EPARSE;
    if (read_type(object, CLASSIC_ANSWER, &m->type) < 0)
        return read_untyped(object, m);
    if (m->type == CLASSIC_CLIENTS)
        return read_clients(object, m);
    if (m->type == CLASSIC_ANSWER) {
        read_value(object, "packet", &m->value);
        return 0;
    }
    if (m->type == CLASSIC_SERVER_EMIT) {
        read_value(object, "data", &m->value);
        return 0;
    }
    return read_untyped(object, m);
}

/* ---- sockets ---- */

static sio_val object_or_undefined(sio_str object, const char *name, const sio_bins *bins)
{
    sio_str v;

    if (!member(object, name, &v))
        return sio_undefined;
    return (sio_val){.kind = SIO_JSON, .s = v, .bins = bins->n ? bins : NULL};
}

int classic_next_socket(classic_reader *r, const classic_message *m, size_t *at, sio_peer *p)
{
    sio_str item, rooms;
    int err;

    *p = (sio_peer){0};
    if (!json_next(m->sockets, at, NULL, &item))
        return 0;
    if (json_kind_of(item) != JSON_OBJECT)
        return SIO_EPARSE;
    if ((err = read_text(r, item, "id", &p->id)) < 0 || !p->id.p)
        return err ? err : SIO_EPARSE;
    if (member(item, "rooms", &rooms) &&
        (err = classic_read_list(&r->arena, rooms, &p->rooms, &p->nrooms)) < 0)
        return err;
    p->handshake = object_or_undefined(item, "handshake", &m->bins);
    p->shown = object_or_undefined(item, "data", &m->bins);
    return 1;
}
