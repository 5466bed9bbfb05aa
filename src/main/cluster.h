/* The way to other servers, as the settings say. */
#ifndef MAIN_CLUSTER_H
#define MAIN_CLUSTER_H

#include "cluster/link.h"
#include "main/config.h"
#include "sio_redis.h"

#include <stdatomic.h>

typedef struct cluster_join {
    char  code[5];                       /* this server's name among the others, new at each start */
    const sio_adapter *adapter;          /* NULL: this server is alone */
    atomic_bool is_up;                   /* Redis is there, or not needed; read by any thread */
    void (*on_up)(void *arg);            /* Redis is back, or there for the first time; loop 0; may be NULL */
    void *arg;
    peer_link *link;                     /* to the other servers; NULL without CLUSTER_SECRET */
} cluster_join;

/* Draws the code and, when REDIS_URL is set, makes the adapter; else *out is NULL. 0 or SIO_E*. j stays where
 * it is as long as the server lives. */
int cluster_make(cluster_join *j, sio_adapter **out, const config *c);

/* Listens for the other servers, as soon as the server is made; nothing happens without REDIS_URL or
 * CLUSTER_SECRET. 0, or an error that was logged. */
int  cluster_link(cluster_join *j, sio_server *io, const config *c);
/* "host:port" for node_options.address, NULL without a link. */
const char *cluster_address(const cluster_join *j);
/* The node by which the others are found, before the server runs. */
void cluster_use(cluster_join *j, node *n);
/* When no loop runs any more, behind the node and before the server is freed. */
void cluster_unlink(cluster_join *j);

/* What /metrics shows of it; without REDIS_URL all is 0, but for `up`. */
#define CLUSTER_STATS(COUNTER, GAUGE)                                                                     \
    GAUGE(up, "redis_up", "", "1 when Redis can be used, or is not needed.")                              \
    COUNTER(sent, "cluster_sent_total", "", "Messages to other servers handed to Redis.")                 \
    COUNTER(lost, "cluster_lost_total", "",                                                               \
        "Messages that other servers did not get: Redis was away or too slow.")                           \
    COUNTER(received, "cluster_received_total", "", "Messages of other servers for rooms that are here.") \
    COUNTER(requests, "cluster_requests_total", "", "Questions asked of other servers.")                  \
    COUNTER(unreached, "cluster_relay_failures_total", "",                                                \
        "Requests for sessions of other servers that these did not answer.")                              \
    COUNTER(link_refused, "cluster_link_refused_total", "",                                               \
        "Connections to CLUSTER_PORT that did not know the secret.")                                      \
    GAUGE(tunnels, "cluster_tunnels", "", "WebSockets of other servers' sessions that come through this one.")
typedef struct cluster_counts {
#define CLUSTER_MEMBER(member, name, labels, help) uint64_t member;
    CLUSTER_STATS(CLUSTER_MEMBER, CLUSTER_MEMBER)
#undef CLUSTER_MEMBER
} cluster_counts;
/* Any thread. */
void cluster_counts_read(const cluster_join *j, cluster_counts *out);

#endif
