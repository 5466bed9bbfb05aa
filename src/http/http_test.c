/* Requests and replies: routes, keep-alive, pipelining, refusals, time. */
#include "http/rig_test.h"

#include <zlib.h>

static unsigned seen, aborted;
static http_req *pending;

/* Answers with method, path and query. */
static void on_echo(void *ctx, http_req *r)
{
    char b[4096];
    const http1_request *h = r->head;

    assert_ptr_equal(ctx, &R);
    int n = snprintf(b, sizeof(b), "%.*s %.*s %.*s", (int)h->method.n, h->method.p, (int)h->path.n, h->path.p,
                     (int)h->query.n, h->query.p);
    seen++;
    http_reply(r, 200, str(""), (sio_str){b, (size_t)n});
}

static void on_aborted(http_req *r)
{
    assert_ptr_equal(r, pending);
    http_reply(r, 200, str(""), str("too late")); /* ignored */
    aborted++;
    pending = NULL;
}

static void on_wait(void *ctx, http_req *r)
{
    (void)ctx;
    seen++;
    assert_null(r->user);
    r->user = &seen;
    r->on_abort = on_aborted;
    assert_int_equal(http_hold(r), 0);
    assert_int_equal(http_hold(r), 0);
    pending = r;
}

static void on_drop(void *ctx, http_req *r)
{
    (void)ctx;
    r->on_abort = on_aborted;
    http_drop(r);
}

static int up(void **state)
{
    seen = aborted = 0;
    pending = NULL;
    rig_up(state);
    rig_route("/exact", true, on_echo);
    rig_route("/pre/", false, on_echo);
    rig_route("/wait", false, on_wait);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, rig_down)

/* ---- routes and replies ---- */

