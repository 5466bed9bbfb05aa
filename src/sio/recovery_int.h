/* Shared by the two halves of recovery: what is kept (recovery.c) and how it is given back (restore.c). */
#ifndef SIO_RECOVERY_INT_H
#define SIO_RECOVERY_INT_H

#include "sio/sio_int.h"

/* Events logged per loop and namespace; over it the oldest go, and who needs them starts a new session. */
#define RECOVERY_MAX_BYTES (64u << 20)
/* State of lost clients per loop and namespace; over it a client that is lost starts anew when
 * it comes back. */
#define RECOVERY_MAX_SAVED (64u << 20)
#define RECOVERY_NOWHERE   UINT32_MAX

typedef struct logged {
    op      *o;
    uint64_t at;                /* loop_now when it passed */
} logged;

/* A lost socket's state, or (data NULL) the number of the loop where it went. */
typedef struct saved {
    char       pid[SIO_ID_LEN], id[SIO_ID_LEN];
    recovery  *recovery;
    loop_timer expiry;
    unsigned   nrooms;
    char      *rooms;
    void      *data;
    size_t     bytes;           /* of all this */
    uint32_t   moved_to;
} saved;

struct recovery {
    ns_shard  *ns;
    uint64_t   own_seq;         /* last number given to an event that started here */
    logged    *log;             /* [first, last) */
    size_t     first, last, cap, bytes;
    uint64_t  *base;            /* per origin: the last number that was pruned */
    map        saved;
    size_t     saved_bytes;
    loop_timer purge;
};

/* What a client missed where it lived: of an event that went to all only which one it was, since the new
 * loop has it too. */
typedef struct missed {
    op      *o;                 /* an event for this client alone, else NULL */
    unsigned origin;
    uint64_t seq;
} missed;

/* A client that wants its state back, on its way between loops. */
struct restore {
    loop_task task;
    struct sio_restored *there; /* whose part it is, when the adapter keeps the log (restored.c) */
    sio_ns   *ns;
    sio_in   *in;               /* the kept CONNECT; belongs to the asking loop */
    unsigned  asker, at, hops;
    char      pid[SIO_ID_LEN];
    unsigned  origin;           /* the offset the client names */
    uint64_t  seq;
    saved    *found;            /* the state, once found */
    uint64_t *seen;             /* per origin: the last number the client has seen */
    missed   *missed;           /* in the order of the loop it lived on */
    size_t    nmissed;
};

/* An event as one that went to s alone, without a packet for a mark; NULL without memory. */
op      *recovery_op_for(sio_socket *s, uint64_t seq, unsigned origin, const parcel *p);
/* Logs an event; takes the copy. */
void     recovery_append(recovery *r, op *copy);
unsigned recovery_home(const char *pid);
bool     recovery_parse_offset(const sio_server *io, sio_str text, unsigned *origin, uint64_t *seq);
/* Out of the table of its loop. */
void     recovery_saved_take(recovery *r, saved *v);
void     recovery_saved_free(saved *v, ns_shard *ns);
/* Tells the home of pid where its state lives now (RECOVERY_NOWHERE: it is void), unless that
 * is this loop. */
void     recovery_route(ns_shard *ns, const char *pid, uint32_t moved_to);

/* Whether the client of that state should get the event. */
bool     recovery_is_for(const op *o, const saved *v);
void     recovery_join_rooms(sio_socket *s, const saved *v);
/* restored.c */
void     restored_keep(sio_socket *s);
void     restored_replay(sio_socket *s, struct sio_restored *r);
void     restored_free(struct sio_restored *r);
bool     restored_request(client *c, sio_ns *ns, sio_str auth, const sio_bins *bins, sio_str pid,
                          sio_str offset);

#endif
