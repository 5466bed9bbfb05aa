/* chat:leave, chat:typing, and what all handlers of chat share. */
#include "app/chat/chat.h"
#include "app/chat/chat_int.h"

#include <stdio.h>

/* ---- rooms ----------------------------------------------------------------------------------------- */

void chat_room_init(chat_room *r, sio_str id)
{
    memcpy(r->text_, "room:", 5);
    memcpy(r->text_ + 5, id.p, id.n);
    r->id = id;
    r->name = (sio_str){r->text_, 5 + id.n};
}

bool chat_is_member(sio_socket *s, sio_in *in, const chat_room *r)
{
    if (sio_in_room(s, r->name))
        return true;
    app_refuse(s, in, APP_NOT_MEMBER, "Join the room first");
    return false;
}

void chat_tell_others(sio_socket *s, const char *event, const chat_room *r)
{
    char now[APP_ISO_SIZE];

    app_iso(sio_now(sio_server_of(s)), now);
    sio_emit(sio_to(s, r->name), event,
             sio_obj("userId", app_session_of(s)->user->id, "roomId", r->id, "timestamp", (const char *)now));
}

/* ---- chat:leave {roomId} --------------------------------------------------------------------------- */

/* Leaving a room one is not in is fine, and tells nobody. */
static void on_leave(sio_socket *s, sio_in *in)
{
    in_chat_leave m = {0};
    chat_room room;

    if (app_payload(s, in, chat_leave, &m) < 0 || chat_park(s, in, m.room_id, on_leave))
        return;
    chat_room_init(&room, m.room_id);
    if (sio_in_room(s, room.name)) {
        sio_leave(s, room.name);
        chat_tell_others(s, out_chat_user_left, &room);
    }
    sio_ack(in, sio_obj("ok", sio_true));
}

/* ---- chat:typing {roomId, isTyping} ---------------------------------------------------------------- */

static void on_typing(sio_socket *s, sio_in *in)
{
    const app_user *user = app_session_of(s)->user;
    in_chat_typing m = {0};
    chat_room room;

    if (app_payload(s, in, chat_typing, &m) < 0 || chat_park(s, in, m.room_id, on_typing))
        return;
    chat_room_init(&room, m.room_id);
    if (!chat_is_member(s, in, &room))
        return;
    sio_emit(sio_to(s, room.name), out_chat_user_typing,
             sio_obj("userId", user->id, "username", user->username, "isTyping", m.is_typing, "roomId", m.room_id));
    sio_ack(in, sio_obj("ok", sio_true));
}

/* ---- messages as values ---------------------------------------------------------------------------- */

static void put(sio_val **at, const char *key, sio_val v)
{
    *(*at)++ = sio_v(key);
    *(*at)++ = v;
}

sio_val chat_val_make(chat_val *v, const chat_message *m)
{
    sio_val *at = v->sender;

    app_iso(m->created_ms, v->created_at);
    put(&at, "id", sio_v(m->sender_id));
    put(&at, "username", sio_v(m->username));
    put(&at, "avatarUrl", sio_v(m->avatar_url));
    at = v->item;
    put(&at, "id", sio_v(m->id));
    put(&at, "roomId", sio_v(m->room_id));
    put(&at, "senderId", sio_v(m->sender_id));
    put(&at, "sender", sio_members(v->sender, 6));
    put(&at, "content", sio_v(m->content));
    put(&at, "type", sio_v(m->type));
    put(&at, "mediaUrl", sio_v(m->media_url));
    put(&at, "createdAt", sio_v((const char *)v->created_at));
    put(&at, "seq", sio_v(m->seq));
    if (m->client_id.p)
        put(&at, "clientId", sio_v(m->client_id));
    return sio_members(v->item, (size_t)(at - v->item));
}

/* ---- */

int chat_attach(app *a)
{
    int err = app_on(a, chat_join, chat_on_join);

    if (err == 0)
        err = app_on(a, chat_leave, on_leave);
    if (err == 0)
        err = app_on(a, chat_message, chat_on_message);
    return err < 0 ? err : app_on(a, chat_typing, on_typing);
}
