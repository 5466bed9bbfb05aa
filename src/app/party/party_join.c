/* party:join_live and party:leave_live {partyId}.
 *
 * Who may watch is asked of the database; meanwhile, what the same socket wants of the same party waits,
 * so that events take effect in the order they were sent. Then the socket enters the room, then the
 * party's loop counts it and says how many. */
#include "app/party/party_int.h"
#include "app/parked.h"

#include <stdlib.h>

#define PARKED_MAX 16 /* events of a socket that wait for one answer */

typedef struct party_join {
    db_job      job;
    sio_socket *socket; /* pinned by in */
    sio_in     *in;     /* kept */
    app_user   *user;   /* held: the job may outlive the socket's session */
    party_room  room;
    party_door  door;   /* result of the job */
    int64_t     now_ms;
    parked_queue parked;
    struct party_join *next; /* in app_session.party.joining, while the database is asked */
} party_join;

/* ---- life ------------------------------------------------------------------------------------------ */

static party_join *join_new(sio_socket *s, sio_in *kept)
{
    party_join *j = calloc(1, sizeof(*j));

    if (!j)
        return NULL;
    j->socket = s;
    j->in = kept;
    j->user = app_user_hold(app_session_of(s)->user);
    j->now_ms = sio_now(sio_server_of(s));
    parked_init(&j->parked);
    return j;
}

static void join_free(party_join *j)
{
    app_user_drop(j->user);
    sio_release(j->in);
    free(j);
}

static party_join *join_of(db_job *job) { return container_of(job, party_join, job); }

/* ---- parking --------------------------------------------------------------------------------------- */

static party_join *find_joining(sio_socket *s, sio_str party_id)
{
    party_join *j = app_session_of(s)->party.joining;

    while (j && !sio_str_eq(j->room.id, party_id))
        j = j->next;
    return j;
}

/* True when `in` was put aside, to be handled when the answer is there, or refused. */
static bool park(sio_socket *s, sio_in *in, sio_str party_id, sio_event_fn *fn)
{
    party_join *j = find_joining(s, party_id);

    if (!j)
        return false;
    parked_add(&j->parked, s, in, fn, PARKED_MAX, "Too many events wait for the party to be joined");
    return true;
}

static void joining_add(party_join *j)
{
    app_session *me = app_session_of(j->socket);

    j->next = me->party.joining;
    me->party.joining = j;
}

static void joining_remove(party_join *j)
{
    struct party_join **at = &app_session_of(j->socket)->party.joining;

    while (*at && *at != j)
        at = &(*at)->next;
    if (*at)
        *at = j->next;
}

/* ---- entering -------------------------------------------------------------------------------------- */

static void on_counted(void *arg, int err, int64_t viewers)
{
    party_join *j = arg;

    if (err == 0 && sio_connected(j->socket)) {
        app_session_of(j->socket)->pending--;
        sio_ack(j->in, sio_obj("ok", sio_true, "viewerCount", viewers,
                               "status", (const char *)j->door.status));
    }
    join_free(j);
}

/* The user may. Takes j. */
static void enter(party_join *j)
{
    bool again = party_is_watched(j->socket, j->room.id);
    int err = again ? 0 : party_watch_add(j->socket, j->room.id);

    if (err == 0 && (err = sio_join(j->socket, j->room.name)) < 0 && !again)
        party_watch_remove(j->socket, j->room.id);
    if (err == 0) {
        app_session_of(j->socket)->pending++;
        party_send(app_of(j->socket), again ? PARTY_ASKS : PARTY_COMES, j->room.id, j->user,
                   sio_id_of(j->socket), on_counted, j);
        return;
    }
    if (err == SIO_ELIMIT)
        app_refuse(j->socket, j->in, APP_TOO_MANY, "Too many parties watched, or too many rooms joined");
    else
        app_refuse_fault(j->socket, j->in, err, "Failed to join party");
    join_free(j);
}

