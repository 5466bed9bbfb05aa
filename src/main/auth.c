#include "main/auth.h"

#include "base/utf8.h"
#include "codec/json.h"

#include <string.h>
#include <time.h>

#define CLAIMS_MAX     16384
#define FETCH_PATIENCE 10000 /* ms */

static int make_verifier(auth *a, config_error *err)
{
    const config *c = a->config;
    jwt_options o;
    char why[400];

    jwt_options_init(&o);
    o.alg = (jwt_alg)c->jwt_alg; /* config.def lists them in the order of the enum */
    o.secret = a->secret;
    o.key_file = c->jwt_public_key_file;
    o.keys = a->keys;
    o.issuer = c->jwt_issuer;
    o.audience = c->jwt_audience;
    o.leeway_ms = c->jwt_leeway;
    o.require_exp = c->jwt_require_exp;
    if (jwt_verifier_new(&a->verifier, &o, why, sizeof(why)) == 0)
        return 0;
    snprintf(err->text, sizeof(err->text), "token key: %s", why);
    return -1;
}

int auth_init(auth *a, const config *c, auth_demo demo, config_error *err)
{
    char why[400];

    memset(a, 0, sizeof(*a));
    a->config = c;
    if (c->jwt_jwks_url)
        return 0; /* auth_fetch */
    if (c->jwt_jwks_file) {
        if (jwks_read_file(&a->keys, c->jwt_jwks_file, why, sizeof(why)) < 0) {
            snprintf(err->text, sizeof(err->text), "token keys: %s", why);
            return -1;
        }
    } else if ((jwt_alg)c->jwt_alg == JWT_HS256 && c->jwt_secret) {
        a->secret = c->jwt_secret;
    } else if ((jwt_alg)c->jwt_alg == JWT_HS256) {
        if (demo == AUTH_NO_DEMO) {
            snprintf(err->text, sizeof(err->text),
                     "no key to check tokens with: set JWT_SECRET (or JWT_SECRET_FILE), or JWT_ALG and "
                     "JWT_PUBLIC_KEY_FILE; "
                     "to try it out: partyline serve --demo");
            return -1;
        }
        if (demo_secret_load(&a->demo, c, demo == AUTH_DEMO_MAKE, err) < 0)
            return -1;
        a->secret = a->demo.text;
        a->is_demo = true;
    }
    return make_verifier(a, err);
}

int auth_fetch(auth *a, config_error *err)
{
    const config *c = a->config;
    jwks_fetch_options o = {.url = c->jwt_jwks_url, .refresh_ms = c->jwt_jwks_refresh,
                            .pause_ms = c->jwt_jwks_pause,
                            .patience_ms = FETCH_PATIENCE};
    char why[400];

    if (!c->jwt_jwks_url)
        return 0;
    if (jwks_fetch_new(&a->fetch, &o, &a->keys, why, sizeof(why)) < 0) {
        snprintf(err->text, sizeof(err->text), "token keys: %s", why);
        return -1;
    }
    if (make_verifier(a, err) < 0)
        return -1;
    if (jwks_fetch_run(a->fetch, a->verifier) == 0)
        return 0;
    snprintf(err->text, sizeof(err->text), "token keys: cannot make a thread");
    return -1;
}

void auth_fini(auth *a)
{
    jwks_fetch_free(a->fetch);
    a->fetch = NULL;
    jwt_verifier_free(a->verifier);
    jwks_drop(a->keys);
    a->keys = NULL;
    explicit_bzero(&a->demo, sizeof(a->demo));
    a->verifier = NULL;
}

static int add_text(buf *b, const char *key, sio_str text)
{
    int err;

    if (!text.p)
        return 0;
    if ((err = buf_printf(b, "%s\"%s\":", b->n > 1 ? "," : "", key)) < 0)
        return err;
    return json_quote(b, text);
}

static int add_claims(buf *b, const auth *a, const auth_claims *claims, int64_t now_s)
{
    int err;

    if ((err = buf_putc(b, '{')) < 0 || (err = add_text(b, "sub", claims->id)) < 0 ||
        (err = add_text(b, "username", claims->username)) < 0 ||
        (err = add_text(b, "avatarUrl", claims->avatar_url)) < 0 ||
        (err = add_text(b, "iss", sio_str_z(a->config->jwt_issuer))) < 0 ||
        (err = add_text(b, "aud", sio_str_z(a->config->jwt_audience))) < 0)
        return err;
    return buf_printf(b, ",\"iat\":%lld,\"exp\":%lld}", (long long)now_s,
                      (long long)(now_s + claims->life_ms / 1000));
}

/* The check that every client's token goes through decides what may be signed. */
static int check(const auth *a, sio_str token, int64_t now_s, const char **why)
{
    jwt_user user;

    if (jwt_verify(a->verifier, token, now_s * 1000, &user) == 0)
        return 0;
    *why = user.why;
    return SIO_EINVAL;
}

int auth_token(const auth *a, const auth_claims *claims, buf *out, const char **why)
{
    size_t before = out->n;
    time_t now = time(NULL);
    buf text;
    int err;

    *why = "there is no key to sign with: tokens come from whoever has the private key";
    if (!a->secret)
        return SIO_EINVAL;
    *why = "not valid UTF-8";
    if (!utf8_valid(claims->id.p, claims->id.n) || !utf8_valid(claims->username.p, claims->username.n) ||
        !utf8_valid(claims->avatar_url.p, claims->avatar_url.n))
        return SIO_EINVAL;
    buf_init(&text, CLAIMS_MAX);
    err = add_claims(&text, a, claims, now);
    if (err == 0)
        err = jwt_sign_hs256(out, sio_str_z(a->secret), buf_str(&text));
    if (err == 0)
        err = check(a, (sio_str){out->p + before, out->n - before}, now, why);
    if (err < 0) {
        out->n = before;
        if (err != SIO_EINVAL)
            *why = sio_strerror(err);
    }
    buf_fini(&text);
    return err;
}
