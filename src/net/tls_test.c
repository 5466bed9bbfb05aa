/* TLS on connections that came in: what a stream promises holds over TLS, too. */
#include "net/tls_server_rig_test.h"

_Static_assert(sizeof(net_stream) <= 72, "a plain stream pays nothing for TLS");

/* ---- bytes ---- */

static void a_conversation(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX_set_max_proto_version(client, version);
        peer *p = meet();
        assert_int_equal(SSL_version(p->ssl), version);
        assert_said(LOG_DEBUG, SSL_get_version(p->ssl));
        peer_say(p, "question", 8);
        rig_expect("question");
        net_send_copy(t.last, "ans", 3);
        net_send_copy(t.last, "wer", 3);
        peer_expect(p, "answer");
        peer_free(p);
    }
}

/* The first request rides with the end of the handshake. */
static void what_comes_with_the_handshake_is_heard(void **state)
{
    static char b[1 << 16];
    peer *p = peer_new(client, false);
    size_t k;
    int n;

    (void)state;
    SSL_do_handshake(p->ssl);
    n = BIO_read(p->out, b, sizeof(b));
    sim_send(t.s, p->fd, b, (size_t)n);
    sim_settle(t.s);
    k = sim_recv(t.s, p->fd, b, sizeof(b));
    BIO_write(p->in, b, (int)k);
    assert_int_equal(SSL_do_handshake(p->ssl), 1);
    assert_int_equal(SSL_write_ex(p->ssl, "early bird", 10, &k), 1);
    n = BIO_read(p->out, b, sizeof(b));
    sim_send(t.s, p->fd, b, (size_t)n); /* Finished and the request */
    sim_settle(t.s);
    rig_expect("early bird");
    assert_int_equal(t.reads, 1);
    peer_free(p);
}

/* The server reads in pieces of all sizes, so that records are cut everywhere. */
static void records_in_pieces(void **state)
{
    const size_t chunk[] = {1, 5, 6, 1000, 16406, 30000, 0};
    static char copy[sizeof(big)];

    (void)state;
    memcpy(copy, big, sizeof(big));
    for (unsigned i = 0; i < sizeof(chunk) / sizeof(chunk[0]); i++) {
        size_t n = chunk[i] < 100 && chunk[i] ? 20000 : sizeof(big);
        peer *p = peer_new(client, false);
        sim_chunk(t.s, p->fd, chunk[i]);
        peer_pump(p);
        t.ngot = 0;
        peer_say(p, copy, n);
        assert_int_equal(t.ngot, n);
        assert_memory_equal(t.got, big, n);
        assert_int_equal(t.closes, 0);
        net_abort(t.last, SIO_ECANCELED);
        t.closes = 0;
        peer_free(p);
    }
}

static void a_turn_leaves_in_one_write(void **state)
{
    peer *p = meet();
    size_t writes = sim_writes(t.s, p->fd);
    blob *b = blob_new(6);

    (void)state;
    memcpy(b->p, "shared", 6);
    for (int i = 0; i < 100; i++)
        net_send(t.last, b, 0, 6);
    assert_int_equal(b->refs, 101);
    assert_int_equal(net_unsent(t.last), 600);
    peer_pump(p);
    assert_int_equal(p->ngot, 600);
    assert_int_equal(sim_writes(t.s, p->fd), writes + 1);
    assert_int_equal(b->refs, 1);
    assert_int_equal(net_unsent(t.last), 0);
    assert_int_equal(t.drains, 0); /* it all left at once */
    net_send_copy(t.last, big, 100000);
    peer_pump(p);
    assert_int_equal(p->ngot, 100600);
    assert_int_equal(sim_writes(t.s, p->fd), writes + 1 + 7); /* records of 16 KB */
    blob_drop(b);
    peer_free(p);
}

/* ---- backpressure ---- */

/* Pieces of all sizes, through writes of all sizes and a small window. */
static void partial_writes_keep_their_place(void **state)
{
    const size_t write_max[] = {1, 7, 4096, 16384, 33000, 0};
    const size_t piece[] = {1, 50, 9000, 3, 100, 40000, 2, 16384, 16385};

    (void)state;
    for (unsigned w = 0; w < sizeof(write_max) / sizeof(write_max[0]); w++) {
        size_t all = write_max[w] == 1 ? 60000 : sizeof(big), at = 0;
        unsigned drains = t.drains;
        peer *p = meet();
        sim_limit(t.s, p->fd, write_max[w], 20000);
        for (unsigned i = 0; at < all; i++) {
            size_t n = piece[i % 9] < all - at ? piece[i % 9] : all - at;
            net_send_copy(t.last, big + at, n);
            at += n;
        }
        assert_int_equal(net_unsent(t.last), all);
        sim_settle(t.s);
        assert_true(net_is_blocked(t.last));
        assert_true(net_unsent(t.last) > all - 20000);
        peer_pump(p);
        assert_int_equal(p->ngot, all);
        assert_memory_equal(p->got, big, all);
        assert_int_equal(t.drains, drains + 1);
        assert_false(net_is_blocked(t.last));
        assert_int_equal(net_unsent(t.last), 0);
        peer_free(p);
    }
}

