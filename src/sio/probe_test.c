/* Whether somebody is there: over WebSocket, polling and plain, for those who answer, are silent, or go. */
#include "sio/rig_test.h"

typedef struct probe {
    sio_id id;
    int    told, err;
    bool   alive;
} probe;

static rig R;

static void on_told(void *arg, bool alive)
{
    probe *p = arg;

    p->told++;
    p->alive = alive;
}

static void ask(void *arg)
{
    probe *p = arg;
    sio_socket *s = sio_find(sio_of(R.io, "/", NULL), p->id);

    p->err = s ? sio_probe(s, 5000, on_told, p) : SIO_ENOENT;
}

static void probe_go(probe *p, sio_id id)
{
    *p = (probe){.id = id};
    rig_run_on(&R, 0, ask, p);
    assert_int_equal(p->err, 0);
    assert_int_equal(p->told, 0);
}

static void expect(probe *p, bool alive)
{
    sim_advance(R.s, 10);
    assert_int_equal(p->told, 1);
    assert_int_equal(p->alive, alive);
}

static void up(void)
{
    sio_options o = rig_options(1);

    rig_init(&R, &o);
    assert_non_null(sio_of(R.io, "/", NULL));
    assert_int_equal(sio_plain_ws(R.io, "/plain", sio_of(R.io, "/", NULL)), 0);
    rig_listen(&R);
}

static void down(peer *p)
{
    peer_close(p);
    rig_fini(&R);
}

static void test_websocket(void **state)
{
    peer p;
    probe a, b;
    sio_id id;

    (void)state;
    up();
    id = rig_join(&R, &p);
    probe_go(&a, id);
    probe_go(&b, id);
    peer_hears(&p, "2");
    peer_expect_nothing(&p); /* one ping is enough for two who ask */
    peer_say(&p, "3");
    expect(&a, true);
    expect(&b, true);
    probe_go(&a, id);
    peer_hears(&p, "2");
    peer_say(&p, "42[\"anything\"]"); /* is a sign of life, too */
    expect(&a, true);
    probe_go(&a, id);
    sim_advance(R.s, 4900);
    assert_int_equal(a.told, 0);
    sim_advance(R.s, 200);
    expect(&a, false);
    down(&p);
}

/* The pong starts the heartbeat anew; a probe without an answer ends nothing before its time. */
static void test_heartbeat(void **state)
{
    peer p;
    probe a;
    sio_id id;

    (void)state;
    up();
    id = rig_join(&R, &p);
    sim_advance(R.s, 20000);
    probe_go(&a, id);
    peer_hears(&p, "2");
    peer_say(&p, "3");
    expect(&a, true);
    sim_advance(R.s, 20000);
    peer_expect_nothing(&p);
    sim_advance(R.s, 5000);
    peer_hears(&p, "2");
    probe_go(&a, id); /* while a pong is due */
    peer_hears(&p, "2");
    sim_advance(R.s, 19000);
    expect(&a, false);
    sim_advance(R.s, 2000); /* 20 seconds after the first ping */
    rig_run_on(&R, 0, ask, &a);
    assert_int_equal(a.err, SIO_ENOENT);
    down(&p);
}

static void test_goes(void **state)
{
    peer p;
    probe a;
    sio_id id;

    (void)state;
    up();
    id = rig_join(&R, &p);
    probe_go(&a, id);
    peer_hangup(&p);
    expect(&a, false);
    rig_run_on(&R, 0, ask, &a);
    assert_int_equal(a.err, SIO_ENOENT);
    down(&p);
}

static void test_unanswered_at_the_end(void **state)
{
    peer p;
    probe a;

    (void)state;
    up();
    probe_go(&a, rig_join(&R, &p));
    down(&p);
    assert_true(a.told == 0 || !a.alive);
}

static void test_polling(void **state)
{
    peer open, poll, post;
    char where[128], *body;
    sio_id sid, id;
    probe a;

    (void)state;
    up();
    rig_dial(&R, &open);
    peer_get(&open, "/socket.io/?EIO=4&transport=polling");
    body = peer_body(&open, 200);
    rig_field(body, "sid", &sid);
    free(body);
    snprintf(where, sizeof where, "/socket.io/?EIO=4&transport=polling&sid=%s", sid.s);
    rig_dial(&R, &post);
    peer_post(&post, where, "40");
    free(peer_body(&post, 200));
    rig_dial(&R, &poll);
    peer_get(&poll, where);
    body = peer_body(&poll, 200);
    rig_field(body, "sid", &id);
    free(body);

    probe_go(&a, id); /* without a poll open the ping waits, and the next poll is the answer */
    peer_get(&poll, where);
    body = peer_body(&poll, 200);
    assert_string_equal(body, "2");
    free(body);
    expect(&a, true);
    peer_get(&poll, where);
    probe_go(&a, id);
    body = peer_body(&poll, 200);
    assert_string_equal(body, "2");
    free(body);
    sim_advance(R.s, 5100); /* who has gone does not ask again */
    expect(&a, false);
    probe_go(&a, id);
    peer_post(&post, where, "3");
    free(peer_body(&post, 200));
    expect(&a, true);
    peer_close(&open);
    peer_close(&poll);
    down(&post);
}

static sio_id plain_id;
static void on_plain(sio_socket *s) { plain_id = sio_id_of(s); }

static void test_plain(void **state)
{
    peer p;
    probe a;

    (void)state;
    up();
    sio_on_connect(sio_of(R.io, "/", NULL), on_plain);
    rig_upgrade(&R, &p, "/plain");
    probe_go(&a, plain_id);
    peer_expect_frame(&p, WS_PING, "", 0);
    peer_send_frame(&p, 0x80 | WS_PONG, "", 0);
    expect(&a, true);
    probe_go(&a, plain_id);
    peer_expect_frame(&p, WS_PING, "", 0);
    sim_advance(R.s, 5100);
    expect(&a, false);
    probe_go(&a, plain_id);
    peer_hangup(&p);
    expect(&a, false);
    down(&p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_websocket), cmocka_unit_test(test_heartbeat), cmocka_unit_test(test_goes),
        cmocka_unit_test(test_unanswered_at_the_end), cmocka_unit_test(test_polling),
        cmocka_unit_test(test_plain),
    };

    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
