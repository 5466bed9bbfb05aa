/* chat:sync {roomId, afterSeq} or {rooms: [{roomId, afterSeq}, ...]}: what happened in rooms since the
 * client was last there. Each room answers with the piece (afterSeq, seq] of its log, in one snapshot: the
 * changes as they were made, and the messages that were made or changed as they are now, so a client only
 * has to replace those it knows by those with a higher rev. */
#include "app/chat/chat_int.h"

#include <stdlib.h>

#define ROOMS_MAX   50
#define ENTRIES_MAX 200 /* of all rooms of one answer */

typedef struct sync_room {
    sio_str    id;
    int64_t    after, seq, last_seq;
    bool       forbidden;
    chat_page *page;
} sync_room;

typedef struct sync_op {
    chat_op      op;
    in_chat_sync p;
    bool         single;
    unsigned     n;
    sync_room    room[ROOMS_MAX];
} sync_op;

static sync_op *sync_of(chat_op *o) { return (sync_op *)o; }

/* ---- the payload ------------------------------------------------------------------------------------ */

static void sync_init(chat_op *o)
{
    sync_of(o)->p.after_seq = -1;
    sync_of(o)->p.rooms = sio_undefined;
}

static int add_room(sync_op *y, sio_str id, int64_t after)
{
    for (unsigned i = 0; i < y->n; i++) {
        if (!sio_str_eq(y->room[i].id, id))
            continue;
        app_refuse(y->op.socket, y->op.in, APP_BAD_REQUEST, "rooms names a room twice");
        return SIO_EFIELD;
    }
    y->room[y->n++] = (sync_room){.id = id, .after = after};
    return 0;
}

static int read_rooms(sync_op *y)
{
    sio_val item;
    sio_iter it = {0};
    int err = 0;

    while (err == 0 && y->n < ROOMS_MAX && sio_next(y->p.rooms, &it, NULL, &item)) {
        in_sync_room m = {0};

        err = app_item(y->op.socket, y->op.in, item, sync_room, &m);
        if (err == 0)
            err = add_room(y, m.room_id, m.after_seq);
    }
    return err;
}

/* Waits also for joins under way: what is committed after this answer must reach the client live. */
static int sync_check(chat_op *o)
{
    sync_op *y = sync_of(o);
    int err;

    y->single = sio_kind_of(y->p.rooms) == SIO_UNDEFINED;
    if (y->single != (y->p.room_id.p && y->p.after_seq >= 0) ||
        y->single != (y->p.room_id.p || y->p.after_seq >= 0)) {
        app_refuse(o->socket, o->in, APP_BAD_REQUEST, "Either roomId and afterSeq, or rooms");
        return SIO_EFIELD;
    }
    err = y->single ? add_room(y, y->p.room_id, y->p.after_seq) : read_rooms(y);
    for (unsigned i = 0; i < y->n && err == 0; i++) {
        if (chat_park(o->socket, o->in, y->room[i].id, chat_on_sync))
            err = SIO_ECANCELED;
    }
    return err;
}

/* ---- the job ---------------------------------------------------------------------------------------- */

/* The door of one room: a forbidden one among several does not spoil the others. */
static int open_door(sync_op *y, db_conn *c, sync_room *r)
{
    int err = chat_op_door(&y->op, c, r->id);

    r->forbidden = y->op.expelled;
    if (err < 0 && r->forbidden && !y->single) {
        y->op.expelled = false;
        y->op.code = NULL;
        err = 0;
    }
    return err;
}

static int run_room(sync_op *y, db_conn *c, sync_room *r, unsigned *left)
{
    int err = open_door(y, c, r);
    int64_t after;

    if (err < 0 || y->op.unfilled || r->forbidden)
        return err;
    r->last_seq = y->op.door.last_seq;
    after = r->after < r->last_seq ? r->after : r->last_seq;
    r->seq = r->last_seq - after > CHAT_PAGE_MAX ? after + CHAT_PAGE_MAX : r->last_seq;
    if (r->seq - after > *left)
        r->seq = after + *left;
    if (r->seq == after)
        return 0;
    *left -= (unsigned)(r->seq - after);
    if (!r->page && !(r->page = chat_page_new()))
        return SIO_ENOMEM;
    return chat_store_log(c, r->id, y->op.user->id, after, r->seq, r->page);
}

static int sync_run(chat_op *o, db_conn *c)
{
    sync_op *y = sync_of(o);
    unsigned left = ENTRIES_MAX;
    int err = 0;

    for (unsigned i = 0; i < y->n && err == 0 && !o->unfilled; i++)
        err = run_room(y, c, &y->room[i], &left);
    return err;
}

