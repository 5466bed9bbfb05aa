/* Plain HTTP: bodies, and requests that are answered later or never. */
#include "sio/rig_test.h"

static rig          R;
static sio_request *kept;
static int          gone, bodies;
static char         seen[64];

static void on_client_gone(void *arg)
{
    assert_ptr_equal(arg, &gone);
    gone++;
    kept = NULL;
}

static void keep(sio_request *r)
{
    assert_int_equal(sio_request_keep(r, on_client_gone, &gone), 0);
    kept = r;
}

static void on_body_in(sio_request *r, int err, sio_str body)
{
    bodies++;
    snprintf(seen, sizeof seen, "%d %.*s", err, (int)body.n, body.n ? body.p : "");
    keep(r);
}

static void on_route(void *arg, sio_request *r)
{
    assert_ptr_equal(arg, &R);
    if (sio_str_eq(sio_request_method(r), sio_lit("POST")))
        sio_request_body(r, 16, on_body_in);
    else
        keep(r);
}

static void up(peer *p)
{
    sio_options o = rig_options(1);

    kept = NULL;
    gone = bodies = 0;
    seen[0] = 0;
    rig_init(&R, &o);
    assert_int_equal(sio_http(R.io, "/api", false, on_route, &R), 0);
    rig_listen(&R);
    rig_dial(&R, p);
}

static void down(peer *p)
{
    peer_close(p);
    rig_fini(&R);
}

static void answer(void *arg)
{
    sio_str path = sio_request_path(kept);

    (void)arg;
    sio_reply(kept, 200, sio_lit("X: y\r\n"), path);
    kept = NULL;
}

static void hears_path(peer *p, const char *path)
{
    char *body = peer_body(p, 200);

    assert_string_equal(body, path);
    free(body);
}

static void test_later(void **state)
{
    peer p;

    (void)state;
    up(&p);
    for (int i = 0; i < 2; i++) { /* the connection is good for another */
        peer_get(&p, "/api/a?b=c");
        peer_expect_nothing(&p);
        assert_non_null(kept);
        assert_true(sio_str_eq(sio_request_query(kept), sio_lit("b=c")));
        rig_run_on(&R, 0, answer, NULL);
        hears_path(&p, "/api/a");
    }
    assert_int_equal(gone, 0);
    down(&p);
    assert_int_equal(gone, 0);
}

static void test_later_behind_a_body(void **state)
{
    peer p;

    (void)state;
    up(&p);
    peer_post(&p, "/api/whole", "0123456789abcdef");
    assert_string_equal(seen, "0 0123456789abcdef");
    rig_run_on(&R, 0, answer, NULL);
    hears_path(&p, "/api/whole");
    peer_sends(&p, "POST /api/pieces HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    assert_int_equal(bodies, 1);
    peer_sends(&p, "cd");
    assert_string_equal(seen, "0 abcd");
    rig_run_on(&R, 0, answer, NULL);
    hears_path(&p, "/api/pieces");
    peer_post(&p, "/api/long", "0123456789abcdefg");
    assert_int_equal(bodies, 3);
    assert_non_null(strchr(seen, '-'));
    rig_run_on(&R, 0, answer, NULL);
    hears_path(&p, "/api/long");
    down(&p);
}

static void test_client_goes_away(void **state)
{
    peer p, q;

    (void)state;
    up(&p);
    peer_get(&p, "/api/a");
    assert_non_null(kept);
    peer_hangup(&p);
    sim_settle(R.s);
    assert_int_equal(gone, 1);
    rig_dial(&R, &q);
    peer_sends(&q, "POST /api/half HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    peer_hangup(&q);
    sim_settle(R.s);
    assert_int_equal(bodies, 0);
    assert_int_equal(gone, 1); /* it was not kept yet */
    peer_close(&q);
    down(&p);
}

static void test_malformed_body(void **state)
{
    peer p;

    (void)state;
    up(&p);
    peer_sends(&p, "POST /api/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    free(peer_body(&p, 400));
    assert_int_equal(bodies, 0);
    down(&p);
}

static void test_server_ends_first(void **state)
{
    peer p;

    (void)state;
    up(&p);
    peer_get(&p, "/api/a");
    assert_non_null(kept);
    rig_fini(&R);
    assert_int_equal(gone, 1);
    peer_close(&p);
}

static void never(void *arg)
{
    (void)arg;
    fail();
}

static void post_to_all(void *arg)
{
    (void)arg;
    gone++;
    for (unsigned i = 0; i < sio_server_loops(R.io); i++)
        assert_int_equal(sio_post(R.io, i, never, NULL), 0);
}

static void on_held(void *arg, sio_request *r)
{
    (void)arg;
    assert_int_equal(sio_request_keep(r, post_to_all, NULL), 0);
}

/* What ends with the server may post to a loop that no longer runs, whichever loop it ends on. */
static void test_posts_at_the_end(void **state)
{
    sio_options o = rig_options(3);
    peer p[6];

    (void)state;
    gone = 0;
    rig_init(&R, &o);
    assert_int_equal(sio_http(R.io, "/held", false, on_held, &R), 0);
    rig_listen(&R);
    for (unsigned i = 0; i < 6; i++) {
        rig_dial(&R, &p[i]);
        peer_get(&p[i], "/held");
    }
    rig_fini(&R);
    assert_int_equal(gone, 6);
    for (unsigned i = 0; i < 6; i++)
        peer_close(&p[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_later), cmocka_unit_test(test_later_behind_a_body),
        cmocka_unit_test(test_client_goes_away),
        cmocka_unit_test(test_malformed_body), cmocka_unit_test(test_server_ends_first),
        cmocka_unit_test(test_posts_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
