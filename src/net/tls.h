/* TLS on a stream. Who uses the stream does not know: net_send, on_data and the rest carry the clear text.
 *
 * A connection that speaks TLS costs its own memory (docs/OPERATIONS.md has the numbers); a plain one costs
 * nothing for the possibility. No buffer is held while nothing is under way: records are decrypted inside the
 * loop's receive buffer and encrypted one after the other when the turn ends; only what the kernel did not
 * take of the last record stays.
 *
 * TLS 1.2 and 1.3. A handshake that does not end within TLS_HANDSHAKE_MS, a broken record, a wrong
 * certificate or an end without close_notify is on_close with SIO_EIO, and one line in the log says why:
 * DEBUG for connections that came in, WARN for those that we opened. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net/net.h"

#define TLS_HANDSHAKE_MS 10000

/* ---- connections that we open ---- */

/* Made once, used by any number of streams on any thread. */
typedef struct tls_client tls_client;

typedef struct tls_client_options {
    const char *ca_file;              /* PEM, who is believed; NULL = the store of the system */
    const char *cert_file, *key_file; /* PEM, the chain and key that we show; both or none */
    bool        no_verify;            /* believes everybody: encrypted, but who knows for whom */
    const char *alpn;                 /* the one protocol we offer, 1 to 255 bytes; NULL = none */
} tls_client_options;

/* Reads the files now: 0, SIO_EINVAL (the log says which file and why), SIO_ENOMEM. o NULL = all defaults. */
int  tls_client_new(tls_client **out, const tls_client_options *o);
void tls_client_free(tls_client *c); /* streams that use it may live on; NULL does nothing */

/* Starts TLS on a connection on which nothing was sent yet, as net_dial gave it. The answer is the stream
 * to use from now on, with the ops and owner of s, which is gone. What is sent before the handshake ended
 * waits for it. name: of the server, as DNS name (sent as SNI) or IP address; its certificate must be for
 * it. NULL and a closed descriptor, without on_close: out of memory, or a name that cannot be one. */
net_stream *tls_client_wrap(tls_client *c, net_stream *s, const char *name);

/* ---- connections that come in ---- */

/* Certificate and key of a server; any thread. */
typedef struct tls_server tls_server;

/* PEM files: the certificate with its chain, the key without pass phrase. 0, SIO_EINVAL (see the log),
 * SIO_ENOMEM. */
int  tls_server_new(tls_server **out, const char *cert_file, const char *key_file);
/* Reads the files again: handshakes from now on use what is there. On an error everything stays as it was. */
int  tls_server_reload(tls_server *t);
void tls_server_free(tls_server *t); /* streams that use it may live on; NULL does nothing */

/* A connection that was accepted, for net_attach: 0 or SIO_ENOMEM (fd stays open). */
int  tls_server_line(tls_server *t, int fd, net_line *out);

#endif
