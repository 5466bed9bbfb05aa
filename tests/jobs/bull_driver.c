/* BullMQ's queues of ours, to be ordered about by tests/interop/bullmq.test.mjs: bull_driver
 * REDIS_URL [PREFIX [NAME]]
 *
 * Orders are lines of JSON, {do, ...}; what happens is told as lines of JSON, {on, ...}:
 *
 *     add     queue name data [id delay priority lifo attempts backoff backoffMs keep]  -> added {err, id}
 *     work    queue [concurrency lock stalled maxStalled rateMax rateMs echo]      -> job {id, name, data, attempts} for each
 *     end     id how value                     how: complete, fail, final, release, progress; retry ms
 *     close                                    -> closed
 *     counts  queue                            -> counts {err, waiting, active...}
 *     failed  queue                            -> failed {err, jobs: [{id, name, reason, attempts}]}
 *     retry, drop  queue id; pause queue pause -> done {err}
 *
 * A worker with echo completes each job at once with its data. "up" is told when Redis is there. The end of
 * the input ends it. */
#include "jobs/bull.h"
#include "sio.h"
#include "sio/home.h"

#include "base/log.h"
#include "codec/json.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define HELD_MAX 1000

typedef struct driver {
    sio_server  *io;
    jobs        *j;
    jobs_worker *w;
    bool         echo, is_up;
    job         *held[HELD_MAX];
    unsigned     nheld;
} driver;

typedef struct order {
    driver *d;
    size_t  n;
    char    line[];
} order;

/* ---- reading orders --------------------------------------------------------------------------------- */

static sio_str raw_of(const order *o, const char *key)
{
    sio_str v;

    return json_get((sio_str){o->line, o->n}, sio_str_z(key), &v) ? v : (sio_str){0};
}

/* Into a static buffer for each use of the few texts of an order. */
static const char *text_of(const order *o, const char *key, char *out, size_t n)
{
    sio_str raw = raw_of(o, key);

    out[0] = '\0';
    if (raw.n && raw.n < n && json_kind_of(raw) == JSON_STRING)
        out[json_unescape(raw, out)] = '\0';
    return out;
}

static int64_t int_of(const order *o, const char *key, int64_t otherwise)
{
    sio_str raw = raw_of(o, key);

    if (raw.n)
        json_int(raw, &otherwise);
    return otherwise;
}

static bool flag_of(const order *o, const char *key) { return json_kind_of(raw_of(o, key)) == JSON_TRUE; }

/* ---- telling ---------------------------------------------------------------------------------------- */

static void quoted(sio_str s)
{
    buf b;

    buf_init(&b, 1 << 24);
    if (json_quote(&b, s) == 0)
        fwrite(b.p, 1, b.n, stdout);
    buf_fini(&b);
}

static void over(void)
{
    puts("}");
    fflush(stdout);
}

static void on_added(void *arg, int err, sio_str id)
{
    (void)arg;
    printf("{\"on\":\"added\",\"err\":%d,\"id\":", err);
    quoted(id);
    over();
}

static void on_done(void *arg, int err)
{
    (void)arg;
    printf("{\"on\":\"done\",\"err\":%d", err);
    over();
}

static void on_counts(void *arg, int err, const jobs_counts *c)
{
    (void)arg;
    printf("{\"on\":\"counts\",\"err\":%d,\"waiting\":%lld,\"active\":%lld,\"delayed\":%lld,\"prioritized\":%lld,"
           "\"completed\":%lld,\"failed\":%lld,\"paused\":%lld,\"waiting-children\":%lld",
           err, (long long)c->waiting, (long long)c->active, (long long)c->delayed, (long long)c->prioritized,
           (long long)c->completed, (long long)c->failed, (long long)c->paused,
           (long long)c->waiting_children);
    over();
}

