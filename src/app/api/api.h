/* The HTTP API for other services, below /api/v1: events, notifications, emits, rooms and members, presence,
 * histories. What there is stands in one table (api_routes.c), which dispatches requests and describes itself
 * as /api/v1/openapi.json. */
#ifndef APP_API_API_H
#define APP_API_API_H

#include "app/app.h"

/* Installs it; what api_act.h does needs no a->opt.api_key, the rest does. Before sio_server_run.
 * 0, SIO_ENOMEM. */
int  api_attach(app *a);
/* Behind sio_server_free: frees requests that were under way. */
void api_fini(app *a);

#endif
