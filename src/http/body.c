#include "http/http_int.h"
#include "sio_err.h"

#include <stdlib.h>

#define FIRST_RESERVE (16 * 1024)

bool http_in_body(const http_req *r) { return container_of(r, const http_conn, req)->state == HTTP_BODY; }

/* ---- framing ---- */

/* Decodes the next bytes of the body in place: *out of them stand at *p. 1 = the body is complete, 0 =
 * more is needed, SIO_EPARSE. */
static int decode(http_conn *c, char **p, size_t *out)
{
    size_t n = (size_t)(c->end - c->at), used;

    *p = c->at;
    if (c->chunked) {
        int rc = http1_chunked_feed(&c->chunks, c->at, n, &used, out);
        if (rc < 0)
            return rc;
        c->at += used;
        c->more = rc == 0;
        return rc;
    }
    *out = n < c->left ? n : (size_t)c->left;
    c->at += *out;
    c->left -= *out;
    c->more = c->left > 0;
    return !c->more;
}

/* ---- collecting ---- */

static void stop_timer(http_conn *c) { loop_timer_cancel(c->req.server->loop, &c->timer); }

/* The body ends here for its reader, one way or another; the callback may do anything to the connection. */
static void finish(http_conn *c, int err, char *p, size_t n)
{
    http_collect *b = c->body;

    c->body = NULL;
    stop_timer(c);
    b->fn(&c->req, err, p, n);
    buf_fini(&b->data);
    free(b);
}

static bool finish_malformed(http_conn *c)
{
    c->req.on_abort = NULL;
    http_conn_refuse(c, 400);
    finish(c, SIO_EPARSE, NULL, 0);
    http_conn_forget(c);
    return false;
}

bool http_body_step(http_conn *c)
{
    http_collect *b = c->body;
    char *p;
    size_t n;
    int rc;

    if (c->at == c->end)
        return false;
    rc = decode(c, &p, &n);
    if (rc < 0)
        return finish_malformed(c);
    if (rc == 1 && b->data.n == 0 && n <= b->data.max) { /* all of it is here: no copy */
        c->state = HTTP_BUSY;
        finish(c, 0, p, n);
        return true;
    }
    int err = buf_add(&b->data, p, n);
    if (err < 0 || rc == 1) {
        c->state = HTTP_BUSY;
        finish(c, err < 0 ? SIO_ETOOBIG : 0, err < 0 ? NULL : b->data.p, err < 0 ? 0 : b->data.n);
        return true;
    }
    return false;
}

/* The usual case: all of the body came with the head, and lies in one piece. */
static bool body_is_here(const http_conn *c)
{
    return c->running && !c->chunked && (size_t)(c->end - c->at) >= c->left;
}

static void begin(http_conn *c, size_t max, void (*fn)(http_req *r, int err, char *p, size_t n))
{
    http_collect *b;

    if (http_hold(&c->req) < 0)
        return;
    b = malloc(sizeof(*b));
    if (!b) {
        http_reply(&c->req, 500, sio_lit(""), sio_lit(""));
        return;
    }
    b->fn = fn;
    buf_init(&b->data, max);
    if (c->left) /* a first guess only: the peer may never send what it announced */
        (void)buf_reserve(&b->data, c->left < FIRST_RESERVE ? (size_t)c->left : FIRST_RESERVE);
    c->body = b;
    c->state = HTTP_BODY;
    if (c->expects && (c->running ? c->at == c->end : c->in.n == 0))
        net_send_copy(c->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    c->expects = false;
    loop_timer_set(c->req.server->loop, &c->timer, c->req.server->options.body_timeout_ms);
    http_conn_schedule(c);
}

void http_body(http_req *r, size_t max, void (*fn)(http_req *r, int err, char *p, size_t n))
{
    http_conn *c = http_conn_of(r);
    static char empty[1];

    if (c->state != HTTP_BUSY)
        return;
    if (!c->more) {
        fn(r, 0, empty, 0);
    } else if (!c->chunked && c->left > max) {
        fn(r, SIO_ETOOBIG, NULL, 0);
    } else if (body_is_here(c)) {
        char *p;
        size_t n;
        decode(c, &p, &n);
        fn(r, 0, p, n);
    } else {
        begin(c, max, fn);
    }
}

/* ---- dropping ---- */

bool http_skip_step(http_conn *c)
{
    char *p;
    size_t n;
    int rc;

    if (c->at == c->end)
        return false;
    rc = decode(c, &p, &n);
    if (c->chunked && rc == 0)
        c->left += n;
    if (rc < 0 || (c->chunked && c->left > HTTP_MAX_SKIP) || (rc == 1 && c->req.server->draining)) {
        c->state = HTTP_DONE;
        net_close(c->stream);
        return false;
    }
    if (rc == 1)
        http_conn_await(c);
    return rc == 1;
}
