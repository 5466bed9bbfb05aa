/* The key that tokens are checked and, for the demo and `partyline token`, signed with. */
#ifndef MAIN_AUTH_H
#define MAIN_AUTH_H

#include "app/auth/jwks.h"
#include "main/demo_secret.h"
#include "main/jwks_fetch.h"

typedef enum auth_demo {
    AUTH_NO_DEMO,   /* without a configured key there is none */
    AUTH_DEMO_READ, /* then the key of the demo, which must exist */
    AUTH_DEMO_MAKE  /* then the key of the demo, made when it does not exist */
} auth_demo;

typedef struct auth {
    const config *config;
    const char   *secret;   /* what to sign HS256 tokens with; NULL for the other algorithms */
    bool          is_demo;  /* it is the demo's key */
    demo_secret   demo;
    jwks         *keys;     /* with a key set; else NULL */
    jwt_verifier *verifier; /* NULL with keys by URL until auth_fetch */
    jwks_fetch   *fetch;    /* with keys by URL; else NULL */
} auth;

typedef struct auth_claims {
    sio_str id, username, avatar_url; /* UTF-8; avatar_url.p may be NULL */
    int64_t life_ms;
} auth_claims;

/* Chooses the key by the settings, which must outlive *a. 0, or -1 with *err set. */
int  auth_init(auth *a, const config *c, auth_demo demo, config_error *err);
void auth_fini(auth *a);
/* With keys by URL: gets them, which may take a while, and keeps them up to date from now on; else nothing.
 * Before the verifier is used. 0, or -1 with *err set. */
int  auth_fetch(auth *a, config_error *err);
/* Appends a token that this server accepts. 0; SIO_EINVAL with *why (static text) for claims that it would
 * refuse, or without a key to sign with; SIO_ENOMEM, SIO_ETOOBIG. Any thread. */
int  auth_token(const auth *a, const auth_claims *claims, buf *out, const char **why);

#endif
