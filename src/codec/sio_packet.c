#include "codec/sio_packet.h"

#include "base/num.h"
#include "codec/json.h"
#include "codec/placeholder.h"
#include "sio_err.h"

/* The largest double below 2^64. */
#define PACKET_ID_MAX 18446744073709549568ull

typedef struct packet_cursor {
    const char *p, *end;
} packet_cursor;

static bool packet_is_digit(const packet_cursor *c)
{
    return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

/* "<count>-", whole and at least 1. */
static int packet_read_attachments(packet_cursor *c, unsigned max, unsigned *out)
{
    uint64_t n = 0;

    if (!packet_is_digit(c))
        return SIO_EPARSE;
    for (; packet_is_digit(c); c->p++) {
        n = n * 10 + (uint64_t)(*c->p - '0');
        if (n > max)
            return SIO_EPARSE;
    }
    if (n < 1 || c->p == c->end || *c->p++ != '-')
        return SIO_EPARSE;
    *out = (unsigned)n;
    return 0;
}

/* "/name," or "/name" up to the end. The query string of old clients is part of the name. */
static sio_str packet_read_nsp(packet_cursor *c)
{
    const char *start = c->p, *comma;

    if (c->p == c->end || *c->p != '/')
        return sio_lit("/");
    comma = memchr(start, ',', (size_t)(c->end - start));
    c->p = comma ? comma + 1 : c->end;
    return (sio_str){start, (size_t)((comma ? comma : c->end) - start)};
}

/* Ids are JavaScript numbers: the answer must carry what the peer itself would make of its digits. */
static uint64_t packet_read_id(packet_cursor *c)
{
    uint64_t id = 0;
    bool over = false;

    for (; packet_is_digit(c); c->p++) {
        over = over || __builtin_mul_overflow(id, 10, &id);
        over = over || __builtin_add_overflow(id, (uint64_t)(*c->p - '0'), &id);
    }
    if (over || id > PACKET_ID_MAX)
        return PACKET_ID_MAX;
    return id > 1ull << 53 ? (uint64_t)(double)id : id;
}

bool sio_packet_is_reserved(sio_str event)
{
    static const sio_str reserved[] = {
        SIO_STR("connect"), SIO_STR("connect_error"), SIO_STR("disconnect"),
        SIO_STR("disconnecting"), SIO_STR("newListener"), SIO_STR("removeListener"),
    };

    if (event.n < 7 || event.n > 14)
        return false; /* shorter or longer than all of them */
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (sio_str_eq(event, reserved[i]))
            return true;
    }
    return false;
}

/* An event's name: a number, or a string that is not reserved, in whatever spelling. */
static bool packet_name_ok(sio_str raw)
{
    char text[6 * 14 + 2]; /* the longest reserved name, were each character escaped */
    sio_str name;

    if (json_kind_of(raw) == JSON_NUMBER)
        return true;
    if (json_kind_of(raw) != JSON_STRING)
        return false;
    if (json_plain(raw, &name))
        return !sio_packet_is_reserved(name);
    if (raw.n > sizeof(text))
        return true;
    return !sio_packet_is_reserved((sio_str){text, json_unescape(raw, text)});
}

static bool packet_data_ok(const sio_packet *packet)
{
    json_kind kind = json_kind_of(packet->data);

    switch (packet->type) {
    case SIO_PACKET_CONNECT:
        return kind == JSON_OBJECT;
    case SIO_PACKET_DISCONNECT:
        return false;
    case SIO_PACKET_EVENT:
    case SIO_PACKET_BINARY_EVENT:
        return packet->items.n > 0 && packet_name_ok(packet->items.item[0]);
    case SIO_PACKET_ACK:
    case SIO_PACKET_BINARY_ACK:
        return kind == JSON_ARRAY;
    case SIO_PACKET_CONNECT_ERROR:
        return kind == JSON_OBJECT || kind == JSON_STRING;
    }
    return false;
}

