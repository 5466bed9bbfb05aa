/* The seam between a server and others like it: an adapter carries broadcasts and requests to the
 * other servers of a cluster and brings theirs here. Ready ones are in sio_redis.h; this header is for
 * those who write one.
 *
 * An adapter is given to the server in sio_options.adapter and is the server's from then on. Its functions
 * run on loop 0, but for `publish`, which runs on the thread that emits. Nothing an adapter does may wait. */
#ifndef SIO_ADAPTER_H
#define SIO_ADAPTER_H

#include "sio.h"

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef enum sio_op_kind { SIO_OP_EMIT, SIO_OP_JOIN, SIO_OP_LEAVE, SIO_OP_DISCONNECT } sio_op_kind;

/* Something that is to happen to sockets of a namespace, wherever they are. All views. */
typedef struct sio_op {
    sio_op_kind     kind;
    const sio_str  *room, *except;       /* whom: members of any of these rooms (none: everybody) and of
                                          * none of those */
    unsigned        nrooms, nexcept;
    bool            is_volatile, uncompressed; /* EMIT */
    bool            others;              /* EMIT: this server's sockets are served already;
                                          * sio_deliver does nothing */
    bool            close;               /* DISCONNECT: the whole connection */
    sio_str         args;                /* EMIT: JSON array of the event's name and arguments */
    const sio_bins *bins;                /* EMIT: what its placeholders stand for, or NULL */
    const sio_str  *target;              /* JOIN, LEAVE: these rooms */
    unsigned        ntargets;
    sio_str         offset;              /* EMIT, into sio_deliver only: position in the log the adapter
                                          * keeps, for recovery; p NULL = cannot be recovered */
} sio_op;

/* ---- from the server to its adapter ------------------------------------------------------------------ */

typedef struct sio_adapter sio_adapter;

/* Answers of other servers to one question, on loop 0. Every one handed to an adapter must be ended with
 * sio_remote_end exactly once, at the latest when its time has passed; it is gone then. */
typedef struct sio_remote sio_remote;
/* One client's (gather) or server's (server_emit) answer */
void sio_remote_answer(sio_remote *r, sio_val answer);
void sio_remote_peer(sio_remote *r, const sio_peer *p);         /* one socket (fetch) */
/* 0, SIO_ETIMEOUT: some are missing, SIO_EUNAVAILABLE */
void sio_remote_end(sio_remote *r, int err);

typedef struct sio_restored sio_restored;

typedef struct sio_adapter_ops {
    const char *name;
    /* True: the adapter brings EMIT, JOIN, LEAVE and DISCONNECT home to this server too, through sio_deliver,
     * in the order of its log (for recovery). Else the server has applied them before it calls publish. */
    bool        delivers;
    /* The loops are made and do not run yet; sio_home.h gives an adapter of this library its network.
     * 0 or an error. */
    int       (*start)(sio_adapter *a, sio_server *io);
    /* The server stops: say goodbye. What comes later is not looked at. */
    void      (*stop)(sio_adapter *a);
    /* No loop runs any more; sio_remotes that are left are ended by the server. */
    void      (*free)(sio_adapter *a);
    /* A namespace exists from now on (never a parent of dynamic ones). */
    void      (*ns_open)(sio_adapter *a, sio_ns *ns);
    /* Any thread: to the other servers. What one thread publishes keeps its order. */
    int       (*publish)(sio_adapter *a, sio_ns *ns, const sio_op *op);
    /* Ask the sockets of other servers, at most ms milliseconds (0: the adapter's own timeout). */
    void      (*gather)(sio_adapter *a, sio_ns *ns, const sio_op *op, uint32_t ms, sio_remote *r);
    void      (*fetch)(sio_adapter *a, sio_ns *ns, const sio_op *op, uint32_t ms, sio_remote *r);
    /* An event for the other servers themselves; r NULL: no answers are wanted. */
    void      (*server_emit)(sio_adapter *a, sio_ns *ns, sio_str args, const sio_bins *bins, uint32_t ms,
                             sio_remote *r);
    /* Servers that have the namespace, this one included: fn(arg, 0, n), once, or fn(arg, error, 1). */
    void      (*server_count)(sio_adapter *a, sio_ns *ns, void (*fn)(void *arg, int err, unsigned n),
                              void *arg);
    /* A room has got its first member on this server, or lost its last; sockets' own rooms too, `own` says
     * so. NULL: not wanted. */
    void      (*room_open)(sio_adapter *a, sio_ns *ns, sio_str room, bool own);
    void      (*room_close)(sio_adapter *a, sio_ns *ns, sio_str room, bool own);
    /* Recovery by the adapter's own log, all three or none; only with `delivers`. A client was lost: its
     * state (room names without its own, data as JSON or p NULL) is to be kept for recovery_ms. */
    void      (*persist)(sio_adapter *a, sio_ns *ns, sio_str pid, sio_str id, const sio_str *rooms,
                         unsigned nrooms, sio_str data, uint32_t keep_ms);
    /* A client is back with pid and offset: look for both, answer with sio_restored_*, later or at once. */
    void      (*restore)(sio_adapter *a, sio_ns *ns, sio_str pid, sio_str offset, sio_restored *r);
    /* Events with an offset that are delivered after sio_restored_end reach the client as any other; so the
     * adapter hands over, as missed, exactly those up to the last one it has delivered here, and ends in
     * the same turn. */
} sio_adapter_ops;

