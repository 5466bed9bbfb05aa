/* What chat keeps: a log for each room, numbered without gaps. An entry is a message or a change to one
 * (edit, delete, reaction). All functions run inside a database job, on the database's threads; errors are
 * those of db_exec. */
#ifndef APP_CHAT_CHAT_STORE_H
#define APP_CHAT_CHAT_STORE_H

#include "app/cuid.h"
#include "db/db.h"

#define CHAT_ID_LEN     CUID_LEN
#define CHAT_PAGE_MAX   100 /* messages of one answer, and entries of a room's log in one */
#define CHAT_EMOJIS_MAX 20  /* different reactions of one message */
#define CHAT_UNREAD_MAX 1000 /* messages looked at to count the unread ones of a room */

typedef struct chat_reaction {
    sio_str emoji;
    int64_t count; /* users */
    bool    mine;  /* the reader is one of them */
} chat_reaction;

/* Views, whoever owns the bytes; p NULL where the database has NULL. */
typedef struct chat_message {
    sio_str id, room_id, sender_id, username, avatar_url, content, type, media_url, client_id;
    /* The message it answers; reply_content is its beginning. Of one that is gone from the database only the
     * id is left. */
    sio_str reply_id, reply_sender_id, reply_username, reply_content, reply_type;
    bool    reply_deleted;
    int64_t seq;
    int64_t rev;        /* seq of the last change to it, its own without any */
    int64_t created_ms;
    int64_t edited_ms;  /* 0 = never */
    int64_t deleted_ms; /* 0 = not; deleted ones have no content, media and reactions */
    const chat_reaction *reaction; /* in the order of their first use */
    unsigned             nreactions;
} chat_message;

/* ---- who may ---------------------------------------------------------------------------------------- */

/* A user at a room's door. */
typedef struct chat_door {
    bool    exists;
    bool    allowed;  /* host, cohosts and guests GOING or MAYBE of its party; anybody when the party
                       * is not private */
    bool    moderator; /* host or cohost */
    bool    filled;   /* every message that was there before us has its number */
    bool    behind;   /* messages came in by another way since our last one */
    int64_t last_seq; /* 0 = nothing yet */
    int64_t last_ms;
} chat_door;
int chat_store_door(db_conn *c, sio_str room_id, sio_str user_id, chat_door *d);

/* ---- messages that others wrote into the database ---------------------------------------------------- */

#define CHAT_FILL_MAX 5000 /* messages that one step numbers */

/* Whether messages of the room have no number yet; *from_ms is where to start. Looked at are `d`, the newest
 * 50 and the last 10 s before the room's last number, of which at most the newest 500: a transaction of
 * others may commit later than ours that began after it. */
int chat_store_unfilled(db_conn *c, sio_str room_id, const chat_door *d, bool *unfilled, int64_t *from_ms);

/* The same for who writes, exactly and for little: the first that writes after a boundary of 5 s looks at all
 * of the 10 s before, so what came late behind any number of other messages is found too. */
int chat_store_late(db_conn *c, sio_str room_id, const chat_door *d, int64_t now_ms, bool *unfilled);

typedef struct chat_fill {
    int64_t from_ms;  /* in: messages from this time on; out: where the next step starts */
    int64_t after;    /* out: the numbers given are after + 1 to after + n */
    int64_t n;        /* out */
    bool    more;     /* out: another step is needed */
    bool    was_used; /* out: all messages had numbers before, so somebody may have looked and
                       * wait for more */
} chat_fill;
/* Where filling starts at such a door. */
int64_t chat_store_fill_from(const chat_door *d);
/* One step: gives numbers to at most CHAT_FILL_MAX messages that have none, in the order of created_at and
 * id. */
int chat_store_fill(db_conn *c, sio_str room_id, chat_fill *f);

/* ---- pages ------------------------------------------------------------------------------------------- */

typedef struct chat_page chat_page;
chat_page          *chat_page_new(void);   /* empty; NULL without memory */
void                chat_page_free(chat_page *p); /* NULL is allowed */
unsigned            chat_page_len(const chat_page *p);
/* Lives as long as the page; oldest first */
const chat_message *chat_page_at(const chat_page *p, unsigned i);
bool                chat_page_more(const chat_page *p); /* there were more than fit, on the far side */

/* These empty the page and fill it with at most n (<= CHAT_PAGE_MAX) messages: the last before `before`, or
 * the first after `after`. The sender's name and picture are those of today. reader_id is for
 * chat_reaction.mine. */
