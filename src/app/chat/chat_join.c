/* chat:join {roomId}: checks, enters, tells the others, sends the history.
 *
 * The socket enters the room after it was found that it may, and before the history is read. So a message
 * that is committed meanwhile is in the history, or arrives as chat:new_message, or both (with the same id
 * and seq), but is never lost; and nobody hears a word of a room he may not enter. That takes two database
 * jobs, one after the other.
 *
 * In a cluster the first one also finds where the room's log is to begin on this server (chat_tell_from).
 * Messages without numbers get them before that, since a history is not read out aloud. */
#include "app/chat/chat_int.h"
#include "app/parked.h"

#include <stdlib.h>

#define HISTORY_LEN 50
#define FILLS_MAX   8  /* somebody writes faster than we read: what has numbers is shown */
#define PARKED_MAX  64 /* events of a socket that wait for one join */

typedef struct chat_join {
    db_job      job;
    sio_ns     *ns;
    sio_socket *socket;  /* pinned by in */
    sio_in     *in;      /* kept */
    app_user   *user;    /* held: the access job may outlive the socket's session */
    chat_room   room;
    chat_door   door;    /* result of the access job, and again of the history job */
    bool        entered; /* was not in the room before */
    bool        checked; /* the access job is done */
    chat_page  *page;    /* result of the history job */
    chat_filler fill;
    bool        unfilled; /* result of either job: messages need their numbers first */
    unsigned    fills;
    parked_queue parked;
    struct chat_join *next;   /* in app_session.joining, while its access is checked */
} chat_join;

/* ---- life ------------------------------------------------------------------------------------------ */

/* Takes in, which is kept; NULL when there is no memory or the payload was refused. */
static chat_join *join_new(sio_socket *s, sio_in *in)
{
    chat_join *j = calloc(1, sizeof(*j));
    in_chat_join m = {0};

    if (!j) {
        app_refuse_fault(s, in, SIO_ENOMEM, "Failed to join room");
        sio_release(in);
        return NULL;
    }
    if (app_payload(s, in, chat_join, &m) < 0) {
        sio_release(in);
        free(j);
        return NULL;
    }
    j->ns = sio_ns_of(s);
    j->socket = s;
    j->in = in;
    j->user = app_user_hold(app_session_of(s)->user);
    parked_init(&j->parked);
    chat_room_init(&j->room, m.room_id);
    return j;
}

static void join_free(chat_join *j)
{
    chat_page_free(j->page);
    chat_filler_fini(&j->fill);
    app_user_drop(j->user);
    sio_release(j->in);
    free(j);
}

static chat_join *join_of(db_job *job) { return container_of(job, chat_join, job); }

/* ---- parking --------------------------------------------------------------------------------------- */

static chat_join *find_joining(sio_socket *s, sio_str room_id)
{
    chat_join *j = app_session_of(s)->joining;

    while (j && !sio_str_eq(j->room.id, room_id))
        j = j->next;
    return j;
}

bool chat_park(sio_socket *s, sio_in *in, sio_str room_id, sio_event_fn *fn)
{
    chat_join *j = find_joining(s, room_id);

    if (!j)
        return false;
    parked_add(&j->parked, s, in, fn, PARKED_MAX, "Too many events wait for the room to be joined");
    return true;
}

static void joining_add(chat_join *j)
{
    app_session *me = app_session_of(j->socket);

    j->next = me->joining;
    me->joining = j;
}

static void joining_remove(chat_join *j)
{
    struct chat_join **at = &app_session_of(j->socket)->joining;

    while (*at && *at != j)
        at = &(*at)->next;
    if (*at)
        *at = j->next;
}

/* ---- the history ----------------------------------------------------------------------------------- */

/* Asked once more: who was put out after the first answer, before the socket was in the room, was put out of
 * nothing. */
static bool may_stay(const chat_join *j)
{
    const app *a = sio_context(sio_ns_server(j->ns));

    return j->door.allowed || a->opt.demo;
}

/* The user at the door, and whether messages of the room need their numbers. */
static int look(chat_join *j, db_conn *c)
{
    int err = chat_store_door(c, j->room.id, j->user->id, &j->door);

    j->unfilled = false;
    if (err == 0 && may_stay(j) && j->door.exists && j->fills < FILLS_MAX)
        err = chat_store_unfilled(c, j->room.id, &j->door, &j->unfilled, &j->fill.from_ms);
    return err;
}

static int history_run(db_job *job, db_conn *c)
{
    chat_join *j = join_of(job);
    int err = look(j, c);

    if (err < 0 || j->unfilled || !may_stay(j))
        return err;
    if (!j->page && !(j->page = chat_page_new()))
        return SIO_ENOMEM;
    return chat_store_before(c, j->room.id, j->user->id, INT64_MAX, HISTORY_LEN, j->page);
}

static void leave_again(chat_join *j)
{
    if (j->entered)
        chat_leave(j->socket, &j->room);
}

static int send_history(chat_join *j)
{
    chat_list l;
    int err = chat_list_init(&l, j->page);

    if (err == 0)
        err = sio_emit(j->socket, out_chat_history,
                       sio_obj("roomId", j->room.id, "messages", l.val, "more", chat_page_more(j->page),
                               "lastSeq", j->door.last_seq));
    chat_list_fini(&l);
    return err;
}

static void history_failed(chat_join *j, int err)
{
    leave_again(j);
    app_refuse_fault(j->socket, j->in, err, "Failed to join room");
}

