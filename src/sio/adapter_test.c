/* The seam to other servers, with two servers on simulated loops and an adapter that is a piece of memory
 * between them. */
#include "sio/adapter_bus_test.h"

/* ---- two servers ---- */

typedef struct user {
    char name[16];
} user;

typedef struct town {
    bus    b;
    rig    r[2];
    sio_ns *ns[2];
    peer   p[4];                /* 0, 1 on the first server, 2, 3 on the second */
    sio_id id[4];
    int    calls, err;
    unsigned count;
    char   text[512];
    bool   takes;
} town;

static town T;

static char *show_user(const void *data)
{
    char *text = malloc(64);

    snprintf(text, 64, "{\"name\":\"%s\"}", ((const user *)data)->name);
    return text;
}

static int load_user(void *data, sio_val shown)
{
    sio_str name;

    if (!sio_text(sio_get(shown, "name"), NULL, &name) || name.n >= sizeof ((user *)data)->name)
        return SIO_EPARSE;
    memcpy(((user *)data)->name, name.p, name.n);
    return 0;
}

static void on_name(sio_socket *s, sio_in *in)
{
    sio_str name;
    user *u = sio_data(s);

    sio_str_of(in, sio_arg(in, 0), &name);
    snprintf(u->name, sizeof u->name, "%.*s", (int)name.n, name.p);
}

static void on_who(sio_socket *s, sio_in *in)
{
    sio_ack(in, ((user *)sio_data(s))->name, sio_recovered(s));
}

static void on_server_event(sio_ns *ns, sio_in *in)
{
    sio_str word = {0};

    assert_null(sio_in_socket(in));
    assert_non_null(ns);
    sio_str_of(in, sio_arg(in, 0), &word);
    snprintf(T.text, sizeof T.text, "%.*s", (int)word.n, word.p);
    T.calls++;
    sio_ack(in, sio_obj("got", word));
}

static bool on_broadcast(sio_ns *ns, const sio_str *rooms, size_t n, sio_val args)
{
    (void)ns;
    if (T.takes)
        snprintf(T.text, sizeof T.text, "%zu %.*s %.*s", n, n ? (int)rooms[0].n : 0, n ? rooms[0].p : "",
                 (int)args.s.n,
                 args.s.p);
    return T.takes;
}

static void up_server(int i, const sio_options *from)
{
    static const sio_ns_options data = {.data_size = sizeof(user), .data_show = show_user,
                                        .data_load = load_user};
    sio_options o = *from;
    rig *r = &T.r[i];

    o.adapter = &T.b.side[i].base;
    r->s = T.r[0].s;
    assert_int_equal(server_new_on(&r->io, &o, &(loop_maker){rig_make_loop, r->s}), 0);
    T.ns[i] = sio_of(r->io, "/", &data);
    assert_int_equal(sio_on(T.ns[i], "name", on_name), 0);
    assert_int_equal(sio_on(T.ns[i], "who", on_who), 0);
    assert_int_equal(sio_on_server(T.ns[i], "news", on_server_event), 0);
    assert_int_equal(sio_on_server(T.ns[i], "connect", on_server_event), SIO_EINVAL);
    sio_on_broadcast(T.ns[i], on_broadcast);
    rig_listen(r);
}

static void up_with(bool delivers)
{
    sio_options o = rig_options(2);

    memset(&T, 0, sizeof T);
    T.b.ops = (sio_adapter_ops){"bus", delivers, bus_start, bus_stop, bus_free, bus_ns_open, bus_publish,
                                bus_gather,
                                bus_fetch, bus_server_emit, bus_server_count, bus_room_open, bus_room_close,
                                NULL, NULL};
    if (delivers) {
        T.b.ops.persist = bus_persist;
        T.b.ops.restore = bus_restore;
        o.recovery_ms = 5000;
    }
    T.r[0].s = sim_new(0);
    for (int i = 0; i < 2; i++) {
        T.b.side[i] = (side){.base.ops = &T.b.ops, .b = &T.b};
        up_server(i, &o);
    }
    for (int i = 0; i < 4; i++)
        T.id[i] = rig_join(&T.r[i / 2], &T.p[i]);
}

static void up(void)
{
    up_with(false);
}

