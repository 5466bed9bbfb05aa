/* What the adapters over Redis share: options, connections, namespaces, questions under way.
 *
 *   redis_adapter.c   the entry points of sio_redis.h
 *   cluster.c         life of an adapter, its connections, its namespaces
 *   outbox.c          commands from any thread
 *   request.c         questions to other servers, with their timers; their questions to this one
 *   classic*          SIO_REDIS_CLASSIC
 *   cluster_message*  what SIO_REDIS_SHARDED and SIO_REDIS_STREAMS say; they have files of their own
 *
 * All on loop 0 unless said otherwise. */
#ifndef CLUSTER_CLUSTER_INT_H
#define CLUSTER_CLUSTER_INT_H

#include "base/list.h"
#include "base/map.h"
#include "base/stat.h"
#include "redis/redis.h"
#include "sio/inbox.h"
#include "sio_redis.h"

#include <pthread.h>
#include <stdatomic.h>

#define CLUSTER_ID_SIZE     17           /* of our own ids, with a 0 byte behind */
#define CLUSTER_PEER_ID_MAX 128          /* bytes of other servers' ids, and their requests' */
#define CLUSTER_ASKED_MAX   65536        /* questions of others answered at a time, and of ours */
#define CLUSTER_NS_BUCKETS  256

typedef struct cluster         cluster;
typedef struct cluster_ns      cluster_ns;
typedef struct cluster_request cluster_request;

/* What an adapter of one kind is made of. */
typedef struct cluster_kind {
    const sio_adapter_ops *ops;
    size_t      size;          /* bytes of its cluster, which begins with struct cluster; zeroed */
    size_t      ns_size;       /* bytes of its namespaces, which begin with struct cluster_ns; zeroed */
    unsigned    id_len;        /* of uids and request ids: 6 for classic, else 16 */
    bool        hex;           /* made of hexadecimal digits, else of [A-Za-z0-9_-] */
    bool        sharded_count; /* servers are counted by PUBSUB SHARDNUMSUB, else NUMSUB */
    /* Each may be NULL. */
    void      (*making)(cluster *c);           /* it is made; no server yet */
    int       (*ns_init)(cluster_ns *ns);      /* makes names of channels; any thread. 0, SIO_ENOMEM */
    void      (*ns_fini)(cluster_ns *ns);
    void      (*subscribe)(cluster_ns *ns);    /* once, when the namespace is there */
    void      (*unsubscribe)(cluster_ns *ns);  /* the server stops */
    void      (*started)(cluster *c);          /* both clients are made; before any loop runs */
    void      (*up)(cluster *c);               /* both connections are there again */
    void      (*down)(cluster *c);
    void      (*stopping)(cluster *c);         /* before redis clients are freed; may come without started */
    void      (*freeing)(cluster *c);          /* no loop runs any more: free what is its own */
} cluster_kind;

typedef struct cluster_stats { /* see sio_redis_stats */
    stat_cell sent, lost, received, requests;
} cluster_stats;

struct cluster {
    sio_adapter         base;
    const cluster_kind *kind;
    sio_redis_options   opt;             /* texts are own */
    sio_server         *io;
    loop               *loop;            /* loop 0 */
    redis              *commands, *subs; /* one connection each */
    bool                commands_up, subs_up, stopped;
    int                 told;            /* on_state: 0 nothing yet, 1 up, -1 down */
    atomic_bool         can_send;        /* commands_up, for all threads */
    uint64_t            refusal_said;    /* loop_now of the last line about what Redis refuses */

    inbox               outbox;
    atomic_size_t       outbox_bytes;

    _Atomic(cluster_ns *) ns[CLUSTER_NS_BUCKETS]; /* chains, only ever added to */
    pthread_mutex_t     ns_lock;         /* for adding */

    map                 requests;        /* cluster_request by id */
    list                asked;           /* the same, in order */
    list                askers;          /* cluster_asker */
    unsigned            naskers;
    cluster_stats       stats;
};

/* A namespace; lives as long as the adapter. Name and uid never change. */
struct cluster_ns {
    cluster    *c;
    sio_ns     *ns;
    cluster_ns *next;                    /* in its bucket; set before it is published there */
    sio_str     name;                    /* with its slash; the server's memory */
    char        id[CLUSTER_ID_SIZE];
    sio_str     uid;                     /* a view of id: who we are, in this namespace */
    sio_str     count_channel;           /* whose subscribers are the servers; set by ns_init */
    bool        open;                    /* subscribed */
};

/* ---- cluster.c ---- */

