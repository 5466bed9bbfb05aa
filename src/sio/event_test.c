/* Events on their way in and out: arguments, middleware, listeners, events that are kept. */
#include "sio/rig_test.h"

static rig R;
static sio_ns *N;
static sio_in *kept[4];
static int nkept;
static char heard[1024];

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
    size_t at = strlen(heard);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(heard + at, sizeof heard - at, fmt, ap);
    va_end(ap);
}

static void up(void (*set)(sio_options *o))
{
    sio_options o = rig_options(1);

    heard[0] = 0;
    nkept = 0;
    if (set)
        set(&o);
    rig_init(&R, &o);
    N = sio_of(R.io, "/", NULL);
}

static void down(peer *p)
{
    rig_fini(&R);
    peer_close(p);
}

/* ---- arguments ---- */

static void on_many(sio_socket *s, sio_in *in)
{
    int64_t v = 0;
    sio_str text;

    assert_int_equal(sio_argc(in), 12);
    assert_true(sio_str_eq(sio_event_name(in), sio_lit("many\n")));
    for (unsigned i = 0; i < 10; i++) { /* more than are noted in the event itself */
        assert_true(sio_int(sio_arg(in, i), &v));
        assert_int_equal(v, i);
    }
    assert_true(sio_str_of(in, sio_arg(in, 10), &text));
    assert_true(sio_str_eq(text, sio_lit("a\"b")));
    assert_false(sio_str_of(in, sio_arg(in, 0), &text));
    assert_int_equal(sio_kind_of(sio_arg(in, 12)), SIO_UNDEFINED);
    sio_emit(s, "back", sio_args(in));
}

static void on_none(sio_socket *s, sio_in *in)
{
    assert_int_equal(sio_argc(in), 0);
    assert_int_equal(sio_kind_of(sio_arg(in, 0)), SIO_UNDEFINED);
    sio_emit(s, "back", sio_args(in));
}

static void test_arguments(void **state)
{
    peer p;

    (void)state;
    up(NULL);
    sio_on(N, "many\n", on_many);
    sio_on(N, "none", on_none);
    rig_listen(&R);
    rig_join(&R, &p);
    peer_say(&p, "42[\"many\\u000a\",0,1,2,3,4,5,6,7,8,9,\"a\\\"b\",{\"x\":[1]}]");
    peer_hears(&p, "42[\"back\",[0,1,2,3,4,5,6,7,8,9,\"a\\\"b\",{\"x\":[1]}]]");
    peer_say(&p, "42[\"none\"]");
    peer_hears(&p, "42[\"back\",[]]");
    down(&p);
}

static void test_handlers_are_one_for_a_name(void **state)
{
    (void)state;
    up(NULL);
    assert_int_equal(sio_on(N, "a", on_none), 0);
    assert_int_equal(sio_on(N, "a", on_many), SIO_EEXIST);
    assert_int_equal(sio_on(N, "disconnect", on_none), SIO_EINVAL);
    assert_null(sio_of(R.io, "noslash", NULL));
    assert_null(sio_of(R.io, "/a,b", NULL));
    assert_ptr_equal(sio_of(R.io, "/", NULL), N);
    rig_fini(&R);
}

/* ---- keeping ---- */

static void on_keep(sio_socket *s, sio_in *in)
{
    (void)s;
    assert_non_null(kept[nkept] = sio_keep(in));
    nkept++;
    sio_ack(in, "too early"); /* the slot went with the copy */
}

