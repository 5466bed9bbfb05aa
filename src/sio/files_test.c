/* Directories and client bundles over HTTP, and the handshake as applications see it. */
#include "sio/rig_test.h"

#include <sys/stat.h>
#include <unistd.h>

static rig R;
static char dir[] = "/tmp/sio-files-XXXXXX";

static void put_file(const char *name, const char *text, size_t times)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_non_null(f = fopen(path, "w"));
    while (times--)
        fputs(text, f);
    fclose(f);
}

static int make_files(void **state)
{
    char path[128];

    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/sub", dir);
    if (mkdir(path, 0700) < 0)
        return -1;
    put_file("index.html", "<p>hello", 1);
    put_file("big.css", "p { color: red }\n", 200);
    put_file(".secret", "secret", 1);
    put_file("sub/data.bin", "data", 1);
    put_file("socket.io.min.js", "/* client */", 1);
    return 0;
}

static int remove_files(void **state)
{
    static const char *const name[] = {"index.html",       "big.css", ".secret", "sub/data.bin",
                                       "socket.io.min.js", "sub",     ""};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, name[i]);
        if (remove(path) < 0)
            return -1;
    }
    return 0;
}

static void up(void)
{
    sio_options o = rig_options(1);

    o.client_dir = dir;
    o.cors.enabled = o.cors.any = true;
    o.keep_handshake = true;
    rig_init(&R, &o);
    assert_int_equal(sio_static(R.io, "/files/", dir, sio_lit("X-Extra: 1\r\n")), 0);
    rig_listen(&R);
}

/* The answer to a request with one more header line; body and header are to be freed. */
static int ask(const char *method, const char *target, const char *line, char **body, const char *name,
               char **value)
{
    peer_reply r;
    char head[512];
    buf taken;
    peer p;
    int status;

    rig_dial(&R, &p);
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target, line);
    peer_sends(&p, head);
    assert_true(peer_take_reply(&p, strcmp(method, "HEAD") == 0, &r, &taken));
    status = r.status;
    if (body)
        *body = strndup(r.body.p, r.body.n);
    if (value)
        *value = peer_header(&r, name).p ? strndup(peer_header(&r, name).p, peer_header(&r, name).n) : NULL;
    buf_fini(&taken);
    peer_close(&p);
    return status;
}

static int status_of(const char *method, const char *target)
{
    return ask(method, target, "", NULL, NULL, NULL);
}

static void expect_file(const char *target, const char *text, const char *type)
{
    char *body, *value;

    assert_int_equal(ask("GET", target, "", &body, "content-type", &value), 200);
    assert_string_equal(body, text);
    assert_string_equal(value, type);
    free(body);
    free(value);
}

static void test_files(void **state)
{
    char *value;

    (void)state;
    up();
    expect_file("/files/", "<p>hello", "text/html; charset=utf-8");
    expect_file("/files/index.html?v=1", "<p>hello", "text/html; charset=utf-8");
    expect_file("/files/sub/data.bin", "data", "application/octet-stream");
    assert_int_equal(ask("HEAD", "/files/index.html", "", NULL, "x-extra", &value), 200);
    assert_string_equal(value, "1");
    free(value);
    assert_int_equal(status_of("POST", "/files/index.html"), 405);
    rig_fini(&R);
}

static void test_no_way_out(void **state)
{
    static const char *const no[] = {
        "/files/none.txt",
        "/files/.secret",
        "/files/sub",
        "/files/sub/",
        "/files/../../etc/passwd",
        "/files/sub/../index.html",
        "/files/%2e%2e/index.html",
        "/files//etc/passwd",
        "/files/a%00b",
        "/files",
    };

    (void)state;
    up();
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_int_equal(status_of("GET", no[i]), 404);
    rig_fini(&R);
}

