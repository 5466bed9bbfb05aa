/* What the server asks: single clients, all of a room over all loops, and the loops themselves (fetch). */
#include "sio/rig_test.h"

#define CLIENTS 5

typedef struct user {
    char name[16];
} user;

typedef struct hall {
    rig r;
    sio_ns *ns;
    peer p[CLIENTS];
    sio_id id[CLIENTS];
    /* what the callbacks were told */
    int calls, err;
    char text[512];
} hall;

static hall H;

static void on_connect(sio_socket *s)
{
    user *u = sio_data(s);

    snprintf(u->name, sizeof u->name, "%.8s", sio_id_of(s).s);
}

static void up(unsigned loops)
{
    sio_options o = rig_options(loops);

    memset(&H, 0, sizeof H);
    o.max_acks = 3;
    rig_init(&H.r, &o);
    H.ns = sio_of(H.r.io, "/", &(sio_ns_options){.data_size = sizeof(user)});
    sio_on_connect(H.ns, on_connect);
    rig_listen(&H.r);
    for (int i = 0; i < CLIENTS; i++)
        H.id[i] = rig_join(&H.r, &H.p[i]);
}

static void down(void)
{
    rig_fini(&H.r);
    for (int i = 0; i < CLIENTS; i++)
        peer_close(&H.p[i]);
}

/* Runs fn on the loop of client 0, with its socket. */
typedef struct visit_call {
    void (*fn)(sio_socket *s);
} visit_call;

static void visit_client(void *arg)
{
    sio_socket *s = sio_find(H.ns, H.id[0]);

    if (!s)
        return;
    socket_hold(s); /* as while a handler runs */
    ((visit_call *)arg)->fn(s);
    socket_drop(s);
}

static void with_first(void (*fn)(sio_socket *s))
{
    visit_call v = {fn};

    for (unsigned i = 0; i < sio_server_loops(H.r.io); i++)
        rig_run_on(&H.r, i, visit_client, &v);
}

/* ---- sio_call ---- */

static void on_reply(void *arg, int err, sio_in *in)
{
    sio_str text = {0};

    assert_ptr_equal(arg, &H);
    assert_ptr_equal(loop_current(), sio_in_socket(in)->ns->shard->loop);
    H.calls++;
    H.err = err;
    sio_str_of(in, sio_arg(in, 0), &text);
    snprintf(H.text, sizeof H.text, "%.*s", (int)text.n, text.n ? text.p : "");
    assert_int_equal(sio_argc(in), err ? 0 : 1);
}

static void ask_four_times(sio_socket *s)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(sio_call(s, 1000, on_reply, &H, "q", i), 0);
    assert_int_equal(sio_call(s, 1000, on_reply, &H, "q", 3), SIO_ELIMIT);
}

static void test_as_many_as_allowed(void **state)
{
    (void)state;
    up(1);
    with_first(ask_four_times);
    peer_hears(&H.p[0], "420[\"q\",0]");
    peer_hears(&H.p[0], "421[\"q\",1]");
    peer_hears(&H.p[0], "422[\"q\",2]");
    peer_say(&H.p[0], "431[\"b\"]");
    assert_int_equal(H.calls, 1);
    assert_string_equal(H.text, "b");
    sim_advance(H.r.s, 1000);
    assert_int_equal(H.calls, 3);
    assert_int_equal(H.err, SIO_ETIMEOUT);
    with_first(ask_four_times);
    peer_hangup(&H.p[0]);
    assert_int_equal(H.calls, 6);
    assert_int_equal(H.err, SIO_ECLOSED);
    down();
}

static void ask_wrongly(sio_socket *s)
{
    assert_int_equal(sio_call(sio_broadcast(s), 10, on_reply, &H, "q"), SIO_EINVAL);
    assert_int_equal(sio_call(sio_to(s, "room"), 10, on_reply, &H, "q"), SIO_EINVAL);
    assert_int_equal(sio_call(H.ns, 10, on_reply, &H, "q"), SIO_EINVAL);
    assert_int_equal(sio_call(s, 10, on_reply, &H, "connect"), SIO_EINVAL);
    sio_disconnect(s, false);
    assert_int_equal(sio_call(s, 10, on_reply, &H, "q"), SIO_ECLOSED);
    assert_int_equal(sio_emit(s, "q"), SIO_ECLOSED);
}

static void test_wrong_questions(void **state)
{
    (void)state;
    up(1);
    with_first(ask_wrongly);
    sim_advance(H.r.s, 100);
    assert_int_equal(H.calls, 0);
    peer_hears(&H.p[0], "41");
    peer_expect_nothing(&H.p[0]);
    down();
}

static void leave_in_reply(void *arg, int err, sio_in *in)
{
    (void)arg;
    H.calls++;
    H.err = err;
    sio_disconnect(sio_in_socket(in), true);
}

static void ask_and_leave(sio_socket *s)
{
    sio_call(s, 1000, leave_in_reply, NULL, "a");
    sio_call(s, 1000, leave_in_reply, NULL, "b");
}

static void test_callback_that_disconnects(void **state)
{
    (void)state;
    up(1);
    with_first(ask_and_leave);
    peer_hears(&H.p[0], "420[\"a\"]");
    peer_hears(&H.p[0], "421[\"b\"]");
    peer_say(&H.p[0], "430[]");
    assert_int_equal(H.calls, 2);
    assert_int_equal(H.err, SIO_ECLOSED);
    peer_hears(&H.p[0], "41");
    down();
}

/* ---- sio_gather ---- */

