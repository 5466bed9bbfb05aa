/* Two servers with real threads and sockets in one program: each request goes to the one that does not
 * have the session. */
#include "cluster/link.h"
#include "cluster/link_address.h"

#include "cluster/client_test.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct side {
    sio_server *io;
    peer_link  *link;
    pthread_t   thread;
    atomic_bool runs;
} side;

static side S[2];
static atomic_int book_err; /* what the book says, when it is none of these */
static const char *const codes[] = {"AAAA", "BBBB"};

/* ---- the servers ---- */

static void on_echo(sio_socket *s, sio_in *in)
{
    sio_emit(s, "echo", sio_arg(in, 0));
    sio_ack(in, sio_arg(in, 0));
}

/* "DEAD" is in the book with an address where nobody is, "WRNG" with that of somebody else. */
static void find(void *book, sio_str code, peer_link_found_fn *fn, void *arg)
{
    (void)book;
    if (book_err) {
        fn(arg, book_err, NULL);
        return;
    }
    for (int i = 0; i < 2; i++)
        if (sio_str_eq(code, sio_str_z(codes[i]))) {
            fn(arg, S[i].runs ? 0 : SIO_ENOENT, S[i].runs ? peer_link_address(S[i].link) : NULL);
            return;
        }
    if (sio_str_eq(code, sio_lit("DEAD")))
        fn(arg, 0, "127.0.0.1:1");
    else if (sio_str_eq(code, sio_lit("WRNG")))
        fn(arg, 0, peer_link_address(S[1].link));
    else
        fn(arg, SIO_ENOENT, NULL);
}

static void *run(void *arg)
{
    assert_int_equal(sio_server_run(arg), 0);
    return NULL;
}

static void start(side *s, const char *code)
{
    sio_options o;
    peer_link_options l = {.secret = "a secret of both", .host = "127.0.0.1"};

    sio_options_init(&o);
    o.host = "127.0.0.1";
    o.port = 0;
    o.loops = 2;
    o.node = code;
    o.cors = (sio_cors){.enabled = true, .reflect = true};
    assert_int_equal(sio_server_new(&s->io, &o), 0);
    sio_on(sio_of(s->io, "/", NULL), "echo", on_echo);
    assert_int_equal(peer_link_new(&s->link, s->io, &l), 0);
    peer_link_use_book(s->link, find, NULL);
    assert_int_equal(sio_server_listen(s->io), 0);
    assert_string_equal(sio_node(s->io), code);
    s->runs = true;
}

static void stop(side *s)
{
    if (!s->runs)
        return;
    sio_server_stop(s->io, 0);
    pthread_join(s->thread, NULL);
    peer_link_free(s->link);
    sio_server_free(s->io);
    s->runs = false;
}

static int up(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        start(&S[i], codes[i]);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&S[i].thread, NULL, run, S[i].io), 0);
    return 0;
}

static int down(void **state)
{
    (void)state;
    stop(&S[0]);
    stop(&S[1]);
    return 0;
}

/* ---- clients ---- */

static client dial(int which) { return dial_port(sio_server_port(S[which].io)); }

static void open_session(int which, char sid[21])
{
    open_session_at(sio_server_port(S[which].io), sid);
    assert_memory_equal(sid + 1, codes[which], 4);
}

/* ---- tests ---- */

static void a_session_is_served_through_the_other_node(void **state)
{
    peer_link_stats stats;
    char sid[21];

    (void)state;
    for (int round = 0; round < 10; round++) { /* sessions of both loops, through both */
        client a = dial(1), b = dial(0);

        open_session(0, sid);
        expect(ask(&a, "POST", sid, "40"), "\r\n\r\nok");
        expect(a.got, "Access-Control-Allow-Origin: http://o\r\n");
        expect(ask(&a, "GET", sid, ""), "40{\"sid\":");
        expect(ask(&a, "POST", sid, "421[\"echo\",{\"x\":1}]"), "ok");
        expect(ask(&b, "GET", sid, ""), "42[\"echo\",{\"x\":1}]\x1e" "431[{\"x\":1}]");
        expect(ask(&a, "POST", sid, "1"), "ok");
        expect(ask(&a, "GET", sid, ""), UNKNOWN);
        close(a.fd);
        close(b.fd);
    }
    peer_link_stats_read(S[1].link, &stats);
    assert_int_equal(stats.requests, 50);
    assert_int_equal(stats.failures, 0);
    assert_in_range(stats.dials, 1, 20);
}

static void frame(client *c, const char *text)
{
    char b[64] = {(char)0x81, (char)(0x80 | strlen(text)), 0, 0, 0, 0};

    memcpy(b + 6, text, strlen(text));
    put(c, b, 6 + strlen(text));
}

static void hear(client *c, const char *text)
{
    size_t n = strlen(text);

    get(c, 2 + n);
    assert_int_equal((unsigned char)c->got[1], n);
    assert_memory_equal(c->got + 2, text, n);
}

