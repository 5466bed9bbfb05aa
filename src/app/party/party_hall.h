/* Counting the viewers of parties, and when others are told. A viewer with two devices counts once. In a
 * small party each who comes or goes is announced; in a large one the others get the count, at most once
 * in an interval, so that a thousand who come cost each viewer a few messages and not a thousand. Pure: no
 * clock, no sockets. One thread. */
#ifndef APP_PARTY_PARTY_HALL_H
#define APP_PARTY_PARTY_HALL_H

#include "sio_val.h"

typedef struct party_hall party_hall;

typedef struct party_rules {
    int64_t announce_limit; /* parties of at most so many viewers are small */
    int64_t interval_ms;    /* between two counts of a large one */
} party_rules;

/* What others are told; views live until the callback returns. */
typedef struct party_told {
    sio_str party;
    sio_str user;   /* who came or went; p NULL: only the count is told */
    sio_str socket; /* the one that came, and needs not be told; p NULL else */
    bool    left;
    int64_t count;  /* viewers now */
} party_told;
typedef void party_tell_fn(void *arg, const party_told *t);

/* NULL without memory. Once it runs it aborts without. */
party_hall *party_hall_new(const party_rules *r, party_tell_fn *tell, void *arg);
void        party_hall_free(party_hall *h); /* NULL is allowed */

/* A device of the user watches, or no longer; each device once. They return the viewers the party has
 * then. A device that leaves without having come is nobody. */
int64_t party_hall_join(party_hall *h, sio_str party, sio_str user, sio_str socket, int64_t now_ms);
int64_t party_hall_leave(party_hall *h, sio_str party, sio_str user, int64_t now_ms);
int64_t party_hall_count(const party_hall *h, sio_str party);

/* Tells the counts that are due. True when it wants to be called again, within PARTY_TICK_MS. */
#define PARTY_TICK_MS 50
bool    party_hall_tick(party_hall *h, int64_t now_ms);

#endif
