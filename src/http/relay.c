/* Requests for other servers: collected, waiting for a connection, failing. */
#include "http/relay_int.h"

#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_DIALING 16 /* connections being made to one server at a time */

/* ---- targets ---- */

void http_relay_target_init(http_relay_target *t, const char *node)
{
    *t = (http_relay_target){0};
    memcpy(t->node, node, LINK_HELLO_CODE);
    list_init(&t->waiting);
}

void http_relay_target_set(http_relay_target *t, const char *host, int port)
{
    if (strcmp(t->host, host) == 0 && t->port == port)
        return;
    snprintf(t->host, sizeof t->host, "%s", host);
    t->port = port;
    t->ip[0] = 0;
}

/* ---- jobs ---- */

static void stop_waiting(job *j)
{
    if (!list_empty(&j->wait))
        j->target->nwaiting--;
    list_del(&j->wait);
}

void job_free(job *j)
{
    stop_waiting(j);
    list_del(&j->link);
    j->target->uses--;
    blob_drop(j->bytes);
    free(j);
}

static http_req *take_request(job *j)
{
    http_req *r = j->req;

    r->user = NULL;
    r->on_abort = NULL;
    r->on_drain = NULL;
    return r;
}

void relay_job_fail(job *j)
{
    http_relay *x = j->relay;
    http_relay_target *t = j->target;
    bool started = j->started;
    http_req *r = take_request(j);

    stat_add(&x->stats.failures, 1);
    t->uses++; /* stays while it is told */
    job_free(j);
    if (started)
        http_drop(r);
    else
        x->options.on_unreachable(x->options.ctx, r, t);
    t->uses--;
}

static void on_client_gone(http_req *r)
{
    job *j = r->user;
    upstream *up = j->up;

    job_free(j);
    if (up) {
        up->job = NULL;
        upstream_drop(up);
    }
}

/* ---- waiting for a connection ---- */

bool relay_serve_waiting(upstream *up)
{
    http_relay_target *t = up->target;
    job *j;

    if (list_empty(&t->waiting))
        return false;
    j = container_of(t->waiting.next, job, wait);
    stop_waiting(j);
    upstream_take(up, j);
    return true;
}

void relay_fail_waiting(http_relay_target *t, http_relay *x)
{
    (void)x;
    t->uses++;
    while (!list_empty(&t->waiting))
        relay_job_fail(container_of(t->waiting.next, job, wait));
    t->uses--;
}

void relay_pump(http_relay *x, http_relay_target *t)
{
    while (t->dialing < MAX_DIALING && t->dialing < t->nwaiting)
        if (upstream_dial(x, t) < 0) {
            relay_fail_waiting(t, x);
            return;
        }
}

static upstream *find_idle(http_relay *x, const http_relay_target *t)
{
    /* The one used last is the likeliest to live. */
    for (list *at = x->idle.prev; at != &x->idle; at = at->prev) {
        upstream *up = container_of(at, upstream, link);

        if (up->target == t)
            return up;
    }
    return NULL;
}

static void submit(job *j)
{
    http_relay *x = j->relay;
    upstream *up = find_idle(x, j->target);

    stat_add(&x->stats.requests, 1);
    if (up) {
        upstream_take(up, j);
        return;
    }
    list_add_tail(&j->target->waiting, &j->wait);
    j->target->nwaiting++;
    relay_pump(x, j->target);
}

/* ---- requests ---- */

static void on_body(http_req *r, int err, char *p, size_t n)
{
    job *j = r->user;

    if (err == SIO_EPARSE) { /* answered, and gone */
        job_free(j);
        return;
    }
    j->cut = err < 0;
    j->upgrade = r->head->upgrade;
    j->bytes = relay_render(r, j->cut ? NULL : p, j->cut ? j->relay->options.max_body + 1 : n);
    if (j->bytes)
        submit(j);
    else
        relay_job_fail(j);
}

void http_relay_send(http_relay *x, http_req *r, http_relay_target *t)
{
    job *j;

    if (http_hold(r) < 0)
        return;
    if (!(j = calloc(1, sizeof *j))) {
        http_drop(r);
        return;
    }
    j->relay = x;
    j->target = t;
    j->req = r;
    t->uses++;
    list_init(&j->wait);
    list_add_tail(&x->jobs, &j->link);
    r->user = j;
    r->on_abort = on_client_gone;
    http_body(r, x->options.max_body, on_body);
}

/* ---- life ---- */

int http_relay_new(http_relay **out, net *n, const http_relay_options *o)
{
    http_relay *x = calloc(1, sizeof *x);

    if (!x)
        return SIO_ENOMEM;
    x->net = n;
    x->loop = net_loop(n);
    x->options = *o;
    if (!x->options.connect_ms)
        x->options.connect_ms = 3000;
    list_init(&x->jobs);
    list_init(&x->ups);
    list_init(&x->idle);
    *out = x;
    return 0;
}

static void drop_all(list *ups)
{
    while (!list_empty(ups))
        upstream_drop(container_of(ups->next, upstream, link));
}

void http_relay_free(http_relay *x)
{
    if (!x)
        return;
    list_each(it, &x->ups)
        container_of(it, upstream, link)->job = NULL;
    while (!list_empty(&x->jobs)) {
        job *j = container_of(x->jobs.next, job, link);

        take_request(j);
        job_free(j);
    }
    drop_all(&x->ups);
    drop_all(&x->idle);
    free(x);
}

const http_relay_stats *http_relay_stats_of(const http_relay *x) { return &x->stats; }