static void an_upgrade_through_the_other_node_becomes_a_tunnel(void **state)
{
    client a = dial(1), w = dial(1);
    peer_link_stats stats;
    char sid[21], head[512];
    size_t n = 0;

    (void)state;
    open_session(0, sid);
    ask(&a, "POST", sid, "40");
    ask(&a, "GET", sid, "");
    put(&w, head, (size_t)snprintf(head, sizeof head,
        "GET /socket.io/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", sid));
    while (n < 4 || memcmp(w.got + n - 4, "\r\n\r\n", 4) != 0)
        assert_int_equal(recv(w.fd, w.got + n++, 1, 0), 1);
    expect(w.got, "HTTP/1.1 101 ");
    expect(w.got, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    frame(&w, "2probe");
    hear(&w, "3probe");
    frame(&w, "5");
    frame(&w, "42[\"echo\",7]");
    hear(&w, "42[\"echo\",7]");
    peer_link_stats_read(S[1].link, &stats);
    assert_int_equal(stats.open_tunnels, 1);
    assert_int_equal(sio_clients_count(S[0].io), 1);
    close(w.fd);
    while (sio_clients_count(S[0].io)) /* the owner hears of it */
        usleep(1000);
    close(a.fd);
}

static void what_nobody_has_is_unknown(void **state)
{
    static const char *const sids[] = {"ACCCC0123456789abcde", "ADEAD0123456789abcde", "AWRNG0123456789abcde",
                                       "ABBBB0123456789abcde", "AAAAA0123456789abcde", "A%2fCC0123456789abcd",
                                       "short"};
    client a = dial(0);

    (void)state;
    for (size_t i = 0; i < sizeof sids / sizeof *sids; i++)
        expect(ask(&a, "GET", sids[i], ""), UNKNOWN);
    close(a.fd);
}

/* While Redis is away: where a node was is where it is looked for; who was never asked for is not known. */
static void without_the_book_known_nodes_are_served(void **state)
{
    client a = dial(1);
    char sid[21], later[21];

    (void)state;
    open_session(0, sid);
    expect(ask(&a, "POST", sid, "40"), "ok");
    book_err = SIO_EUNAVAILABLE;
    expect(ask(&a, "GET", sid, ""), "40{\"sid\":");
    expect(ask(&a, "GET", "ACCCC0123456789abcde", ""), UNKNOWN);
    stop(&S[0]);
    expect(ask(&a, "POST", sid, "3"), UNKNOWN); /* and so is one that has gone */
    expect(ask(&a, "POST", sid, "3"), UNKNOWN);
    book_err = 0;
    expect(ask(&a, "POST", sid, "3"), UNKNOWN);
    open_session(1, later);
    close(a.fd);
}

static void a_node_that_ends_takes_its_sessions_along(void **state)
{
    client a = dial(0);
    char sid[21];

    (void)state;
    open_session(1, sid);
    expect(ask(&a, "POST", sid, "40"), "ok");
    expect(ask(&a, "GET", sid, ""), "40{\"sid\":");
    stop(&S[1]);
    expect(ask(&a, "GET", sid, ""), UNKNOWN);
    expect(ask(&a, "GET", sid, ""), UNKNOWN); /* the book does not have it any more */
    expect(ask(&a, "GET", NULL, ""), "\"sid\":\"");
    close(a.fd);
}

static void the_link_wants_a_secret_and_a_free_port(void **state)
{
    peer_link_options o = {.host = "127.0.0.1"};
    const char *address = peer_link_address(S[1].link);
    peer_link *l = NULL;

    (void)state;
    assert_int_equal(peer_link_new(&l, S[0].io, &o), SIO_EINVAL);
    o.secret = "";
    assert_int_equal(peer_link_new(&l, S[0].io, &o), SIO_EINVAL);
    o.secret = "s";
    o.port = atoi(strchr(address, ':') + 1);
    assert_int_equal(peer_link_new(&l, S[0].io, &o), SIO_EADDR);
    assert_null(l);
}

static void addresses(void **state)
{
    static const char *const good[][2] = {
        {"node-1.example", "node-1.example:77"}, {"node_1:80", "node_1:80"}, {"10.0.0.1", "10.0.0.1:77"},
        {"::1", "[::1]:77"}, {"[fe80::1%eth0]:5", "[fe80::1%eth0]:5"}, {"[::1]", "[::1]:77"},
    };
    static const char *const bad[] = {"", ":80", "a:0", "a:65536", "a:", "a:1x", "a b", "[::1", "[]:1", "a/b",
                                      "a:1:2", "x\n"};
    char out[300], host[256];
    int port;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(link_address_write(good[i][0], 77, out, sizeof out));
        assert_string_equal(out, good[i][1]);
        assert_true(link_address_read(out, host, sizeof host, &port));
    }
    assert_string_equal(host, "::1");
    assert_int_equal(port, 77);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (link_address_write(bad[i], 77, out, sizeof out) ||
            link_address_read(bad[i], host, sizeof host, &port))
            fail_msg("\"%s\" is taken for an address", bad[i]);
    assert_false(link_address_write("abc", 77, out, 6));
    assert_false(link_address_read("abc:77", host, 3, &port));
}

#define LINK_TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_session_is_served_through_the_other_node),
        LINK_TEST(an_upgrade_through_the_other_node_becomes_a_tunnel),
        LINK_TEST(what_nobody_has_is_unknown),
        LINK_TEST(without_the_book_known_nodes_are_served),
        LINK_TEST(a_node_that_ends_takes_its_sessions_along),
        LINK_TEST(the_link_wants_a_secret_and_a_free_port),
        cmocka_unit_test(addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