/* 0, SIO_EINVAL for options or the URL, SIO_ENOMEM. */
int  cluster_new(cluster **out, const cluster_kind *kind, const sio_redis_options *o);
/* These are for sio_adapter_ops as they stand. */
int  cluster_start(sio_adapter *a, sio_server *io);
void cluster_stop(sio_adapter *a);
void cluster_free(sio_adapter *a);
void cluster_ns_open(sio_adapter *a, sio_ns *ns);
void cluster_server_count(sio_adapter *a, sio_ns *ns, void (*fn)(void *arg, int err, unsigned n), void *arg);
/* Any thread: made when it is new. NULL without memory. */
cluster_ns *cluster_ns_of(cluster *c, sio_ns *ns);
/* Options for a connection of the same Redis; on_up, on_down, arg and reply_ms are the caller's to set. */
redis_options cluster_redis_options(const cluster *c, const char *name);
static inline bool cluster_is_up(const cluster *c) { return c->commands_up && c->subs_up && !c->stopped; }
/* id_len characters as the kind makes them. */
void cluster_make_id(const cluster *c, char *out);
/* "a" "b" "c" ... joined, with a 0 byte behind, from malloc; NULL without memory. */
char *cluster_join(const sio_str *part, unsigned n);

/* ---- outbox.c ---- */

/* Any thread: sends a command on the connection for commands; its answer is not waited for, an error counts
 * as lost. What one thread sends leaves in order. Copies. 0; SIO_EUNAVAILABLE while Redis is away, SIO_ELIMIT
 * over max_unsent, SIO_ENOMEM, and then it has been counted as lost. */
int  cluster_send(cluster *c, const sio_str *argv, unsigned argc);
/* As soon as c->io is known. */
void cluster_outbox_init(cluster *c);
/* Hands Redis now what waits for the next turn. */
void cluster_outbox_flush(cluster *c);
/* When no loop runs any more. */
void cluster_outbox_free(cluster *c);

/* ---- request.c: our questions ---- */

typedef enum cluster_ask { ASK_GATHER, ASK_FETCH, ASK_SERVERS } cluster_ask;

/* A question to the other servers. It ends by itself, with sio_remote_end, when all have answered, in time or
 * not, or when Redis is lost; then it is gone. */
struct cluster_request {
    cluster_ns *ns;
    char        id_text[CLUSTER_ID_SIZE];
    sio_str     id;
    cluster_ask ask;
    bool        counted;                 /* `servers` is known */
    unsigned    servers, reported;       /* others there are, and have said all they have */
    uint64_t    clients, answers;        /* GATHER: as reported, and come */
    sio_remote *remote;
    loop_timer  timer;
    list        link;                    /* private from here on */
    const char *verb;                    /* how it will be sent */
    sio_str     channel;
    char       *held;                    /* the message, until the servers are counted */
    size_t      held_len;
    bool        counting, gone;          /* Redis is asked; and meanwhile it ended */
};

/* NULL when it has been ended at once, with SIO_EUNAVAILABLE, SIO_ELIMIT or SIO_ENOMEM. ms 0:
 * requests_timeout_ms. */
cluster_request *cluster_request_new(cluster_ns *ns, cluster_ask ask, uint32_t ms, sio_remote *r);
/* Counts the servers and then, when there are others, sends `verb channel message` (verb: a literal; channel
 * lives as long as the namespace; message is copied). The request may be gone when this returns. */
void cluster_request_send(cluster_request *q, const char *verb, sio_str channel, sio_str message);
/* Also for what could not be sent. */
void cluster_request_end(cluster_request *q, int err);
/* NULL: not one of ours of that kind, or over. */
cluster_request *cluster_request_find(cluster *c, sio_str id, cluster_ask ask);
bool cluster_request_is_ours(cluster *c, sio_str id);
/* What another server says; each but the first two may end the request. FETCH: sockets, then reported;
 * SERVERS: its answer, then reported; GATHER: how many clients it has asked, once, and an answer of one of
 * them. */
void cluster_request_peer(cluster_request *q, const sio_peer *p);
void cluster_request_answer(cluster_request *q, sio_val answer);
void cluster_request_reported(cluster_request *q);
void cluster_request_clients(cluster_request *q, uint64_t n);
void cluster_request_client_answer(cluster_request *q, sio_val answer);
/* Ends all; and, when no loop runs any more, forgets them: what they answer to is the server's. */
void cluster_requests_end(cluster *c, int err);
void cluster_requests_drop(cluster *c);

/* ---- request.c: questions of others ---- */

/* Who asked, to be remembered until the answer is there. */
typedef struct cluster_asker {
    list        link;
    cluster_ns *ns;
    int         what;                    /* the kind's own */
    sio_str     id, uid;                 /* of request and server; memory behind this */
} cluster_asker;
/* NULL over CLUSTER_ASKED_MAX, for ids over CLUSTER_PEER_ID_MAX, without memory; refused and counted. What is
 * left at the end is freed by the adapter. */
cluster_asker *cluster_asker_new(cluster_ns *ns, int what, sio_str id, sio_str uid);
void cluster_asker_free(cluster_asker *k);

/* ---- the kinds ---- */

extern const cluster_kind cluster_classic, cluster_sharded, cluster_streams, cluster_streams_sharded;

#endif
