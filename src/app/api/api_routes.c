/* What the API can do: one row a route. */
#include "app/api/api_queues.h"
#include "app/api/api_rooms.h"
#include "app/auth/revoke.h"
#include "app/party/party.h"
#include "app/presence/presence.h"
#include "app/push/pusher.h"
#include "app/queues/queues.h"
#include "sio_stats.h"

#include <stdio.h>
#include <stdlib.h>

#define AT(member) .at = offsetof(api_args, member)
#define ID(n)      .type = API_ID, .min = 1, .max = n
#define MUST       .required = true
#define MAX_INT    9007199254740991
#define USER_ROOM_MAX (5 + 128 + 1)

/* ---- events ----------------------------------------------------------------------------------------- */

enum { EVENT_PARTY_LIVE, EVENT_PARTY_MEDIA_ADDED, EVENT_PARTY_STATUS_CHANGED };
static const char *const event_names[] = {"PARTY_LIVE", "PARTY_MEDIA_ADDED", "PARTY_STATUS_CHANGED", NULL};

static const api_field event_body[] = {
    {"type", "What happened.", .type = API_ENUM, MUST, AT(type), .choices = event_names},
    {"payload",
     "PARTY_LIVE: {partyId}. PARTY_MEDIA_ADDED: {partyId, media}. PARTY_STATUS_CHANGED: {partyId, status}, "
     "status being PLANNED, LIVE, ENDED or CANCELLED.",
     .type = API_OBJECT, MUST, AT(payload)},
    {0}};
static const api_field event_data[] = {
    {"type", "As given.", .type = API_ENUM, MUST, .choices = event_names},
    {"partyId", "Whose viewers are told.", ID(64), MUST},
    {0}};

static int event_check(api_call *k)
{
    static const api_field live[] = {{"partyId", "", ID(64), MUST, AT(party_id)}, {0}};
    static const api_field media[] = {
        {"partyId", "", ID(64), MUST, AT(party_id)},
        {"media", "", .type = API_VALUE, MUST, .max = 65536, AT(media)},
        {0}};
    static const api_field status[] = {
        {"partyId", "", ID(64), MUST, AT(party_id)},
        {"status", "", .type = API_ENUM, MUST, AT(status), .choices = party_status_names},
        {0}};
    static const api_field *const fields[] = {live, media, status};

    return k->refused ? SIO_EFIELD : api_read_object(k, fields[k->p.type], k->p.payload, "payload.");
}

static int event_run(api_call *k, db_conn *c)
{
    (void)c;
    return api_data(k, sio_obj("type", event_names[k->p.type], "partyId", k->p.party_id));
}

static void event_publish(api_call *k)
{
    sio_target to = k->here ? sio_local(k->a->ns) : sio_dest(k->a->ns);

    switch (k->p.type) {
    case EVENT_PARTY_LIVE:
        party_tell_status(to, k->p.party_id, sio_lit("LIVE"));
        return;
    case EVENT_PARTY_MEDIA_ADDED:
        party_tell_media(to, k->p.party_id, k->p.media);
        return;
    default:
        party_tell_status(to, k->p.party_id, sio_str_z(party_status_names[k->p.status]));
    }
}

/* ---- notifications ---------------------------------------------------------------------------------- */

static const api_field note_body[] = {
    {"userId", "Who gets it.", ID(128), MUST, AT(user_id)},
    {"type", "What it is about.", .type = API_ENUM, MUST, AT(type), .choices = notification_type_names},
    {"title", "In a few words.", .type = API_CHARS, MUST, AT(title), .min = 1, .max = 255},
    {"body", "In a sentence or two.", .type = API_CHARS, MUST, AT(body), .min = 0, .max = 4000},
    {"data", "For programs; any JSON.", .type = API_VALUE, .max = 16384, AT(data)},
    {0}};
static const api_field note_data[] = {
    {"id", "The notification's id.", ID(64), MUST},
    {"type", "As given.", .type = API_ENUM, MUST, .choices = notification_type_names},
    {"title", "As given.", .type = API_TEXT, MUST},
    {"body", "As given.", .type = API_TEXT, MUST},
    {"data", "As given.", .type = API_VALUE},
    {"isRead", "False.", .type = API_BOOL, MUST},
    {"createdAt", "When it was saved.", .type = API_TIME, MUST},
    {0}};

