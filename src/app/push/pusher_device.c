/* Stage 2: one push to one device. A last look at whether it is still wanted, then on its way. */
#include "app/push/pusher_int.h"

#include "base/log.h"
#include "push/push.h"

#include <stdio.h>
#include <stdlib.h>

#define SLOWLY_MS   60000 /* between attempts while our settings are wrong */
#define COMPLAIN_MS 600000

typedef struct sending {
    db_job db;
    list link;
    pusher *p;
    job *jb;     /* NULL: it was given back */
    bool on_way; /* the service, or BullMQ, has it */
    bool seen;   /* the user has read it */
    pusher_token token;
    int badge;
    int64_t at_ms, now_ms, gone_ms, seq; /* gone_ms: whoever registered the token since then has it back */
    char user_id[PUSHER_USER_MAX + 1], token_id[PUSHER_ROOM_MAX + 1], room[PUSHER_ROOM_MAX + 1];
    char note[PUSHER_ROOM_MAX + 1], message[PUSHER_ROOM_MAX + 64], type[32], title[1024], body[1024],
        id[PUSHER_ID_SIZE];
} sending;

static sending *sending_of(db_job *j)
{
    return container_of(j, sending, db);
}

static void sending_free(sending *s)
{
    list_del(&s->link);
    free(s);
}

static void done_with(sending *s, const char *result)
{
    if (s->jb)
        job_complete(s->jb, sio_str_z(result));
    sending_free(s);
}

static void try_again(sending *s, const char *reason, int64_t retry_ms)
{
    if (s->jb)
        job_fail(s->jb, sio_str_z(reason), retry_ms, false);
    sending_free(s);
}

static void give_up(sending *s, const char *reason)
{
    app_count(s->p->a, push_refused);
    if (s->jb)
        job_fail(s->jb, sio_str_z(reason), -1, true);
    sending_free(s);
}

static void start(sending *s, int (*how)(db *, db_job *), int (*run)(db_job *, db_conn *),
                  void (*done)(db_job *))
{
    int err;

    s->db = (db_job){.run = run, .done = done};
    db_job_here(&s->db);
    if ((err = how(s->p->a->opt.db, &s->db)) < 0)
        try_again(s, sio_strerror(err), 1000);
}

/* ---- dead tokens ------------------------------------------------------------------------------------- */

static int forget_run(db_job *j, db_conn *c)
{
    sending *s = sending_of(j);

    return pusher_store_forget(c, sio_str_z(s->token_id), sio_str_z(s->user_id), s->gone_ms);
}

static void forget_done(db_job *j)
{
    if (j->err < 0)
        try_again(sending_of(j), sio_strerror(j->err), 1000); /* the service will say the same again */
    else
        done_with(sending_of(j), "\"gone\"");
}

/* ---- delivery by ourselves --------------------------------------------------------------------------- */

/* Loud, but not a line for each push. */
static void complain(pusher *p, int64_t now_ms, const char *reason)
{
    app_count(p->a, push_misconfigured);
    if (p->complained_ms && now_ms - p->complained_ms < COMPLAIN_MS)
        return;
    p->complained_ms = now_ms;
    log_error("pushes are not delivered: the settings PUSH_* are wrong: %s", reason);
}

static void on_result(void *arg, const push_result *r)
{
    sending *s = arg;
    const app *a = s->p->a;

    s->on_way = false;
    switch (r->outcome) {
    case PUSH_DELIVERED:
        app_count(a, push_delivered);
        done_with(s, "\"delivered\"");
        return;
    case PUSH_GONE:
        app_count(a, push_gone);
        s->gone_ms = r->gone_ms && r->gone_ms < s->now_ms ? r->gone_ms : s->now_ms;
        start(s, db_write, forget_run, forget_done);
        return;
    case PUSH_LATER:
        app_count(a, push_later);
        try_again(s, r->reason, r->retry_ms);
        return;
    case PUSH_MISCONFIGURED:
        complain(s->p, sio_now(a->io), r->reason);
        try_again(s, r->reason, SLOWLY_MS);
        return;
    case PUSH_REFUSED:
        break;
    }
    give_up(s, r->reason);
}

