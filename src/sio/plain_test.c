/* Plain WebSocket clients: events without Engine.IO and Socket.IO around them. */
#include "sio/rig_test.h"

static rig R;
static sio_ns *N;
static sio_in *kept;
static char heard[512];

static void on_echo(sio_socket *s, sio_in *in)
{
    sio_ack(in, "nobody waits for it");
    sio_emit(s, "echo", sio_arg(in, 0), sio_transport_name(s));
}

static void on_quit(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_disconnect(s, false);
}

static void on_disconnect(sio_socket *s, const char *reason)
{
    size_t at = strlen(heard);

    (void)s;
    snprintf(heard + at, sizeof heard - at, "%s;", reason);
}

static void on_hello(sio_socket *s)
{
    char key[32];

    sio_emit(s, "hello", sio_handshake_query(s, "token", key, sizeof key));
}

static void up(sio_event_fn *guard)
{
    sio_options o = rig_options(2);

    heard[0] = 0;
    kept = NULL;
    o.max_payload = 1000;
    rig_init(&R, &o);
    N = sio_of(R.io, "/chat", NULL);
    sio_on(N, "echo", on_echo);
    sio_on(N, "quit", on_quit);
    sio_on_connect(N, on_hello);
    sio_on_disconnect(N, on_disconnect);
    if (guard)
        sio_use(N, guard);
    assert_int_equal(sio_plain_ws(R.io, "/ws", N), 0);
    rig_listen(&R);
}

static void enter(peer *p)
{
    rig_upgrade(&R, p, "/ws?token=abc");
    peer_hears(p, "[\"hello\",\"abc\"]");
}

static void down(peer *p)
{
    rig_fini(&R);
    peer_close(p);
}

/* ---- events ---- */

static void test_events(void **state)
{
    peer p;

    (void)state;
    up(NULL);
    enter(&p);
    peer_say(&p, "[\"echo\",{\"a\":[1]}]");
    peer_hears(&p, "[\"echo\",{\"a\":[1]},\"plain\"]");
    peer_say(&p, " [ \"echo\" , 1 ] ");
    peer_hears(&p, "[\"echo\",1,\"plain\"]");
    peer_say(&p, "[\"unheard of\"]");
    peer_expect_nothing(&p);
    assert_int_equal(sio_clients_count(R.io), 1);
    down(&p);
    assert_string_equal(heard, "server shutting down;");
}

static void test_together_with_others(void **state)
{
    peer p, q;

    (void)state;
    up(NULL);
    enter(&p);
    rig_open(&R, &q);
    rig_join_ns(&q, "40/chat,");
    peer_hears(&q, "42/chat,[\"hello\",null]");
    sio_emit(N, "news", 1, sio_bin("\x01\x02", 2));
    sio_emit(N, "more");
    sim_settle(R.s);
    peer_hears(&q, "451-/chat,[\"news\",1,{\"_placeholder\":true,\"num\":0}]");
    peer_expect_frame(&q, 2, "\x01\x02", 2);
    peer_hears(&q, "42/chat,[\"more\"]");
    peer_hears(&p, "[\"news\",1,{\"_placeholder\":true,\"num\":0}]");
    peer_expect_frame(&p, 2, "\x01\x02", 2);
    peer_hears(&p, "[\"more\"]");
    peer_expect_nothing(&p);
    peer_close(&q);
    down(&p);
}

/* ---- ends ---- */

static void expect_close(peer *p, const char *code_and_reason, size_t n)
{
    peer_expect_frame(p, 8, code_and_reason, n);
}

static void test_what_is_no_event(void **state)
{
    static const char *const bad[] = {"",       "x",        "{}",        "[]",      "[1]",
                                      "[null]", "\"echo\"", "[\"echo\"", "[\"a\"]b"};
    peer p;

    (void)state;
    up(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        heard[0] = 0;
        enter(&p);
        peer_say(&p, bad[i]);
        expect_close(&p, "\x03\xef", 2);
        assert_string_equal(heard, "parse error;");
        peer_close(&p);
    }
    enter(&p);
    peer_send_frame(&p, 0x82, "[\"echo\",1]", 10);
    expect_close(&p, "\x03\xef", 2);
    down(&p);
}

static void test_ends(void **state)
{
    char big[1002];
    peer p;

    (void)state;
    up(NULL);
    enter(&p);
    peer_send_frame(&p, 0x88, "\x03\xe8", 2);
    expect_close(&p, "\x03\xe8", 2);
    assert_true(peer_is_ended(&p));
    peer_close(&p);
    enter(&p);
    peer_hangup(&p);
    peer_close(&p);
    enter(&p);
    memset(big, 'x', sizeof big);
    peer_send_frame(&p, 0x81, big, 1001);
    expect_close(&p, "\x03\xf1", 2);
    peer_close(&p);
    enter(&p);
    peer_say(&p, "[\"quit\"]");
    expect_close(&p, "\x03\xe8", 2);
    assert_string_equal(heard,
                        "transport close;transport close;transport error;server namespace disconnect;");
    assert_int_equal(sio_clients_count(R.io), 0);
    down(&p);
}