static int note_run(api_call *k, db_conn *c)
{
    const api_args *p = &k->p;
    notify_val v;
    int err = 0;

    k->note = (notify_note){.user_id = p->user_id,
                            .type = sio_str_z(notification_type_names[p->type]),
                            .title = p->title,
                            .body = p->body,
                            .created_ms = k->now_ms};
    if (p->data.kind == SIO_JSON)
        k->note.data = p->data.s;
    if (k->a->opt.demo)
        err = notify_store_make_user(c, p->user_id, k->now_ms);
    if (err == 0)
        err = notify_store_add(c, &k->note, k->id_text);
    if (err == SIO_ENOENT)
        return api_refuse(k, 404, "There is no such user");
    if (err == 0)
        err = pusher_note_in(k->a, c, &k->note);
    return err < 0 ? err : api_data(k, notify_val_make(&v, &k->note));
}

static void note_publish(api_call *k)
{
    notify_tell(k->a, &k->note);
    pusher_committed(k->a);
}

/* ---- emits, rooms and connections ------------------------------------------------------------------- */

static const api_field emit_body[] = {
    {"room", "Everybody in this Socket.IO room, as room:ID of a chat room or party:ID.", ID(255), AT(room)},
    {"userId", "All devices of this user.", ID(128), AT(user_id)},
    {"socketId", "This connection.", ID(64), AT(socket_id)},
    {"everyone", "All connections of the namespace.", .type = API_BOOL, AT(everyone)},
    {"event", "Its name.", ID(128), MUST, AT(event)},
    {"args", "Its arguments.", .type = API_ANYS, .max = 16, AT(args)},
    {0}};
static const api_field emit_data[] = {{"event", "As given.", ID(128), MUST}, {0}};

static const char *user_room(sio_str id, char out[USER_ROOM_MAX])
{
    snprintf(out, USER_ROOM_MAX, "user:%.*s", (int)id.n, id.p);
    return out;
}

static int one_target(api_call *k)
{
    const api_args *p = &k->p;

    if ((p->room.p != NULL) + (p->user_id.p != NULL) + (p->socket_id.p != NULL) + p->everyone == 1)
        return 0;
    return api_fault(k, "", "needs one of room, userId, socketId and everyone");
}

static int emit_check(api_call *k)
{
    static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                           "disconnecting", "newListener",   "removeListener"};

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (sio_str_eq(k->p.event, sio_str_z(reserved[i])))
            api_fault(k, "event", "is a reserved name");
    }
    return k->refused ? SIO_EFIELD : one_target(k);
}

static int emit_run(api_call *k, db_conn *c)
{
    (void)c;
    return api_data(k, sio_obj("event", k->p.event));
}

/* The room text must live as long as the target. */
static sio_target target_of(const api_call *k, char room[USER_ROOM_MAX])
{
    if (k->p.user_id.p)
        return sio_to(k->a->ns, user_room(k->p.user_id, room));
    if (k->p.socket_id.p)
        return sio_to(k->a->ns, k->p.socket_id);
    return k->p.room.p ? sio_to(k->a->ns, k->p.room) : sio_dest(k->a->ns);
}

static void emit_publish(api_call *k)
{
    char room[USER_ROOM_MAX];
    sio_val args[1 + 16] = {sio_v(k->p.event)};
    sio_iter it = {0};
    size_t n = 1;

    while (n <= 16 && sio_next(k->p.args, &it, NULL, &args[n]))
        n++;
    sio_emit_(target_of(k, room), args, n);
}

static const api_field socket_room_params[] = {{"room", "A Socket.IO room.", ID(255), MUST, AT(room)}, {0}};
static const api_field who_body[] = {
    {"userId", "All devices of this user that are connected now.", ID(128), AT(user_id)},
    {"socketId", "This connection.", ID(64), AT(socket_id)},
    {0}};
static const api_field room_name_data[] = {{"room", "As given.", ID(255), MUST}, {0}};

static int who_check(api_call *k)
{
    if (k->refused)
        return SIO_EFIELD;
    return (k->p.user_id.p != NULL) + (k->p.socket_id.p != NULL) == 1
               ? 0
               : api_fault(k, "", "needs one of userId and socketId");
}

