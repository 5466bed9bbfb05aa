/* Job queues: counts, failed jobs, pausing. Their keepers are on loop 0: a call goes there and comes back. */
#include "app/api/api_queues.h"

#include "app/queues/queues.h"
#include "codec/json.h"

#include <stdlib.h>

#define DATA_MAX   16384 /* bytes of a job's data in an answer */
#define REASON_MAX 4096

_Static_assert(API_FAILED_MAX <= JOBS_PAGE_MAX, "a page is asked for at once");

const char *const api_keeper_names[] = {"redis", "database", NULL};

/* ---- which queue ------------------------------------------------------------------------------------- */

static bool find(const api_call *k, queues_one *out)
{
    queues_one all[QUEUES_MAX];
    unsigned n = queues_list(k->a, all);

    for (unsigned i = 0; i < n; i++) {
        *out = all[i];
        if (sio_str_eq(k->p.queue, sio_str_z(out->name)))
            return true;
    }
    return false;
}

static void start(api_call *k, void (*fn)(void *k))
{
    queues_one q;

    if (find(k, &q)) {
        api_visit(k, fn);
    } else {
        api_refuse(k, 404, "There is no such queue");
        api_end(k);
    }
}

/* ---- counts ------------------------------------------------------------------------------------------ */

typedef struct entry {
    struct listing *of;
    queues_one      q;
    bool            is_up;
    jobs_counts     c;
} entry;

typedef struct listing {
    api_call *k;
    unsigned  n, due;
    entry     entry[QUEUES_MAX];
} listing;

static int entry_add(buf *out, const entry *e)
{
    const jobs_counts *c = &e->c;
    sio_val counts = sio_obj("waiting", c->waiting, "active", c->active, "delayed", c->delayed,
                             "prioritized", c->prioritized, "completed", c->completed, "failed", c->failed,
                             "paused", c->paused, "waiting-children", c->waiting_children);
    sio_val paused = sio_v((bool)c->is_paused);

    return api_add(out, sio_obj("name", e->q.name, "keeper", api_keeper_names[!e->q.is_bull], "about",
                                e->q.about, "isUp", e->is_up, "isPaused", e->is_up ? paused : sio_undefined,
                                "counts", e->is_up ? counts : sio_undefined));
}

/* Behind the last answer. */
static void listing_check(listing *l)
{
    buf *out = &l->k->data;
    int err;

    if (--l->due > 0)
        return;
    err = buf_putc(out, '[');
    for (unsigned i = 0; i < l->n && err == 0; i++) {
        if (i)
            err = buf_putc(out, ',');
        if (err == 0)
            err = entry_add(out, &l->entry[i]);
    }
    if (err < 0 || buf_putc(out, ']') < 0)
        api_refuse_fault(l->k, err < 0 ? err : SIO_ENOMEM);
    api_end_home(l->k);
}

static void on_counts(void *arg, int err, const jobs_counts *c)
{
    entry *e = arg;

    e->is_up = err == 0;
    if (e->is_up)
        e->c = *c;
    listing_check(e->of);
}

static void count_all(void *arg)
{
    api_call *k = arg;
    queues_one all[QUEUES_MAX];
    listing *l = k->own;

    *l = (listing){.k = k, .n = queues_list(k->a, all), .due = 1};
    for (unsigned i = 0; i < l->n; i++) {
        entry *e = &l->entry[i];

        *e = (entry){.of = l, .q = all[i]};
        l->due++;
        if (jobs_count(e->q.keeper, e->q.own, on_counts, e) < 0)
            l->due--;
    }
    listing_check(l);
}

void queues_start(api_call *k)
{
    if ((k->own = malloc(sizeof(listing)))) {
        api_visit(k, count_all);
    } else {
        api_refuse_fault(k, SIO_ENOMEM);
        api_end(k);
    }
}

/* ---- failed jobs ------------------------------------------------------------------------------------- */

/* Cut between characters. */
static sio_str shortened(sio_str s)
{
    if (s.n <= REASON_MAX)
        return s;
    s.n = REASON_MAX;
    while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
        s.n--;
    return s;
}

