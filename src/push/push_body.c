/* The JSON that the services are sent. Where a message is too large the end of its body gives way: a push
 * that says half of it is better than none. */
#include "codec/json.h"
#include "push/push_int.h"

#include <stdlib.h>

#define ELLIPSIS  "\xe2\x80\xa6"
#define WHOLE_MAX (16 * PUSH_TEXT_MAX) /* escapes make six bytes of one */

typedef int body_fn(buf *out, const push_message *m, sio_str body, int64_t now_s);

/* The first n bytes of text or a few less, no half character at the end. */
static sio_str cut(sio_str text, size_t n)
{
    while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    return (sio_str){text.p, n};
}

/* Builds with the first n bytes of the body. */
static int build_cut(buf *out, body_fn *fn, const push_message *m, int64_t now_s, size_t n)
{
    buf body;
    int err;

    buf_init(&body, PUSH_TEXT_MAX + sizeof(ELLIPSIS));
    if ((err = buf_add_str(&body, cut(m->body, n))) == 0 && (err = buf_puts(&body, ELLIPSIS)) == 0) {
        out->n = 0;
        err = fn(out, m, buf_str(&body), now_s);
    }
    buf_fini(&body);
    return err;
}

/* The longest beginning of the body that fits: what a character takes as JSON differs, so it is
 * sought by halves. */
static int shorten(buf *text, size_t max, body_fn *fn, const push_message *m, int64_t now_s)
{
    size_t fits = 0, too_many = m->body.n < max ? m->body.n : max;
    int err = 0;

    while (err == 0 && too_many - fits > 1) {
        size_t n = fits + (too_many - fits) / 2;

        err = build_cut(text, fn, m, now_s, n);
        if (text->n > max)
            too_many = n;
        else
            fits = n;
    }
    if (err == 0 && fits == 0)
        return SIO_ETOOBIG;
    return err < 0 ? err : build_cut(text, fn, m, now_s, fits);
}

static int fit(buf *out, size_t max, body_fn *fn, const push_message *m, int64_t now_s)
{
    buf text;
    int err;

    buf_init(&text, WHOLE_MAX);
    err = fn(&text, m, m->body, now_s);
    if (err == 0 && text.n > max && m->body.n > 1)
        err = shorten(&text, max, fn, m, now_s);
    if (err == 0 && text.n > max)
        err = SIO_ETOOBIG;
    if (err == 0)
        err = buf_add_str(out, buf_str(&text));
    if (text.p)
        explicit_bzero(text.p, text.n);
    buf_fini(&text);
    return err;
}

/* ,"key":"text" unless there is no text; the comma is left out behind an opening brace. */
static int add_text(buf *b, const char *key, sio_str text)
{
    int err = 0;

    if (!text.n)
        return 0;
    if (b->n && b->p[b->n - 1] != '{')
        err = buf_putc(b, ',');
    return err < 0 || (err = buf_printf(b, "\"%s\":", key)) < 0 ? err : json_quote(b, text);
}

static int add_int(buf *b, const char *key, int64_t v)
{
    return buf_printf(b, "%s\"%s\":%lld", b->n && b->p[b->n - 1] != '{' ? "," : "", key, (long long)v);
}

static int add_badge(buf *b, const char *key, int badge) { return badge < 0 ? 0 : add_int(b, key, badge); }

/* ---- Web Push --------------------------------------------------------------------------------------- */

static int web(buf *b, const push_message *m, sio_str body, int64_t now_s)
{
    int err;

    (void)now_s;
    if ((err = buf_putc(b, '{')) < 0 || (err = add_text(b, "title", m->title)) < 0 ||
        (err = add_text(b, "body", body)) < 0 ||
        (err = add_text(b, "tag", m->collapse)) < 0 || (err = add_text(b, "id", m->id)) < 0 ||
        (err = add_badge(b, "badge", m->badge)) < 0)
        return err;
    if (m->data.n && (err = buf_printf(b, "%s\"data\":%.*s", b->p[b->n - 1] == '{' ? "" : ",", (int)m->data.n,
                                       m->data.p)) < 0)
        return err;
    return buf_putc(b, '}');
}

int push_body_web(buf *out, const push_message *m) { return fit(out, PUSH_PLAIN_MAX, web, m, 0); }

/* ---- FCM -------------------------------------------------------------------------------------------- */

/* Names that FCM keeps for itself: a message that has one is refused as a whole. */
static bool is_reserved(sio_str raw)
{
    sio_str name;

    if (!json_plain(raw, &name))
        return false;
    return sio_str_eq(name, sio_lit("from")) || sio_str_eq(name, sio_lit("message_type")) ||
           (name.n >= 6 && memcmp(name.p, "google", 6) == 0) ||
           (name.n >= 3 && memcmp(name.p, "gcm", 3) == 0);
}

/* Its values must be texts; others become what they look like. */
static int fcm_data(buf *b, sio_str data)
{
    sio_str key, item;
    size_t at = 0;
    int err = buf_puts(b, ",\"data\":{");

    while (err == 0 && json_next(data, &at, &key, &item)) {
        if (is_reserved(key))
            continue;
        if ((b->p[b->n - 1] != '{' && (err = buf_putc(b, ',')) < 0) || (err = buf_add_str(b, key)) < 0 ||
            (err = buf_putc(b, ':')) < 0)
            break;
        err = json_kind_of(item) == JSON_STRING ? buf_add_str(b, item) : json_quote(b, item);
    }
    return err < 0 ? err : buf_putc(b, '}');
}