static int room_name_run(api_call *k, db_conn *c)
{
    (void)c;
    return api_data(k, sio_obj("room", k->p.room));
}

static void join_publish(api_call *k)
{
    char room[USER_ROOM_MAX];

    sio_sockets_join_(target_of(k, room), k->p.room);
}

static void leave_publish(api_call *k)
{
    char room[USER_ROOM_MAX];

    sio_sockets_leave_(target_of(k, room), k->p.room);
}

static const api_field user_params[] = {{"userId", "A user.", ID(128), MUST, AT(user_id)}, {0}};
static const api_field user_data[] = {{"userId", "As given.", ID(128), MUST}, {0}};

static int user_run(api_call *k, db_conn *c)
{
    (void)c;
    return api_data(k, sio_obj("userId", k->p.user_id));
}

static void disconnect_publish(api_call *k)
{
    char room[USER_ROOM_MAX];

    sio_sockets_disconnect(sio_to(k->a->ns, user_room(k->p.user_id, room)), true);
}

/* ---- tokens ----------------------------------------------------------------------------------------- */

static const api_field token_params[] = {{"jti", "A token's id, its claim jti.", ID(128), MUST, AT(jti)},
                                         {0}};
static const api_field token_data[] = {{"jti", "As given.", ID(128), MUST}, {0}};

static int revoke_fault(api_call *k, int err)
{
    return api_refuse(k, 503, err == SIO_ELIMIT ? "Too many revocations are remembered" : sio_strerror(err));
}

static int revoke_user_run(api_call *k, db_conn *c)
{
    int err = auth_revoke_user(k->a, k->p.user_id);

    return err < 0 ? revoke_fault(k, err) : user_run(k, c);
}

static int revoke_token_run(api_call *k, db_conn *c)
{
    int err = auth_revoke_token(k->a, k->p.jti);

    (void)c;
    return err < 0 ? revoke_fault(k, err) : api_data(k, sio_obj("jti", k->p.jti));
}

/* ---- presence and counts ---------------------------------------------------------------------------- */

#define PRESENCE_IDS_MAX 100
static const api_field presence_params[] = {{"ids", "Users, with commas between their ids.", .type = API_IDS,
                                             MUST, AT(ids), .min = 1, .max = PRESENCE_IDS_MAX},
                                            {0}};
static const api_field presence_data[] = {
    {"userId", "The user.", ID(128), MUST},
    {"isOnline", "Whether one of the user's devices is connected, or was some seconds ago.", .type = API_BOOL,
     MUST},
    {"status", "How the user is.", .type = API_ENUM, MUST, .choices = presence_status_names},
    {"lastSeen", "When the user last came, went or chose a status; null when that is not remembered.",
     .type = API_TIME, MUST, .nullable = true},
    {0}};

typedef struct presence_item {
    sio_val item[8];
    char    seen[APP_ISO_SIZE];
} presence_item;

static sio_val presence_val(presence_item *v, sio_str id, const presence_seen *seen)
{
    sio_val *at = v->item;

    if (seen->wall)
        app_iso(seen->wall, v->seen);
    *at++ = sio_v("userId");
    *at++ = sio_v(id);
    *at++ = sio_v("isOnline");
    *at++ = sio_v((bool)(seen->status != PRESENCE_OFFLINE));
    *at++ = sio_v("status");
    *at++ = sio_v(presence_status_names[seen->status]);
    *at++ = sio_v("lastSeen");
    *at++ = seen->wall ? sio_v((const char *)v->seen) : sio_null;
    return sio_members(v->item, 8);
}

static void on_presence(void *arg, int err, const sio_str *ids, const presence_seen *seen, unsigned n)
{
    api_call *k = arg;
    presence_item items[PRESENCE_IDS_MAX];
    sio_val list[PRESENCE_IDS_MAX];

    for (unsigned i = 0; i < n && err == 0; i++)
        list[i] = presence_val(&items[i], ids[i], &seen[i]);
    if (err < 0)
        api_refuse(k, 503, "Presence is not known now");
    else if (api_data(k, sio_list(list, n)) < 0)
        api_refuse(k, 500, "The answer is too large");
    api_end(k);
}

