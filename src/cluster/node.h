/* This server among the others that share a Redis: a lease that says it lives, where it can be reached, who has died.
 *
 * Keys, all with one hash tag so that scripts work on Redis Cluster (P = prefix, "partyline"):
 *   {P}:nodes          sorted set: code -> when the lease ends (Redis' own clock, ms)
 *   {P}:node:<code>    hash: address, started, version
 * A node renews its lease every third of it. One whose lease ended is told to every live node as dead; one of them claims the
 * sweep (node_claim) and gives it back when done; a claimant that dies itself loses it with its lease. */
#ifndef CLUSTER_NODE_H
#define CLUSTER_NODE_H

#include "redis/redis.h"

#define NODE_CODE_LEN 4

typedef struct node node;

typedef struct node_options {
    loop       *loop;
    redis      *redis;               /* for commands, on this loop; outlives the node */
    const char *prefix;              /* "partyline"; copied */
    char        code[NODE_CODE_LEN]; /* ours: base64url characters, random at start */
    const char *address;             /* "host:port" where others reach us, or NULL; copied */
    uint32_t    lease_ms;            /* 15000 */
    /* Each may be NULL. */
    void      (*on_dead)(void *arg, sio_str code);   /* the lease of that node has ended */
    void      (*on_lost)(void *arg);                 /* ours was gone (Redis was flushed, or we were away for too long): what we had
                                                      * in Redis is to be written again. Also when Redis is there the first time. */
    void       *arg;
} node_options;

/* Starts with the loop; works as soon as Redis is up. 0, SIO_ENOMEM. */
int  node_new(node **out, const node_options *o);
/* Gives the lease back first when Redis is up (queued on its connection), so that nobody waits for it to end. */
void node_free(node *n);
/* Redis came or went, for the owner of the connection to pass on. */
void node_redis_up(node *n);

/* Where a node is reached: fn(arg, 0, "host:port"), or SIO_ENOENT, SIO_EUNAVAILABLE. From a cache when it is fresh (a lease). */
void node_find(node *n, sio_str code, void (*fn)(void *arg, int err, const char *address), void *arg);
/* Try to be the one that sweeps behind a dead node: fn(arg, true) for one of all callers. node_swept when it is done. */
void node_claim(node *n, sio_str code, void (*fn)(void *arg, bool ours), void *arg);
void node_swept(node *n, sio_str code);
/* Nodes with a lease, this one included, as of the last renewal. */
unsigned node_count(const node *n);

#endif
