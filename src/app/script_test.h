/* For tests of stores: a database for each test, and a script that runs inside one job of it. */
#ifndef APP_SCRIPT_TEST_H
#define APP_SCRIPT_TEST_H

#include "db/rig_test.h"

typedef void script(db_conn *c);

typedef struct step {
    db_job  base;
    script *fn;
} step;

static inline int step_run(db_job *j, db_conn *c)
{
    container_of(j, step, base)->fn(c);
    return 0;
}

static inline void run_job(void **state, db_job *j)
{
    db *d = ((fixture *)*state)->d;

    assert_int_equal(db_write(d, j), 0);
    db_stop(d); /* runs it */
}

static inline void run_script(void **state, script *fn)
{
    step s = {.base = {.run = step_run}, .fn = fn};

    run_job(state, &s.base);
    assert_int_equal(s.base.err, 0);
}

#define S(z) sio_str_z(z)

#endif