static void more_may_be_queued_while_the_kernel_is_full(void **state)
{
    peer *p = meet();

    (void)state;
    sim_limit(t.s, p->fd, 100, 150);
    net_send_copy(t.last, big, 300);
    sim_settle(t.s);
    assert_true(net_is_blocked(t.last));
    assert_int_equal(net_unsent(t.last), 300); /* until the last byte of the record has left */
    net_send_copy(t.last, big + 300, 20000);
    net_flush(t.last);
    peer_pump(p);
    assert_int_equal(p->ngot, 20300);
    assert_memory_equal(p->got, big, 20300);
    assert_int_equal(t.drains, 1);
    peer_free(p);
}

/* The answer to a key update is written from inside a read, and has to wait behind a record. */
static void a_key_update_while_the_kernel_is_full(void **state)
{
    peer *p = meet();

    (void)state;
    sim_limit(t.s, p->fd, 100, 150);
    net_send_copy(t.last, big, 20000);
    sim_settle(t.s);
    assert_true(net_is_blocked(t.last));
    assert_int_equal(SSL_key_update(p->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(p->ssl), 1);
    peer_say(p, "with new keys", 13);
    rig_expect("with new keys");
    assert_int_equal(p->ngot, 20000);
    assert_memory_equal(p->got, big, 20000);
    net_send_copy(t.last, "ours are new, too", 17);
    p->ngot = 0;
    peer_expect(p, "ours are new, too");
    peer_free(p);
}

static unsigned dice(unsigned *seed, unsigned n)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 12) % n;
}

/* One step of either side. */
static void a_move(peer *p, unsigned *seed, size_t *ours, size_t *theirs)
{
    static const unsigned most[] = {1, 100, 5000, 16385, 50000};
    size_t n = 1 + dice(seed, most[dice(seed, 5)]), k;

    switch (dice(seed, 6)) {
    case 0:
        if (*theirs + n <= sizeof(big) && SSL_write_ex(p->ssl, big + *theirs, n, &k))
            *theirs += n;
        break;
    case 1:
        net_pause(t.last);
        break;
    case 2:
        net_resume(t.last);
        break;
    case 3:
        peer_pump(p);
        break;
    default:
        if (*ours + n <= sizeof(big)) {
            net_send_copy(t.last, big + *ours, n);
            *ours += n;
        }
        if (dice(seed, 2))
            net_flush(t.last);
        else
            sim_settle(t.s);
    }
}

/* Both sides speak at once, with pauses, small windows, short reads and writes; in the end all is there,
 * in order. */
static void random_conversations(void **state)
{
    static const size_t limit[] = {0, 0, 50, 5000};

    (void)state;
    for (unsigned start = 1; start <= 60; start++) {
        unsigned seed = start, closes = t.closes;
        size_t ours = 0, theirs = 0;
        peer *p = meet();
        t.ngot = 0;
        sim_chunk(t.s, p->fd, limit[dice(&seed, 4)]);
        sim_limit(t.s, p->fd, limit[dice(&seed, 4)], 100 + dice(&seed, 30000));
        for (unsigned i = 0; i < 60; i++)
            a_move(p, &seed, &ours, &theirs);
        net_resume(t.last);
        if (start & 1) {
            peer_pump(p);
            assert_int_equal(t.ngot, theirs);
        }
        net_close(t.last); /* what comes in from here on is dropped */
        size_t heard = t.ngot;
        peer_pump(p);
        assert_int_equal(p->ngot, ours);
        assert_memory_equal(p->got, big, ours);
        assert_int_equal(p->why, SSL_ERROR_ZERO_RETURN);
        assert_int_equal(t.closes, closes + 1);
        assert_int_equal(t.err, 0);
        assert_int_equal(t.ngot, heard);
        assert_true(heard <= theirs);
        assert_memory_equal(t.got, big, heard);
        peer_free(p);
    }
}

