/* HTTP/1.1 server on one loop: connections, routes, replies, hand-over to another loop. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/buf.h"
#include "codec/http1.h"
#include "net/net.h"
#include "net/tls.h"

typedef struct http_server http_server;

/* One request until its reply. `head` and the views in it are valid inside on_request, and until the reply
 * after http_hold. A connection has at most one; what the peer pipelines waits (bounded). */
typedef struct http_req {
    const http1_request *head;
    http_server         *server;
    void                *user;        /* yours, NULL at first */
    /* Set it to learn that the peer went away before the reply; the request is gone when it returns. */
    void               (*on_abort)(struct http_req *r);
    /* Behind http_reply_start: what was written has left, after http_is_blocked was true. */
    void               (*on_drain)(struct http_req *r);
} http_req;

typedef struct http_route {
    const char *path;                 /* raw path */
    bool        exact;                /* else: every raw target that starts with it */
    void      (*on_request)(void *ctx, http_req *r);
    void       *ctx;
    bool        upgrades;             /* only requests that ask for an upgrade */
} http_route;

typedef struct http_options {
    uint32_t head_timeout_ms;         /* first byte to complete head, 0 = default 20 s */
    uint32_t idle_timeout_ms;         /* keep-alive without a request, default 65 s */
    uint32_t body_timeout_ms;         /* body complete after its head, default 30 s */
} http_options;

int  http_server_new(http_server **out, net *n, const http_options *o); /* o may be NULL */
/* Drops all connections (on_abort for their requests). Before or after net_free; the loop must not run any
 * more. */
void http_server_free(http_server *s);
/* First match in the order added; before the server runs. The strings must outlive the server. Without a
 * match a plain request gets 404 with an empty body, an upgrade request is closed without a byte after 1
 * s. */
int  http_server_route(http_server *s, http_route route);
/* As net_listen; once per server. */
int  http_server_listen(http_server *s, const char *host, int *port);
/* Connections that it accepts from now on speak TLS. t is yours and must outlive the server. */
void http_server_secure(http_server *s, tls_server *t);
/* No new connections; idle ones are closed; those with a request get "Connection: close" on their reply. */
void http_server_drain(http_server *s);
/* Serves a connection that is open already and whose peer has shown to be one of our servers: its requests
 * are relayed ones, in which HTTP_CLIENT_HEADER is believed. Everywhere else that header is taken out unseen.
 * p[0..n) has been read already. The stream is no longer yours. */
#define HTTP_CLIENT_HEADER "Sio-Link-Client"
void http_server_take(http_server *s, net_stream *stream, char *p, size_t n);
net *http_server_net(http_server *s);
/* A pointer of yours that rides on the server. */
void http_server_give(http_server *s, void *user);
void *http_server_user(const http_server *s);
size_t http_server_connections(const http_server *s);

/* Copies the head so that the request can wait. 0 or SIO_ENOMEM (a 500 was sent, the request is gone). */
int  http_hold(http_req *r);
/* Collects the body, at most max bytes, then calls fn once, perhaps before this returns: err 0 with the
 * bytes (valid and changeable inside the call), SIO_ETOOBIG (the rest is drained and dropped; reply as you
 * like), SIO_EPARSE for malformed chunks (400 was sent, r is gone and must not be touched). When the peer
 * goes away, takes too long (408 was sent) or you reply first, fn is not called: on_abort tells of the
 * former two. Inside on_request, or later after http_hold. Holds the head while it waits; without memory
 * for that a 500 is sent and fn is not called. Answers "Expect: 100-continue". */
void http_body(http_req *r, size_t max, void (*fn)(http_req *r, int err, char *p, size_t n));
/* True while http_body is under way for r. */
bool http_in_body(const http_req *r);
/* Text of the peer's address; of a relayed request that of the client, as the relaying server named it. */
void http_peer(http_req *r, char *out, size_t n);
/* It came from another of our servers, by http_server_take. */
bool http_is_relayed(const http_req *r);
/* Its connection speaks TLS. */
bool http_is_secure(const http_req *r);

/* Replies and ends the request. `headers` are complete lines "Name: value\r\n". Added are Content-Length
 * (not for 204 and 304) and, when the connection ends with it, "Connection: close": the peer asked for
 * that, the server drains, the request was an upgrade, or too much of its body is still unread. HEAD gets
 * no body. Bytes are copied. */
void http_reply(http_req *r, int status, sio_str headers, sio_str body);
/* The same in pieces: the head now, with `length` as Content-Length, then so many bytes of body, with
 * http_reply_more; the request is over, and gone, with the last of them, which is in http_reply_start when
 * none are to come (length 0, HEAD, a status without body). True = it is over. Until then on_abort tells that
 * the peer went away. */
bool http_reply_start(http_req *r, int status, sio_str headers, uint64_t length);
/* n: no more than what is left of the length. */
bool http_reply_more(http_req *r, const char *p, size_t n);
/* The peer does not take the answer as fast as it is written: wait for on_drain. */
bool http_is_blocked(const http_req *r);
/* Ends the request by dropping the connection, without a byte more. on_abort is not called. */
void http_drop(http_req *r);

/* Moves the connection, with the request unanswered, to the server of another loop, which sees the request
 * anew. Only inside on_request, before anything else was done. `to` belongs to another thread: its loop is
 * posted to. */
void http_handoff(http_req *r, http_server *to);

/* Accepts an upgrade: writes status 101 with the given header lines and hands the stream over (net_give
 * was done). Bytes that came behind the head are passed to ops->on_data before this returns; the owner
 * must be ready. The request is gone. NULL when the connection had died. */
net_stream *http_upgrade(http_req *r, sio_str headers, const net_ops *ops, void *owner);

/* gzip (or zlib-wrapped deflate) of body, appended to out: 0, SIO_ENOMEM, or SIO_ETOOBIG when out->max
 * leaves no room for the worst case, which is a little more than the body. */
int  http_compress(sio_str body, bool gzip, buf *out);

#endif
