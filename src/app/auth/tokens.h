/* Tokens of those who are connected: they expire, are renewed and taken back. */
#ifndef APP_AUTH_TOKENS_H
#define APP_AUTH_TOKENS_H

#include "app/app.h"

/* The handler of auth:refresh, and a wheel of time for each loop. 0, SIO_ENOMEM; tokens_detach also when
 * that failed, after sio_server_run returned. */
int tokens_attach(app *a);
void tokens_detach(app *a);

/* In the guard: takes down what the token says. False when it was revoked. */
bool tokens_admit(app *a, token_session *me, const jwt_user *user);
void tokens_came(sio_socket *s); /* connected, perhaps by recovery and without a guard */
void tokens_goes(sio_socket *s); /* disconnecting */

#endif
