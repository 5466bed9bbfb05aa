/* Inside of the HTTP server: connections and how a request goes through them. */
#ifndef HTTP_HTTP_INT_H
#define HTTP_HTTP_INT_H

#include "http/http.h"

#define HTTP_MAX_BEHIND (64 * 1024)   /* pipelined bytes kept before reading pauses */
#define HTTP_MAX_IN     (256 * 1024)  /* HTTP_MAX_BEHIND and what one read brings on top, with room */
#define HTTP_MAX_AT_ONCE 32           /* pipelined requests served before others get their turn */
#define HTTP_MAX_UNSENT (32 * 1024)   /* replies under way from which the requests behind them wait */
#define HTTP_MAX_SKIP   (1024 * 1024) /* an unwanted body is read up to here for the sake of keep-alive */

enum http_state {
    HTTP_HEAD,    /* between requests, or inside a head */
    HTTP_BUSY,    /* a request waits for its reply */
    HTTP_BODY,    /* and http_body collects */
    HTTP_SKIP,    /* replied; the rest of the body is read and dropped */
    HTTP_IGNORED, /* an upgrade that nobody wants, until its second is over */
    HTTP_DONE,    /* closing, handed over or upgraded: nothing more is read here */
};

/* A body on its way, for one call of http_body. */
typedef struct http_collect {
    void (*fn)(http_req *r, int err, char *p, size_t n);
    buf    data;
} http_collect;

typedef struct http_handover http_handover;

typedef struct http_conn {
    http_req       req;
    net_stream    *stream;        /* NULL once upgraded or handed over */
    list           link;          /* in server->conns or server->ready */
    loop_timer     timer;
    buf            in;            /* a partial head, or what is pipelined; no memory while idle */
    char          *at, *end;      /* while running: bytes not looked at yet */
    char          *start;         /* while in on_request: the head */
    void          *held;          /* http_hold's copy */
    http_collect  *body;
    http_handover *handover;      /* waits until all earlier replies have left */
    http1_chunked  chunks;
    uint64_t       left;          /* bytes of body to come (Content-Length), or skipped so far (chunked) */
    uint64_t       answer_left;   /* bytes of an answer in pieces */
    uint32_t       head_n;        /* length of the head at start */
    uint8_t        state;
    bool           running : 1, dead : 1, paused : 1, in_head : 1;
    bool           relayed : 1;   /* its peer is a server of ours: http_server_take */
    bool           held_up : 1;   /* the next pipelined request waits for a later turn, or for on_drain */
    /* About the request under way: */
    bool           keep_alive : 1, is_head : 1, is_upgrade : 1, old : 1, chunked : 1, expects : 1;
    bool           more : 1;      /* its body has not been read to the end */
} http_conn;

struct http_server {
    net           *net;
    void          *user;          /* http_server_give */
    loop          *loop;
    net_listener  *listener;
    tls_server    *tls;           /* NULL = plain */
    http_options   options;
    http_route    *routes;
    size_t         nroutes, nconns;
    list           conns, ready;  /* ready: bytes are waiting in `in`, to be run when the turn ends */
    loop_hook      hook;
    bool           draining;
    http1_request  head;          /* of the request being dispatched */
};

/* ---- conn.c ---- */

static inline http_conn *http_conn_of(http_req *r) { return container_of(r, http_conn, req); }

/* Takes the connection over. NULL without memory. */
http_conn *http_conn_new(http_server *s, net_line line);
/* Reads p[0..n): requests are served as far as possible, the rest is kept. c may be gone afterwards. */
void       http_conn_run(http_conn *c, char *p, size_t n);
/* Bytes that wait in c->in can go on, though not inside this call. */
void       http_conn_schedule(http_conn *c);
/* c has no stream any more: frees it now, or when it has finished running. */
void       http_conn_gone(http_conn *c);
/* Frees what belongs to the request under way, which is over. */
void       http_conn_forget(http_conn *c);
/* Answers with a status without a body, and closes. */
void       http_conn_refuse(http_conn *c, int status);
/* Drops the connection; the owner of a request is told first. */
void       http_conn_abort(http_conn *c, int err);
/* Where the next request is awaited: the idle time begins. */
void       http_conn_await(http_conn *c);

/* ---- body.c ---- */

/* A step in HTTP_BODY or HTTP_SKIP: false when more bytes are needed. */
bool http_body_step(http_conn *c);
bool http_skip_step(http_conn *c);

/* ---- handoff.c ---- */

void http_handover_go(http_conn *c);   /* everything has been flushed */
void http_handover_free(http_handover *h);

/* ---- server.c ---- */

const http_route *http_server_find(const http_server *s, const http1_request *head);

#endif
