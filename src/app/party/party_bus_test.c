/* The event bus reaches the viewers of its party, on every loop, from any thread, and nobody else. */
#include "sio/rig_test.h"

#include "app/party/party_int.h"

#define CLIENTS 4 /* the last watches another party */

typedef struct hall {
    rig     r;
    app     a;
    peer    p[CLIENTS];
    int64_t count;
    int     err;
} hall;

static hall H;

static void on_watch(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_join(s, "party:p1");
}

static void on_other(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_join(s, "party:p2");
}

static int up(void **state)
{
    sio_options o = rig_options(3);

    (void)state;
    memset(&H, 0, sizeof(H));
    o.context = &H.a;
    rig_init(&H.r, &o);
    H.a.io = H.r.io;
    H.a.ns = sio_of(H.r.io, "/", &(sio_ns_options){.data_size = sizeof(app_session)});
    assert_int_equal(party_attach(&H.a), 0);
    assert_int_equal(sio_on(H.a.ns, "watch", on_watch), 0);
    assert_int_equal(sio_on(H.a.ns, "other", on_other), 0);
    rig_listen(&H.r);
    for (int i = 0; i < CLIENTS; i++) {
        rig_join(&H.r, &H.p[i]);
        peer_say(&H.p[i], i < CLIENTS - 1 ? "42[\"watch\"]" : "42[\"other\"]");
    }
    return 0;
}

static int down(void **state)
{
    (void)state;
    rig_close_all(&H.r);
    party_detach(&H.a);
    rig_fini(&H.r);
    for (int i = 0; i < CLIENTS; i++)
        peer_close(&H.p[i]);
    return 0;
}

static void assert_told(const char *packet)
{
    sim_settle(H.r.s);
    for (int i = 0; i < CLIENTS - 1; i++) {
        char *text = peer_take_text(&H.p[i]);

        assert_string_equal(text, packet);
        free(text);
    }
}

static void on_loop(void *arg)
{
    (void)arg;
    assert_int_equal(party_tell_status(sio_dest(H.a.ns), sio_lit("p1"), sio_lit("LIVE")), 0);
    assert_int_equal(party_tell_media(sio_dest(H.a.ns), sio_lit("p1"), sio_obj("id", "m1", "width", 640)), 0);
}

static void viewers_hear_what_happens(void **state)
{
    char *text;

    (void)state;
    /* from no loop at all */
    assert_int_equal(party_tell_status(sio_dest(H.a.ns), sio_lit("p1"), sio_lit("ENDED")), 0);
    assert_told("42[\"party:status_changed\",{\"partyId\":\"p1\",\"status\":\"ENDED\"}]");
    rig_run_on(&H.r, 2, on_loop, NULL);
    assert_told("42[\"party:status_changed\",{\"partyId\":\"p1\",\"status\":\"LIVE\"}]");
    assert_told("42[\"party:new_media\",{\"partyId\":\"p1\",\"media\":{\"id\":\"m1\",\"width\":640}}]");
    assert_int_equal(party_tell_status(sio_dest(H.a.ns), sio_lit("p2"), sio_lit("LIVE")), 0);
    sim_settle(H.r.s);
    text = peer_take_text(&H.p[CLIENTS - 1]); /* its first word is of its own party */
    assert_string_equal(text, "42[\"party:status_changed\",{\"partyId\":\"p2\",\"status\":\"LIVE\"}]");
    free(text);
}

static void what_is_no_status_or_id_is_refused(void **state)
{
    char id[PARTY_ID_MAX + 1];

    (void)state;
    memset(id, 'x', sizeof(id));
    assert_int_equal(party_tell_status(sio_dest(H.a.ns), sio_lit("p1"), sio_lit("live")), SIO_EINVAL);
    assert_int_equal(party_tell_status(sio_dest(H.a.ns), sio_lit("p1"), sio_lit("")), SIO_EINVAL);
    assert_int_equal(party_tell_status(sio_dest(H.a.ns), (sio_str){id, sizeof(id)}, sio_lit("LIVE")),
                     SIO_ETOOBIG);
    assert_int_equal(party_tell_media(sio_dest(H.a.ns), (sio_str){id, sizeof(id)}, sio_null), SIO_ETOOBIG);
    assert_int_equal(party_tell_status(sio_dest(H.a.ns), (sio_str){id, PARTY_ID_MAX}, sio_lit("LIVE")), 0);
}

/* ---- how many watch ----------------------------------------------------------------------------------- */

static void on_count(void *arg, int err, int64_t viewers)
{
    (void)arg;
    H.err = err;
    H.count = viewers;
}

static void ask(void *arg) { party_send(&H.a, PARTY_ASKS, sio_lit("p1"), NULL, (sio_id){0}, on_count, arg); }

static void come(void *arg)
{
    jwt_user who = {.id = sio_str_z(arg)};
    app_user *user = app_user_new(&who);

    party_send(&H.a, PARTY_COMES, sio_lit("p1"), user, (sio_id){"x"}, NULL, NULL);
    app_user_drop(user);
}

static void every_loop_can_ask_how_many_watch(void **state)
{
    static char ann[] = "ann", bob[] = "bob";

    (void)state;
    rig_run_on(&H.r, 0, come, ann);
    rig_run_on(&H.r, 1, come, ann);
    rig_run_on(&H.r, 2, come, bob);
    for (unsigned loop = 0; loop < 3; loop++) {
        H.count = 0;
        rig_run_on(&H.r, loop, ask, NULL);
        assert_int_equal(H.count, 2);
        assert_int_equal(H.err, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(viewers_hear_what_happens, up, down),
        cmocka_unit_test_setup_teardown(what_is_no_status_or_id_is_refused, up, down),
        cmocka_unit_test_setup_teardown(every_loop_can_ask_how_many_watch, up, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