/* Also out, if a user who is in may not be any more. Takes j. */
static void join_refuse(chat_join *j)
{
    j->entered = true;
    leave_again(j);
    app_refuse(j->socket, j->in, APP_FORBIDDEN, "Cannot access this room");
    join_free(j);
}

static void fill_start(chat_join *j);

static void history_done(db_job *job)
{
    chat_join *j = join_of(job);
    int err = job->err;

    if (app_op_end(j->socket)) {
        if (err == 0 && !may_stay(j)) {
            join_refuse(j);
            return;
        }
        if (err == 0 && j->unfilled) {
            fill_start(j);
            return;
        }
        if (err == 0)
            err = send_history(j);
        if (err == 0)
            sio_ack(j->in, sio_obj("ok", sio_true, "roomId", j->room.id, "lastSeq", j->door.last_seq));
        else
            history_failed(j, err);
    }
    join_free(j);
}

/* Takes j. */
static void history_start(chat_join *j)
{
    int err;

    j->job = (db_job){.run = history_run, .done = history_done};
    err = app_read(j->socket, &j->job);
    if (err == 0)
        return;
    history_failed(j, err);
    join_free(j);
}

/* ---- entering -------------------------------------------------------------------------------------- */

static int enter(chat_join *j)
{
    bool was_in = sio_in_room(j->socket, j->room.name);
    int err = was_in ? 0 : sio_join(j->socket, j->room.name);

    if (err < 0)
        return err;
    chat_tell_from(app_of(j->socket), &j->room, j->door.last_seq);
    if (was_in)
        return 0;
    j->entered = true;
    chat_tell_others(j->socket, out_chat_user_joined, &j->room);
    return 0;
}

/* The user may: in, then the history. Takes j. */
static void join_enter(chat_join *j)
{
    int err = enter(j);

    if (err == SIO_ELIMIT) {
        app_refuse(j->socket, j->in, APP_TOO_MANY, "Too many rooms joined");
        join_free(j);
        return;
    }
    if (err == 0) {
        history_start(j);
        return;
    }
    app_refuse_fault(j->socket, j->in, err, "Failed to join room");
    join_free(j);
}

static bool is_alone(const chat_join *j)
{
    const app *a = sio_context(sio_ns_server(j->ns));

    return !a->relay;
}

static int access_run(db_job *job, db_conn *c)
{
    chat_join *j = join_of(job);

    if (is_alone(j))
        return chat_store_door(c, j->room.id, j->user->id, &j->door);
    return look(j, c);
}

/* Takes j. */
static void join_checked(chat_join *j, int err)
{
    parked *waiting = j->parked.first;

    j->checked = true;
    joining_remove(j);
    if (err < 0) {
        app_refuse_fault(j->socket, j->in, err, "Failed to join room");
        join_free(j);
    } else if (may_stay(j)) {
        join_enter(j);
    } else {
        join_refuse(j);
    }
    parked_run(waiting);
}

static void access_done(db_job *job)
{
    chat_join *j = join_of(job);
    parked *waiting = j->parked.first;

    if (!app_op_end(j->socket)) {
        join_free(j);
        parked_run(waiting);
    } else if (job->err == 0 && j->unfilled) {
        fill_start(j);
    } else {
        join_checked(j, job->err);
    }
}

static void access_start(chat_join *j)
{
    int err;

    j->job = (db_job){.run = access_run, .done = access_done};
    err = app_read(j->socket, &j->job);
    if (err < 0)
        join_checked(j, err);
}

/* ---- numbers for what others wrote into the room, before or after entering ---------------------------- */

static int fill_run(db_job *job, db_conn *c)
{
    return chat_filler_step(&join_of(job)->fill, c, join_of(job)->room.id);
}

static void fill_committed(db_job *job)
{
    chat_join *j = join_of(job);

    chat_filler_tell(&j->fill, j->ns, j->room.id);
}

static void fill_failed(chat_join *j, int err)
{
    if (!j->checked) {
        join_checked(j, err);
        return;
    }
    history_failed(j, err);
    join_free(j);
}

static void fill_done(db_job *job)
{
    chat_join *j = join_of(job);
    parked *waiting = j->checked ? NULL : j->parked.first;

    if (!app_op_end(j->socket)) {
        join_free(j);
        parked_run(waiting);
    } else if (job->err < 0) {
        fill_failed(j, job->err);
    } else if (chat_filler_more(&j->fill)) {
        fill_start(j);
    } else {
        j->fills++;
        (j->checked ? history_start : access_start)(j);
    }
}

static void fill_start(chat_join *j)
{
    int err;

    j->job = (db_job){
        .run = fill_run, .committed = fill_committed, .done = fill_done, .lane = db_lane(j->room.id)};
    err = app_write(j->socket, &j->job);
    if (err < 0)
        fill_failed(j, err);
}

/* ---- the event -------------------------------------------------------------------------------------- */

void chat_on_join(sio_socket *s, sio_in *in)
{
    sio_in *kept = sio_keep(in);
    chat_join *j;

    if (!kept) {
        app_refuse_fault(s, in, SIO_ENOMEM, "Failed to join room");
        return;
    }
    j = join_new(s, kept);
    if (!j)
        return;
    if (app_of(s)->opt.demo && is_alone(j)) {
        j->checked = true;
        join_enter(j);
        return;
    }
    joining_add(j);
    access_start(j);
}