/* -1 when there are too many, or one is no id. */
static int ids_split(sio_str text, sio_str out[PRESENCE_IDS_MAX])
{
    int n = 0;

    for (;;) {
        const char *comma = memchr(text.p, ',', text.n);
        sio_str id = {text.p, comma ? (size_t)(comma - text.p) : text.n};

        if (n == PRESENCE_IDS_MAX || id.n == 0 || id.n > 128)
            return -1;
        out[n++] = id;
        if (!comma)
            return n;
        text = (sio_str){comma + 1, text.n - id.n - 1};
        if (!text.n)
            return -1;
    }
}

static void presence_start(api_call *k)
{
    sio_str ids[PRESENCE_IDS_MAX];
    int n = ids_split(k->p.ids, ids), err;

    if (n < 0) {
        api_fault(k, "ids", "must be 1 to 100 ids with commas between them");
        api_end(k);
    } else if ((err = presence_look(k->a, ids, (unsigned)n, on_presence, k)) < 0) {
        api_refuse(k, 503, sio_strerror(err));
        api_end(k);
    }
}

static const api_field counts_data[] = {
    {"connections", "Connections to this server.", .type = API_INT, MUST},
    {"sockets", "Clients in namespaces.", .type = API_INT, MUST},
    {"rooms",
     "Rooms with members, each user's own included; one with members on several loops counts on each.",
     .type = API_INT, MUST},
    {0}};

static int counts_run(api_call *k, db_conn *c)
{
    sio_stats s;

    (void)c;
    sio_stats_read(k->a->io, &s);
    return api_data(k, sio_obj("connections", (int64_t)sio_clients_count(k->a->io), "sockets", s.sockets,
                               "rooms", s.rooms));
}

static int openapi_run(api_call *k, db_conn *c)
{
    (void)c;
    return api_openapi(&k->data);
}

static const api_field batch_item[] = {
    {"method", "GET, POST, PUT or DELETE.", ID(16), MUST},
    {"path", "Behind /api/v1, with its query.", ID(2048), MUST},
    {"body", "As it would be without the batch.", .type = API_VALUE},
    {0}};
static const api_field batch_body[] = {{"", "Requests, done one after the other.", .type = API_LIST, MUST,
                                        AT(requests), .min = 1, .max = API_BATCH_MAX, .of = batch_item},
                                       {0}};
static const api_field batch_data[] = {
    {"status", "The answer's status.", .type = API_INT, MUST},
    {"body", "The answer.", .type = API_OBJECT, MUST, .nullable = true},
    {0}};

/* ---- chat rooms (api_rooms.c) ----------------------------------------------------------------------- */

#define ROOM_PARAM {"roomId", "A chat room.", ID(64), MUST, AT(room_id)}
static const api_field room_params[] = {ROOM_PARAM, {0}};
static const api_field messages_params[] = {
    ROOM_PARAM,
    {"before", "The messages before this seq, the nearest.", .type = API_INT, .min = 1, .max = MAX_INT,
     AT(before)},
    {"after", "The messages after this seq, the nearest.", .type = API_INT, .min = 0, .max = MAX_INT,
     AT(after)},
    {"limit", "How many at most; 50 when absent.", .type = API_INT, .min = 1, .max = 100, AT(limit)},
    {0}};
static const api_field sender_data[] = {
    {"id", "The user's id.", ID(128), MUST},
    {"username", "As the user is called today.", .type = API_TEXT, MUST, .nullable = true},
    {"avatarUrl", "The user's picture.", .type = API_TEXT, MUST, .nullable = true},
    {0}};
static const api_field reply_data[] = {
    {"id", "Its id.", ID(64), MUST},
    {"senderId", "Who said it.", ID(128), MUST, .nullable = true},
    {"username", "The sender's name.", .type = API_TEXT, MUST, .nullable = true},
    {"content", "The beginning of its text.", .type = API_TEXT, MUST},
    {"type", "What it is.", .type = API_ENUM, MUST, .choices = message_type_names},
    {"deleted", "Whether it was deleted.", .type = API_BOOL, MUST},
    {0}};
static const api_field reaction_data[] = {
    {"emoji", "The emoji.", ID(64), MUST},
    {"count", "Users.", .type = API_INT, MUST},
    {"mine", "False.", .type = API_BOOL, MUST},
    {0}};
