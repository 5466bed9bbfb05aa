/* chat:mute {roomId, muted?, until?}: no pushes for a room. */
#include "app/chat/chat_int.h"
#include "app/push/pusher_store.h"

typedef struct mute_op {
    chat_op op;
    in_chat_mute p;
    bool asked, now;
    int64_t until;
} mute_op;

static mute_op *mute_of(chat_op *o)
{
    return (mute_op *)o;
}

/* Whether `muted` was there shows only in the payload. */
static int mute_check(chat_op *o)
{
    mute_of(o)->asked = sio_kind_of(sio_get(sio_arg(o->in, 0), "muted")) == SIO_BOOL;
    return 0;
}

static int mute_run(chat_op *o, db_conn *c)
{
    mute_op *m = mute_of(o);
    int err = chat_op_door(o, c, o->room.id);

    m->now = false;
    m->until = 0;
    if (err < 0 || !o->door.exists)
        return err;
    if (m->asked && m->p.muted)
        err = pusher_store_mute(c, o->user->id, o->room.id, m->p.until);
    else if (m->asked)
        err = pusher_store_unmute(c, o->user->id, o->room.id);
    return err < 0 ? err : pusher_store_is_muted(c, o->user->id, o->room.id, o->now_ms, &m->now, &m->until);
}

static void mute_answer(chat_op *o)
{
    const mute_op *m = mute_of(o);

    sio_ack(o->in, sio_obj("ok", sio_true, "roomId", o->room.id, "muted", m->now, "until",
                           m->until ? sio_v(m->until) : sio_undefined));
}

void chat_on_mute(sio_socket *s, sio_in *in)
{
    static const chat_op_kind kind = {
        .size = sizeof(mute_op),
        .fault = "Failed to mute the room",
        .fields = in_chat_mute_fields,
        .payload_at = offsetof(mute_op, p),
        .room_at = offsetof(mute_op, p.room_id),
        .handler = chat_on_mute,
        .write = true,
        .check = mute_check,
        .run = mute_run,
        .answer = mute_answer,
    };

    chat_op_go(s, in, &kind);
}