/* JSON up to the end. White space in front would be an id of 0 in JavaScript; no client sends that. */
static int packet_read_data(packet_cursor *c, sio_packet *packet)
{
    sio_str text = {c->p, (size_t)(c->end - c->p)};
    bool ok;

    if (text.n == 0)
        return 0;
    if (*text.p == '[')
        ok = json_valid_items(text, &packet->data, &packet->items);
    else
        ok = json_trim(text).p == text.p && json_valid(text, &packet->data);
    return ok && packet_data_ok(packet) ? 0 : SIO_EPARSE;
}

/* Everything in front of the JSON. */
static int packet_read_head(packet_cursor *c, unsigned max_attachments, sio_packet *out)
{
    out->type = (sio_packet_type)(*c->p++ - '0');
    out->attachments = 0;
    out->id = 0;
    out->data = (sio_str){NULL, 0};
    out->items.n = 0; /* only what is counted is ever looked at */
    if (out->type == SIO_PACKET_BINARY_EVENT || out->type == SIO_PACKET_BINARY_ACK) {
        if (packet_read_attachments(c, max_attachments, &out->attachments) < 0)
            return SIO_EPARSE;
    }
    out->nsp = packet_read_nsp(c);
    out->has_id = packet_is_digit(c);
    if (out->has_id)
        out->id = packet_read_id(c);
    return 0;
}

int sio_packet_parse(sio_str text, unsigned max_attachments, sio_packet *out)
{
    packet_cursor c;

    if (text.n == 0 || *text.p < '0' || *text.p > '6')
        return SIO_EPARSE;
    c = (packet_cursor){text.p, text.p + text.n};
    if (packet_read_head(&c, max_attachments, out) < 0)
        return SIO_EPARSE;
    return packet_read_data(&c, out);
}

typedef struct packet_frame {
    placeholder holder;
    bool        bad; /* some placeholder inside refers to nothing */
} packet_frame;

/* One pass with a frame for each open container. What stands inside a placeholder is never looked at by the
 * reference, so whether it is bad only counts once its container turns out to be none. */
int sio_packet_check_placeholders(sio_str data, unsigned attachments)
{
    packet_frame frame[JSON_WALK_DEPTH + 1];
    json_token token;
    placeholder_kind kind;
    json_walk w;
    sio_str raw;
    unsigned index;

    frame[0] = (packet_frame){0};
    json_walk_init(&w, data);
    while ((token = json_walk_next(&w, &raw)) != JSON_END) {
        packet_frame *f = &frame[w.depth];

        if (token == JSON_OPEN) {
            placeholder_value(&f[-1].holder, raw);
            placeholder_init(&f->holder);
            f->bad = false;
        } else if (token == JSON_KEY) {
            placeholder_key(&f->holder, raw);
        } else if (token == JSON_SCALAR) {
            placeholder_value(&f->holder, raw);
        } else {
            kind = placeholder_end(&f[1].holder, attachments, &index);
            f->bad = f->bad || kind == PLACEHOLDER_BAD || (kind == PLACEHOLDER_NONE && f[1].bad);
        }
    }
    return frame[0].bad ? SIO_EPARSE : 0;
}

static int packet_put_number(buf *out, uint64_t v, char behind)
{
    char text[33];
    size_t n = v > 1ull << 53 ? num_double((double)v, text) : num_u64(v, text);

    if (behind)
        text[n++] = behind;
    return buf_add(out, text, n);
}

int sio_packet_put_head(buf *out, sio_packet_type type, unsigned attachments, sio_str nsp, bool has_id,
                        uint64_t id)
{
    size_t before = out->n;
    int err = buf_putc(out, (char)('0' + (int)type));

    if (err == 0 && (type == SIO_PACKET_BINARY_EVENT || type == SIO_PACKET_BINARY_ACK))
        err = packet_put_number(out, attachments, '-');
    if (err == 0 && nsp.n > 0 && !sio_str_eq(nsp, sio_lit("/"))) {
        err = buf_add_str(out, nsp);
        if (err == 0)
            err = buf_putc(out, ',');
    }
    if (err == 0 && has_id)
        err = packet_put_number(out, id, 0);
    if (err < 0)
        out->n = before;
    return err;
}
