/* What the files of chat share. */
#ifndef APP_CHAT_CHAT_INT_H
#define APP_CHAT_CHAT_INT_H

#include "app/chat/chat.h"
#include "app/chat/chat_store.h"

#define CHAT_ROOM_MAX 64 /* bytes of a room id; Prisma's have 25 or 36 */

/* The Socket.IO room of a chat room. */
typedef struct chat_room {
    sio_str id;                          /* as the client gave it */
    sio_str name;                        /* "room:<id>", a view into text_ */
    char    text_[5 + CHAT_ROOM_MAX];
} chat_room;
void chat_room_init(chat_room *r, sio_str id);

/* Events for a room whose join is still being checked wait for the answer, so that what one client sends
 * takes effect in the order sent. True when `in` was put aside: fn will be called with it, or it was
 * refused. */
bool chat_park(sio_socket *s, sio_in *in, sio_str room_id, sio_event_fn *fn);
/* Refuses unless the socket has joined. */
bool chat_is_member(sio_socket *s, sio_in *in, const chat_room *r);
/* chat:user_joined and chat:user_left {userId, roomId, timestamp}, to the others in the room. */
void chat_tell_others(sio_socket *s, const char *event, const chat_room *r);

/* A message as clients see it. The value is a view of this struct and of the message. */
typedef struct chat_val {
    sio_val item[20], sender[6];
    char    created_at[APP_ISO_SIZE];
} chat_val;
sio_val chat_val_make(chat_val *v, const chat_message *m);

/* The handlers, one file each. */
void chat_on_join(sio_socket *s, sio_in *in);
void chat_on_message(sio_socket *s, sio_in *in);

#endif
