/* BullMQ's queues in a real Redis: what every keeper must do, and what is theirs alone. */
#include "base/log.h"
#include "base/list.h"
#include "jobs/bull.h"
#include "jobs/face_test.h"
#include "redis/server_test.h"
#include "sio/home.h"

static jobs *face_make(face *f)
{
    bull_options o = {.redis_url = ((redis_server *)f->keeper)->url, .prefix = "bull", .name = "test"};
    jobs *j;

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

static int face_setup(void **state)
{
    face *f = calloc(1, sizeof(*f));
    redis_server *s = calloc(1, sizeof(*s));

    redis_server_start(s);
    f->keeper = s;
    face_start(f);
    await_up(f, true);
    *state = f;
    return 0;
}

static int face_teardown(void **state)
{
    face *f = *state;

    face_stop(f);
    redis_server_stop(f->keeper);
    free(f->keeper);
    free(f);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TESTS,
    };

    log_setup(LOG_ERROR, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
