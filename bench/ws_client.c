/* Socket.IO clients over WebSocket, as many as there are descriptors, on one epoll that is only ever polled.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { FRAME_MAX = 1 << 20 };

static uint32_t gen_random(gen *g)
{
    g->rng ^= g->rng << 13;
    g->rng ^= g->rng >> 7;
    g->rng ^= g->rng << 17;
    return (uint32_t)(g->rng >> 16);
}

/* ---- writing ---- */

static void conn_reserve(conn *c, size_t more)
{
    if (c->out_len + more <= c->out_cap)
        return;
    c->out_cap = (c->out_len + more) * 2;
    c->out = realloc(c->out, c->out_cap);
    if (!c->out)
        abort();
}

static void conn_enqueue(gen *g, conn *c)
{
    if (c->queued)
        return;
    if (g->queue_len == EVENTS_MAX)
        conn_flush_queue(g);
    c->queued = true;
    g->queue[g->queue_len++] = c;
}

static void conn_frame(gen *g, conn *c, unsigned opcode, const char *text, size_t len)
{
    uint32_t key = gen_random(g);
    unsigned char mask[4], *p;

    conn_reserve(c, len + 8);
    p = (unsigned char *)c->out + c->out_len;
    *p++ = (unsigned char)(0x80 | opcode);
    if (len < 126) {
        *p++ = (unsigned char)(0x80 | len);
    } else {
        *p++ = 0x80 | 126;
        *p++ = (unsigned char)(len >> 8);
        *p++ = (unsigned char)len;
    }
    memcpy(mask, &key, 4);
    memcpy(p, mask, 4);
    p += 4;
    for (size_t i = 0; i < len; i++)
        p[i] = (unsigned char)text[i] ^ mask[i & 3];
    c->out_len = (size_t)(p - (unsigned char *)c->out) + len;
    conn_enqueue(g, c);
}

void conn_send(gen *g, conn *c, const char *text, size_t len)
{
    conn_frame(g, c, 1, text, len);
}

void conn_send_close(gen *g, conn *c)
{
    conn_frame(g, c, 8, "", 0);
}

static void conn_watch(gen *g, conn *c, int op, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = c};

    if (epoll_ctl(g->epoll, op, c->fd, &ev) < 0)
        gen_die("epoll_ctl");
}

static void conn_lost(gen *g, conn *c)
{
    if (c->state < CONN_UP)
        g->pending--;
    conn_drop(g, c);
    g->ops->on_closed(g, c);
}

static void conn_flush(gen *g, conn *c)
{
    ssize_t n;

    if (c->fd < 0 || c->out_len == 0)
        return;
    n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        gen_fail(g, "send: %s", strerror(errno));
        conn_lost(g, c);
        return;
    }
    if (n > 0) {
        c->out_len -= (size_t)n;
        memmove(c->out, c->out + n, c->out_len);
    }
    if (c->blocked != (c->out_len > 0)) {
        c->blocked = c->out_len > 0;
        conn_watch(g, c, EPOLL_CTL_MOD, EPOLLIN | (c->blocked ? (uint32_t)EPOLLOUT : 0));
    }
}

void conn_flush_queue(gen *g)
{
    for (int i = 0; i < g->queue_len; i++) {
        conn *c = g->queue[i];

        c->queued = false;
        if (!c->blocked)
            conn_flush(g, c);
        g->worked = true;
    }
    g->queue_len = 0;
}

/* ---- opening and closing ---- */

/* Source addresses 127.0.0.1, .2 ... in turn: one pair of addresses has only some 28,000 ports. */
static void conn_bind(const gen *g, const conn *c, int fd)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    int on = 1;

    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + c->index % (uint32_t)g->o->sources);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
        gen_die("bind");
}

/* Of a cluster of two, every other client's. */
static int conn_port(const gen *g, uint32_t index)
{
    return g->o->port2 > 0 && index % 2 == 1 ? g->o->port2 : g->o->port;
}

void gen_open(gen *g, uint32_t index)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)conn_port(g, index))};
    conn *c = &g->conns[index];
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        gen_die("socket");
    c->index = index;
    c->state = CONN_DIALING;
    c->opened_ns = now_ns();
    conn_bind(g, c, c->fd);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    inet_pton(AF_INET, g->o->host, &to.sin_addr);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
        gen_die("connect");
    conn_watch(g, c, EPOLL_CTL_ADD, EPOLLOUT);
    g->pending++;
    g->opened++;
    g->worked = true;
}

void conn_drop(gen *g, conn *c)
{
    (void)g;
    if (c->fd >= 0)
        close(c->fd);
    free(c->tail);
    c->tail = NULL;
    c->tail_len = c->tail_cap = c->out_len = 0;
    c->fd = -1;
    c->state = CONN_FREE;
    c->blocked = false;
    c->outstanding = c->next_id = 0;
}

