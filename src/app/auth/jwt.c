#include "app/auth/jwt.h"
#include "app/auth/jwks.h"
#include "app/auth/jwt_int.h"
#include "base/base64.h"
#include "base/utf8.h"
#include "codec/json.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMBERS_MAX 64
#define ID_MAX      128
#define NAME_MAX_   256
#define URL_MAX     2048

struct jwt_verifier {
    jwt_key key;
    jwks   *keys; /* instead of key; under lock */
    pthread_mutex_t lock; /* for the moment of taking hold of keys */
    char   *issuer, *audience; /* NULL = not looked at */
    double  leeway_s;
    bool    require_exp;
    char    usual[64]; /* the header that nearly all tokens have, as it stands in them; empty with keys */
    size_t  nusual;
    void  (*on_unknown_key)(void *arg); /* NULL = nobody is told */
    void   *on_unknown_key_arg;
};

/* ---- life ------------------------------------------------------------------------------------------ */

void jwt_options_init(jwt_options *o) { *o = (jwt_options){.alg = JWT_HS256, .leeway_ms = 30000}; }

static int copy_text(char **out, const char *z)
{
    if (!z || !*z)
        return 0;
    *out = strdup(z);
    return *out ? 0 : SIO_ENOMEM;
}

/* What the libraries write: with one key such a header need not be read. */
static void set_usual(jwt_verifier *v, jwt_alg alg)
{
    char header[40];
    int n = snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", jwt_alg_name(alg));

    v->nusual = base64url_encode(header, (size_t)n, v->usual);
}

int jwt_verifier_new(jwt_verifier **out, const jwt_options *o, char *err, size_t nerr)
{
    jwt_verifier *v = calloc(1, sizeof(*v));
    int rc = SIO_ENOMEM;

    if (!v || copy_text(&v->issuer, o->issuer) < 0 || copy_text(&v->audience, o->audience) < 0)
        snprintf(err, nerr, "out of memory");
    else if (o->keys)
        rc = 0;
    else
        rc = jwt_key_init(&v->key, o, err, nerr);
    if (rc < 0) {
        jwt_verifier_free(v);
        return rc;
    }
    pthread_mutex_init(&v->lock, NULL);
    v->keys = o->keys ? jwks_hold(o->keys) : NULL;
    if (!o->keys)
        set_usual(v, o->alg);
    v->leeway_s = (double)o->leeway_ms / 1000;
    v->require_exp = o->require_exp;
    *out = v;
    return 0;
}

void jwt_verifier_free(jwt_verifier *v)
{
    if (!v)
        return;
    jwt_key_fini(&v->key);
    jwks_drop(v->keys);
    free(v->issuer);
    free(v->audience);
    free(v);
}

int64_t jwt_verifier_leeway_ms(const jwt_verifier *v) { return (int64_t)(v->leeway_s * 1000); }

void jwt_verifier_set_keys(jwt_verifier *v, jwks *keys)
{
    jwks *old;

    jwks_hold(keys);
    pthread_mutex_lock(&v->lock);
    old = v->keys;
    v->keys = keys;
    pthread_mutex_unlock(&v->lock);
    jwks_drop(old);
}

void jwt_verifier_on_unknown_key(jwt_verifier *v, void (*fn)(void *arg), void *arg)
{
    v->on_unknown_key = fn;
    v->on_unknown_key_arg = arg;
}

/* The keys as they are now, held; NULL when there is one key. */
static jwks *take_keys(const jwt_verifier *v)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&v->lock;
    jwks *keys;

    if (v->nusual)
        return NULL;
    pthread_mutex_lock(lock);
    keys = v->keys ? jwks_hold(v->keys) : NULL;
    pthread_mutex_unlock(lock);
    return keys;
}

/* ---- objects --------------------------------------------------------------------------------------- */

/* The members of an object with their names unescaped. */
typedef struct members {
    unsigned n;
    sio_str  name[MEMBERS_MAX], value[MEMBERS_MAX];
    char    *spare; /* where unescaped text goes: all of it is never longer than the object */
} members;

/* The text of a JSON string. */
static sio_str unescape(members *m, sio_str raw)
{
    sio_str text;

    if (!json_plain(raw, &text)) {
        text = (sio_str){m->spare, json_unescape(raw, m->spare)};
        m->spare += text.n;
    }
    return text;
}

static bool members_has(const members *m, sio_str name, sio_str *value)
{
    for (unsigned i = 0; i < m->n; i++) {
        if (sio_str_eq(m->name[i], name)) {
            *value = m->value[i];
            return true;
        }
    }
    return false;
}

