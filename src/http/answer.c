/* Answers of other servers on their way to the client. */
#include "http/relay_int.h"

#include "sio_err.h"

#include <strings.h>

#define MAX_HEADERS (2 * HTTP1_MAX_HEAD)

static bool is_for_us_only(sio_str name)
{
    static const char *const names[] = {"connection", "keep-alive", "content-length"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (name.n == strlen(names[i]) && strncasecmp(name.p, names[i], name.n) == 0)
            return true;
    return false;
}

/* Its header lines; all of them for a WebSocket, else without what the two connections have for
 * themselves. */
static void put_headers(buf *out, const http1_response *a)
{
    for (unsigned i = 0; i < a->head.nheaders; i++) {
        const http1_header *h = &a->head.header[i];

        if (a->status == 101 || !is_for_us_only(h->name))
            buf_printf(out, "%.*s: %.*s\r\n", (int)h->name.n, h->name.p, (int)h->value.n, h->value.p);
    }
}

/* ---- the end of an answer ---- */

static void answered(upstream *up, bool clean)
{
    job *j = up->job;

    up->job = NULL;
    up->keep &= !j->cut && up->sent == j->bytes->n && clean;
    job_free(j);
    if (up->keep)
        upstream_rest(up);
    else
        upstream_drop(up);
}

/* ---- the body ---- */

static void on_client_drain(http_req *r)
{
    job *j = r->user;

    net_resume(j->up->stream);
}

static void body(upstream *up, const char *p, size_t n)
{
    http_req *r = up->job->req;
    size_t m = n < up->left ? n : (size_t)up->left;

    if (m == 0)
        return;
    up->left -= m;
    if (http_reply_more(r, p, m))
        answered(up, m == n);
    else if (http_is_blocked(r))
        net_pause(up->stream);
}

/* ---- the head ---- */

static bool has_no_body(const http1_response *a, const http_req *r)
{
    return a->status == 204 || a->status == 304 || sio_str_eq(r->head->method, sio_lit("HEAD"));
}

static void reply(upstream *up, const http1_response *a, sio_str headers, const char *p, size_t n)
{
    http_req *r = up->job->req;
    bool bare = has_no_body(a, r);

    if (a->head.chunked || (!bare && !a->head.has_length)) { /* none of our servers answers so */
        upstream_fail(up);
        return;
    }
    loop_timer_cancel(up->relay->loop, &up->timer);
    up->state = UP_BODY;
    up->left = bare ? 0 : a->head.content_length;
    up->keep = a->head.keep_alive;
    up->job->started = true;
    r->on_drain = on_client_drain;
    if (http_reply_start(r, a->status, headers, a->head.content_length))
        answered(up, n == 0);
    else
        body(up, p, n);
}

static void head(upstream *up, const http1_response *a, const char *p, size_t n)
{
    buf headers;

    buf_init(&headers, MAX_HEADERS);
    put_headers(&headers, a);
    if (a->status != 101)
        reply(up, a, buf_str(&headers), p, n);
    else if (up->job->upgrade)
        tunnel_open(up, buf_str(&headers), p, n);
    else
        upstream_fail(up);
    buf_fini(&headers);
}

/* A whole head at p, or the beginning of one; those of interim answers are skipped. False: more is needed. */
static bool try_head(upstream *up, const char *p, size_t n)
{
    http1_response a;
    long len;

    while ((len = http1_parse_response(p, n, &a)) > 0 && a.status < 200 && a.status != 101) {
        p += len;
        n -= (size_t)len;
    }
    if (len < 0)
        upstream_fail(up);
    else if (len > 0)
        head(up, &a, p + len, n - (size_t)len);
    return len != 0;
}

static void feed_head(upstream *up, const char *p, size_t n)
{
    buf in;

    if (up->in.n == 0 && try_head(up, p, n))
        return;
    if (buf_add(&up->in, p, n) < 0) {
        upstream_fail(up);
        return;
    }
    if (up->in.n == n)
        return; /* just tried */
    in = up->in;
    buf_init(&up->in, in.max); /* up may be gone after the attempt, the bytes must not */
    if (try_head(up, in.p, in.n))
        buf_fini(&in);
    else
        up->in = in;
}

void answer_feed(upstream *up, char *p, size_t n)
{
    if (!up->job)
        upstream_drop(up);
    else if (up->state == UP_HEAD)
        feed_head(up, p, n);
    else
        body(up, p, n);
}
