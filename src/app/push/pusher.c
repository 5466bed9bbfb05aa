/* The engine's life, and what is noted inside transactions. */
#include "app/push/pusher_int.h"

#include "codec/val.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- small things ------------------------------------------------------------------------------------ */

char *pusher_json(sio_val v)
{
    unsigned nbins = 0;
    char *text = NULL;
    buf out;

    buf_init(&out, JOBS_DATA_MAX);
    if (val_to_json(&out, v, NULL, 0, &nbins) == 0)
        text = strndup(out.p, out.n);
    buf_fini(&out);
    return text;
}

void pusher_take(sio_val v, const char *key, char *out, size_t n)
{
    sio_val member = sio_get(v, key);
    size_t max = sio_text_max(member);
    char *scratch = malloc(max + 1);
    sio_str text = {0};

    if (!scratch || !sio_text(member, scratch, &text) || text.n >= n)
        text.n = 0;
    if (text.n)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    free(scratch);
}

uint64_t pusher_print(sio_str s)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
    return h;
}

void pusher_device_id(sio_str token_id, sio_str thing, int64_t seq, char out[PUSHER_ID_SIZE])
{
    snprintf(out, PUSHER_ID_SIZE, "device_%016llx_%016llx_%lld", (unsigned long long)pusher_print(token_id),
             (unsigned long long)pusher_print(thing), (long long)seq);
}

/* ---- inside transactions ----------------------------------------------------------------------------- */

/* Never given up: the room waits for it. */
static void patient(job_options *o)
{
    job_options_init(o);
    o->attempts = 1000000;
    o->backoff = JOB_FIXED;
    o->backoff_ms = 5000;
    o->on_complete = (job_keep){0};
}

static int add_in(db_conn *c, const char *name, sio_val data, const char *id, int64_t delay_ms,
                  int64_t now_ms)
{
    char made[JOBS_ID_MAX + 1], *text = pusher_json(data);
    job_options o;
    int err = SIO_ENOMEM;

    patient(&o);
    o.id = sio_str_z(id);
    o.delay_ms = delay_ms;
    if (text)
        err = dbq_add_in(c, PUSHER_OFFLINE, name, sio_str_z(text), &o, now_ms, made);
    free(text);
    return err;
}

int pusher_room_in(app *a, db_conn *c, sio_str room_id, int64_t from, int64_t now_ms)
{
    char id[PUSHER_ID_SIZE];

    snprintf(id, sizeof(id), "room_%016llx_%lld", (unsigned long long)pusher_print(room_id), (long long)from);
    return add_in(c, "room", sio_obj("roomId", room_id), id, a->opt.push.delay_ms, now_ms);
}

int pusher_message_in(app *a, db_conn *c, sio_str room_id, int64_t seq, int64_t now_ms)
{
    int64_t from;
    bool first;
    int err;

    if (!a->pusher)
        return 0;
    err = pusher_store_dirty(c, room_id, seq, &from, &first);
    return err < 0 || !first ? err : pusher_room_in(a, c, room_id, from, now_ms);
}

int pusher_note_in(app *a, db_conn *c, const notify_note *n)
{
    char id[PUSHER_ID_SIZE];

    if (!a->pusher)
        return 0;
    snprintf(id, sizeof(id), "note_%016llx", (unsigned long long)pusher_print(n->id));
    return add_in(c, "notification", sio_obj("id", n->id), id, 0, n->created_ms);
}

void pusher_committed(app *a)
{
    if (a->pusher)
        dbq_wake(a->jobs);
}

/* ---- life -------------------------------------------------------------------------------------------- */

static int worker_new(pusher *p, jobs_worker **out, const char *queue, unsigned n,
                      void (*perform)(void *arg, job *jb))
{
    jobs_worker_options o;

    jobs_worker_options_init(&o);
    o.queue = queue;
    o.concurrency = n;
    o.lock_ms = PUSHER_LOCK_MS;
    o.stalled_ms = PUSHER_LOCK_MS / 2;
    o.max_stalled = 1000;
    o.perform = perform;
    o.arg = p;
    return jobs_worker_new(out, p->a->jobs, &o);
}

/* Workers set timers, which is for their loop. */
static void on_start(void *arg)
{
    pusher *p = arg;

    if (p->stopped)
        return;
    if (worker_new(p, &p->offline, PUSHER_OFFLINE, PUSHER_ROUNDS, pusher_round) < 0 ||
        worker_new(p, &p->devices, PUSHER_DEVICES, PUSHER_SENDS, pusher_device) < 0)
        abort(); /* a few bytes */
}

static sio_str user_key(const void *user)
{
    return *(const sio_str *)user;
}

int pusher_attach(app *a)
{
    unsigned n = sio_server_loops(a->io);
    pusher *p;
    int err = dbq_new(&a->jobs, a->opt.db, a->io);

    if (err == 0)
        err = pusher_events_attach(a);
    if (err < 0 || a->opt.push.mode == APP_PUSH_OFF)
        return err;
    if (!(p = a->pusher = calloc(1, sizeof(*p) + n * sizeof(p->loop[0]))))
        return SIO_ENOMEM;
    p->a = a;
    list_init(&p->rounds);
    list_init(&p->sends);
    list_init(&p->whos);
    sem_init(&p->closed, 0, 0);
    for (unsigned i = 0; i < n; i++)
        map_init(&p->loop[i].users, user_key);
    err = pusher_who_attach(a);
    return err < 0 ? err : sio_post(a->io, 0, on_start, p);
}

static void on_closed(void *arg)
{
    pusher *p = arg;

    if (--p->closing == 0)
        sem_post(&p->closed);
}

static void on_stop(void *arg)
{
    pusher *p = arg;

    p->stopped = true;
    p->closing = 2;
    if (!p->devices) {
        sem_post(&p->closed);
        return;
    }
    jobs_worker_close(p->offline, on_closed, p);
    jobs_worker_close(p->devices, on_closed, p);
    p->offline = p->devices = NULL;
    pusher_rounds_release(p);
    pusher_devices_release(p);
}

void pusher_stop(app *a, uint32_t ms)
{
    struct timespec end;

    if (!a->pusher || sio_post(a->io, 0, on_stop, a->pusher) < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += (long)(ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    while (sem_timedwait(&a->pusher->closed, &end) < 0 && errno == EINTR)
        ;
}

void pusher_detach(app *a)
{
    pusher *p = a->pusher;

    if (p)
        pusher_devices_forget(p);
    jobs_free(a->opt.push.queue); /* may still say what became of what it was given */
    jobs_free(a->jobs);
    a->opt.push.queue = a->jobs = NULL;
    if (!p)
        return;
    pusher_rounds_free(p);
    pusher_devices_free(p);
    pusher_who_detach(p);
    sem_destroy(&p->closed);
    free(p);
    a->pusher = NULL;
}
