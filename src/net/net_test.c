#include "net/rig_test.h"

_Static_assert(sizeof(net_stream) <= 72, "an idle stream must stay small");

static net_stream *adopt(int fd)
{
    net_stream *s = net_adopt(t.n, fd, &rig_ops, &t);

    assert_non_null(s);
    assert_ptr_equal(s->owner, &t);
    return s;
}

static int setup(void **state)
{
    (void)state;
    rig_up(1 << 20, adopt);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_down();
    return 0;
}

static int connect_one(void)
{
    int fd = sim_dial(t.s, t.port);

    assert_true(fd >= 0);
    sim_settle(t.s);
    assert_non_null(t.last);
    return fd;
}

static char received[4 << 20];

static size_t receive(int fd)
{
    return sim_recv(t.s, fd, received, sizeof(received));
}

static void expect(int fd, const char *text)
{
    size_t n = receive(fd);

    assert_int_equal(n, strlen(text));
    assert_memory_equal(received, text, n);
}

/* ---- sending ---- */

static void a_turn_leaves_in_one_write(void **state)
{
    (void)state;
    int fd = connect_one();
    blob *b = blob_new(6);

    memcpy(b->p, "shared", 6);
    net_send_copy(t.last, "one,", 4);
    net_send(t.last, b, 1, 4);
    net_send(t.last, b, 0, 6);
    net_send(t.last, b, 0, 0);
    net_send_copy(t.last, ".", 1);
    assert_int_equal(b->refs, 3);
    assert_int_equal(net_unsent(t.last), 15);
    assert_int_equal(receive(fd), 0);
    sim_settle(t.s);
    expect(fd, "one,hareshared.");
    assert_int_equal(sim_writes(t.s, fd), 1);
    assert_int_equal(b->refs, 1);
    assert_int_equal(t.drains, 0); /* it all left at once */
    net_send(t.last, b, 0, 6);
    net_flush(t.last);
    expect(fd, "shared");
    blob_drop(b);
}

static void fill(char *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(seed = seed * 1103515245u + 12345u, seed >> 16);
}

/* Pieces of all sizes, through writes of all sizes. */
static void partial_writes_keep_their_place(void **state)
{
    static char all[300000], back[300000];
    const size_t write_max[] = {1, 7, 100, 4096, 33000, 0};
    const size_t piece[] = {1, 50, 9000, 3, 100, 40000, 2, 8191, 8192};

    (void)state;
    fill(all, sizeof(all), 1);
    for (unsigned w = 0; w < sizeof(write_max) / sizeof(write_max[0]); w++) {
        int fd = connect_one();
        size_t at = 0, got = 0;
        sim_limit(t.s, fd, write_max[w], 20000);
        for (unsigned i = 0; at < sizeof(all); i++) {
            size_t n = piece[i % 9] < sizeof(all) - at ? piece[i % 9] : sizeof(all) - at;
            net_send_copy(t.last, all + at, n);
            at += n;
        }
        unsigned drains = t.drains;
        while (got < sizeof(all)) {
            sim_settle(t.s);
            size_t n = sim_recv(t.s, fd, back + got, sizeof(back) - got);
            assert_true(n > 0);
            got += n;
        }
        assert_memory_equal(all, back, sizeof(all));
        sim_settle(t.s);
        assert_int_equal(t.drains, drains + 1);
        assert_int_equal(net_unsent(t.last), 0);
    }
}

static void many_small_pieces(void **state)
{
    (void)state;
    int fd = connect_one();
    size_t want = 0;

    for (int i = 0; i < 20000; i++) {
        char b[16];
        int n = snprintf(b, sizeof(b), "%d,", i);
        net_send_copy(t.last, b, (size_t)n);
        want += (size_t)n;
    }
    sim_settle(t.s);
    assert_int_equal(receive(fd), want);
    assert_int_equal(sim_writes(t.s, fd), (want + 32767) / 32768);
    assert_memory_equal(received + want - 6, "19999,", 6);
}

static void a_blocked_stream_says_so(void **state)
{
    (void)state;
    int fd = connect_one();

    sim_limit(t.s, fd, 0, 4);
    net_send_copy(t.last, "123456", 6);
    assert_false(net_is_blocked(t.last));
    sim_settle(t.s);
    assert_true(net_is_blocked(t.last));
    assert_int_equal(net_unsent(t.last), 2);
    net_send_copy(t.last, "78", 2);
    net_flush(t.last);
    assert_int_equal(net_unsent(t.last), 4);
    expect(fd, "1234");
    sim_settle(t.s);
    assert_int_equal(net_unsent(t.last), 0);
    assert_int_equal(t.drains, 1);
    expect(fd, "5678");
}