static void down(void)
{
    for (int i = 0; i < 2; i++) {
        rig_close_all(&T.r[i]);
        sio_server_free(T.r[i].io);
    }
    sim_free(T.r[0].s);
    for (int i = 0; i < 4; i++)
        peer_close(&T.p[i]);
    for (int i = 0; i < T.b.nlog; i++) {
        free(T.b.log[i]);
        free((char *)(uintptr_t)T.b.log_room[i].p);
    }
}

static void settle(void)
{
    sim_settle(T.r[0].s);
}

static void nothing_is_heard(void)
{
    for (int i = 0; i < 4; i++)
        peer_expect_nothing(&T.p[i]);
}

/* ---- tests ---- */

static void test_start(void **state)
{
    (void)state;
    up();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(T.b.side[i].started, 1);
        assert_int_equal(T.b.side[i].namespaces, 1);
        assert_non_null(sio_of(T.r[i].io, "/late", NULL));
        settle();
        assert_int_equal(T.b.side[i].namespaces, 2);
    }
    down();
}

static void test_broadcast(void **state)
{
    (void)state;
    up();
    assert_int_equal(sio_emit(T.ns[0], "all", 1, sio_obj("b", sio_bin("\1\2", 2))), 0);
    settle();
    for (int i = 0; i < 4; i++) {
        peer_hears(&T.p[i], "451-[\"all\",1,{\"b\":{\"_placeholder\":true,\"num\":0}}]");
        peer_expect_frame(&T.p[i], 2, "\1\2", 2);
    }
    assert_int_equal(sio_emit(sio_except(sio_to(T.ns[0], (const char *)T.id[0].s), (const char *)T.id[3].s),
                              "one"), 0);
    settle();
    peer_hears(&T.p[0], "42[\"one\"]");
    assert_int_equal(sio_emit(sio_to(sio_to(T.ns[1], (const char *)T.id[0].s), (const char *)T.id[3].s),
                              "two"), 0);
    settle();
    peer_hears(&T.p[0], "42[\"two\"]");
    peer_hears(&T.p[3], "42[\"two\"]");
    nothing_is_heard();
    down();
}

static void test_local_and_others(void **state)
{
    (void)state;
    up();
    sio_emit(sio_local(T.ns[0]), "here");
    settle();
    peer_hears(&T.p[0], "42[\"here\"]");
    peer_hears(&T.p[1], "42[\"here\"]");
    sio_emit(sio_others(T.ns[0]), "there");
    settle();
    peer_hears(&T.p[2], "42[\"there\"]");
    peer_hears(&T.p[3], "42[\"there\"]");
    T.b.away = true;
    assert_int_equal(sio_emit(T.ns[0], "alone"), 0);
    assert_int_equal(sio_emit(sio_others(T.ns[0]), "nobody"), SIO_EUNAVAILABLE);
    settle();
    peer_hears(&T.p[0], "42[\"alone\"]");
    peer_hears(&T.p[1], "42[\"alone\"]");
    nothing_is_heard();
    down();
}

static void test_moves(void **state)
{
    (void)state;
    up();
    sio_sockets_join(sio_to(T.ns[0], (const char *)T.id[2].s), "hall");
    sio_sockets_join(sio_to(T.ns[0], (const char *)T.id[0].s), "hall");
    settle();
    assert_true(sio_has_room(T.ns[0], sio_lit("hall")));
    assert_true(sio_has_room(T.ns[1], sio_lit("hall")));
    assert_string_equal(T.b.side[1].rooms, "+hall");
    sio_emit(sio_to(T.ns[1], "hall"), "x");
    settle();
    peer_hears(&T.p[0], "42[\"x\"]");
    peer_hears(&T.p[2], "42[\"x\"]");
    sio_sockets_leave(T.ns[1], "hall");
    settle();
    assert_false(sio_has_room(T.ns[0], sio_lit("hall")));
    assert_string_equal(T.b.side[1].rooms, "+hall-hall");
    sio_sockets_disconnect(sio_to(T.ns[1], (const char *)T.id[1].s), false);
    settle();
    peer_hears(&T.p[1], "41");
    nothing_is_heard();
    down();
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {"", "{}", "[]", "[1", "[null]", "[\"connect\"]", "[\"disconnect\",1]",
                                      "\"x\"", "[{}]"};
    sio_op o = {.kind = SIO_OP_EMIT};

    (void)state;
    up();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o.args = sio_str_z(bad[i]);
        assert_int_equal(sio_deliver(T.ns[0], &o), SIO_EINVAL);
    }
    sio_adapter_refused(T.r[0].io, "a test");
    sio_adapter_refused(T.r[0].io, "a test");
    assert_int_equal(stat_get(&T.r[0].io->refused_remote), 2);
    settle();
    nothing_is_heard();
    down();
}

