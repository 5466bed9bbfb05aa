/*
 * The floor: what the system calls alone cost, with no protocol work worth the name.
 *
 * It speaks just enough Socket.IO over WebSocket to be driven by bench-load: accepts the upgrade, says
 * `0{...}` and `40{...}`, answers echo by putting the argument back, and fans a frame out to a room. No
 * validation, no heartbeat, no JSON: it trusts its one peer and is good for nothing else. With --write every
 * frame is written by itself as it arises; without it, what one turn of the loop produced leaves in one write
 * per client. With --log FILE chat messages are appended there and made durable by one fdatasync a turn,
 * before anybody hears them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RX_SIZE = 1 << 18, EVENTS_MAX = 256, ROOMS_MAX = 4096, KEY_LEN = 24 };

typedef struct bytes {
    char *p;
    size_t len, cap;
} bytes;

typedef struct client {
    int fd;
    bool upgraded;
    int room, place; /* room number or -1, and where in its list of members */
    bytes tail;      /* a frame that has not arrived whole */
} client;

typedef struct room {
    client **members;
    int count, cap;
    bytes out; /* frames of this turn */
    bool dirty;
} room;

typedef struct limit {
    int epoll, listener, log;
    bool each; /* one write for each frame */
    room rooms[ROOMS_MAX];
    int dirty[ROOMS_MAX], dirty_count;
    bytes reply; /* frames for the client being read */
    bytes saved; /* records of this turn */
    char rx[RX_SIZE];
} limit;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static char *bytes_more(bytes *b, size_t n)
{
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 2;
        b->p = realloc(b->p, b->cap);
        if (!b->p)
            abort();
    }
    b->len += n;
    return b->p + b->len - n;
}

/* Appends a text frame made of three pieces. */
static void frame_add(bytes *b, const char *a, size_t a_len, const char *m, size_t m_len, const char *z,
                      size_t z_len)
{
    size_t len = a_len + m_len + z_len;
    char *p = bytes_more(b, len + (len < 126 ? 2 : 4));

    *p++ = (char)0x81;
    if (len < 126) {
        *p++ = (char)len;
    } else {
        *p++ = 126;
        *p++ = (char)(len >> 8);
        *p++ = (char)len;
    }
    memcpy(p, a, a_len);
    memcpy(p + a_len, m, m_len);
    memcpy(p + a_len + m_len, z, z_len);
}

/* The kernel rarely refuses on loopback; then waiting here is simplest and honest. */
static void send_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        struct pollfd w = {.fd = fd, .events = POLLOUT};

        if (n < 0 && errno != EAGAIN)
            return;
        if (n < 0) {
            poll(&w, 1, -1);
            continue;
        }
        p += n;
        len -= (size_t)n;
    }
}

static void reply_flush(limit *l, client *c)
{
    send_all(c->fd, l->reply.p, l->reply.len);
    l->reply.len = 0;
}

static void reply(limit *l, client *c, const char *a, size_t a_len, const char *m, size_t m_len)
{
    frame_add(&l->reply, a, a_len, m, m_len, "", 0);
    if (l->each)
        reply_flush(l, c);
}

/* ---- rooms ---- */

static void room_flush(room *r)
{
    for (int i = 0; i < r->count; i++)
        send_all(r->members[i]->fd, r->out.p, r->out.len);
    r->out.len = 0;
}

static void room_leave(limit *l, client *c)
{
    room *r = &l->rooms[c->room];

    r->members[c->place] = r->members[--r->count];
    r->members[c->place]->place = c->place;
    c->room = -1;
}

static void room_join(limit *l, client *c, int number)
{
    room *r = &l->rooms[number];

    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 16;
        r->members = realloc(r->members, (size_t)r->cap * sizeof(*r->members));
        if (!r->members)
            abort();
    }
    c->room = number;
    c->place = r->count;
    r->members[r->count++] = c;
}

static void room_say(limit *l, int number, const char *a, const char *text, size_t len, const char *z)
{
    room *r = &l->rooms[number];

    frame_add(&r->out, a, strlen(a), text, len, z, strlen(z));
    if (!r->dirty)
        l->dirty[l->dirty_count++] = number;
    r->dirty = true;
    if (l->each && l->log < 0)
        room_flush(r);
}

