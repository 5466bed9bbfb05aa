/* What the streams adapter keeps for recovery: sessions, and positions in a stream. */
#include "cluster/cluster_message.h"

#include "base/base64.h"
#include "base/num.h"
#include "cluster/classic_opts.h"
#include "codec/json.h"
#include "codec/msgpack.h"

static int put_text(buf *out, const char *head, sio_str text)
{
    int err = buf_puts(out, head);

    return err < 0 ? err : json_quote(out, text);
}

static int put_session(buf *out, const message_session *s)
{
    int err;

    if ((err = put_text(out, "{\"sid\":", s->sid)) < 0 || (err = put_text(out, ",\"pid\":", s->pid)) < 0 ||
        (err = buf_puts(out, ",\"rooms\":")) < 0 || (err = classic_put_list(out, s->room, s->nrooms)) < 0 ||
        (err = buf_puts(out, ",\"data\":")) < 0 ||
        (err = buf_add_str(out, s->data.p ? s->data : sio_lit("{}"))) < 0)
        return err;
    return buf_putc(out, '}');
}

int message_session_encode(buf *out, const message_session *s)
{
    buf json, packed;
    int err;

    buf_init(&json, MESSAGE_MAX_TEXT);
    buf_init(&packed, MESSAGE_MAX_TEXT);
    if ((err = put_session(&json, s)) == 0 && (err = msgpack_from_json(buf_str(&json), NULL, &packed)) == 0 &&
        (err = buf_reserve(out, BASE64_LEN(packed.n))) == 0)
        out->n += base64_encode(packed.p, packed.n, out->p + out->n);
    buf_fini(&packed);
    buf_fini(&json);
    return err;
}

static int read_session(message_decoder *d, sio_str json, message_session *s)
{
    sio_str raw[4];

    if (!json_get(json, sio_lit("sid"), &raw[0]) || json_kind_of(raw[0]) != JSON_STRING ||
        !json_get(json, sio_lit("pid"), &raw[1]) || json_kind_of(raw[1]) != JSON_STRING ||
        !json_get(json, sio_lit("rooms"), &raw[2]) || json_kind_of(raw[2]) != JSON_ARRAY)
        return SIO_EPARSE;
    if (!classic_read_text(&d->strings, raw[0], &s->sid) || !classic_read_text(&d->strings, raw[1], &s->pid))
        return SIO_ENOMEM;
    if (json_get(json, sio_lit("data"), &raw[3]) && json_kind_of(raw[3]) == JSON_OBJECT)
        s->data = raw[3];
    return classic_read_list(&d->strings, raw[2], &s->room, &s->nrooms);
}

int message_session_decode(message_decoder *d, sio_str text, message_session *s)
{
    unsigned nbins = 0;
    size_t n;
    long used;
    char *p;

    *s = (message_session){0};
    message_decoder_reset(d);
    if (!(p = arena_alloc(&d->strings, text.n / 4 * 3 + 3)))
        return SIO_ENOMEM;
    n = base64_decode_lenient(text.p, text.n, p);
    used = msgpack_to_json(p, n, &d->text, d->bin, MESSAGE_MAX_BINS, &nbins);
    if (used < 0 || (size_t)used != n)
        return used == SIO_ENOMEM ? SIO_ENOMEM : SIO_EPARSE;
    s->bins = (sio_bins){d->bin, nbins};
    return read_session(d, buf_str(&d->text), s);
}

/* ---- positions ---- */

static bool parse_digits(const char *p, size_t n, uint64_t *out)
{
    uint64_t v = 0;

    if (n == 0 || n > 20)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned char)p[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool message_at_parse(sio_str text, message_at *out)
{
    const char *dash = text.n > 0 ? memchr(text.p, '-', text.n) : NULL;
    message_at at;

    if (!dash || !parse_digits(text.p, (size_t)(dash - text.p), &at.ms) ||
        !parse_digits(dash + 1, text.n - 1 - (size_t)(dash - text.p), &at.seq))
        return false;
    *out = at;
    return true;
}

sio_str message_at_text(message_at at, char out[MESSAGE_AT_SIZE])
{
    size_t n = num_u64(at.ms, out);

    out[n++] = '-';
    n += num_u64(at.seq, out + n);
    out[n] = 0;
    return (sio_str){out, n};
}

message_at message_at_next(message_at at)
{
    return at.seq < UINT64_MAX ? (message_at){at.ms, at.seq + 1} : (message_at){at.ms + 1, 0};
}

int message_at_compare(message_at a, message_at b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}
