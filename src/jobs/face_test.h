/* What a job queue must do, whoever keeps it: the same tests for all. A keeper's test defines `static jobs
 * *face_make(face *f)` before it includes this, and calls face_main.
 *
 * The server's loop runs on a thread of its own; tests post to it and wait for what it noted. */
#ifndef JOBS_FACE_TEST_H
#define JOBS_FACE_TEST_H

#include "base/testing.h"

#include "jobs/jobs.h"
#include "sio.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FACE_WAIT_S 20

typedef struct face {
    sio_server     *io;
    pthread_t       thread;
    jobs           *j;
    jobs_worker    *w[4];
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    char            log[8192];       /* what happened: " word word" */
    job            *held[64];        /* by jobs called hold... */
    unsigned        nheld;
    jobs_counts     counts;
    char            text[2048];
    void           *keeper;          /* of face_make */
    struct face    *other;           /* a second server on the same keeper, which ends with this one */
} face;

static jobs *face_make(face *f);

/* ---- notes ------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static inline void face_note(face *f, const char *format, ...)
{
    va_list args;
    size_t n;

    pthread_mutex_lock(&f->lock);
    n = strlen(f->log);
    n += (size_t)snprintf(f->log + n, sizeof(f->log) - n, " ");
    va_start(args, format);
    vsnprintf(f->log + n, sizeof(f->log) - n, format, args);
    va_end(args);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static inline bool face_has(const face *f, const char *words) { return strstr(f->log, words) != NULL; }

/* Waits until the words stand in the log, one behind the other. */
static inline void face_wait(face *f, const char *words)
{
    struct timespec end;
    bool late = false;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += FACE_WAIT_S;
    pthread_mutex_lock(&f->lock);
    while (!face_has(f, words) && !late)
        late = pthread_cond_timedwait(&f->changed, &f->lock, &end) != 0;
    pthread_mutex_unlock(&f->lock);
    if (late)
        fail_msg("waited for \"%s\"; there is \"%s\"", words, f->log);
}

static inline void face_forget(face *f)
{
    pthread_mutex_lock(&f->lock);
    f->log[0] = '\0';
    pthread_mutex_unlock(&f->lock);
}

/* ---- on the loop ------------------------------------------------------------------------------------ */

typedef struct face_call {
    face   *f;
    void  (*fn)(face *f, void *arg);
    void   *arg;
    bool    done;
} face_call;

static inline void face_run_call(void *arg)
{
    face_call *c = arg;

    c->fn(c->f, c->arg);
    pthread_mutex_lock(&c->f->lock);
    c->done = true;
    pthread_cond_broadcast(&c->f->changed);
    pthread_mutex_unlock(&c->f->lock);
}

