/* What other services do at a real Party Gallery, for whoever has a token of the demo: POST /demo/media adds
 * a picture to a party, /demo/notify notifies a user, /demo/status begins or ends a party. */
#include "main/demo_int.h"

#include "app/app.h"
#include "app/notify/notify.h"
#include "app/party/party.h"
#include "app/push/pusher.h"
#include "base/log.h"
#include "base/utf8.h"
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>

#define ID_SIZE   (128 + 1)
#define TEXT_SIZE (400 + 1)

/* ---- reading a call ---------------------------------------------------------------------------------- */

/* Who calls; false after a refusal. */
static bool caller(sio_request *r, app *a, jwt_user *who)
{
    static const char bearer[] = "Bearer ";
    sio_str h = sio_request_header(r, "authorization");
    size_t n = sizeof(bearer) - 1;

    if (h.n > n && memcmp(h.p, bearer, n) == 0 &&
        jwt_verify(a->opt.verifier, (sio_str){h.p + n, h.n - n}, sio_now(a->io), who) == 0)
        return true;
    demo_reply_text(r, 401, "error", sio_lit("Invalid token"));
    return false;
}

/* Copies a text of v. False when it is not there, empty, or longer than out has room for. */
static bool take(sio_val v, const char *key, char *out, size_t size)
{
    char scratch[DEMO_BODY_MAX];
    sio_str text;

    if (!demo_get_text(v, key, scratch, &text) || text.n == 0 || text.n >= size ||
        memchr(text.p, 0, text.n) || !utf8_valid(text.p, text.n))
        return false;
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

static bool parse(sio_request *r, int err, sio_str body, sio_val *v)
{
    sio_str text;

    if (err == 0 && json_valid(body, &text)) {
        *v = sio_json(text);
        return true;
    }
    demo_reply_text(r, err < 0 ? 413 : 400, "error", sio_lit("send a small JSON object"));
    return false;
}

static app *app_at(sio_request *r) { return sio_context(sio_request_server(r)); }
static void reply_ok(sio_request *r) { sio_reply(r, 200, sio_lit(DEMO_JSON), sio_lit("{\"ok\":true}")); }

/* ---- media ------------------------------------------------------------------------------------------- */

static void on_media_body(sio_request *r, int err, sio_str body)
{
    char party[64 + 1], id[CUID_LEN + 1], url[64], now[APP_ISO_SIZE];
    app *a = app_at(r);
    jwt_user who;
    sio_val v;

    if (!caller(r, a, &who) || !parse(r, err, body, &v))
        return;
    if (!take(v, "partyId", party, sizeof(party))) {
        demo_reply_text(r, 400, "error", sio_lit("partyId is needed"));
        return;
    }
    cuid_make(sio_now(a->io), id);
    app_iso(sio_now(a->io), now);
    snprintf(url, sizeof(url), "/demo-media/%s.svg", id);
    err = party_tell_media(sio_dest(a->ns), sio_str_z(party),
        sio_obj("id", (const char *)id, "type", "IMAGE", "url", (const char *)url, "userId", who.id,
                "username", who.username, "createdAt", (const char *)now));
    if (err < 0)
        demo_reply_text(r, 500, "error", sio_str_z(sio_strerror(err)));
    else
        demo_reply_text(r, 200, "url", sio_str_z(url));
}

/* ---- what needs the database ------------------------------------------------------------------------- */

typedef struct demo_op {
    db_job       job;
    sio_request *r; /* NULL when its client has gone */
    app         *a;
    notify_note  note;
    char         id[CUID_LEN + 1];
    char         subject[ID_SIZE]; /* the user, or the party */
    char         word[32];         /* type of the notification, or status of the party */
    char         title[TEXT_SIZE], body[TEXT_SIZE];
    char         data[2 * TEXT_SIZE];
} demo_op;

static demo_op *op_of(db_job *j) { return container_of(j, demo_op, job); }
static void on_gone(void *arg) { ((demo_op *)arg)->r = NULL; }

static void on_op_done(db_job *j)
{
    demo_op *o = op_of(j);

    if (o->r && j->err == 0)
        reply_ok(o->r);
    else if (o->r)
        demo_reply_text(o->r, j->err == SIO_ENOENT ? 404 : j->err == SIO_EINVAL ? 400 : 500, "error",
                        sio_str_z(sio_strerror(j->err)));
    free(o);
}

static void op_start(sio_request *r, demo_op *o)
{
    int err;

    o->r = r;
    o->job.done = on_op_done;
    db_job_here(&o->job);
    if (sio_request_keep(r, on_gone, o) < 0) {
        free(o);
    } else if ((err = db_write(o->a->opt.db, &o->job)) < 0) {
        o->job.err = err;
        on_op_done(&o->job);
    }
}

/* A new call of the size that fits all; NULL after a refusal. */
static demo_op *op_new(sio_request *r, int err, sio_str body, sio_val *v, jwt_user *who)
{
    app *a = app_at(r);
    demo_op *o;

    if (!caller(r, a, who) || !parse(r, err, body, v))
        return NULL;
    if (!(o = calloc(1, sizeof(*o)))) {
        demo_reply_text(r, 500, "error", sio_lit("out of memory"));
        return NULL;
    }
    o->a = a;
    o->note.created_ms = sio_now(a->io);
    return o;
}

static void op_refuse(sio_request *r, demo_op *o, const char *message)
{
    demo_reply_text(r, 400, "error", sio_str_z(message));
    free(o);
}

/* ---- notifications ----------------------------------------------------------------------------------- */

static int notify_run(db_job *j, db_conn *c)
{
    demo_op *o = op_of(j);
    int err = notify_store_make_user(c, o->note.user_id, o->note.created_ms);

    if (err == 0)
        err = notify_store_add(c, &o->note, o->id);
    return err < 0 ? err : pusher_note_in(o->a, c, &o->note);
}

static void notify_committed(db_job *j)
{
    notify_tell(op_of(j)->a, &op_of(j)->note);
    pusher_committed(op_of(j)->a);
}

/* {"from": id, "partyId": id or null} */
static bool make_data(demo_op *o, sio_str from, const char *party)
{
    buf b;
    bool ok;

    buf_init(&b, sizeof(o->data));
    ok = buf_puts(&b, "{\"from\":") == 0 && json_quote(&b, from) == 0 && buf_puts(&b, ",\"partyId\":") == 0 &&
         (*party ? json_quote(&b, sio_str_z(party)) : buf_puts(&b, "null")) == 0 && buf_putc(&b, '}') == 0;
    if (ok) {
        memcpy(o->data, buf_str(&b).p, b.n);
        o->note.data = (sio_str){o->data, b.n};
    }
    buf_fini(&b);
    return ok;
}

static void on_notify_body(sio_request *r, int err, sio_str body)
{
    char party[64 + 1] = "";
    jwt_user who;
    demo_op *o;
    sio_val v;

    if (!(o = op_new(r, err, body, &v, &who)))
        return;
    take(v, "partyId", party, sizeof(party));
    if (!take(v, "userId", o->subject, sizeof(o->subject)) || !take(v, "type", o->word, sizeof(o->word)) ||
        !take(v, "title", o->title, sizeof(o->title)) || !take(v, "body", o->body, sizeof(o->body)) ||
        !make_data(o, who.id, party)) {
        op_refuse(r, o, "userId, type, title and body are needed");
        return;
    }
    o->note.user_id = sio_str_z(o->subject);
    o->note.type = sio_str_z(o->word);
    o->note.title = sio_str_z(o->title);
    o->note.body = sio_str_z(o->body);
    o->job.run = notify_run;
    o->job.committed = notify_committed;
    op_start(r, o);
}

/* ---- a party begins, ends ---------------------------------------------------------------------------- */

static int status_run(db_job *j, db_conn *c)
{
    demo_op *o = op_of(j);
    int err = db_exec(c, "UPDATE party_events SET status = ?2, updated_at = ?3 WHERE id = ?1",
                      db_args(db_text(sio_str_z(o->subject)), db_text(sio_str_z(o->word)),
                              db_time(o->note.created_ms)));

    return err < 0 ? err : db_changes(c) ? 0 : SIO_ENOENT;
}

static void status_committed(db_job *j)
{
    demo_op *o = op_of(j);
    int err = party_tell_status(sio_dest(o->a->ns), sio_str_z(o->subject), sio_str_z(o->word));

    if (err < 0)
        log_warn("nobody heard that %s is %s: %s", o->subject, o->word, sio_strerror(err));
}

static void on_status_body(sio_request *r, int err, sio_str body)
{
    jwt_user who;
    demo_op *o;
    sio_val v;

    if (!(o = op_new(r, err, body, &v, &who)))
        return;
    if (!take(v, "partyId", o->subject, 64 + 1) || !take(v, "status", o->word, sizeof(o->word))) {
        op_refuse(r, o, "partyId and status are needed");
        return;
    }
    o->job.run = status_run;
    o->job.committed = status_committed;
    op_start(r, o);
}

/* ---- routes ------------------------------------------------------------------------------------------ */

static void on_post(void *arg, sio_request *r)
{
    if (!sio_str_eq(sio_request_method(r), sio_lit("POST")))
        sio_reply(r, 405, sio_lit("Allow: POST\r\n"), sio_lit(""));
    else
        sio_request_body(r, DEMO_BODY_MAX, *(sio_body_fn *const *)arg);
}

int demo_party_attach(sio_server *io)
{
    static const struct {
        const char  *path;
        sio_body_fn *fn;
    } routes[] = {
        {"/demo/media", on_media_body},
        {"/demo/notify", on_notify_body},
        {"/demo/status", on_status_body},
    };
    int err = 0;

    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes) && err == 0; i++)
        err = sio_http(io, routes[i].path, true, on_post, (void *)&routes[i].fn);
    return err;
}