/* Out of the room, and no longer counted. */
static void leave(sio_socket *s, const party_room *r, party_count_fn *fn, void *arg)
{
    party_watch_remove(s, r->id);
    sio_leave(s, r->name);
    party_send(app_of(s), PARTY_GOES, r->id, app_session_of(s)->user, sio_id_of(s), fn, arg);
}

/* Also out, if a user who is in may not be any more. Takes j. */
static void refuse(party_join *j)
{
    if (party_is_watched(j->socket, j->room.id))
        leave(j->socket, &j->room, NULL, NULL);
    if (j->door.exists)
        app_refuse(j->socket, j->in, APP_FORBIDDEN, "Cannot access this party");
    else
        app_refuse(j->socket, j->in, APP_NOT_FOUND, "No such party");
    join_free(j);
}

/* ---- the door -------------------------------------------------------------------------------------- */

static int on_door_run(db_job *job, db_conn *c)
{
    party_join *j = join_of(job);

    return party_store_door(c, j->room.id, j->user->id, &j->door);
}

static int on_make_run(db_job *job, db_conn *c)
{
    party_join *j = join_of(job);
    int err = party_store_make(c, j->room.id, j->user->id, j->now_ms);

    return err < 0 ? err : on_door_run(job, c);
}

/* In the demo every party exists once somebody wants to see it: true when it is being made. */
static bool make_party(party_join *j)
{
    int err;

    if (j->job.err < 0 || j->door.exists || j->job.run == on_make_run || !app_of(j->socket)->opt.demo)
        return false;
    j->job.run = on_make_run;
    err = app_write(j->socket, &j->job);
    if (err < 0)
        j->job.err = err; /* else the job is the database's already */
    return err == 0;
}

static void decide(party_join *j)
{
    if (j->job.err < 0) {
        app_refuse_fault(j->socket, j->in, j->job.err, "Failed to join party");
        join_free(j);
    } else if (j->door.allowed) {
        enter(j);
    } else {
        refuse(j);
    }
}

static void on_door(db_job *job)
{
    party_join *j = join_of(job);
    parked *waiting = j->parked.first;

    if (!app_op_end(j->socket)) {
        join_free(j);
    } else {
        if (make_party(j))
            return;
        joining_remove(j);
        decide(j);
    }
    parked_run(waiting);
}

void party_on_join(sio_socket *s, sio_in *in)
{
    in_party_join m = {0};
    sio_in *kept;
    party_join *j;
    int err = SIO_ENOMEM;

    if (app_payload(s, in, party_join, &m) < 0 || park(s, in, m.party_id, party_on_join))
        return;
    kept = sio_keep(in);
    j = kept ? join_new(s, kept) : NULL;
    if (j) {
        party_room_init(&j->room, m.party_id); /* its size was checked with the payload */
        j->job.run = on_door_run;
        j->job.done = on_door;
        err = app_read(s, &j->job);
    }
    if (err == 0) {
        joining_add(j);
        return;
    }
    app_refuse_fault(s, in, err, "Failed to join party");
    if (j)
        join_free(j);
    else if (kept)
        sio_release(kept);
}

/* ---- party:leave_live ------------------------------------------------------------------------------ */

static void on_left(void *arg, int err, int64_t viewers)
{
    sio_in *in = arg;

    if (err == 0 && sio_connected(sio_in_socket(in))) {
        app_session_of(sio_in_socket(in))->pending--;
        sio_ack(in, sio_obj("ok", sio_true, "viewerCount", viewers));
    }
    sio_release(in);
}

/* Leaving a party one does not watch is fine, and tells nobody. */
void party_on_leave(sio_socket *s, sio_in *in)
{
    in_party_leave m = {0};
    party_room room;
    sio_in *kept;

    if (app_payload(s, in, party_leave, &m) < 0 || park(s, in, m.party_id, party_on_leave))
        return;
    party_room_init(&room, m.party_id);
    if (!party_is_watched(s, room.id)) {
        sio_ack(in, sio_obj("ok", sio_true));
        return;
    }
    kept = sio_wants_ack(in) ? sio_keep(in) : NULL;
    if (kept)
        app_session_of(s)->pending++;
    leave(s, &room, kept ? on_left : NULL, kept);
}
