/* This server among the others that share a Redis: a lease that says it lives, where it can be reached, who
 * has died.
 *
 * Keys, all with one hash tag so that scripts work on Redis Cluster (P = prefix, "partyline"):
 *   {P}:nodes          sorted set: code -> when the lease ends (Redis' own clock, ms)
 *   {P}:node:<code>    hash: address, started (ms since 1970), loops
 *   {P}:claim:<code>   who sweeps behind that node, for as long as a lease
 * A node renews its lease every third of it. One whose lease ended is told to every live node as dead; one of
 * them claims the sweep (node_claim) and gives it back when done; a claimant that dies itself loses it with
 * its lease. A node that was only away comes back by its next renewal, unless it is being swept: then it
 * waits for the end of that, so that nobody removes what it is writing. */
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
    unsigned    loops;               /* what others are told of us with on_dead */
    uint32_t    lease_ms;            /* 15000 */
    /* Each may be NULL. on_away may run inside node_redis_down, the others never inside a call. */
    /* The lease of that node has ended. Said again with every renewal until somebody has swept behind it. */
    void      (*on_dead)(void *arg, sio_str code, unsigned loops);
    /* What we have in Redis is to be written again: it was flushed, or Redis was away, or we were for too
     * long. Also when Redis is there the first time. From now on we may write, until on_away. */
    void      (*on_lost)(void *arg);
    /* Redis is away, or somebody sweeps behind us: nothing is to be written until on_lost. */
    void      (*on_away)(void *arg);
    void      (*on_count)(void *arg, unsigned nodes); /* node_count has changed */
    void       *arg;
} node_options;

/* Starts with the loop; works as soon as Redis is up. 0, SIO_EINVAL for the code, SIO_ENOMEM. */
int  node_new(node **out, const node_options *o);
/* Gives the lease back first when Redis is up (queued on its connection), so that nobody waits for it to end.
 * Answers that are under way are given up: SIO_ECANCELED, false. Also when the loop does not run any more. */
void node_free(node *n);
/* Redis came or went, for the owner of the connection to pass on. */
void node_redis_up(node *n);
void node_redis_down(node *n);

/* Where a node is reached: fn(arg, 0, "host:port"), or SIO_ENOENT, SIO_EUNAVAILABLE, SIO_ECANCELED. From a
 * cache when it is fresh (a lease); then, and when Redis is away, fn runs before this returns. */
void node_find(node *n, sio_str code, void (*fn)(void *arg, int err, const char *address), void *arg);
/* Try to be the one that sweeps behind a dead node: fn(arg, true) for one of all callers, false also when
 * Redis is away. The claim is kept alive with every renewal. node_swept when it is done. */
void node_claim(node *n, sio_str code, void (*fn)(void *arg, bool ours), void *arg);
/* Whether it is still our claim: to be asked before each part of a sweep. */
bool node_has_claim(const node *n, sio_str code);
/* The sweep is over: nothing of that node is left, or (done false) somebody is to try again later. */
void node_swept(node *n, sio_str code, bool done);
/* Nodes with a lease, this one included, as of the last renewal; 1 before. */
unsigned node_count(const node *n);

#endif
