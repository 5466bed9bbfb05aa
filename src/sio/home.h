/* For the floors above: what they need of a server's inside to connect it to others. */
#ifndef SIO_HOME_H
#define SIO_HOME_H

#include "http/http.h"
#include "sio.h"

/* The network of loop number `loop`, as soon as the server is made; for that loop's own thread, or
 * before it runs. */
net *sio_home_net(sio_server *io, unsigned loop);
/* Its HTTP server; likewise. */
http_server *sio_home_http(sio_server *io, unsigned loop);
/* The options it was made with, defaults filled in. */
const sio_options *sio_home_options(const sio_server *io);

/* Who is asked, on the loop that got it, about a request for a session of another node
 * (eio_config.on_foreign). One for the server, not while it runs; NULL = nobody. */
typedef bool sio_foreign_fn(void *arg, unsigned loop, http_req *r, sio_str sid);
void sio_home_foreign(sio_server *io, sio_foreign_fn *fn, void *arg);
/* Answers it when nobody else can: "Session ID unknown". */
void sio_home_unknown(sio_server *io, unsigned loop, http_req *r);

#endif
