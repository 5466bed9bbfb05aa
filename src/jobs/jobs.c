#include "jobs/jobs.h"

#include "codec/json.h"

void job_options_init(job_options *o)
{
    *o = (job_options){.attempts = 1, .on_complete = {1000, 3600}, .on_fail = {5000, 7 * 86400}};
}

void jobs_worker_options_init(jobs_worker_options *o)
{
    *o = (jobs_worker_options){.concurrency = 1, .lock_ms = 30000, .stalled_ms = 30000, .max_stalled = 1};
}

static bool name_is_good(const char *name, bool is_queue)
{
    size_t n = name ? strlen(name) : 0;

    return n >= 1 && n <= JOBS_NAME_MAX && !(is_queue && strchr(name, ':'));
}

/* A number could be one that was given by itself. */
static bool id_is_good(sio_str id)
{
    bool digits = id.n > 0;

    for (size_t i = 0; i < id.n; i++) {
        if (id.p[i] == ':' || (unsigned char)id.p[i] < 0x20)
            return false;
        digits = digits && id.p[i] >= '0' && id.p[i] <= '9';
    }
    return id.n <= JOBS_ID_MAX && !digits;
}

static bool options_are_good(const job_options *o)
{
    return id_is_good(o->id) && o->delay_ms >= 0 && o->priority <= 2097151 && o->backoff_ms >= 0 &&
           o->jitter >= 0 &&
           o->jitter <= 1;
}

int jobs_add(jobs *j, const char *queue, const char *name, sio_str data, const job_options *o,
             jobs_added_fn *fn, void *arg)
{
    sio_str text;

    if (!name_is_good(queue, true) || !name_is_good(name, false) || data.n > JOBS_DATA_MAX ||
        !json_valid(data, &text) ||
        !options_are_good(o))
        return SIO_EINVAL;
    return j->ops->add(j, queue, name, text, o, fn, arg);
}

int jobs_worker_new(jobs_worker **out, jobs *j, const jobs_worker_options *o)
{
    if (!name_is_good(o->queue, true) || !o->concurrency || !o->perform || o->lock_ms < 100 ||
        o->stalled_ms < 10)
        return SIO_EINVAL;
    return j->ops->worker_new(out, j, o);
}

void jobs_worker_close(jobs_worker *w, void (*done)(void *arg), void *arg)
{
    w->jobs->ops->worker_close(w, done, arg);
}

/* ---- the job in hand -------------------------------------------------------------------------------- */

void job_complete(job *jb, sio_str result)
{
    jb->jobs->ops->complete(jb, result.n ? result : sio_lit("null"));
}

void job_fail(job *jb, sio_str reason, int64_t retry_ms, bool final)
{
    jb->jobs->ops->fail(jb, reason, retry_ms, final);
}

void job_release(job *jb) { jb->jobs->ops->release(jb); }

void job_progress(job *jb, sio_str progress) { jb->jobs->ops->progress(jb, progress); }

/* ---- looking after them ----------------------------------------------------------------------------- */

int jobs_count(jobs *j, const char *queue, void (*fn)(void *arg, int err, const jobs_counts *c), void *arg)
{
    return name_is_good(queue, true) ? j->ops->count(j, queue, fn, arg) : SIO_EINVAL;
}

int jobs_failed(jobs *j, const char *queue, unsigned from, unsigned n,
                void (*fn)(void *arg, int err, const job_info *jobs, unsigned n), void *arg)
{
    return name_is_good(queue, true) && n <= JOBS_PAGE_MAX ? j->ops->failed(j, queue, from, n, fn, arg)
                                                           : SIO_EINVAL;
}

int jobs_retry(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg)
{
    return name_is_good(queue, true) && id.n <= JOBS_ID_MAX ? j->ops->retry(j, queue, id, fn, arg)
                                                            : SIO_EINVAL;
}

int jobs_drop(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg)
{
    return name_is_good(queue, true) && id.n <= JOBS_ID_MAX ? j->ops->drop(j, queue, id, fn, arg)
                                                            : SIO_EINVAL;
}

int jobs_pause(jobs *j, const char *queue, bool pause, jobs_done_fn *fn, void *arg)
{
    return name_is_good(queue, true) ? j->ops->pause(j, queue, pause, fn, arg) : SIO_EINVAL;
}

bool jobs_is_up(const jobs *j) { return j->ops->is_up(j); }

void jobs_free(jobs *j)
{
    if (j)
        j->ops->free(j);
}

int64_t jobs_backoff_ms(job_backoff kind, int64_t ms, double jitter, unsigned attempt, double dice)
{
    double v = kind == JOB_NO_BACKOFF ? 0 : (double)ms;

    for (unsigned i = 1; kind == JOB_EXPONENTIAL && i < attempt && v < 9e15; i++)
        v *= 2;
    return (int64_t)(jitter > 0 ? dice * v * jitter + v * (1 - jitter) : v);
}
