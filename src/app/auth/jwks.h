/* Sets of public keys: JSON Web Key Sets (RFC 7517, RFC 7518 section 6, RFC 8037), as identity providers
 * publish them.  Each key is for one algorithm: the one it names, or the one its kind has here (RSA: RS256,
 * P-256: ES256, Ed25519: EdDSA). A token chooses a key by `kid`, never an algorithm. Keys for other
 * purposes, of other kinds or that are too weak are left out. */
#ifndef APP_AUTH_JWKS_H
#define APP_AUTH_JWKS_H

#include "app/auth/jwt.h"

#define JWKS_TEXT_MAX 262144 /* bytes of a document */
#define JWKS_KEYS_MAX 64     /* keys that are used */
#define JWKS_KID_MAX  256    /* bytes of a name */

typedef struct jwks jwks; /* immutable, counted */

/* Reads a document. 0; SIO_EPARSE (no such document), SIO_EINVAL (a name given twice, no usable key, too
 * many), SIO_ETOOBIG, SIO_ENOMEM, with one line in err (nerr bytes). Keys that are left out are logged
 * (debug). Any thread. */
int jwks_parse(jwks **out, sio_str text, char *err, size_t nerr);
/* The same from a file; also SIO_EIO. */
int jwks_read_file(jwks **out, const char *path, char *err, size_t nerr);
jwks *jwks_hold(jwks *set); /* any thread */
void jwks_drop(jwks *set);  /* any thread; NULL is allowed */
size_t jwks_len(const jwks *set);

#endif