struct sio_adapter {
    const sio_adapter_ops *ops;
};

/* What restore found: first the state, then what was missed in order, then the end. Without state only the
 * end, with SIO_ENOENT. On loop 0. */
int  sio_restored_state(sio_restored *r, sio_str id, const sio_str *rooms, unsigned nrooms, sio_str data);
/* With its offset; nothing happens when it was not for the client */
int  sio_restored_missed(sio_restored *r, const sio_op *emit);
void sio_restored_end(sio_restored *r, int err);

/* ---- from an adapter to the server: what others want ------------------------------------------------- */

/* Applies an op to this server's sockets. Any thread; what one thread delivers keeps its order. 0, SIO_EINVAL
 * for args that are no array that begins with a name or carry a reserved event, SIO_ELIMIT, SIO_ENOMEM. */
int  sio_deliver(sio_ns *ns, const sio_op *op);
/* Emits with acknowledgement to this server's sockets on behalf of another server. On loop 0;
 * on_count(arg, n) once: so many were asked; then on_answer for each that answers in time; on_end once,
 * behind it nothing comes. */
typedef struct sio_asked {
    void (*on_count)(void *arg, size_t clients);
    void (*on_answer)(void *arg, sio_val answer);
    void (*on_end)(void *arg);
} sio_asked;
int  sio_deliver_gather(sio_ns *ns, const sio_op *op, uint32_t ms, const sio_asked *fns, void *arg);
/* This server's matching sockets, with handshake and data as values. On loop 0; fn runs once on it. */
int  sio_deliver_fetch(sio_ns *ns, const sio_op *op, sio_fetch_fn *fn, void *arg);
/* Another server's event for this one: the handler of sio_on_server runs. reply NULL: no answer is
 * wanted; else it runs at most once, with the first value the handler acks. On loop 0. False when there
 * is no handler. */
bool sio_deliver_server_event(sio_ns *ns, sio_str args, const sio_bins *bins,
                              void (*reply)(void *arg, sio_val answer), void *arg);
/* The same for one who must know when no answer will come: fns->on_answer (which may be called while
 * this runs) at most once, then fns->on_end once, when it was acked or its handler let go of it.
 * on_count is not called. */
bool sio_deliver_server_call(sio_ns *ns, sio_str args, const sio_bins *bins, const sio_asked *fns, void *arg);
/* Whether the room has a member on this server; true for every name that may be a socket's id. Any thread. */
bool sio_has_room(sio_ns *ns, sio_str room);

/* For adapters: something went wrong with what others sent (refused, counted, logged at most once a
 * second). Any thread. */
void sio_adapter_refused(sio_server *io, const char *what);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
