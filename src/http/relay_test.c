/* Two servers on a simulated machine: what comes to the front and belongs to the back is relayed through
 * the gate. */
#include "http/gate.h"
#include "http/relay.h"
#include "http/ws_conn.h"
#include "base/log.h"
#include "base/testing.h"
#include "loop/sim.h"
#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_UNSENT (256u << 10) /* of a stream: who forwards without looking would be over it soon */
#define BIG        (3u << 20)

static struct {
    sim              *s;
    loop             *l[2];
    net              *n[2];
    http_server      *front, *back;
    http_gate        *gate;
    http_relay       *relay;
    http_relay_target target;
    int               port, gate_port, back_port;
    http_req         *hanging;
    unsigned          aborted, unreachable, raw_closed;
    net_stream       *raw;
    size_t            raw_left;
    ws_limits         packing;        /* of WebSockets that compress */
    char              got[8 << 20];
} t;

/* ---- the front ---- */

static void on_front(void *ctx, http_req *r)
{
    (void)ctx;
    if (sio_str_eq(r->head->path, sio_lit("/own")))
        http_reply(r, 200, sio_lit(""), sio_lit("front"));
    else
        http_relay_send(t.relay, r, &t.target);
}

static void on_unreachable(void *ctx, http_req *r, http_relay_target *target)
{
    assert_ptr_equal(ctx, &t);
    assert_ptr_equal(target, &t.target);
    t.unreachable++;
    http_reply(r, 400, sio_lit("X-By: front\r\n"), sio_lit("unknown"));
}

/* ---- the back ---- */

static void on_abort(http_req *r)
{
    assert_ptr_equal(r, t.hanging);
    t.hanging = NULL;
    t.aborted++;
}

static void on_echo(http_req *r, int err, char *p, size_t n)
{
    char text[4096], client[64];

    http_peer(r, client, sizeof client);
    snprintf(text, sizeof text, "%.*s %.*s|%.*s|%s|%s|%zu|%.*s", (int)r->head->method.n, r->head->method.p,
             (int)r->head->target.n, r->head->target.p, (int)http1_header_get(r->head, "x-a").n,
             http1_header_get(r->head, "x-a").p, http_is_relayed(r) ? client : "direct",
             http1_header_get(r->head, HTTP_CLIENT_HEADER).p ? "named" : "not named", n,
             n < 100 ? (int)n : 0, p);
    http_reply(r, err < 0 ? 413 : 200, sio_lit("X-By: back\r\n"), sio_str_z(text));
}

static void raw_more(net_stream *s)
{
    static char block[16384];

    while (t.raw_left && !net_is_blocked(s)) {
        net_send_copy(s, block, sizeof block);
        net_flush(s);
        t.raw_left -= sizeof block;
    }
}

static void on_raw_data(net_stream *s, char *p, size_t n)
{
    if (n == 3 && memcmp(p, "big", 3) == 0) {
        t.raw_left = BIG;
        raw_more(s);
    } else if (n == 3 && memcmp(p, "bye", 3) == 0) {
        net_send_copy(s, "see you", 7);
        net_close(s);
    } else {
        net_send_copy(s, p, n);
    }
}

static void on_raw_close(net_stream *s, int err)
{
    (void)s, (void)err;
    t.raw_closed++;
    t.raw = NULL;
}

static void on_packed(ws_conn *c, bool binary, char *p, size_t n)
{
    ws_send(c, binary ? WS_BINARY : WS_TEXT, p, n);
}

static void on_packed_close(ws_conn *c, unsigned code, bool clean)
{
    (void)c, (void)code, (void)clean;
}

static const ws_conn_ops packed_ops = {.on_message = on_packed, .on_close = on_packed_close};

