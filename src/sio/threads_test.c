/* Real loops, real sockets: threads outside of the loops emit while clients come and go. For the thread
 * sanitizer. */
#include "base/testing.h"
#include "sio.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LISTENERS 6
#define EMITTERS  3
#define EVENTS    200
#define VISITORS  2
#define VISITS    15

typedef struct bench {
    sio_server *io;
    sio_ns *ns;
    atomic_int connects, leaves, asked;
} bench;

static bench B;

/* A failure inside of a thread ends the program: cmocka cannot leave a test from there. */
static void must_(bool ok, int line, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "threads_test:%d: %s\n", line, what);
    abort();
}
#define must(x) must_(x, __LINE__, #x)

/* ---- a client that blocks ---- */

static void send_all(int fd, const void *p, size_t n)
{
    must(send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static void recv_all(int fd, void *p, size_t n)
{
    must(recv(fd, p, n, MSG_WAITALL) == (ssize_t)n);
}

static void say(int fd, const char *text)
{
    size_t n = strlen(text);
    char frame[140] = {(char)0x81, (char)(0x80 | n)}; /* the mask is zero */

    must(n < 126);
    memcpy(frame + 6, text, n);
    send_all(fd, frame, n + 6);
}

/* The next text frame. */
static void hear(int fd, char text[256])
{
    unsigned char head[4];
    size_t n;

    recv_all(fd, head, 2);
    must(head[0] == 0x81);
    n = head[1];
    if (n == 126) {
        recv_all(fd, head + 2, 2);
        n = (size_t)head[2] << 8 | head[3];
    }
    must(n < 256);
    recv_all(fd, text, n);
    text[n] = 0;
}

static int dial(void)
{
    static const char request[] =
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: "
        "websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)sio_server_port(B.io)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {30, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char last[4] = "", text[256];

    must(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    must(connect(fd, (const struct sockaddr *)&at, sizeof at) == 0);
    send_all(fd, request, sizeof request - 1);
    while (memcmp(last, "\r\n\r\n", 4) != 0) {
        memmove(last, last + 1, 3);
        recv_all(fd, last + 3, 1);
    }
    hear(fd, text);
    must(text[0] == '0');
    return fd;
}

static int enter(const char *connect_packet)
{
    int fd = dial();
    char text[256];

    say(fd, connect_packet);
    do
        hear(fd, text);
    while (memcmp(text, "42", 2) == 0); /* an event may be faster than the answer */
    must(memcmp(text, "40", 2) == 0);
    return fd;
}

/* ---- threads ---- */

/* Hears everything every emitter says, in its order. */
static void *listener(void *arg)
{
    int fd = *(int *)arg, next[EMITTERS] = {0}, left = EMITTERS * EVENTS;
    char text[256];

    while (left > 0) {
        int who, n;

        hear(fd, text);
        if (sscanf(text, "42[\"e\",%d,%d", &who, &n) != 2)
            continue; /* a heartbeat, a question, what visitors say */
        must(who >= 0 && who < EMITTERS && n == next[who]);
        next[who]++;
        left--;
    }
    return NULL;
}

static void *emitter(void *arg)
{
    int who = *(int *)arg;
    char room[16];

    snprintf(room, sizeof room, "room %d", who);
    for (int i = 0; i < EVENTS; i++) {
        must(sio_emit(B.ns, "e", who, i, sio_arr("some", "more", i)) == 0);
        if (i % 16 == 0)
            must(sio_sockets_join(B.ns, (const char *)room) == 0);
        else if (i % 16 == 8)
            must(sio_sockets_leave(B.ns, (const char *)room) == 0);
        else if (i % 16 == 4)
            must(sio_emit(sio_volatile(sio_to(B.ns, (const char *)room)), "room", who) == 0);
        must(sio_clients_count(B.io) <= LISTENERS + 2 * VISITORS * VISITS);
    }
    return NULL;
}

/* Comes, says something, goes; makes namespaces on its way. */
static void *visitor(void *arg)
{
    char connect_packet[64];

    for (int i = 0; i < VISITS; i++) {
        int fd = enter("40"), other;

        say(fd, "42[\"ask\"]");
        close(fd);
        snprintf(connect_packet, sizeof connect_packet, "40/dynamic-%d-%d,", i, *(int *)arg % 2);
        other = enter(connect_packet);
        close(other);
    }
    return NULL;
}

/* ---- the server ---- */

static void on_connect(sio_socket *s)
{
    (void)s;
    atomic_fetch_add(&B.connects, 1);
}

static void on_disconnect(sio_socket *s, const char *reason)
{
    (void)reason;
    atomic_fetch_add(&B.leaves, 1);
    sio_emit(sio_broadcast(s), "left");
}

static void on_answers(void *arg, int err, const sio_val *answers, size_t n)
{
    (void)arg, (void)err, (void)answers, (void)n;
    atomic_fetch_add(&B.asked, 1);
}

static void on_peers(void *arg, int err, const sio_peer *peers, size_t n)
{
    (void)arg, (void)err, (void)peers, (void)n;
    atomic_fetch_add(&B.asked, 1);
}

static void on_ask(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_gather(sio_broadcast(s), 20, on_answers, NULL, "question");
    sio_fetch(sio_ns_of(s), on_peers, NULL);
}

static bool is_dynamic(void *arg, sio_str name, sio_val auth)
{
    (void)arg, (void)auth;
    return name.n > 9 && memcmp(name.p, "/dynamic-", 9) == 0;
}

static void *serve(void *arg)
{
    (void)arg;
    must(sio_server_run(B.io) == 0);
    return NULL;
}

static void start(pthread_t *server, uint32_t recovery_ms)
{
    sio_options o;

    memset(&B, 0, sizeof B);
    sio_options_init(&o);
    o.host = "127.0.0.1";
    o.port = 0;
    o.loops = 3;
    o.recovery_ms = recovery_ms;
    must(sio_server_new(&B.io, &o) == 0);
    B.ns = sio_of(B.io, "/", NULL);
    sio_on_connect(B.ns, on_connect);
    sio_on_disconnect(B.ns, on_disconnect);
    sio_on(B.ns, "ask", on_ask);
    sio_of_dynamic(B.io, is_dynamic, NULL, NULL);
    must(sio_server_listen(B.io) == 0);
    must(pthread_create(server, NULL, serve, NULL) == 0);
}

static void begin(pthread_t *thread, int n, void *(*fn)(void *arg), int *arg)
{
    for (int i = 0; i < n; i++)
        must(pthread_create(&thread[i], NULL, fn, &arg[i]) == 0);
}

static void join(pthread_t *thread, int n)
{
    for (int i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
}

static void run(uint32_t recovery_ms)
{
    static int numbers[] = {0, 1, 2, 3, 4, 5, 6, 7};
    pthread_t server, listeners[LISTENERS], emitters[EMITTERS], visitors[VISITORS];
    int fd[LISTENERS];

    start(&server, recovery_ms);
    for (int i = 0; i < LISTENERS; i++)
        fd[i] = enter("40");
    begin(listeners, LISTENERS, listener, fd);
    begin(emitters, EMITTERS, emitter, numbers);
    begin(visitors, VISITORS, visitor, numbers);
    join(emitters, EMITTERS);
    join(visitors, VISITORS);
    join(listeners, LISTENERS);
    sio_server_stop(B.io, 1000);
    for (int i = 0; i < LISTENERS; i++) {
        shutdown(fd[i], SHUT_WR);
        close(fd[i]);
    }
    pthread_join(server, NULL);
    assert_int_equal(B.connects, LISTENERS + VISITORS * VISITS);
    assert_int_equal(B.leaves, B.connects);
    sio_server_free(B.io);
}

static void test_emits_from_threads(void **state)
{
    (void)state;
    run(0);
}

static void test_emits_from_threads_with_recovery(void **state)
{
    (void)state;
    run(60000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_emits_from_threads),
        cmocka_unit_test(test_emits_from_threads_with_recovery),
    };

    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
