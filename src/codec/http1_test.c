#include "codec/http1.h"

#include "base/testing.h"
#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: x\r\n"

static void assert_str(sio_str s, const char *want)
{
    assert_non_null(s.p);
    assert_int_equal(s.n, strlen(want));
    assert_memory_equal(s.p, want, s.n);
}

/* Parses a copy of exactly n bytes, so that ASan sees a read beyond them. */
static long parse_copy(const char *p, size_t n, char **copy, http1_request *out)
{
    *copy = malloc(n + !n);
    assert_non_null(*copy);
    memcpy(*copy, p, n);
    return http1_parse(*copy, n, out);
}

/* The result for a text that grows by one byte at a time: 0 until it is something else. */
static long parse_growing(const char *p, size_t n)
{
    long rc = 0;

    for (size_t i = 0; i <= n && rc == 0; i++) {
        http1_request r;
        char *copy;

        rc = parse_copy(p, i, &copy, &r);
        free(copy);
    }
    return rc;
}

static void check_status(const char *text, size_t n, long want)
{
    http1_request r;
    char *copy;
    long rc = parse_copy(text, n, &copy, &r);

    if (rc != want || parse_growing(text, n) != want)
        fail_msg("%.100s: %ld, expected %ld", text, rc, want);
    free(copy);
}

/* Parses a good head in both ways and returns the request; the text is a literal, so the slices stay good. */
static http1_request parse_good(const char *text)
{
    http1_request r;
    size_t n = strlen(text);

    check_status(text, n, (long)n);
    assert_int_equal(http1_parse(text, n, &r), n);
    return r;
}

static void a_browser_request_is_read(void **state)
{
    http1_request r = parse_good("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"
                                 "Host: example.com:3000\r\nAccept: */*\r\nX-Empty:\r\nX-Blank: \t \r\n"
                                 "X-Padded: \t a b \t\r\n"
                                 "Connection: keep-alive\r\n\r\n");

    (void)state;
    assert_str(r.method, "GET");
    assert_str(r.target, "/socket.io/?EIO=4&transport=polling");
    assert_str(r.path, "/socket.io/");
    assert_str(r.query, "EIO=4&transport=polling");
    assert_int_equal(r.minor, 1);
    assert_int_equal(r.nheaders, 6);
    assert_true(r.keep_alive);
    assert_false(r.upgrade || r.chunked || r.has_length || r.expect_continue);
    assert_str(http1_header_get(&r, "HOST"), "example.com:3000");
    assert_str(http1_header_get(&r, "x-padded"), "a b");
    assert_str(http1_header_get(&r, "x-empty"), "");
    assert_str(http1_header_get(&r, "x-blank"), "");
    assert_null(http1_header_get(&r, "x-absent").p);
}