int chat_store_before(db_conn *c, sio_str room_id, sio_str reader_id, int64_t before, unsigned n,
                      chat_page *p);
int chat_store_after(db_conn *c, sio_str room_id, sio_str reader_id, int64_t after, unsigned n, chat_page *p);

/* A change as the log has it. */
typedef struct chat_entry {
    sio_str kind; /* edit, delete, react, unreact */
    sio_str message_id, user_id, emoji;
    int64_t seq, at_ms;
} chat_entry;
unsigned          chat_page_entries(const chat_page *p);
const chat_entry *chat_page_entry(const chat_page *p, unsigned i);

/* What happened in (after, upto], upto <= after + CHAT_PAGE_MAX: the changes as entries, and as messages all
 * that were new or were changed, as they are now, by seq. */
int chat_store_log(db_conn *c, sio_str room_id, sio_str reader_id, int64_t after, int64_t upto, chat_page *p);

/* ---- writing ----------------------------------------------------------------------------------------- */

/* Saves m: its texts (of reply_* the id) and created_ms (now) go in; id (written to id_text), seq, rev and
 * created_ms come out. created_ms is never before that of the message before it, so that both orders agree.
 * When m has a client_id that this sender used before in this room, nothing is saved, *repeated is set, and
 * id, seq and created_ms are those of the first time. SIO_ENOENT when room or sender do not exist. */
int chat_store_add(db_conn *c, chat_message *m, char id_text[CHAT_ID_LEN + 1], bool *repeated);
/* Whether the room has such a message. */
int chat_store_has(db_conn *c, sio_str room_id, sio_str message_id, bool *has);

/* Why a change was not made. */
typedef enum chat_no { CHAT_YES, CHAT_NO_MESSAGE, CHAT_NOT_YOURS, CHAT_NO_CONTENT, CHAT_TOO_MANY } chat_no;

/* A change to a message. */
typedef struct chat_change {
    sio_str room_id, message_id, user_id; /* in */
    sio_str content;   /* in, edit: the new text */
    sio_str emoji;     /* in, reactions */
    bool    moderator; /* in, delete: may take away what others said */
    int64_t at_ms;     /* in: now; out, edit and delete: when it happened, for a repeat the first time */
    int64_t seq;       /* out: its place in the log, for a repeat that of the last change to the message */
    int64_t count;     /* out, reactions: users with that emoji now */
    bool    repeated;  /* out: it was so already, nothing was written */
    chat_no no;        /* out: when not CHAT_YES nothing was written */
} chat_change;
int chat_store_edit(db_conn *c, chat_change *ch);   /* own messages only */
int chat_store_delete(db_conn *c, chat_change *ch); /* own ones, and all by moderators */
int chat_store_react(db_conn *c, chat_change *ch);
int chat_store_unreact(db_conn *c, chat_change *ch);

/* ---- what was read ----------------------------------------------------------------------------------- */

typedef struct chat_unread {
    int64_t read_seq; /* where the user's cursor is; 0 = nothing was read */
    int64_t last_seq;
    int64_t unread;   /* messages of others behind the cursor that are not deleted, among the first
                       * CHAT_UNREAD_MAX there */
    bool    more;     /* there are messages behind those */
} chat_unread;
/* Moves the cursor forward to seq, never back; *moved tells. u->read_seq is where it is then, the rest of u
 * untouched. */
int chat_store_read(db_conn *c, sio_str room_id, sio_str user_id, int64_t seq, chat_unread *u, bool *moved);
/* The count, from u->read_seq. */
int chat_store_unread(db_conn *c, sio_str room_id, sio_str user_id, chat_unread *u);

/* The user's rooms: of parties hosted or attended, and public ones where the user has a cursor; the one with
 * the latest message first. Only rooms somebody has used through us. `each` gets all but the counts, at most
 * max times. */
typedef int chat_room_fn(void *ctx, sio_str room_id, const chat_unread *u);
int chat_store_rooms(db_conn *c, sio_str user_id, unsigned max, chat_room_fn *each, void *ctx);

/* ---- the demo ---------------------------------------------------------------------------------------- */

/* The demo's user and room, made when they are not there. The user's name and picture follow the token; a
 * username that somebody else has gets the id behind it, since usernames are unique. */
int chat_store_make_user(db_conn *c, sio_str id, sio_str username, sio_str avatar_url, int64_t now_ms);
int chat_store_make_room(db_conn *c, sio_str room_id, sio_str host_id, int64_t now_ms);

#endif
