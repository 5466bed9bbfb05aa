/* What the files of push share. All of it is for loop 0 but where it says something else. */
#ifndef APP_PUSH_PUSHER_INT_H
#define APP_PUSH_PUSHER_INT_H

#include "app/push/pusher.h"
#include "app/push/pusher_store.h"
#include "base/list.h"
#include "base/map.h"
#include "jobs/dbq.h"

#include <semaphore.h>

#define PUSHER_ROUNDS  8              /* jobs of stage 1 at a time */
#define PUSHER_SENDS   64             /* of stage 2 */
#define PUSHER_LOCK_MS 10000
#define PUSHER_MAX_AGE 86400000 /* what is older buzzes no more */

/* Sockets of a loop by user. */
typedef struct pusher_loop {
    map users;
} pusher_loop;

struct pusher {
    app *a;
    jobs_worker *offline, *devices;
    unsigned closing; /* workers that have not ended */
    sem_t closed;
    list rounds, sends, whos;
    int64_t complained_ms; /* when a fault of the configuration was logged */
    bool stopped;
    pusher_loop loop[];
};
typedef struct pusher pusher;

/* ---- who is there (pusher_who.c) --------------------------------------------------------------------- */

#define PUSHER_WHO_MAX 100 /* users of one question */
/* there[i]: users[i] has a socket, on any server, that has just answered, and that would show what happens in
 * the room (n 0: in general). fn runs once, later; after the time for answers has passed at the latest. Texts
 * are copied. 0, SIO_ENOMEM. */
typedef void pusher_who_fn(void *arg, const bool *there);
int pusher_who(pusher *p, sio_str room, const sio_str *users, unsigned n, pusher_who_fn *fn, void *arg);
/* On the socket's loop: which room it shows; away: it shows nothing else. */
void pusher_focus(sio_socket *s, sio_str room, bool away);
int pusher_who_attach(app *a);
void pusher_who_detach(pusher *p);

/* ---- the two stages ---------------------------------------------------------------------------------- */

void pusher_round(void *arg, job *jb); /* arg is the pusher */
void pusher_rounds_release(pusher *p); /* they go back to the queue */
void pusher_rounds_free(pusher *p);
void pusher_device(void *arg, job *jb);
void pusher_devices_release(pusher *p); /* those that are not on their way yet */
void pusher_devices_forget(pusher *p); /* the queue they came from is gone */
void pusher_devices_free(pusher *p);

int pusher_events_attach(app *a);

/* Inside a transaction: a job of stage 1 for what is behind `from` in the room's log. */
int pusher_room_in(app *a, db_conn *c, sio_str room_id, int64_t from, int64_t now_ms);
/* JSON of v as text from malloc; NULL without memory or over 1 MiB. Any thread. */
char *pusher_json(sio_val v);
/* The text of a member in at most n - 1 bytes with a 0 byte; empty when it is missing or longer. Any thread.
 */
void pusher_take(sio_val v, const char *key, char *out, size_t n);
/* FNV-1a: ids of jobs and what collapses have no ':' and an end, ids of rooms may. Any thread. */
uint64_t pusher_print(sio_str s);
/* What a job of that user's device is called: the same for one device and thing. Any thread. */
#define PUSHER_ID_SIZE 80
void pusher_device_id(sio_str token_id, sio_str thing, int64_t seq, char out[PUSHER_ID_SIZE]);

#endif