/* `text` has n bytes of JSON and as much room behind them. NULL or what is wrong. */
static const char *members_read(members *m, char *text, size_t n)
{
    sio_str object, name, value, other;
    size_t at = 0;

    m->n = 0;
    m->spare = text + n;
    if (!json_valid((sio_str){text, n}, &object) || json_kind_of(object) != JSON_OBJECT)
        return "not a JSON object";
    while (json_next(object, &at, &name, &value)) {
        name = unescape(m, name);
        if (members_has(m, name, &other))
            return "a claim is given twice";
        if (m->n == MEMBERS_MAX)
            return "too many claims";
        m->name[m->n] = name;
        m->value[m->n++] = value;
    }
    return NULL;
}

/* A text claim of at most max bytes; absent or null leaves *out with p NULL. Each claim once: see
 * members.spare. */
static const char *member_text(members *m, const char *name, size_t max, sio_str *out)
{
    sio_str raw, text;

    *out = (sio_str){NULL, 0};
    if (!members_has(m, sio_str_z(name), &raw) || json_kind_of(raw) == JSON_NULL)
        return NULL;
    if (json_kind_of(raw) != JSON_STRING)
        return "a claim has the wrong type";
    text = unescape(m, raw);
    if (text.n > max || !utf8_valid(text.p, text.n)) /* lone surrogates would get through here */
        return "a claim is too long or not UTF-8";
    *out = text;
    return NULL;
}

/* ---- claims ---------------------------------------------------------------------------------------- */

/* NumericDate, fractions allowed; false when present and not a finite number. */
static const char *member_date(const members *m, const char *name, bool *has, double *out)
{
    sio_str raw;

    *has = members_has(m, sio_str_z(name), &raw);
    if (!*has)
        return NULL;
    if (json_kind_of(raw) != JSON_NUMBER || !isfinite(*out = json_double(raw)))
        return "a date is not a number";
    return NULL;
}

static const char *check_dates(const jwt_verifier *v, const members *m, int64_t now_ms, jwt_user *user)
{
    double now = (double)now_ms / 1000, exp = 0, nbf = 0, iat = 0;
    bool has_exp, has_nbf, has_iat = false;
    const char *why = member_date(m, "exp", &has_exp, &exp);

    if (!why)
        why = member_date(m, "nbf", &has_nbf, &nbf);
    if (!why)
        why = member_date(m, "iat", &has_iat, &iat);
    if (why)
        return why;
    if (!has_exp && v->require_exp)
        return "no expiry";
    if (has_exp && now >= exp + v->leeway_s)
        return "expired";
    if (has_nbf && now < nbf - v->leeway_s)
        return "not valid yet";
    user->issued_ms = has_iat && iat > 0 ? iat < 9e15 / 1000 ? (int64_t)(iat * 1000) : (int64_t)9e15 : 0;
    user->expires_ms = !has_exp ? 0 : exp < 9e15 / 1000 ? (int64_t)(exp * 1000) : (int64_t)9e15;
    return NULL;
}

static const char *check_issuer(const jwt_verifier *v, const members *m)
{
    sio_str raw;

    if (!v->issuer)
        return NULL;
    if (!members_has(m, sio_lit("iss"), &raw) || json_kind_of(raw) != JSON_STRING
        || !json_equals(raw, sio_str_z(v->issuer)))
        return "another issuer";
    return NULL;
}

static const char *check_audience(const jwt_verifier *v, const members *m)
{
    sio_str raw, item, want = sio_str_z(v->audience);
    size_t at = 0;

    if (!v->audience)
        return NULL;
    if (!members_has(m, sio_lit("aud"), &raw))
        return "no audience";
    if (json_kind_of(raw) == JSON_STRING)
        return json_equals(raw, want) ? NULL : "another audience";
    while (json_kind_of(raw) == JSON_ARRAY && json_next(raw, &at, NULL, &item)) {
        if (json_kind_of(item) == JSON_STRING && json_equals(item, want))
            return NULL;
    }
    return "another audience";
}

/* The id becomes part of room names and log lines. */
static bool id_is_fit(sio_str id)
{
    for (size_t i = 0; i < id.n; i++) {
        if ((unsigned char)id.p[i] < 0x20 || id.p[i] == 0x7f)
            return false;
    }
    return id.n > 0;
}

static const char *read_user(members *m, jwt_user *user)
{
    const char *why = member_text(m, "sub", ID_MAX, &user->id);

    if (!why && !user->id.p)
        why = member_text(m, "id", ID_MAX, &user->id);
    if (!why && !id_is_fit(user->id))
        why = "no usable sub or id";
    if (!why)
        why = member_text(m, "username", NAME_MAX_, &user->username);
    if (!why)
        why = member_text(m, "avatarUrl", URL_MAX, &user->avatar_url);
    if (!why)
        why = member_text(m, "jti", ID_MAX, &user->jti);
    return why;
}

static const char *check_claims(const jwt_verifier *v, members *m, int64_t now_ms, jwt_user *user)
{
    const char *why = check_dates(v, m, now_ms, user);

    if (!why)
        why = check_issuer(v, m);
    if (!why)
        why = check_audience(v, m);
    return why ? why : read_user(m, user);
}

/* ---- tokens ---------------------------------------------------------------------------------------- */

