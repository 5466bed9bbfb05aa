/* What the server asks of other servers, and what it tells its adapter: shared by adapter.c, remote.c,
 * deliver.c, fetch.c and ack.c.
 *
 * Adapters live on loop 0. A question starts on the loop that asks, travels to loop 0, is answered there
 * through sio_remote_*, and travels back with all answers. */
#ifndef SIO_REMOTE_INT_H
#define SIO_REMOTE_INT_H

#include "sio/sio_int.h"
#include "sio_adapter.h"

typedef struct harvest harvest;

/* An event's arguments as they leave the server: JSON and attachments in memory of their own. */
typedef struct wire {
    sio_str  args;
    sio_bins bins;
} wire;
/* In one block; free it. Errors of val_to_json in *err. */
wire *wire_new(const sio_val *args, size_t n, int *err);

typedef enum remote_kind { REMOTE_GATHER, REMOTE_FETCH, REMOTE_EVENT } remote_kind;

struct sio_remote {
    loop_task   task;
    list        link;           /* in server.remotes while it is the adapter's */
    sio_ns     *ns;
    remote_kind kind;
    shard      *home;           /* NULL: nobody waits for answers */
    op         *who;            /* GATHER, FETCH */
    wire       *what;           /* GATHER, EVENT */
    uint32_t    ms;
    void      (*done)(sio_remote *r); /* on home; the remote is freed behind it */
    sio_gather_fn *fn;          /* EVENT: whom done tells, with arg */
    void       *arg;
    int         err;
    sio_val    *answer;         /* each with its bytes in one block, see answer_copy */
    size_t      n, cap;
    harvest    *harvest;        /* FETCH: what came; done may take it */
};

/* Ask: done(r) runs on home, always in a later turn. The op is copied, the wire taken. */
void remote_gather(sio_ns *ns, const op *o, wire *what, uint32_t ms, shard *home, void (*done)(sio_remote *r),
                   void *arg);
void remote_fetch(sio_ns *ns, const op *o, shard *home, void (*done)(sio_remote *r), void *arg);

/* fetch.c: NULL is allowed for h; made with the first socket. */
harvest *harvest_add(harvest *h, const sio_peer *p);
void     harvest_free(harvest *h);
/* Starts a fetch by an op whose selection is filled in. */
int      fetch_start(sio_ns *ns, op *o, sio_fetch_fn *fn, void *arg);

/* ack.c: the value with its text and attachments in one block that starts at its `bins`; and its end. */
sio_val  answer_copy(sio_val v);
void     answer_free(sio_val v);
/* Asks this server's sockets on behalf of another one. */
int      gather_for_other(sio_ns *ns, op *o, const packet_out *out, uint32_t ms, const sio_asked *fns,
                          void *arg);

/* The public form of an op; except has room for SIO_TARGET_ROOMS + 1. */
void     op_show(const op *o, sio_op_kind kind, sio_op *out, sio_str *except);
/* And back: views. */
void     op_from_shown(const sio_op *o, op_kind kind, op *out);

#endif