static void on_back(void *ctx, http_req *r)
{
    static const net_ops raw = {on_raw_data, raw_more, on_raw_close};
    static char big[BIG];

    (void)ctx;
    if (sio_str_eq(r->head->path, sio_lit("/hang"))) {
        assert_int_equal(http_hold(r), 0);
        r->on_abort = on_abort;
        t.hanging = r;
    } else if (sio_str_eq(r->head->path, sio_lit("/big"))) {
        http_reply(r, 200, sio_lit(""), (sio_str){big, 200000});
    } else if (sio_str_eq(r->head->path, sio_lit("/none"))) {
        http_reply(r, 204, sio_lit("X-By: back\r\n"), sio_lit(""));
    } else if (sio_str_eq(r->head->path, sio_lit("/drop"))) {
        http_drop(r);
    } else if (sio_str_eq(r->head->path, sio_lit("/deflate"))) {
        assert_non_null(ws_accept_upgrade(r, sio_lit(""), &t.packing, &packed_ops, NULL));
    } else if (r->head->upgrade) {
        t.raw = http_upgrade(r, sio_lit("Upgrade: raw\r\nConnection: Upgrade\r\n"), &raw, NULL);
        net_send_copy(t.raw, "first", 5);
    } else {
        http_body(r, 1000, on_echo);
    }
}

/* ---- the rig ---- */

static void start_relay(const char *secret, const char *node)
{
    http_relay_options o = {.secret = sio_str_z(secret), .node = "FRNT", .max_body = 1000, .answer_ms = 60000,
                            .on_unreachable = on_unreachable, .ctx = &t};
    int port = t.gate_port;

    assert_int_equal(http_relay_new(&t.relay, t.n[0], &o), 0);
    http_relay_target_init(&t.target, node);
    http_relay_target_set(&t.target, "127.0.0.1", port);
}

static int up(void **state)
{
    static const net_limits limits = {MAX_UNSENT};
    http_gate_options gate = {sio_lit("secret"), "BACK"};

    (void)state;
    memset(&t, 0, sizeof t - sizeof t.got);
    t.s = sim_new(0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sim_loop_new(t.s, &t.l[i]), 0);
        assert_int_equal(net_new(&t.n[i], t.l[i], &limits), 0);
        assert_int_equal(http_server_new(i ? &t.back : &t.front, t.n[i], NULL), 0);
    }
    assert_int_equal(http_server_route(t.front, (http_route){"/", false, on_front, NULL, false}), 0);
    assert_int_equal(http_server_route(t.back, (http_route){"/", false, on_back, NULL, false}), 0);
    assert_int_equal(http_server_listen(t.front, NULL, &t.port), 0);
    assert_int_equal(http_server_listen(t.back, NULL, &t.back_port), 0);
    assert_int_equal(http_gate_new(&t.gate, t.back, &gate, NULL, &t.gate_port), 0);
    start_relay("secret", "BACK");
    t.packing = (ws_limits){.max_message = 1000, .deflate = ws_deflate_new(20, 6)};
    return 0;
}

static int down(void **state)
{
    (void)state;
    sim_settle(t.s);
    http_relay_free(t.relay);
    assert_int_equal(t.target.uses, 0);
    http_gate_free(t.gate);
    http_server_free(t.front);
    http_server_free(t.back);
    net_free(t.n[0]);
    net_free(t.n[1]);
    loop_free(t.l[0]);
    loop_free(t.l[1]);
    sim_free(t.s);
    ws_deflate_free(t.packing.deflate);
    return 0;
}

/* ---- clients ---- */

static int dial(int port)
{
    int fd = sim_dial(t.s, port);

    assert_true(fd >= 0);
    sim_settle(t.s);
    return fd;
}

static void say(int fd, const char *text)
{
    sim_send(t.s, fd, text, strlen(text));
    sim_settle(t.s);
}

static const char *hear(int fd)
{
    size_t n = sim_recv(t.s, fd, t.got, sizeof t.got - 1);

    t.got[n] = 0;
    sim_settle(t.s);
    return t.got;
}

#define expect(fd, text) assert_string_equal(hear(fd), text)
#define GET(path)        "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define FAILED           "HTTP/1.1 400 Bad Request\r\nX-By: front\r\nContent-Length: 7\r\n\r\nunknown"

