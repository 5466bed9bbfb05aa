/* chat:edit, chat:delete, chat:react, chat:unreact: saved with a number of the room's log, told to everybody
 * in the room in the order of the commits, then acknowledged. What changes nothing is acknowledged again and
 * told to nobody. */
#include "app/chat/chat_int.h"

typedef struct change_op {
    chat_op     op;
    union {
        in_chat_edit    edit;
        in_chat_delete  delete;
        in_chat_react   react;
        in_chat_unreact unreact;
    };
    chat_change ch;
} change_op;

static change_op *change_of(chat_op *o) { return (change_op *)o; }

/* ---- what they share -------------------------------------------------------------------------------- */

static int change_refuse(chat_op *o)
{
    switch (change_of(o)->ch.no) {
    case CHAT_YES:
        return 0;
    case CHAT_NO_MESSAGE:
        return chat_op_no(o, APP_NOT_FOUND, "There is no such message in this room");
    case CHAT_NOT_YOURS:
        return chat_op_no(o, APP_FORBIDDEN, "This message is not yours to change");
    case CHAT_NO_CONTENT:
        return chat_op_no(o, APP_BAD_REQUEST, "Message content is required");
    case CHAT_TOO_MANY:
        return chat_op_no(o, APP_TOO_MANY, "The message has too many different reactions");
    }
    return SIO_EINVAL;
}

static int change_run(chat_op *o, db_conn *c, int (*store)(db_conn *, chat_change *))
{
    chat_change *ch = &change_of(o)->ch;
    int err = chat_op_door(o, c, o->room.id);

    if (err < 0)
        return err;
    ch->room_id = o->room.id;
    ch->user_id = o->user->id;
    ch->at_ms = o->now_ms;
    ch->moderator = o->door.moderator;
    err = store(c, ch);
    return err < 0 ? err : change_refuse(o);
}

static void change_tell(chat_op *o, chat_event event, bool added)
{
    const chat_change *ch = &change_of(o)->ch;
    chat_change_val v;

    if (!ch->repeated)
        chat_tell(o->ns, &o->room, event, ch->seq, chat_change_val_make(&v, event, ch, added));
}

/* ---- chat:edit {roomId, messageId, content} --------------------------------------------------------- */

static int edit_check(chat_op *o)
{
    in_chat_edit *p = &change_of(o)->edit;
    int err;

    if (!chat_content_fits(o->socket, o->in, p->content))
        return SIO_EFIELD;
    if (chat_has_nul(p->content)) {
        app_refuse(o->socket, o->in, APP_BAD_REQUEST, "content must not contain U+0000");
        return SIO_EFIELD;
    }
    err = chat_text_mend(o->in, &p->content);
    if (err < 0)
        app_refuse_fault(o->socket, o->in, err, o->kind->fault);
    change_of(o)->ch = (chat_change){.message_id = p->message_id, .content = p->content};
    return err;
}

static int edit_run(chat_op *o, db_conn *c) { return change_run(o, c, chat_store_edit); }

static void edit_committed(chat_op *o) { change_tell(o, CHAT_EDITED, false); }

static void edit_answer(chat_op *o)
{
    const chat_change *ch = &change_of(o)->ch;
    char at[APP_ISO_SIZE];

    app_iso(ch->at_ms, at);
    sio_ack(o->in, sio_obj("ok", sio_true, "messageId", ch->message_id, "seq", ch->seq, "editedAt",
                           (const char *)at));
}

void chat_on_edit(sio_socket *s, sio_in *in)
{
    static const chat_op_kind kind = {
        .size = sizeof(change_op), .fault = "Failed to edit message", .fields = in_chat_edit_fields,
        .payload_at = offsetof(change_op, edit), .room_at = offsetof(change_op, edit.room_id),
        .handler = chat_on_edit,
        .member = true, .write = true, .check = edit_check, .run = edit_run, .committed = edit_committed,
        .answer = edit_answer,
    };

    chat_op_go(s, in, &kind);
}

/* ---- chat:delete {roomId, messageId} ---------------------------------------------------------------- */