static void test_going_away(void **state)
{
    peer p;

    (void)state;
    up(NULL);
    enter(&p);
    rig_close_all(&R);
    expect_close(&p, "\x03\xe9", 2);
    assert_string_equal(heard, "server shutting down;");
    down(&p);
}

static void test_heartbeat(void **state)
{
    peer p;

    (void)state;
    up(NULL);
    enter(&p);
    sim_advance(R.s, 24999);
    peer_expect_nothing(&p);
    sim_advance(R.s, 1);
    peer_expect_frame(&p, 9, "", 0);
    sim_advance(R.s, 10000);
    peer_send_frame(&p, 0x8a, "", 0);
    sim_advance(R.s, 25000);
    peer_expect_frame(&p, 9, "", 0);
    sim_advance(R.s, 10000);
    peer_say(&p, "[\"echo\",1]"); /* any sign of life will do */
    peer_hears(&p, "[\"echo\",1,\"plain\"]");
    sim_advance(R.s, 25000);
    peer_expect_frame(&p, 9, "", 0);
    sim_advance(R.s, 19999);
    peer_expect_nothing(&p);
    sim_advance(R.s, 1);
    expect_close(&p, "\x03\xe8", 2);
    assert_string_equal(heard, "ping timeout;");
    down(&p);
}

/* ---- guards ---- */

static void refusing(sio_socket *s, sio_in *in)
{
    (void)s;
    sio_refuse(in, "no \"entry\"", sio_obj("data", "is not for plain clients"));
}

static void test_refusal(void **state)
{
    peer p;
    char *body;

    (void)state;
    up(refusing);
    rig_dial(&R, &p);
    peer_upgrade(&p, "/ws", "");
    body = peer_body(&p, 401);
    assert_string_equal(body, "no \"entry\"");
    free(body);
    assert_true(peer_is_ended(&p));
    assert_int_equal(sio_clients_count(R.io), 0);
    assert_string_equal(heard, "");
    down(&p);
}

static void keeping(sio_socket *s, sio_in *in)
{
    (void)s;
    assert_non_null(kept = sio_keep(in));
}

static void dial_and_wait(peer *p)
{
    rig_dial(&R, p);
    peer_upgrade(p, "/ws?token=x", "");
    peer_expect_nothing(p);
    assert_non_null(kept);
}

static void accept_now(void *arg)
{
    (void)arg;
    sio_accept(kept);
    sio_release(kept);
}

static void refuse_now(void *arg)
{
    (void)arg;
    sio_refuse(kept, "later no", sio_undefined);
    sio_release(kept);
}

static void test_answers_that_take_time(void **state)
{
    peer_reply reply;
    buf taken;
    peer p;
    char *body;

    (void)state;
    up(keeping);
    dial_and_wait(&p);
    peer_say(&p, "[\"echo\",1]"); /* waits with the request */
    rig_run_on(&R, sio_in_socket(kept)->ns->shard->index, accept_now, NULL);
    assert_true(peer_take_reply(&p, false, &reply, &taken));
    assert_int_equal(reply.status, 101);
    buf_fini(&taken);
    peer_hears(&p, "[\"hello\",\"x\"]");
    peer_hears(&p, "[\"echo\",1,\"plain\"]");
    peer_close(&p);
    dial_and_wait(&p);
    rig_run_on(&R, sio_in_socket(kept)->ns->shard->index, refuse_now, NULL);
    body = peer_body(&p, 401);
    assert_string_equal(body, "later no");
    free(body);
    peer_close(&p);
    dial_and_wait(&p);
    peer_hangup(&p);
    rig_run_on(&R, sio_in_socket(kept)->ns->shard->index, accept_now, NULL);
    down(&p);
}

/* The connection breaks in the very turn in which the guard says yes. */
static void break_and_accept(void *arg)
{
    peer *p = arg;

    sim_reset(R.s, p->fd);
    sio_post(R.io, sio_in_socket(kept)->ns->shard->index, accept_now, NULL);
}

static void test_accepting_the_dead(void **state)
{
    peer p;

    (void)state;
    up(keeping);
    dial_and_wait(&p);
    rig_run_on(&R, sio_in_socket(kept)->ns->shard->index, break_and_accept, &p);
    assert_int_equal(sio_clients_count(R.io), 0);
    down(&p);
}

/* ---- requests that are none ---- */

static void test_other_requests(void **state)
{
    peer p;

    (void)state;
    up(NULL);
    rig_dial(&R, &p);
    peer_get(&p, "/ws");
    free(peer_body(&p, 404));
    peer_sends(&p, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    free(peer_body(&p, 400));
    assert_true(peer_is_ended(&p));
    down(&p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_together_with_others),
        cmocka_unit_test(test_what_is_no_event),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_going_away),
        cmocka_unit_test(test_heartbeat),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_answers_that_take_time),
        cmocka_unit_test(test_accepting_the_dead),
        cmocka_unit_test(test_other_requests),
    };

    return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