static void requests_and_answers_pass(void **state)
{
    int fd = dial(t.port);

    (void)state;
    say(fd, "GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-A: y\r\nConnection: keep-alive\r\nTE: trailers\r\n\r\n");
    expect(fd, "HTTP/1.1 200 OK\r\nX-By: back\r\nContent-Length: 31\r\n\r\nGET /a?b=c|y|127.0.0.1|named|0|");
    say(fd, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "hello");
    expect(fd, "HTTP/1.1 200 OK\r\nX-By: back\r\nContent-Length: 32\r\n\r\nPOST /p||127.0.0.1|named|5|hello");
    say(fd, "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" GET("/own") GET("/none"));
    expect(fd, "HTTP/1.1 200 OK\r\nX-By: back\r\nContent-Length: 30\r\n\r\nPOST /p||127.0.0.1|named|3|abc"
               "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfront"
               "HTTP/1.1 204 No Content\r\nX-By: back\r\n\r\n");
    say(fd, "HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n" GET("/i"));
    expect(fd, "HTTP/1.1 200 OK\r\nX-By: back\r\nContent-Length: 27\r\n\r\n"
               "HTTP/1.1 200 OK\r\nX-By: back\r\nContent-Length: 26\r\n\r\nGET /i||127.0.0.1|named|0|");
    assert_int_equal(stat_get(&http_relay_stats_of(t.relay)->dials), 1);
    assert_int_equal(stat_get(&http_relay_stats_of(t.relay)->requests), 6);
}

static uint64_t count(const stat_cell *c) { return stat_get(c); }
#define STATS http_relay_stats_of(t.relay)

/* Who says in whose name it asks is believed at the gate only. */
static void the_client_is_named_by_us_only(void **state)
{
    int fd = dial(t.port), direct = dial(t.back_port);

    (void)state;
    say(fd, "GET /x HTTP/1.1\r\nHost: x\r\nSio-link-client: 6.6.6.6\r\n\r\n");
    expect(fd, "HTTP/1.1 200 OK\r\nX-By: back\r\nContent-Length: 26\r\n\r\nGET /x||127.0.0.1|named|0|");
    say(direct, "GET /x HTTP/1.1\r\nHost: x\r\nSIO-LINK-CLIENT: 6.6.6.6\r\n\r\n");
    expect(direct, "HTTP/1.1 200 OK\r\nX-By: back\r\nContent-Length: 27\r\n\r\nGET /x||direct|not named|0|");
}