/* Runs fn on the loop and waits for its end. */
static inline void face_do(face *f, void (*fn)(face *f, void *arg), void *arg)
{
    face_call c = {f, fn, arg, false};

    assert_int_equal(sio_post(f->io, 0, face_run_call, &c), 0);
    pthread_mutex_lock(&f->lock);
    while (!c.done)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static inline void *face_thread(void *arg)
{
    assert_int_equal(sio_server_run(((face *)arg)->io), 0);
    return NULL;
}

static inline void face_make_on_loop(face *f, void *arg)
{
    (void)arg;
    f->j = face_make(f);
}

static inline void face_free_on_loop(face *f, void *arg)
{
    (void)arg;
    jobs_free(f->j);
    f->j = NULL;
}

static inline void face_start(face *f)
{
    sio_options o;

    sio_options_init(&o);
    o.host = "127.0.0.1";
    o.port = 0;
    o.loops = 1;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    assert_int_equal(sio_server_new(&f->io, &o), 0);
    assert_int_equal(sio_server_listen(f->io), 0);
    pthread_create(&f->thread, NULL, face_thread, f);
    face_do(f, face_make_on_loop, NULL);
}

/* In two steps: threads of the keeper's that post to the loop are for its test to end between them. */
static inline void face_give_back(face *f)
{
    if (f->other)
        face_give_back(f->other);
    face_do(f, face_free_on_loop, NULL);
}

static inline void face_stop(face *f)
{
    if (f->other)
        face_stop(f->other);
    free(f->other);
    sio_server_stop(f->io, 0);
    pthread_join(f->thread, NULL);
    sio_server_free(f->io);
}

/* ---- jobs ------------------------------------------------------------------------------------------- */

typedef struct face_adding {
    const char        *queue, *name, *data;
    const job_options *o;
} face_adding;

static inline void face_added(void *arg, int err, sio_str id)
{
    face *f = arg;

    snprintf(f->text, sizeof(f->text), "%.*s", (int)id.n, id.p);
    face_note(f, "added:%d", err);
}

static inline void face_add_on_loop(face *f, void *arg)
{
    const face_adding *a = arg;
    int err = jobs_add(f->j, a->queue, a->name, sio_str_z(a->data), a->o, face_added, f);

    if (err < 0)
        face_note(f, "refused:%d", err);
}

static inline void face_add(face *f, const char *queue, const char *name, const job_options *o)
{
    face_adding a = {queue, name, "{\"n\":1}", o};
    job_options plain;

    job_options_init(&plain);
    if (!o)
        a.o = &plain;
    face_do(f, face_add_on_loop, &a);
}

/* The job's name says what is to become of it. */
static inline void face_perform(void *arg, job *jb)
{
    face *f = arg;
    char name[JOBS_NAME_MAX + 1];

    snprintf(name, sizeof(name), "%.*s", (int)jb->name.n, jb->name.p);
    assert_true(sio_str_eq(jb->data, sio_lit("{\"n\":1}")));
    if (strncmp(name, "hold", 4) == 0) {
        f->held[f->nheld++] = jb;
        face_note(f, "%s#%u", name, jb->attempts_made);
        return;
    }
    if (strncmp(name, "fail", 4) == 0)
        job_fail(jb, sio_lit("it \"failed\""), -1, false);
    else if (strncmp(name, "later", 5) == 0 && jb->attempts_made == 0)
        job_fail(jb, sio_lit("come again"), 30, false);
    else if (strncmp(name, "final", 5) == 0)
        job_fail(jb, sio_lit("hopeless"), -1, true);
    else
        job_complete(jb, sio_lit("{\"ok\":true}"));
    face_note(f, "%s#%u", name, jb->attempts_made);
}

typedef struct face_working {
    unsigned            slot;
    jobs_worker_options o;
} face_working;

static inline void face_work_on_loop(face *f, void *arg)
{
    face_working *w = arg;

    assert_int_equal(jobs_worker_new(&f->w[w->slot], f->j, &w->o), 0);
}

static inline face_working face_worker(face *f, const char *queue)
{
    face_working w = {0};

    jobs_worker_options_init(&w.o);
    w.o.queue = queue;
    w.o.perform = face_perform;
    w.o.arg = f;
    return w;
}

static inline void face_work(face *f, const char *queue)
{
    face_working w = face_worker(f, queue);

    face_do(f, face_work_on_loop, &w);
}

static inline void face_closed(void *arg) { face_note(arg, "closed"); }

static inline void face_close_on_loop(face *f, void *arg)
{
    jobs_worker_close(f->w[*(unsigned *)arg], face_closed, f);
}

static inline void face_close_slot(face *f, unsigned slot)
{
    face_forget(f);
    face_do(f, face_close_on_loop, &slot);
    face_wait(f, " closed");
}

static inline void face_close(face *f) { face_close_slot(f, 0); }

static inline void face_on_counts(void *arg, int err, const jobs_counts *c)
{
    face *f = arg;

    assert_int_equal(err, 0);
    f->counts = *c;
    face_note(f, "counted");
}

static inline void face_count_on_loop(face *f, void *arg)
{
    assert_int_equal(jobs_count(f->j, arg, face_on_counts, f), 0);
}

/* Counts until it is as wanted: jobs are written down a moment behind their handler. */
static inline void face_counts(face *f, const char *queue, jobs_counts want)
{
    const struct timespec pause = {.tv_nsec = 2 * 1000000};

    for (int i = 0; i < FACE_WAIT_S * 500; i++) {
        face_forget(f);
        nanosleep(&pause, NULL);
        face_do(f, face_count_on_loop, (void *)(uintptr_t)queue);
        face_wait(f, " counted");
        if (memcmp(&f->counts, &want, sizeof(want)) == 0)
            return;
    }
    fail_msg("waiting %lld active %lld delayed %lld prioritized %lld completed %lld failed %lld paused %lld",
             (long long)f->counts.waiting, (long long)f->counts.active, (long long)f->counts.delayed,
             (long long)f->counts.prioritized, (long long)f->counts.completed, (long long)f->counts.failed,
             (long long)f->counts.paused);
}

/* ---- the tests -------------------------------------------------------------------------------------- */

static inline void face_order(void **state)
{
    face *f = *state;
    job_options o;

    job_options_init(&o);
    face_add(f, "q", "a", NULL);
    face_add(f, "q", "b", NULL);
    o.priority = 5;
    face_add(f, "q", "p5", &o);
    o.priority = 2;
    face_add(f, "q", "p2", &o);
    o.priority = 0;
    o.lifo = true;
    face_add(f, "q", "c", &o);
    o.lifo = false;
    o.delay_ms = 600000;
    face_add(f, "q", "much later", &o);
    face_wait(f, " added:0 added:0 added:0 added:0 added:0 added:0");
    face_counts(f, "q", (jobs_counts){.waiting = 3, .prioritized = 2, .delayed = 1});
    face_forget(f);
    face_work(f, "q");
    face_wait(f, " c#0 a#0 b#0 p2#0 p5#0");
    o.delay_ms = 60;
    face_add(f, "q", "d", &o);
    face_wait(f, " d#0");
    face_counts(f, "q", (jobs_counts){.completed = 6, .delayed = 1});
    face_close(f);
}

static inline void face_retries(void **state)
{
    face *f = *state;
    job_options o;

    job_options_init(&o);
    o.attempts = 3;
    o.backoff = JOB_EXPONENTIAL;
    o.backoff_ms = 10;
    face_work(f, "q");
    face_add(f, "q", "fail", &o);
    face_wait(f, " fail#0 fail#1 fail#2");
    face_add(f, "q", "final", &o);
    face_wait(f, " final#0");
    face_add(f, "q", "later", &o);
    face_wait(f, " later#0 later#1");
    face_counts(f, "q", (jobs_counts){.completed = 1, .failed = 2});
    face_close(f);
}

static inline void face_on_failed(void *arg, int err, const job_info *info, unsigned n)
{
    face *f = arg;

    assert_int_equal(err, 0);
    for (unsigned i = 0; i < n; i++) {
        assert_true(info[i].id.n > 0 && info[i].created_ms > 0 && info[i].finished_ms >= info[i].created_ms);
        snprintf(f->text, sizeof(f->text), "%.*s", (int)info[i].id.n, info[i].id.p);
        face_note(f, "%.*s:%u:%.*s", (int)info[i].name.n, info[i].name.p, info[i].attempts_made,
                  (int)info[i].failed_reason.n, info[i].failed_reason.p);
    }
    face_note(f, "listed:%u", n);
}

static inline void face_list(face *f, void *arg)
{
    assert_int_equal(jobs_failed(f->j, arg, 0, 10, face_on_failed, f), 0);
}

static inline void face_on_done(void *arg, int err) { face_note(arg, "done:%d", err); }

static inline void face_retry(face *f, void *arg)
{
    assert_int_equal(jobs_retry(f->j, arg, sio_str_z(f->text), face_on_done, f), 0);
}

static inline void face_drop(face *f, void *arg)
{
    assert_int_equal(jobs_drop(f->j, arg, sio_str_z(f->text), face_on_done, f), 0);
}

static inline void face_failed(void **state)
{
    face *f = *state;
    static char queue[] = "q", expected[24];

    face_work(f, queue);
    face_add(f, queue, "fail1", NULL);
    face_wait(f, " fail1#0");
    face_counts(f, queue, (jobs_counts){.failed = 1});
    face_do(f, face_list, queue);
    face_wait(f, " fail1:1:it \"failed\" listed:1");
    face_do(f, face_retry, queue);
    face_wait(f, " done:0");
    face_wait(f, " fail1#0");
    face_counts(f, queue, (jobs_counts){.failed = 1});
    face_do(f, face_drop, queue);
    face_wait(f, " done:0");
    face_counts(f, queue, (jobs_counts){0});
    face_do(f, face_drop, queue);
    snprintf(expected, sizeof(expected), " done:%d", SIO_ENOENT);
    face_wait(f, expected);
    face_close(f);
}

static inline void face_ids(void **state)
{
    face *f = *state;
    job_options o;

    job_options_init(&o);
    o.id = sio_lit("push_m1_u1");
    face_add(f, "q", "once", &o);
    face_wait(f, " added:0");
    face_add(f, "q", "twice", &o);
    face_wait(f, " added:0 added:0");
    assert_string_equal(f->text, "push_m1_u1");
    face_counts(f, "q", (jobs_counts){.waiting = 1});
    face_work(f, "q");
    face_wait(f, " once#0");
    assert_false(face_has(f, "twice"));
    face_close(f);
}

static inline void face_keeps(void **state)
{
    face *f = *state;
    job_options o;

    job_options_init(&o);
    o.on_complete = o.on_fail = (job_keep){0, 0};
    face_work(f, "q");
    face_add(f, "q", "gone", &o);
    face_add(f, "q", "fail", &o);
    face_wait(f, " fail#0");
    face_counts(f, "q", (jobs_counts){0});
    face_close(f);
}

static inline void face_complete_held(face *f, void *arg)
{
    (void)arg;
    while (f->nheld)
        job_complete(f->held[--f->nheld], sio_lit(""));
}

static inline void face_release_held(face *f, void *arg)
{
    (void)arg;
    while (f->nheld)
        job_release(f->held[--f->nheld]);
}

static inline void face_concurrency(void **state)
{
    face *f = *state;
    face_working w = face_worker(f, "q");

    w.o.concurrency = 3;
    for (int i = 0; i < 5; i++)
        face_add(f, "q", "hold", NULL);
    face_do(f, face_work_on_loop, &w);
    face_wait(f, " hold#0 hold#0 hold#0");
    face_counts(f, "q", (jobs_counts){.active = 3, .waiting = 2});
    face_do(f, face_complete_held, NULL);
    face_wait(f, " hold#0 hold#0");
    face_counts(f, "q", (jobs_counts){.active = 2, .completed = 3});
    face_do(f, face_release_held, NULL);
    face_wait(f, " hold#0 hold#0");
    face_do(f, face_complete_held, NULL);
    face_counts(f, "q", (jobs_counts){.completed = 5});
    face_close(f);
}

static inline void face_pause_on_loop(face *f, void *arg)
{
    static char queue[] = "q";

    assert_int_equal(jobs_pause(f->j, queue, *(bool *)arg, face_on_done, f), 0);
}

static inline void face_pause(void **state)
{
    face *f = *state;
    bool pause = true;

    face_work(f, "q");
    face_do(f, face_pause_on_loop, &pause);
    face_wait(f, " done:0");
    face_add(f, "q", "later", NULL);
    face_wait(f, " added:0");
    face_add(f, "other", "nobody", NULL);
    assert_false(face_has(f, "later#"));
    f->counts.is_paused = 0;
    face_do(f, face_count_on_loop, (void *)(uintptr_t)"q");
    face_wait(f, " counted");
    assert_int_equal(f->counts.is_paused, 1);
    pause = false;
    face_do(f, face_pause_on_loop, &pause);
    face_wait(f, " later#0");
    face_close(f);
}

/* Another server, as it were, on the same keeper. */
static inline void face_takeover(void **state)
{
    face *f = *state, *other = calloc(1, sizeof(*other));
    face_working w = face_worker(f, "q"), w2;

    f->other = other;
    other->keeper = f->keeper;
    face_start(other);
    w.o.lock_ms = 300;
    face_do(f, face_work_on_loop, &w);
    face_add(f, "q", "hold", NULL);
    face_wait(f, " hold#0");
    face_do(f, face_free_on_loop, NULL); /* it dies */
    w2 = face_worker(other, "q");
    w2.o.stalled_ms = 50;
    face_do(other, face_work_on_loop, &w2);
    face_wait(other, " hold#0");
    face_do(other, face_complete_held, NULL);
    face_counts(other, "q", (jobs_counts){.completed = 1});
    face_close(other);
}

static inline int64_t face_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Two in a while: of a long one the end is not seen, of a short one it is. */
static inline void face_rate(void **state)
{
    face *f = *state;
    face_working w = face_worker(f, "q"), brief = face_worker(f, "brief");
    int64_t began;

    w.o.concurrency = brief.o.concurrency = 10;
    w.o.rate_max = brief.o.rate_max = 2;
    w.o.rate_ms = 600000;
    brief.o.rate_ms = 100;
    brief.slot = 1;
    for (int i = 0; i < 4; i++) {
        face_add(f, "q", "hold", NULL);
        face_add(f, "brief", "hold", NULL);
    }
    face_do(f, face_work_on_loop, &w);
    face_wait(f, " hold#0 hold#0");
    face_counts(f, "q", (jobs_counts){.active = 2, .waiting = 2});
    began = face_ms();
    face_do(f, face_work_on_loop, &brief);
    face_counts(f, "brief", (jobs_counts){.active = 4});
    assert_true(face_ms() - began >= 100);
    face_counts(f, "q", (jobs_counts){.active = 2, .waiting = 2});
    face_do(f, face_complete_held, NULL);
    face_counts(f, "brief", (jobs_counts){.completed = 4});
    face_counts(f, "q", (jobs_counts){.completed = 2, .waiting = 2});
    face_close_slot(f, 1);
    face_close(f);
}

typedef struct face_bad {
    const char *queue, *name, *data, *id;
} face_bad;

static inline void face_refused(void **state)
{
    static const face_bad bad[] = {{"", "n", "{}", ""},    {"a:b", "n", "{}", ""}, {"q", "", "{}", ""},
                                   {"q", "n", "{", ""},    {"q", "n", "", ""},     {"q", "n", "{}", "12"},
                                   {"q", "n", "{}", "a:b"}};
    char expected[24];
    face *f = *state;

    snprintf(expected, sizeof(expected), " refused:%d", SIO_EINVAL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        job_options o;
        face_adding a = {bad[i].queue, bad[i].name, bad[i].data, &o};

        job_options_init(&o);
        o.id = sio_str_z(bad[i].id);
        face_forget(f);
        face_do(f, face_add_on_loop, &a);
        assert_string_equal(f->log, expected);
    }
}

#define FACE_TEST(fn) cmocka_unit_test_setup_teardown(fn, face_setup, face_teardown)
#define FACE_TESTS                                                                                           \
    FACE_TEST(face_order), FACE_TEST(face_retries), FACE_TEST(face_failed), FACE_TEST(face_ids),             \
        FACE_TEST(face_keeps), FACE_TEST(face_concurrency), FACE_TEST(face_pause), FACE_TEST(face_takeover), \
        FACE_TEST(face_rate), FACE_TEST(face_refused)

#endif