static void test_taken(void **state)
{
    (void)state;
    up();
    T.takes = true;
    sio_emit(sio_to(T.ns[0], "hall"), "x", 1);
    settle();
    assert_string_equal(T.text, "1 hall [\"x\",1]");
    nothing_is_heard();
    down();
}

static void on_answers(void *arg, int err, const sio_val *answers, size_t n)
{
    int64_t sum = 0, one;

    (void)arg;
    for (size_t i = 0; i < n; i++)
        if (sio_int(answers[i], &one))
            sum += one;
    T.calls++;
    T.err = err;
    snprintf(T.text, sizeof T.text, "%zu answers, %d in all", n, (int)sum);
}

static void gather(void *arg)
{
    (void)arg;
    assert_int_equal(sio_gather(T.ns[0], 500, on_answers, NULL, "q"), 0);
}

static void test_gather(void **state)
{
    (void)state;
    up();
    rig_run_on(&T.r[0], 1, gather, NULL);
    for (int i = 0; i < 4; i++)
        peer_hears(&T.p[i], "420[\"q\"]");
    for (int i = 0; i < 4; i++) {
        char text[16];

        assert_int_equal(T.calls, 0);
        snprintf(text, sizeof text, "430[%d]", 1 << i);
        peer_say(&T.p[i], text);
    }
    assert_int_equal(T.calls, 1);
    assert_int_equal(T.err, 0);
    assert_string_equal(T.text, "4 answers, 15 in all");
    rig_run_on(&T.r[0], 0, gather, NULL);
    for (int i = 0; i < 4; i++)
        peer_hears(&T.p[i], "421[\"q\"]");
    peer_say(&T.p[0], "431[1]");
    peer_say(&T.p[3], "431[8]");
    sim_advance(T.r[0].s, 600);
    assert_int_equal(T.calls, 2);
    assert_int_equal(T.err, SIO_ETIMEOUT);
    assert_string_equal(T.text, "2 answers, 9 in all");
    down();
}

static void on_peers(void *arg, int err, const sio_peer *peers, size_t n)
{
    (void)arg;
    T.calls++;
    T.err = err;
    T.count = (unsigned)n;
    T.text[0] = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++)
            if (sio_str_eq(peers[i].id, sio_str_z(T.id[k].s))) {
                assert_true((peers[i].data == NULL) == (k >= 2));
                assert_true(sio_kind_of(peers[i].handshake) == SIO_OBJECT);
                assert_int_equal(peers[i].nrooms, k == 3 ? 2 : 1);
                snprintf(T.text + strlen(T.text), sizeof T.text - strlen(T.text), "%d%.*s ", k,
                         (int)peers[i].shown.s.n, peers[i].shown.s.p);
            }
}

static void fetch_all(void *arg)
{
    (void)arg;
    assert_int_equal(sio_fetch(T.ns[0], on_peers, NULL), 0);
}

static void test_fetch(void **state)
{
    (void)state;
    up();
    peer_say(&T.p[3], "42[\"name\",\"zoe\"]");
    sio_sockets_join(sio_to(T.ns[0], (const char *)T.id[3].s), "hall");
    settle();
    rig_run_on(&T.r[0], 1, fetch_all, NULL);
    assert_int_equal(T.calls, 1);
    assert_int_equal(T.err, 0);
    assert_int_equal(T.count, 4);
    assert_non_null(strstr(T.text, "3{\"name\":\"zoe\"} "));
    assert_non_null(strstr(T.text, "0{\"name\":\"\"} "));
    down();
}

static void on_called(void *arg, int err, const sio_val *answers, size_t n)
{
    (void)arg;
    T.err = err;
    T.count = (unsigned)n;
    snprintf(T.text, sizeof T.text, "%.*s", n ? (int)answers[0].s.n : 0, n ? answers[0].s.p : "");
}

static void call_servers(void *arg)
{
    (void)arg;
    assert_int_equal(sio_server_call(T.ns[0], 100, on_called, NULL, "news", "extra"), 0);
}

static void call_nobody(void *arg)
{
    (void)arg;
    assert_int_equal(sio_server_call(T.ns[0], 100, on_called, NULL, "unheard"), 0);
}

static void on_servers(void *arg, int err, unsigned n)
{
    (void)arg;
    assert_int_equal(err, 0);
    T.count = n;
}

