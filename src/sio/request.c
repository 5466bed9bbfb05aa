/* Plain HTTP for users of the library: routes, bodies, replies. */
#include "sio/request_int.h"

#include <stdlib.h>

/* ---- routes ---- */

route *route_new(sio_server *io, const char *path)
{
    route *rt = calloc(1, sizeof *rt);

    if (!rt || !(rt->path = strdup(path))) {
        free(rt);
        return NULL;
    }
    rt->io = io;
    rt->next = io->routes;
    io->routes = rt;
    return rt;
}

void routes_free(sio_server *io)
{
    while (io->routes) {
        route *rt = io->routes;

        io->routes = rt->next;
        free(rt->path);
        free(rt->dir);
        free(rt->headers);
        free(rt);
    }
}

int route_add(route *rt, bool exact, void (*on_request)(void *ctx, http_req *r))
{
    int err = 0;

    for (unsigned i = 0; i < rt->io->nshards && err == 0; i++)
        err = http_server_route(rt->io->shard[i].http,
                                (http_route){rt->path, exact, on_request, rt, rt->upgrades});
    return err;
}

static void on_user_route(void *ctx, http_req *r)
{
    route *rt = ctx;

    rt->fn(rt->arg, request_of(r));
}

int sio_http(sio_server *io, const char *path, bool exact, sio_http_fn *fn, void *arg)
{
    route *rt = route_new(io, path);

    if (!rt)
        return SIO_ENOMEM;
    rt->fn = fn;
    rt->arg = arg;
    return route_add(rt, exact, on_user_route);
}

/* ---- requests ---- */

sio_str sio_request_method(const sio_request *r)
{
    return http_of(r)->head->method;
}

sio_str sio_request_path(const sio_request *r)
{
    return http_of(r)->head->path;
}

sio_str sio_request_query(const sio_request *r)
{
    return http_of(r)->head->query;
}

sio_str sio_request_header(const sio_request *r, const char *name)
{
    return http1_header_get(http_of(r)->head, name);
}

sio_server *sio_request_server(const sio_request *r)
{
    return shard_of(http_of(r))->io;
}

/* While the user waits for the body or has yet to reply, http_req.user is one of these. */
typedef struct waiting {
    sio_body_fn *on_body; /* or */
    sio_gone_fn *gone;
    void        *arg;
} waiting;

static void on_gone(http_req *r);

static waiting take(http_req *r)
{
    waiting w = *(waiting *)r->user;

    free(r->user);
    r->user = NULL;
    r->on_abort = NULL;
    return w;
}

static void drop_waiting(http_req *r)
{
    if (r->on_abort == on_gone)
        take(r);
}

static void on_gone(http_req *r)
{
    waiting w = take(r);

    if (w.gone)
        w.gone(w.arg);
}

static bool wait_on(http_req *r, waiting w)
{
    waiting *copy = malloc(sizeof *copy);

    drop_waiting(r);
    if (!copy)
        return false;
    *copy = w;
    r->user = copy;
    r->on_abort = on_gone;
    return true;
}

/* Malformed chunks were answered below: there is no request any more. */
static void on_body(http_req *r, int err, char *p, size_t n)
{
    waiting w = take(r);

    if (err != SIO_EPARSE)
        w.on_body(request_of(r), err, (sio_str){p, n});
}

void sio_request_body(sio_request *req, size_t max, sio_body_fn *fn)
{
    http_req *r = http_of(req);

    if (wait_on(r, (waiting){.on_body = fn}))
        http_body(r, max, on_body);
    else
        http_drop(r);
}

int sio_request_keep(sio_request *req, sio_gone_fn *gone, void *arg)
{
    http_req *r = http_of(req);

    if (http_hold(r) < 0)
        return SIO_ENOMEM;
    if (wait_on(r, (waiting){.gone = gone, .arg = arg}))
        return 0;
    sio_reply(req, 500, sio_lit(""), sio_lit(""));
    return SIO_ENOMEM;
}

void sio_reply(sio_request *r, int status, sio_str headers, sio_str body)
{
    drop_waiting(http_of(r));
    http_reply(http_of(r), status, headers, body);
}
