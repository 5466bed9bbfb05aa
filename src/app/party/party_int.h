/* What the files of party share. */
#ifndef APP_PARTY_PARTY_INT_H
#define APP_PARTY_PARTY_INT_H

#include "app/party/party.h"

#define PARTY_ID_MAX 64 /* bytes; Prisma's have 25 or 36 */

/* The Socket.IO room of a party's viewers. Not to be moved: id and name are views of it. */
typedef struct party_room {
    sio_str id;
    sio_str name;                        /* "party:<id>" */
    char    text_[6 + PARTY_ID_MAX];
} party_room;
/* 0, SIO_ETOOBIG. */
int party_room_init(party_room *r, sio_str id);

#endif
