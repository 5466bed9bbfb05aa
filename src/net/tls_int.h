/* Inside of TLS: contexts and connections. */
#ifndef NET_TLS_INT_H
#define NET_TLS_INT_H

#include "base/buf.h"
#include "net/net_int.h"
#include "net/tls.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

/* What connections share. Counted, since a connection may outlive whom it came from. */
typedef struct tls_ctx {
    atomic_uint refs;
    SSL_CTX    *ssl;
    BIO_METHOD *bio;
    bool        quiet;            /* trouble is the peer's affair: DEBUG */
    atomic_uint_fast64_t warned; /* loop_now of the last warning, plus 1; 0: there was none */
} tls_ctx;

/* What TLS has seen of the end. */
enum tls_over { TLS_ON, TLS_ENDED, TLS_BROKEN };

/* TLS of one connection; moves with its descriptor from loop to loop. */
struct tls_conn {
    SSL        *ssl;
    tls_ctx    *ctx;
    net_stream *s;      /* NULL while it moves */
    const char *feed;   /* what was read and not looked at yet, inside net_tls_read only */
    size_t      nfeed;
    buf         spill;  /* encrypted and not taken by the kernel */
    uint32_t    held;   /* bytes at the front of the queue that lie in spill */
    int         io_err; /* -errno of the write that failed */
    uint8_t     over;   /* enum tls_over */
    bool        ready;  /* the handshake is done */
    bool        bye;    /* close_notify was said */
    loop_timer  timer;  /* of the handshake */
};

/* A stream with TLS: as any other, with this behind it. */
typedef struct tls_stream {
    net_stream s;
    tls_conn  *tls;
} tls_stream;

/* ---- tls.c ---- */

/* NULL without memory. Takes a reference to ctx of its own. */
tls_conn *tls_conn_new(tls_ctx *ctx);
/* The way to the kernel, for tls_ctx_new: NULL without memory. */
BIO_METHOD *tls_bio_method(void);

/* ---- tls_context.c ---- */

tls_ctx *tls_ctx_hold(tls_ctx *ctx);
void     tls_ctx_drop(tls_ctx *ctx);

#endif
