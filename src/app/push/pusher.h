/* Who is told of what when offline (notifyOfflineUsers).
 *
 * What happened is noted in the very transaction that saves it, as a job: a job of stage 1 for all news of a
 * room together, or for one notification. Stage 1 finds out who is offline, a question that a socket has to
 * answer, and makes a job of stage 2 for each of their devices, which is delivered by partyline (push/push.h)
 * or handed to BullMQ's queue `push`. All jobs are in the database, so whoever dies, nothing is lost. */
#ifndef APP_PUSH_PUSHER_H
#define APP_PUSH_PUSHER_H

#include "app/app.h"
#include "app/notify/notify_store.h"

#define PUSHER_OFFLINE "push-offline" /* the queue of stage 1 in the database */
#define PUSHER_DEVICES "push"         /* that of stage 2, and the one of BullMQ */

/* Makes a->pusher when a->opt.push.mode wants it; the events are there in any case. Before sio_server_run. */
int pusher_attach(app *a);
/* Any thread but a loop's, while the loops run and the database works: takes no more jobs, and waits at most
 * ms for those that are under way. */
void pusher_stop(app *a, uint32_t ms);
/* After the loops and the database have stopped. */
void pusher_detach(app *a);

/* A socket of "/" is here, or goes; on its loop. Nothing without a pusher, as all that follow. */
void pusher_came(sio_socket *s);
void pusher_goes(sio_socket *s);

/* Inside the database job that has saved this message, or this notification, behind all else. 0, or db_exec's
 * error. */
int pusher_message_in(app *a, db_conn *c, sio_str room_id, int64_t seq, int64_t now_ms);
int pusher_note_in(app *a, db_conn *c, const notify_note *n);
/* Any thread, after the commit of such a job. */
void pusher_committed(app *a);

#endif
