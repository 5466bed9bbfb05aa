/* A server on the real loop and its clients in one thread: the clients write, the server has turns, the
 * clients throw away what came. Only the turns count. */
#include "budget.h"

#include "sio/sio_int.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 1100, ROUNDS = 3, TURNS_TO_CONNECT = 4, BATCH = 50, TEXT = 100 };

typedef struct stage {
    sio_server *io;
    loop       *loop;
    loop_task   task;
    int         turns; /* until the loop stops */
    int         fd[CLIENTS];
    unsigned    n;
} stage;

/* ---- the server: what bench/ measures ---- */

static void on_echo(sio_socket *s, sio_in *in)
{
    (void)s;
    sio_ack(in, sio_arg(in, 0));
}

static void on_join(sio_socket *s, sio_in *in)
{
    sio_str room;

    if (sio_str_of(in, sio_arg(in, 0), &room))
        sio_join(s, room);
}

static void on_say(sio_socket *s, sio_in *in)
{
    sio_str room;

    if (sio_str_of(in, sio_arg(in, 0), &room))
        sio_emit(sio_to(sio_ns_of(s), room), "say", sio_arg(in, 1));
}

static int make_loop(void *arg, loop **out)
{
    (void)arg;
    return loop_new(out);
}

/* A task that waits keeps the loop from waiting. */
static void on_turn(loop_task *t)
{
    stage *st = container_of(t, stage, task);

    if (--st->turns == 0)
        loop_stop(st->loop);
    else
        loop_post(st->loop, t);
}

static void turns(stage *st, int n)
{
    st->turns = n;
    loop_post(st->loop, &st->task);
    budget_on();
    loop_run(st->loop);
    budget_off();
}

static void stage_open(stage *st)
{
    static const loop_maker maker = {make_loop, NULL};
    sio_options o;
    sio_ns *ns;

    *st = (stage){.task.fn = on_turn};
    sio_options_init(&o);
    o.host = "127.0.0.1";
    o.port = 0;
    o.loops = 1;
    budget_check(server_new_on(&st->io, &o, &maker) == 0, "server");
    ns = sio_of(st->io, "/", NULL);
    sio_on(ns, "echo", on_echo);
    sio_on(ns, "join", on_join);
    sio_on(ns, "say", on_say);
    budget_check(sio_server_listen(st->io) == 0, "listen");
    st->loop = st->io->shard[0].loop;
}

/* ---- clients ---- */

static void client_send(int fd, const char *text, size_t n)
{
    budget_check(send(fd, text, n, MSG_NOSIGNAL) == (ssize_t)n, "send");
}

/* A masked text frame; the mask is 0, which leaves the text as it is. */
static void client_say(int fd, const char *text)
{
    size_t n = strlen(text), head = n < 126 ? 6 : 8;
    char frame[512] = {(char)0x81};

    budget_check(head + n <= sizeof(frame), "frame");
    frame[1] = (char)(0x80 | (n < 126 ? n : 126));
    if (n >= 126) {
        frame[2] = (char)(n >> 8);
        frame[3] = (char)n;
    }
    memcpy(frame + head, text, n);
    client_send(fd, frame, head + n);
}

/* Bytes that came. */
static size_t client_drain(int fd)
{
    static char waste[1 << 16];
    size_t sum = 0;
    ssize_t n;

    while ((n = recv(fd, waste, sizeof(waste), MSG_DONTWAIT)) > 0)
        sum += (size_t)n;
    return sum;
}

