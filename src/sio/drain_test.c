/* Moving clients off at a rate, and what is counted meanwhile. */
#include "sio/rig_test.h"

#define CLIENTS 6

static rig     R;
static sio_in *kept;
static peer    P[CLIENTS + 1];

static void on_slow(sio_socket *s, sio_in *in)
{
    (void)s;
    kept = sio_keep(in);
    assert_non_null(kept);
}

static void up(unsigned loops)
{
    sio_options o = rig_options(loops);

    kept = NULL;
    rig_init(&R, &o);
    assert_int_equal(sio_on(sio_of(R.io, "/", NULL), "slow", on_slow), 0);
    rig_listen(&R);
    for (unsigned i = 0; i < CLIENTS; i++)
        rig_join(&R, &P[i]);
}

static void down(unsigned npeers)
{
    rig_fini(&R);
    for (unsigned i = 0; i < npeers; i++)
        peer_close(&P[i]);
}

static size_t left(unsigned ms)
{
    sim_advance(R.s, ms);
    return sio_clients_count(R.io);
}

static sio_stats stats(void)
{
    sio_stats st;

    sio_stats_read(R.io, &st);
    return st;
}

static void clients_go_at_the_rate(void **state)
{
    (void)state;
    up(1);
    sio_server_drain(R.io, 10); /* one each 100 ms */
    assert_int_equal(left(90), CLIENTS);
    assert_int_equal(left(60), CLIENTS - 1);
    assert_int_equal(left(200), CLIENTS - 3);
    assert_int_equal(left(1000), 0);
    assert_int_equal(stats().closed_shutdown, CLIENTS);
    assert_int_equal(stats().clients_websocket, 0);
    assert_int_equal(stats().sockets, 0);
    down(CLIENTS);
}

static void loops_share_the_rate(void **state)
{
    (void)state;
    up(3);
    sio_server_drain(R.io, 30);
    assert_int_equal(left(60), CLIENTS);
    assert_true(left(60) >= CLIENTS - 3);
    assert_int_equal(left(2000), 0);
    down(CLIENTS);
}

static void who_waits_for_an_answer_goes_last(void **state)
{
    (void)state;
    up(1);
    peer_say(&P[0], "420[\"slow\"]");
    assert_non_null(kept);
    sio_server_drain(R.io, 1000);
    assert_int_equal(left(1000), 1);
    sio_ack(kept, 7);
    sim_settle(R.s);
    peer_hears(&P[0], "430[7]");
    assert_int_equal(left(100), 0);
    sio_release(kept);
    down(CLIENTS);
}

static void an_event_given_back_unanswered_is_owed_no_more(void **state)
{
    sio_in *again;

    (void)state;
    up(1);
    peer_say(&P[0], "420[\"slow\"]");
    again = sio_keep(kept); /* the slot moves on */
    sio_server_drain(R.io, 1000);
    sio_release(kept);
    assert_int_equal(left(1000), 1);
    sio_release(again);
    assert_int_equal(left(100), 0);
    down(CLIENTS);
}

static void nobody_new_comes_in(void **state)
{
    char *body;

    (void)state;
    up(1);
    sio_server_drain(R.io, 1);
    sim_settle(R.s);
    rig_dial(&R, &P[CLIENTS]);
    peer_get(&P[CLIENTS], "/socket.io/?EIO=4&transport=polling");
    body = peer_body(&P[CLIENTS], 503);
    assert_string_equal(body, "server shutting down");
    free(body);
    assert_int_equal(stats().refused_draining, 1);
    assert_int_equal(stats().opened_websocket, CLIENTS);
    peer_say(&P[CLIENTS - 1], "42[\"nobody listens\"]"); /* those inside go on */
    assert_int_equal(stats().events_in, 1);
    down(CLIENTS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_go_at_the_rate),
        cmocka_unit_test(loops_share_the_rate),
        cmocka_unit_test(who_waits_for_an_answer_goes_last),
        cmocka_unit_test(an_event_given_back_unanswered_is_owed_no_more),
        cmocka_unit_test(nobody_new_comes_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
