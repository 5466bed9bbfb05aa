/* Rooms, their members, and answers kept for repeated requests. All functions run inside a database job;
 * errors are those of db_exec. */
#ifndef APP_API_API_STORE_H
#define APP_API_API_STORE_H

#include "app/cuid.h"
#include "db/db.h"

#define API_ID_MAX     128 /* bytes of an id */
#define API_MEMBERS_MAX 100
#define API_PRINT_LEN  64

typedef struct api_room {
    char    id[API_ID_MAX + 1], party_id[API_ID_MAX + 1], host_id[API_ID_MAX + 1];
    int64_t created_ms;
    bool    is_private;
} api_room;

/* The room, SIO_ENOENT when there is none. */
int api_store_room(db_conn *c, sio_str room_id, api_room *r);
/* The party's room, made when there is none yet; SIO_ENOENT without such a party. */
int api_store_make_room(db_conn *c, sio_str party_id, int64_t now_ms, api_room *r, bool *made);

typedef struct api_member {
    sio_str user_id;
    sio_str role;   /* HOST, COHOST or MODERATOR; p NULL for a mere guest */
    sio_str status; /* GOING, MAYBE or NOT_GOING; p NULL when not invited */
} api_member;
/* Calls each for at most `max` members of the party in the order of their ids, from behind `after`. */
typedef int api_member_fn(void *ctx, const api_member *m);
int api_store_members(db_conn *c, sio_str party_id, sio_str after, unsigned max, api_member_fn *each,
                      void *ctx);
/* SIO_ENOENT when there is no such user. */
int api_store_set_role(db_conn *c, sio_str party_id, sio_str user_id, sio_str role, int64_t now_ms);
int api_store_set_status(db_conn *c, sio_str party_id, sio_str user_id, sio_str status, int64_t now_ms);
int api_store_remove(db_conn *c, sio_str party_id, sio_str user_id, bool *removed);

/* An answer kept under the key of its request; print is a fingerprint of the request. */
typedef struct api_kept {
    bool found;
    bool same;   /* it was the same request */
    int  status;
} api_kept;
/* body is appended when it was the same request. What is older than since_ms is as if it were not there. */
typedef int api_body_fn(void *ctx, sio_str body);
int api_store_kept(db_conn *c, sio_str key, sio_str print, int64_t since_ms, api_kept *k, api_body_fn *body,
                   void *ctx);
/* Keeps one, and drops some of those from before since_ms. */
int api_store_keep(db_conn *c, sio_str key, sio_str print, int status, sio_str body, int64_t now_ms,
                   int64_t since_ms);

#endif
