#include "http/http_int.h"
#include "sio_err.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define IGNORED_MS 1000 /* an upgrade without a route; Node's destroyUpgradeTimeout */

/* ---- ends ---- */

static void conn_free(http_conn *c)
{
    http_server *s = c->req.server;

    http_conn_forget(c);
    http_handover_free(c->handover);
    loop_timer_cancel(s->loop, &c->timer);
    list_del(&c->link);
    s->nconns--;
    buf_fini(&c->in);
    free(c);
}

void http_conn_gone(http_conn *c)
{
    c->state = HTTP_DONE;
    c->stream = NULL;
    if (c->running)
        c->dead = true;
    else
        conn_free(c);
}

void http_conn_forget(http_conn *c)
{
    free(c->held);
    c->held = NULL;
    if (c->body)
        buf_fini(&c->body->data);
    free(c->body);
    c->body = NULL;
    c->req.head = NULL;
    c->req.on_abort = NULL;
    c->req.on_drain = NULL;
}

/* Tells the owner of the request under way, if there is one, that it is over. */
static void http_conn_tell_abort(http_conn *c)
{
    bool pending = c->state == HTTP_BUSY || c->state == HTTP_BODY;

    c->state = HTTP_DONE;
    if (pending && c->req.on_abort)
        c->req.on_abort(&c->req);
    http_conn_forget(c);
}

void http_conn_abort(http_conn *c, int err)
{
    http_conn_tell_abort(c);
    net_abort(c->stream, err); /* on_close follows inside */
}

void http_conn_refuse(http_conn *c, int status)
{
    char b[128];
    int n = snprintf(b, sizeof(b), "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status,
                     http1_reason(status));

    loop_timer_cancel(c->req.server->loop, &c->timer);
    c->state = HTTP_DONE;
    net_send_copy(c->stream, b, (size_t)n);
    net_close(c->stream);
}

/* ---- time ---- */

void http_conn_await(http_conn *c)
{
    c->state = HTTP_HEAD;
    c->in_head = false;
    loop_timer_set(c->req.server->loop, &c->timer, c->req.server->options.idle_timeout_ms);
}

static void on_timer(loop_timer *t)
{
    http_conn *c = container_of(t, http_conn, timer);

    if (c->state == HTTP_BODY) {
        http_conn_tell_abort(c);
        http_conn_refuse(c, 408);
    } else if (c->state == HTTP_HEAD && c->in_head) {
        http_conn_refuse(c, 408);
    } else {
        c->state = HTTP_DONE;
        net_close(c->stream);
    }
}

/* ---- requests ---- */

static void begin_request(http_conn *c, const http1_request *head)
{
    loop_timer_cancel(c->req.server->loop, &c->timer);
    c->state = HTTP_BUSY;
    c->req.head = head;
    c->req.user = NULL;
    c->req.on_abort = NULL;
    c->req.on_drain = NULL;
    c->keep_alive = head->keep_alive;
    c->is_head = sio_str_eq(head->method, sio_lit("HEAD"));
    c->is_upgrade = head->upgrade;
    c->old = head->minor == 0;
    c->chunked = head->chunked;
    c->expects = head->expect_continue;
    c->left = head->content_length;
    c->more = head->chunked || head->content_length > 0;
    http1_chunked_init(&c->chunks);
}

/* Nobody but our own servers says who the client is. */
static void take_out_client(http1_request *head)
{
    unsigned n = 0;

    for (unsigned i = 0; i < head->nheaders; i++) {
        sio_str name = head->header[i].name;

        if (name.n != strlen(HTTP_CLIENT_HEADER) || strncasecmp(name.p, HTTP_CLIENT_HEADER, name.n) != 0)
            head->header[n++] = head->header[i];
    }
    head->nheaders = n;
}

static void dispatch(http_conn *c, const http1_request *head)
{
    const http_route *route = http_server_find(c->req.server, head);

    begin_request(c, head);
    if (route) {
        route->on_request(route->ctx, &c->req);
    } else if (head->upgrade) {
        c->state = HTTP_IGNORED;
        loop_timer_set(c->req.server->loop, &c->timer, IGNORED_MS);
    } else {
        http_reply(&c->req, 404, sio_lit(""), sio_lit(""));
    }
    c->start = NULL;
    if (c->req.head == head)
        c->req.head = NULL; /* its bytes are about to go */
}

static bool head_step(http_conn *c)
{
    http1_request *head = &c->req.server->head;
    long n;

    if (c->at == c->end)
        return false;
    n = http1_parse(c->at, (size_t)(c->end - c->at), head);
    if (n == 0)
        return false;
    if (n < 0) {
        http_conn_refuse(c, (int)-n);
        return false;
    }
    c->start = c->at;
    c->head_n = (uint32_t)n;
    c->at += n;
    if (!c->relayed)
        take_out_client(head);
    dispatch(c, head);
    return true;
}

static bool step(http_conn *c)
{
    switch ((enum http_state)c->state) {
    case HTTP_HEAD:
        return head_step(c);
    case HTTP_BODY:
        return http_body_step(c);
    case HTTP_SKIP:
        return http_skip_step(c);
    default:
        return false;
    }
}

/* ---- bytes that have to wait ---- */

static void keep(http_conn *c)
{
    size_t n = (size_t)(c->end - c->at);

    if (c->state == HTTP_DONE || c->state == HTTP_IGNORED)
        buf_fini(&c->in);
    else if (c->in.n > 0)
        buf_consume(&c->in, (size_t)(c->at - c->in.p)); /* they are there already */
    else if (n > 0 && buf_add(&c->in, c->at, n) < 0)
        http_conn_abort(c, SIO_ENOMEM);
}