/* The end of a turn: first to the disk, then to the members. */
static void turn_end(limit *l)
{
    if (l->saved.len > 0) {
        if (write(l->log, l->saved.p, l->saved.len) < 0 || fdatasync(l->log) < 0)
            die("log");
        l->saved.len = 0;
    }
    for (int i = 0; i < l->dirty_count; i++) {
        room *r = &l->rooms[l->dirty[i]];

        if (r->out.len > 0)
            room_flush(r);
        r->dirty = false;
    }
    l->dirty_count = 0;
}

/* ---- packets ---- */

/* The number that follows the first `-`, as in `bench-17`. */
static int room_number(const char *p, size_t len)
{
    const char *dash = memchr(p, '-', len);
    int n = 0;

    for (size_t i = dash ? (size_t)(dash - p) + 1 : len; i < len && p[i] >= '0' && p[i] <= '9'; i++)
        n = (n * 10 + p[i] - '0') % ROOMS_MAX;
    return n;
}

static void on_chat(limit *l, client *c, const char *p, size_t len)
{
    static const char history[] = "42[\"chat:history\",{\"roomId\":\"bench\",\"messages\":[]}]";
    static const char head[] =
        "42[\"chat:new_message\",{\"id\":\"cm0000000000000000000000\",\"roomId\":\"bench-0\","
        "\"senderId\":\"bench-user-0\",\"sender\":{\"id\":\"bench-user-0\",\"username\":\"user0\","
        "\"avatarUrl\":null},"
        "\"type\":\"TEXT\",\"mediaUrl\":null,\"createdAt\":\"2026-01-01T00:00:00.000Z\",\"content\":\"";
    const char *text = memchr(p, '#', len);

    if (!text) {
        room_join(l, c, room_number(p, len));
        reply(l, c, history, sizeof(history) - 1, "", 0);
        return;
    }
    if (l->log >= 0)
        memcpy(bytes_more(&l->saved, len), p, len);
    room_say(l, room_number(p, len), head, text, (size_t)(p + len - text) - 3, "\"}]");
}

static void on_event(limit *l, client *c, const char *p, size_t len)
{
    const char *args = memchr(p, '[', len), *text;
    size_t id_len = args ? (size_t)(args - p) - 2 : 0;
    char head[32] = "43";

    if (!args || id_len > 20)
        return;
    memcpy(head + 2, p + 2, id_len);
    head[2 + id_len] = '[';
    if (memcmp(args, "[\"echo\",", 8) == 0) {
        reply(l, c, head, id_len + 3, args + 8, (size_t)(p + len - args) - 8);
    } else if (memcmp(args, "[\"join\",", 8) == 0) {
        room_join(l, c, room_number(args, (size_t)(p + len - args)));
        reply(l, c, head, id_len + 3, "]", 1);
    } else if (memcmp(args, "[\"say\",", 7) == 0 && (text = memchr(args, '#', (size_t)(p + len - args)))) {
        room_say(l, room_number(args, (size_t)(p + len - args)), "42[\"say\",\"", text,
                 (size_t)(p + len - text), "");
    } else if (memcmp(args, "[\"chat:", 7) == 0) {
        on_chat(l, c, args, (size_t)(p + len - args));
    }
}

static void on_packet(limit *l, client *c, const char *p, size_t len)
{
    if (len >= 2 && memcmp(p, "40", 2) == 0)
        reply(l, c, "40{\"sid\":\"oSO0OpakMV_3jnilAAAA\"}", 32, "", 0);
    else if (len > 8 && memcmp(p, "42", 2) == 0)
        on_event(l, c, p, len);
}

/* ---- bytes ---- */

static void client_close(limit *l, client *c)
{
    if (c->room >= 0)
        room_leave(l, c);
    close(c->fd);
    free(c->tail.p);
    free(c);
}

