/* chat:message {roomId, content, type?, mediaUrl?, clientId?, replyTo?}: saved, then told to everybody in
 * the room in the order of the commits, then acknowledged with {ok: true, id, seq, createdAt}. */
#include "app/chat/chat_int.h"
#include "app/push/pusher.h"

#include <strings.h>

typedef struct chat_send {
    chat_op         op;
    in_chat_message p;
    chat_message    m;
    chat_page      *reply;     /* the message read back, for what it answers */
    bool            make_user; /* demo: where they are not there yet */
    bool            repeated;  /* the client had sent it before */
    char            id[CHAT_ID_LEN + 1];
} chat_send;

static chat_send *send_of(chat_op *o) { return (chat_send *)o; }

/* ---- checks ---------------------------------------------------------------------------------------- */

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
    if (chat_has_nul(p->content) || chat_has_nul(p->client_id))
        return "content and clientId must not contain U+0000";
    if (p->media_url.p && !is_web_url(p->media_url))
        return "mediaUrl must be an http or https URL";
    return NULL;
}

static void send_init(chat_op *o) { send_of(o)->p.content = sio_lit(""); }

/* The rest of what is needed to run, too. */
static int send_check(chat_op *o)
{
    in_chat_message *p = &send_of(o)->p;
    const char *fault;
    int err;

    if (p->media_url.n == 0)
        p->media_url = (sio_str){NULL, 0};
    if (!chat_content_fits(o->socket, o->in, p->content))
        return SIO_EFIELD;
    fault = payload_fault(p);
    if (fault) {
        app_refuse(o->socket, o->in, APP_BAD_REQUEST, fault);
        return SIO_EFIELD;
    }
    if ((err = chat_text_mend(o->in, &p->content)) < 0 || (err = chat_text_mend(o->in, &p->media_url)) < 0
        || (err = chat_text_mend(o->in, &p->client_id)) < 0)
        app_refuse_fault(o->socket, o->in, err, o->kind->fault);
    send_of(o)->make_user = o->demo && !app_session_of(o->socket)->stored;
    return err;
}

/* ---- the job --------------------------------------------------------------------------------------- */

static int make_demo(chat_send *s, db_conn *c)
{
    const app_user *u = s->op.user;
    int err = 0;

    if (s->make_user)
        err = chat_store_make_user(c, u->id, app_username(u), app_avatar_url(u), s->op.now_ms);
    return err < 0 || s->op.door.exists ? err : chat_store_make_room(c, s->op.room.id, u->id, s->op.now_ms);
}

static int check_reply(chat_send *s, db_conn *c)
{
    bool has = true;
    int err = 0;

    if (s->p.reply_to.p)
        err = chat_store_has(c, s->op.room.id, s->p.reply_to, &has);
    if (err < 0 || has)
        return err;
    return chat_op_no(&s->op, APP_NOT_FOUND, "replyTo is no message of this room");
}

/* What the room is to see of the message that is answered. */
static int load_reply(chat_send *s, db_conn *c)
{
    const chat_message *from;
    int err;

    if (!s->p.reply_to.p || s->repeated)
        return 0;
    if (!s->reply && !(s->reply = chat_page_new()))
        return SIO_ENOMEM;
    err = chat_store_after(c, s->m.room_id, s->op.user->id, s->m.seq - 1, 1, s->reply);
    if (err < 0 || chat_page_len(s->reply) == 0)
        return err;
    from = chat_page_at(s->reply, 0);
    s->m.reply_sender_id = from->reply_sender_id;
    s->m.reply_username = from->reply_username;
    s->m.reply_content = from->reply_content;
    s->m.reply_type = from->reply_type;
    s->m.reply_deleted = from->reply_deleted;
    return 0;
}

static int send_run(chat_op *o, db_conn *c)
{
    chat_send *s = send_of(o);
    const app_user *u = o->user;
    int err = chat_op_door(o, c, o->room.id);

    if (err == 0 && o->demo)
        err = make_demo(s, c);
    if (err == 0)
        err = check_reply(s, c);
    if (err < 0)
        return err;
    s->m = (chat_message){.room_id = o->room.id, .sender_id = u->id, .username = app_username(u),
                          .avatar_url = app_avatar_url(u), .content = s->p.content,
                          .type = sio_s(sent_type_names[s->p.type]),
                          .media_url = s->p.media_url, .client_id = s->p.client_id, .reply_id = s->p.reply_to,
                          .created_ms = o->now_ms};
    err = chat_store_add(c, &s->m, s->id, &s->repeated);
    if (err == SIO_ENOENT) /* a good token is no proof that its user is still there */
        return chat_op_no(o, APP_FORBIDDEN, "There is no such user any more");
    if (err == 0 && !s->repeated)
        err = pusher_message_in(sio_context(sio_ns_server(o->ns)), c, s->m.room_id, s->m.seq, o->now_ms);
    return err < 0 ? err : load_reply(s, c);
}

/* On the writer's thread, in the order of the commits: so all members, on whatever loop, see one order. */
static void send_committed(chat_op *o)
{
    const app *a = sio_context(sio_ns_server(o->ns));
    chat_val v;

    if (send_of(o)->repeated)
        return;
    app_count(a, messages);
    chat_tell(o->ns, &o->room, CHAT_NEW_MESSAGE, send_of(o)->m.seq, chat_val_make(&v, &send_of(o)->m));
}

static void send_answer(chat_op *o)
{
    const chat_message *m = &send_of(o)->m;
    char at[APP_ISO_SIZE];

    app_session_of(o->socket)->stored = true;
    app_iso(m->created_ms, at);
    sio_ack(o->in, sio_obj("ok", sio_true, "id", m->id, "seq", m->seq, "createdAt", (const char *)at));
}

static void send_fini(chat_op *o) { chat_page_free(send_of(o)->reply); }

void chat_on_message(sio_socket *s, sio_in *in)
{
    static const chat_op_kind kind = {
        .size = sizeof(chat_send), .fault = "Failed to send message", .fields = in_chat_message_fields,
        .payload_at = offsetof(chat_send, p), .room_at = offsetof(chat_send, p.room_id),
        .handler = chat_on_message,
        .member = true, .write = true, .init = send_init, .check = send_check, .run = send_run,
        .committed = send_committed, .answer = send_answer, .fini = send_fini,
    };

    chat_op_go(s, in, &kind);
}
