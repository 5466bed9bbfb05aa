/* Messages of the classic Redis adapter, byte for byte as @socket.io/redis-adapter 8 (createAdapter) writes
 * them; what @socket.io/redis-emitter 5 and older adapters write is read, too. Sans-IO; any thread.
 *
 * Broadcasts are msgpack [uid, packet, opts]. Requests and responses are JSON objects, or msgpack maps where
 * they carry what a client sent or is to get (types 7 and 9). Node does not guard what it reads: nothing is
 * written here but whole, well-formed messages. */
#ifndef CLUSTER_CLASSIC_MESSAGE_H
#define CLUSTER_CLASSIC_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "sio_adapter.h"

#define CLASSIC_MAX_MESSAGE (64u << 20)  /* bytes */
#define CLASSIC_MAX_JSON    (256u << 20) /* bytes it may become as JSON */
#define CLASSIC_MAX_BINS    255          /* attachments */
#define CLASSIC_MAX_ROOMS   16384        /* names in one list */

typedef enum classic_type {
    CLASSIC_SOCKETS,                     /* ids of sockets */
    CLASSIC_ALL_ROOMS,
    CLASSIC_JOIN,
    CLASSIC_LEAVE,
    CLASSIC_DISCONNECT,
    CLASSIC_FETCH,
    CLASSIC_SERVER_EMIT,
    CLASSIC_ASK,                         /* a broadcast with acknowledgements */
    CLASSIC_CLIENTS,                     /* response: how many clients were asked */
    CLASSIC_ANSWER,                      /* response: what one of them said */
    CLASSIC_BROADCAST,                   /* not a number on the wire: has a channel of its own */
    CLASSIC_UNTYPED                      /* response: its request knows what it is */
} classic_type;

/* A message. Views of the payload and of the reader. */
typedef struct classic_message {
    classic_type type;
    sio_str      uid, id;                /* of who sent it; of the request; p NULL = none said */
    sio_str      nsp;                    /* BROADCAST: of the packet, "/" when none was said */
    sio_op       op;                     /* what is to happen, and to whom */
    sio_bins     bins;                   /* what op.bins points to */
    uint32_t     timeout_ms;             /* ASK: how long the other one waits, 0 = not said */
    bool         by_sid;                 /* JOIN, LEAVE, DISCONNECT in the old form: of one socket */
    uint64_t     clients;                /* CLIENTS */
    sio_str      value;                  /* JSON. ANSWER, UNTYPED, SERVER_EMIT; p NULL = undefined */
    sio_str      sockets;                /* UNTYPED: array of FETCH's sockets, or p NULL */
} classic_message;

/* ---- reading ---- */

/* Memory of the message read last. */
typedef struct classic_reader {
    arena   arena;
    buf     json;
    sio_str bin[CLASSIC_MAX_BINS];
} classic_reader;
void classic_reader_init(classic_reader *r);
void classic_reader_fini(classic_reader *r);

/* Each reads a whole payload; *m is good until the next one. 0; SIO_EPARSE, SIO_ELIMIT, SIO_ETOOBIG for what
 * is no such message; SIO_ENOENT for a request of a type that is none of ours; SIO_ENOMEM. Texts that are no
 * strings (rooms, above all) become the text of their JSON: the room 123 of a Node server is "123". */
int  classic_read_broadcast(classic_reader *r, sio_str payload, classic_message *m);
int  classic_read_request(classic_reader *r, sio_str payload, classic_message *m);
int  classic_read_response(classic_reader *r, sio_str payload, classic_message *m);
/* The uid of a broadcast, or the request id of a response, in the form that Node and we write, without
 * reading all of it; p NULL for any other form. */
sio_str classic_peek_uid(sio_str payload);
sio_str classic_peek_id(sio_str payload);
/* One of m->sockets from *at on (start with 0): 1, 0 behind the last, SIO_EPARSE for what is none,
 * SIO_ELIMIT, SIO_ENOMEM. */
int  classic_next_socket(classic_reader *r, const classic_message *m, size_t *at, sio_peer *p);

/* ---- writing: each appends a payload; 0, or an error of buf_add, and then out is as before ---- */

int  classic_put_broadcast(buf *out, sio_str uid, sio_str nsp, const sio_op *op);
/* JOIN, LEAVE and DISCONNECT, as op says. */
int  classic_put_change(buf *out, sio_str uid, const sio_op *op);
int  classic_put_fetch(buf *out, sio_str uid, sio_str id, const sio_op *op);
/* id p NULL: no answer is wanted. */
int  classic_put_server_emit(buf *out, sio_str uid, sio_str id, sio_str args, const sio_bins *bins);
int  classic_put_ask(buf *out, sio_str uid, sio_str id, sio_str nsp, const sio_op *op, uint32_t timeout_ms);

/* Responses, to: SOCKETS, ALL_ROOMS, the old forms, FETCH, SERVER_EMIT, ASK. */
int  classic_put_ids(buf *out, sio_str id, const sio_peer *peers, size_t n);
int  classic_put_rooms(buf *out, sio_str id, const sio_peer *peers, size_t n);
int  classic_put_done(buf *out, sio_str id);
int  classic_put_sockets(buf *out, sio_str id, const sio_peer *peers, size_t n);
int  classic_put_server_answer(buf *out, sio_str id, sio_val answer);
int  classic_put_clients(buf *out, sio_str id, uint64_t clients);
int  classic_put_answer(buf *out, sio_str id, sio_val answer);

#endif
