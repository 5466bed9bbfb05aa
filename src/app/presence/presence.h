/* Presence: who is there. The events are those of the catalogue; presence_store.h says what being there
 * means, presence_news.h who hears of it how often.
 *
 * Each user belongs to one loop, chosen by the id; sockets of all loops report to it. Whom one watches,
 * one hears of through the room "presence:<user id>". */
#ifndef APP_PRESENCE_PRESENCE_H
#define APP_PRESENCE_PRESENCE_H

#include "app/app.h"
#include "app/presence/presence_store.h"
#include "redis/redis.h"

#define PRESENCE_CHECK_MAX   500 /* users of one question */
#define PRESENCE_SUBSCRIBE_MAX 200 /* users of one subscription; as in events.def */
#define PRESENCE_FOLLOWS_MAX 400 /* of those a user follows, the latest so many are watched */
#define PRESENCE_WATCH_MAX   500 /* users a socket watches, followed and subscribed together */

/* Makes a->presence and installs the handlers of presence:* on a->ns. Before sio_server_run. 0,
 * SIO_ENOMEM. */
int  presence_attach(app *a);
/* After sio_server_run returned, before sio_server_free. Also when there was no presence_attach. */
void presence_detach(app *a);

/* For the handlers of app.c: a socket came; it is leaving. */
void presence_came(sio_socket *s);
void presence_goes(sio_socket *s, const char *reason);

/* For shared.c, on that loop: from now on what the loop has is shared through r, and written again;
 * NULL: no more. */
void presence_redis(app *a, unsigned loop, redis *r);
/* On any loop: the user was on a server that has died, and on no other. */
void presence_vanished(app *a, sio_str user_id);

/* err 0: seen[i] is how ids[i] is. Else they are not known: SIO_ECLOSED when the server ended first. */
typedef void presence_look_fn(void *arg, int err, const sio_str *ids, const presence_seen *seen, unsigned n);
/* How users are. On a loop; fn runs on the same one, in a later turn. The ids are copied. 0, SIO_ESTATE
 * off a loop, SIO_ELIMIT over PRESENCE_CHECK_MAX, SIO_ENOMEM. */
int  presence_look(app *a, const sio_str *ids, unsigned n, presence_look_fn *fn, void *arg);

#endif