static void conn_dialed(gen *g, conn *c)
{
    char req[512];
    int err = 0, n;
    socklen_t len = sizeof(err);

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (err != 0) {
        gen_fail(g, "connect: %s", strerror(err));
        conn_lost(g, c);
        return;
    }
    n = snprintf(req, sizeof(req),
                 "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s:%d\r\nConnection: Upgrade\r\n"
                 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
                 g->o->path, g->o->host, conn_port(g, c->index), g->key);
    conn_reserve(c, (size_t)n);
    memcpy(c->out, req, (size_t)n);
    c->out_len = (size_t)n;
    c->state = CONN_UPGRADING;
    conn_watch(g, c, EPOLL_CTL_MOD, EPOLLIN);
    conn_enqueue(g, c);
}

/* ---- reading ---- */

static void conn_opened(gen *g, conn *c)
{
    const char *hello = g->tokens ? g->tokens[c->index] : "40";

    c->state = CONN_JOINING;
    conn_send(g, c, hello, strlen(hello));
}

static void conn_message(gen *g, conn *c, const char *text, size_t len)
{
    if (len >= 2 && text[1] == '2') {
        g->ops->on_event(g, c, text, len);
    } else if (len >= 2 && text[1] == '3') {
        uint64_t id = 0;

        for (size_t i = 2; i < len && text[i] >= '0' && text[i] <= '9'; i++)
            id = id * 10 + (uint64_t)(text[i] - '0');
        g->ops->on_ack(g, c, id);
    } else if (len >= 2 && text[1] == '0' && c->state == CONN_JOINING) {
        c->state = CONN_UP;
        g->pending--;
        g->ops->on_connected(g, c);
    } else {
        gen_fail(g, "server said: %.*s", (int)(len < 120 ? len : 120), text);
    }
}

static void conn_packet(gen *g, conn *c, const char *text, size_t len)
{
    if (len > 0 && text[0] == '4')
        conn_message(g, c, text, len);
    else if (len == 1 && text[0] == '2')
        conn_send(g, c, "3", 1);
    else if (len > 0 && text[0] == '0' && c->state == CONN_OPENING)
        conn_opened(g, c);
}

/* Returns the bytes taken by the frame at p, 0 when it is not whole yet; calls conn_packet for text. */
static size_t conn_frame_in(gen *g, conn *c, const unsigned char *p, size_t n)
{
    size_t head = 2, len;

    if (n < 2)
        return 0;
    len = p[1] & 0x7f;
    if (len == 126)
        head = 4;
    else if (len == 127)
        head = 10;
    if (n < head)
        return 0;
    if (head > 2)
        len = 0;
    for (size_t i = 2; i < head; i++)
        len = len << 8 | p[i];
    if (len > FRAME_MAX) {
        gen_fail(g, "frame of %zu bytes", len);
        return 0;
    }
    if (n - head < len)
        return 0;
    if ((p[0] & 0x0f) == 1)
        conn_packet(g, c, (const char *)p + head, len);
    return head + len;
}

/* The head of the answer to the upgrade; returns its length, or 0 while it is not whole. */
static size_t conn_upgraded(gen *g, conn *c, const char *p, size_t n)
{
    const char *end = memmem(p, n, "\r\n\r\n", 4);

    if (!end)
        return 0;
    if (memcmp(p, "HTTP/1.1 101 ", 13) != 0)
        gen_fail(g, "upgrade refused: %.*s", (int)(n < 100 ? n : 100), p);
    else if (!memmem(p, (size_t)(end - p), g->accept, strlen(g->accept)))
        gen_fail(g, "wrong Sec-WebSocket-Accept");
    c->state = CONN_OPENING;
    return (size_t)(end - p) + 4;
}

static void conn_keep(conn *c, const char *p, size_t n)
{
    if (n > c->tail_cap) {
        c->tail_cap = n * 2;
        c->tail = realloc(c->tail, c->tail_cap);
        if (!c->tail)
            abort();
    }
    if (n > 0)
        memcpy(c->tail, p, n);
    c->tail_len = n;
}

static void conn_parse(gen *g, conn *c, const char *p, size_t n)
{
    size_t used = 0, step;

    if (c->state == CONN_UPGRADING)
        used = conn_upgraded(g, c, p, n);
    if (c->state > CONN_UPGRADING)
        while (c->fd >= 0 && (step = conn_frame_in(g, c, (const unsigned char *)p + used, n - used)) > 0)
            used += step;
    if (c->fd >= 0)
        conn_keep(c, p + used, n - used);
}

static void conn_readable(gen *g, conn *c)
{
    size_t kept = c->tail_len;
    ssize_t n;

    if (kept > RX_SIZE / 2) {
        gen_fail(g, "frame larger than the receive buffer");
        conn_lost(g, c);
        return;
    }
    if (kept > 0)
        memcpy(g->rx, c->tail, kept);
    n = recv(c->fd, g->rx + kept, RX_SIZE - kept, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        conn_lost(g, c);
        return;
    }
    g->now_ns = now_ns();
    conn_parse(g, c, g->rx, kept + (size_t)n);
    conn_flush_queue(g);
}

void conn_event(gen *g, conn *c, uint32_t events)
{
    if (c->fd < 0)
        return;
    if (c->state == CONN_DIALING)
        conn_dialed(g, c);
    else if (events & EPOLLIN)
        conn_readable(g, c);
    else if (events & (EPOLLERR | EPOLLHUP))
        conn_lost(g, c);
    if (c->fd >= 0 && (events & EPOLLOUT) && c->blocked)
        conn_flush(g, c);
}
