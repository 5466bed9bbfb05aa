/* The table of notifications, which the REST backend reads and writes, too. All functions run inside a
 * database job; errors are those of db_exec. */
#ifndef APP_NOTIFY_NOTIFY_STORE_H
#define APP_NOTIFY_NOTIFY_STORE_H

#include "app/cuid.h"
#include "db/db.h"

#define NOTIFY_PAGE_MAX   100
#define NOTIFY_UNREAD_MAX 1000 /* counted so far; a client shows "999+" */
#define NOTIFY_IDS_MAX    1000 /* of one notifications:mark_read */

/* Views, whoever owns the bytes; data is JSON text, p NULL when there is none. */
typedef struct notify_note {
    sio_str id, user_id, type, title, body, data;
    bool    read;
    int64_t created_ms;
} notify_note;

/* Saves it; id is written to id_text and is a view of that. SIO_ENOENT when there is no such user. */
int notify_store_add(db_conn *c, notify_note *n, char id_text[CUID_LEN + 1]);
/* Marks as read those of ids (n <= NOTIFY_IDS_MAX) that are the user's and unread; changed[i] tells which. */
int notify_store_read(db_conn *c, sio_str user_id, const sio_str *ids, size_t n, bool *changed);
/* All of the user's; *changed is how many were unread. */
int notify_store_read_all(db_conn *c, sio_str user_id, int64_t *changed);
/* At most NOTIFY_UNREAD_MAX. */
int notify_store_unread(db_conn *c, sio_str user_id, int64_t *count);

/* A page, newest first. */
typedef struct notify_page notify_page;
notify_page       *notify_page_new(void); /* empty; NULL without memory */
void               notify_page_free(notify_page *p); /* NULL is allowed */
unsigned           notify_page_len(const notify_page *p);
const notify_note *notify_page_at(const notify_page *p, unsigned i); /* lives as long as the page */
bool               notify_page_more(const notify_page *p); /* there are older ones */

/* Where a page starts: behind the notification of that time and id; id.p NULL is the newest. */
typedef struct notify_key {
    int64_t ms;
    sio_str id;
} notify_key;
/* Empties the page and fills it with at most `limit` (<= NOTIFY_PAGE_MAX) of the user's notifications. */
int notify_store_list(db_conn *c, sio_str user_id, notify_key key, bool unread_only, unsigned limit,
                      notify_page *p);

/* The demo's user, made when not there. */
int notify_store_make_user(db_conn *c, sio_str id, int64_t now_ms);

#endif
