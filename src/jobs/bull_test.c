/* BullMQ's queues in a real Redis: what every keeper must do, and what is theirs alone. */
#include "base/log.h"
#include "base/list.h"
#include "jobs/bull.h"
#include "jobs/face_test.h"
#include "redis/server_test.h"
#include "sio/home.h"

/* Faults are what is tested here. */
static void no_log(log_level level, const char *line, const log_field *fields, size_t n)
{
    (void)level, (void)line, (void)fields, (void)n;
}

static jobs *face_make(face *f)
{
    bull_options o = {.redis_url = ((redis_server *)f->keeper)->url, .prefix = "bull", .name = "test"};
    jobs *j;

    if (strstr(o.redis_url, "+cluster"))
        o.prefix = "{bull}";

    assert_int_equal(bull_new(&j, sio_home_net(f->io, 0), &o), 0);
    return j;
}

static void note_up(face *f, void *up) { *(bool *)up = jobs_is_up(f->j); }

static void await_up(face *f, bool want)
{
    const struct timespec pause = {.tv_nsec = 2 * 1000000};
    bool up = !want;

    for (int i = 0; i < FACE_WAIT_S * 500 && up != want; i++) {
        face_do(f, note_up, &up);
        nanosleep(&pause, NULL);
    }
    assert_int_equal(up, want);
}

static int setup_on(void **state, redis_server *s)
{
    face *f = calloc(1, sizeof(*f));

    f->keeper = s;
    face_start(f);
    await_up(f, true);
    *state = f;
    return 0;
}

static int face_setup(void **state)
{
    redis_server *s = calloc(1, sizeof(*s));

    redis_server_start(s);
    return setup_on(state, s);
}

/* Redis Cluster of one master, which refuses what is not in one slot all the same. */
static int cluster_setup(void **state)
{
    static const char *const args[] = {"--cluster-enabled", "yes", NULL};
    redis_server *s = calloc(1, sizeof(*s));

    redis_server_start_with(s, args);
    redis_server_do(s, "CLUSTER ADDSLOTSRANGE 0 16383");
    snprintf(s->url, sizeof(s->url), "redis+cluster://127.0.0.1:%d", s->port);
    return setup_on(state, s);
}

static int face_teardown(void **state)
{
    face *f = *state;

    face_give_back(f);
    face_stop(f);
    redis_server_stop(f->keeper);
    free(f->keeper);
    free(f);
    return 0;
}

/* ---- their own --------------------------------------------------------------------------------------- */

static void redis_do(face *f, const char *command) { redis_server_do(f->keeper, command); }

static void answers(face *f, const char *command, const char *want)
{
    char line[300], out[600] = "";

    snprintf(line, sizeof(line), "%s\r\n", command);
    assert_true(redis_server_ask(((redis_server *)f->keeper)->port, line, out, sizeof(out)));
    if (!strstr(out, want))
        fail_msg("%s: %s", command, out);
}

static void work_with_lock(face *f, uint32_t lock_ms)
{
    face_working w = face_worker(f, "q");

    w.o.lock_ms = lock_ms;
    face_do(f, face_work_on_loop, &w);
}

static void note_lost(face *f, void *arg)
{
    (void)arg;
    if (f->held[0]->lost)
        face_note(f, "lost");
}

static void await_lost(face *f)
{
    const struct timespec pause = {.tv_nsec = 5 * 1000000};

    for (int i = 0; i < FACE_WAIT_S * 200 && !face_has(f, " lost"); i++) {
        face_do(f, note_lost, NULL);
        nanosleep(&pause, NULL);
    }
    assert_true(face_has(f, " lost"));
}

/* Somebody else has it: what this worker says does not count. */
static void a_lost_lock_is_told(void **state)
{
    face *f = *state;

    work_with_lock(f, 200);
    face_add(f, "q", "hold", NULL);
    face_wait(f, " hold#0");
    redis_do(f, "SET bull:q:1:lock somebody");
    await_lost(f);
    face_do(f, face_complete_held, NULL);
    face_close(f);
    face_counts(f, "q", (jobs_counts){.active = 1});
    answers(f, "GET bull:q:1:lock", "somebody");
}

static long lock_ms_left(face *f)
{
    char out[100] = ":0";

    assert_true(redis_server_ask(((redis_server *)f->keeper)->port, "PTTL bull:q:1:lock\r\n", out,
                                 sizeof(out)));
    return strtol(out + 1, NULL, 10);
}

