/* What all events of chat that need the database have in common. */
#include "app/chat/chat_int.h"

#include <stdlib.h>

#define FILLS_MAX 64 /* rooms that one operation lets number */

static chat_op *op_of(db_job *job) { return container_of(job, chat_op, job); }

/* ---- inside the job --------------------------------------------------------------------------------- */

int chat_op_no(chat_op *o, const char *code, const char *message)
{
    o->code = code;
    o->message = message;
    return SIO_ESTATE;
}

static int find_unfilled(chat_op *o, db_conn *c, sio_str room_id)
{
    int err;

    if (o->kind->write)
        return chat_filler_all(&o->fill, c, room_id, &o->door, o->now_ms);
    if (o->fills > FILLS_MAX) /* somebody writes faster than we read: what has numbers is shown */
        return 0;
    o->fill_room = room_id;
    err = chat_store_unfilled(c, room_id, &o->door, &o->unfilled, &o->fill.from_ms);
    return err;
}

int chat_op_door(chat_op *o, db_conn *c, sio_str room_id)
{
    int err = chat_store_door(c, room_id, o->user->id, &o->door);

    if (err < 0)
        return err;
    if (!o->door.exists && o->demo) /* its first message will make it */
        return 0;
    if (!o->door.allowed) {
        o->expelled = true;
        return chat_op_no(o, APP_FORBIDDEN, "Cannot access this room");
    }
    return find_unfilled(o, c, room_id);
}

static int op_run(db_job *job, db_conn *c)
{
    chat_op *o = op_of(job);

    o->code = NULL;
    o->expelled = o->unfilled = false;
    return o->kind->run(o, c);
}

static void op_committed(db_job *job)
{
    chat_op *o = op_of(job);

    chat_filler_tell(&o->fill, o->ns, o->room.id);
    if (o->kind->committed)
        o->kind->committed(o);
}

/* ---- the end ---------------------------------------------------------------------------------------- */

static void op_free(chat_op *o)
{
    if (o->kind->fini)
        o->kind->fini(o);
    chat_filler_fini(&o->fill);
    app_user_drop(o->user);
    sio_release(o->in);
    free(o);
}

static void op_refuse(chat_op *o)
{
    if (o->code)
        app_refuse(o->socket, o->in, o->code, o->message);
    else
        app_refuse_fault(o->socket, o->in, o->job.err, o->kind->fault);
    if (o->expelled && o->kind->room_at)
        chat_leave(o->socket, &o->room);
}

static void fill_start(chat_op *o);

static void on_op_done(db_job *job)
{
    chat_op *o = op_of(job);

    if (app_op_end(o->socket)) {
        if (job->err < 0) {
            op_refuse(o);
        } else if (o->unfilled) {
            fill_start(o);
            return;
        } else {
            o->kind->answer(o);
        }
    }
    op_free(o);
}

/* ---- starting --------------------------------------------------------------------------------------- */

static void op_start(chat_op *o)
{
    int err;

    o->job = (db_job){.run = op_run, .done = on_op_done, .lane = db_lane(o->room.id)};
    if (o->kind->write)
        o->job.committed = op_committed;
    err = o->kind->write ? app_write(o->socket, &o->job) : app_read(o->socket, &o->job);
    if (err == 0)
        return;
    app_refuse_fault(o->socket, o->in, err, o->kind->fault);
    op_free(o);
}

static int payload_read(chat_op *o)
{
    const chat_op_kind *k = o->kind;
    int err = 0;

    if (k->init)
        k->init(o);
    if (k->fields)
        err = app_bind(o->socket, o->in, sio_arg(o->in, 0), k->fields(), (char *)o + k->payload_at);
    return err == 0 && k->check ? k->check(o) : err;
}

/* Whether it may go on; if not, it was refused or put aside. */
static bool room_read(chat_op *o)
{
    const sio_str *id = (const void *)((char *)o + o->kind->room_at);

    if (!o->kind->room_at)
        return true;
    if (chat_park(o->socket, o->in, *id, o->kind->handler))
        return false;
    chat_room_init(&o->room, *id);
    return !o->kind->member || chat_is_member(o->socket, o->in, &o->room);
}

static chat_op *op_new(sio_socket *s, sio_in *in, const chat_op_kind *kind)
{
    chat_op *o = calloc(1, kind->size);

    if (!o || !(o->in = sio_keep(in))) {
        free(o);
        app_refuse_fault(s, in, SIO_ENOMEM, kind->fault);
        return NULL;
    }
    o->kind = kind;
    o->ns = sio_ns_of(s);
    o->socket = s;
    o->sid = sio_id_of(s);
    o->user = app_user_hold(app_session_of(s)->user);
    o->now_ms = sio_now(sio_server_of(s));
    o->demo = app_of(s)->opt.demo;
    return o;
}

void chat_op_go(sio_socket *s, sio_in *in, const chat_op_kind *kind)
{
    chat_op *o = op_new(s, in, kind);

    if (!o)
        return;
    if (payload_read(o) < 0 || !room_read(o))
        op_free(o);
    else
        op_start(o);
}

/* ---- filling ---------------------------------------------------------------------------------------- */

static int fill_run(db_job *job, db_conn *c)
{
    chat_op *o = op_of(job);

    return chat_filler_step(&o->fill, c, o->fill_room);
}

static void fill_committed(db_job *job)
{
    chat_op *o = op_of(job);

    chat_filler_tell(&o->fill, o->ns, o->fill_room);
}

static void on_fill_done(db_job *job)
{
    chat_op *o = op_of(job);

    if (!app_op_end(o->socket)) {
        op_free(o);
    } else if (job->err < 0) {
        op_refuse(o);
        op_free(o);
    } else if (chat_filler_more(&o->fill)) {
        fill_start(o);
    } else {
        o->fills++;
        op_start(o);
    }
}

static void fill_start(chat_op *o)
{
    int err;

    o->job = (db_job){
        .run = fill_run, .committed = fill_committed, .done = on_fill_done, .lane = db_lane(o->fill_room)};
    err = app_write(o->socket, &o->job);
    if (err == 0)
        return;
    app_refuse_fault(o->socket, o->in, err, o->kind->fault);
    op_free(o);
}
