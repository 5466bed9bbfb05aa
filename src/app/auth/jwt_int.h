/* Between jwt.c (what a token says) and jwt_key.c (whether its signature holds). */
#ifndef APP_AUTH_JWT_INT_H
#define APP_AUTH_JWT_INT_H

#include "app/auth/jwt.h"

#include <openssl/evp.h>

typedef struct jwt_hmac jwt_hmac;

typedef struct jwt_key {
    jwt_alg      alg;
    jwt_hmac    *hmac; /* HS256; owned */
    EVP_PKEY    *pkey; /* the others; owned */
} jwt_key;

/* The name in the header. */
const char *jwt_alg_name(jwt_alg alg);
/* What is wrong with the key for this algorithm, NULL when nothing. */
const char *jwt_pkey_fault(const EVP_PKEY *pkey, jwt_alg alg);
struct jwks;
/* The key of that name (p NULL: the only one), or NULL. It lives as long as the set. */
const jwt_key *jwks_find(const struct jwks *set, sio_str kid);
/* As jwt_verifier_new. jwt_key_fini works on a zeroed key too. */
int  jwt_key_init(jwt_key *k, const jwt_options *o, char *err, size_t nerr);
void jwt_key_fini(jwt_key *k);
/* Whether `sig` is the signature of `text` under this key and its algorithm. */
bool jwt_key_verify(const jwt_key *k, sio_str text, sio_str sig);
/* 32 bytes; false when OpenSSL fails. */
bool jwt_hmac_sha256(sio_str secret, sio_str text, unsigned char out[32]);

#endif
