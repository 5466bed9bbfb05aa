/* notifications:* and notification:new. Each event is one database job; what changed is told to the user's
 * other devices from the writer's thread, so that all of them hear it in the order of the commits. */
#include "app/notify/notify.h"
#include "base/list.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- values ----------------------------------------------------------------------------------------- */

static void put(sio_val **at, const char *key, sio_val v)
{
    *(*at)++ = sio_v(key);
    *(*at)++ = v;
}

sio_val notify_val_make(notify_val *v, const notify_note *n)
{
    sio_val *at = v->item;

    app_iso(n->created_ms, v->created_at);
    put(&at, "id", sio_v(n->id));
    put(&at, "type", sio_v(n->type));
    put(&at, "title", sio_v(n->title));
    put(&at, "body", sio_v(n->body));
    if (n->data.p)
        put(&at, "data", sio_json(n->data));
    put(&at, "isRead", sio_v(n->read));
    put(&at, "createdAt", sio_v((const char *)v->created_at));
    return sio_members(v->item, (size_t)(at - v->item));
}

#define ROOM_MAX (5 + 128 + 1)
static const char *user_room(sio_str id, char out[ROOM_MAX])
{
    snprintf(out, ROOM_MAX, "user:%.*s", (int)id.n, id.p);
    return out;
}

void notify_tell(app *a, const notify_note *n)
{
    char room[ROOM_MAX];
    notify_val v;

    sio_emit(sio_to(a->ns, user_room(n->user_id, room)), out_notification_new, notify_val_make(&v, n));
}

/* ---- operations: an event, a database job, an answer ------------------------------------------------ */

typedef struct notify_op notify_op;

typedef struct notify_kind {
    size_t      size;
    const char *fault; /* message when the server failed */
    bool        write;
    int       (*read)(notify_op *o);   /* the payload; below 0 when it was refused */
    int       (*run)(notify_op *o, db_conn *c);
    void      (*committed)(notify_op *o);
    void      (*answer)(notify_op *o);
    void      (*fini)(notify_op *o);   /* optional */
} notify_kind;

struct notify_op {
    db_job             job;
    const notify_kind *kind;
    sio_socket        *socket; /* pinned by in */
    sio_ns            *ns;
    sio_in            *in;     /* kept */
    app_user          *user;   /* held */
    sio_id             sid;
    int64_t            unread;
};

static notify_op *op_of(db_job *j) { return container_of(j, notify_op, job); }

static int op_run(db_job *j, db_conn *c)
{
    notify_op *o = op_of(j);
    int err = o->kind->run(o, c);

    return err < 0 ? err : notify_store_unread(c, o->user->id, &o->unread);
}

static void op_committed(db_job *j) { op_of(j)->kind->committed(op_of(j)); }

static void op_free(notify_op *o)
{
    if (o->kind->fini)
        o->kind->fini(o);
    app_user_drop(o->user);
    sio_release(o->in);
    free(o);
}

static void on_op_done(db_job *j)
{
    notify_op *o = op_of(j);

    if (app_op_end(o->socket)) {
        if (j->err < 0)
            app_refuse_fault(o->socket, o->in, j->err, o->kind->fault);
        else
            o->kind->answer(o);
    }
    op_free(o);
}

static void op_start(notify_op *o)
{
    int err;

    o->job = (db_job){.run = op_run, .committed = o->kind->write ? op_committed : NULL, .done = on_op_done};
    err = o->kind->write ? app_write(o->socket, &o->job) : app_read(o->socket, &o->job);
    if (err == 0)
        return;
    app_refuse_fault(o->socket, o->in, err, o->kind->fault);
    op_free(o);
}

static void op_go(sio_socket *s, sio_in *in, const notify_kind *kind)
{
    notify_op *o = calloc(1, kind->size);

    if (!o || !(o->in = sio_keep(in))) {
        free(o);
        app_refuse_fault(s, in, SIO_ENOMEM, kind->fault);
        return;
    }
    o->kind = kind;
    o->socket = s;
    o->ns = sio_ns_of(s);
    o->user = app_user_hold(app_session_of(s)->user);
    o->sid = sio_id_of(s);
    if (kind->read && kind->read(o) < 0)
        op_free(o);
    else
        op_start(o);
}