static void test_not_modified_and_packed(void **state)
{
    char *tag, *value, line[128];

    (void)state;
    up();
    assert_int_equal(ask("GET", "/files/index.html", "", NULL, "etag", &tag), 200);
    snprintf(line, sizeof line, "If-None-Match: \"other\", %s\r\n", tag);
    assert_int_equal(ask("GET", "/files/index.html", line, NULL, "etag", &value), 304);
    assert_string_equal(value, tag);
    free(value);
    free(tag);
    assert_int_equal(
        ask("GET", "/files/big.css", "Accept-Encoding: gzip\r\n", NULL, "content-encoding", &value), 200);
    assert_string_equal(value, "gzip");
    free(value);
    assert_int_equal(ask("GET", "/files/big.css", "", NULL, "content-encoding", &value), 200);
    assert_null(value);
    rig_fini(&R);
}

static void test_bundles(void **state)
{
    char *value;

    (void)state;
    up();
    expect_file("/socket.io/socket.io.min.js", "/* client */", "application/javascript; charset=utf-8");
    assert_int_equal(
        ask("GET", "/socket.io/socket.io.min.js", "", NULL, "access-control-allow-origin", &value), 200);
    assert_string_equal(value, "*");
    free(value);
    assert_int_equal(status_of("POST", "/socket.io/socket.io.min.js"), 405);
    assert_int_equal(status_of("GET", "/socket.io/socket.io.js"),
                     400); /* not there: a request for the engine */
    rig_fini(&R);
}

/* ---- the handshake ---- */

static char shown[2048];

static void show(sio_socket *s, sio_in *in)
{
    char key[16];

    assert_true(sio_str_eq(sio_handshake_header(s, "X-Custom"), sio_lit("a\"b")));
    assert_null(sio_handshake_header(s, "absent").p);
    assert_true(sio_str_eq(sio_handshake_query(s, "q", key, sizeof key), sio_lit("a b")));
    assert_null(sio_handshake_query(s, "absent", key, sizeof key).p);
    assert_null(sio_handshake_query(s, "long", key, sizeof key).p);
    assert_true(sio_str_eq(sio_handshake_address(s), sio_lit("127.0.0.1")));
    snprintf(shown, sizeof shown, "%.*s", (int)sio_handshake(s).s.n, sio_handshake(s).s.p);
    assert_ptr_equal(sio_handshake(s).s.p, sio_handshake(s).s.p); /* made once */
    (void)in;
}

static void test_handshake(void **state)
{
    peer_reply r;
    buf taken;
    peer p;

    (void)state;
    up();
    sio_on(sio_of(R.io, "/", NULL), "show", show);
    rig_dial(&R, &p);
    peer_upgrade(&p, "/socket.io/?EIO=4&transport=websocket&q=a+b&long=0123456789abcdefgh",
                 "Origin: http://o\r\nX-Custom: a\"b\r\n");
    assert_true(peer_take_reply(&p, false, &r, &taken));
    buf_fini(&taken);
    free(peer_take_text(&p));
    rig_join_ns(&p, "40{\"token\":[1,null]}");
    peer_say(&p, "42[\"show\"]");
    assert_string_equal(
        shown,
        "{\"headers\":{\"host\":\"localhost\",\"connection\":\"Upgrade\",\"upgrade\":\"websocket\","
        "\"sec-websocket-version\":\"13\",\"sec-websocket-key\":\"dGhlIHNhbXBsZSBub25jZQ==\",\"origin\":"
        "\"http://o\","
        "\"x-custom\":\"a\\\"b\"},\"time\":\"Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal "
        "Time)\","
        "\"issued\":1700000000000,\"address\":\"127.0.0.1\",\"xdomain\":true,\"secure\":false,"
        "\"url\":\"/socket.io/?EIO=4&transport=websocket&q=a+b&long=0123456789abcdefgh\","
        "\"query\":{\"EIO\":\"4\",\"transport\":\"websocket\",\"q\":\"a b\",\"long\":\"0123456789abcdefgh\"},"
        "\"auth\":{\"token\":[1,null]}}");
    peer_close(&p);
    rig_fini(&R);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_no_way_out),
        cmocka_unit_test(test_not_modified_and_packed),
        cmocka_unit_test(test_bundles),
        cmocka_unit_test(test_handshake),
    };

    return cmocka_run_group_tests_name("files", tests, make_files, remove_files);
}
