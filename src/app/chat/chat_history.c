/* chat:history {roomId, before?, after?, limit?}: pages of what was said, for who may enter the room. */
#include "app/chat/chat_int.h"

typedef struct history_op {
    chat_op         op;
    in_chat_history p;
    chat_page      *page;
} history_op;

static history_op *history_of(chat_op *o) { return (history_op *)o; }

static void history_init(chat_op *o)
{
    history_of(o)->p.before = history_of(o)->p.after = -1;
    history_of(o)->p.limit = 50;
}

static int history_check(chat_op *o)
{
    if (history_of(o)->p.before < 0 || history_of(o)->p.after < 0)
        return 0;
    app_refuse(o->socket, o->in, APP_BAD_REQUEST, "before and after exclude each other");
    return SIO_EFIELD;
}

static int history_run(chat_op *o, db_conn *c)
{
    history_op *h = history_of(o);
    const in_chat_history *p = &h->p;
    int err = chat_op_door(o, c, o->room.id);

    if (err < 0 || o->unfilled)
        return err;
    if (!h->page && !(h->page = chat_page_new()))
        return SIO_ENOMEM;
    if (p->after >= 0)
        return chat_store_after(c, p->room_id, o->user->id, p->after, (unsigned)p->limit, h->page);
    return chat_store_before(c, p->room_id, o->user->id, p->before >= 0 ? p->before : INT64_MAX,
                             (unsigned)p->limit,
                             h->page);
}

static void history_answer(chat_op *o)
{
    const chat_page *p = history_of(o)->page;
    chat_list l;
    bool more = chat_page_more(p);

    if (chat_list_init(&l, p) < 0)
        app_refuse_fault(o->socket, o->in, SIO_ENOMEM, o->kind->fault);
    else if (sio_wants_ack(o->in))
        sio_ack(o->in, sio_obj("ok", sio_true, "roomId", o->room.id, "messages", l.val, "more", more,
                               "lastSeq", o->door.last_seq));
    else
        sio_emit(o->socket, out_chat_history, sio_obj("roomId", o->room.id, "messages", l.val, "more", more,
                                                      "lastSeq", o->door.last_seq));
    chat_list_fini(&l);
}

static void history_fini(chat_op *o) { chat_page_free(history_of(o)->page); }

void chat_on_history(sio_socket *s, sio_in *in)
{
    static const chat_op_kind kind = {
        .size = sizeof(history_op), .fault = "Failed to read the history", .fields = in_chat_history_fields,
        .payload_at = offsetof(history_op, p), .room_at = offsetof(history_op, p.room_id),
        .handler = chat_on_history,
        .init = history_init, .check = history_check, .run = history_run, .answer = history_answer,
        .fini = history_fini,
    };

    chat_op_go(s, in, &kind);
}
