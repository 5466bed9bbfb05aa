/* Web Push: RFC 8030 with the encryption of RFC 8291 and the identification of RFC 8292. */
#include "base/base64.h"
#include "base/rand.h"
#include "codec/json.h"
#include "push/push_address.h"
#include "push/push_int.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define ORIGIN_MAX   300
#define ORIGINS      16
#define LIFE_S       43200          /* of a token; the RFC allows 24 hours */
#define RENEW_S      3600           /* before its end */
#define KEY_TEXT_MAX (BASE64_LEN(PUSH_POINT) + 1)

/* A token for one push service: signing takes longer than all the rest, and services like to see
 * the same one. */
typedef struct pass {
    char    origin[ORIGIN_MAX];
    int64_t expires_s;
    buf     jwt;
} pass;

struct push_web {
    EVP_PKEY *key;
    char     *subject;
    char      public_key[KEY_TEXT_MAX];
    pass      passes[ORIGINS];
    unsigned  next;                 /* the one to be replaced */
};

/* ---- subscriptions ---------------------------------------------------------------------------------- */

/* Raw bytes of base64url, as browsers write it, or base64, as libraries do; exactly want. */
static bool get_bytes(sio_str object, const char *name, uint8_t *out, size_t want)
{
    char bytes[BASE64_LEN(PUSH_POINT) + 3];
    sio_str raw, text;

    if (!json_get(object, sio_str_z(name), &raw) || !json_plain(raw, &text) || text.n > BASE64_LEN(want))
        return false;
    if (base64_decode_lenient(text.p, text.n, bytes) != want)
        return false;
    memcpy(out, bytes, want);
    return true;
}

/* A port below 1024 other than 443 belongs to another protocol. */
static bool port_is_good(CURLU *u, char out[8])
{
    char *port = NULL;
    long n = 443;

    if (curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK)
        n = strtol(port, NULL, 10);
    curl_free(port);
    *out = 0;
    if (n != 443)
        snprintf(out, 8, ":%ld", n);
    return n == 443 || (n >= 1024 && n <= 65535);
}

static bool host_is_good(const char *host, bool allow_private)
{
    char plain[ORIGIN_MAX];
    size_t n = strlen(host);

    if (n == 0 || n > 253)
        return false;
    snprintf(plain, sizeof(plain), "%s", host[0] == '[' ? host + 1 : host);
    plain[strcspn(plain, "]")] = 0;
    if (allow_private)
        return true;
    if (push_address_is_literal(plain))
        return push_address_text_is_public(plain);
    /* Names that only a private network has: a dot is in every other, and this machine's name has none. */
    return strchr(plain, '.') != NULL && strcasecmp(plain, "localhost.") != 0;
}

static bool has_part(CURLU *u, CURLUPart what)
{
    char *part = NULL;
    bool has = curl_url_get(u, what, &part, 0) == CURLUE_OK;

    curl_free(part);
    return has;
}

static bool url_is_good(CURLU *u, bool allow_private, char *origin)
{
    char *scheme = NULL, *host = NULL, port[8];
    bool good = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK && strcmp(scheme, "https") == 0 &&
                curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && !has_part(u, CURLUPART_USER) &&
                !has_part(u, CURLUPART_PASSWORD) && !has_part(u, CURLUPART_FRAGMENT) &&
                port_is_good(u, port) &&
                host_is_good(host, allow_private);

    if (good && origin) {
        snprintf(origin, ORIGIN_MAX, "https://%s%s", host, port);
        for (char *p = origin; *p; p++)
            *p = (char)tolower((unsigned char)*p);
    }
    curl_free(scheme);
    curl_free(host);
    return good;
}

static bool read_url(sio_str raw, bool allow_private, char *url, char *origin)
{
    CURLU *u = NULL;
    char text[PUSH_TOKEN_MAX + 1];
    bool good = false;
    size_t n;

    if (json_kind_of(raw) != JSON_STRING || raw.n > PUSH_TOKEN_MAX || !(u = curl_url()))
        return false;
    n = json_unescape(raw, text);
    text[n] = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            goto out; /* a 0 byte, too */
    }
    good = curl_url_set(u, CURLUPART_URL, text, 0) == CURLUE_OK && url_is_good(u, allow_private, origin);
    if (good && url)
        memcpy(url, text, n + 1);
out:
    curl_url_cleanup(u);
    return good;
}

bool push_subscription_read(sio_str token, bool allow_private, char *url, char *origin, push_keys *keys)
{
    sio_str value, endpoint, list;
    EVP_PKEY *point;

    if (token.n > PUSH_TOKEN_MAX || !json_valid(token, &value) ||
        !json_get(value, sio_lit("endpoint"), &endpoint) ||
        !json_get(value, sio_lit("keys"), &list) || !get_bytes(list, "p256dh", keys->point, PUSH_POINT) ||
        !get_bytes(list, "auth", keys->auth, PUSH_AUTH) || !read_url(endpoint, allow_private, url, origin))
        return false;
    point = keys->point[0] == 4 ? push_key_of_point(keys->point) : NULL;
    EVP_PKEY_free(point);
    return point != NULL;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static bool subject_is_good(const char *s)
{
    if (!s || strlen(s) > 255 || (strncmp(s, "mailto:", 7) != 0 && strncmp(s, "https://", 8) != 0))
        return false;
    for (; *s; s++) {
        if (*s <= ' ' || *s > '~')
            return false;
    }
    return true;
}

int push_web_open(push_web **out, const push_options *o, char *err, size_t nerr)
{
    push_web *w;
    uint8_t point[PUSH_POINT];
    int rc;

    if (!o->vapid_key_file)
        return 0;
    if (!subject_is_good(o->vapid_subject)) {
        snprintf(err, nerr,
                 "PUSH_VAPID_SUBJECT: must be a mailto: or https:// address of who runs this server");
        return SIO_EINVAL;
    }
    if (!(w = calloc(1, sizeof(*w))))
        abort();
    w->subject = push_strdup(o->vapid_subject);
    for (unsigned i = 0; i < ORIGINS; i++)
        buf_init(&w->passes[i].jwt, 4096);
    rc = push_read_key(&w->key, "PUSH_VAPID_KEY_FILE", o->vapid_key_file, err, nerr);
    if (rc == 0 && (rc = push_key_point(w->key, point)) < 0)
        snprintf(err, nerr, "PUSH_VAPID_KEY_FILE: no public key");
    if (rc < 0) {
        push_web_close(w);
        return rc;
    }
    w->public_key[base64url_encode(point, PUSH_POINT, w->public_key)] = 0;
    *out = w;
    return 0;
}

void push_web_close(push_web *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < ORIGINS; i++)
        buf_fini(&w->passes[i].jwt);
    EVP_PKEY_free(w->key);
    free(w->subject);
    free(w);
}

