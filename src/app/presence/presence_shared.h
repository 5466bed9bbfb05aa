/* A presence store that several servers share through Redis, in the keys that Node servers of the same
 * service use:
 *
 *   online_users            set of user ids: who is there
 *   user_sockets:<id>       set of the socket ids of a user, on all servers
 *   user:status:<id>        hash: status, lastSeen (as Date.toISOString)
 *   partyline:moved:<socket id>   code of the server that has recovered the socket from another one, for an
 *                           hour: who had it before leaves it alone
 *   partyline:{<code>}:sockets:<loop>   hash: socket id -> user id; what a server has put into the others,
 *                           for those who sweep behind it when it dies, and for itself when Redis was away
 *
 * It keeps a memory store of its own loop's users besides: for the grace, and as what it goes by while Redis
 * is away. Each user's part of Redis is made to agree with the memory, one step after the other: what changes
 * while a step is under way is written by the next. So there is no queue of commands, and after an outage
 * everything is simply written again. A change is announced by the server whose writing made it true.
 *
 * One loop; the Redis client is that of the same loop. */
#ifndef APP_PRESENCE_PRESENCE_SHARED_H
#define APP_PRESENCE_PRESENCE_SHARED_H

#include "app/presence/presence_store.h"
#include "redis/redis.h"

typedef struct presence_shared_options {
    loop               *loop;
    const char         *code;       /* of this server; copied */
    unsigned            index;      /* of its loop */
    int64_t             grace_ms;
    unsigned            remembered; /* as for presence_memory_new */
    uint32_t            audit_ms;   /* how often some users are checked against Redis */
    bool                moves;      /* sockets may be recovered on another server, by the same id */
    presence_change_fn *changed;
    void               *arg;
} presence_shared_options;

/* NULL without memory. Nobody is written to Redis before presence_shared_up. Freed with ops->free, after the
 * client. */
presence_store *presence_shared_new(const presence_shared_options *o);
/* From now on it may use r; all that it has is written (again). */
void presence_shared_up(presence_store *s, redis *r);
/* Redis is away, or not to be written to. */
void presence_shared_down(presence_store *s);
/* Somebody else found that the user is gone: it is announced, unless the user is here. */
void presence_shared_gone(presence_store *s, sio_str user, presence_now now);
/* Users that are still to be written; sockets of them that Redis is to forget count, too. */
unsigned presence_shared_unwritten(const presence_store *s);

/* The key of what loop `index` of a server has put into Redis. */
#define PRESENCE_REGISTER_MAX 48
sio_str presence_register(sio_str code, unsigned index, char out[PRESENCE_REGISTER_MAX]);

/* ---- sweeping (presence_sweep.c) ---------------------------------------------------------------------- */

/* Takes everything of the register of a server that is gone out of Redis again, some hundred sockets at a
 * time. */
typedef struct presence_sweep_options {
    redis *r;
    const char *key;                                        /* the register; copied */
    const char *moves; /* as in presence_leaving: the code of its server, or NULL; copied */
    void (*gone)(void *arg, sio_str user);                  /* that was the last one, to be announced */
    bool (*goes_on)(void *arg); /* before each part; false ends it with SIO_ECANCELED. NULL: it does */
    void (*done)(void *arg, int err);                       /* in a later turn, or as the client is freed */
    void  *arg;
    int64_t wall;                                           /* when they have gone, as far as is known */
} presence_sweep_options;
/* 0, SIO_ENOMEM, or that of redis_command; done is not called then. */
int presence_sweep(const presence_sweep_options *o);

#endif