/* An idle connection holds no buffer, and one whose peer runs ahead is not read. */
static void keep_rest(http_conn *c)
{
    bool behind;

    c->running = true; /* aborting must not free it here */
    keep(c);
    c->running = false;
    if (c->dead) {
        conn_free(c);
        return;
    }
    c->at = c->end = NULL;
    if (c->in.n == 0)
        buf_fini(&c->in);
    if (c->state == HTTP_HEAD && c->in.n > 0 && !c->in_head) {
        c->in_head = true;
        loop_timer_set(c->req.server->loop, &c->timer, c->req.server->options.head_timeout_ms);
    }
    behind = c->in.n > HTTP_MAX_BEHIND;
    if (behind && !c->paused)
        net_pause(c->stream);
    else if (!behind && c->paused)
        net_resume(c->stream);
    c->paused = behind;
    if (c->held_up && !net_is_blocked(c->stream))
        http_conn_schedule(c);
}

/* A peer that asks faster than it reads, or for more than its share, does not keep the others waiting. */
static bool is_held_up(const http_conn *c, unsigned done)
{
    if (c->state != HTTP_HEAD || c->at == c->end)
        return false;
    return done >= HTTP_MAX_AT_ONCE || !net_is_open(c->stream) || net_is_blocked(c->stream) ||
           net_unsent(c->stream) >= HTTP_MAX_UNSENT;
}

void http_conn_run(http_conn *c, char *p, size_t n)
{
    c->at = p;
    c->end = n ? p + n : p;
    c->running = true;
    c->held_up = false;
    for (unsigned done = 0; !c->dead && !(c->held_up = is_held_up(c, done)) && step(c); done++)
        ;
    keep_rest(c);
}

void http_conn_schedule(http_conn *c)
{
    http_server *s = c->req.server;

    if (c->running || (c->in.n == 0 && !c->paused))
        return;
    list_del(&c->link);
    list_add_tail(&s->ready, &c->link);
    loop_kick(s->loop);
}

/* ---- the stream ---- */

static void on_data(net_stream *stream, char *p, size_t n)
{
    http_conn *c = stream->owner;

    if (c->state == HTTP_DONE || c->state == HTTP_IGNORED)
        return;
    if (c->in.n == 0) {
        http_conn_run(c, p, n);
        return;
    }
    if (buf_add(&c->in, p, n) < 0) {
        http_conn_abort(c, SIO_ENOMEM);
        return;
    }
    http_conn_run(c, c->in.p, c->in.n);
}

static void on_drain(net_stream *stream)
{
    http_conn *c = stream->owner;

    if (c->handover)
        http_handover_go(c);
    else if (c->req.on_drain)
        c->req.on_drain(&c->req);
    else if (c->held_up)
        http_conn_schedule(c);
}

static void on_close(net_stream *stream, int err)
{
    http_conn *c = stream->owner;

    (void)err;
    http_conn_tell_abort(c);
    http_conn_gone(c);
}

http_conn *http_conn_new(http_server *s, net_line line)
{
    static const net_ops ops = {on_data, on_drain, on_close};
    http_conn *c = calloc(1, sizeof(*c));

    if (!c) {
        net_line_drop(s->loop, line);
        return NULL;
    }
    c->stream = net_attach(s->net, line, &ops, c);
    if (!c->stream) {
        free(c);
        return NULL;
    }
    c->req.server = s;
    buf_init(&c->in, HTTP_MAX_IN);
    loop_timer_init(&c->timer, on_timer);
    list_add_tail(&s->conns, &c->link);
    s->nconns++;
    http_conn_await(c);
    return c;
}

/* ---- holding ---- */

/* Slices of the head point into the bytes at `from`; others (a constant "/") stay. */
static void rebase(sio_str *s, const char *from, size_t n, const char *to)
{
    if (s->p >= from && s->p <= from + n)
        s->p = to + (s->p - from);
}

int http_hold(http_req *r)
{
    http_conn *c = http_conn_of(r);
    const http1_request *head = r->head;
    size_t fixed;
    http1_request *copy;
    char *bytes;

    if (c->held)
        return 0;
    assert(head && c->start); /* only inside on_request */
    fixed = offsetof(http1_request, header) + head->nheaders * sizeof(head->header[0]);
    copy = malloc(fixed + c->head_n);
    if (!copy) {
        http_reply(r, 500, sio_lit(""), sio_lit(""));
        return SIO_ENOMEM;
    }
    bytes = (char *)copy + fixed;
    memcpy(copy, head, fixed);
    memcpy(bytes, c->start, c->head_n);
    rebase(&copy->method, c->start, c->head_n, bytes);
    rebase(&copy->target, c->start, c->head_n, bytes);
    rebase(&copy->path, c->start, c->head_n, bytes);
    rebase(&copy->query, c->start, c->head_n, bytes);
    for (unsigned i = 0; i < copy->nheaders; i++) {
        rebase(&copy->header[i].name, c->start, c->head_n, bytes);
        rebase(&copy->header[i].value, c->start, c->head_n, bytes);
    }
    c->held = copy;
    r->head = copy;
    return 0;
}

void http_peer(http_req *r, char *out, size_t n)
{
    sio_str client = http_is_relayed(r) ? http1_header_get(r->head, HTTP_CLIENT_HEADER) : (sio_str){0};

    if (client.n && client.n < n)
        snprintf(out, n, "%.*s", (int)client.n, client.p);
    else
        net_peer(http_conn_of(r)->stream, out, n);
}

bool http_is_secure(const http_req *r)
{
    return net_is_secure(container_of(r, const http_conn, req)->stream);
}
bool http_is_relayed(const http_req *r) { return container_of(r, const http_conn, req)->relayed; }
