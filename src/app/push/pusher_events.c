/* push:register, push:unregister, push:key, push:focus. */
#include "app/push/pusher_int.h"

#include "push/push.h"

#include <stdlib.h>

/* ---- a token, an operation of the database, an answer ------------------------------------------------- */

typedef struct token_op {
    db_job job;
    sio_socket *socket; /* pinned by in */
    sio_in *in;         /* kept */
    app_user *user;     /* held */
    app *a;
    char *token;
    const char *platform; /* NULL: it is to be removed */
    int64_t now_ms;
    bool was_there;
} token_op;

static token_op *op_of(db_job *j)
{
    return container_of(j, token_op, job);
}

static void op_free(token_op *o)
{
    app_user_drop(o->user);
    sio_release(o->in);
    free(o->token);
    free(o);
}

static int op_run(db_job *j, db_conn *c)
{
    token_op *o = op_of(j);
    int err = 0;

    if (!o->platform)
        return pusher_store_unregister(c, o->user->id, sio_str_z(o->token), &o->was_there);
    if (o->a->opt.demo)
        err = notify_store_make_user(c, o->user->id, o->now_ms);
    return err < 0 ? err
                   : pusher_store_register(c, o->user->id, sio_str_z(o->token), o->platform,
                                           o->a->opt.push.max_tokens, o->now_ms);
}

static void op_answer(const token_op *o, int err)
{
    if (err == SIO_ENOENT)
        app_refuse(o->socket, o->in, APP_FORBIDDEN, "There is no such user any more");
    else if (err < 0)
        app_refuse_fault(o->socket, o->in, err, "Failed to keep the device");
    else if (o->platform)
        sio_ack(o->in, sio_obj("ok", sio_true));
    else
        sio_ack(o->in, sio_obj("ok", sio_true, "removed", o->was_there));
}

static void op_done(db_job *j)
{
    token_op *o = op_of(j);

    if (app_op_end(o->socket))
        op_answer(o, j->err);
    op_free(o);
}

/* Its text; subscriptions as JSON. NULL after a refusal. */
static char *take_token(sio_socket *s, sio_in *in, sio_val v)
{
    sio_str text = {0};
    char *token = NULL;

    if (sio_kind_of(v) == SIO_OBJECT)
        token = pusher_json(v);
    else if (sio_str_of(in, v, &text) && !memchr(text.p, 0, text.n))
        token = strndup(text.p, text.n);
    if (token && *token && strlen(token) <= PUSHER_TOKEN_MAX)
        return token;
    free(token);
    app_refuse(s, in, APP_BAD_REQUEST, "token must be a text of 1 to 4096 bytes or a subscription");
    return NULL;
}

/* Takes token. */
static void op_go(sio_socket *s, sio_in *in, char *token, const char *platform)
{
    token_op *o = calloc(1, sizeof(*o));
    int err;

    if (!o || !(o->in = sio_keep(in))) {
        free(o);
        free(token);
        app_refuse_fault(s, in, SIO_ENOMEM, "Failed to keep the device");
        return;
    }
    o->socket = s;
    o->a = app_of(s);
    o->user = app_user_hold(app_session_of(s)->user);
    o->token = token;
    o->platform = platform;
    o->now_ms = sio_now(sio_server_of(s));
    o->job = (db_job){.run = op_run, .done = op_done};
    if ((err = app_write(s, &o->job)) == 0)
        return;
    op_answer(o, err);
    op_free(o);
}

/* ---- the events -------------------------------------------------------------------------------------- */

static void on_register(sio_socket *s, sio_in *in)
{
    const push *p = app_of(s)->opt.push.services;
    in_push_register m = {0};
    const char *platform;
    push_service service;
    char *token;

    if (app_payload(s, in, push_register, &m) < 0 || !(token = take_token(s, in, m.token)))
        return;
    platform = device_platform_names[m.platform];
    service = push_service_of(sio_str_z(token), sio_str_z(platform), p);
    if (push_token_is_good(service, sio_str_z(token), p)) {
        op_go(s, in, token, platform);
        return;
    }
    free(token);
    app_refuse(s, in, APP_BAD_REQUEST, "token is none that a push service gives");
}

static void on_unregister(sio_socket *s, sio_in *in)
{
    in_push_unregister m = {0};
    char *token;

    if (app_payload(s, in, push_unregister, &m) == 0 && (token = take_token(s, in, m.token)))
        op_go(s, in, token, NULL);
}

static void on_key(sio_socket *s, sio_in *in)
{
    const push *p = app_of(s)->opt.push.services;
    const char *key = p ? push_vapid_public_key(p) : NULL;
    in_push_key m;

    if (app_payload(s, in, push_key, &m) < 0)
        return;
    if (key)
        sio_ack(in, sio_obj("ok", sio_true, "key", key));
    else
        app_refuse(s, in, APP_NOT_FOUND, "There is no Web Push here");
}

static void on_focus(sio_socket *s, sio_in *in)
{
    in_push_focus m = {0};

    if (app_payload(s, in, push_focus, &m) < 0)
        return;
    pusher_focus(s, m.room_id, m.away);
    sio_ack(in, sio_obj("ok", sio_true));
}

int pusher_events_attach(app *a)
{
    int err = app_on(a, push_register, on_register);

    if (err == 0)
        err = app_on(a, push_unregister, on_unregister);
    if (err == 0)
        err = app_on(a, push_key, on_key);
    if (err == 0)
        err = app_on(a, push_focus, on_focus);
    return err;
}