static void polls_hang_and_share_connections(void **state)
{
    int a = dial(t.port), b = dial(t.port);

    (void)state;
    say(a, GET("/hang"));
    assert_non_null(t.hanging);
    say(b, GET("/b"));
    say(b, GET("/b"));
    assert_int_equal(count(&STATS->dials), 2);
    sim_advance(t.s, 50000);
    expect(a, "");
    http_reply(t.hanging, 200, sio_lit(""), sio_lit("late"));
    t.hanging = NULL;
    sim_settle(t.s);
    expect(a, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
    sim_advance(t.s, 40000); /* kept connections are given back */
    assert_int_equal(t.target.uses, 0);
    say(a, GET("/a"));
    assert_non_null(strstr(hear(a), "GET /a"));
    assert_int_equal(count(&STATS->dials), 3);
}

static void a_client_that_goes_ends_its_request(void **state)
{
    int fd = dial(t.port);

    (void)state;
    say(fd, GET("/hang"));
    assert_non_null(t.hanging);
    sim_hangup(t.s, fd);
    sim_settle(t.s);
    assert_int_equal(t.aborted, 1);
    assert_int_equal(t.target.uses, 0);
    assert_int_equal(t.unreachable, 0);
}

static void a_server_that_goes_is_unreachable(void **state)
{
    int fd = dial(t.port), b = dial(t.port);

    (void)state;
    say(fd, GET("/hang"));
    http_gate_free(t.gate);
    t.gate = NULL;
    http_drop(t.hanging);
    sim_settle(t.s);
    expect(fd, FAILED);
    say(fd, GET("/x") GET("/own")); /* nobody listens any more */
    sim_advance(t.s, 10);
    expect(fd, FAILED "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfront");
    say(b, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
    sim_advance(t.s, 10);
    expect(b, FAILED);
    assert_int_equal(t.unreachable, 3);
    assert_int_equal(count(&STATS->failures), 3);
}

static void a_silent_server_is_given_up(void **state)
{
    int fd = dial(t.port);

    (void)state;
    say(fd, GET("/hang"));
    sim_advance(t.s, 60100);
    expect(fd, FAILED);
    assert_int_equal(t.aborted, 1);
}

static void with(const char *secret, const char *node)
{
    int fd = dial(t.port);

    http_relay_free(t.relay);
    start_relay(secret, node);
    say(fd, GET("/x"));
    expect(fd, FAILED);
    assert_int_equal(t.target.uses, 0);
}

/* Warnings: of the gate, and of the relay. */
static unsigned refusals, faults;

static void on_log(log_level level, const char *line, const log_field *fields, size_t n)
{
    (void)fields;
    (void)n;
    assert_null(strstr(line, "Secret"));
    refusals += level == LOG_WARN && strstr(line, "is refused: its CLUSTER_SECRET is another");
    faults += level == LOG_WARN && strstr(line, "is CLUSTER_SECRET the same on both?");
}

static void another_secret_or_node_is_refused(void **state)
{
    (void)state;
    refusals = faults = 0;
    log_setup(LOG_DEBUG, on_log);
    with("Secret", "BACK");
    assert_true(refusals + faults >= 1);
    with("secret", "KCAB");
    with("Secret", "BACK");
    assert_int_equal(http_gate_refused(t.gate), 3);
    assert_int_equal(refusals, 1);
    sim_advance(t.s, 1000);
    with("secret", "KCAB");
    log_setup(LOG_WARN, NULL);
    assert_int_equal(refusals, 2);
    assert_int_equal(faults, 4); /* each relay of `with` is a new one */
}

static void strangers_do_not_get_through_the_gate(void **state)
{
    int http = dial(t.gate_port), silent = dial(t.gate_port), half = dial(t.gate_port);

    (void)state;
    say(http, GET("/x"));
    assert_true(sim_eof(t.s, http));
    say(half, "SIOLINK1FRNTBACK");
    sim_advance(t.s, 5100);
    assert_true(sim_eof(t.s, silent) && sim_eof(t.s, half));
    expect(http, "");
    assert_int_equal(http_gate_refused(t.gate), 3);
}

static void a_body_over_the_limit_is_the_owners_to_refuse(void **state)
{
    static char text[2000 + 100];
    int fd = dial(t.port), n;

    (void)state;
    n = snprintf(text, sizeof text, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1500\r\n\r\n%01500d", 0);
    sim_send(t.s, fd, text, (size_t)n);
    sim_settle(t.s);
    assert_non_null(strstr(hear(fd), "HTTP/1.1 413"));
    assert_int_equal(t.target.uses, 0); /* that connection is of no use any more */
    say(fd, GET("/own"));
    assert_non_null(strstr(hear(fd), "front"));
}

static void many_at_once_wait_for_few_dials(void **state)
{
    int fd[100];

    (void)state;
    for (int i = 0; i < 100; i++) {
        fd[i] = dial(t.port);
        sim_send(t.s, fd[i], GET("/n"), strlen(GET("/n")));
    }
    sim_settle(t.s);
    for (int i = 0; i < 100; i++)
        assert_non_null(strstr(hear(fd[i]), "GET /n"));
    assert_in_range(count(&STATS->dials), 1, 16);
}

/* The head of an answer and its body may come in any pieces, and go as slowly as the client takes them. */
static void answers_keep_their_bytes(void **state)
{
    int fd = dial(t.port);
    size_t n = 0;

    (void)state;
    sim_limit(t.s, fd, 0, 1000);
    say(fd, GET("/big") GET("/own"));
    for (int i = 0; i < 1000 && n < 200000; i++) {
        n += sim_recv(t.s, fd, t.got + n, sizeof t.got - n);
        sim_settle(t.s);
    }
    while (sim_settle(t.s), true) {
        size_t m = sim_recv(t.s, fd, t.got + n, sizeof t.got - n);

        if (m == 0)
            break;
        n += m;
    }
    t.got[n] = 0;
    assert_memory_equal(t.got, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", 43);
    assert_int_equal(n, 43 + 200000 + strlen("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfront"));
}

static void a_relay_can_end_in_the_middle_of_an_answer(void **state)
{
    int fd = dial(t.port);

    (void)state;
    sim_limit(t.s, fd, 0, 1000); /* most of it is still on its way */
    say(fd, GET("/big"));
    assert_int_equal(strlen(hear(fd)), 43);
    http_relay_free(t.relay);
    start_relay("secret", "BACK");
    sim_hangup(t.s, fd);
    sim_settle(t.s);
}

static int open_tunnel(void)
{
    int fd = dial(t.port);

    say(fd, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nearly");
    expect(fd, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\nfirstearly");
    assert_int_equal(count(&STATS->open_tunnels), 1);
    return fd;
}

static void websockets_become_tunnels(void **state)
{
    int fd = open_tunnel();

    (void)state;
    say(fd, "hello");
    expect(fd, "hello");
    sim_advance(t.s, 100000); /* no time-out of ours */
    say(fd, "again");
    expect(fd, "again");
    sim_hangup(t.s, fd);
    sim_settle(t.s);
    assert_int_equal(t.raw_closed, 1);
    sim_advance(t.s, 3000);
    assert_int_equal(count(&STATS->open_tunnels), 0);
    assert_int_equal(t.target.uses, 0);
    fd = open_tunnel();
    say(fd, "bye");
    expect(fd, "see you");
    assert_true(sim_eof(t.s, fd));
    sim_hangup(t.s, fd);
    sim_advance(t.s, 3000);
    assert_int_equal(t.target.uses, 0);
}

/* What the client offers and the other server takes passes unchanged, and so do compressed frames. */
static void compression_is_agreed_on_with_the_other_server(void **state)
{
    char frame[200] = "\xc1\x80\0\0\0\0"; /* mask 0 */
    size_t n = 0;
    buf packed;
    int fd = dial(t.port);

    (void)state;
    say(fd, "GET /deflate HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n\r\n");
    assert_non_null(strstr(hear(fd), "\r\nSec-WebSocket-Extensions: permessage-deflate; "
                                     "server_no_context_takeover; "
                                     "client_no_context_takeover; server_max_window_bits=10\r\n"));
    buf_init(&packed, 1000);
    assert_int_equal(ws_deflate_pack(t.packing.deflate, sio_lit("row, row, row, row, row your boat"),
                                     &packed), 0);
    frame[1] |= (char)packed.n;
    memcpy(frame + 6, packed.p, packed.n);
    sim_send(t.s, fd, frame, 6 + packed.n);
    sim_settle(t.s);
    n = sim_recv(t.s, fd, t.got, sizeof t.got);
    assert_int_equal(n, 2 + packed.n);
    assert_int_equal((uint8_t)t.got[0], 0xc1);
    assert_memory_equal(t.got + 2, packed.p, packed.n);
    buf_fini(&packed);
}

/* Three megabytes pass while no stream may hold more than a quarter of one. */
static void a_tunnel_waits_for_slow_readers(void **state)
{
    int fd = open_tunnel();
    size_t n = 0, m;

    (void)state;
    sim_limit(t.s, fd, 0, 5000);
    say(fd, "big");
    do {
        m = sim_recv(t.s, fd, t.got, sizeof t.got);
        n += m;
        sim_settle(t.s);
    } while (m);
    assert_int_equal(n, BIG);
    assert_int_equal(t.raw_closed, 0);
}

static void a_refused_upgrade_is_an_answer(void **state)
{
    int fd = dial(t.port);

    (void)state;
    http_gate_free(t.gate);
    t.gate = NULL;
    say(fd, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n");
    sim_advance(t.s, 10);
    expect(fd, "HTTP/1.1 400 Bad Request\r\nX-By: front\r\nContent-Length: 7\r\n"
               "Connection: close\r\n\r\nunknown");
}

/* Whatever is under way when everything ends is given back. */
static void ends_with_everything_under_way(void **state)
{
    int a = dial(t.port), b = dial(t.port);

    (void)state;
    say(a, GET("/hang"));
    say(b, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf");
    open_tunnel();
}

#define RELAY_TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RELAY_TEST(requests_and_answers_pass),
        RELAY_TEST(the_client_is_named_by_us_only),
        RELAY_TEST(polls_hang_and_share_connections),
        RELAY_TEST(a_client_that_goes_ends_its_request),
        RELAY_TEST(a_server_that_goes_is_unreachable),
        RELAY_TEST(a_silent_server_is_given_up),
        RELAY_TEST(another_secret_or_node_is_refused),
        RELAY_TEST(strangers_do_not_get_through_the_gate),
        RELAY_TEST(a_body_over_the_limit_is_the_owners_to_refuse),
        RELAY_TEST(many_at_once_wait_for_few_dials),
        RELAY_TEST(answers_keep_their_bytes),
        RELAY_TEST(a_relay_can_end_in_the_middle_of_an_answer),
        RELAY_TEST(websockets_become_tunnels),
        RELAY_TEST(compression_is_agreed_on_with_the_other_server),
        RELAY_TEST(a_tunnel_waits_for_slow_readers),
        RELAY_TEST(a_refused_upgrade_is_an_answer),
        RELAY_TEST(ends_with_everything_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
