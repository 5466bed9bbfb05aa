#include "http/http_int.h"
#include "sio_err.h"

#include <stdlib.h>

#define HEAD_TIMEOUT_MS 20000
#define IDLE_TIMEOUT_MS 65000
#define BODY_TIMEOUT_MS 30000

/* ---- routes ---- */

int http_server_route(http_server *s, http_route route)
{
    http_route *routes = realloc(s->routes, (s->nroutes + 1) * sizeof(*routes));

    if (!routes)
        return SIO_ENOMEM;
    s->routes = routes;
    s->routes[s->nroutes++] = route;
    return 0;
}

static bool starts_with(sio_str s, sio_str prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

const http_route *http_server_find(const http_server *s, const http1_request *head)
{
    for (size_t i = 0; i < s->nroutes; i++) {
        const http_route *r = &s->routes[i];
        sio_str path = sio_str_z(r->path);
        if (r->upgrades && !head->upgrade)
            continue;
        if (r->exact ? sio_str_eq(head->path, path) : starts_with(head->target, path))
            return r;
    }
    return NULL;
}

/* ---- connections ---- */

void http_server_take(http_server *s, net_stream *stream, char *p, size_t n)
{
    http_conn *c = http_conn_new(s, net_detach(stream));

    if (!c)
        return;
    c->relayed = true;
    http_conn_run(c, p, n);
}

static void on_accept(void *ctx, int fd)
{
    http_server *s = ctx;
    net_line line = {.fd = fd};

    if (s->tls && tls_server_line(s->tls, fd, &line) < 0)
        loop_close(s->loop, fd);
    else
        http_conn_new(s, line);
}

static void on_turn_end(loop_hook *h)
{
    http_server *s = container_of(h, http_server, hook);
    list now;

    /* Those that are ready again afterwards wait for the next round: what they are answered leaves first. */
    list_init(&now);
    while (!list_empty(&s->ready)) {
        list *it = s->ready.next;
        list_del(it);
        list_add_tail(&now, it);
    }
    while (!list_empty(&now)) {
        http_conn *c = container_of(now.next, http_conn, link);
        list_del(&c->link);
        list_add_tail(&s->conns, &c->link);
        http_conn_run(c, c->in.p, c->in.n);
    }
}

int http_server_listen(http_server *s, const char *host, int *port)
{
    if (s->listener)
        return SIO_ESTATE;
    return net_listen(&s->listener, s->net, host, port, on_accept, s);
}

/* ---- life ---- */

static uint32_t or_default(uint32_t v, uint32_t otherwise) { return v ? v : otherwise; }

int http_server_new(http_server **out, net *n, const http_options *o)
{
    http_server *s = calloc(1, sizeof(*s));

    if (!s)
        return SIO_ENOMEM;
    s->net = n;
    s->loop = net_loop(n);
    s->options.head_timeout_ms = or_default(o ? o->head_timeout_ms : 0, HEAD_TIMEOUT_MS);
    s->options.idle_timeout_ms = or_default(o ? o->idle_timeout_ms : 0, IDLE_TIMEOUT_MS);
    s->options.body_timeout_ms = or_default(o ? o->body_timeout_ms : 0, BODY_TIMEOUT_MS);
    list_init(&s->conns);
    list_init(&s->ready);
    s->hook.fn = on_turn_end;
    loop_add_hook(s->loop, &s->hook);
    *out = s;
    return 0;
}

static void abort_all(list *l)
{
    while (!list_empty(l)) {
        http_conn *c = container_of(l->next, http_conn, link);
        net_flush(c->stream); /* a reply of the last turn gets its chance */
        http_conn_abort(c, SIO_ECANCELED);
    }
}

void http_server_free(http_server *s)
{
    if (!s)
        return;
    net_listener_close(s->listener);
    abort_all(&s->ready);
    abort_all(&s->conns);
    free(s->routes);
    free(s);
}

void http_server_drain(http_server *s)
{
    s->draining = true;
    net_listener_close(s->listener);
    s->listener = NULL;
    list_each(it, &s->conns) {
        http_conn *c = container_of(it, http_conn, link);
        if (c->state == HTTP_HEAD && c->in.n == 0) {
            c->state = HTTP_DONE;
            net_close(c->stream);
        }
    }
}

void http_server_secure(http_server *s, tls_server *t) { s->tls = t; }
net *http_server_net(http_server *s) { return s->net; }
void http_server_give(http_server *s, void *user) { s->user = user; }
void *http_server_user(const http_server *s) { return s->user; }
size_t http_server_connections(const http_server *s) { return s->nconns; }

