/* Connections of the sim: pipes, the client's side, descriptors of the server's side. */
#include "loop/sim_int.h"

#include <errno.h>
#include <stdlib.h>

#define PIPE_MAX ((size_t)1 << 30)

void *sim_grow(void *p, size_t n, size_t size)
{
    p = realloc(p, n * size);
    if (!p)
        abort();
    return p;
}

/* ---- pipes ---- */

static size_t sim_pipe_unread(const sim_pipe *p) { return p->b.n - p->at; }

static size_t sim_pipe_take(sim_pipe *p, void *to, size_t n)
{
    size_t have = sim_pipe_unread(p);

    if (n > have)
        n = have;
    if (n)
        memcpy(to, p->b.p + p->at, n);
    p->at += n;
    if (p->at == p->b.n)
        p->b.n = p->at = 0;
    return n;
}

static void sim_pipe_put(sim_pipe *p, const void *from, size_t n)
{
    if (buf_add(&p->b, from, n) < 0)
        abort(); /* a simulated peer that holds a gigabyte is a mistake of the test */
}

/* ---- the server's side ---- */

static void touch_peer(sim_conn *c)
{
    if (c->peer && c->peer->server)
        sim_sock_touch(c->peer->server);
}

ssize_t sim_conn_read(sim_conn *c, void *p, size_t n)
{
    if (c->broken)
        return -ECONNRESET;
    if (sim_pipe_unread(&c->in) == 0)
        return c->client_end ? 0 : -EAGAIN;
    if (c->chunk && n > c->chunk)
        n = c->chunk;
    n = sim_pipe_take(&c->in, p, n);
    touch_peer(c); /* there is room again */
    return (ssize_t)n;
}

static sim_pipe *out_of(sim_conn *c) { return c->peer ? &c->peer->in : &c->out; }

static size_t room(const sim_conn *c)
{
    size_t held = sim_pipe_unread(c->peer ? &c->peer->in : &c->out);

    if (!c->window)
        return SIZE_MAX;
    return held < c->window ? c->window - held : 0;
}

ssize_t sim_conn_write(sim_conn *c, const void *p, size_t n)
{
    if (c->broken)
        return -ECONNRESET;
    if (c->client_gone || c->server_end)
        return -EPIPE;
    if (n == 0)
        return 0;
    if (c->write_max && n > c->write_max)
        n = c->write_max;
    if (n > room(c))
        n = room(c);
    if (n == 0)
        return -EAGAIN;
    sim_pipe_put(out_of(c), p, n);
    touch_peer(c);
    return (ssize_t)n;
}

static unsigned conn_events(const sim_conn *c)
{
    unsigned events = 0;

    if (sim_pipe_unread(&c->in) > 0 || c->client_end || c->broken)
        events |= LOOP_READ;
    if (room(c) > 0 || c->client_gone || c->broken)
        events |= LOOP_WRITE;
    if (c->broken || (c->client_end && c->server_end))
        events |= LOOP_ERROR;
    return events;
}

/* ---- descriptors ---- */

sim_sock *sim_sock_new(sim *s)
{
    sim_sock *k = sim_grow(NULL, 1, sizeof(*k));
    size_t fd = 0;

    *k = (sim_sock){.queue_end = NULL};
    list_init(&k->active);
    while (fd < s->nsocks && s->socks[fd])
        fd++;
    if (fd == s->nsocks) {
        s->socks = sim_grow(s->socks, fd + 1, sizeof(s->socks[0]));
        s->nsocks = fd + 1;
    }
    s->socks[fd] = k;
    k->fd = (int)fd;
    return k;
}

sim_sock *sim_sock_at(sim *s, int fd) { return fd >= 0 && (size_t)fd < s->nsocks ? s->socks[fd] : NULL; }

void sim_sock_touch(sim_sock *k)
{
    if (k->loop && list_empty(&k->active))
        list_add_tail(&k->loop->active, &k->active);
}

unsigned sim_sock_events(const sim_sock *k)
{
    unsigned events = k->conn ? conn_events(k->conn) : k->queue ? LOOP_READ : 0;

    return events & (k->io->want | LOOP_ERROR);
}

void sim_conn_end(sim_conn *c)
{
    c->server_end = true;
    if (c->peer)
        c->peer->client_end = true;
    touch_peer(c);
}

static void conn_server_closes(sim_conn *c)
{
    sim_conn_end(c);
    c->server = NULL;
    c->was_reset = sim_pipe_unread(&c->in) > 0 && !c->broken;
    if (c->peer) {
        c->peer->client_gone = true;
        c->peer->broken |= c->was_reset;
    }
    buf_fini(&c->in.b);
    c->in.at = 0;
}

void sim_sock_close(sim *s, int fd)
{
    sim_sock *k = sim_sock_at(s, fd);

    if (!k)
        return;
    while (k->queue) { /* a listener takes with it what it has not accepted */
        sim_sock *waiting = k->queue;
        k->queue = waiting->next;
        sim_sock_close(s, waiting->fd);
    }
    if (k->conn) {
        conn_server_closes(k->conn);
        s->accepted_fds -= k->accepted;
    }
    list_del(&k->active);
    s->socks[fd] = NULL;
    free(k);
}