/* The user's devices but this one. */
#define others(o, room) \
    sio_except(sio_to((o)->ns, user_room((o)->user->id, room)), (const char *)(o)->sid.s)

/* ---- notifications:mark_read [ids] ------------------------------------------------------------------ */

typedef struct mark_op {
    notify_op                  op;
    in_notifications_mark_read p;
    bool                      *changed;
    sio_val                   *ids;
    size_t                     n; /* changed ones */
} mark_op;

static mark_op *mark_of(notify_op *o) { return (mark_op *)o; }

static int mark_read_payload(notify_op *o)
{
    mark_op *m = mark_of(o);
    int err = app_payload(o->socket, o->in, notifications_mark_read, &m->p);

    if (err < 0)
        return err;
    m->changed = calloc(m->p.ids.n + 1, sizeof(*m->changed));
    m->ids = calloc(m->p.ids.n + 1, sizeof(*m->ids));
    if (m->changed && m->ids)
        return 0;
    app_refuse_fault(o->socket, o->in, SIO_ENOMEM, o->kind->fault);
    return SIO_ENOMEM;
}

static int mark_run(notify_op *o, db_conn *c)
{
    mark_op *m = mark_of(o);
    int err = notify_store_read(c, o->user->id, m->p.ids.p, m->p.ids.n, m->changed);

    m->n = 0;
    for (size_t i = 0; i < m->p.ids.n && err == 0; i++) {
        if (m->changed[i])
            m->ids[m->n++] = sio_v(m->p.ids.p[i]);
    }
    return err;
}

static void mark_committed(notify_op *o)
{
    const mark_op *m = mark_of(o);
    char room[ROOM_MAX];

    if (m->n > 0)
        sio_emit(others(o, room), out_notifications_read,
                 sio_obj("ids", sio_list(m->ids, m->n), "unread", o->unread));
}

static void mark_answer(notify_op *o)
{
    const mark_op *m = mark_of(o);

    sio_ack(o->in, sio_obj("ok", sio_true, "ids", sio_list(m->ids, m->n), "unread", o->unread));
}

static void mark_fini(notify_op *o)
{
    free(mark_of(o)->changed);
    free(mark_of(o)->ids);
}

static void on_mark_read(sio_socket *s, sio_in *in)
{
    static const notify_kind kind = {
        .size = sizeof(mark_op),
        .fault = "Failed to mark notifications as read",
        .write = true,
        .read = mark_read_payload,
        .run = mark_run,
        .committed = mark_committed,
        .answer = mark_answer,
        .fini = mark_fini,
    };

    op_go(s, in, &kind);
}

/* ---- notifications:mark_all_read -------------------------------------------------------------------- */

typedef struct all_op {
    notify_op op;
    int64_t   changed;
} all_op;

static int all_payload(notify_op *o)
{
    in_notifications_mark_all_read p;

    return app_payload(o->socket, o->in, notifications_mark_all_read, &p);
}

static int all_run(notify_op *o, db_conn *c)
{
    return notify_store_read_all(c, o->user->id, &((all_op *)o)->changed);
}

static void all_committed(notify_op *o)
{
    char room[ROOM_MAX];

    if (((all_op *)o)->changed > 0)
        sio_emit(others(o, room), out_notifications_read, sio_obj("all", sio_true, "unread", o->unread));
}

static void all_answer(notify_op *o)
{
    sio_ack(o->in, sio_obj("ok", sio_true, "changed", ((all_op *)o)->changed, "unread", o->unread));
}

static void on_mark_all_read(sio_socket *s, sio_in *in)
{
    static const notify_kind kind = {
        .size = sizeof(all_op), .fault = "Failed to mark notifications as read", .write = true,
        .read = all_payload, .run = all_run, .committed = all_committed, .answer = all_answer,
    };

    op_go(s, in, &kind);
}

/* ---- notifications:unread --------------------------------------------------------------------------- */

static int unread_payload(notify_op *o)
{
    in_notifications_unread p;

    return app_payload(o->socket, o->in, notifications_unread, &p);
}

/* The count is what every operation ends with. */
static int unread_run(notify_op *o, db_conn *c)
{
    (void)o, (void)c;
    return 0;
}