const char *push_web_public_key(const push_web *w) { return w->public_key; }

/* ---- sending ---------------------------------------------------------------------------------------- */

static int make_jwt(push_web *w, pass *a)
{
    static const sio_str header = SIO_STR("{\"typ\":\"JWT\",\"alg\":\"ES256\"}");
    buf claims;
    int err;

    buf_init(&claims, 2048);
    if ((err = buf_puts(&claims, "{\"aud\":")) == 0 &&
        (err = json_quote(&claims, sio_str_z(a->origin))) == 0 &&
        (err = buf_printf(&claims, ",\"exp\":%lld,\"sub\":", (long long)a->expires_s)) == 0 &&
        (err = json_quote(&claims, sio_str_z(w->subject))) == 0 && (err = buf_putc(&claims, '}')) == 0)
        err = push_jwt(&a->jwt, w->key, header, buf_str(&claims));
    buf_fini(&claims);
    return err;
}

/* NULL when it cannot be signed. */
static const pass *pass_for(push_web *w, const char *origin, int64_t now_s)
{
    pass *a = NULL;

    for (unsigned i = 0; i < ORIGINS && !a; i++) {
        if (strcmp(w->passes[i].origin, origin) == 0)
            a = &w->passes[i];
    }
    if (a && a->expires_s - now_s > RENEW_S && a->expires_s - now_s <= LIFE_S)
        return a;
    if (!a)
        a = &w->passes[w->next++ % ORIGINS];
    snprintf(a->origin, sizeof(a->origin), "%s", origin);
    a->expires_s = now_s + LIFE_S;
    a->jwt.n = 0;
    if (make_jwt(w, a) == 0)
        return a;
    a->origin[0] = 0;
    return NULL;
}

static int encrypt(buf *out, const push_message *m, const push_keys *keys)
{
    EVP_PKEY *sender = push_key_make();
    uint8_t salt[PUSH_SALT];
    buf text;
    int err = sender ? 0 : SIO_ENOMEM;

    buf_init(&text, PUSH_PLAIN_MAX);
    rand_bytes(salt, sizeof(salt));
    if (err == 0 && (err = push_body_web(&text, m)) == 0)
        err = push_encrypt(out, keys, sender, salt, buf_str(&text));
    if (text.p)
        explicit_bzero(text.p, text.n);
    buf_fini(&text);
    EVP_PKEY_free(sender);
    return err;
}

static void on_answer(push_call *c)
{
    push_verdict v;

    if (!push_call_failed(c, &v))
        v = push_answer_web(c->status, buf_str(&c->answer));
    push_done(c->arg, &v, c);
}

static void add_headers(push_call *c, const push_web *w, const pass *a, const push_message *m)
{
    push_call_header(c, "TTL: %lld", (long long)m->ttl_s);
    push_call_header(c, "Content-Encoding: aes128gcm");
    push_call_header(c, "Content-Type: application/octet-stream");
    push_call_header(c, "Urgency: %s", m->urgent ? "high" : "normal");
    if (m->collapse.n)
        push_call_header(c, "Topic: %.*s", (int)m->collapse.n, m->collapse.p);
    push_call_header(c, "Authorization: vapid t=%.*s, k=%s", (int)a->jwt.n, a->jwt.p, w->public_key);
}

void push_web_send(push *p, push_job *j)
{
    static const push_verdict bad = {.outcome = PUSH_GONE, .reason = "not a subscription of Web Push"},
                              large = {.outcome = PUSH_REFUSED, .reason = "too large"},
                              broken = {.outcome = PUSH_LATER, .retry_ms = -1,
                                        .reason = "cannot be encrypted now"};
    char url[PUSH_TOKEN_MAX + 1], origin[ORIGIN_MAX];
    push_keys keys;
    const pass *a;
    push_call *c;
    int err;

    if (!push_subscription_read(j->m.token, p->allow_private, url, origin, &keys)) {
        push_done(j, &bad, NULL);
        return;
    }
    c = push_call_new(p, url, on_answer, j);
    a = pass_for(p->web, origin, push_wall_s());
    err = a ? encrypt(&c->sent, &j->m, &keys) : SIO_EIO;
    if (err < 0) {
        push_call_free(c);
        push_done(j, err == SIO_ETOOBIG ? &large : &broken, NULL);
        return;
    }
    add_headers(c, p->web, a, &j->m);
    push_call_guard(c);
    push_call_start(c);
}
