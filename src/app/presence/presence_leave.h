/* Takes sockets of a user out of Redis, and the user with the last of them.
 *
 * Redis Cluster keeps the sockets of a user (S, user_sockets:<id>), the set of who is online (O,
 * online_users) and the status in different places, so nothing can look at two of them at once. Who comes
 * puts a socket into S, and when that is answered the user into O. Who goes takes the socket out of S and
 * looks whether S is empty; if so he takes the user out of O and looks at S again; if somebody is in it by
 * now he puts the user back and looks once more, and so on, each step when the one before is answered, until
 * what he did last to O agrees with what he saw in S after it.
 *
 * In the end, O has the user if and only if S has a socket, whoever did what on however many servers. Take
 * the last write to O. If its author came, his socket was in S at the time; if it left later, who took it out
 * saw S empty or not; if empty he wrote to O after that, so it was not the last write. Else its author went,
 * and looked at S after it, and what he saw agreed with it. If S became empty after that look, the one who
 * took the last socket wrote to O; if it stopped being empty, the one who came did. Both would be later
 * writes. The status is written together with O and agrees in the same way: it is offline if and only if S is
 * empty.
 *
 * Exactly one is told to announce it: whose removal from O was the one that took the user out. */
#ifndef APP_PRESENCE_PRESENCE_LEAVE_H
#define APP_PRESENCE_PRESENCE_LEAVE_H

#include "app/presence/presence_store.h"
#include "redis/redis.h"

#define PRESENCE_ONLINE_USERS "online_users"
#define PRESENCE_LEAVE_MAX    64 /* sockets at a time */

/* "user_sockets:<id>" and "user:status:<id>". */
#define PRESENCE_KEY_MAX (13 + 128 + 1)
sio_str presence_key_sockets(sio_str user, char out[PRESENCE_KEY_MAX]);
sio_str presence_key_status(sio_str user, char out[PRESENCE_KEY_MAX]);

/* KEYS[1] user:status:<id>; ARGV: a status, its time as JavaScript writes it, how: "choose" sets it, "join"
 * sets it when there is none or offline, "repair" also when it is newer than what is there. Answers the
 * status that is there now. */
extern const char presence_status_script[];

/* gone: nobody is left, and it is the caller's to say so. err: 0, or what Redis could not; it is not known
 * then how far it came. */
typedef void presence_leave_fn(void *arg, int err, bool gone);
typedef struct presence_leaving {
    redis         *r;
    redis_script  *status;   /* the caller's presence_status_script; outlives the call */
    const char *moves; /* the server that had the sockets: what another one has recovered stays. NULL: they do
                          not move */
    sio_str        user;     /* texts are copied, but for `moves` */
    const sio_str *sockets;
    unsigned       n;
    presence_seen
        last; /* the status that is put back if somebody else turns out to be there; the time of leaving */
    presence_leave_fn *fn;   /* runs once, in a later turn; also when the client is freed */
    void          *arg;
} presence_leaving;
/* 0; SIO_ENOMEM, or that of redis_command, and fn is not called. */
int presence_leave(const presence_leaving *o);

/* "partyline:moved:<socket id>" */
#define PRESENCE_MOVED_MAX (16 + 160)
sio_str presence_key_moved(sio_str socket, char out[PRESENCE_MOVED_MAX]);

#endif
