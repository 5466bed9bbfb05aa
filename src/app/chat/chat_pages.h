/* Histories for other parts of the program: what chat:history does, without a user. */
#ifndef APP_CHAT_CHAT_PAGES_H
#define APP_CHAT_CHAT_PAGES_H

#include "app/app.h"

typedef struct chat_pages chat_pages;

chat_pages *chat_pages_new(void);                /* NULL without memory */
void        chat_pages_free(chat_pages *p);      /* NULL is allowed */

/* Inside a read job: at most limit (<= 100) messages of the room, the nearest before `before` or after
 * `after`, or the last ones; -1 is none. *unfilled: messages came in by another way and have no numbers yet,
 * so nothing was read; do it as a write job. SIO_ENOENT without such a room. */
int chat_pages_read(chat_pages *p, db_conn *c, sio_str room_id, int64_t before, int64_t after, unsigned limit,
                    bool *unfilled);
/* Inside a write job: numbers first; who is in the room is told of what it has not heard by chat_pages_tell.
 */
int         chat_pages_fill(chat_pages *p, db_conn *c, sio_str room_id);
/* Any thread, after the commit. */
void        chat_pages_tell(const chat_pages *p, app *a, sio_str room_id);

/* The messages as clients see them, oldest first; a view of p. 0, SIO_ENOMEM. */
int         chat_pages_val(chat_pages *p, sio_val *out);
bool        chat_pages_more(const chat_pages *p);
int64_t     chat_pages_last_seq(const chat_pages *p);

#endif