static void on_answers(void *arg, int err, const sio_val *answers, size_t n)
{
    assert_ptr_equal(arg, &H);
    H.calls++;
    H.err = err;
    H.text[0] = 0;
    for (size_t i = 0; i < n; i++) {
        sio_str bytes;
        size_t at = strlen(H.text);

        if (sio_binary(answers[i], &bytes))
            snprintf(H.text + at, sizeof H.text - at, "<%.*s>", (int)bytes.n, bytes.p);
        else
            snprintf(H.text + at, sizeof H.text - at, "%.*s ", (int)answers[i].s.n, answers[i].s.p);
    }
}

static void gather_others(sio_socket *s)
{
    assert_int_equal(sio_gather(sio_broadcast(s), 1000, on_answers, &H, "q", "x"), 0);
}

static void test_answers_from_all_loops(void **state)
{
    (void)state;
    up(3);
    with_first(gather_others);
    peer_expect_nothing(&H.p[0]);
    for (int i = 1; i < CLIENTS; i++)
        peer_hears(&H.p[i], "420[\"q\",\"x\"]");
    peer_say(&H.p[3], "430[3,\"ignored\"]");
    peer_say(&H.p[1], "430[{\"one\":1}]");
    peer_say(&H.p[2], "461-0[{\"_placeholder\":true,\"num\":0}]");
    peer_send_frame(&H.p[2], 0x82, "two", 3);
    assert_int_equal(H.calls, 0);
    peer_say(&H.p[4], "430[\"four\"]");
    assert_int_equal(H.calls, 1);
    assert_int_equal(H.err, 0);
    assert_string_equal(H.text, "3 {\"one\":1} <two>\"four\" ");
    down();
}

static void test_some_are_late(void **state)
{
    (void)state;
    up(3);
    with_first(gather_others);
    for (int i = 1; i < CLIENTS; i++)
        peer_hears(&H.p[i], "420[\"q\",\"x\"]");
    peer_say(&H.p[2], "430[2]");
    sim_advance(H.r.s, 999);
    assert_int_equal(H.calls, 0);
    sim_advance(H.r.s, 1);
    assert_int_equal(H.calls, 1);
    assert_int_equal(H.err, SIO_ETIMEOUT);
    assert_string_equal(H.text, "2 ");
    peer_say(&H.p[3], "430[3]");
    peer_hangup(&H.p[4]);
    assert_int_equal(H.calls, 1);
    down();
}

/* Everybody goes while answers are due, the one who asked, too. */
static void test_all_leave_while_asked(void **state)
{
    (void)state;
    up(3);
    with_first(gather_others);
    rig_close_all(&H.r);
    sim_advance(H.r.s, 1000);
    assert_int_equal(H.calls, 1);
    assert_int_equal(H.err, SIO_ETIMEOUT);
    assert_string_equal(H.text, "");
    down();
}

static void test_nobody_to_ask(void **state)
{
    (void)state;
    up(1);
    assert_int_equal(sio_gather(H.ns, 10, on_answers, &H, "q"), SIO_ESTATE);
    for (int i = 1; i < CLIENTS; i++)
        peer_hangup(&H.p[i]);
    with_first(gather_others);
    assert_int_equal(H.calls, 1);
    assert_int_equal(H.err, 0);
    assert_string_equal(H.text, "");
    down();
}

/* ---- sio_fetch ---- */

static void on_peers(void *arg, int err, const sio_peer *peers, size_t n)
{
    assert_ptr_equal(arg, &H);
    H.calls++;
    assert_int_equal(err, 0);
    H.err = (int)n;
    for (size_t i = 0; i < n; i++) {
        const user *u = peers[i].data;
        bool known = false;

        assert_memory_equal(u->name, peers[i].id.p, 8);
        assert_true(sio_str_eq(peers[i].rooms[0], peers[i].id));
        for (int k = 0; k < CLIENTS; k++)
            known = known || sio_str_eq(sio_str_z(H.id[k].s), peers[i].id);
        assert_true(known);
        if (peers[i].nrooms > 1)
            assert_true(
                sio_str_eq(peers[i].rooms[1], sio_lit("a room of one's own, which is longer than sixteen")));
        H.text[i] = (char)('0' + peers[i].nrooms);
    }
    H.text[n] = 0;
}

static void fetch_all(sio_socket *s)
{
    assert_int_equal(sio_fetch(H.ns, on_peers, &H), 0);
    assert_int_equal(sio_fetch(sio_broadcast(s), on_peers, &H), 0);
}

static void fetch_room(sio_socket *s)
{
    (void)s;
    assert_int_equal(
        sio_fetch(sio_to(H.ns, "a room of one's own, which is longer than sixteen"), on_peers, &H), 0);
}

static void test_fetch(void **state)
{
    (void)state;
    up(3);
    with_first(fetch_all);
    assert_int_equal(H.calls, 2);
    assert_int_equal(H.err, CLIENTS - 1);
    sio_sockets_join(sio_to(H.ns, (const char *)H.id[1].s),
                     "a room of one's own, which is longer than sixteen");
    sio_sockets_join(sio_to(H.ns, (const char *)H.id[2].s),
                     "a room of one's own, which is longer than sixteen");
    sim_settle(H.r.s);
    with_first(fetch_room);
    assert_int_equal(H.err, 2);
    assert_string_equal(H.text, "22");
    assert_int_equal(sio_fetch(H.ns, on_peers, &H), SIO_ESTATE); /* only on a loop */
    down();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_many_as_allowed),
        cmocka_unit_test(test_wrong_questions),
        cmocka_unit_test(test_callback_that_disconnects),
        cmocka_unit_test(test_answers_from_all_loops),
        cmocka_unit_test(test_some_are_late),
        cmocka_unit_test(test_all_leave_while_asked),
        cmocka_unit_test(test_nobody_to_ask),
        cmocka_unit_test(test_fetch),
    };

    return cmocka_run_group_tests_name("acks", tests, NULL, NULL);
}