static void test_kept_events(void **state)
{
    peer p;
    sio_str text, bytes;

    (void)state;
    up(NULL);
    sio_on(N, "keep", on_keep);
    rig_listen(&R);
    rig_join(&R, &p);
    peer_say(&p, "451-5[\"keep\",\"a\\nb\",{\"_placeholder\":true,\"num\":0},3]");
    peer_send_frame(&p, 0x82, "bin", 3);
    peer_say(&p, "42[\"keep\",2]");
    peer_expect_nothing(&p);
    assert_int_equal(nkept, 2);
    assert_true(sio_str_eq(sio_event_name(kept[0]), sio_lit("keep")));
    assert_int_equal(sio_argc(kept[0]), 3);
    assert_true(sio_str_of(kept[0], sio_arg(kept[0], 0), &text) && sio_str_eq(text, sio_lit("a\nb")));
    assert_true(sio_binary(sio_arg(kept[0], 1), &bytes) && sio_str_eq(bytes, sio_lit("bin")));
    assert_true(sio_wants_ack(kept[0]));
    assert_false(sio_wants_ack(kept[1]));
    sio_ack(kept[0], sio_arg(kept[0], 1), "late");
    sio_ack(kept[0], "again");
    sio_ack(kept[1], "nobody asked");
    sim_settle(R.s);
    peer_hears(&p, "461-5[{\"_placeholder\":true,\"num\":0},\"late\"]");
    peer_expect_frame(&p, 2, "bin", 3);
    peer_expect_nothing(&p);
    sio_release(kept[0]);
    sio_release(kept[1]);
    down(&p);
}

static void test_kept_beyond_the_connection(void **state)
{
    sio_socket *s;
    peer p;

    (void)state;
    up(NULL);
    sio_on(N, "keep", on_keep);
    rig_listen(&R);
    rig_join(&R, &p);
    peer_say(&p, "421[\"keep\",1]");
    peer_hangup(&p);
    s = sio_in_socket(kept[0]);
    assert_false(sio_connected(s));
    assert_int_equal(sio_emit(s, "x"), SIO_ECLOSED);
    assert_int_equal(sio_join(s, "room"), SIO_ECLOSED);
    assert_int_equal(sio_ack(kept[0], 1), 0);
    assert_string_equal(sio_transport_name(s), "");
    sio_disconnect(s, true);
    assert_int_equal(sio_handshake_header(s, "host").n, 0);
    sio_release(kept[0]);
    down(&p);
}

/* A guard that keeps its CONNECT while the client goes away. */
static void keeping_guard(sio_socket *s, sio_in *in)
{
    on_keep(s, in);
}

static void test_kept_connect(void **state)
{
    peer p;

    (void)state;
    up(NULL);
    sio_use(N, keeping_guard);
    rig_listen(&R);
    rig_open(&R, &p);
    peer_say(&p, "40{\"token\":\"abc\"}");
    assert_int_equal(sio_kind_of(sio_get(sio_arg(kept[0], 0), "token")), SIO_STRING);
    peer_hangup(&p);
    sio_accept(kept[0]);
    sio_refuse(kept[0], "too late", sio_undefined);
    sio_release(kept[0]);
    down(&p);
}

/* ---- answers to guards ---- */

static void twice_guard(sio_socket *s, sio_in *in)
{
    (void)s;
    sio_accept(in);
    sio_accept(in);
    sio_refuse(in, "no", sio_undefined);
}

static void join_guard(sio_socket *s, sio_in *in)
{
    note("guard ");
    assert_int_equal(sio_join(s, "early"), 0);
    assert_int_equal(sio_emit(s, "x"), SIO_ECLOSED); /* nobody is there yet */
    assert_int_equal(sio_emit(sio_to(N, "early"), "x"), 0);
    sio_accept(in);
}

static void on_connect_note(sio_socket *s)
{
    note(sio_in_room(s, "early") ? "connected in room" : "connected");
}

static void test_guards_run_in_order_and_once(void **state)
{
    peer p;

    (void)state;
    up(NULL);
    sio_use(N, twice_guard);
    sio_use(N, join_guard);
    sio_on_connect(N, on_connect_note);
    rig_listen(&R);
    rig_join(&R, &p);
    assert_string_equal(heard, "guard connected in room");
    peer_expect_nothing(&p);
    down(&p);
}

/* ---- what may end a connection ---- */

