/* Chat: rooms, messages and what becomes of them, typing, what was read. The events are those of the
 * catalogue; the rules are at each handler. */
#ifndef APP_CHAT_CHAT_H
#define APP_CHAT_CHAT_H

#include "app/app.h"

/* Installs the handlers of chat:* on a->ns. 0, SIO_ENOMEM. */
int  chat_attach(app *a);
/* After sio_server_run returned, before sio_server_free. Also when there was no chat_attach. */
void chat_detach(app *a);
/* Any thread: after a while without them, what other servers send arrives again. What the rooms here have
 * missed is read from the database. Nothing happens without a cluster. */
void chat_cluster_up(app *a);
/* The socket's connection is lost, its rooms are still there: it no longer types. */
void chat_disconnecting(sio_socket *s);

#endif