static int failed_add(buf *out, const job_info *j)
{
    char created[APP_ISO_SIZE], finished[APP_ISO_SIZE];
    sio_str json;
    bool shown = j->data.n <= DATA_MAX && json_valid(j->data, &json);

    app_iso(j->created_ms, created);
    app_iso(j->finished_ms, finished);
    return api_add(out, sio_obj("id", j->id, "name", shortened(j->name), "data",
                                shown ? sio_json(json) : sio_null, "failedReason",
                                shortened(j->failed_reason), "attemptsMade", (int64_t)j->attempts_made,
                                "createdAt", (const char *)created, "finishedAt", (const char *)finished));
}

static unsigned from_of(const api_call *k) { return k->p.from > 0 ? (unsigned)k->p.from : 0; }
static unsigned limit_of(const api_call *k) { return k->p.limit > 0 ? (unsigned)k->p.limit : 50; }

static int failed_put(api_call *k, const job_info *jobs, unsigned n)
{
    int err = buf_putc(&k->data, '[');

    for (unsigned i = 0; i < n && err == 0; i++) {
        if (i)
            err = buf_putc(&k->data, ',');
        if (err == 0)
            err = failed_add(&k->data, &jobs[i]);
    }
    if (err == 0)
        err = buf_putc(&k->data, ']');
    return err == 0 && n == limit_of(k) ? api_meta(k, sio_obj("next", (int64_t)(from_of(k) + n))) : err;
}

static void on_failed(void *arg, int err, const job_info *jobs, unsigned n)
{
    api_call *k = arg;

    if (err == 0)
        err = failed_put(k, jobs, n);
    if (err < 0)
        api_refuse_fault(k, err);
    api_end_home(k);
}

/* What was asked of a keeper did not start. */
static void check(api_call *k, int err)
{
    if (err == 0)
        return;
    api_refuse_fault(k, err);
    api_end_home(k);
}

static void list_failed(void *arg)
{
    api_call *k = arg;
    queues_one q;

    if (find(k, &q))
        check(k, jobs_failed(q.keeper, q.own, from_of(k), limit_of(k), on_failed, k));
}

void failed_start(api_call *k) { start(k, list_failed); }

/* ---- changes ----------------------------------------------------------------------------------------- */

static void changed(api_call *k, int err, sio_val v)
{
    if (err == 0)
        err = api_data(k, v);
    if (err == SIO_ENOENT)
        api_refuse(k, 404, "There is no such job among the failed ones");
    else if (err < 0)
        api_refuse_fault(k, err);
    api_end_home(k);
}

static void on_job(void *arg, int err)
{
    api_call *k = arg;

    changed(k, err, sio_obj("id", k->p.job_id));
}

static void retry(void *arg)
{
    api_call *k = arg;
    queues_one q;

    if (find(k, &q))
        check(k, jobs_retry(q.keeper, q.own, k->p.job_id, on_job, k));
}

static void drop(void *arg)
{
    api_call *k = arg;
    queues_one q;

    if (find(k, &q))
        check(k, jobs_drop(q.keeper, q.own, k->p.job_id, on_job, k));
}

void retry_start(api_call *k) { start(k, retry); }
void drop_start(api_call *k) { start(k, drop); }

static void on_paused(void *arg, int err)
{
    api_call *k = arg;

    changed(k, err, sio_obj("name", k->p.queue, "isPaused", sio_true));
}

static void on_resumed(void *arg, int err)
{
    api_call *k = arg;

    changed(k, err, sio_obj("name", k->p.queue, "isPaused", sio_false));
}

static void pause_it(void *arg)
{
    api_call *k = arg;
    queues_one q;

    if (find(k, &q))
        check(k, jobs_pause(q.keeper, q.own, true, on_paused, k));
}

static void resume_it(void *arg)
{
    api_call *k = arg;
    queues_one q;

    if (find(k, &q))
        check(k, jobs_pause(q.keeper, q.own, false, on_resumed, k));
}

void pause_start(api_call *k) { start(k, pause_it); }
void resume_start(api_call *k) { start(k, resume_it); }