static const api_field messages_data[] = {
    {"id", "Unique.", ID(64), MUST},
    {"roomId", "Where it was said.", ID(64), MUST},
    {"senderId", "Who said it.", ID(128), MUST},
    {"sender", "Who said it.", .type = API_OBJECT, MUST, .of = sender_data},
    {"content", "The text.", .type = API_TEXT, MUST},
    {"type", "What it is.", .type = API_ENUM, MUST, .choices = message_type_names},
    {"mediaUrl", "Where the picture or video is.", .type = API_TEXT, MUST, .nullable = true},
    {"createdAt", "When it was saved.", .type = API_TIME, MUST},
    {"seq", "Its number in the room's log.", .type = API_INT, MUST},
    {"rev", "The number of the last change to it.", .type = API_INT, MUST},
    {"clientId", "The sender's own name for it.", .type = API_TEXT},
    {"editedAt", "When its text was changed last.", .type = API_TIME},
    {"deletedAt", "When it was deleted; it has no content then.", .type = API_TIME},
    {"replyTo", "The message that it answers.", .type = API_OBJECT, .of = reply_data},
    {"reactions", "In the order of their first use.", .type = API_LIST, .of = reaction_data},
    {0}};
static const api_field make_room_body[] = {{"partyId", "A party.", ID(64), MUST, AT(party_id)}, {0}};
static const api_field room_data[] = {
    {"id", "The room's id.", ID(64), MUST},
    {"partyId", "Its party.", ID(64), MUST},
    {"hostId", "The host of the party.", ID(128), MUST},
    {"isPrivate", "Whether only host, cohosts and guests may enter.", .type = API_BOOL, MUST},
    {"createdAt", "When it was made.", .type = API_TIME, MUST},
    {0}};
static const char *const role_names[] = {"HOST", "COHOST", "MODERATOR", NULL};
static const api_field members_params[] = {ROOM_PARAM,
                                           {"after", "Users behind this id.", ID(128), AT(before_id)},
                                           {"limit", "How many at most; 50 when absent.", .type = API_INT,
                                            .min = 1, .max = API_MEMBERS_MAX, AT(limit)},
                                           {0}};
static const api_field member_data[] = {
    {"userId", "The user.", ID(128), MUST},
    {"role", "null for a mere guest.", .type = API_ENUM, MUST, .nullable = true, .choices = role_names},
    {"status", "The user's answer to the invitation; null when there is none.", .type = API_ENUM, MUST,
     .nullable = true, .choices = api_rsvp_names},
    {0}};
static const api_field member_params[] = {ROOM_PARAM, {"userId", "A user.", ID(128), MUST, AT(user_id)}, {0}};
static const api_field put_member_body[] = {
    {"role", "Makes the user cohost or moderator.", .type = API_ENUM, AT(role), .choices = api_role_names},
    {"status", "Makes the user a guest; NOT_GOING shuts a mere guest out of a private party.",
     .type = API_ENUM, AT(status), .choices = api_rsvp_names},
    {0}};
#define MAY_ENTER {"mayEnter", "Whether the user may enter the room now.", .type = API_BOOL, MUST}
static const api_field put_member_data[] = {{"userId", "The user.", ID(128), MUST}, MAY_ENTER, {0}};
static const api_field delete_member_data[] = {
    {"userId", "The user.", ID(128), MUST},
    {"removed", "Whether the user was one.", .type = API_BOOL, MUST},
    MAY_ENTER,
    {0}};

/* ---- job queues (api_queues.c) ------------------------------------------------------------------------ */

#define COUNT_OF(name, doc) {name, doc, .type = API_INT, MUST}
static const api_field queue_counts[] = {
    COUNT_OF("waiting", "Ready to be performed."),
    COUNT_OF("active", "Being performed."),
    COUNT_OF("delayed", "Not due yet, or to be tried again."),
    COUNT_OF("prioritized", "Ready, with a priority."),
    COUNT_OF("completed", "Done, and kept for a while."),
    COUNT_OF("failed", "Failed for good, and kept for a while."),
    COUNT_OF("paused", "In Redis: ready, in a queue that is paused."),
    COUNT_OF("waiting-children", "In Redis: waiting for other jobs."),
    {0}};