/* What the app on the device gets, all of it text. */
static char *device_data(const sending *s)
{
    char seq[24];

    snprintf(seq, sizeof(seq), "%lld", (long long)s->seq);
    if (*s->note)
        return pusher_json(sio_obj("type", s->type, "notificationId", s->note));
    return pusher_json(
        sio_obj("type", s->type, "roomId", s->room, "messageId", s->message, "seq", (const char *)seq));
}

/* Of one room only the last shows; ids of notifications are their own. */
static sio_str collapse_of(const sending *s, char out[33])
{
    snprintf(out, 33, "%016llx", (unsigned long long)pusher_print(sio_str_z(*s->note ? s->note : s->room)));
    return sio_str_z(out);
}

static void deliver(sending *s)
{
    push *with = s->p->a->opt.push.services;
    char *data = device_data(s), collapse[33];
    push_message m = {.token = sio_str_z(s->token.token),
                      .title = sio_str_z(s->title),
                      .body = sio_str_z(s->body),
                      .data = data ? sio_str_z(data) : (sio_str){0},
                      .badge = s->badge,
                      .ttl_s = PUSHER_MAX_AGE / 1000,
                      .id = sio_str_z(s->id),
                      .urgent = true};
    int err;

    m.service = push_service_of(m.token, sio_str_z(s->token.platform), with);
    m.collapse = collapse_of(s, collapse);
    s->on_way = true;
    err = data ? push_send(with, &m, on_result, s) : SIO_ENOMEM;
    free(data);
    if (err == 0)
        return;
    s->on_way = false;
    if (err == SIO_ESTATE)
        give_up(s, "no service is set up for this kind of token");
    else if (err == SIO_EINVAL)
        give_up(s, "the token or the message has no form that the service takes");
    else
        try_again(s, sio_strerror(err), 1000);
}

/* ---- or by a worker of BullMQ ------------------------------------------------------------------------ */

static void on_handed_over(void *arg, int err, sio_str id)
{
    sending *s = arg;

    (void)id;
    s->on_way = false;
    if (err < 0) {
        try_again(s, sio_strerror(err), 1000);
        return;
    }
    app_count(s->p->a, push_handed_over);
    done_with(s, "\"handed over\"");
}

static void hand_over(sending *s)
{
    char *inner = device_data(s), *data = NULL;
    job_options o;
    int err = SIO_ENOMEM;

    job_options_init(&o);
    o.id = sio_str_z(s->id);
    o.attempts = 8;
    o.backoff = JOB_EXPONENTIAL;
    o.backoff_ms = 2000;
    if (inner)
        data =
            pusher_json(sio_obj("userId", s->user_id, "token", s->token.token, "platform", s->token.platform,
                                "title", s->title, "body", s->body, "data", sio_json(sio_str_z(inner)),
                                "badge", s->badge, "collapseKey", *s->note ? s->note : s->room));
    s->on_way = true;
    if (data)
        err =
            jobs_add(s->p->a->opt.push.queue, PUSHER_DEVICES, "push", sio_str_z(data), &o, on_handed_over, s);
    free(inner);
    free(data);
    if (err == 0)
        return;
    s->on_way = false;
    try_again(s, sio_strerror(err), 1000);
}

static void go(sending *s)
{
    if (s->p->a->opt.push.mode == APP_PUSH_WORKER)
        hand_over(s);
    else
        deliver(s);
}

/* ---- is it still wanted? ----------------------------------------------------------------------------- */

static void skip(sending *s, const char *why)
{
    app_count(s->p->a, push_skipped);
    done_with(s, why);
}

static void on_who(void *arg, const bool *there)
{
    sending *s = arg;

    if (!s->jb)
        sending_free(s);
    else if (there[0])
        skip(s, "\"came back\"");
    else
        go(s);
}

