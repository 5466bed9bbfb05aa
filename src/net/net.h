/* Byte streams and listeners on a loop. All backpressure lives here.
 *
 * Writing queues references; what a turn produced leaves in one system call per stream when the turn ends.
 * An idle stream holds no buffer: reads go to one buffer per loop, the queue exists while there is
 * something in it. */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/blob.h"
#include "base/stat.h"
#include "loop/loop.h"

typedef struct net        net;        /* one loop's streams */
typedef struct net_stream net_stream;

typedef struct net_limits {
    size_t max_unsent;                /* bytes queued on one stream (2 GB at most): more is SIO_ELIMIT, as are
                                       * more than 196605 pieces that wait for the kernel */
} net_limits;

int  net_new(net **out, loop *l, const net_limits *limits);
/* Closes every stream (on_close with SIO_ECANCELED) and frees. The loop must not run any more. */
void net_free(net *n);
loop *net_loop(net *n);
/* Frees what is kept for reuse: for when it is calm again. */
void net_give_back(net *n);
/* Written by the loop's thread, read by any. */
typedef struct net_stats {
    stat_cell bytes_in, bytes_out;
    stat_cell overflows;              /* streams ended for max_unsent */
} net_stats;
const net_stats *net_stats_of(const net *n);

typedef struct net_ops {
    /* Bytes have arrived. They lie in the loop's receive buffer: may be changed, are gone afterwards. */
    void (*on_data)(net_stream *s, char *p, size_t n);
    /* Everything queued has been handed to the kernel; only after a flush that could not send it all at
     * once. May be NULL. */
    void (*on_drain)(net_stream *s);
    /* The stream is over: 0 = the peer ended it or net_close finished, SIO_EIO, SIO_ELIMIT (max_unsent),
     * SIO_ECANCELED. Called exactly once, never from inside a call of yours into net except net_abort; the
     * stream is freed after this turn. */
    void (*on_close)(net_stream *s, int err);
} net_ops;

/* 72 bytes, and no buffer while idle. */
struct net_stream {
    loop_io           io;
    net              *net;
    const net_ops    *ops;
    void             *owner;          /* yours */
    struct net_chunk *tail;           /* private from here on: the write queue, a ring; NULL when empty */
    list              link;
    uint32_t          unsent;
    int8_t            err : 7;
    bool              secure : 1;     /* speaks TLS: there is more behind this structure (net/tls.h) */
    uint8_t           flags;
    uint16_t          chunks;         /* in the queue */
};

/* Takes over a connected descriptor. NULL without memory (the descriptor is closed). */
net_stream *net_adopt(net *n, int fd, const net_ops *ops, void *owner);
/* Changes who gets the events, as when HTTP becomes WebSocket. */
void net_give(net_stream *s, const net_ops *ops, void *owner);

/* A connection without a stream, as it goes from loop to loop. */
typedef struct tls_conn tls_conn;
typedef struct net_line {
    int       fd;
    tls_conn *tls;                    /* NULL = plain */
} net_line;
/* Gives the connection up, unread and unclosed; the stream is freed after this turn without on_close. */
net_line net_detach(net_stream *s);
/* Takes it over, on this loop: as net_adopt, with what belongs to it. */
net_stream *net_attach(net *n, net_line line, const net_ops *ops, void *owner);
/* Closes a connection that nobody will take over. */
void net_line_drop(loop *l, net_line line);

/* Queues bytes [from, from + n) of b and takes a reference of its own. Never fails towards the caller:
 * trouble arrives as on_close. Ignored on a closing stream. */
void net_send(net_stream *s, blob *b, uint32_t from, uint32_t n);
void net_send_copy(net_stream *s, const void *p, size_t n);
/* Flushes now instead of at the end of the turn. */
void net_flush(net_stream *s);
size_t net_unsent(const net_stream *s);
bool net_is_open(const net_stream *s); /* neither closing nor closed */
bool net_is_secure(const net_stream *s); /* speaks TLS */
/* True when bytes wait that the kernel did not take: a `volatile` packet would not leave at once. */
bool net_is_blocked(const net_stream *s);

void net_pause(net_stream *s);        /* stop reading; the end of the peer is still noticed when resumed */
void net_resume(net_stream *s);
/* No more data in; flush, then close. on_close follows with 0 once the kernel has everything (SIO_EIO when
 * the peer takes nothing for half a minute). The descriptor itself is kept up to 2 s longer, dropping what
 * still comes in, so that no reset overtakes the last bytes. */
void net_close(net_stream *s);
void net_abort(net_stream *s, int err); /* drop the queue and close; on_close(err) before it returns */
void net_peer(net_stream *s, char *out, size_t n);

/* ---- listening ---- */
typedef struct net_listener net_listener;
/* on_accept owns the descriptor and may close the listener. Out of descriptors: accepting pauses briefly
 * and is logged once. */
int  net_listen(net_listener **out, net *n, const char *host, int *port, void (*on_accept)(void *ctx, int fd),
                void *ctx);
void net_listener_close(net_listener *l);

#endif