/* It lives for 400 ms: three times it has more of them than a moment before. */
static void locks_are_renewed(void **state)
{
    face *f = *state;

    work_with_lock(f, 400);
    face_add(f, "q", "hold", NULL);
    face_wait(f, " hold#0");
    for (int renewed = 0, tries = 0; renewed < 3; tries++) {
        long before = lock_ms_left(f);

        assert_true(before > 0 && tries < 1000);
        renewed += lock_ms_left(f) > before;
    }
    face_do(f, face_complete_held, NULL);
    face_counts(f, "q", (jobs_counts){.completed = 1});
    face_close(f);
}

/* Redis has lost everything, the job too: the worker is not stuck with its end. */
static void ends_when_redis_forgot(void **state)
{
    face *f = *state;

    work_with_lock(f, 30000);
    face_add(f, "q", "hold", NULL);
    face_wait(f, " hold#0");
    redis_server_kill(f->keeper);
    await_up(f, false);
    face_forget(f);
    face_add(f, "q", "refused", NULL);
    assert_true(face_has(f, " refused:-15"));
    face_do(f, face_complete_held, NULL);
    redis_server_restart(f->keeper);
    await_up(f, true);
    face_close(f);
    face_counts(f, "q", (jobs_counts){0});
}

/* Redis stays away: given up when the lock has run out, and the worker can end. */
static void ends_without_redis(void **state)
{
    face *f = *state;

    work_with_lock(f, 300);
    face_add(f, "q", "hold", NULL);
    face_wait(f, " hold#0");
    redis_server_kill(f->keeper);
    await_up(f, false);
    face_do(f, face_complete_held, NULL);
    face_close(f);
    redis_server_restart(f->keeper);
}

static void job_of_bad_results(face *f, void *arg)
{
    (void)arg;
    job_progress(f->held[0], sio_lit("{"));
    job_progress(f->held[0], sio_lit("{\"done\":1}"));
    job_complete(f->held[--f->nheld], sio_lit("no JSON"));
}

/* Either would stop a Node QueueEvents for good. */
static void events_are_always_json(void **state)
{
    face *f = *state;

    face_work(f, "q");
    face_add(f, "q", "hold", NULL);
    face_wait(f, " hold#0");
    face_do(f, job_of_bad_results, NULL);
    face_counts(f, "q", (jobs_counts){.completed = 1});
    answers(f, "HGET bull:q:1 returnvalue", "null");
    answers(f, "HGET bull:q:1 progress", "{\"done\":1}");
    answers(f, "XREVRANGE bull:q:events + - COUNT 2", "null");
    face_close(f);
}

static void far_delays_are_refused(void **state)
{
    face *f = *state;
    job_options o;

    job_options_init(&o);
    o.delay_ms = INT64_C(1) << 41;
    face_add(f, "q", "never", &o);
    assert_string_equal(f->log, " refused:-2");
    o = (job_options){.attempts = 3, .backoff = JOB_FIXED, .backoff_ms = INT64_C(1) << 50};
    face_add(f, "q", "fail", &o);
    face_work(f, "q");
    face_wait(f, " fail#0");
    face_counts(f, "q", (jobs_counts){.delayed = 1});
    answers(f, "ZRANGE bull:q:delayed 0 -1 WITHSCORES", "9007199254736896"); /* 4096 times 2^41 - 1 */
    face_close(f);
}

static void settings_are_checked(void **state)
{
    const bull_options bad[] = {{.redis_url = NULL}, {.redis_url = "http://x"},
                                {.redis_url = "redis://h", .prefix = ""},
                                {.redis_url = "redis+cluster://127.0.0.1:1", .prefix = "bull"}};
    const bull_options good = {.redis_url = "redis+cluster://127.0.0.1:1", .prefix = "{bull}"};
    loop *l;
    net *n;
    jobs *j;

    (void)state;
    assert_int_equal(loop_new(&l), 0);
    assert_int_equal(net_new(&n, l, &(net_limits){.max_unsent = 1 << 20}), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(bull_new(&j, n, &bad[i]), SIO_EINVAL);
    assert_int_equal(bull_new(&j, n, &good), 0);
    jobs_free(j);
    net_free(n);
    loop_free(l);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TESTS,
        FACE_TEST(a_lost_lock_is_told),
        FACE_TEST(locks_are_renewed),
        FACE_TEST(ends_when_redis_forgot),
        FACE_TEST(ends_without_redis),
        FACE_TEST(events_are_always_json),
        FACE_TEST(far_delays_are_refused),
        cmocka_unit_test(settings_are_checked),
        cmocka_unit_test_setup_teardown(face_order, cluster_setup, face_teardown),
        cmocka_unit_test_setup_teardown(face_retries, cluster_setup, face_teardown),
        cmocka_unit_test_setup_teardown(face_failed, cluster_setup, face_teardown),
    };

    log_setup(LOG_ERROR, no_log);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
