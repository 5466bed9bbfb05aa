/* What the sharded and the streams adapter say to their like: the messages of the JavaScript
 * ClusterAdapter, byte for byte as @socket.io/redis-adapter (createShardedAdapter) and
 * @socket.io/redis-streams-adapter 0.3 send them. Sans-IO; any thread.
 *
 * A message is {type, data, uid, nsp}: JSON, or msgpack where there are bytes in it or the way demands it. */
#ifndef CLUSTER_MESSAGE_H
#define CLUSTER_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "sio_redis.h"

#define MESSAGE_MAX_BINS 255           /* attachments of a message; more is refused */
#define MESSAGE_MAX_ID   64            /* bytes of a uid or request id */
#define MESSAGE_MAX_TEXT (256u << 20)  /* bytes of a message as JSON */

typedef enum message_type {
    MESSAGE_INITIAL_HEARTBEAT = 1,     /* this, 2 and 13: not ours, see message_is_foreign */
    MESSAGE_HEARTBEAT,
    MESSAGE_BROADCAST,
    MESSAGE_JOIN,
    MESSAGE_LEAVE,
    MESSAGE_DISCONNECT,
    MESSAGE_FETCH,
    MESSAGE_FETCH_RESPONSE,
    MESSAGE_SERVER_EMIT,
    MESSAGE_SERVER_EMIT_RESPONSE,
    MESSAGE_CLIENT_COUNT,
    MESSAGE_ACK,
    MESSAGE_CLOSE
} message_type;

typedef struct cluster_message {
    message_type type;
    sio_str      uid, nsp;             /* who sends it; the namespace */
    sio_str      request;              /* BROADCAST and SERVER_EMIT: answers are wanted under this id; FETCH
                                        * and responses always have it. p NULL = none */
    sio_op       op;                   /* BROADCAST to FETCH: whom and what; JOIN, LEAVE: target;
                                        * DISCONNECT: close. When read, args and bins are set as well;
                                        * writing looks at packet */
    bool         single;               /* one answer is all that is wanted */
    uint32_t     timeout_ms;           /* 0 = not said */
    sio_str      packet;               /* JSON. BROADCAST, SERVER_EMIT: array of name and arguments; ACK,
                                        * SERVER_EMIT_RESPONSE: the answer, p NULL = undefined;
                                        * FETCH_RESPONSE: array of sockets */
    sio_bins     bins;                 /* what the placeholders in packet stand for */
    uint32_t     clients;              /* CLIENT_COUNT */
} cluster_message;

/* ---- reading ------------------------------------------------------------------------------------------ */

/* Memory of the message read last; one for each reader. */
typedef struct message_decoder {
    arena   strings;
    buf     text;
    sio_str bin[MESSAGE_MAX_BINS];
} message_decoder;
void message_decoder_init(message_decoder *d);
void message_decoder_fini(message_decoder *d);
/* Every reading does this first. */
void message_decoder_reset(message_decoder *d);

/* Reads one message as published on a channel. What is in *m are views of the payload and of d, until the
 * next reading; m->op refers to *m. 0; SIO_EPARSE for what is no message of this format, SIO_ELIMIT,
 * SIO_ETOOBIG, SIO_ENOMEM. Types 1, 2 and 13 are read without their data. */
int  message_decode(message_decoder *d, sio_str payload, cluster_message *m);
/* Reads the fields of an entry of a stream: type in decimal, data as JSON text or base64 of msgpack (p
 * NULL: none). Errors as above. */
int  message_entry_decode(message_decoder *d, sio_str uid, sio_str nsp, sio_str type, sio_str data,
                          cluster_message *m);
/* One socket of a FETCH_RESPONSE, at position *at of m->packet (start with 0): 1, 0 behind the last,
 * SIO_EPARSE, SIO_ENOMEM. Room names are in d. */
int  message_peer_next(message_decoder *d, const cluster_message *m, size_t *at, sio_peer *p);

/* ---- writing ------------------------------------------------------------------------------------------ */

typedef enum message_form {
    MESSAGE_AUTO,                      /* JSON, or msgpack when there are bytes in it (sharded) */
    MESSAGE_PACKED                     /* always msgpack (streams, on its channels) */
} message_form;

/* Appends the message as it is published. 0, SIO_ETOOBIG, SIO_ENOMEM, SIO_EPARSE for a packet that is no
 * JSON; out is as before then. */
int  message_encode(buf *out, const cluster_message *m, message_form form);
/* Appends the `data` field of a stream's entry: JSON, or base64 of msgpack when there are bytes in it;
 * bytes as {"type":"Buffer","data":[...]} with `plaintext`. Errors as above. */
int  message_entry_encode(buf *out, const cluster_message *m, bool plaintext);

/* ---- sessions and positions (streams, recovery) ------------------------------------------------------- */

/* The state of a client that was lost: base64 of the msgpack of {sid, pid, rooms, data}. */
typedef struct message_session {
    sio_str        sid, pid;           /* the socket's id, its private id */
    const sio_str *room;               /* its own is the first */
    unsigned       nrooms;
    sio_str        data;               /* JSON, p NULL = none */
    sio_bins       bins;               /* when read: what placeholders in data stand for */
} message_session;
int  message_session_encode(buf *out, const message_session *s);
int  message_session_decode(message_decoder *d, sio_str text, message_session *s);

/* Ids of entries: "<ms>-<seq>", in the order in which they were added. */
typedef struct message_at {
    uint64_t ms, seq;
} message_at;
#define MESSAGE_AT_SIZE 42             /* bytes of the text with a 0 byte */
/* False when it is none; the text is decimal digits, '-', decimal digits and nothing else. */
bool message_at_parse(sio_str text, message_at *out);
/* The text; the position behind; <0, 0, >0 as memcmp. */
sio_str message_at_text(message_at at, char out[MESSAGE_AT_SIZE]);
message_at message_at_next(message_at at);
int  message_at_compare(message_at a, message_at b);

/* ---- routing ------------------------------------------------------------------------------------------ */

/* Sharded: the room whose channel the message goes to (socket.io#nsp#ROOM#), p NULL: everybody's. Dynamic
 * nodes do not subscribe the rooms that are sockets' own; senders tell those by their length. */
sio_str message_room(const cluster_message *m, sio_redis_subscriptions mode);
/* Streams: the hash of a namespace's name, 31 * h + unit in 32 bits over UTF-16, with its sign as in the
 * reference. */
int32_t message_hash(sio_str nsp);
/* Types of servers that count each other by heartbeats (streams adapter 0.2): they and we are no cluster. */
bool    message_is_foreign(message_type type);

#endif
