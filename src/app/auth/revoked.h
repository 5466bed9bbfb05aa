/* What was taken back before it expired: users' tokens up to a moment, and single tokens. In memory, for a
 * time that should be no shorter than tokens live. */
#ifndef APP_AUTH_REVOKED_H
#define APP_AUTH_REVOKED_H

#include "sio_err.h"
#include "sio_val.h"

#define REVOKED_MAX    100000 /* entries */
#define REVOKED_ID_MAX 128    /* bytes of a user's or token's id */

typedef struct revoked revoked;

revoked *revoked_new(int64_t ttl_ms); /* NULL without memory */
void revoked_free(revoked *r);        /* NULL is allowed */
/* From now on (milliseconds since 1970) and for the ttl. 0; SIO_EINVAL for an id that is empty or too long;
 * SIO_ELIMIT when there are too many: none is ever dropped before its time; SIO_ENOMEM. Any thread. */
int revoked_add_user(revoked *r, sio_str id, int64_t now_ms);
int revoked_add_token(revoked *r, sio_str jti, int64_t now_ms);
/* Whether a token of this user, issued then (0 = it does not say), with this id (p NULL = none) counts no
 * more. A user's tokens of the very second of the revocation do not: `iat` tells no less. Any thread. */
bool revoked_has(revoked *r, sio_str user_id, int64_t issued_ms, sio_str jti, int64_t now_ms);

#endif