static void on_failed(void *arg, int err, const job_info *jobs, unsigned n)
{
    (void)arg;
    printf("{\"on\":\"failed\",\"err\":%d,\"jobs\":[", err);
    for (unsigned i = 0; i < n; i++) {
        printf("%s{\"id\":", i ? "," : "");
        quoted(jobs[i].id);
        printf(",\"name\":");
        quoted(jobs[i].name);
        printf(",\"attempts\":%u,\"reason\":", jobs[i].attempts_made);
        quoted(jobs[i].failed_reason);
        putchar('}');
    }
    putchar(']');
    over();
}

static void on_closed(void *arg)
{
    ((driver *)arg)->w = NULL;
    printf("{\"on\":\"closed\"");
    over();
}

static void perform(void *arg, job *jb)
{
    driver *d = arg;

    printf("{\"on\":\"job\",\"name\":");
    quoted(jb->name);
    printf(",\"attempts\":%u,\"data\":%.*s,\"id\":", jb->attempts_made, (int)jb->data.n, jb->data.p);
    quoted(jb->id);
    over();
    if (d->echo)
        job_complete(jb, jb->data);
    else if (d->nheld < HELD_MAX)
        d->held[d->nheld++] = jb;
}

/* ---- orders ----------------------------------------------------------------------------------------- */

static void do_add(driver *d, const order *o)
{
    char queue[200], name[200], id[200], backoff[40];
    job_options jo;
    int err;

    job_options_init(&jo);
    jo.id = sio_str_z(text_of(o, "id", id, sizeof(id)));
    jo.delay_ms = int_of(o, "delay", 0);
    jo.priority = (uint32_t)int_of(o, "priority", 0);
    jo.lifo = flag_of(o, "lifo");
    jo.attempts = (unsigned)int_of(o, "attempts", 1);
    text_of(o, "backoff", backoff, sizeof(backoff));
    jo.backoff = strcmp(backoff, "exponential") == 0 ? JOB_EXPONENTIAL : *backoff ? JOB_FIXED : JOB_NO_BACKOFF;
    jo.backoff_ms = int_of(o, "backoffMs", 0);
    jo.on_complete.count = int_of(o, "keep", jo.on_complete.count);
    err = jobs_add(d->j, text_of(o, "queue", queue, sizeof(queue)), text_of(o, "name", name, sizeof(name)),
                   raw_of(o, "data"), &jo, on_added, d);
    if (err < 0)
        on_added(d, err, sio_lit(""));
}

static void do_work(driver *d, const order *o)
{
    jobs_worker_options w;
    char queue[200];

    jobs_worker_options_init(&w);
    w.queue = text_of(o, "queue", queue, sizeof(queue));
    w.concurrency = (unsigned)int_of(o, "concurrency", 1);
    w.lock_ms = (uint32_t)int_of(o, "lock", w.lock_ms);
    w.stalled_ms = (uint32_t)int_of(o, "stalled", w.stalled_ms);
    w.max_stalled = (unsigned)int_of(o, "maxStalled", w.max_stalled);
    w.rate_max = (unsigned)int_of(o, "rateMax", 0);
    w.rate_ms = (uint32_t)int_of(o, "rateMs", 0);
    w.perform = perform;
    w.arg = d;
    d->echo = flag_of(o, "echo");
    if (jobs_worker_new(&d->w, d->j, &w) < 0)
        abort();
}

static job *held(driver *d, const char *id, bool keep)
{
    for (unsigned i = 0; i < d->nheld; i++) {
        job *jb = d->held[i];

        if (!sio_str_eq(jb->id, sio_str_z(id)))
            continue;
        if (!keep)
            d->held[i] = d->held[--d->nheld];
        return jb;
    }
    fprintf(stderr, "there is no job %s\n", id);
    abort();
}

static void do_end(driver *d, const order *o)
{
    char how[40], id[200], reason[400];
    sio_str value = raw_of(o, "value");
    job *jb;

    text_of(o, "how", how, sizeof(how));
    text_of(o, "value", reason, sizeof(reason));
    jb = held(d, text_of(o, "id", id, sizeof(id)), strcmp(how, "progress") == 0);
    if (strcmp(how, "progress") == 0)
        job_progress(jb, value);
    else if (strcmp(how, "complete") == 0)
        job_complete(jb, value);
    else if (strcmp(how, "release") == 0)
        job_release(jb);
    else
        job_fail(jb, sio_str_z(reason), int_of(o, "retry", -1), strcmp(how, "final") == 0);
}

