/* Queues in the database, SQLite and PostgreSQL: what every keeper must do, jobs inside transactions. */
#define job db_test_job /* the rig of the database has jobs of its own */
#include "db/rig_test.h"
#undef job

#include "jobs/dbq.h"
#include "jobs/face_test.h"

static jobs *face_make(face *f)
{
    jobs *j;

    assert_int_equal(dbq_new(&j, ((fixture *)f->keeper)->d, f->io), 0);
    return j;
}

static int face_setup(void **state)
{
    face *f = calloc(1, sizeof(*f));

    setup(&f->keeper);
    face_start(f);
    *state = f;
    return 0;
}

static int face_teardown(void **state)
{
    face *f = *state;

    face_give_back(f);
    db_stop(((fixture *)f->keeper)->d);
    face_stop(f);
    teardown(&f->keeper);
    free(f);
    return 0;
}

/* ---- inside a transaction of somebody else's --------------------------------------------------------- */

typedef struct insider {
    db_job job;
    face  *f;
    int    result;
} insider;

static int insider_run(db_job *j, db_conn *c)
{
    char id[JOBS_ID_MAX + 1];
    job_options o;
    int err;

    job_options_init(&o);
    err = dbq_add_in(c, "q", "inside", sio_lit("{\"n\":1}"), &o, 1, id);
    return err < 0 ? err : container_of(j, insider, job)->result;
}

static void insider_done(db_job *j)
{
    insider *i = container_of(j, insider, job);

    if (j->err == 0)
        dbq_wake(i->f->j);
    face_note(i->f, "insider:%d", j->err);
}

static void insider_go(face *f, void *arg)
{
    insider *i = arg;

    i->f = f;
    i->job = (db_job){.run = insider_run, .done = insider_done};
    assert_int_equal(db_write(((fixture *)f->keeper)->d, &i->job), 0);
}

static void jobs_live_and_die_with_their_transaction(void **state)
{
    insider undone = {.result = SIO_EINVAL}, done = {0};
    face *f = *state;
    char expected[24];

    snprintf(expected, sizeof(expected), " insider:%d", SIO_EINVAL);
    face_do(f, insider_go, &undone);
    face_wait(f, expected);
    face_counts(f, "q", (jobs_counts){0});
    face_work(f, "q");
    face_do(f, insider_go, &done);
    face_wait(f, " inside#0");
    face_counts(f, "q", (jobs_counts){.completed = 1});
    face_close(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TESTS,
        FACE_TEST(jobs_live_and_die_with_their_transaction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
