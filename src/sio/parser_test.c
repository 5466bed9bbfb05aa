/* Servers with the msgpack parser: one binary message a packet, over both transports. */
#include "sio/rig_test.h"

static rig R;
static sio_ns *N;
static int errors;

static void on_echo(sio_socket *s, sio_in *in)
{
    if (sio_wants_ack(in))
        sio_ack(in, sio_arg(in, 0));
    else
        sio_emit(s, "echo", sio_arg(in, 0));
}

static void on_error(sio_socket *s, int err, const char *what)
{
    (void)s, (void)what;
    assert_int_equal(err, SIO_EPARSE);
    errors++;
}

static void up(unsigned loops)
{
    sio_options o = rig_options(loops);

    errors = 0;
    o.parser = SIO_PARSER_MSGPACK;
    rig_init(&R, &o);
    N = sio_of(R.io, "/", NULL);
    sio_on(N, "echo", on_echo);
    sio_on_error(N, on_error);
    assert_int_equal(sio_plain_ws(R.io, "/plain", N), 0);
    rig_listen(&R);
}

#define say(p, bytes)  peer_send_frame(p, 0x82, bytes, sizeof bytes - 1)
#define hear(p, bytes) peer_expect_frame(p, 2, bytes, sizeof bytes - 1)

/* {type: 0, data: {sid: "..."}, nsp: "/"}: the 20 characters are not compared. */
static void join(peer *p)
{
    static const char answer[] = "\x83\xa4type\x00\xa4"
                                 "data\x81\xa3sid\xb4";
    peer_frame f;
    size_t size;

    rig_open(&R, p);
    say(p, "\x83\xa4type\x00\xa4"
           "data\xd4\x00\x00\xa3nsp\xa1/"); /* undefined, as notepack says it */
    assert_true(peer_peek_frame(p, &f, &size));
    assert_int_equal(f.opcode, 2);
    assert_int_equal(f.payload.n, sizeof answer - 1 + 20 + 6);
    assert_memory_equal(f.payload.p, answer, sizeof answer - 1);
    assert_memory_equal(f.payload.p + f.payload.n - 6, "\xa3nsp\xa1/", 6);
    buf_consume(&p->in, size);
}

static void test_events(void **state)
{
    peer p;

    (void)state;
    up(1);
    join(&p);
    say(&p, "\x83\xa4type\x02\xa4"
            "data\x92\xa4"
            "echo\xc4\x02\x01\x02\xa3nsp\xa1/");
    hear(&p, "\x83\xa4type\x02\xa4"
             "data\x92\xa4"
             "echo\xc4\x02\x01\x02\xa3nsp\xa1/");
    say(&p, "\x84\xa4type\x02\xa4"
            "data\x92\xa4"
            "echo\x81\xa1k\x93\x01\xc3\xc0\xa7options\x80\xa3nsp\xa1/");
    hear(&p, "\x83\xa4type\x02\xa4"
             "data\x92\xa4"
             "echo\x81\xa1k\x93\x01\xc3\xc0\xa3nsp\xa1/");
    say(&p, "\x84\xa4type\x02\xa4"
            "data\x92\xa4"
            "echo\x07\xa2id\x05\xa3nsp\xa1/");
    hear(&p, "\x84\xa4type\x03\xa4"
             "data\x91\x07\xa2id\x05\xa3nsp\xa1/");
    peer_expect_nothing(&p);
    peer_close(&p);
    rig_fini(&R);
}

static void test_to_all_kinds_of_clients(void **state)
{
    static const char packet[] = "\x83\xa4type\x02\xa4"
                                 "data\x92\xa4news\xa2"
                                 "hi\xa3nsp\xa1/";
    peer p, q, r;

    (void)state;
    up(3);
    join(&p);
    join(&q);
    rig_upgrade(&R, &r, "/plain");
    assert_int_equal(sio_emit(N, "news", "hi"), 0);
    sim_settle(R.s);
    hear(&p, packet);
    hear(&q, packet);
    peer_hears(&r, "[\"news\",\"hi\"]");
    peer_close(&p);
    peer_close(&q);
    peer_close(&r);
    rig_fini(&R);
}

static void expect_refused(peer *p)
{
    peer_expect_frame(p, 8, "", 0);
    peer_close(p);
}

static void test_what_is_no_packet(void **state)
{
    peer p;

    (void)state;
    up(1);
    join(&p);
    peer_say(&p, "42[\"echo\",1]");
    expect_refused(&p);
    join(&p);
    say(&p, "\xc0");
    expect_refused(&p);
    join(&p);
    say(&p, "\x83\xa4type\x09\xa4"
            "data\x91\xa4"
            "echo\xa3nsp\xa1/");
    expect_refused(&p);
    join(&p);
    say(&p, "\x83\xa4type\x02\xa4"
            "data\x91\xa4"
            "echo\xa3nsp\xa1");
    expect_refused(&p);
    assert_int_equal(errors, 4);
    rig_fini(&R);
}

static void test_polling(void **state)
{
    char where[128], *open, *body;
    peer p;

    (void)state;
    up(1);
    rig_dial(&R, &p);
    peer_get(&p, "/socket.io/?EIO=4&transport=polling");
    open = peer_body(&p, 200);
    snprintf(where, sizeof where, "/socket.io/?EIO=4&transport=polling&sid=%.20s", open + 9);
    free(open);
    peer_post(&p, where, "bg6R0eXBlAKRkYXRh1AAAo25zcKEv"); /* CONNECT */
    free(peer_body(&p, 200));
    peer_get(&p, where);
    body = peer_body(&p, 200);
    assert_memory_equal(body, "bg6R0eXBlAKRkYXRhgaNzaWS0", 25);
    free(body);
    peer_close(&p);
    rig_fini(&R);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_to_all_kinds_of_clients),
        cmocka_unit_test(test_what_is_no_packet),
        cmocka_unit_test(test_polling),
    };

    return cmocka_run_group_tests_name("msgpack parser", tests, NULL, NULL);
}