static void a_websocket_upgrade_is_seen(void **state)
{
    http1_request r = parse_good(LINE HOST "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n");

    (void)state;
    assert_true(r.upgrade);
    r = parse_good(LINE HOST "Connection: keep-alive\r\nConnection: UPGRADE\r\nUpgrade: websocket\r\n\r\n");
    assert_true(r.upgrade);
    r = parse_good(LINE HOST "Upgrade: websocket\r\n\r\n");
    assert_false(r.upgrade);
    r = parse_good(LINE HOST "Connection: upgrade\r\n\r\n");
    assert_false(r.upgrade);
    r = parse_good("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_false(r.upgrade);
}

static void keep_alive_follows_version_and_connection(void **state)
{
    (void)state;
    assert_true(parse_good(LINE HOST "\r\n").keep_alive);
    assert_false(parse_good(LINE HOST "Connection: Close\r\n\r\n").keep_alive);
    assert_false(parse_good(LINE HOST "Connection: keep-alive\r\nConnection: x,close\r\n\r\n").keep_alive);
    assert_false(parse_good("GET / HTTP/1.0\r\n\r\n").keep_alive);
    assert_true(parse_good("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
    assert_int_equal(parse_good("GET / HTTP/1.0\r\n\r\n").minor, 0);
}

static void bodies_are_announced_in_one_way_only(void **state)
{
    http1_request r = parse_good("POST / HTTP/1.1\r\n" HOST "content-length: 0123\r\n"
                                 "Expect: 100-Continue\r\n\r\n");

    (void)state;
    assert_true(r.has_length && r.expect_continue && !r.chunked);
    assert_int_equal(r.content_length, 123);
    r = parse_good("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n");
    assert_true(r.chunked && !r.has_length);
    r = parse_good("POST / HTTP/1.1\r\n" HOST "Content-Length: 999999999999999999\r\n\r\n");
    assert_true(r.content_length == 999999999999999999u);
}

static void every_form_of_target_gives_a_path(void **state)
{
    static const char *const cases[][3] = {
        {"GET /", "/", ""},
        {"GET /a?", "/a", ""},
        {"GET /a?b?c", "/a", "b?c"},
        {"GET //a", "//a", ""},
        {"GET /%7e|{}\"<>", "/%7e|{}\"<>", ""},
        {"GET http://example.com:80/a/b?c=d", "/a/b", "c=d"},
        {"GET HTTP://[::1]/", "/", ""},
        {"GET http://example.com", "/", ""},
        {"GET ws://example.com?x", "/", "x"},
        {"OPTIONS *", "*", ""},
        {"OPTIONS /a", "/a", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[128];
        http1_request r;

        snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" HOST "\r\n", cases[i][0]);
        r = parse_good(text);
        assert_str(r.path, cases[i][1]);
        if (*cases[i][2])
            assert_str(r.query, cases[i][2]);
        else
            assert_int_equal(r.query.n, 0);
    }
}

typedef struct bad_head {
    int         status;
    size_t      n;
    const char *text;
} bad_head;
#define BAD(status, text) {status, sizeof(text) - 1, text}

static const bad_head bad_heads[] = {
    BAD(-400, "GET / HTTP/1.1\n" HOST "\r\n"),
    BAD(-400, "GET / HTTP/1.1\n\n"),
    BAD(-400, LINE "Host: x\n\r\n\r\n"),
    BAD(-400, LINE HOST "A: b\rc\r\n\r\n"),
    BAD(-400, LINE HOST "A: b\r\r\n\r\n"),
    BAD(-400, LINE HOST "A: b\n\r\n\r\n"),
    BAD(-400, "\rGET / HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "\r\n\r\n" LINE HOST "\r\n"),
    BAD(-400, "GET / HTTP/1.1 \r\n" HOST "\r\n"),
    BAD(-400, "GET  / HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET\t/ HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, " GET / HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "G(T / HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET\r\n" HOST "\r\n"),
    BAD(-400, "GET /\r\n" HOST "\r\n"),
    BAD(-400, "GET / http/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET / HTTP/1.10\r\n" HOST "\r\n"),
    BAD(-400, "GET / HTTP/1,1\r\n" HOST "\r\n"),
    BAD(-400, "GET / HTTP/x.1\r\n" HOST "\r\n"),
    BAD(-400, "GET / HTTP/1.x\r\n" HOST "\r\n"),
    BAD(-505, "GET / HTTP/2.0\r\n" HOST "\r\n"),
    BAD(-505, "PRI * HTTP/2.0\r\n\r\n"),
    BAD(-400, "GET * HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET a HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET /#a HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET /\x01 HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET /\x7f HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "CONNECT example.com:443 HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET http:// HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET http:///a HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET http://u@example.com/ HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET http:/a HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, "GET 1://a/ HTTP/1.1\r\n" HOST "\r\n"),
    BAD(-400, LINE HOST " folded\r\n\r\n"),
    BAD(-400, LINE HOST "A: b\r\n\tfolded\r\n\r\n"),
    BAD(-400, LINE " Host: x\r\n\r\n"),
    BAD(-400, LINE "Host : x\r\n\r\n"),
    BAD(-400, LINE HOST "A\r\n\r\n"),
    BAD(-400, LINE HOST ": a\r\n\r\n"),
    BAD(-400, LINE HOST "A\x80: a\r\n\r\n"),
    BAD(-400, LINE HOST "A: \0\r\n\r\n"),
    BAD(-400, LINE HOST "A\0: b\r\n\r\n"),
    BAD(-400, LINE "\r\n"),
    BAD(-400, LINE HOST HOST "\r\n"),
    BAD(-400, LINE "Host: x y\r\n\r\n"),
    BAD(-400, LINE "Host: x/y\r\n\r\n"),
    BAD(-400, LINE "Host: u@x\r\n\r\n"),
    BAD(-400, "GET / HTTP/1.0\r\n" HOST HOST "\r\n"),
    BAD(-400, LINE HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
    BAD(-400, LINE HOST "Content-Length: 1, 1\r\n\r\n"),
    BAD(-400, LINE HOST "Content-Length:\r\n\r\n"),
    BAD(-400, LINE HOST "Content-Length: +1\r\n\r\n"),
    BAD(-400, LINE HOST "Content-Length: -1\r\n\r\n"),
    BAD(-400, LINE HOST "Content-Length: 1 2\r\n\r\n"),
    BAD(-400, LINE HOST "Content-Length: 0x1\r\n\r\n"),
    BAD(-400, LINE HOST "Content-Length: 18446744073709551616\r\n\r\n"),
    BAD(-400, LINE HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD(-400, LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
    BAD(-400, LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD(-400, LINE HOST "Transfer-Encoding:\r\n\r\n"),
    BAD(-400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD(-501, LINE HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
    BAD(-501, LINE HOST "Transfer-Encoding: identity\r\n\r\n"),
    BAD(-501, LINE HOST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
    BAD(-501, LINE HOST "Transfer-Encoding: xchunked\r\n\r\n"),
    BAD(-400, LINE HOST "Transfer-Encoding: \x0b"
                       "chunked\r\n\r\n"),
};

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_heads) / sizeof(*bad_heads); i++)
        check_status(bad_heads[i].text, bad_heads[i].n, bad_heads[i].status);
}

/* Of the control characters only the tab may stand in a value. */
static void values_hold_no_control_characters(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        char text[] = LINE HOST "A: b?c\r\n\r\n";

        *strchr(text, '?') = (char)c;
        check_status(text, strlen(text), (c < 0x20 && c != '\t') || c == 0x7f ? -400 : (long)strlen(text));
    }
}

static void an_empty_line_before_the_request_is_skipped(void **state)
{
    http1_request r = parse_good("\r\n" LINE HOST "\r\n");

    (void)state;
    assert_str(r.method, "GET");
}

static void pipelined_bytes_are_left_alone(void **state)
{
    static const char text[] = LINE HOST "\r\nGET /2 HTTP/1.1\r\n\r\n";
    http1_request r;

    (void)state;
    assert_int_equal(http1_parse(text, sizeof(text) - 1, &r), strlen(LINE HOST) + 2);
    assert_int_equal(r.nheaders, 1);
}

/* A head of exactly `size` bytes, or without its blank line when `open`. */
static char *head_of_size(size_t size, bool open)
{
    static const char start[] = LINE HOST "A: ";
    char *text = malloc(size);

    assert_non_null(text);
    memset(text, 'a', size);
    memcpy(text, start, sizeof(start) - 1);
    if (!open)
        memcpy(text + size - 4, "\r\n\r\n", 4);
    return text;
}

static void the_size_of_a_head_is_bounded(void **state)
{
    const long sizes[][2] = {{HTTP1_MAX_HEAD, HTTP1_MAX_HEAD}, {HTTP1_MAX_HEAD + 1, -431}};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        char *text = head_of_size((size_t)sizes[i][0], false);

        check_status(text, (size_t)sizes[i][0], sizes[i][1]);
        free(text);
        text = head_of_size((size_t)sizes[i][0], true);
        check_status(text, HTTP1_MAX_HEAD - 1, 0);
        check_status(text, HTTP1_MAX_HEAD, -431);
        free(text);
    }
}

static void the_number_of_headers_is_bounded(void **state)
{
    (void)state;
    for (unsigned n = HTTP1_MAX_HEADERS - 1; n <= HTTP1_MAX_HEADERS; n++) {
        buf b;

        buf_init(&b, 4096);
        buf_puts(&b, LINE HOST);
        for (unsigned i = 0; i < n; i++)
            buf_printf(&b, "h%u: %u\r\n", i, i);
        buf_puts(&b, "\r\n");
        check_status(b.p, b.n, n < HTTP1_MAX_HEADERS ? (long)b.n : -431);
        buf_fini(&b);
    }
}

static void tokens_are_found_in_lists(void **state)
{
    (void)state;
    assert_true(http1_has_token(sio_lit("gzip, deflate, br"), "Deflate"));
    assert_true(http1_has_token(sio_lit(" ,\tUPGRADE\t"), "upgrade"));
    assert_false(http1_has_token(sio_lit("upgraded, up grade"), "upgrade"));
    assert_false(http1_has_token((sio_str){NULL, 0}, "upgrade"));
}

static void reasons_are_those_of_node(void **state)
{
    (void)state;
    assert_string_equal(http1_reason(200), "OK");
    assert_string_equal(http1_reason(400), "Bad Request");
    assert_string_equal(http1_reason(413), "Payload Too Large");
    assert_string_equal(http1_reason(431), "Request Header Fields Too Large");
    assert_string_equal(http1_reason(299), "unknown");
}

/* ---- query strings ---- */

static void query_keys_are_decoded(void **state)
{
    static const struct {
        const char *query, *key, *want; /* want = NULL: absent */
    } cases[] = {
        {"EIO=4&transport=polling&t=x", "transport", "polling"},
        {"EIO=4", "eio", NULL},
        {"", "a", NULL},
        {"a", "a", ""},
        {"a=", "a", ""},
        {"a=1&a=2", "a", "2"},
        {"a=1&&b=2&", "b", "2"},
        {"=x", "", "x"},
        {"%73id=q", "sid", "q"},
        {"si=q", "sid", NULL},
        {"sidd=q", "sid", NULL},
        {"a=b=c", "a", "b=c"},
        {"a=%26%3D%3fa+b%20c", "a", "&=?a b c"},
        {"a=%&b=%4&c=%zz&d=%4z&e=%%41", "a", "%"},
        {"a=%&b=%4&c=%zz&d=%4z&e=%%41", "b", "%4"},
        {"a=%&b=%4&c=%zz&d=%4z&e=%%41", "c", "%zz"},
        {"a=%&b=%4&c=%zz&d=%4z&e=%%41", "d", "%4z"},
        {"a=%&b=%4&c=%zz&d=%4z&e=%%41", "e", "%A"},
        {"a=%E2%82%ac", "a", "\xe2\x82\xac"},
        {"a=x%FFy%C3", "a", "x\xef\xbf\xbdy\xef\xbf\xbd"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *want = cases[i].want;
        buf b;

        buf_init(&b, 100);
        buf_puts(&b, "+");
        assert_int_equal(http1_query_get(sio_str_z(cases[i].query), cases[i].key, &b), want != NULL);
        assert_int_equal(b.n, want ? 1 + strlen(want) : 1);
        assert_memory_equal(b.p + 1, want ? want : "", b.n - 1);
        buf_fini(&b);
    }
}

static void several_keys_in_one_pass(void **state)
{
    static const char *const keys[] = {"a", "gone", "transport", "e"};
    sio_str raw[4];
    buf b;

    (void)state;
    http1_query_find(sio_lit("a=1&tr%61nsport=web+s%6fcket&&e&a=2"), keys, 4, raw);
    assert_true(sio_str_eq(raw[0], sio_lit("2")));
    assert_null(raw[1].p);
    assert_true(sio_str_eq(raw[2], sio_lit("web+s%6fcket")));
    assert_true(raw[3].p && raw[3].n == 0);
    buf_init(&b, 12);
    assert_int_equal(http1_query_decode(raw[2], &b), 0);
    assert_true(sio_str_eq(buf_str(&b), sio_lit("web socket")));
    buf_fini(&b);
}

static void a_query_value_over_the_maximum_is_an_error(void **state)
{
    buf b;

    (void)state;
    buf_init(&b, 3);
    assert_int_equal(http1_query_get((sio_str){NULL, 0}, "a", &b), 0);
    assert_int_equal(http1_query_get(sio_lit("a=1234"), "a", &b), SIO_ETOOBIG);
    assert_int_equal(http1_query_get(sio_lit("a=%ff%ff"), "a", &b), SIO_ETOOBIG);
    assert_int_equal(b.n, 0);
    buf_fini(&b);
}

static void query_pairs_are_walked(void **state)
{
    static const char *const want[][2] = {{"a", "1 2"}, {"b", ""}, {"&a", "&=?a"}, {"", "x"}};
    sio_str query = sio_lit("&a=1+2&b&&%26a=%26%3D%3Fa&=x");
    size_t at = 0, n = 0;
    buf key, value;

    (void)state;
    buf_init(&key, 100);
    buf_init(&value, 100);
    for (; http1_query_next(query, &at, &key, &value); n++) {
        assert_in_range(n, 0, 3);
        assert_int_equal(key.n, strlen(want[n][0]));
        assert_int_equal(value.n, strlen(want[n][1]));
        assert_memory_equal(key.n ? key.p : "", want[n][0], key.n);
        assert_memory_equal(value.n ? value.p : "", want[n][1], value.n);
    }
    assert_int_equal(n, 4);
    buf_fini(&key);
    buf_fini(&value);
}

/* ---- chunked bodies ---- */

/* Feeds in pieces of `step` bytes; returns the last result and collects the body. */
static int feed_chunked(sio_str text, size_t step, buf *body, size_t *total)
{
    http1_chunked c;
    int rc = 0;

    http1_chunked_init(&c);
    *total = 0;
    while (rc == 0 && *total < text.n) {
        size_t n = text.n - *total < step ? text.n - *total : step, used, out;
        char *copy = malloc(n);

        assert_non_null(copy);
        memcpy(copy, text.p + *total, n);
        rc = http1_chunked_feed(&c, copy, n, &used, &out);
        if (rc >= 0) {
            assert_true(used <= n && out <= used && (rc == 1 || used == n));
            buf_add(body, copy, out);
            *total += used;
        }
        free(copy);
    }
    return rc;
}

static void chunked_bodies_are_joined(void **state)
{
    sio_str text = sio_lit("4;a=\"b\"\r\nWiki\r\n5\r\npedia\r\nE;x\r\n in\r\n\r\nchunks.\r\n"
                           "000\r\nA: b\r\nC: d\r\n\r\nrest");

    (void)state;
    for (size_t step = 1; step <= text.n; step++) {
        size_t used;
        buf body;

        buf_init(&body, 100);
        assert_int_equal(feed_chunked(text, step, &body, &used), 1);
        assert_int_equal(used, text.n - 4);
        assert_int_equal(body.n, 23);
        assert_memory_equal(body.p, "Wikipedia in\r\n\r\nchunks.", 23);
        buf_fini(&body);
    }
}

static void malformed_chunks_are_refused(void **state)
{
    static const char *const cases[] = {
        "\r\n", ";\r\n", "g\r\n", "1\n", "1 \r\n", " 1\r\n", "-1\r\n", "0x1\r\n", "1\r\nab", "1\r\na\n",
        "1\r\na\rb", "1;\n", "1;a\x01", "1;\r\r", "0\r\n\n", "0\r\nA: b\n", "0\r\nA: b\rc", "0\r\n x\r\n",
        "0\r\n\rx", "0\r\nA\x7f",
        "10000000000000000\r\n", "0000000000000001\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (size_t step = 1; step <= strlen(cases[i]); step++) {
            size_t used;
            buf body;

            buf_init(&body, 100);
            if (feed_chunked(sio_str_z(cases[i]), step, &body, &used) != SIO_EPARSE)
                fail_msg("accepted: %s", cases[i]);
            buf_fini(&body);
        }
    }
}

static int feed_long_line(const char *start, size_t n, const char *end)
{
    size_t used;
    buf b, body;
    int rc;

    buf_init(&b, 10000);
    buf_init(&body, 100);
    buf_puts(&b, start);
    while (n--)
        buf_putc(&b, 'x');
    buf_puts(&b, end);
    rc = feed_chunked(buf_str(&b), b.n, &body, &used);
    buf_fini(&b);
    buf_fini(&body);
    return rc;
}

static void lines_between_chunks_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(feed_long_line("0;", 252, "\r\n\r\n"), 1);
    assert_int_equal(feed_long_line("0;", 253, "\r\n\r\n"), SIO_EPARSE);
    assert_int_equal(feed_long_line("0\r\na:", 4090, "\r\n\r\n"), 1);
    assert_int_equal(feed_long_line("0\r\na:", 4091, "\r\n\r\n"), SIO_EPARSE);
    assert_int_equal(feed_long_line("0\r\na:", 4000, "\r\nb: bounded together with the line before\r\n"
                                                    "c: bounded together with the line before\r\n"
                                                    "d: bounded together\r\n\r\n"),
                     SIO_EPARSE);
}

static void the_end_and_an_error_are_final(void **state)
{
    char good[] = "0\r\n\r\n", bad[] = "x", more[] = "1\r\na\r\n";
    size_t used = 9, out = 9;
    http1_chunked c;

    (void)state;
    http1_chunked_init(&c);
    assert_int_equal(http1_chunked_feed(&c, good, 5, &used, &out), 1);
    assert_int_equal(http1_chunked_feed(&c, more, 6, &used, &out), 1);
    assert_true(used == 0 && out == 0);
    http1_chunked_init(&c);
    assert_int_equal(http1_chunked_feed(&c, bad, 1, &used, &out), SIO_EPARSE);
    assert_int_equal(http1_chunked_feed(&c, more, 6, &used, &out), SIO_EPARSE);
}

static long parse_answer(const char *z, http1_response *out)
{
    return http1_parse_response(z, strlen(z), out);
}

static void heads_of_answers_are_read(void **state)
{
    http1_response r;
    const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: y\r\n\r\nbody";

    (void)state;
    assert_int_equal(parse_answer(text, &r), (long)strlen(text) - 4);
    assert_true(r.status == 200 && r.head.has_length && r.head.content_length == 12 && r.head.keep_alive);
    assert_str(http1_header_get(&r.head, "x"), "y");
    assert_true(parse_answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", &r) > 0);
    assert_true(r.status == 101 && r.head.upgrade);
    assert_true(parse_answer("HTTP/1.1 204\r\nConnection: close\r\n\r\n", &r) > 0);
    assert_true(r.status == 204 && !r.head.keep_alive);
    assert_true(parse_answer("HTTP/1.0 400 Not so \xc3\xa4\r\n\r\n", &r) > 0);
    assert_true(r.status == 400 && !r.head.keep_alive && r.head.nheaders == 0);
}

static void malformed_answers_are_refused(void **state)
{
    static const char *const bad[] = {
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 -20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n X: y\r\n\r\n", "\r\n\r\n\r\n",
    };
    http1_response r;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (parse_answer(bad[i], &r) >= 0)
            fail_msg("%s is accepted", bad[i]);
    assert_int_equal(parse_answer("HTTP/1.1 200 OK\r\nX", &r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browser_request_is_read),
        cmocka_unit_test(a_websocket_upgrade_is_seen),
        cmocka_unit_test(keep_alive_follows_version_and_connection),
        cmocka_unit_test(bodies_are_announced_in_one_way_only),
        cmocka_unit_test(every_form_of_target_gives_a_path),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(values_hold_no_control_characters),
        cmocka_unit_test(an_empty_line_before_the_request_is_skipped),
        cmocka_unit_test(pipelined_bytes_are_left_alone),
        cmocka_unit_test(the_size_of_a_head_is_bounded),
        cmocka_unit_test(the_number_of_headers_is_bounded),
        cmocka_unit_test(tokens_are_found_in_lists),
        cmocka_unit_test(reasons_are_those_of_node),
        cmocka_unit_test(query_keys_are_decoded),
        cmocka_unit_test(a_query_value_over_the_maximum_is_an_error),
        cmocka_unit_test(several_keys_in_one_pass),
        cmocka_unit_test(query_pairs_are_walked),
        cmocka_unit_test(chunked_bodies_are_joined),
        cmocka_unit_test(malformed_chunks_are_refused),
        cmocka_unit_test(lines_between_chunks_are_bounded),
        cmocka_unit_test(the_end_and_an_error_are_final),
        cmocka_unit_test(heads_of_answers_are_read),
        cmocka_unit_test(malformed_answers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