/* ---- the answer ------------------------------------------------------------------------------------- */

typedef struct room_val {
    sio_val    item[14];
    sio_val    error[4];
    chat_list  messages;
    sio_val    entry[CHAT_PAGE_MAX], entry_item[CHAT_PAGE_MAX][12];
    char       at[CHAT_PAGE_MAX][APP_ISO_SIZE];
} room_val;

static void put(sio_val **at, const char *key, sio_val v)
{
    *(*at)++ = sio_v(key);
    *(*at)++ = v;
}

static sio_val changes_val(room_val *v, const chat_page *p)
{
    unsigned n = p ? chat_page_entries(p) : 0;

    for (unsigned i = 0; i < n; i++) {
        const chat_entry *e = chat_page_entry(p, i);
        sio_val *at = v->entry_item[i];

        app_iso(e->at_ms, v->at[i]);
        put(&at, "seq", sio_v(e->seq));
        put(&at, "kind", sio_v(e->kind));
        put(&at, "messageId", sio_v(e->message_id));
        put(&at, "userId", sio_v(e->user_id));
        put(&at, "at", sio_v((const char *)v->at[i]));
        if (e->emoji.p)
            put(&at, "emoji", sio_v(e->emoji));
        v->entry[i] = sio_members(v->entry_item[i], (size_t)(at - v->entry_item[i]));
    }
    return sio_list(v->entry, n);
}

/* The number of members of item, below 0 without memory. A page may be missing when there is
 * nothing in it. */
static int room_val_init(room_val *v, const sync_room *r, bool single)
{
    sio_val *at = v->item, *error = v->error;
    int err = r->page ? chat_list_init(&v->messages, r->page) : 0;

    if (single)
        put(&at, "ok", sio_true);
    put(&at, "roomId", sio_v(r->id));
    if (r->forbidden) {
        put(&error, "code", sio_v((const char *)APP_FORBIDDEN));
        put(&error, "message", sio_v("Cannot access this room"));
        put(&at, "error", sio_members(v->error, 4));
    } else {
        put(&at, "messages", r->page ? v->messages.val : sio_list(NULL, 0));
        put(&at, "changes", changes_val(v, r->page));
        put(&at, "seq", sio_v(r->seq));
        put(&at, "lastSeq", sio_v(r->last_seq));
        put(&at, "more", sio_v((bool)(r->seq < r->last_seq)));
    }
    return err < 0 ? err : (int)(at - v->item);
}

static void send_answer(sync_op *y, const sio_val *rooms, unsigned n)
{
    sio_in *in = y->op.in;

    if (y->single && sio_wants_ack(in))
        sio_ack(in, rooms[0]);
    else if (sio_wants_ack(in))
        sio_ack(in, sio_obj("ok", sio_true, "rooms", sio_list(rooms, n)));
    else
        sio_emit(y->op.socket, out_chat_sync, sio_obj("rooms", sio_list(rooms, n)));
}

static void sync_answer(chat_op *o)
{
    sync_op *y = sync_of(o);
    room_val *v = calloc(y->n + 1, sizeof(*v));
    sio_val rooms[ROOMS_MAX];
    int n = v ? 0 : SIO_ENOMEM;

    for (unsigned i = 0; i < y->n && n >= 0; i++) {
        n = room_val_init(&v[i], &y->room[i], y->single && sio_wants_ack(o->in));
        if (n >= 0)
            rooms[i] = sio_members(v[i].item, (size_t)n);
    }
    if (n < 0)
        app_refuse_fault(o->socket, o->in, n, o->kind->fault);
    else
        send_answer(y, rooms, y->n);
    for (unsigned i = 0; v && i < y->n; i++)
        chat_list_fini(&v[i].messages);
    free(v);
}

static void sync_fini(chat_op *o)
{
    for (unsigned i = 0; i < sync_of(o)->n; i++)
        chat_page_free(sync_of(o)->room[i].page);
}

void chat_on_sync(sio_socket *s, sio_in *in)
{
    static const chat_op_kind kind = {
        .size = sizeof(sync_op), .fault = "Failed to synchronize", .fields = in_chat_sync_fields,
        .payload_at = offsetof(sync_op, p), .handler = chat_on_sync, .init = sync_init, .check = sync_check,
        .run = sync_run, .answer = sync_answer, .fini = sync_fini,
    };

    chat_op_go(s, in, &kind);
}
