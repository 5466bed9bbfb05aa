/* Inside of net: the loop's streams and their queues. */
#ifndef NET_NET_INT_H
#define NET_NET_INT_H

#include "net/net.h"

#define NET_IN_SIZE  (64 * 1024) /* receive buffer */
#define NET_OUT_SIZE (32 * 1024) /* small pieces are put together here and leave in one send */

/* A reference to bytes of a blob. */
typedef struct net_entry {
    blob    *b;
    uint32_t from, n;
} net_entry;

/* A queue is a ring of chunks: `tail->next` is the oldest, so that a stream needs one pointer. 64 bytes,
 * as the common case is one or two entries that live for one turn. */
#define NET_CHUNK_ENTRIES 3
/* A queue of tiny pieces costs many times its bytes, so their number is limited, too: 196605 of them. */
#define NET_MAX_CHUNKS UINT16_MAX
typedef struct net_chunk {
    struct net_chunk *next;
    uint16_t          at, n; /* entries [at, n) are waiting */
    net_entry         e[NET_CHUNK_ENTRIES];
} net_chunk;

enum net_flag {
    NET_DIRTY    = 1,   /* in net->dirty */
    NET_BLOCKED  = 2,   /* the kernel took no more: waits for LOOP_WRITE */
    NET_PAUSED   = 4,
    NET_CLOSING  = 8,   /* flush, then end */
    NET_FAILED   = 16,  /* err says why; ends at the end of the turn */
    NET_OVER     = 32,  /* on_close was called: what is left to do is our own business */
    NET_DEAD     = 64,  /* the descriptor is gone; freed at the end of the turn */
    NET_PROGRESS = 128, /* bytes have left since the last look at the closing streams */
};

struct net {
    loop         *loop;
    size_t        max_unsent;
    loop_hook     hook;
    list          open, closing, dead;
    list          linger[2];     /* shut down, waiting for the peer's end: of this second, of the last one */
    unsigned      ticks;
    loop_timer    timer;         /* runs while something is closing or lingering */
    net_stream  **dirty;         /* streams with something for the end of the turn */
    size_t        ndirty, dirty_cap;
    net_chunk    *spare;         /* bounded free list */
    unsigned      nspare;
    net_stats     stats;
    char          in[NET_IN_SIZE];
    char          out[NET_OUT_SIZE];
};

/* ---- queue.c ---- */

/* Appends and takes over the reference. False without memory (the reference is dropped). */
bool net_queue_push(net_stream *s, blob *b, uint32_t from, uint32_t n);
void net_queue_drop(net_stream *s);
/* Sends until the queue is empty or the kernel takes no more (then NET_BLOCKED is set). 0 or -errno. */
int  net_queue_flush(net_stream *s);
/* Up to max bytes from the front of the queue, which is not empty, in one piece: where they lie, or copied
 * into net->out. max is at most NET_OUT_SIZE. */
const char *net_queue_front(const net_stream *s, size_t max, size_t *n);
/* The first n bytes have left. */
void net_queue_consume(net_stream *s, size_t n);
void net_spare_free(net *n);

/* ---- stream.c ---- */

/* To be looked at when the turn ends. */
void net_stream_mark(net_stream *s);
/* Tells the loop what the flags say we want to hear. */
void net_stream_want(net_stream *s);
/* Sets or clears NET_BLOCKED. */
void net_stream_block(net_stream *s, bool on);

/* ---- tls.c: only for streams that are `secure` ---- */

size_t net_tls_size(void);            /* bytes of such a stream */
/* It has a loop now: sends the first words of a client. */
void   net_tls_start(net_stream *s, tls_conn *c);
/* Reads once and decrypts all of it, to net->in: the number of bytes, which may be 0. The end of the
 * connection is not told here: see net_tls_over. */
size_t net_tls_read(net_stream *s);
/* As net_queue_flush. */
int    net_tls_flush(net_stream *s);
bool   net_tls_shakes(const net_stream *s);  /* in the handshake */
bool   net_tls_is_full(const net_stream *s); /* waits for the kernel to take bytes */
/* What was seen of the end when the turn ends, and was not told yet: 0 nothing, 1 the peer said that
 * it ended, or SIO_EIO. */
int    net_tls_over(const net_stream *s);
/* Says close_notify, unless it makes no sense. False: the kernel has no room for it, ask again when it
 * has. */
bool   net_tls_bye(net_stream *s);
/* The stream is a plain one from here on. */
tls_conn *net_tls_take(net_stream *s);
void   net_tls_free(tls_conn *c);

#endif
