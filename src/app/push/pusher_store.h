/* SQL of push. All functions run inside a database job; errors are those of db_exec. */
#ifndef APP_PUSH_PUSHER_STORE_H
#define APP_PUSH_PUSHER_STORE_H

#include "app/cuid.h"
#include "db/db.h"

#define PUSHER_USER_MAX  128
#define PUSHER_ROOM_MAX  64
#define PUSHER_TOKEN_MAX 4096
#define PUSHER_BADGE_MAX 99

/* ---- rooms ------------------------------------------------------------------------------------------- */

/* A message with this number was saved. *first: nothing has noted the room's news so far; its job is to be
 * called by *from, the number up to which all was dealt with. */
int pusher_store_dirty(db_conn *c, sio_str room_id, int64_t seq, int64_t *from, bool *first);
/* All up to upto was dealt with. *more: the log went on, the room stays dirty. The room's row is locked, so
 * nobody adds to the log before this is committed, and who does later sees it. */
int pusher_store_clean(db_conn *c, sio_str room_id, int64_t upto, bool *more);

typedef struct pusher_said {
    bool there;
    int64_t seq, created_ms;
    char id[CUID_LEN + 64], sender_id[PUSHER_USER_MAX + 1], name[260], text[512], type[16];
} pusher_said;
typedef struct pusher_news {
    int64_t from, upto;
    char party_id[PUSHER_USER_MAX + 1], title[512];
    pusher_said last, other; /* the last message that is not deleted; the last one of somebody else */
} pusher_news;
/* What is new in a room; upto 0: there is no such room. Texts that are long are cut. */
int pusher_store_news(db_conn *c, sio_str room_id, pusher_news *out);

/* Host, cohosts and guests GOING that have a device, have not muted the room and not read up to upto; in the
 * order of their ids, behind `after`. */
typedef int pusher_user_fn(void *ctx, sio_str user_id, int64_t read_seq);
int pusher_store_members(db_conn *c, sio_str room_id, const pusher_news *n, sio_str after, int64_t now_ms,
                         unsigned max, pusher_user_fn *each, void *ctx);

/* ---- devices ----------------------------------------------------------------------------------------- */

/* `each` gets ids of tokens, at most max. */
typedef int pusher_token_fn(void *ctx, sio_str token_id);
int pusher_store_tokens(db_conn *c, sio_str user_id, unsigned max, pusher_token_fn *each, void *ctx);

typedef struct pusher_token {
    bool there;
    char user_id[PUSHER_USER_MAX + 1], platform[16], token[PUSHER_TOKEN_MAX + 1];
} pusher_token;
int pusher_store_token(db_conn *c, sio_str token_id, pusher_token *out);
/* Takes it away, unless it is another's by now, or was registered (again) later than upto_ms. */
int pusher_store_forget(db_conn *c, sio_str token_id, sio_str user_id, int64_t upto_ms);

/* A device of the user's; one that was another's moves. Of more than max the oldest go. SIO_ENOENT: there is
 * no such user. */
int pusher_store_register(db_conn *c, sio_str user_id, sio_str token, const char *platform, unsigned max,
                          int64_t now_ms);
int pusher_store_unregister(db_conn *c, sio_str user_id, sio_str token, bool *was_there);

/* ---- what a user has to see -------------------------------------------------------------------------- */

int pusher_store_read_seq(db_conn *c, sio_str room_id, sio_str user_id, int64_t *seq);
/* Unread messages in the user's rooms but the muted, and unread notifications; at most PUSHER_BADGE_MAX. */
int pusher_store_badge(db_conn *c, sio_str user_id, int64_t now_ms, int *badge);

typedef struct pusher_note {
    bool there, read;
    char user_id[PUSHER_USER_MAX + 1], type[32], title[1024], body[1024];
    int64_t created_ms;
} pusher_note;
/* Texts that are long are cut. */
int pusher_store_note(db_conn *c, sio_str id, pusher_note *out);

/* until_ms 0: for ever. */
int pusher_store_mute(db_conn *c, sio_str user_id, sio_str room_id, int64_t until_ms);
int pusher_store_unmute(db_conn *c, sio_str user_id, sio_str room_id);
int pusher_store_is_muted(db_conn *c, sio_str user_id, sio_str room_id, int64_t now_ms, bool *muted,
                          int64_t *until_ms);

#endif