static void too_much_unsent_is_the_end(void **state)
{
    peer *p = meet();

    (void)state;
    sim_limit(t.s, p->fd, 0, 1000);
    for (int i = 0; i < 10; i++) {
        net_send_copy(t.last, big, 200000);
        sim_settle(t.s);
        if (t.closes)
            break;
    }
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_ELIMIT);
    assert_int_equal(stat_get(&net_stats_of(t.n)->overflows), 1);
    peer_pump(p);
    assert_int_not_equal(p->why, SSL_ERROR_ZERO_RETURN); /* cut off, and it looks so */
    peer_free(p);
}

/* ---- ends ---- */

static void closing_says_so_behind_the_last_byte(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        peer *p = meet();
        t.closes = 0;
        if (full)
            sim_limit(t.s, p->fd, 700, 1000);
        net_send_copy(t.last, big, 50000);
        net_close(t.last);
        net_send_copy(t.last, "late", 4);
        peer_pump(p);
        assert_int_equal(t.closes, 1);
        assert_int_equal(t.err, 0);
        assert_int_equal(p->ngot, 50000);
        assert_memory_equal(p->got, big, 50000);
        assert_int_equal(p->why, SSL_ERROR_ZERO_RETURN);
        assert_true(sim_eof(t.s, p->fd));
        assert_false(sim_was_reset(t.s, p->fd));
        sim_advance(t.s, 3000);
        assert_int_equal(sim_server_fds(t.s), 0);
        peer_free(p);
    }
}

/* No room for close_notify itself: it waits, too. */
static void close_notify_waits_for_room(void **state)
{
    peer *p = meet();
    size_t sent;

    (void)state;
    sim_limit(t.s, p->fd, 0, 1022 + 10); /* the record of 1000, and 10 more */
    net_send_copy(t.last, big, 1000);
    sim_settle(t.s);
    assert_int_equal(net_unsent(t.last), 0);
    net_close(t.last);
    sim_settle(t.s);
    assert_int_equal(t.closes, 0);
    sent = sim_writes(t.s, p->fd);
    peer_pump(p);
    assert_int_equal(sim_writes(t.s, p->fd), sent + 1);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, 0);
    assert_int_equal(p->why, SSL_ERROR_ZERO_RETURN);
    peer_free(p);
}

static void reply_now(net_stream *s)
{
    net_send_copy(s, "reply", 5);
}

/* Its last words and its close_notify come in one read: they are answered, then it ends well. */
static void the_peer_ends(void **state)
{
    peer *p = meet();
    size_t k;

    (void)state;
    t.react = reply_now;
    SSL_write_ex(p->ssl, "ask", 3, &k);
    SSL_shutdown(p->ssl);
    peer_pump(p);
    rig_expect("ask");
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, 0);
    peer_expect(p, "reply");
    assert_int_equal(p->why, SSL_ERROR_ZERO_RETURN);
    assert_int_equal(sim_server_fds(t.s), 0);
    peer_free(p);
}

static void an_end_without_close_notify_is_an_error(void **state)
{
    peer *p = meet();

    (void)state;
    sim_hangup(t.s, p->fd);
    sim_settle(t.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_EIO);
    assert_said(LOG_DEBUG, "broke: the peer went away without close_notify");
    peer_free(p);
    p = meet();
    sim_reset(t.s, p->fd);
    sim_settle(t.s);
    assert_int_equal(t.closes, 2);
    assert_int_equal(t.err, SIO_EIO);
    assert_said(LOG_DEBUG, "reset by peer");
    peer_free(p);
}

static void a_forged_record_is_an_error(void **state)
{
    peer *p = meet();
    static const char forged[] = "\x17\x03\x03\x00\x20" "0123456789abcdef0123456789abcdef";

    (void)state;
    sim_send(t.s, p->fd, forged, sizeof(forged) - 1);
    peer_pump(p);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_EIO);
    assert_said(LOG_DEBUG, "bad record mac");
    assert_int_equal(t.ngot, 0);
    assert_int_equal(p->why, SSL_ERROR_SSL); /* it got the alert: bad_record_mac */
    peer_free(p);
}

static void pause_now(net_stream *s)
{
    t.react = NULL;
    net_pause(s);
}

/* As on a plain stream: the end is noticed when reading goes on, although TLS knows it already. */
static void a_pause_holds_back_the_end(void **state)
{
    peer *p = meet();
    size_t k;

    (void)state;
    t.react = pause_now;
    SSL_write_ex(p->ssl, "ask", 3, &k);
    SSL_shutdown(p->ssl);
    peer_pump(p);
    sim_advance(t.s, 100);
    assert_int_equal(t.closes, 0);
    assert_true(net_is_open(t.last));
    net_resume(t.last);
    sim_settle(t.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, 0);
    peer_free(p);
}

