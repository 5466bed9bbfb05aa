/* chat:read {roomId, seq} moves the user's cursor in a room; chat:unread tells how much is behind it, room
 * by room. The user's other devices learn of it by the event chat:unread. */
#include "app/chat/chat_int.h"

#include <stdio.h>

#define ROOMS_MAX 100

/* ---- values ----------------------------------------------------------------------------------------- */

typedef struct unread_room {
    char        id[CHAT_ROOM_MAX];
    size_t      nid;
    chat_unread u;
    sio_val     item[10];
} unread_room;

static sio_val room_val(unread_room *r)
{
    sio_val *at = r->item;

    *at++ = sio_v("roomId");
    *at++ = sio_v(((sio_str){r->id, r->nid}));
    *at++ = sio_v("seq");
    *at++ = sio_v(r->u.read_seq);
    *at++ = sio_v("lastSeq");
    *at++ = sio_v(r->u.last_seq);
    *at++ = sio_v("unread");
    *at++ = sio_v(r->u.unread);
    *at++ = sio_v("more");
    *at++ = sio_v(r->u.more);
    return sio_members(r->item, 10);
}

static int room_set(unread_room *r, sio_str id, const chat_unread *u)
{
    if (id.n > sizeof(r->id))
        return SIO_ETOOBIG;
    memcpy(r->id, id.p, id.n);
    r->nid = id.n;
    r->u = *u;
    return 0;
}

/* ---- chat:read -------------------------------------------------------------------------------------- */

typedef struct read_op {
    chat_op      op;
    in_chat_read p;
    chat_unread  u;
    bool         moved;
} read_op;

static read_op *read_of(chat_op *o) { return (read_op *)o; }

/* Nobody has read what was not said yet. */
static int read_run(chat_op *o, db_conn *c)
{
    read_op *r = read_of(o);
    int64_t seq = r->p.seq;
    int err = chat_op_door(o, c, o->room.id);

    r->moved = false;
    if (err == 0)
        /* once more: numbers may just have been given */
        err = chat_store_door(c, o->room.id, o->user->id, &o->door);
    if (err < 0)
        return err;
    r->u = (chat_unread){.last_seq = o->door.last_seq};
    if (!o->door.exists)
        return 0;
    err = chat_store_read(c, o->room.id, o->user->id, seq < r->u.last_seq ? seq : r->u.last_seq, &r->u,
                          &r->moved);
    return err < 0 ? err : chat_store_unread(c, o->room.id, o->user->id, &r->u);
}

static void read_committed(chat_op *o)
{
    char room[5 + 128 + 1];
    unread_room r;
    sio_val list;

    if (!read_of(o)->moved || room_set(&r, o->room.id, &read_of(o)->u) < 0)
        return;
    snprintf(room, sizeof(room), "user:%.*s", (int)o->user->id.n, o->user->id.p);
    list = room_val(&r);
    sio_emit(sio_except(sio_to(o->ns, (const char *)room), (const char *)o->sid.s), out_chat_unread,
             sio_obj("rooms", sio_list(&list, 1)));
}

static void read_answer(chat_op *o)
{
    const chat_unread *u = &read_of(o)->u;

    sio_ack(o->in, sio_obj("ok", sio_true, "roomId", o->room.id, "seq", u->read_seq, "lastSeq", u->last_seq,
                           "unread", u->unread, "more", u->more));
}

void chat_on_read(sio_socket *s, sio_in *in)
{
    static const chat_op_kind kind = {
        .size = sizeof(read_op), .fault = "Failed to keep what was read", .fields = in_chat_read_fields,
        .payload_at = offsetof(read_op, p), .room_at = offsetof(read_op, p.room_id), .handler = chat_on_read,
        .write = true, .run = read_run, .committed = read_committed, .answer = read_answer,
    };

    chat_op_go(s, in, &kind);
}

/* ---- chat:unread ------------------------------------------------------------------------------------ */

typedef struct unread_op {
    chat_op     op;
    unsigned    n;
    bool        more;
    unread_room room[ROOMS_MAX];
} unread_op;

static unread_op *unread_of(chat_op *o) { return (unread_op *)o; }

static int on_room(void *ctx, sio_str room_id, const chat_unread *u)
{
    unread_op *o = ctx;

    if (o->n == ROOMS_MAX) {
        o->more = true;
        return 1;
    }
    if (room_set(&o->room[o->n], room_id, u) == 0) /* a longer id could not be asked for either */
        o->n++;
    return 0;
}

static int unread_run(chat_op *o, db_conn *c)
{
    unread_op *w = unread_of(o);
    int err;

    w->n = 0;
    w->more = false;
    err = chat_store_rooms(c, o->user->id, ROOMS_MAX + 1, on_room, w);
    for (unsigned i = 0; i < w->n && err == 0; i++)
        err = chat_store_unread(c, (sio_str){w->room[i].id, w->room[i].nid}, o->user->id, &w->room[i].u);
    return err;
}

static void unread_answer(chat_op *o)
{
    unread_op *w = unread_of(o);
    sio_val list[ROOMS_MAX];

    for (unsigned i = 0; i < w->n; i++)
        list[i] = room_val(&w->room[i]);
    if (sio_wants_ack(o->in))
        sio_ack(o->in, sio_obj("ok", sio_true, "rooms", sio_list(list, w->n), "more", w->more));
    else
        sio_emit(o->socket, out_chat_unread, sio_obj("rooms", sio_list(list, w->n)));
}

void chat_on_unread(sio_socket *s, sio_in *in)
{
    static const chat_op_kind kind = {
        .size = sizeof(unread_op), .fault = "Failed to count what is unread",
        .fields = in_chat_unread_fields, .handler = chat_on_unread,
        .run = unread_run, .answer = unread_answer,
    };

    chat_op_go(s, in, &kind);
}
