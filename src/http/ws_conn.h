/* A WebSocket connection (RFC 6455) on a stream: messages in and out, pings answered, closing handshake. */
#ifndef HTTP_WS_CONN_H
#define HTTP_WS_CONN_H

#include "codec/ws.h"
#include "http/http.h"

typedef struct ws_conn ws_conn;

typedef struct ws_conn_ops {
    /* A complete message in changeable bytes that are gone afterwards. The connection may be closed
     * inside. */
    void (*on_message)(ws_conn *c, bool binary, char *p, size_t n);
    void (*on_pong)(ws_conn *c);      /* a pong came; may be NULL */
    void (*on_drain)(ws_conn *c);     /* as net_ops.on_drain; may be NULL */
    /* Over, exactly once; c is freed when it returns. `code` is the peer's close code (1005 for none),
     * 1006 when TCP ended without one, or the code we failed the connection with (1002, 1007, 1008, 1009;
     * 1011 without memory), or 1013, unclean, when more than max_unsent waited for it. `clean`: a close frame
     * came or the closing was ours. */
    void (*on_close)(ws_conn *c, unsigned code, bool clean);
} ws_conn_ops;

/* 88 bytes, and nothing else while idle. */
struct ws_conn {
    net_stream        *stream;
    const ws_conn_ops *ops;
    void              *owner;
    const ws_limits   *limits;        /* borrowed, outlives the connection */
    ws_parser          parser;        /* private from here on */
    struct ws_extra   *extra;         /* only while starting or closing */
    uint8_t            state;
    uint8_t            window;        /* compression was agreed on: ws_deflate_terms.server_bits;
                                       * 0 = it was not */
    bool               in_feed;
};

/* Checks an upgrade request: 0, or the status to refuse it with (400 for a bad key, a method other than GET,
 * a wrong Sec-WebSocket-Version or, where the limits are with compression, malformed
 * Sec-WebSocket-Extensions). headers: extra header lines for that answer. */
int  ws_upgrade_check(const http1_request *head, const ws_limits *limits, sio_str *headers);
/* Answers 101 (with extra header lines, may be empty) and starts. Compression is agreed on when
 * limits->deflate is set and the peer offers it. Frames that came with the request are delivered at the end
 * of the turn, not before this returns. The request is gone. NULL when it failed. */
ws_conn *ws_accept_upgrade(http_req *r, sio_str headers, const ws_limits *limits, const ws_conn_ops *ops,
                           void *owner);

/* Sends a prepared frame: bytes [from, from + n) of b, head included. A final text or binary frame of some
 * size, which must then be the only one in b, goes compressed where that was agreed on; it is compressed once
 * for all, see blob.packed. */
void ws_send_frame(ws_conn *c, blob *b, uint32_t from, uint32_t n);
/* Frames and sends a copy, compressed as above. */
void ws_send(ws_conn *c, enum ws_opcode op, const void *p, size_t n);
/* Starts the closing handshake: code 0 = an empty close frame. TCP ends when the peer answers, or after 30
 * s. on_close comes then; no on_message any more. */
void ws_close(ws_conn *c, unsigned code);
/* Forgets the owner: closes as ws_close, but no callback will come any more. */
void ws_release(ws_conn *c, unsigned code);
bool ws_is_open(const ws_conn *c);
size_t ws_unsent(const ws_conn *c);   /* bytes the kernel has not taken yet */
bool ws_is_blocked(const ws_conn *c);

#endif
