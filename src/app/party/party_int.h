/* What the files of party share. */
#ifndef APP_PARTY_PARTY_INT_H
#define APP_PARTY_PARTY_INT_H

#include "sio/inbox.h"
#include "app/party/party.h"
#include "app/party/party_hall.h"
#include "app/party/party_share.h"
#include "app/party/party_store.h"

#define PARTY_ID_MAX 64 /* bytes; Prisma's have 25 or 36 */

/* The Socket.IO room of a party's viewers. Not to be moved: id and name are views of it. */
typedef struct party_room {
    sio_str id;
    sio_str name;                        /* "party:<id>" */
    char    text_[6 + PARTY_ID_MAX];
} party_room;
/* 0, SIO_ETOOBIG. */
int party_room_init(party_room *r, sio_str id);

/* What one loop owns: the viewers of its parties. */
typedef struct party_loop {
    inbox       inbox;
    app        *a;
    party_hall *hall;    /* alone; with other servers NULL, and */
    party_share *share;  /* this is in its place */
    bool        ticking;
} party_loop;

typedef struct party {
    uint64_t   key[2]; /* of inbox_owner */
    unsigned   n;
    party_loop loop[];
} party;

/* What a loop owns, with its loop's number; 0, SIO_ENOMEM. And its end, with all that waits in it. */
int  party_loop_init(party_loop *l, app *a, unsigned index);
void party_loop_fini(party_loop *l);

/* Tells the owner of the party that a device of the user comes, goes, or wants to know. fn, which may be
 * NULL, is called on this loop, in a later turn, with the viewers the party has then, or SIO_ECLOSED when the
 * server ended first. PARTY_SWEPT: viewers of a dead server were
 * removed, and the count is to be told. Aborts without memory for a few bytes. */
typedef void party_count_fn(void *arg, int err, int64_t viewers);
typedef enum party_report { PARTY_COMES, PARTY_GOES, PARTY_ASKS, PARTY_SWEPT } party_report;
void party_send(app *a, party_report what, sio_str party_id, app_user *user, sio_id socket,
                party_count_fn *fn, void *arg);

/* The parties a socket watches, a list in its session. It is not told by the rooms it is in, since others
 * may move it between rooms and the counts must be right all the same. */
bool party_is_watched(sio_socket *s, sio_str party_id);
/* 0; SIO_ELIMIT over PARTY_WATCH_MAX, SIO_ENOMEM. */
int  party_watch_add(sio_socket *s, sio_str party_id);
void party_watch_remove(sio_socket *s, sio_str party_id);

/* The handlers of party_join.c. */
void party_on_join(sio_socket *s, sio_in *in);
void party_on_leave(sio_socket *s, sio_in *in);

#endif
