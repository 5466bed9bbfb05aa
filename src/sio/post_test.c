#include "base/testing.h"

#include "sio.h"

/* What has not run when the server stops never does, and is given back with the server (the leak
 * checker looks). */

typedef struct late {
    sio_server *io;
    int         loop[3];
    unsigned    never;
} late;

static void never(void *arg) { ((late *)arg)->never++; }

static void on_last(void *arg)
{
    late *l = arg;

    l->loop[2] = sio_loop(l->io);
    assert_int_equal(sio_after(l->io, 3600000, never, l), 0);
    sio_server_stop(l->io, 0);
}

static void on_first(void *arg)
{
    late *l = arg;

    l->loop[0] = sio_loop(l->io);
    assert_int_equal(sio_after(l->io, 3600000, never, l), 0);
    assert_int_equal(sio_post(l->io, 2, on_last, l), 0);
}

static void what_is_left_at_the_end(void **state)
{
    late l = {0};
    sio_options o;

    (void)state;
    sio_options_init(&o);
    o.host = "127.0.0.1";
    o.port = 0;
    o.loops = 3;
    assert_int_equal(sio_server_new(&l.io, &o), 0);
    assert_non_null(sio_of(l.io, "/", NULL));
    assert_int_equal(sio_post(l.io, 0, on_first, &l), 0);
    assert_int_equal(sio_post(l.io, 3, never, &l), SIO_EINVAL);
    assert_int_equal(sio_server_run(l.io), 0);
    assert_int_equal(sio_post(l.io, 1, never, &l), 0);
    assert_int_equal(sio_emit(sio_of(l.io, "/", NULL), "late", 1), 0);
    assert_int_equal(l.loop[0], 0);
    assert_int_equal(l.loop[2], 2);
    assert_int_equal(sio_loop(l.io), SIO_ESTATE);
    assert_int_equal(sio_after(l.io, 1, never, &l), SIO_ESTATE);
    sio_server_free(l.io);
    assert_int_equal(l.never, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_left_at_the_end)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
