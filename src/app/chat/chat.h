/* Chat: rooms, messages, typing. The events are those of the catalogue; the rules are at each handler. */
#ifndef APP_CHAT_CHAT_H
#define APP_CHAT_CHAT_H

#include "app/app.h"

/* Installs the handlers of chat:* on a->ns. 0, SIO_ENOMEM. */
int chat_attach(app *a);

#endif