static void disconnect_all_guard(sio_socket *s, sio_in *in)
{
    (void)s;
    sio_sockets_disconnect(N, true);
    sio_accept(in);
}

static void leave_at_once(sio_socket *s)
{
    sio_disconnect(s, true);
    assert_int_equal(sio_emit(s, "x"), SIO_ECLOSED);
}

static void test_leaving_in_the_connect_handler(void **state)
{
    peer p;

    (void)state;
    up(NULL);
    sio_use(N, disconnect_all_guard);
    sio_on_connect(N, leave_at_once);
    rig_listen(&R);
    rig_open(&R, &p);
    peer_say(&p, "40");
    free(peer_take_text(&p));
    peer_hears(&p, "41");
    peer_expect_frame(&p, 8, "", 0);
    down(&p);
}

static void again_on_disconnect(sio_socket *s, const char *reason)
{
    note("%s;", reason);
    sio_disconnect(s, true);
    sio_emit(s, "x");
    sio_emit(sio_broadcast(s), "left");
    sio_join(s, "room");
}

static void test_handlers_of_the_end_may_do_anything(void **state)
{
    peer p, q;

    (void)state;
    up(NULL);
    sio_on_disconnecting(N, again_on_disconnect);
    sio_on_disconnect(N, again_on_disconnect);
    rig_listen(&R);
    rig_join(&R, &p);
    rig_join(&R, &q);
    peer_hangup(&p);
    assert_string_equal(heard, "transport close;transport close;");
    peer_hears(&q, "42[\"left\"]");
    peer_hears(&q, "42[\"left\"]");
    peer_close(&p);
    down(&q);
}

/* The sibling's end is begun from inside of this one's, and ends the client under both. */
static void end_sibling(sio_socket *s, const char *reason)
{
    sio_ns *other = sio_ns_of(s) == N ? sio_find_ns(R.io, sio_lit("/b")) : N;

    note("%.*s %s;", (int)sio_ns_name(sio_ns_of(s)).n, sio_ns_name(sio_ns_of(s)).p, reason);
    sio_sockets_disconnect(other, true);
}

static void test_two_ends_at_once(void **state)
{
    static const char *const say[] = {"41", "41/b,", "4{", NULL};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        sio_ns *b;
        peer p;

        up(NULL);
        b = sio_of(R.io, "/b", NULL);
        sio_on_disconnecting(N, end_sibling);
        sio_on_disconnecting(b, end_sibling);
        rig_listen(&R);
        rig_join(&R, &p);
        rig_join_ns(&p, "40/b");
        if (say[i])
            peer_say(&p, say[i]);
        else
            peer_hangup(&p);
        assert_non_null(strstr(heard, "/ "));
        assert_non_null(strstr(heard, "/b "));
        assert_int_equal(sio_clients_count(R.io), 0);
        down(&p);
    }
}

/* ---- middleware and listeners ---- */

static int refuse_odd(sio_socket *s, sio_in *in)
{
    int64_t v = 0;

    (void)s;
    sio_int(sio_arg(in, 0), &v);
    return v % 2 ? SIO_ELIMIT : 0;
}

static void on_number(sio_socket *s, sio_in *in)
{
    (void)s;
    note("got %zu;", sio_argc(in));
}

static void on_err(sio_socket *s, int err, const char *what)
{
    (void)s;
    note("%s %s;", sio_errcode(err), what);
}

static void on_any(sio_socket *s, sio_in *in)
{
    sio_str name = sio_event_name(in);

    (void)s;
    note("any %.*s;", (int)name.n, name.p);
}

static void test_packet_middleware(void **state)
{
    peer p;

    (void)state;
    up(NULL);
    sio_use_packet(N, refuse_odd);
    sio_on(N, "number", on_number);
    sio_on_error(N, on_err);
    sio_on_any(N, on_any);
    rig_listen(&R);
    rig_join(&R, &p);
    peer_say(&p, "421[\"number\",1]");
    assert_string_equal(heard, "limit a limit was reached;");
    heard[0] = 0;
    peer_say(&p, "42[\"number\",2]");
    assert_string_equal(heard, "any number;got 1;");
    peer_expect_nothing(&p);
    down(&p);
}