static int delete_check(chat_op *o)
{
    change_of(o)->ch = (chat_change){.message_id = change_of(o)->delete.message_id};
    return 0;
}

static int delete_run(chat_op *o, db_conn *c) { return change_run(o, c, chat_store_delete); }

static void delete_committed(chat_op *o) { change_tell(o, CHAT_DELETED, false); }

static void delete_answer(chat_op *o)
{
    const chat_change *ch = &change_of(o)->ch;
    char at[APP_ISO_SIZE];

    app_iso(ch->at_ms, at);
    sio_ack(o->in, sio_obj("ok", sio_true, "messageId", ch->message_id, "seq", ch->seq, "deletedAt",
                           (const char *)at));
}

void chat_on_delete(sio_socket *s, sio_in *in)
{
    static const chat_op_kind kind = {
        .size = sizeof(change_op), .fault = "Failed to delete message", .fields = in_chat_delete_fields,
        .payload_at = offsetof(change_op, delete), .room_at = offsetof(change_op, delete.room_id),
        .handler = chat_on_delete, .member = true, .write = true, .check = delete_check, .run = delete_run,
        .committed = delete_committed, .answer = delete_answer,
    };

    chat_op_go(s, in, &kind);
}

/* ---- chat:react, chat:unreact {roomId, messageId, emoji} -------------------------------------------- */

/* No list of what an emoji is (it grows every year), but no words either: something outside of ASCII, and no
 * spaces. */
static bool is_emoji(sio_str s)
{
    bool high = false;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ' ')
            return false;
        high |= (unsigned char)s.p[i] >= 0x80;
    }
    return high;
}

static int reaction_check(chat_op *o, sio_str message_id, sio_str emoji)
{
    if (!is_emoji(emoji)) {
        app_refuse(o->socket, o->in, APP_BAD_REQUEST, "emoji must be an emoji");
        return SIO_EFIELD;
    }
    change_of(o)->ch = (chat_change){.message_id = message_id, .emoji = emoji};
    return 0;
}

static int react_check(chat_op *o)
{
    return reaction_check(o, change_of(o)->react.message_id, change_of(o)->react.emoji);
}
static int unreact_check(chat_op *o)
{
    return reaction_check(o, change_of(o)->unreact.message_id, change_of(o)->unreact.emoji);
}

static int react_run(chat_op *o, db_conn *c) { return change_run(o, c, chat_store_react); }
static int unreact_run(chat_op *o, db_conn *c) { return change_run(o, c, chat_store_unreact); }

static void react_committed(chat_op *o) { change_tell(o, CHAT_REACTION, true); }
static void unreact_committed(chat_op *o) { change_tell(o, CHAT_REACTION, false); }

static void reaction_answer(chat_op *o)
{
    const chat_change *ch = &change_of(o)->ch;

    sio_ack(o->in, sio_obj("ok", sio_true, "messageId", ch->message_id, "seq", ch->seq, "emoji", ch->emoji,
                           "count", ch->count));
}

void chat_on_react(sio_socket *s, sio_in *in)
{
    static const chat_op_kind kind = {
        .size = sizeof(change_op), .fault = "Failed to react", .fields = in_chat_react_fields,
        .payload_at = offsetof(change_op, react), .room_at = offsetof(change_op, react.room_id),
        .handler = chat_on_react,
        .member = true, .write = true, .check = react_check, .run = react_run, .committed = react_committed,
        .answer = reaction_answer,
    };

    chat_op_go(s, in, &kind);
}

void chat_on_unreact(sio_socket *s, sio_in *in)
{
    static const chat_op_kind kind = {
        .size = sizeof(change_op), .fault = "Failed to take the reaction back",
        .fields = in_chat_unreact_fields,
        .payload_at = offsetof(change_op, unreact), .room_at = offsetof(change_op, unreact.room_id),
        .handler = chat_on_unreact, .member = true, .write = true, .check = unreact_check, .run = unreact_run,
        .committed = unreact_committed, .answer = reaction_answer,
    };

    chat_op_go(s, in, &kind);
}