static void a_pause_holds_back_bytes(void **state)
{
    peer *p = meet();

    (void)state;
    net_pause(t.last);
    peer_say(p, "ask", 3);
    assert_int_equal(t.ngot, 0);
    net_resume(t.last);
    sim_settle(t.s);
    rig_expect("ask");
    peer_free(p);
}

static void abort_now(net_stream *s)
{
    t.react = NULL;
    net_abort(s, SIO_ECANCELED);
}

static void aborting_while_it_reads(void **state)
{
    peer *p = meet();

    (void)state;
    t.react = abort_now;
    peer_say(p, "ask", 3);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_ECANCELED);
    assert_int_equal(sim_server_fds(t.s), 0);
    peer_free(p);
}

/* What was cut off does not look like an end. */
static void aborting_over_unsent_bytes(void **state)
{
    (void)state;
    for (int unsent = 0; unsent < 2; unsent++) {
        peer *p = meet();
        if (unsent)
            net_send_copy(t.last, "lost", 4);
        net_abort(t.last, SIO_ECANCELED);
        peer_pump(p);
        assert_int_equal(p->ngot, 0);
        assert_int_equal(p->why, unsent ? 0 : SSL_ERROR_ZERO_RETURN);
        assert_true(sim_eof(t.s, p->fd));
        peer_free(p);
    }
}

/* ---- moving ---- */

static net_line moving;

static void detach_now(net_stream *s)
{
    t.react = NULL;
    moving = net_detach(s);
}

/* To another loop, with half a record read. */
static void a_connection_moves_with_its_state(void **state)
{
    static char b[1 << 16];
    net_limits limits = {1 << 20};
    peer *p = meet();
    size_t k;
    loop *l;
    net *n;
    int all;

    (void)state;
    assert_int_equal(sim_loop_new(t.s, &l), 0);
    assert_int_equal(net_new(&n, l, &limits), 0);
    t.react = detach_now;
    SSL_write_ex(p->ssl, "one", 3, &k);
    SSL_write_ex(p->ssl, "two", 3, &k);
    SSL_shutdown(p->ssl);
    all = BIO_read(p->out, b, sizeof(b));
    sim_send(t.s, p->fd, b, 30); /* a record of 3 is 25 bytes */
    sim_settle(t.s);
    rig_expect("one");
    sim_send(t.s, p->fd, b + 30, (size_t)all - 30);
    sim_settle(t.s);
    assert_int_equal(t.ngot, 0);
    assert_int_equal(t.closes, 0);
    t.last = net_attach(n, moving, &rig_ops, &t);
    assert_true(net_is_secure(t.last));
    net_send_copy(t.last, "three", 5);
    peer_pump(p);
    rig_expect("two");
    peer_expect(p, "three");
    assert_int_equal(p->why, SSL_ERROR_ZERO_RETURN);
    assert_int_equal(t.err, 0);
    peer_free(p);
    net_free(n);
    loop_free(l);
}

/* It had ended when it moved; who takes it hears of that. Or nobody does. */
static void an_end_moves_along(void **state)
{
    peer *p = meet();
    size_t k;

    (void)state;
    t.react = detach_now;
    SSL_write_ex(p->ssl, "one", 3, &k);
    SSL_shutdown(p->ssl);
    peer_pump(p);
    rig_expect("one");
    t.last = net_attach(t.n, moving, &rig_ops, &t);
    sim_settle(t.s);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, 0);
    peer_free(p);
    p = meet();
    t.react = detach_now;
    peer_say(p, "x", 1);
    net_line_drop(t.l, moving);
    sim_settle(t.s);
    assert_true(sim_eof(t.s, p->fd));
    assert_int_equal(t.closes, 1);
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_conversation, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_with_the_handshake_is_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(records_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(a_turn_leaves_in_one_write, setup, teardown),
        cmocka_unit_test_setup_teardown(partial_writes_keep_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(more_may_be_queued_while_the_kernel_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_update_while_the_kernel_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(random_conversations, setup, teardown),
        cmocka_unit_test_setup_teardown(too_much_unsent_is_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_says_so_behind_the_last_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(close_notify_waits_for_room, setup, teardown),
        cmocka_unit_test_setup_teardown(the_peer_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_without_close_notify_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_forged_record_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pause_holds_back_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pause_holds_back_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(aborting_while_it_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(aborting_over_unsent_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_connection_moves_with_its_state, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_moves_along, setup, teardown),
    };
    return cmocka_run_group_tests(tests, certs_make, certs_free);
}