typedef struct parts {
    sio_str header, payload, sig, signed_text; /* base64url */
} parts;

static bool split(sio_str token, parts *p)
{
    const char *end = token.p + token.n, *a, *b;

    a = memchr(token.p, '.', token.n);
    b = a ? memchr(a + 1, '.', (size_t)(end - a - 1)) : NULL;
    if (!b || memchr(b + 1, '.', (size_t)(end - b - 1)))
        return false;
    p->header = (sio_str){token.p, (size_t)(a - token.p)};
    p->payload = (sio_str){a + 1, (size_t)(b - a - 1)};
    p->sig = (sio_str){b + 1, (size_t)(end - b - 1)};
    p->signed_text = (sio_str){token.p, (size_t)(b - token.p)};
    return true;
}

/* NULL with *key set. */
static const char *choose_key(const jwt_verifier *v, const jwks *keys, members *m, jwt_user *user,
                              const jwt_key **key)
{
    const char *why;
    sio_str kid;

    *key = &v->key;
    if (!keys)
        return NULL;
    why = member_text(m, "kid", JWKS_KID_MAX, &kid);
    if (why)
        return why;
    *key = jwks_find(keys, kid);
    user->unknown_key = !*key && kid.p;
    return *key ? NULL : kid.p ? "no key of that kid" : "names no key";
}

static const char *check_header(const jwt_verifier *v, const jwks *keys, sio_str encoded, members *m,
                                jwt_user *user, const jwt_key **key)
{
    char *scratch = user->text_;
    const char *why;
    sio_str raw;
    long n;

    *key = &v->key;
    if (!keys && sio_str_eq(encoded, (sio_str){v->usual, v->nusual}))
        return NULL;
    n = base64url_decode_strict(encoded.p, encoded.n, scratch);
    if (n < 0)
        return "header is not base64url";
    why = members_read(m, scratch, (size_t)n);
    if (why)
        return why;
    if (members_has(m, sio_lit("crit"), &raw))
        return "asks for an extension";
    why = choose_key(v, keys, m, user, key);
    if (why)
        return why;
    if (!members_has(m, sio_lit("alg"), &raw) || json_kind_of(raw) != JSON_STRING
        || !json_equals(raw, sio_str_z(jwt_alg_name((*key)->alg))))
        return "another algorithm";
    return NULL;
}

static const char *check_signature(const jwt_key *key, const parts *p, char *scratch)
{
    long n = base64url_decode_strict(p->sig.p, p->sig.n, scratch);

    if (n < 0)
        return "signature is not base64url";
    return jwt_key_verify(key, p->signed_text, (sio_str){scratch, (size_t)n}) ? NULL : "wrong signature";
}

/* The claims are parsed only when the signature holds. */
static const char *verify(const jwt_verifier *v, const parts *p, int64_t now_ms, jwt_user *user)
{
    jwks *keys = take_keys(v);
    const jwt_key *key;
    members m;
    const char *why = check_header(v, keys, p->header, &m, user, &key);
    long n;

    if (!why)
        why = check_signature(key, p, user->text_);
    jwks_drop(keys);
    if (why)
        return why;
    n = base64url_decode_strict(p->payload.p, p->payload.n, user->text_);
    if (n < 0)
        return "claims are not base64url";
    why = members_read(&m, user->text_, (size_t)n);
    return why ? why : check_claims(v, &m, now_ms, user);
}

int jwt_verify(const jwt_verifier *v, sio_str token, int64_t now_ms, jwt_user *user)
{
    parts p;

    user->id = user->username = user->avatar_url = user->jti = (sio_str){NULL, 0};
    user->expires_ms = user->issued_ms = 0;
    user->unknown_key = false;
    if (token.n > JWT_MAX)
        user->why = "too long";
    else if (!token.p || !split(token, &p))
        user->why = "not a token";
    else
        user->why = verify(v, &p, now_ms, user);
    if (user->unknown_key && v->on_unknown_key)
        v->on_unknown_key(v->on_unknown_key_arg);
    return user->why ? SIO_EINVAL : 0;
}

static int add_base64url(buf *out, const void *p, size_t n)
{
    int err = buf_reserve(out, BASE64_LEN(n));

    if (err < 0)
        return err;
    out->n += base64url_encode(p, n, out->p + out->n);
    return 0;
}

int jwt_sign_hs256(buf *out, sio_str secret, sio_str claims)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    unsigned char mac[32];
    size_t start = out->n;
    int err = add_base64url(out, header, sizeof(header) - 1);

    if (err == 0)
        err = buf_putc(out, '.');
    if (err == 0)
        err = add_base64url(out, claims.p, claims.n);
    if (err == 0 && !jwt_hmac_sha256(secret, (sio_str){out->p + start, out->n - start}, mac))
        err = SIO_ENOMEM;
    if (err == 0)
        err = buf_putc(out, '.');
    return err < 0 ? err : add_base64url(out, mac, sizeof(mac));
}
