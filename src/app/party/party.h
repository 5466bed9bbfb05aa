/* Live parties: who watches, how many, what happens there. The events are those of the catalogue; party_join.c says who may
 * watch, party_hall.h how viewers are counted. */
#ifndef APP_PARTY_PARTY_H
#define APP_PARTY_PARTY_H

#include "app/app.h"

/* ---- for the event bus: any thread. 0, or the error of sio_emit (SIO_ETOOBIG also for an id of more than 64 bytes) ------- */

/* The party is LIVE now: party:status_changed to those who watch it. What the database says is the caller's business. */
int party_set_live(app *a, sio_str party_id);
/* The same for any status (PLANNED, LIVE, ENDED, CANCELLED), SIO_EINVAL for another text. */
int party_status_changed(app *a, sio_str party_id, sio_str status);
/* A picture or video was added: party:new_media {partyId, media} to those who watch; media may be any value. */
int party_media_added(app *a, sio_str party_id, sio_val media);

#endif
