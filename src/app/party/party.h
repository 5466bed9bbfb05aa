/* Live parties: who watches, how many, what happens there. The events are those of the catalogue;
 * party_join.c says who may watch, party_hall.h how viewers are counted and what the others hear of it.
 * Each party belongs to one loop, chosen by the id; sockets of all loops report to it. */
#ifndef APP_PARTY_PARTY_H
#define APP_PARTY_PARTY_H

#include "app/app.h"
#include "redis/redis.h"

#define PARTY_WATCH_MAX 100 /* parties a socket watches */

/* Makes a->party and installs the handlers of party:* on a->ns. Before sio_server_run. 0, SIO_ENOMEM. */
int  party_attach(app *a);
/* After sio_server_run returned, before sio_server_free. Also when there was no party_attach. */
void party_detach(app *a);

/* For the handlers of app.c: a socket came (with its parties, if it was recovered); it is leaving; its
 * session dies. */
void party_came(sio_socket *s);
void party_goes(sio_socket *s, const char *reason);
void party_session_free(app_session *session);

/* For shared.c, on that loop: from now on viewers are counted with those of the other servers through r, and
 * written again; NULL: no more. */
void party_redis(app *a, unsigned loop, redis *r);
/* On loop 0: removes the viewers that loop number `index` of a dead server had counted. goes_on is
 * asked before each part, done called in the end. 0, SIO_ENOMEM, or that of redis_command, and done
 * is not called. */
int  party_sweep(app *a, redis *r, sio_str code, unsigned index, bool (*goes_on)(void *arg),
                 void (*done)(void *arg, int err), void *arg);

/* ---- for what other services say -------------------------------------------------------------------- */

/* Any thread; `to` is the namespace, or sio_local of it. 0, or the error of sio_emit; SIO_ETOOBIG also for an
 * id of more than 64 bytes.
 *
 * The party is PLANNED, LIVE, ENDED or CANCELLED now (SIO_EINVAL for another text): party:status_changed to
 * those who watch it. What the database says is the caller's business. */
int party_tell_status(sio_target to, sio_str party_id, sio_str status);
/* A picture or video was added: party:new_media {partyId, media} to those who watch; media may be any
 * value. */
int party_tell_media(sio_target to, sio_str party_id, sio_val media);

#endif
