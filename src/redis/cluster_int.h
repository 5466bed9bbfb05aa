/* Inside of the client's cluster mode: nodes, the table of slots, and commands that find their way. */
#ifndef REDIS_CLUSTER_INT_H
#define REDIS_CLUSTER_INT_H

#include "redis/redis_int.h"

#define CLUSTER_SLOTS     16384
#define CLUSTER_MAX_NODES 1024

/* ---- slots ---- */

int  slot_of(sio_str key);
/* -1: the command has no key. */
int  slot_of_command(const sio_str *argv, unsigned argc);
bool slot_is_word(sio_str s, const char *word); /* whatever the case */

static inline bool begins(sio_str s, const char *text)
{
    size_t n = strlen(text);

    return s.n >= n && memcmp(s.p, text, n) == 0;
}

/* ---- nodes ---- */

typedef enum node_role { NODE_GONE, NODE_REPLICA, NODE_MASTER } node_role; /* in the latest table of slots */

typedef struct cnode {
    list      link;
    node_role role;
    conn      c;
    list      queue;          /* commands that wait for it to be ready */
    int       port;
    char      host[];
} cnode;

typedef struct cluster {
    redis     *r;
    list       nodes;
    unsigned   nnodes, covered; /* slots that have a master */
    bool       asking;          /* for the table */
    bool       stale;           /* somebody said that a slot has moved */
    unsigned   seed;            /* which address the probe tries next */
    conn      *asker;           /* of the table */
    /* where channels and patterns are subscribed, and commands without a key go */
    cnode     *home;
    list       delayed;         /* commands to be tried again */
    loop_timer tick;
    cnode     *slot[CLUSTER_SLOTS];
} cluster;

/* Makes it when it is not known; NULL without memory or over CLUSTER_MAX_NODES. */
cnode *cluster_node(cluster *cl, sio_str host, int port);
/* Connects it when nobody does. */
void   cluster_open(cnode *node);
/* A master that is ready. NULL. */
cnode *cluster_home(cluster *cl);
/* The tick comes in ms at the latest. */
void   cluster_tick(cluster *cl, uint32_t ms);

/* ---- commands ---- */

/* A command with its arguments, until it is known that it need not be sent elsewhere. */
typedef struct kcmd {
    redis          *r;
    redis_reply_fn *fn;
    void           *arg;
    list            link;           /* in a node's queue, or among the delayed */
    cnode          *at;             /* where it was sent */
    int             slot;           /* -1 = none */
    unsigned        redirects, tries;
    bool            ask;            /* with ASKING */
    unsigned        argc;
    sio_str         argv[];
} kcmd;

int  cluster_command(redis *r, redis_reply_fn *fn, void *arg, const sio_str *argv, unsigned argc);
/* What a node's queue holds: sent now, or told err. */
void cluster_queue_send(cnode *node);
void cluster_queue_fail(list *queue, int err);
void cluster_delayed_send(cluster *cl);
/* "MOVED 3999 127.0.0.1:6381": the slot is noted to be there. NULL when it is not that, or cannot be. */
cnode *cluster_moved(cluster *cl, const conn *said_by, sio_str error, const char *word);

#endif
