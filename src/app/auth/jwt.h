/* JSON Web Tokens (RFC 7519, signed as RFC 7515 compact): who is this client?
 *
 * The algorithm is part of the configuration and of the key, never a choice of the token: a token whose
 * header names another one is refused before its signature is looked at. A verifier has one key, or a set of
 * keys of which the token names one (`kid`), and may be used by all threads. */
#ifndef APP_AUTH_JWT_H
#define APP_AUTH_JWT_H

#include "base/buf.h"
#include "sio_err.h"
#include "sio_val.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JWT_MAX 8192 /* bytes of a token */

typedef enum jwt_alg { JWT_HS256, JWT_RS256, JWT_ES256, JWT_EDDSA } jwt_alg;

typedef struct jwt_options {
    jwt_alg     alg;
    const char *secret;      /* HS256: the key as text, 32 bytes or more are advised (a warning is logged) */
    const char *key_file;    /* the others: PEM file with a public key or an X.509 certificate */
    struct jwks *keys;       /* instead of the three above: jwks.h; held by the verifier. NULL = none */
    const char *issuer;      /* `iss` must be this; NULL = not looked at */
    const char *audience;    /* `aud` must be or contain this; NULL = not looked at */
    int64_t     leeway_ms;   /* how far clocks may differ */
    bool        require_exp; /* a token without `exp` is refused */
} jwt_options;

typedef struct jwt_verifier jwt_verifier;

/* HS256, 30 s of leeway, `exp` optional: the tokens that this server has to accept are not known to carry
 * it. An `exp` that is there always counts. */
void jwt_options_init(jwt_options *o);

/* 0, or SIO_EINVAL, SIO_EIO, SIO_ENOMEM with one line in err (nerr bytes) that names the problem: no
 * secret, a PEM key given as secret, a file without a key, a key of another kind, RSA below 2048 bits, a
 * curve other than P-256. */
int  jwt_verifier_new(jwt_verifier **out, const jwt_options *o, char *err, size_t nerr);
void jwt_verifier_free(jwt_verifier *v); /* NULL is allowed */

/* Other keys from now on, for a verifier made with keys; held by it. Any thread. */
void jwt_verifier_set_keys(jwt_verifier *v, struct jwks *keys);
/* Calls fn(arg) whenever a token is refused since its kid is in no key: on the thread that checks, so fn must
 * not block. Before other threads use the verifier. */
void jwt_verifier_on_unknown_key(jwt_verifier *v, void (*fn)(void *arg), void *arg);
int64_t jwt_verifier_leeway_ms(const jwt_verifier *v);

/* What a good token says. */
typedef struct jwt_user {
    sio_str     id;            /* `sub`, or `id`: 1 to 128 bytes without control characters */
    sio_str     username;      /* p NULL when absent; at most 256 bytes */
    sio_str     avatar_url;    /* `avatarUrl`; p NULL when absent; at most 2048 bytes */
    int64_t     expires_ms;    /* since 1970, leeway not added; 0 = never */
    int64_t     issued_ms;     /* `iat`, since 1970; 0 = not said */
    sio_str     jti;           /* the token's own id; p NULL when absent; at most 128 bytes */
    bool        unknown_key;   /* after a refusal: its kid is in no key; perhaps the set is old */
    const char *why;           /* after a refusal: the reason for the log, static text */
    char        text_[JWT_MAX / 4 * 3 * 2 + 8]; /* claims and unescaped text; views point here: do not copy */
} jwt_user;

/* Checks the token as a whole at the time now_ms (since 1970). 0, or SIO_EINVAL with user->why. Refused
 * are also: tokens over JWT_MAX, anything but strict base64url, `crit` of any kind (no extension is
 * understood here), a claim given twice, more than 64 claims, text that is not valid UTF-8, claims of the
 * wrong type. Any thread; no allocation but OpenSSL's own. */
int  jwt_verify(const jwt_verifier *v, sio_str token, int64_t now_ms, jwt_user *user);

/* Appends a token for the claims, a JSON object as text that you vouch for. 0, SIO_ENOMEM, SIO_ETOOBIG. */
int  jwt_sign_hs256(buf *out, sio_str secret, sio_str claims);

#endif
