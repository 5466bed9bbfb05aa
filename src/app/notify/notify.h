/* Notifications: a user's list of what happened, on all devices. The events are those of the catalogue;
 * others (the HTTP API) add to the list with notify_store_add and then call notify_tell. */
#ifndef APP_NOTIFY_NOTIFY_H
#define APP_NOTIFY_NOTIFY_H

#include "app/app.h"
#include "app/notify/notify_store.h"

/* Installs the handlers on a->ns. Before sio_server_run. 0, or the error of sio_on. */
int     notify_attach(app *a);

/* A notification as clients see it: a view of this struct and of the notification. */
typedef struct notify_val {
    sio_val item[14];
    char    created_at[APP_ISO_SIZE];
} notify_val;
sio_val notify_val_make(notify_val *v, const notify_note *n);

/* Any thread, after the commit: notification:new to the user's devices. */
void    notify_tell(app *a, const notify_note *n);

#endif
