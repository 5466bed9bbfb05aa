/* The HTTP API for other services, below /api/v1: events, notifications, emits, rooms and members, presence,
 * histories. What there is stands in one table (api_routes.c), which dispatches requests and describes itself
 * as /api/v1/openapi.json. */
#ifndef APP_API_API_H
#define APP_API_API_H

#include "app/app.h"

/* Installs it, or nothing when a->opt.api_key is NULL. Behind the other modules, before sio_server_run. 0,
 * SIO_ENOMEM. */
int api_attach(app *a);

#endif