static int fcm_android(buf *b, const push_message *m)
{
    int err = buf_printf(b, ",\"android\":{\"priority\":\"%s\",\"ttl\":\"%llds\"",
                         m->urgent ? "HIGH" : "NORMAL", (long long)m->ttl_s);

    if (err < 0 || (err = add_text(b, "collapse_key", m->collapse)) < 0)
        return err;
    if (m->collapse.n || m->badge >= 0) {
        if ((err = buf_puts(b, ",\"notification\":{")) < 0 || (err = add_text(b, "tag", m->collapse)) < 0 ||
            (err = add_badge(b, "notification_count", m->badge)) < 0 || (err = buf_putc(b, '}')) < 0)
            return err;
    }
    return buf_putc(b, '}');
}

static int fcm_apns(buf *b, const push_message *m, int64_t now_s)
{
    int err = buf_printf(b, ",\"apns\":{\"headers\":{\"apns-priority\":\"%d\",\"apns-expiration\":\"%lld\"",
                         m->urgent ? 10 : 5,
                         (long long)(m->ttl_s ? now_s + m->ttl_s : 0));

    if (err < 0 || (err = add_text(b, "apns-collapse-id", m->collapse)) < 0 ||
        (err = buf_puts(b, "},\"payload\":{\"aps\":{\"sound\":\"default\"")) < 0 ||
        (err = add_badge(b, "badge", m->badge)) < 0 ||
        (err = add_text(b, "thread-id", m->collapse)) < 0)
        return err;
    return buf_puts(b, "}}}");
}

static int fcm_web(buf *b, const push_message *m)
{
    int err = buf_printf(b, ",\"webpush\":{\"headers\":{\"TTL\":\"%lld\",\"Urgency\":\"%s\"",
                         (long long)m->ttl_s,
                         m->urgent ? "high" : "normal");

    if (err == 0)
        err = add_text(b, "Topic", m->collapse);
    return err < 0 ? err : buf_puts(b, "}}");
}

static int fcm(buf *b, const push_message *m, sio_str body, int64_t now_s)
{
    int err;

    if ((err = buf_puts(b, "{\"message\":{")) < 0 || (err = add_text(b, "token", m->token)) < 0)
        return err;
    if ((m->title.n || body.n) &&
        ((err = buf_puts(b, ",\"notification\":{")) < 0 || (err = add_text(b, "title", m->title)) < 0 ||
         (err = add_text(b, "body", body)) < 0 || (err = buf_putc(b, '}')) < 0))
        return err;
    if (m->data.n && (err = fcm_data(b, m->data)) < 0)
        return err;
    if ((err = fcm_android(b, m)) < 0 || (err = fcm_apns(b, m, now_s)) < 0 || (err = fcm_web(b, m)) < 0)
        return err;
    return buf_puts(b, "}}");
}

int push_body_fcm(buf *out, const push_message *m, int64_t now_s)
{
    return fit(out, PUSH_PAYLOAD_MAX, fcm, m, now_s);
}

/* ---- APNs ------------------------------------------------------------------------------------------- */

/* Beside "aps", which is Apple's. */
static int apns_data(buf *b, sio_str data)
{
    sio_str key, item;
    size_t at = 0;
    int err = 0;

    while (err == 0 && json_next(data, &at, &key, &item)) {
        if (json_equals(key, sio_lit("aps")))
            continue;
        if ((err = buf_putc(b, ',')) == 0 && (err = buf_add_str(b, key)) == 0 &&
            (err = buf_putc(b, ':')) == 0)
            err = buf_add_str(b, item);
    }
    return err;
}

static int apns(buf *b, const push_message *m, sio_str body, int64_t now_s)
{
    int err = buf_puts(b, "{\"aps\":{");

    (void)now_s;
    if (err == 0 && (m->title.n || body.n) &&
        ((err = buf_puts(b, "\"alert\":{")) < 0 || (err = add_text(b, "title", m->title)) < 0 ||
         (err = add_text(b, "body", body)) < 0 || (err = buf_puts(b, "},\"sound\":\"default\"")) < 0))
        return err;
    if (err < 0 || (err = add_badge(b, "badge", m->badge)) < 0 ||
        (err = add_text(b, "thread-id", m->collapse)) < 0 ||
        (err = buf_putc(b, '}')) < 0 || (err = apns_data(b, m->data)) < 0)
        return err;
    return buf_putc(b, '}');
}

int push_body_apns(buf *out, const push_message *m) { return fit(out, PUSH_PAYLOAD_MAX, apns, m, 0); }

/* ---- Expo ------------------------------------------------------------------------------------------- */

static int expo(buf *b, const push_message *m, sio_str body, int64_t now_s)
{
    int err;

    (void)now_s;
    if ((err = buf_putc(b, '{')) < 0 || (err = add_text(b, "to", m->token)) < 0 ||
        (err = add_text(b, "title", m->title)) < 0 ||
        (err = add_text(b, "body", body)) < 0 || (err = add_text(b, "collapseId", m->collapse)) < 0 ||
        (err = add_text(b, "tag", m->collapse)) < 0 || (err = add_badge(b, "badge", m->badge)) < 0 ||
        (err = add_int(b, "ttl", m->ttl_s)) < 0)
        return err;
    if (m->data.n && (err = buf_printf(b, ",\"data\":%.*s", (int)m->data.n, m->data.p)) < 0)
        return err;
    return buf_printf(b, ",\"sound\":\"default\",\"priority\":\"%s\"}", m->urgent ? "high" : "normal");
}

int push_body_expo(buf *out, const push_message *m) { return fit(out, PUSH_PAYLOAD_MAX, expo, m, 0); }
