/* A socket's session as other servers see it: JSON, in the form of the seed's socket.data. */
#ifndef APP_SESSION_H
#define APP_SESSION_H

#include "app/app.h"

/* {"user": {"id", "username", "avatarUrl"}} from malloc, as sio_ns_options.data_show; NULL without a user. */
char *session_show(const void *data);
/* Fills in the user only; the guard, which runs again for a client recovered from another server, does the
 * rest. As sio_ns_options.data_load. */
int   session_load(void *data, sio_val shown);

#endif
