/* For tests of what several servers share on a real redis-server: all of them in one loop, each with a client
 * of its own. What a site is the test says. */
#ifndef APP_SITES_TEST_H
#define APP_SITES_TEST_H

#include "app/loops_test.h"
#include "redis/program_test.h"

#define S(z)  sio_str_z(z)
#define SITES 3

static heard checker; /* asks what Redis knows */

/* The name of a server in one of its lives. */
static inline const char *code_of(unsigned number, unsigned session)
{
    static char code[8];

    snprintf(code, sizeof(code), "n%u%02u", number, session % 100);
    return code;
}

static inline bool never(void *arg)
{
    (void)arg;
    return false;
}

/* Good until the fourth question after it. */
static inline const char *reply_of(const sio_str *argv, unsigned argc)
{
    static answer a[4];
    static unsigned next;
    answer *it = &a[next++ % 4];

    it->calls = 0;
    assert_int_equal(redis_command(checker.r, on_answer, it, argv, argc), 0);
    rig_wait(&g, is_answered, it);
    assert_int_equal(it->err, 0);
    return it->text;
}
#define reply(...) reply_of(REDIS_ARGS_(__VA_ARGS__), sizeof(REDIS_ARGS_(__VA_ARGS__)) / sizeof(sio_str))

#endif
