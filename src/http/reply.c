#include "http/http_int.h"

#include "base/num.h"
#include "sio_err.h"

#include <assert.h>

/* ---- writing a head ---- */

/* Room for the status line, Content-Length and Connection. */
#define FIXED_HEAD 160

static char *put(char *to, sio_str s)
{
    if (s.n)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

static char *put_status_line(char *to, int status)
{
    to = put(to, sio_lit("HTTP/1.1 "));
    to += num_u64((uint64_t)status, to);
    *to++ = ' ';
    to = put(to, sio_str_z(http1_reason(status)));
    return put(to, sio_lit("\r\n"));
}

static bool has_no_length(int status) { return status < 200 || status == 204 || status == 304; }

/* An answer in one blob, with all of its body or none; `connection` is a complete line or empty. */
static blob *render(int status, sio_str headers, sio_str connection, uint64_t length, sio_str body)
{
    bool bare = has_no_length(status);
    blob *b = blob_new(FIXED_HEAD + headers.n + body.n);
    char *to;

    if (!b)
        return NULL;
    to = put_status_line(b->p, status);
    to = put(to, headers);
    if (!bare) {
        to = put(to, sio_lit("Content-Length: "));
        to += num_u64(length, to);
        to = put(to, sio_lit("\r\n"));
    }
    to = put(to, connection);
    to = put(to, sio_lit("\r\n"));
    to = put(to, body);
    b->n = (uint32_t)(to - b->p);
    return b;
}

static void send_and_drop(net_stream *s, blob *b)
{
    if (!b) {
        net_close(s);
        return;
    }
    net_send(s, b, 0, b->n);
    blob_drop(b);
}

/* ---- replies ---- */

static bool is_pending(const http_conn *c) { return c->state == HTTP_BUSY || c->state == HTTP_BODY; }

/* The rest of a body must be read before the next request can be. Not worth it when it is long, and not
 * safe when the peer was promised a "100 Continue" that it will not get: it may send the body or not. */
static bool must_close(const http_conn *c)
{
    if (!c->keep_alive || c->is_upgrade || c->req.server->draining)
        return true;
    return c->more && (c->expects || (!c->chunked && c->left > HTTP_MAX_SKIP));
}

static void go_on(http_conn *c)
{
    if (c->more) {
        c->state = HTTP_SKIP;
        c->left = c->chunked ? 0 : c->left;
        loop_timer_set(c->req.server->loop, &c->timer, c->req.server->options.body_timeout_ms);
    } else {
        http_conn_await(c);
    }
    http_conn_schedule(c);
}

static void send_answer(http_conn *c, int status, sio_str headers, uint64_t length, sio_str body)
{
    sio_str connection = must_close(c) ? sio_lit("Connection: close\r\n")
                         : c->old      ? sio_lit("Connection: keep-alive\r\n")
                                       : sio_lit("");

    send_and_drop(c->stream, render(status, headers, connection, length, body));
}

static void end_request(http_conn *c)
{
    bool close = must_close(c);

    http_conn_forget(c);
    if (close) {
        c->state = HTTP_DONE;
        loop_timer_cancel(c->req.server->loop, &c->timer);
        net_close(c->stream);
    } else {
        go_on(c);
    }
}

void http_reply(http_req *r, int status, sio_str headers, sio_str body)
{
    http_conn *c = http_conn_of(r);
    bool bare = has_no_length(status) || c->is_head;

    if (!is_pending(c))
        return;
    send_answer(c, status, headers, body.n, bare ? (sio_str){0} : body);
    end_request(c);
}

bool http_reply_start(http_req *r, int status, sio_str headers, uint64_t length)
{
    http_conn *c = http_conn_of(r);

    if (!is_pending(c))
        return true;
    send_answer(c, status, headers, length, (sio_str){0});
    c->answer_left = has_no_length(status) || c->is_head ? 0 : length;
    if (c->answer_left > 0)
        return false;
    end_request(c);
    return true;
}

bool http_reply_more(http_req *r, const char *p, size_t n)
{
    http_conn *c = http_conn_of(r);

    assert(n <= c->answer_left);
    net_send_copy(c->stream, p, n);
    c->answer_left -= n;
    if (c->answer_left > 0)
        return false;
    end_request(c);
    return true;
}

bool http_is_blocked(const http_req *r)
{
    return net_is_blocked(container_of(r, const http_conn, req)->stream);
}

void http_drop(http_req *r)
{
    http_conn *c = http_conn_of(r);

    if (!is_pending(c))
        return;
    r->on_abort = NULL;
    http_conn_abort(c, SIO_ECANCELED);
}

/* ---- upgrades ---- */

net_stream *http_upgrade(http_req *r, sio_str headers, const net_ops *ops, void *owner)
{
    http_conn *c = http_conn_of(r);
    net_stream *s = c->stream;
    char *p = c->running ? c->at : c->in.p;
    size_t n = c->running ? (size_t)(c->end - c->at) : c->in.n;

    if (!is_pending(c))
        return NULL;
    http_conn_forget(c);
    c->state = HTTP_DONE;
    if (!net_is_open(s))
        return NULL; /* on_close is on its way to c */
    send_and_drop(s, render(101, headers, sio_lit(""), 0, (sio_str){0}));
    net_give(s, ops, owner);
    if (c->paused)
        net_resume(s);
    if (n > 0)
        ops->on_data(s, p, n);
    c->at = c->end;
    http_conn_gone(c);
    return s;
}