static void too_much_unsent_ends_the_stream(void **state)
{
    (void)state;
    teardown(NULL);
    rig_up(10, adopt);
    int fd = connect_one();

    /* What the kernel takes does not count. */
    for (int i = 0; i < 5; i++)
        net_send_copy(t.last, "0123456789", 10);
    sim_settle(t.s);
    assert_int_equal(receive(fd), 50);
    sim_limit(t.s, fd, 0, 5);
    net_send_copy(t.last, "0123456789", 10);
    sim_settle(t.s);
    net_send_copy(t.last, "01234", 5);
    assert_true(net_is_open(t.last));
    net_send_copy(t.last, "x", 1);
    assert_int_equal(t.closes, 0); /* not inside the call */
    assert_false(net_is_open(t.last));
    sim_settle(t.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_ELIMIT);
    assert_int_equal(sim_server_fds(t.s), 0);
}

/* Pieces of a byte cost many times that. */
static void too_many_pieces_end_the_stream(void **state)
{
    (void)state;
    int fd = connect_one();

    sim_limit(t.s, fd, 0, 1);
    net_send_copy(t.last, "xy", 2);
    sim_settle(t.s);
    for (int i = 0; i < 3 * UINT16_MAX - 3; i++)
        net_send_copy(t.last, "z", 1);
    assert_true(net_is_open(t.last));
    for (int i = 0; i < 3; i++)
        net_send_copy(t.last, "z", 1);
    assert_false(net_is_open(t.last));
    sim_settle(t.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_ELIMIT);
}

/* ---- receiving and ending ---- */

static void one_read_per_event(void **state)
{
    (void)state;
    int fd = connect_one();

    sim_chunk(t.s, fd, 2);
    sim_send(t.s, fd, "abcde", 5);
    sim_settle(t.s);
    assert_int_equal(t.reads, 3);
    assert_memory_equal(t.got, "abcde", 5);
}

static void pausing_stops_reading(void **state)
{
    (void)state;
    int fd = connect_one();

    net_pause(t.last);
    sim_send(t.s, fd, "abc", 3);
    sim_hangup(t.s, fd);
    sim_settle(t.s);
    assert_int_equal(t.ngot, 0);
    assert_int_equal(t.closes, 0);
    net_resume(t.last);
    sim_settle(t.s);
    assert_int_equal(t.ngot, 3);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, 0);
}

static void a_reset_is_noticed_even_when_paused(void **state)
{
    (void)state;
    int fd = connect_one();

    net_pause(t.last);
    sim_reset(t.s, fd);
    sim_settle(t.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_EIO);
}

static void closing_flushes_first(void **state)
{
    (void)state;
    int fd = connect_one();

    sim_limit(t.s, fd, 0, 4);
    net_send_copy(t.last, "123456", 6);
    net_close(t.last);
    net_close(t.last);
    net_send_copy(t.last, "no", 2);
    assert_false(net_is_open(t.last));
    assert_int_equal(t.closes, 0);
    sim_send(t.s, fd, "unread", 6);
    sim_settle(t.s);
    assert_int_equal(t.closes, 0);
    assert_int_equal(t.ngot, 0); /* no more data in */
    expect(fd, "1234");
    sim_settle(t.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, 0);
    assert_false(sim_eof(t.s, fd));
    expect(fd, "56");
    assert_true(sim_eof(t.s, fd));
    assert_int_equal(sim_server_fds(t.s), 1); /* lingers for the peer's end */
    sim_send(t.s, fd, "more", 4);
    sim_hangup(t.s, fd);
    sim_settle(t.s);
    assert_int_equal(sim_server_fds(t.s), 0);
    assert_false(sim_was_reset(t.s, fd));
    assert_int_equal(t.closes, 1);
}

static void lingering_is_limited(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        connect_one();
        net_close(t.last);
        sim_settle(t.s);
    }
    assert_int_equal(t.closes, 3);
    assert_int_equal(sim_server_fds(t.s), 3);
    sim_advance(t.s, 900);
    assert_int_equal(sim_server_fds(t.s), 3);
    sim_advance(t.s, 1200);
    assert_int_equal(sim_server_fds(t.s), 0);
}

static void a_stuck_close_is_given_up(void **state)
{
    (void)state;
    int fd = connect_one();

    sim_limit(t.s, fd, 0, 1);
    net_send_copy(t.last, "123456", 6);
    net_close(t.last);
    sim_settle(t.s);
    for (int i = 0; i < 4; i++) { /* slow, but it moves */
        sim_advance(t.s, 15000);
        assert_int_equal(t.closes, 0);
        assert_int_equal(receive(fd), 1);
        sim_settle(t.s);
    }
    sim_advance(t.s, 33000);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_EIO);
    assert_int_equal(sim_server_fds(t.s), 0);
}

static void send_and_finish(net_stream *s)
{
    net_send_copy(s, "answer", 6);
    t.react = NULL;
}

static void a_peer_that_ended_gets_the_rest(void **state)
{
    (void)state;
    int fd = connect_one();

    t.react = send_and_finish;
    sim_limit(t.s, fd, 0, 2);
    sim_send(t.s, fd, "q", 1);
    sim_end(t.s, fd);
    sim_settle(t.s);
    assert_int_equal(t.closes, 1); /* told at once */
    assert_int_equal(t.err, 0);
    expect(fd, "an");
    sim_settle(t.s);
    expect(fd, "sw");
    assert_false(sim_eof(t.s, fd));
    sim_settle(t.s);
    expect(fd, "er");
    sim_settle(t.s);
    assert_true(sim_eof(t.s, fd));
    assert_int_equal(sim_server_fds(t.s), 0);
    assert_int_equal(t.closes, 1);
}