static const api_field queues_data[] = {
    {"name", "As it is called here.", ID(QUEUES_NAME_MAX), MUST},
    {"keeper", "Where it is: queues in Redis are shared with Node by BullMQ.", .type = API_ENUM, MUST,
     .choices = api_keeper_names},
    {"about", "What its jobs are.", .type = API_TEXT, MUST},
    {"isUp", "Whether its keeper could be asked; else the rest is missing.", .type = API_BOOL, MUST},
    {"isPaused", "Whether none of its jobs is given out.", .type = API_BOOL},
    {"counts", "Jobs by state, as getJobCounts of BullMQ has them.", .type = API_OBJECT, .of = queue_counts},
    {0}};
#define QUEUE_PARAM {"queue", "A queue, as GET /queues calls it.", ID(QUEUES_NAME_MAX), MUST, AT(queue)}
static const api_field queue_params[] = {QUEUE_PARAM, {0}};
static const api_field queue_data[] = {
    {"name", "As given.", ID(QUEUES_NAME_MAX), MUST},
    {"isPaused", "Whether none of its jobs is given out now.", .type = API_BOOL, MUST},
    {0}};
static const api_field failed_params[] = {
    QUEUE_PARAM,
    {"from", "How many to leave out; none when absent.", .type = API_INT, .min = 0, .max = INT32_MAX,
     AT(from)},
    {"limit", "How many at most; 50 when absent.", .type = API_INT, .min = 1, .max = API_FAILED_MAX,
     AT(limit)},
    {0}};
static const api_field failed_data[] = {
    {"id", "The job's id.", .type = API_TEXT, MUST},
    {"name", "Its name.", .type = API_TEXT, MUST},
    {"data", "Its data; null when it is no JSON, or over 16 KiB.", .type = API_VALUE, MUST},
    {"failedReason", "Why it failed; the first 4 KiB.", .type = API_TEXT, MUST},
    {"attemptsMade", "How often it was tried.", .type = API_INT, MUST},
    {"createdAt", "When it was added.", .type = API_TIME, MUST},
    {"finishedAt", "When it failed.", .type = API_TIME, MUST},
    {0}};
static const api_field job_params[] = {QUEUE_PARAM, {"jobId", "A failed job.", ID(128), MUST, AT(job_id)},
                                       {0}};
static const api_field job_data[] = {{"id", "As given.", ID(128), MUST}, {0}};

/* ---- the table -------------------------------------------------------------------------------------- */

const char *const api_role_names[] = {"COHOST", "MODERATOR", NULL};
const char *const api_rsvp_names[] = {"GOING", "MAYBE", "NOT_GOING", NULL};

