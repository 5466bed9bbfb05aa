/* A test program on a real redis-server: one server for all its tests, a rig for each of them. */
#ifndef REDIS_PROGRAM_TEST_H
#define REDIS_PROGRAM_TEST_H

#include "redis/rig_test.h"

static redis_server server;
static rig g;

#define ASK(r, ...) RIG_ASK(&g, r, __VA_ARGS__)

/* ---- around the program; one with servers of its own brings its own ---- */

static inline int start_server(void **state)
{
    (void)state;
    redis_server_start(&server);
    return 0;
}

static inline int stop_server(void **state)
{
    (void)state;
    redis_server_stop(&server);
    return 0;
}

/* ---- around each test ---- */

static inline int open_rig(void **state)
{
    (void)state;
    rig_open(&g);
    return 0;
}

static inline int close_rig(void **state)
{
    (void)state;
    rig_close(&g);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_rig, close_rig)

#endif
