/* The event bus: what other services say over Redis reaches the clients, PARTY_LIVE above all.
 *
 * An event is {"type", "payload", "id"?}: PARTY_LIVE, PARTY_MEDIA_ADDED and PARTY_STATUS_CHANGED as POST
 * /api/v1/events takes them, NOTIFICATION with the payload of POST /notifications, EMIT with that of POST
 * /emit. It comes by two ways, and a third is for services that have BullMQ.
 *
 *   Channel (PUBLISH): every server hears it. Without an id each tells its own clients of party events; with
 *   one it is done once for all servers, as are NOTIFICATION and EMIT, which need one. At most once: what
 *   nobody listened to is lost.
 *
 *   Stream (XADD, fields type, payload and id, or data with all three as JSON): a consumer group shared by
 *   all servers. At least once, and with the id (the entry's own, when there is none) once in effect: what a
 *   server that died had taken, another takes over. What can never be done goes to the stream <name>:refused
 *   with the reason.
 *
 *   Queue (Queue.add of bullmq to opt.inbox_queue): `notification` and `emit` with those payloads as data,
 *   `party-event` with {type, payload}. Bad data fails the job for good, with a reason that names the
 *   field. */
#ifndef APP_BUS_BUS_H
#define APP_BUS_BUS_H

#include "app/app.h"

/* Makes a->bus, or nothing without opt.redis_url. Behind the other modules, before sio_server_run. 0,
 * SIO_ENOMEM, SIO_EINVAL. */
int  bus_attach(app *a);
/* After sio_server_run returned, before sio_server_free. Also when there was no bus_attach. */
void bus_detach(app *a);

#endif
