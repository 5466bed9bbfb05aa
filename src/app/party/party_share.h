/* The viewers of parties on all servers, counted in Redis; P is a party's id, so that its keys are in one
 * place:
 *
 *   partyline:viewers:{P}          hash: user id -> on how many servers (s)he watches; its length counts
 *   partyline:viewers:{P}:<code>   set: users who watch on that server
 *   partyline:viewers:{P}:told     hash: which count was told, when, by whom; expires
 *   partyline:{<code>}:parties:<loop>   set: parties watched on that server, for those who sweep behind it
 *
 * Devices are counted here, by a party_hall; a user's first and last one is written. In a small party each
 * who comes or goes is announced by the server that wrote it, with the count of that moment; in a large one
 * the count is told at most once in an interval by one of all servers. Announcements of two servers may
 * overtake each other: when two tell one shortly behind the other, the count is told once more afterwards.
 *
 * While Redis is away it goes by what is here; then everything is written again. One loop; the client is that
 * of the same. */
#ifndef APP_PARTY_PARTY_SHARE_H
#define APP_PARTY_PARTY_SHARE_H

#include "app/party/party_hall.h"
#include "redis/redis.h"

typedef struct party_share party_share;

typedef struct party_share_options {
    loop          *loop;
    const char    *code;  /* of this server; copied */
    unsigned       index; /* of its loop */
    party_rules    rules;
    uint32_t       settle_ms; /* after Redis was away: until the others have written theirs, too */
    party_tell_fn *tell;
    void          *arg;
} party_share_options;

/* NULL without memory. Once it runs it aborts without. Freed after the client. */
party_share *party_share_new(const party_share_options *o);
void         party_share_free(party_share *s); /* NULL is allowed */
/* From now on it may use r, and writes all it has (again) without announcing it; NULL: it may not. */
void         party_share_use(party_share *s, redis *r);

/* As party_hall_join and _leave. fn, unless NULL, is called once with the viewers on all servers: in here or
 * later. */
typedef void party_share_fn(void *arg, int64_t count);
void party_share_join(party_share *s, sio_str party, sio_str user, sio_str socket, party_share_fn *fn,
                      void *arg);
void party_share_leave(party_share *s, sio_str party, sio_str user, party_share_fn *fn, void *arg);
void party_share_count(party_share *s, sio_str party, party_share_fn *fn, void *arg);
/* Somebody else has changed the count of a large party: it is told, if nobody does. */
void party_share_recount(party_share *s, sio_str party);
/* Viewers that are still to be written. */
unsigned party_share_unwritten(const party_share *s);

/* ---- sweeping (party_sweep.c) ------------------------------------------------------------------------- */

typedef struct party_sweep_options {
    redis      *r;
    sio_str     code;                                        /* whose viewers; copied */
    unsigned    index;
    party_rules rules;
    /* Whether this user, or (p NULL) the party itself, is to stay. NULL: none stays. */
    bool      (*keeps)(void *arg, sio_str party, sio_str user);
    /* To be announced, in a small party. */
    void      (*gone)(void *arg, sio_str party, sio_str user, int64_t count);
    void      (*recount)(void *arg, sio_str party);          /* the count is to be told (once more) */
    /* Before each part; false ends it with SIO_ECANCELED. NULL: it goes on. */
    bool      (*goes_on)(void *arg);
    void      (*done)(void *arg, int err);                   /* in a later turn, or as the client is freed */
    void       *arg;
} party_sweep_options;
/* 0, SIO_ENOMEM, or that of redis_command; done is not called then. */
int party_sweep_viewers(const party_sweep_options *o);

/* Keys; out has room for PARTY_KEY_MAX. */
#define PARTY_KEY_MAX 128
sio_str party_key_viewers(sio_str party, char out[PARTY_KEY_MAX]);
sio_str party_key_here(sio_str party, sio_str code, char out[PARTY_KEY_MAX]);
sio_str party_key_told(sio_str party, char out[PARTY_KEY_MAX]);
sio_str party_key_register(sio_str code, unsigned index, char out[PARTY_KEY_MAX]);

#endif