static int look_after(driver *d, const order *o, const char *what, const char *queue)
{
    char id[200];
    sio_str job_id = sio_str_z(text_of(o, "id", id, sizeof(id)));

    if (strcmp(what, "counts") == 0)
        return jobs_count(d->j, queue, on_counts, d);
    if (strcmp(what, "failed") == 0)
        return jobs_failed(d->j, queue, 0, JOBS_PAGE_MAX, on_failed, d);
    if (strcmp(what, "retry") == 0)
        return jobs_retry(d->j, queue, job_id, on_done, d);
    if (strcmp(what, "drop") == 0)
        return jobs_drop(d->j, queue, job_id, on_done, d);
    return jobs_pause(d->j, queue, flag_of(o, "pause"), on_done, d);
}

static void on_order(void *arg)
{
    order *o = arg;
    driver *d = o->d;
    char what[40], queue[200];

    text_of(o, "do", what, sizeof(what));
    text_of(o, "queue", queue, sizeof(queue));
    if (strcmp(what, "add") == 0)
        do_add(d, o);
    else if (strcmp(what, "work") == 0)
        do_work(d, o);
    else if (strcmp(what, "end") == 0)
        do_end(d, o);
    else if (strcmp(what, "close") == 0)
        jobs_worker_close(d->w, on_closed, d);
    else if (look_after(d, o, what, queue) < 0)
        on_done(d, SIO_EUNAVAILABLE);
    free(o);
}

static void on_end_of_input(void *arg)
{
    driver *d = arg;

    jobs_free(d->j);
    d->j = NULL;
    sio_server_stop(d->io, 0);
}

static void look_up(void *arg)
{
    driver *d = arg;

    if (d->j && jobs_is_up(d->j) != d->is_up) {
        d->is_up = !d->is_up;
        printf("{\"on\":\"%s\"", d->is_up ? "up" : "down");
        over();
    }
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void *watch(void *arg)
{
    const struct timespec pause = {.tv_nsec = 5 * 1000000};

    for (;;) {
        if (sio_post(((driver *)arg)->io, 0, look_up, arg) < 0)
            return NULL;
        nanosleep(&pause, NULL);
    }
}

static void *read_orders(void *arg)
{
    driver *d = arg;
    char *line = NULL;
    size_t cap = 0;

    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        order *o = calloc(1, sizeof(*o) + (size_t)n + 1);

        if (!o || !json_valid((sio_str){line, (size_t)n}, &(sio_str){0}))
            abort();
        o->d = d;
        o->n = (size_t)n - 1; /* without the new line */
        memcpy(o->line, line, o->n);
        sio_post(d->io, 0, on_order, o);
    }
    free(line);
    sio_post(d->io, 0, on_end_of_input, d);
    return NULL;
}

static void begin(void *arg)
{
    driver *d = arg;
    pthread_t t;

    pthread_create(&t, NULL, read_orders, d);
    pthread_detach(t);
    pthread_create(&t, NULL, watch, d);
    pthread_detach(t);
}

int main(int argc, char **argv)
{
    static driver d;
    bull_options bo = {.redis_url = argc > 1 ? argv[1] : NULL, .prefix = argc > 2 ? argv[2] : "bull",
                       .name = argc > 3 ? argv[3] : NULL};
    sio_options so;

    log_setup(LOG_WARN, NULL);
    sio_options_init(&so);
    so.host = "127.0.0.1";
    so.port = 0;
    so.loops = 1;
    if (sio_server_new(&d.io, &so) < 0 || sio_server_listen(d.io) < 0 ||
        bull_new(&d.j, sio_home_net(d.io, 0), &bo) < 0)
        return 1;
    sio_post(d.io, 0, begin, &d);
    sio_server_run(d.io);
    return 0;
}
