/* Where our other servers come in: a listening port of a loop whose connections first show who they are
 * (codec/link_hello.h) and then bring relayed requests to the loop's HTTP server. Nothing else is read
 * from them before. */
#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include "codec/link_hello.h"
#include "http/http.h"

typedef struct http_gate http_gate;

typedef struct http_gate_options {
    sio_str secret;                  /* not empty; outlives the gate */
    char    node[LINK_HELLO_CODE];   /* ours */
} http_gate_options;

/* Listens as net_listen does: 0, SIO_EADDR, SIO_EIO, SIO_ENOMEM. */
int  http_gate_new(http_gate **out, http_server *s, const http_gate_options *o, const char *host, int *port);
/* Before its network is freed. Connections that are the HTTP server's by now stay. NULL is allowed. */
void http_gate_free(http_gate *g);
/* Connections turned away so far: no hello, another secret, another node wanted, too slow, too many at
 * once. Any thread. */
uint64_t http_gate_refused(const http_gate *g);

#endif