/* Who was away when this was made was asked just then; later, somebody may have come back. */
static bool is_stale(const sending *s)
{
    return s->jb->attempts_made > 0 ||
           s->now_ms - s->at_ms > 2 * (int64_t)s->p->a->opt.push.confirm_ms + 1000;
}

static int look_run(db_job *j, db_conn *c)
{
    sending *s = sending_of(j);
    int64_t read_seq = 0;
    pusher_note n;
    int err = pusher_store_token(c, sio_str_z(s->token_id), &s->token);

    if (err < 0 || !s->token.there)
        return err;
    if (*s->note) {
        if ((err = pusher_store_note(c, sio_str_z(s->note), &n)) == 0)
            s->seen = !n.there || n.read;
    } else if ((err = pusher_store_read_seq(c, sio_str_z(s->room), sio_str_z(s->user_id), &read_seq)) == 0) {
        s->seen = read_seq >= s->seq;
    }
    return err < 0 ? err : pusher_store_badge(c, sio_str_z(s->user_id), s->now_ms, &s->badge);
}

static void look_done(db_job *j)
{
    sending *s = sending_of(j);
    sio_str user = sio_str_z(s->user_id);

    if (!s->jb)
        sending_free(s);
    else if (j->err < 0)
        try_again(s, sio_strerror(j->err), 1000);
    else if (!s->token.there || strcmp(s->token.user_id, s->user_id) != 0)
        skip(s, "\"no such token\"");
    else if (s->seen)
        skip(s, "\"read\"");
    else if (s->now_ms - s->at_ms > PUSHER_MAX_AGE)
        skip(s, "\"too old\"");
    else if (!is_stale(s))
        go(s);
    else if (pusher_who(s->p, sio_str_z(s->room), &user, 1, on_who, s) < 0)
        try_again(s, "no memory", 1000);
}

static void read_data(sending *s, sio_val data)
{
    pusher_take(data, "userId", s->user_id, sizeof(s->user_id));
    pusher_take(data, "tokenId", s->token_id, sizeof(s->token_id));
    pusher_take(data, "type", s->type, sizeof(s->type));
    pusher_take(data, "roomId", s->room, sizeof(s->room));
    pusher_take(data, "messageId", s->message, sizeof(s->message));
    pusher_take(data, "notificationId", s->note, sizeof(s->note));
    pusher_take(data, "title", s->title, sizeof(s->title));
    pusher_take(data, "body", s->body, sizeof(s->body));
    sio_int(sio_get(data, "seq"), &s->seq);
    sio_int(sio_get(data, "at"), &s->at_ms);
}

void pusher_device(void *arg, job *jb)
{
    pusher *p = arg;
    sending *s = calloc(1, sizeof(*s));

    if (!s) {
        job_fail(jb, sio_lit("no memory"), 1000, false);
        return;
    }
    s->p = p;
    s->jb = jb;
    s->now_ms = sio_now(p->a->io);
    snprintf(s->id, sizeof(s->id), "%.*s", (int)jb->id.n, jb->id.p);
    list_add_tail(&p->sends, &s->link);
    read_data(s, sio_json(jb->data));
    if (*s->user_id && *s->token_id && (*s->note || *s->room))
        start(s, db_read, look_run, look_done);
    else
        give_up(s, "userId, tokenId and roomId or notificationId are needed");
}

void pusher_devices_release(pusher *p)
{
    list_each(it, &p->sends)
    {
        sending *s = container_of(it, sending, link);

        if (s->on_way)
            continue;
        if (s->jb)
            job_release(s->jb);
        s->jb = NULL;
    }
}

void pusher_devices_forget(pusher *p)
{
    list_each(it, &p->sends)
        container_of(it, sending, link)->jb = NULL;
}

void pusher_devices_free(pusher *p)
{
    list_each(it, &p->sends) free(container_of(it, sending, link));
    list_init(&p->sends);
}
