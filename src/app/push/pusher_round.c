/* Stage 1: a job for the news of a room, or for a notification. Who it concerns is read page by page; who of
 * them does not answer is offline, and gets a job for each device. The room counts as dealt with in the
 * transaction that adds the last of them. */
#include "app/push/pusher_int.h"

#include <stdio.h>
#include <stdlib.h>

#define DEVICES_MAX 32 /* of a user */

typedef struct reader {
    char id[PUSHER_USER_MAX + 1];
    int64_t read_seq;
    bool offline;
} reader;

typedef struct round {
    db_job db;
    list link;
    pusher *p;
    job *jb; /* NULL: it was given back, this only has to end */
    bool is_note;
    char id[PUSHER_ROOM_MAX + 1]; /* of the room or the notification */
    pusher_news news;
    pusher_note note;
    int64_t now_ms;
    bool begun;                      /* the news were read */
    bool more;                       /* behind this page */
    char after[PUSHER_USER_MAX + 1]; /* the last user of the page before */
    unsigned n;
    reader reader[PUSHER_WHO_MAX];
} round;

static round *round_of(db_job *j)
{
    return container_of(j, round, db);
}

static void round_free(round *r)
{
    list_del(&r->link);
    free(r);
}

static void again(round *r, int err)
{
    if (r->jb)
        job_fail(r->jb, sio_str_z(sio_strerror(err)), 1000, false);
    round_free(r);
}

static void complete(round *r)
{
    if (r->jb)
        job_complete(r->jb, (sio_str){0});
    round_free(r);
}

/* ---- who it concerns --------------------------------------------------------------------------------- */

static int on_reader(void *ctx, sio_str user_id, int64_t read_seq)
{
    round *r = ctx;
    reader *to = &r->reader[r->n];

    if (user_id.n > PUSHER_USER_MAX)
        return 0;
    memcpy(to->id, user_id.p, user_id.n);
    to->id[user_id.n] = '\0';
    to->read_seq = read_seq;
    to->offline = false;
    r->n++;
    return 0;
}

/* What that user gets to see of the news; NULL: nothing. */
static const pusher_said *said_to(const round *r, const reader *to)
{
    const pusher_said *s = strcmp(r->news.last.sender_id, to->id) == 0 ? &r->news.other : &r->news.last;

    return s->there && s->seq > to->read_seq && r->now_ms - s->created_ms < PUSHER_MAX_AGE ? s : NULL;
}

static void drop_unconcerned(round *r)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->n; i++)
        if (said_to(r, &r->reader[i]))
            r->reader[n++] = r->reader[i];
    r->n = n;
}

static int read_page(round *r, db_conn *c)
{
    return pusher_store_members(c, sio_str_z(r->id), &r->news, sio_str_z(r->after), r->now_ms, PUSHER_WHO_MAX,
                                on_reader, r);
}

static int note_read(round *r, db_conn *c)
{
    int err = pusher_store_note(c, sio_str_z(r->id), &r->note);

    if (err == 0 && r->note.there && !r->note.read && r->now_ms - r->note.created_ms < PUSHER_MAX_AGE)
        on_reader(r, sio_str_z(r->note.user_id), 0);
    return err;
}

/* May be called again, from the start. */
static int read_run(db_job *j, db_conn *c)
{
    round *r = round_of(j);
    int err = 0;

    r->n = 0;
    if (r->is_note)
        return note_read(r, c);
    if (!r->begun)
        err = pusher_store_news(c, sio_str_z(r->id), &r->news);
    return err == 0 && r->news.last.there ? read_page(r, c) : err;
}

/* ---- jobs for the devices of those who are offline ---------------------------------------------------- */

/* "ann: hello", as much of it as PUSH_BODY allows. */
static void say(const round *r, const pusher_said *s, const char **title, char *body, size_t n)
{
    bool image = strcmp(s->type, "IMAGE") == 0, video = strcmp(s->type, "VIDEO") == 0;
    const char *name = *s->name ? s->name : "Somebody";
    const char *text = *s->text ? s->text
                       : image  ? "sent a picture"
                       : video  ? "sent a video"
                                : "sent a message";

    *title = *r->news.title ? r->news.title : "New message";
    if (r->p->a->opt.push.body == APP_PUSH_PREVIEW)
        snprintf(body, n, "%s%s %s", name, *s->text ? ":" : "", text);
    else if (r->p->a->opt.push.body == APP_PUSH_NAME)
        snprintf(body, n, "%s sent a message", name);
    else {
        *title = "New message";
        *body = '\0';
    }
}

typedef struct adding {
    round *r;
    db_conn *c;
    const char *user_id;
    const pusher_said *said; /* NULL: the notification */
} adding;

static char *device_data(const adding *x, sio_str token_id)
{
    const round *r = x->r;
    char body[800];
    const char *title;

    if (!x->said)
        return pusher_json(sio_obj("userId", x->user_id, "tokenId", token_id, "type", r->note.type,
                                   "notificationId", r->id, "title", r->note.title, "body", r->note.body,
                                   "at", r->now_ms));
    say(r, x->said, &title, body, sizeof(body));
    return pusher_json(sio_obj("userId", x->user_id, "tokenId", token_id, "type", "message", "roomId", r->id,
                               "messageId", x->said->id, "seq", x->said->seq, "title", title, "body",
                               (const char *)body, "at", r->now_ms));
}