const api_route api_routes[] = {
    {"POST", "/events", "raiseEvent", "Something happened in another service.", NULL, event_body, event_data,
     .status = 202, .check = event_check, .run = event_run, .publish = event_publish},
    {"POST", "/notifications", "notify", "Saves a notification and sends it to the user's devices.", NULL,
     note_body, note_data, .status = 201, .refusals = "404", .db = API_WRITES, .run = note_run,
     .publish = note_publish},
    {"POST", "/emit", "emit", "Sends an event to a room, a user, a connection or everyone.", NULL, emit_body,
     emit_data, .status = 202, .check = emit_check, .run = emit_run, .publish = emit_publish},
    {"POST", "/rooms/{room}/join", "joinRoom",
     "Puts connections into a Socket.IO room. It is no chat:join or party:join_live: "
     "nobody is told, and no viewers are counted.",
     socket_room_params, who_body, room_name_data, .status = 202, .check = who_check, .run = room_name_run,
     .publish = join_publish},
    {"POST", "/rooms/{room}/leave", "leaveRoom", "Takes connections out of a Socket.IO room.",
     socket_room_params, who_body, room_name_data, .status = 202, .check = who_check, .run = room_name_run,
     .publish = leave_publish},
    {"POST", "/users/{userId}/disconnect", "disconnectUser", "Disconnects all devices of a user.",
     user_params, NULL, user_data, .status = 202, .run = user_run, .publish = disconnect_publish},
    {"POST", "/users/{userId}/revoke", "revokeUser",
     "Takes back all tokens of a user that were issued up to now: they are refused, and the user's devices "
     "disconnected. On this server, until it ends or JWT_REVOCATION_TTL is over.",
     user_params, NULL, user_data, .status = 202, .run = revoke_user_run},
    {"POST", "/tokens/{jti}/revoke", "revokeToken", "The same for one token.", token_params, NULL, token_data,
     .status = 202, .run = revoke_token_run},
    {"GET", "/presence", "getPresence", "How users are, in the order asked for.", presence_params, NULL,
     presence_data, .data_is_list = true, .status = 200, .start = presence_start},
    {"GET", "/counts", "getCounts", "What this server holds now.", NULL, NULL, counts_data, .status = 200,
     .run = counts_run},
    {"GET", "/rooms/{roomId}/messages", "getMessages",
     "Messages of a chat room, oldest first; without before and after the last "
     "ones. meta: more, lastSeq.",
     messages_params, NULL, messages_data, .data_is_list = true, .status = 200, .refusals = "404",
     .db = API_READS, .check = messages_check, .run = messages_run, .publish = messages_publish},
    {"POST", "/rooms", "makeRoom", "The chat room of a party, made if there is none: 201, else 200.", NULL,
     make_room_body, room_data, .status = 201, .refusals = "200 404", .db = API_WRITES, .run = make_room_run},
    {"GET", "/rooms/{roomId}", "getRoom", "A chat room.", room_params, NULL, room_data, .status = 200,
     .refusals = "404", .db = API_READS, .run = room_run},
    {"GET", "/rooms/{roomId}/members", "getMembers",
     "Host, cohosts and guests of a room's party, by user id. meta: next, the "
     "`after` of the next page.",
     members_params, NULL, member_data, .data_is_list = true, .status = 200, .refusals = "404",
     .db = API_READS, .run = members_run},
    {"PUT", "/rooms/{roomId}/members/{userId}", "putMember",
     "Makes a user cohost, moderator or guest of a room's party. Who "
     "thereby may no longer enter is put out.",
     member_params, put_member_body, put_member_data, .status = 200, .refusals = "404", .db = API_WRITES,
     .check = put_member_check, .run = put_member_run, .publish = member_publish},
    {"DELETE", "/rooms/{roomId}/members/{userId}", "deleteMember",
     "Takes a user off a room's party: no cohost and no guest. Who "
     "thereby may no longer enter is put out.",
     member_params, NULL, delete_member_data, .status = 200, .refusals = "404 409", .db = API_WRITES,
     .run = delete_member_run, .publish = member_publish},
    {"GET", "/queues", "getQueues", "The job queues of this server, and how many jobs are in them.", NULL,
     NULL,
     queues_data, .data_is_list = true, .status = 200, .start = queues_start},
    {"GET", "/queues/{queue}/failed", "getFailedJobs",
     "Jobs of a queue that failed for good, the latest first. meta: next, the `from` of the next page.",
     failed_params,
     NULL, failed_data, .data_is_list = true, .status = 200, .refusals = "404", .start = failed_start},
    {"POST", "/queues/{queue}/failed/{jobId}/retry", "retryJob",
     "A failed job anew, with all its attempts. A second time it is not among the failed ones: 404.",
     job_params, NULL,
     job_data, .status = 200, .refusals = "404", .start = retry_start},
    {"DELETE", "/queues/{queue}/failed/{jobId}", "dropJob", "Away with a failed job.", job_params, NULL,
     job_data,
     .status = 200, .refusals = "404", .start = drop_start},
    {"POST", "/queues/{queue}/pause", "pauseQueue",
     "No job is given out any more, by no server and no worker; those under way go on, and "
     "more can be added.",
     queue_params, NULL, queue_data, .status = 200, .refusals = "404", .start = pause_start},
    {"POST", "/queues/{queue}/resume", "resumeQueue", "The end of a pause.", queue_params, NULL, queue_data,
     .status = 200, .refusals = "404", .start = resume_start},
    {"POST", "/batch", "batch", "Several requests in one.", NULL, batch_body, batch_data,
     .data_is_list = true, .status = 200, .start = api_batch_start},
    {"GET", "/openapi.json", "getOpenApi", "This document.", NULL, NULL, NULL, .status = 200,
     .run = openapi_run},
};
const size_t api_nroutes = sizeof(api_routes) / sizeof(api_routes[0]);