static void on_outgoing(sio_socket *s, sio_in *in)
{
    sio_str name = sio_event_name(in);

    note("%.*s/%zu ", (int)name.n, name.p, sio_argc(in));
    sio_leave(s, "room"); /* while the room is being walked */
}

static void on_nothing(void *arg, int err, sio_in *in)
{
    (void)arg, (void)err, (void)in;
}

static void on_none_of_all(void *arg, int err, const sio_val *answers, size_t n)
{
    (void)arg, (void)err, (void)answers, (void)n;
}

static void on_go(sio_socket *s, sio_in *in)
{
    sio_emit(s, "one", 1, sio_bin("b", 1));
    sio_ack(in, "acks are not told");
    sio_call(s, 10, on_nothing, NULL, "ask", 2);
    sio_gather(N, 10, on_none_of_all, NULL, "ask all");
}

static void test_outgoing_listeners(void **state)
{
    peer p, q;

    (void)state;
    up(NULL);
    sio_on(N, "go", on_go);
    sio_on_any_outgoing(N, on_outgoing);
    rig_listen(&R);
    rig_join(&R, &p);
    rig_join(&R, &q);
    peer_say(&p, "421[\"go\"]");
    assert_string_equal(heard, "one/2 ask/1 ask all/0 ask all/0 ");
    heard[0] = 0;
    sio_sockets_join(N, "room");
    sio_emit(sio_to(N, "room"), "room", 1);
    sim_settle(R.s);
    assert_string_equal(heard, "room/1 room/1 ");
    sim_advance(R.s, 100);
    peer_close(&q);
    down(&p);
}

/* ---- a reader that does not read ---- */

static void small_buffers(sio_options *o)
{
    o->max_unsent = 10000;
}

static void note_reason(sio_socket *s, const char *reason)
{
    (void)s;
    note("%s;", reason);
}

static void test_slow_reader(void **state)
{
    char text[1001];
    peer slow, quick;

    (void)state;
    memset(text, 'x', 1000);
    text[1000] = 0;
    up(small_buffers);
    sio_on_disconnect(N, note_reason);
    rig_listen(&R);
    rig_join(&R, &slow);
    rig_join(&R, &quick);
    sim_limit(R.s, slow.fd, 0, 100);
    for (int i = 0; i < 20; i++) {
        sio_emit(N, "text", (const char *)text);
        sio_emit(sio_volatile(N), "volatile", i);
        sio_emit(sio_droppable(N), "typing", i);
        sim_settle(R.s);
        free(peer_take_text(&quick));
        free(peer_take_text(&quick)); /* nothing blocks this one: it gets the others as well */
        free(peer_take_text(&quick));
    }
    assert_string_equal(heard, "slow_consumer;");
    peer_expect_nothing(&quick);
    peer_pull(&slow);
    assert_null(memmem(slow.in.p, slow.in.n, "volatile\",1", 11)); /* none since it was blocked */
    peer_close(&slow);
    down(&quick);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_handlers_are_one_for_a_name),
        cmocka_unit_test(test_kept_events),
        cmocka_unit_test(test_kept_beyond_the_connection),
        cmocka_unit_test(test_kept_connect),
        cmocka_unit_test(test_guards_run_in_order_and_once),
        cmocka_unit_test(test_leaving_in_the_connect_handler),
        cmocka_unit_test(test_handlers_of_the_end_may_do_anything),
        cmocka_unit_test(test_two_ends_at_once),
        cmocka_unit_test(test_packet_middleware),
        cmocka_unit_test(test_outgoing_listeners),
        cmocka_unit_test(test_slow_reader),
    };

    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