static int client_dial(const stage *st)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)sio_server_port(st->io))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    budget_check(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void drain_all(stage *st, unsigned from, unsigned upto, const char *what)
{
    for (unsigned i = from; i < upto; i++)
        budget_check(client_drain(st->fd[i]) > 0, what);
}

/* Up to n more clients, as many at a time as fit in one turn's work, until they have joined the namespace. */
static void clients_join(stage *st, unsigned n)
{
    static const char hello[] = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                "Sec-WebSocket-Version: 13\r\n\r\n";
    unsigned from = st->n;

    for (; st->n < from + n; st->n++) {
        st->fd[st->n] = client_dial(st);
        client_send(st->fd[st->n], hello, sizeof(hello) - 1);
    }
    turns(st, TURNS_TO_CONNECT);
    drain_all(st, from, st->n, "upgrade");
    for (unsigned i = from; i < st->n; i++)
        client_say(st->fd[i], "40");
    turns(st, TURNS_TO_CONNECT);
    drain_all(st, from, st->n, "join");
}

static void clients_leave(stage *st, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        close(st->fd[--st->n]);
    turns(st, TURNS_TO_CONNECT);
}

/* Clients [0, n) go to rooms of `size`. */
static void clients_to_rooms(stage *st, unsigned n, unsigned size)
{
    char text[64];

    for (unsigned i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "42[\"join\",\"of-%u-%u\"]", size, i / size);
        client_say(st->fd[i], text);
    }
    for (unsigned i = 0; i < 10; i++)
        turns(st, 1); /* the loop takes more events at a time now and then */
}

/* ---- scenes ---- */

static const char *padding(void)
{
    static char text[TEXT + 1];

    memset(text, 'x', TEXT);
    return text;
}

static void echo_round(stage *st, unsigned n)
{
    char text[256];

    snprintf(text, sizeof(text), "427[\"echo\",\"%s\"]", padding());
    for (unsigned i = 0; i < n; i++)
        client_say(st->fd[i], text);
    turns(st, 1);
    drain_all(st, 0, n, "echo");
}

/* `said` messages in each of n / size rooms, all in one turn. */
static void say_round(stage *st, unsigned n, unsigned size, unsigned said)
{
    char text[256];

    for (unsigned i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "42[\"say\",\"of-%u-%u\",\"%s\"]", size, i / size, padding());
        if (i % size < said)
            client_say(st->fd[i], text);
    }
    turns(st, 1);
    drain_all(st, 0, n, "say");
}

/* Every client is asked and answers. */
static void ping_round(stage *st)
{
    budget_clock(25100);
    turns(st, 1);
    drain_all(st, 0, st->n, "ping");
    for (unsigned i = 0; i < st->n; i++)
        client_say(st->fd[i], "3");
    turns(st, 1);
}

typedef void round_fn(stage *st);

static void echo_100(stage *st) { echo_round(st, 100); }
static void echo_1(stage *st) { echo_round(st, 1); }
static void say_100(stage *st) { say_round(st, 100, 100, 1); }
static void say_1000(stage *st) { say_round(st, 1000, 1000, 1); }
static void say_1000_4(stage *st) { say_round(st, 1000, 1000, 4); }
static void say_10(stage *st) { say_round(st, 1000, 10, 1); }

static void connect_some(stage *st) { clients_join(st, BATCH); }
static void leave_some(stage *st) { clients_leave(st, BATCH); }

/* Twice: once, then twice the rounds. */
static void scene(stage *st, const char *name, round_fn *fn, unsigned each)
{
    fn(st);
    budget_begin();
    for (unsigned n = ROUNDS; n <= 2 * ROUNDS; n += ROUNDS) {
        for (unsigned i = 0; i < n; i++)
            fn(st);
        budget_stretch(name, n * each);
    }
}

static void room_scenes(stage *st)
{
    clients_to_rooms(st, 1000, 1000);
    clients_to_rooms(st, 1000, 10);
    clients_to_rooms(st, 100, 100);
    scene(st, "delivery-100", say_100, 100);
    scene(st, "delivery-1000", say_1000, 1000);
    scene(st, "delivery-1000-4", say_1000_4, 4000);
    scene(st, "delivery-10", say_10, 1000);
}

void budget_loop_scenes(void)
{
    static stage st;

    stage_open(&st);
    clients_join(&st, BATCH);
    scene(&st, "connect", connect_some, BATCH);
    scene(&st, "leave", leave_some, BATCH);
    while (st.n < 100)
        clients_join(&st, BATCH);
    scene(&st, "echo", echo_100, 100);
    while (st.n < 1000)
        clients_join(&st, BATCH);
    room_scenes(&st);
    scene(&st, "echo-beside-1000", echo_1, 1);
    scene(&st, "ping", ping_round, 1000);
    fflush(stdout);
}
