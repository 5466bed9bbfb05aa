/* Requests that are another server's to answer: they go there over kept connections, head and body, and
 * what it answers comes back as it is; a WebSocket becomes a tunnel. One relay per loop, everything on
 * that loop. */
#ifndef HTTP_RELAY_H
#define HTTP_RELAY_H

#include "codec/link_hello.h"
#include "http/http.h"

#define HTTP_RELAY_HOST 256

typedef struct http_relay http_relay;

/* Another server. After http_relay_target_init it must not move; it goes only when `uses` is 0. The
 * address may be changed at any time: the connections there are stay. */
typedef struct http_relay_target {
    char     node[LINK_HELLO_CODE];
    int      port;
    char     host[HTTP_RELAY_HOST];
    char     ip[64];                 /* private: what the name stood for when it was reached */
    unsigned uses;                   /* requests and connections that refer to it */
    unsigned dialing, nwaiting;      /* private */
    list     waiting;                /* private */
} http_relay_target;
void http_relay_target_init(http_relay_target *t, const char *node);
void http_relay_target_set(http_relay_target *t, const char *host, int port);

typedef struct http_relay_options {
    sio_str  secret;                 /* not empty; outlives the relay */
    char     node[LINK_HELLO_CODE];  /* ours */
    size_t   max_body;               /* a larger one is announced but not sent: the other refuses it */
    uint32_t connect_ms;             /* 0 = 3000 */
    uint32_t answer_ms;              /* until the head of the answer; more than a poll may hang */
    /* No answer was to be had (not reached, not who we wanted, gone or silent before it answered), nothing
     * was written: r is to be answered here. */
    void   (*on_unreachable)(void *ctx, http_req *r, http_relay_target *t);
    void    *ctx;
} http_relay_options;

/* Read by any thread. */
typedef struct http_relay_stats {
    stat_cell requests, tunnels;     /* handed on; of these, those that became WebSockets */
    stat_cell failures;              /* no answer, or only a part of it */
    stat_cell dials;
    stat_cell open_tunnels;          /* now */
} http_relay_stats;

int  http_relay_new(http_relay **out, net *n, const http_relay_options *o);
/* Before its network and the HTTP server are freed, when the loop does not run any more; requests under
 * way stay unanswered. NULL is allowed. */
void http_relay_free(http_relay *x);
/* Hands r on: inside on_request, or later when it is held. It is answered or dropped, or told to
 * on_unreachable, perhaps before this returns. */
void http_relay_send(http_relay *x, http_req *r, http_relay_target *t);
const http_relay_stats *http_relay_stats_of(const http_relay *x);

#endif
