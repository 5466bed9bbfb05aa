/* Plain HTTP inside the Socket.IO floor: routes of the user, files, the client bundle, engine hooks. */
#ifndef SIO_REQUEST_INT_H
#define SIO_REQUEST_INT_H

#include "sio/sio_int.h"

/* A public sio_request is an http_req of a shard's server. */
static inline sio_request *request_of(http_req *r) { return (sio_request *)r; }
static inline http_req *http_of(const sio_request *r) { return (http_req *)(uintptr_t)r; }
static inline shard *shard_of(const http_req *r) { return http_server_user(r->server); }

/* Memory behind a route, freed with the server. */
typedef struct route {
    struct route *next;
    sio_server   *io;
    sio_http_fn  *fn;
    void         *arg;
    sio_ns       *ns;
    char         *path, *dir, *headers;
    bool          upgrades;     /* only requests that ask for an upgrade */
} route;
route *route_new(sio_server *io, const char *path);
void   routes_free(sio_server *io);
/* Adds it to every shard's HTTP server. */
int    route_add(route *rt, bool exact, void (*on_request)(void *ctx, http_req *r));

/* Fills io->eio from io->opt: the engine's view of the options, and its hooks. */
void   engine_config(sio_server *io);
int    bundle_routes(sio_server *io, http_server *http);

#endif