/* Answers the upgrade and opens the session in the same write. Returns the bytes taken. */
static size_t client_upgrade(client *c, const char *p, size_t n)
{
    static const char open[] = "0{\"sid\":\"00000000000000000000\",\"upgrades\":[],\"pingInterval\":25000,"
                               "\"pingTimeout\":20000,\"maxPayload\":1000000}";
    const char *end = memmem(p, n, "\r\n\r\n", 4), *key = memmem(p, n, "Sec-WebSocket-Key: ", 19);
    unsigned char md[EVP_MAX_MD_SIZE];
    char text[KEY_LEN + 37], accept[32], out[512];
    int m;

    if (!end || !key || end - key < 19 + KEY_LEN)
        return 0;
    memcpy(text, key + 19, KEY_LEN);
    memcpy(text + KEY_LEN, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    EVP_Digest(text, KEY_LEN + 36, md, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)accept, md, 20);
    m = snprintf(out, sizeof(out),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n\x81%c%s",
                 accept, (int)sizeof(open) - 1, open);
    send_all(c->fd, out, (size_t)m);
    c->upgraded = true;
    return (size_t)(end - p) + 4;
}

/* Unmasks in place. Returns the bytes taken, 0 when the frame is not whole; *closing when it was a close
 * frame. */
static size_t client_frame(limit *l, client *c, unsigned char *p, size_t n, bool *closing)
{
    size_t head = 6, len;
    unsigned char *mask, *text;

    if (n < 2)
        return 0;
    len = p[1] & 0x7f;
    if (len == 126) {
        head = 8;
        if (n < head)
            return 0;
        len = (size_t)p[2] << 8 | p[3];
    }
    if (n < head + len)
        return 0;
    mask = p + head - 4;
    text = p + head;
    for (size_t i = 0; i < len; i++)
        text[i] ^= mask[i & 3];
    if ((p[0] & 0x0f) == 8)
        *closing = true;
    else
        on_packet(l, c, (const char *)text, len);
    return head + len;
}

static void client_parse(limit *l, client *c, char *p, size_t n)
{
    size_t used = c->upgraded ? 0 : client_upgrade(c, p, n), step;
    bool closing = false;

    while (c->upgraded && !closing &&
           (step = client_frame(l, c, (unsigned char *)p + used, n - used, &closing)) > 0)
        used += step;
    if (closing) {
        memcpy(bytes_more(&l->reply, 2), "\x88\x00", 2);
    } else {
        c->tail.len = 0;
        if (n > used)
            memcpy(bytes_more(&c->tail, n - used), p + used, n - used);
    }
    if (l->reply.len > 0)
        reply_flush(l, c);
    if (closing)
        client_close(l, c);
}

static void client_readable(limit *l, client *c)
{
    size_t kept = c->tail.len < RX_SIZE / 2 ? c->tail.len : 0;
    ssize_t n;

    if (kept > 0)
        memcpy(l->rx, c->tail.p, kept);
    n = recv(c->fd, l->rx + kept, RX_SIZE - kept, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        client_close(l, c);
    else
        client_parse(l, c, l->rx, kept + (size_t)n);
}

static void clients_accept(limit *l)
{
    int fd, on = 1;

    while ((fd = accept4(l->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        client *c = calloc(1, sizeof(*c));
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

        if (!c)
            abort();
        c->fd = fd;
        c->room = -1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
            die("epoll_ctl");
    }
}

static void listen_on(limit *l, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    int on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(l->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(l->listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(l->listener, 4096) < 0)
        die("listen");
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->listener, &ev) < 0)
        die("epoll");
}

static void limit_run(limit *l)
{
    struct epoll_event ev[EVENTS_MAX];

    for (;;) {
        int n = epoll_wait(l->epoll, ev, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++) {
            if (ev[i].data.ptr)
                client_readable(l, ev[i].data.ptr);
            else
                clients_accept(l);
        }
        turn_end(l);
    }
}

int main(int argc, char **argv)
{
    limit *l = calloc(1, sizeof(*l));
    const char *port = getenv("PORT");
    struct rlimit r;

    if (!l)
        abort();
    l->log = -1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--write") == 0)
            l->each = true;
        else if (strcmp(argv[i], "--log") == 0 && i + 1 < argc)
            l->log = open(argv[++i], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    listen_on(l, port ? atoi(port) : 3000);
    limit_run(l);
}
