/* Taking tokens back. For the HTTP API. */
#ifndef APP_AUTH_REVOKE_H
#define APP_AUTH_REVOKE_H

#include "app/app.h"

/* All tokens of the user that were issued up to now, or the token of that `jti`: they are refused from now
 * on (as long as JWT_REVOCATION_TTL says, on this node, until it ends), and whoever is connected with one
 * gets `error` token_revoked and is disconnected. With a user that is everybody connected as this user. 0;
 * SIO_EINVAL for an id that is empty or over 128 bytes; SIO_ELIMIT when 100,000 are remembered already;
 * SIO_ENOMEM. Any thread, while the server runs. */
int auth_revoke_user(app *a, sio_str user_id);
int auth_revoke_token(app *a, sio_str jti);

#endif
