/* What chat keeps: messages in rooms, numbered without gaps. All functions run inside a database job, on
 * the database's threads; errors are those of db_exec. */
#ifndef APP_CHAT_CHAT_STORE_H
#define APP_CHAT_CHAT_STORE_H

#include "db/db.h"

#define CHAT_ID_LEN 25 /* a cuid: "c" and 24 of [0-9a-z] */

/* Views, whoever owns the bytes; p NULL where the database has NULL. */
typedef struct chat_message {
    sio_str id, room_id, sender_id, username, avatar_url, content, type, media_url, client_id;
    int64_t seq;
    int64_t created_ms;
} chat_message;

/* Whether the user may enter the room: host, cohosts and guests GOING or MAYBE of its party; anybody when
 * the party is not private. An unknown room may not be entered. */
int chat_store_access(db_conn *c, sio_str room_id, sio_str user_id, bool *allowed);

/* Saves m: its texts and created_ms (now) go in; id (written to id_text), seq and created_ms come out.
 * created_ms is never before that of the message before it, so that both orders agree. When m has a
 * client_id that this sender used before in this room, nothing is saved, *repeated is set, and id, seq and
 * created_ms are those of the first time. SIO_ENOENT when room or sender do not exist. */
int chat_store_add(db_conn *c, chat_message *m, char id_text[CHAT_ID_LEN + 1], bool *repeated);

/* The demo's user and room, made when they are not there. The user's name and picture follow the token; a
 * username that somebody else has gets the id behind it, since usernames are unique. */
int chat_store_make_user(db_conn *c, sio_str id, sio_str username, sio_str avatar_url, int64_t now_ms);
int chat_store_make_room(db_conn *c, sio_str room_id, sio_str host_id, int64_t now_ms);

/* The last messages of a room, oldest first. */
typedef struct chat_page chat_page;
#define CHAT_PAGE_MAX 100
chat_page          *chat_page_new(void);   /* empty; NULL without memory */
void                chat_page_free(chat_page *p); /* NULL is allowed */
unsigned            chat_page_len(const chat_page *p);
const chat_message *chat_page_at(const chat_page *p, unsigned i); /* lives as long as the page */
/* Fills the page, which it empties first, with at most n (<= CHAT_PAGE_MAX). The sender's name and picture
 * are those of today. */
int                 chat_store_last(db_conn *c, sio_str room_id, unsigned n, chat_page *page);

#endif