static void routes_in_their_order(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, "GET /exact?a=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, OK_REPLY("14", "GET /exact a=1"));
    rig_send(fd, "GET /exact/ HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    rig_send(fd, "GET /pre/x/y HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, OK_REPLY("13", "GET /pre/x/y "));
    rig_send(fd, "GET /pre HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(http_server_connections(R.http[0]), 1);
    assert_ptr_equal(http_server_net(R.http[0]), R.n[0]);
    http_server_give(R.http[0], &seen);
    assert_ptr_equal(http_server_user(R.http[0]), &seen);
}

static void a_route_may_be_for_upgrades_only(void **state)
{
    (void)state;
    assert_int_equal(http_server_route(R.http[0], (http_route){"/both", true, on_drop, NULL, true}), 0);
    rig_route("/both", true, on_echo);
    int fd = rig_dial();
    rig_send(fd, "GET /both HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, OK_REPLY("10", "GET /both "));
    rig_send(fd, "GET /both HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    rig_expect(fd, "");
    assert_true(sim_eof(R.s, fd));
}

static void one_byte_at_a_time(void **state)
{
    const char *text = "GET /pre/slow?q HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"
                       "GET /exact HTTP/1.1\r\nHost: h\r\n\r\n";

    (void)state;
    int fd = rig_dial();
    for (const char *p = text; *p; p++) {
        sim_send(R.s, fd, p, 1);
        sim_settle(R.s);
    }
    rig_expect(fd, OK_REPLY("15", "GET /pre/slow q") OK_REPLY("11", "GET /exact "));
    sim_chunk(R.s, fd, 1);
    rig_send(fd, text);
    rig_expect(fd, OK_REPLY("15", "GET /pre/slow q") OK_REPLY("11", "GET /exact "));
}

static void on_status(void *ctx, http_req *r)
{
    (void)ctx;
    int status = atoi(r->head->path.p + 3);
    http_reply(r, status, str("X-A: b\r\nX-C: d\r\n"), str("body"));
}

static void heads_of_replies(void **state)
{
    (void)state;
    rig_route("/s/", false, on_status);
    int fd = rig_dial();
    rig_send(fd, "GET /s/403 HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, "HTTP/1.1 403 Forbidden\r\nX-A: b\r\nX-C: d\r\nContent-Length: 4\r\n\r\nbody");
    rig_send(fd, "GET /s/204 HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, "HTTP/1.1 204 No Content\r\nX-A: b\r\nX-C: d\r\n\r\n");
    rig_send(fd, "GET /s/304 HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, "HTTP/1.1 304 Not Modified\r\nX-A: b\r\nX-C: d\r\n\r\n");
    rig_send(fd, "HEAD /s/200 HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, "HTTP/1.1 200 OK\r\nX-A: b\r\nX-C: d\r\nContent-Length: 4\r\n\r\n");
    assert_int_equal(sim_writes(R.s, fd), 4);
    rig_send(fd, "GET /s/200 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    rig_expect(fd, "HTTP/1.1 200 OK\r\nX-A: b\r\nX-C: d\r\nContent-Length: 4\r\n"
                   "Connection: keep-alive\r\n\r\nbody");
    assert_false(sim_eof(R.s, fd));
    rig_send(fd, "GET /s/200 HTTP/1.0\r\n\r\n");
    rig_expect(fd, "HTTP/1.1 200 OK\r\nX-A: b\r\nX-C: d\r\nContent-Length: 4\r\n"
                   "Connection: close\r\n\r\nbody");
    assert_true(sim_eof(R.s, fd));
}

static void connection_close_is_obeyed(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, "GET /exact HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                 "GET /exact HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\nGET /exact ");
    assert_true(sim_eof(R.s, fd));
    assert_int_equal(seen, 1);
    assert_int_equal(http_server_connections(R.http[0]), 0);
    sim_hangup(R.s, fd);
    sim_settle(R.s);
    assert_false(sim_was_reset(R.s, fd));
}

/* ---- pipelining ---- */

static void pipelined_requests_leave_in_one_write(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, "GET /pre/1 HTTP/1.1\r\nHost: h\r\n\r\n"
                 "GET /pre/2 HTTP/1.1\r\nHost: h\r\n\r\nGET /pre/3 HTTP/1.1\r\nHo");
    rig_expect(fd, OK_REPLY("11", "GET /pre/1 ") OK_REPLY("11", "GET /pre/2 "));
    assert_int_equal(sim_writes(R.s, fd), 1);
    rig_send(fd, "st: h\r\n\r\n");
    rig_expect(fd, OK_REPLY("11", "GET /pre/3 "));
}

/* The others are served between, and a peer that does not read is answered as far as it reads. */
static void a_pipeline_takes_its_turns(void **state)
{
    static char many[100 * 32 + 1], expected[100 * 64];
    size_t total = 0;

    (void)state;
    int fd = rig_dial();
    for (int i = 0; i < 100; i++) {
        strcat(many, "GET /pre/1 HTTP/1.1\r\nHost: h\r\n\r\n");
        strcat(expected, OK_REPLY("11", "GET /pre/1 "));
    }
    rig_send(fd, many);
    assert_int_equal(seen, 100);
    assert_int_equal(sim_writes(R.s, fd), 3); /* 64, 32 and 4 */
    rig_expect(fd, expected);
    sim_limit(R.s, fd, 0, 1000);
    rig_send(fd, many);
    assert_true(seen < 200);
    while (total < strlen(expected)) {
        const char *got = rig_recv(fd);

        assert_memory_equal(got, expected + total, strlen(got));
        total += strlen(got);
        assert_true(got[0]);
    }
    assert_int_equal(seen, 200);
}

static void what_is_pipelined_waits(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\nGET /pre/2 HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_send(fd, "GET /pre/3 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(seen, 1);
    rig_expect(fd, "");
    assert_true(sio_str_eq(pending->head->path, str("/wait")));
    assert_true(sio_str_eq(http1_header_get(pending->head, "host"), str("h")));
    assert_ptr_equal(pending->user, &seen);
    http_reply(pending, 200, str(""), str("late"));
    assert_int_equal(seen, 1); /* not inside the reply */
    sim_settle(R.s);
    assert_int_equal(seen, 3);
    rig_expect(fd, OK_REPLY("4", "late") OK_REPLY("11", "GET /pre/2 ") OK_REPLY("11", "GET /pre/3 "));
}

static void a_peer_that_runs_ahead_is_not_read(void **state)
{
    static const char one[] = "GET /pre/x HTTP/1.1\r\nHost: h\r\n\r\n";
    unsigned n = 10000, replies = 0;

    (void)state;
    int fd = rig_dial();
    rig_send(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    for (unsigned i = 0; i < n; i++)
        sim_send(R.s, fd, one, sizeof(one) - 1);
    sim_settle(R.s); /* 310 KB: the rest stays in the pipe */
    http_reply(pending, 200, str(""), str(""));
    sim_settle(R.s);
    assert_int_equal(seen, n + 1);
    for (const char *p = rig_recv(fd); (p = strstr(p, "HTTP/1.1 200")); p++)
        replies++;
    assert_int_equal(replies, n + 1);
}

/* ---- refusals ---- */

static void bad_requests_are_refused(void **state)
{
    static const struct {
        const char *request, *status;
    } cases[] = {
        {"GET\r\n\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
        {"\x16\x03\x01\x02\r\n\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", "400 Bad Request"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "400 Bad Request"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Implemented"},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505 HTTP Version Not Supported"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char want[200];
        int fd = rig_dial();
        snprintf(want, sizeof(want), BAD("%s"), cases[i].status);
        rig_send(fd, cases[i].request);
        rig_expect(fd, want);
        assert_true(sim_eof(R.s, fd));
        sim_hangup(R.s, fd);
        sim_settle(R.s);
        assert_false(sim_was_reset(R.s, fd));
    }
    assert_int_equal(sim_server_fds(R.s), 0);
    assert_int_equal(http_server_connections(R.http[0]), 0);
}

static void a_head_has_a_limit(void **state)
{
    char line[1100];

    (void)state;
    int fd = rig_dial();
    rig_send(fd, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 15; i++) {
        memset(line, 'x', sizeof(line));
        snprintf(line + 1000, 100, "%d: y\r\n", i);
        rig_send(fd, line);
        rig_expect(fd, "");
    }
    for (int i = 0; i < 3; i++)
        rig_send(fd, line);
    rig_expect(fd, BAD("431 Request Header Fields Too Large"));
    rig_send(fd, line);
    assert_true(sim_eof(R.s, fd));
}

static void requests_before_a_bad_one_are_served(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, "GET /exact HTTP/1.1\r\nHost: h\r\n\r\nnonsense\r\n\r\n"
                 "GET /exact HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, OK_REPLY("11", "GET /exact ") BAD("400 Bad Request"));
    assert_int_equal(seen, 1);
}

/* ---- time ---- */

static void idle_connections_are_closed(void **state)
{
    (void)state;
    int fresh = rig_dial(), used = rig_dial();
    sim_advance(R.s, 60000);
    rig_send(used, "GET /exact HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_recv(used);
    sim_advance(R.s, 5500);
    rig_expect(fresh, "");
    assert_true(sim_eof(R.s, fresh));
    assert_false(sim_eof(R.s, used));
    sim_advance(R.s, 60000);
    rig_expect(used, "");
    assert_true(sim_eof(R.s, used));
}

static void slow_heads_are_refused(void **state)
{
    (void)state;
    int fd = rig_dial();
    sim_advance(R.s, 30000);
    rig_send(fd, "GET /exact HT");
    sim_advance(R.s, 10000);
    rig_send(fd, "TP/1.1\r\n");
    sim_advance(R.s, 9900);
    rig_expect(fd, "");
    sim_advance(R.s, 200);
    rig_expect(fd, BAD("408 Request Timeout"));
    assert_true(sim_eof(R.s, fd));
    assert_int_equal(seen, 0);
}

static void a_pending_request_may_wait_for_ever(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    sim_advance(R.s, 3600000);
    http_reply(pending, 200, str(""), str("x"));
    sim_settle(R.s);
    rig_expect(fd, OK_REPLY("1", "x"));
}

/* ---- ends ---- */

static void the_peer_goes_away(void **state)
{
    (void)state;
    int fd = rig_dial();
    rig_send(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    char peer[20];
    http_peer(pending, peer, sizeof(peer));
    assert_string_equal(peer, "127.0.0.1");
    sim_hangup(R.s, fd);
    sim_settle(R.s);
    assert_int_equal(aborted, 1);
    assert_int_equal(http_server_connections(R.http[0]), 0);
    fd = rig_dial();
    rig_send(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    sim_reset(R.s, fd);
    sim_settle(R.s);
    assert_int_equal(aborted, 2);
    assert_int_equal(sim_server_fds(R.s), 0);
}

static void a_request_may_be_dropped(void **state)
{
    (void)state;
    rig_route("/drop", true, on_drop);
    int fd = rig_dial();
    rig_send(fd, "GET /drop HTTP/1.1\r\nHost: h\r\n\r\nGET /exact HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_expect(fd, "");
    assert_true(sim_eof(R.s, fd));
    fd = rig_dial();
    rig_send(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    http_drop(pending);
    rig_expect(fd, "");
    assert_true(sim_eof(R.s, fd));
    assert_int_equal(aborted, 0);
    assert_int_equal(seen, 1);
}

static void draining(void **state)
{
    (void)state;
    int idle = rig_dial(), busy = rig_dial(), half = rig_dial();
    rig_send(busy, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_send(half, "GET /exact HTTP/1.1\r\n");
    http_server_drain(R.http[0]);
    assert_int_equal(sim_dial(R.s, R.port), -1);
    sim_settle(R.s);
    assert_true(sim_eof(R.s, idle));
    assert_false(sim_eof(R.s, busy));
    http_reply(pending, 200, str(""), str("x"));
    sim_settle(R.s);
    rig_expect(busy, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    rig_send(half, "Host: h\r\n\r\n");
    rig_expect(half, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\nGET /exact ");
    assert_int_equal(http_server_connections(R.http[0]), 0);
}

static void freed_in_any_order(bool net_first)
{
    int fd = rig_dial();
    rig_send(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    if (net_first)
        net_free(R.n[0]);
    http_server_free(R.http[0]);
    assert_int_equal(aborted, 1);
    assert_true(sim_eof(R.s, fd));
    if (!net_first)
        net_free(R.n[0]);
    loop_free(R.l[0]);
    /* For rig_down, which settles: that loop must not run any more. */
    R.http[0] = NULL;
    assert_int_equal(sim_loop_new(R.s, &R.l[0]), 0);
    assert_int_equal(net_new(&R.n[0], R.l[0], &(net_limits){100}), 0);
}

static void freeing_aborts_what_is_pending(void **state)
{
    (void)state;
    freed_in_any_order(false);
}

static void net_may_be_freed_first(void **state)
{
    (void)state;
    freed_in_any_order(true);
}

/* ---- compression ---- */

static void inflates_to(const buf *b, int bits, const char *text, size_t n)
{
    static char back[100000];
    z_stream z = {.next_in = (Bytef *)b->p, .avail_in = (uInt)b->n};

    z.next_out = (Bytef *)back;
    z.avail_out = sizeof(back);
    assert_int_equal(inflateInit2(&z, bits), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, n);
    assert_memory_equal(back, text, n);
    inflateEnd(&z);
}

static void bodies_are_compressed(void **state)
{
    static char text[50000];
    buf b;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 7);
    buf_init(&b, 100000);
    assert_int_equal(http_compress((sio_str){text, sizeof(text)}, true, &b), 0);
    assert_true(b.n < sizeof(text) / 10);
    inflates_to(&b, 15 + 16, text, sizeof(text));
    buf_fini(&b);
    assert_int_equal(http_compress((sio_str){text, sizeof(text)}, false, &b), 0);
    inflates_to(&b, 15, text, sizeof(text));
    buf_fini(&b);
    buf_init(&b, 100);
    assert_int_equal(http_compress((sio_str){text, sizeof(text)}, true, &b), SIO_ETOOBIG);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(routes_in_their_order),
        TEST(a_route_may_be_for_upgrades_only),
        TEST(one_byte_at_a_time),
        TEST(heads_of_replies),
        TEST(connection_close_is_obeyed),
        TEST(pipelined_requests_leave_in_one_write),
        TEST(a_pipeline_takes_its_turns),
        TEST(what_is_pipelined_waits),
        TEST(a_peer_that_runs_ahead_is_not_read),
        TEST(bad_requests_are_refused),
        TEST(a_head_has_a_limit),
        TEST(requests_before_a_bad_one_are_served),
        TEST(idle_connections_are_closed),
        TEST(slow_heads_are_refused),
        TEST(a_pending_request_may_wait_for_ever),
        TEST(the_peer_goes_away),
        TEST(a_request_may_be_dropped),
        TEST(draining),
        TEST(freeing_aborts_what_is_pending),
        TEST(net_may_be_freed_first),
        TEST(bodies_are_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
