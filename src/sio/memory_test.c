/* What an idle connection costs, by part, and that a storm of them leaves nothing behind: figures in
 * docs/PERFORMANCE.md. */
#include "sio/rig_test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_HEAP 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_HEAP 1
#endif
#endif
#if defined(__GLIBC__) && !defined(HAS_OWN_HEAP)
#define GIVES_BACK 1
#endif

#define CLIENTS_MAX 4000
#define CLIENTS_MIN 1000 /* fewer would not show */
#define SPARE_FDS   200
#define WAIT_MS     20000

/* ---- by part ---- */

typedef struct part {
    const char *name;
    size_t      bytes, most;
} part;

/* glibc's malloc takes 8 bytes more, and then a multiple of 16: all of these are chosen to fit. */
static const part parts[] = {
    {"TCP stream", sizeof(net_stream), 72},        {"WebSocket connection", sizeof(ws_conn), 88},
    {"Engine.IO session", sizeof(eio_session), 104}, {"client", sizeof(client), 72},
    {"socket, without data", sizeof(sio_socket), 96}, {"room, without name", offsetof(room, name), 33},
    {"membership, socket's side", sizeof(membership), 16}, {"membership, room's side", sizeof(member), 16},
};

static void parts_are_small(void **state)
{
    size_t sum = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        print_message("%-28s %4zu bytes\n", parts[i].name, parts[i].bytes);
        if (parts[i].bytes > parts[i].most)
            fail_msg("%s: at most %zu bytes", parts[i].name, parts[i].most);
        sum += i < 5 ? parts[i].bytes : 0;
    }
    print_message("%-28s %4zu bytes\n", "idle client in no room", sum);
}

/* ---- the handshake ---- */

static char *shown_at_connect;
static bool is_gone_later;

static void on_connect(sio_socket *s)
{
    sio_val v = sio_handshake(s);

    assert_int_equal(v.kind, SIO_JSON);
    shown_at_connect = strndup(v.s.p, v.s.n);
}

static void on_look(sio_socket *s, sio_in *in)
{
    (void)in;
    is_gone_later = sio_handshake(s).kind == SIO_NULL;
}

/* As JSON it is a kilobyte or two of each browser: it must not stay because somebody looked at it once. */
static void a_handshake_goes(void **state)
{
    const bool *keep = *state;
    sio_options o = rig_options(1);
    sio_ns *ns;
    peer p;
    rig r;

    is_gone_later = *keep;
    o.keep_handshake = *keep;
    rig_init(&r, &o);
    ns = sio_of(r.io, "/", NULL);
    sio_on_connect(ns, on_connect);
    assert_int_equal(sio_on(ns, "look", on_look), 0);
    rig_listen(&r);
    rig_join(&r, &p);
    assert_non_null(strstr(shown_at_connect, "\"headers\":{"));
    free(shown_at_connect);
    peer_say(&p, "42[\"look\"]");
    assert_int_equal(is_gone_later, !*keep);
    rig_fini(&r);
    peer_close(&p);
}

/* ---- after a storm ---- */

#ifdef GIVES_BACK
/* Bytes of memory that no file stands behind. */
static size_t anonymous(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    size_t kb = 0;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "Anonymous: %zu kB", &kb) == 1)
            break;
    fclose(f);
    assert_true(kb > 0);
    return kb * 1024;
}

static void read_until(int fd, const char *what)
{
    char got[4096];
    size_t n = 0;

    got[0] = '\0';
    while (!memmem(got, n, what, strlen(what))) {
        struct pollfd p = {fd, POLLIN, 0};
        ssize_t r;

        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        r = recv(fd, got + n, sizeof(got) - n, 0);
        assert_true(r > 0);
        n += (size_t)r;
    }
}

static int come(int port)
{
    static const char hello[] = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
                                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x82\0\0\0\0" "40";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL), sizeof(hello) - 1);
    return fd;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Comes down to that many bytes, sooner or later. */
static size_t settles_below(size_t bytes)
{
    size_t now = anonymous();

    for (int left = WAIT_MS; now > bytes && left > 0; left -= 50) {
        pause_ms(50);
        now = anonymous();
    }
    return now;
}

static unsigned clients_possible(void)
{
    struct rlimit l;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
    l.rlim_cur = l.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
    if (l.rlim_cur < 2 * CLIENTS_MIN + SPARE_FDS)
        return 0;
    return l.rlim_cur > 2 * CLIENTS_MAX + SPARE_FDS ? CLIENTS_MAX : (unsigned)(l.rlim_cur - SPARE_FDS) / 2;
}

/* Its peak. */
static size_t storm(sio_server *io, unsigned n)
{
    static int fd[CLIENTS_MAX];
    size_t peak;

    for (unsigned i = 0; i < n; i++)
        fd[i] = come(sio_server_port(io));
    for (unsigned i = 0; i < n; i++)
        read_until(fd[i], "40{\"sid\"");
    assert_int_equal(sio_clients_count(io), n);
    peak = anonymous();
    for (unsigned i = 0; i < n; i++)
        close(fd[i]);
    while (sio_clients_count(io) > 0)
        pause_ms(5);
    return peak;
}

static void *serve(void *io)
{
    assert_int_equal(sio_server_run(io), 0);
    return NULL;
}

static void storms_leave_nothing(void **state)
{
    sio_options o = rig_options(1);
    unsigned n = clients_possible();
    size_t before, peak, most, after;
    sio_server *io;
    pthread_t thread;

    (void)state;
    if (!n)
        skip();
    o.host = "127.0.0.1";
    assert_int_equal(sio_server_new(&io, &o), 0);
    sio_of(io, "/", NULL);
    assert_int_equal(sio_server_listen(io), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, io), 0);
    close(come(sio_server_port(io)));
    before = anonymous();
    for (int i = 0; i < 2; i++) {
        peak = storm(io, n);
        assert_true(peak - before > n * 500u);
        most = before + (peak - before) / 2; /* buffers of the loop, and the rest at the heap's end, stay */
        after = settles_below(most);
        print_message("%u clients: %zu KB before, %zu at the peak, %zu after\n", n, before / 1024,
                      peak / 1024, after / 1024);
        assert_true(after <= most);
    }
    sio_server_stop(io, 0);
    pthread_join(thread, NULL);
    sio_server_free(io);
}
#else
static void storms_leave_nothing(void **state)
{
    (void)state;
    skip(); /* this heap keeps what was freed */
}
#endif

int main(void)
{
    bool keep = true, drop = false;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_small),
        cmocka_unit_test_prestate(a_handshake_goes, &keep),
        cmocka_unit_test_prestate(a_handshake_goes, &drop),
        cmocka_unit_test(storms_leave_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