static void unread_answer(notify_op *o)
{
    if (sio_wants_ack(o->in))
        sio_ack(o->in, sio_obj("ok", sio_true, "unread", o->unread));
    else
        sio_emit(o->socket, out_notifications_unread, sio_obj("unread", o->unread));
}

static void on_unread(sio_socket *s, sio_in *in)
{
    static const notify_kind kind = {
        .size = sizeof(notify_op),
        .fault = "Failed to count notifications",
        .read = unread_payload,
        .run = unread_run,
        .answer = unread_answer,
    };

    op_go(s, in, &kind);
}

/* ---- notifications:list {before?, limit?, unread?} -------------------------------------------------- */

typedef struct list_op {
    notify_op             op;
    in_notifications_list p;
    notify_key            key;
    notify_page          *page;
} list_op;

static list_op *list_of(notify_op *o) { return (list_op *)o; }

/* A cursor is "1700000000000.ID", the time and id of the last notification of a page. */
static bool cursor_read(sio_str text, notify_key *key)
{
    size_t i = 0;

    for (key->ms = 0; i < text.n && i < 15 && text.p[i] >= '0' && text.p[i] <= '9'; i++)
        key->ms = key->ms * 10 + (text.p[i] - '0');
    if (i == 0 || i + 1 >= text.n || text.p[i] != '.' || key->ms > 253402300799999)
        return false;
    key->id = (sio_str){text.p + i + 1, text.n - i - 1};
    return true;
}

static int list_payload(notify_op *o)
{
    list_op *l = list_of(o);
    int err;

    l->p.limit = 50;
    err = app_payload(o->socket, o->in, notifications_list, &l->p);
    if (err < 0)
        return err;
    if (l->p.before.p && !cursor_read(l->p.before, &l->key)) {
        app_refuse(o->socket, o->in, APP_BAD_REQUEST, "before must be what an earlier page gave as next");
        return SIO_EFIELD;
    }
    if ((l->page = notify_page_new()))
        return 0;
    app_refuse_fault(o->socket, o->in, SIO_ENOMEM, o->kind->fault);
    return SIO_ENOMEM;
}

static int list_run(notify_op *o, db_conn *c)
{
    const list_op *l = list_of(o);

    return notify_store_list(c, o->user->id, l->key, l->p.unread, (unsigned)l->p.limit, l->page);
}

static void list_answer(notify_op *o)
{
    const notify_page *p = list_of(o)->page;
    unsigned n = notify_page_len(p);
    notify_val *vals = malloc((n + 1) * sizeof(*vals));
    sio_val item[NOTIFY_PAGE_MAX], next = sio_undefined, list;
    char cursor[20 + 1 + 128];

    for (unsigned i = 0; i < n && vals; i++)
        item[i] = notify_val_make(&vals[i], notify_page_at(p, i));
    if (vals && notify_page_more(p)) {
        const notify_note *last = notify_page_at(p, n - 1);

        snprintf(cursor, sizeof(cursor), "%lld.%.*s", (long long)last->created_ms, (int)last->id.n,
                 last->id.p);
        next = sio_v((const char *)cursor);
    }
    list = sio_list(item, n);
    if (!vals)
        app_refuse_fault(o->socket, o->in, SIO_ENOMEM, o->kind->fault);
    else if (sio_wants_ack(o->in))
        sio_ack(o->in, sio_obj("ok", sio_true, "notifications", list, "next", next, "unread", o->unread));
    else
        sio_emit(o->socket, out_notifications_list,
                 sio_obj("notifications", list, "next", next, "unread", o->unread));
    free(vals);
}

static void list_fini(notify_op *o) { notify_page_free(list_of(o)->page); }

static void on_list(sio_socket *s, sio_in *in)
{
    static const notify_kind kind = {
        .size = sizeof(list_op),
        .fault = "Failed to read notifications",
        .read = list_payload,
        .run = list_run,
        .answer = list_answer,
        .fini = list_fini,
    };

    op_go(s, in, &kind);
}

/* ---- */

int notify_attach(app *a)
{
    int err = app_on(a, notifications_mark_read, on_mark_read);

    if (err == 0)
        err = app_on(a, notifications_mark_all_read, on_mark_all_read);
    if (err == 0)
        err = app_on(a, notifications_list, on_list);
    if (err == 0)
        err = app_on(a, notifications_unread, on_unread);
    return err;
}
