/* chat:message {roomId, content, type?, mediaUrl?, clientId?}: saved, then told to everybody in the room
 * in the order of the commits, then acknowledged with {ok: true, id, seq, createdAt}. */
#include "app/chat/chat_int.h"

#include <stdlib.h>
#include <strings.h>

typedef struct chat_send {
    db_job       job;
    sio_ns      *ns;
    sio_socket  *socket;   /* pinned by in */
    sio_in      *in;       /* kept; the texts of m live in it */
    app_user    *user;     /* held */
    chat_room    room;
    chat_message m;
    bool         make_user, make_room; /* demo: where they are not there yet */
    bool         repeated; /* the client had sent it before */
    char         id[CHAT_ID_LEN + 1];
    int64_t      now_ms;
} chat_send;

/* ---- checks ---------------------------------------------------------------------------------------- */

static const char *find_surrogate(const char *p, const char *end)
{
    for (; p < end && (p = memchr(p, 0xed, (size_t)(end - p))); p++) {
        if (end - p >= 3 && (unsigned char)p[1] >= 0xa0)
            return p;
    }
    return NULL;
}

/* JavaScript strings may hold half a pair of surrogates, which is no text: it becomes U+FFFD, as in every
 * decoder. */
static int mend(sio_in *in, sio_str *s)
{
    const char *end, *bad;
    char *copy;

    if (!s->n)
        return 0; /* p may be NULL: an absent member */
    end = s->p + s->n;
    if (!(bad = find_surrogate(s->p, end)))
        return 0;
    copy = sio_alloc(in, s->n);
    if (!copy)
        return SIO_ENOMEM;
    memcpy(copy, s->p, s->n);
    for (; bad; bad = find_surrogate(bad + 3, end))
        memcpy(copy + (bad - s->p), "\xef\xbf\xbd", 3);
    s->p = copy;
    return 0;
}

static bool has_nul(sio_str s) { return s.n && memchr(s.p, 0, s.n); }

static bool is_web_url(sio_str s)
{
    size_t scheme = s.n > 7 && strncasecmp(s.p, "http://", 7) == 0 ? 7
                  : s.n > 8 && strncasecmp(s.p, "https://", 8) == 0 ? 8 : 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= 0x20 || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '\\')
            return false;
    }
    return scheme > 0 && s.p[scheme] != '/' && s.p[scheme] != '?' && s.p[scheme] != '#';
}

/* What is wrong with the payload, NULL when nothing. */
static const char *payload_fault(const in_chat_message *p)
{
    if (!p->content.n && !p->media_url.p)
        return "Message content is required";
    if (has_nul(p->content) || has_nul(p->client_id))
        return "content and clientId must not contain U+0000";
    if (p->media_url.p && !is_web_url(p->media_url))
        return "mediaUrl must be an http or https URL";
    return NULL;
}

/* Reads and checks the payload; refuses and returns a negative error, or 0. */
static int payload_read(sio_socket *s, sio_in *in, in_chat_message *p)
{
    const char *fault;
    int err;

    *p = (in_chat_message){.content = sio_lit("")};
    err = app_payload(s, in, chat_message, p);
    if (err < 0)
        return err;
    if (p->media_url.n == 0)
        p->media_url = (sio_str){NULL, 0};
    fault = payload_fault(p);
    if (fault) {
        app_refuse(s, in, APP_BAD_REQUEST, fault);
        return SIO_EFIELD;
    }
    if ((err = mend(in, &p->content)) < 0 || (err = mend(in, &p->media_url)) < 0 || (err = mend(in, &p->client_id)) < 0)
        app_refuse_fault(s, in, err, "Failed to send message");
    return err;
}

/* ---- the job --------------------------------------------------------------------------------------- */

static chat_send *send_of(db_job *job) { return container_of(job, chat_send, job); }

static int send_run(db_job *job, db_conn *c)
{
    chat_send *o = send_of(job);
    int err = 0;

    o->m.created_ms = o->now_ms;
    if (o->make_user)
        err = chat_store_make_user(c, o->user->id, o->user->username, o->user->avatar_url, o->now_ms);
    if (err == 0 && o->make_room)
        err = chat_store_make_room(c, o->room.id, o->user->id, o->now_ms);
    return err < 0 ? err : chat_store_add(c, &o->m, o->id, &o->repeated);
}

/* On the writer's thread, in the order of the commits: so all members, on whatever loop, see one order. */
static void send_committed(db_job *job)
{
    chat_send *o = send_of(job);
    chat_val v;

    if (!o->repeated)
        sio_emit(sio_to(o->ns, o->room.name), out_chat_new_message, chat_val_make(&v, &o->m));
}

static void send_free(chat_send *o)
{
    app_user_drop(o->user);
    sio_release(o->in);
    free(o);
}

static void send_done(db_job *job)
{
    chat_send *o = send_of(job);
    char at[APP_ISO_SIZE];

    if (app_op_end(o->socket)) {
        if (job->err < 0) {
            app_refuse_fault(o->socket, o->in, job->err, "Failed to send message");
        } else {
            app_session_of(o->socket)->stored = true;
            app_iso(o->m.created_ms, at);
            sio_ack(o->in, sio_obj("ok", sio_true, "id", o->m.id, "seq", o->m.seq, "createdAt", (const char *)at));
        }
    }
    send_free(o);
}

static chat_send *send_new(sio_socket *s, sio_in *in, const in_chat_message *p)
{
    app_user *user = app_session_of(s)->user;
    chat_send *o = calloc(1, sizeof(*o));

    if (!o)
        return NULL;
    o->job = (db_job){.run = send_run, .committed = send_committed, .done = send_done};
    o->ns = sio_ns_of(s);
    o->socket = s;
    o->in = in;
    o->user = app_user_hold(user);
    o->make_room = app_of(s)->opt.demo;
    o->make_user = o->make_room && !app_session_of(s)->stored;
    o->now_ms = sio_now(sio_server_of(s));
    chat_room_init(&o->room, p->room_id);
    o->m = (chat_message){.room_id = p->room_id, .sender_id = user->id, .username = user->username,
                          .avatar_url = user->avatar_url, .content = p->content, .type = sio_s(sent_type_names[p->type]),
                          .media_url = p->media_url, .client_id = p->client_id};
    return o;
}

/* A message that passed all checks, with its event kept. Takes in. */
static void send_start(sio_socket *s, sio_in *in, const in_chat_message *p)
{
    chat_send *o = send_new(s, in, p);
    int err = SIO_ENOMEM;

    if (!o) {
        app_refuse_fault(s, in, err, "Failed to send message");
        sio_release(in);
        return;
    }
    err = app_write(s, &o->job);
    if (err < 0) {
        app_refuse_fault(s, in, err, "Failed to send message");
        send_free(o);
    }
}

void chat_on_message(sio_socket *s, sio_in *in)
{
    in_chat_message p;
    chat_room room;
    sio_in *kept;

    if (payload_read(s, in, &p) < 0 || chat_park(s, in, p.room_id, chat_on_message))
        return;
    chat_room_init(&room, p.room_id);
    if (!chat_is_member(s, in, &room))
        return;
    kept = sio_keep(in);
    if (!kept)
        app_refuse_fault(s, in, SIO_ENOMEM, "Failed to send message");
    else if (payload_read(s, kept, &p) < 0) /* once more, since texts live as long as the event they are read from */
        sio_release(kept);
    else
        send_start(s, kept, &p);
}