static void writing_to_a_gone_peer_fails_later(void **state)
{
    (void)state;
    int fd = connect_one();

    sim_reset(t.s, fd);
    net_send_copy(t.last, "x", 1);
    net_flush(t.last);
    assert_int_equal(t.closes, 0);
    assert_false(net_is_open(t.last));
    sim_settle(t.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_EIO);
}

static void abort_now(net_stream *s)
{
    net_send_copy(s, "dropped", 7);
    net_abort(s, SIO_ETIMEOUT);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_ETIMEOUT);
    assert_int_equal(net_unsent(s), 0); /* still there in this turn */
}

static void aborting_inside_a_callback(void **state)
{
    (void)state;
    int fd = connect_one();

    t.react = abort_now;
    sim_send(t.s, fd, "x", 1);
    sim_settle(t.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(receive(fd), 0);
    assert_true(sim_eof(t.s, fd));
}

static int detached = -1;

static void detach_now(net_stream *s)
{
    t.react = NULL;
    detached = net_detach(s).fd;
}

static void a_detached_descriptor_lives_on(void **state)
{
    (void)state;
    int fd = connect_one();

    t.react = detach_now;
    sim_send(t.s, fd, "ab", 2);
    sim_settle(t.s);
    assert_int_equal(t.closes, 0);
    sim_send(t.s, fd, "cd", 2);
    sim_settle(t.s);
    assert_int_equal(t.ngot, 2);
    on_accept(&t, detached);
    sim_settle(t.s);
    assert_memory_equal(t.got, "abcd", 4);
}

static void on_other_data(net_stream *s, char *p, size_t n)
{
    assert_int_equal(n, 1);
    *(char *)s->owner = *p;
}

static void a_stream_changes_hands(void **state)
{
    static const net_ops other = {on_other_data, NULL, on_close};
    char mine = 0, peer[32];

    (void)state;
    int fd = connect_one();
    net_give(t.last, &other, &mine);
    sim_send(t.s, fd, "z", 1);
    sim_settle(t.s);
    assert_int_equal(mine, 'z');
    assert_int_equal(t.reads, 0);
    net_peer(t.last, peer, sizeof(peer));
    assert_string_equal(peer, "127.0.0.1");
}

static void accepting_pauses_without_descriptors(void **state)
{
    (void)state;
    sim_fd_limit(t.s, 2);
    int a = sim_dial(t.s, t.port);
    for (int i = 0; i < 3; i++)
        sim_dial(t.s, t.port);
    sim_settle(t.s);
    assert_int_equal(sim_server_fds(t.s), 2);
    sim_advance(t.s, 500);
    assert_int_equal(sim_server_fds(t.s), 2);
    sim_hangup(t.s, a);
    sim_settle(t.s);
    assert_int_equal(sim_server_fds(t.s), 1);
    sim_advance(t.s, 100);
    assert_int_equal(sim_server_fds(t.s), 2);
    sim_fd_limit(t.s, 0);
    sim_advance(t.s, 100);
    assert_int_equal(sim_server_fds(t.s), 3);
}

static void freeing_ends_every_stream(void **state)
{
    int fd[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        fd[i] = connect_one();
        net_send_copy(t.last, "bye", 3);
    }
    net_free(t.n);
    assert_int_equal(t.closes, 3);
    assert_int_equal(t.err, SIO_ECANCELED);
    for (int i = 0; i < 3; i++)
        expect(fd[i], "bye"); /* last words */
    net_listener_close(t.listener); /* may outlive the net */
    t.listener = NULL;
    net_limits limits = {100};
    loop_free(t.l);
    assert_int_equal(sim_loop_new(t.s, &t.l), 0);
    assert_int_equal(net_new(&t.n, t.l, &limits), 0);
}

#define SIM_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_TEST(a_turn_leaves_in_one_write),
        SIM_TEST(partial_writes_keep_their_place),
        SIM_TEST(many_small_pieces),
        SIM_TEST(a_blocked_stream_says_so),
        SIM_TEST(too_much_unsent_ends_the_stream),
        SIM_TEST(too_many_pieces_end_the_stream),
        SIM_TEST(one_read_per_event),
        SIM_TEST(pausing_stops_reading),
        SIM_TEST(a_reset_is_noticed_even_when_paused),
        SIM_TEST(closing_flushes_first),
        SIM_TEST(lingering_is_limited),
        SIM_TEST(a_stuck_close_is_given_up),
        SIM_TEST(a_peer_that_ended_gets_the_rest),
        SIM_TEST(writing_to_a_gone_peer_fails_later),
        SIM_TEST(aborting_inside_a_callback),
        SIM_TEST(a_detached_descriptor_lives_on),
        SIM_TEST(a_stream_changes_hands),
        SIM_TEST(accepting_pauses_without_descriptors),
        SIM_TEST(freeing_ends_every_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