static void count_servers(void *arg)
{
    (void)arg;
    assert_int_equal(sio_server_count(T.ns[0], on_servers, NULL), 0);
}

static void test_servers(void **state)
{
    (void)state;
    up();
    assert_int_equal(sio_server_emit(T.ns[0], "connection"), SIO_EINVAL);
    assert_int_equal(sio_server_emit(T.ns[0], "news", "word"), 0);
    settle();
    assert_int_equal(T.calls, 1);
    assert_string_equal(T.text, "word");
    rig_run_on(&T.r[0], 1, call_servers, NULL);
    assert_int_equal(T.err, 0);
    assert_int_equal(T.count, 1);
    assert_string_equal(T.text, "{\"got\":\"extra\"}");
    rig_run_on(&T.r[0], 1, call_nobody, NULL);
    assert_int_equal(T.err, SIO_ETIMEOUT);
    assert_int_equal(T.count, 0);
    rig_run_on(&T.r[0], 1, count_servers, NULL);
    assert_int_equal(T.count, 2);
    assert_int_equal(sio_server_count(T.ns[0], on_servers, NULL), SIO_ESTATE);
    down();
}

/* ---- an adapter with a log ---- */

static void test_log_delivers(void **state)
{
    (void)state;
    up_with(true);
    sio_emit(T.ns[0], "all");
    settle();
    for (int i = 0; i < 4; i++)
        peer_hears(&T.p[i], "42[\"all\",\"0-0\"]");
    sio_emit(sio_local(T.ns[0]), "here");
    settle();
    peer_hears(&T.p[0], "42[\"here\"]");
    peer_hears(&T.p[1], "42[\"here\"]");
    sio_emit(sio_others(T.ns[0]), "there");
    settle();
    peer_hears(&T.p[2], "42[\"there\",\"1-0\"]");
    peer_hears(&T.p[3], "42[\"there\",\"1-0\"]");
    nothing_is_heard();
    down();
}

static void test_recovery_on_the_other_server(void **state)
{
    char text[128], *answer;
    sio_id pid, id;
    peer back;

    (void)state;
    up_with(true);
    rig_open(&T.r[0], &back);
    peer_say(&back, "40");
    answer = peer_take_text(&back);
    rig_field(answer, "pid", &pid);
    rig_field(answer, "sid", &id);
    free(answer);
    peer_say(&back, "42[\"name\",\"ann\"]");
    sio_sockets_join(sio_to(T.ns[0], (const char *)id.s), "hall");
    sio_emit(sio_to(T.ns[0], (const char *)id.s), "first");
    settle();
    peer_hears(&back, "42[\"first\",\"0-0\"]");
    peer_hangup(&back);
    peer_close(&back);
    settle();
    sio_emit(sio_to(T.ns[0], "hall"), "missed");
    sio_emit(sio_to(T.ns[1], "elsewhere"), "not for it");
    settle();
    rig_open(&T.r[1], &back);
    snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":\"0-0\"}", pid.s);
    peer_say(&back, text);
    settle();
    peer_hears(&back, "42[\"missed\",\"1-0\"]");
    answer = peer_take_text(&back);
    assert_non_null(strstr(answer, id.s));
    free(answer);
    peer_say(&back, "427[\"who\"]");
    peer_hears(&back, "437[\"ann\",true]");
    sio_emit(sio_to(T.ns[0], "hall"), "live");
    settle();
    peer_hears(&back, "42[\"live\",\"3-0\"]");
    peer_close(&back);
    nothing_is_heard();
    down();
}

static void test_unknown_state(void **state)
{
    char *answer;
    peer back;

    (void)state;
    up_with(true);
    rig_open(&T.r[1], &back);
    peer_say(&back, "40{\"pid\":\"aaaaaaaaaaaaaaaaaaaa\",\"offset\":\"0-0\"}");
    settle();
    answer = peer_take_text(&back);
    assert_memory_equal(answer, "40{\"sid\":", 9);
    free(answer);
    peer_close(&back);
    down();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),          cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_local_and_others), cmocka_unit_test(test_moves),
        cmocka_unit_test(test_malformed),      cmocka_unit_test(test_taken),
        cmocka_unit_test(test_gather),         cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_servers),        cmocka_unit_test(test_log_delivers),
        cmocka_unit_test(test_recovery_on_the_other_server), cmocka_unit_test(test_unknown_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