void sim_socks_free(sim *s)
{
    for (size_t fd = 0; fd < s->nsocks; fd++)
        sim_sock_close(s, (int)fd);
    free(s->socks);
}

/* ---- the client's side ---- */

static sim_conn *client(sim *s, int fd)
{
    if (fd < SIM_CLIENT_FD || (size_t)(fd - SIM_CLIENT_FD) >= s->nconns)
        abort(); /* not a descriptor from sim_dial */
    return s->conns[fd - SIM_CLIENT_FD];
}

void sim_conns_free(sim *s)
{
    for (size_t i = 0; i < s->nconns; i++) {
        buf_fini(&s->conns[i]->in.b);
        buf_fini(&s->conns[i]->out.b);
        free(s->conns[i]);
    }
    free(s->conns);
}

static sim_sock *pick_listener(sim *s, int port)
{
    sim_sock *found = NULL;
    size_t n = 0, k;

    for (size_t i = 0; i < s->nsocks; i++)
        n += s->socks[i] && s->socks[i]->listener_of && s->socks[i]->port == port;
    if (n == 0)
        return NULL;
    k = s->next_listener++ % n;
    for (size_t i = 0; i < s->nsocks && !found; i++)
        if (s->socks[i] && s->socks[i]->listener_of && s->socks[i]->port == port && k-- == 0)
            found = s->socks[i];
    return found;
}

/* A connection with a descriptor at its server's end. */
static sim_sock *conn_new(sim *s)
{
    sim_conn *c = sim_grow(NULL, 1, sizeof(*c));
    sim_sock *k;

    *c = (sim_conn){.write_max = 0};
    buf_init(&c->in.b, PIPE_MAX);
    buf_init(&c->out.b, PIPE_MAX);
    s->conns = sim_grow(s->conns, s->nconns + 1, sizeof(s->conns[0]));
    s->conns[s->nconns++] = c;
    k = sim_sock_new(s);
    k->conn = c;
    c->server = k;
    return k;
}

static void enqueue(sim_sock *listener, sim_sock *k)
{
    *listener->queue_end = k;
    listener->queue_end = &k->next;
    sim_sock_touch(listener);
}

int sim_dial(sim *s, int port)
{
    sim_sock *listener = pick_listener(s, port);

    if (!listener)
        return -1;
    enqueue(listener, conn_new(s));
    return SIM_CLIENT_FD + (int)s->nconns - 1;
}

int sim_connect(sim *s, int port)
{
    sim_sock *listener = pick_listener(s, port), *near, *far;

    if (!listener)
        return -ECONNREFUSED;
    near = conn_new(s);
    far = conn_new(s);
    near->conn->peer = far->conn;
    far->conn->peer = near->conn;
    enqueue(listener, far);
    return near->fd;
}

static void touch_server(sim_conn *c)
{
    if (c->server)
        sim_sock_touch(c->server);
}

void sim_send(sim *s, int fd, const void *p, size_t n)
{
    sim_conn *c = client(s, fd);

    if (!c->server || c->client_end || c->broken || n == 0)
        return;
    sim_pipe_put(&c->in, p, n);
    touch_server(c);
}

size_t sim_recv(sim *s, int fd, void *p, size_t n)
{
    sim_conn *c = client(s, fd);

    n = c->client_gone ? 0 : sim_pipe_take(&c->out, p, n);
    if (n)
        touch_server(c);
    return n;
}

bool sim_eof(sim *s, int fd)
{
    sim_conn *c = client(s, fd);

    return c->client_gone || c->broken || (c->server_end && sim_pipe_unread(&c->out) == 0);
}

void sim_hangup(sim *s, int fd)
{
    sim_conn *c = client(s, fd);

    c->client_end = c->client_gone = true;
    buf_fini(&c->out.b);
    c->out.at = 0;
    touch_server(c);
}

void sim_end(sim *s, int fd)
{
    client(s, fd)->client_end = true;
    touch_server(client(s, fd));
}

void sim_reset(sim *s, int fd)
{
    client(s, fd)->broken = true;
    touch_server(client(s, fd));
}

bool sim_was_reset(sim *s, int fd) { return client(s, fd)->was_reset; }

void sim_limit(sim *s, int fd, size_t write_max, size_t window)
{
    sim_conn *c = client(s, fd);

    c->write_max = write_max;
    c->window = window;
    touch_server(c);
}

void sim_chunk(sim *s, int fd, size_t n) { client(s, fd)->chunk = n; }
void sim_fd_limit(sim *s, size_t max) { s->fd_limit = max; }
size_t sim_writes(sim *s, int fd) { return client(s, fd)->writes; }
size_t sim_server_fds(const sim *s) { return s->accepted_fds; }
