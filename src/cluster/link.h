/* The link between the nodes of a cluster: requests for sessions that live on another node are handed to
 * it, so that a load balancer may send each request anywhere.
 *
 * Each node listens on a port of its own for the others; both ends prove that they know the secret
 * (codec/link_hello.h). What follows is not encrypted: that port belongs into a private network.
 *
 *     peer_link_new(&link, io, &options);                     before the server runs
 *     node_options.address = peer_link_address(link);
 *     peer_link_use(link, node);
 *     ... the server runs ...
 *     node_free(node), peer_link_free(link), sio_server_free(io) */
#ifndef CLUSTER_LINK_H
#define CLUSTER_LINK_H

#include "cluster/node.h"
#include "sio.h"

typedef struct peer_link peer_link;

typedef struct peer_link_options {
    const char *secret;      /* the same on all nodes, not empty; copied */
    const char *host;        /* to listen on; NULL = all addresses; copied */
    int         port;        /* 0 picks a free one */
    /* Where others reach it: HOST, HOST:PORT, [IPv6]:PORT; NULL = host, or else the machine's name. */
    const char *advertise;
} peer_link_options;

/* Listens, and takes the server's requests for sessions of other nodes from now on. 0, SIO_EINVAL (no
 * secret, an advertised address that is none), SIO_EADDR, SIO_ENOMEM. */
int  peer_link_new(peer_link **out, sio_server *io, const peer_link_options *o);
/* When no loop runs any more, behind node_free and before sio_server_free. NULL is allowed. */
void peer_link_free(peer_link *l);
/* "host:port" for node_options.address; lives as long as the link. */
const char *peer_link_address(const peer_link *l);

/* Where nodes are found, before the server runs; without it all sessions of other nodes are unknown. The
 * node's loop is loop 0. */
void peer_link_use(peer_link *l, node *n);
/* The same with a book of your own: find is called on loop 0, calls fn there once, at once or later, as
 * node_find does. */
typedef void peer_link_found_fn(void *arg, int err, const char *address);
typedef void peer_link_find_fn(void *book, sio_str code, peer_link_found_fn *fn, void *arg);
void peer_link_use_book(peer_link *l, peer_link_find_fn *find, void *book);

/* Over all loops, any thread. */
typedef struct peer_link_stats {
    uint64_t requests, tunnels, failures, dials; /* handed on; of these WebSockets, unanswered; connections */
    uint64_t open_tunnels;                       /* now */
    uint64_t refused;                            /* connections to our port that did not show who they are */
} peer_link_stats;
void peer_link_stats_read(const peer_link *l, peer_link_stats *out);

#endif
