/* Servers that serve each other's clients, so that a load balancer in front of them may send every request
 * anywhere (no sticky sessions). A session id names its server; a request that reaches another one is
 * handed to it, over connections of their own. Where each server is reached stands in Redis, as does who
 * lives.
 *
 *     sio_cluster_options c;
 *     sio_cluster_options_init(&c);
 *     c.url = "redis://127.0.0.1:6379";
 *     c.secret = getenv("CLUSTER_SECRET");
 *     if (sio_cluster_join(&cluster, io, &c) < 0) ...
 *     sio_server_run(io);
 *     sio_cluster_leave(cluster);
 *     sio_server_free(io);
 *
 * Broadcasts to the others are another matter: sio_redis.h. */
#ifndef SIO_CLUSTER_H
#define SIO_CLUSTER_H

#include "sio.h"

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef struct sio_cluster sio_cluster;

/* Strings are copied. */
typedef struct sio_cluster_options {
    size_t      size;                    /* sizeof(sio_cluster_options), set by sio_cluster_options_init */
    const char *url;                     /* Redis, as in sio_redis_options */
    const char *prefix;                  /* "sio": what its keys begin with */
    const char *secret;                  /* the same on all, not empty: they show each other
                                          * that they know it */
    const char *host;                    /* to listen on for the others, NULL = all addresses; for a private
                                          * network: what is handed over is not encrypted */
    int         port;                    /* 0 picks a free one */
    const char *advertise;               /* where the others reach it: HOST or HOST:PORT; NULL = host, or else
                                          * this machine's name */
    uint32_t    lease_ms;                /* 15000: a server that is not heard of for so long is dead */
} sio_cluster_options;
void sio_cluster_options_init(sio_cluster_options *o);

/* Between sio_server_new and sio_server_run. 0; SIO_EINVAL for the URL, the secret or the advertised
 * address; SIO_EADDR; SIO_ENOMEM. */
int  sio_cluster_join(sio_cluster **out, sio_server *io, const sio_cluster_options *o);
/* "host:port" where the others reach it; lives until sio_cluster_leave. */
const char *sio_cluster_address(const sio_cluster *c);
/* After sio_server_run returned, before sio_server_free. NULL is allowed. */
void sio_cluster_leave(sio_cluster *c);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