static int on_device(void *ctx, sio_str token_id)
{
    adding *x = ctx;
    char id[PUSHER_ID_SIZE], made[JOBS_ID_MAX + 1], *data = device_data(x, token_id);
    job_options o;
    int err = SIO_ENOMEM;

    pusher_device_id(token_id, sio_str_z(x->r->id), x->said ? x->said->seq : 0, id);
    job_options_init(&o);
    o.id = sio_str_z(id);
    o.attempts = 12;
    o.backoff = JOB_EXPONENTIAL;
    o.backoff_ms = 2000;
    if (data)
        err = dbq_add_in(x->c, PUSHER_DEVICES, "push", sio_str_z(data), &o, x->r->now_ms, made);
    free(data);
    return err;
}

static int add_devices(round *r, db_conn *c, const reader *to)
{
    adding x = {.r = r, .c = c, .user_id = to->id, .said = r->is_note ? NULL : said_to(r, to)};

    return pusher_store_tokens(c, sio_str_z(to->id), DEVICES_MAX, on_device, &x);
}

static int write_run(db_job *j, db_conn *c)
{
    round *r = round_of(j);
    bool more = false;
    int err = 0;

    for (unsigned i = 0; i < r->n && err == 0; i++)
        if (r->reader[i].offline)
            err = add_devices(r, c, &r->reader[i]);
    if (err < 0 || r->is_note || r->more)
        return err;
    err = pusher_store_clean(c, sio_str_z(r->id), r->news.upto, &more);
    return err < 0 || !more ? err : pusher_room_in(r->p->a, c, sio_str_z(r->id), r->news.upto, r->now_ms);
}

/* ---- from one to the next ----------------------------------------------------------------------------- */

static void read_start(round *r);

static void write_done(db_job *j)
{
    round *r = round_of(j);

    dbq_wake(r->p->a->jobs);
    if (!r->jb)
        round_free(r);
    else if (j->err < 0)
        again(r, j->err);
    else if (r->more)
        read_start(r);
    else
        complete(r);
}

static void start(round *r, int (*how)(db *, db_job *), int (*run)(db_job *, db_conn *),
                  void (*done)(db_job *))
{
    int err;

    r->db = (db_job){.run = run, .done = done, .lane = r->is_note ? 0 : db_lane(sio_str_z(r->id))};
    db_job_here(&r->db);
    if ((err = how(r->p->a->opt.db, &r->db)) < 0)
        again(r, err);
}

static void on_who(void *arg, const bool *there)
{
    round *r = arg;

    if (!r->jb) {
        round_free(r);
        return;
    }
    for (unsigned i = 0; i < r->n; i++)
        r->reader[i].offline = !there[i];
    start(r, db_write, write_run, write_done);
}

static void ask(round *r)
{
    sio_str room = r->is_note ? (sio_str){0} : sio_str_z(r->id), user[PUSHER_WHO_MAX];
    int err;

    for (unsigned i = 0; i < r->n; i++)
        user[i] = sio_str_z(r->reader[i].id);
    if ((err = pusher_who(r->p, room, user, r->n, on_who, r)) < 0)
        again(r, err);
}

/* The page is here: where the next one begins, and who of it is to be asked for. */
static void turn_page(round *r)
{
    r->begun = true;
    r->more = r->n == PUSHER_WHO_MAX;
    if (r->n)
        memcpy(r->after, r->reader[r->n - 1].id, sizeof(r->after));
    drop_unconcerned(r);
}

static void read_done(db_job *j)
{
    round *r = round_of(j);

    if (!r->jb) {
        round_free(r);
        return;
    }
    if (j->err < 0) {
        again(r, j->err);
        return;
    }
    if (!r->is_note)
        turn_page(r);
    if (r->n)
        ask(r);
    else if (r->is_note)
        complete(r);
    else
        start(r, db_write, write_run, write_done);
}

static void read_start(round *r)
{
    start(r, db_read, read_run, read_done);
}

void pusher_round(void *arg, job *jb)
{
    pusher *p = arg;
    sio_val data = sio_json(jb->data);
    round *r = calloc(1, sizeof(*r));

    if (!r) {
        job_fail(jb, sio_lit("no memory"), 1000, false);
        return;
    }
    r->p = p;
    r->jb = jb;
    r->now_ms = sio_now(p->a->io);
    r->is_note = sio_str_eq(jb->name, sio_lit("notification"));
    pusher_take(data, r->is_note ? "id" : "roomId", r->id, sizeof(r->id));
    list_add_tail(&p->rounds, &r->link);
    if (*r->id) {
        read_start(r);
        return;
    }
    job_fail(jb, sio_lit("neither roomId nor id"), -1, true);
    round_free(r);
}

void pusher_rounds_release(pusher *p)
{
    list_each(it, &p->rounds)
    {
        round *r = container_of(it, round, link);

        if (r->jb)
            job_release(r->jb);
        r->jb = NULL;
    }
}

void pusher_rounds_free(pusher *p)
{
    list_each(it, &p->rounds) free(container_of(it, round, link));
    list_init(&p->rounds);
}
