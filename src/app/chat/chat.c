/* chat:leave, and what all handlers of chat share. */
#include "app/chat/chat.h"
#include "app/chat/chat_int.h"

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

void chat_leave(sio_socket *s, const chat_room *r)
{
    if (!sio_in_room(s, r->name))
        return;
    chat_typing_stop(s, r);
    sio_leave(s, r->name);
    chat_tell_others(s, out_chat_user_left, r);
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
    chat_leave(s, &room);
    sio_ack(in, sio_obj("ok", sio_true));
}

/* ---- */

void chat_disconnecting(sio_socket *s)
{
    /* What is under way belongs to this connection, not to a recovered one */
    app_session_of(s)->joining = NULL;
    chat_typing_stop(s, NULL);
}

int chat_attach(app *a)
{
    const struct {
        const char   *event;
        sio_event_fn *fn;
    } routes[] = {
        {in_chat_join_name, chat_on_join},       {in_chat_leave_name, on_leave},
        {in_chat_message_name, chat_on_message}, {in_chat_typing_name, chat_on_typing},
        {in_chat_history_name, chat_on_history}, {in_chat_sync_name, chat_on_sync},
        {in_chat_edit_name, chat_on_edit},       {in_chat_delete_name, chat_on_delete},
        {in_chat_react_name, chat_on_react},     {in_chat_unreact_name, chat_on_unreact},
        {in_chat_read_name, chat_on_read},       {in_chat_unread_name, chat_on_unread},
        {in_chat_mute_name, chat_on_mute},
    };
    int err = chat_typing_attach(a);

    if (err == 0)
        err = chat_relay_attach(a);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]) && err == 0; i++)
        err = sio_on(a->ns, routes[i].event, routes[i].fn);
    return err;
}

void chat_detach(app *a)
{
    chat_relay_detach(a);
    chat_typing_detach(a);
}
