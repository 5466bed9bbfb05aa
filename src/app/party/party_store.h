/* What the database says of parties. All functions run inside a database job; errors are those of db_exec. */
#ifndef APP_PARTY_PARTY_STORE_H
#define APP_PARTY_PARTY_STORE_H

#include "db/db.h"

/* A user at the door of a party. */
typedef struct party_door {
    bool exists;
    bool allowed;    /* host, cohosts and attendees GOING or MAYBE; anybody when the party is not private */
    char status[16]; /* PLANNED, LIVE, ENDED, CANCELLED */
} party_door;
int party_store_door(db_conn *c, sio_str party_id, sio_str user_id, party_door *d);

/* The demo's: a public party, LIVE, hosted by the user, made with the user when they are not there. */
int party_store_make(db_conn *c, sio_str party_id, sio_str host_id, int64_t now_ms);

#endif
