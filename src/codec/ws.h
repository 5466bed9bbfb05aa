/* WebSocket framing (RFC 6455), server side: frames in any chunking become whole messages, the same ones
 * whatever the chunking. Sans-IO; a parser belongs to one thread. */
#ifndef CODEC_WS_H
#define CODEC_WS_H

#include "base/buf.h"
#include "base/utf8.h"
#include "codec/ws_deflate.h"
#include "sio_val.h"

#include <stdbool.h>
#include <stdint.h>

#define WS_RSV1 0x40 /* in the first byte of a frame: begins a compressed message (RFC 7692 6) */

enum ws_opcode { WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

/* Close codes the parser itself raises. */
enum ws_close_code {
    WS_CLOSE_NORMAL = 1000, WS_CLOSE_GOING_AWAY = 1001, WS_CLOSE_PROTOCOL = 1002, WS_CLOSE_NO_STATUS = 1005,
    WS_CLOSE_BAD_DATA = 1007, WS_CLOSE_POLICY = 1008, WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_OVERLOADED = 1013 /* never raised here: a peer that does not read what is sent to it */
};

typedef struct ws_limits {
    size_t   max_message;   /* bytes of one message, all fragments together; exact size allowed */
    unsigned max_fragments; /* more is WS_CLOSE_POLICY; 0 = no limit */
    ws_deflate *deflate;    /* of connections that agreed on compression; NULL = nobody can */
} ws_limits;

/* Large state exists only while a message is incomplete: an idle parser holds no memory but this struct. */
typedef struct ws_parser {
    uint8_t  head[14];   /* partial frame head */
    uint8_t  nhead;
    uint8_t  opcode;     /* of the current frame */
    uint8_t  message;    /* opcode of the message under way, with WS_RSV1 when it is compressed; 0 = none */
    bool     fin, in_frame;
    bool     closed : 1;
    bool     deflates : 1; /* compression was agreed on: set it after ws_parser_init */
    uint8_t  mask[4];
    uint64_t frame_left; /* payload bytes still to come in this frame */
    struct ws_partial *partial; /* collected bytes, utf8 state, fragment count; NULL while idle */
} ws_parser;

typedef struct ws_events {
    /* A complete message, unmasked, not compressed, valid UTF-8 if text. The bytes may be changed; they are
     * gone afterwards. Return false to stop parsing (the connection was closed by the callee; the parser may
     * be gone: it is not touched again). p is never NULL. */
    bool (*on_message)(void *ctx, bool binary, char *p, size_t n);
    /* WS_PING, WS_PONG with up to 125 bytes; WS_CLOSE with the payload as received (checked: length not 1,
     * valid code, UTF-8). Same meaning of the result; after WS_CLOSE nothing more is parsed. */
    bool (*on_control)(void *ctx, enum ws_opcode op, char *p, size_t n);
} ws_events;

void ws_parser_init(ws_parser *w);
void ws_parser_fini(ws_parser *w); /* also legal from inside a callback that then returns false */
/* Consumes all n bytes (unmasking in place). Returns 0, or a close code (1002, 1007, 1008, 1009) to fail the
 * connection with, or SIO_ENOMEM; after these, and after WS_CLOSE, it ignores what it is fed. The frame
 * payload is checked against the limit when its head arrives, a compressed message again while it is
 * unpacked; memory for it grows only as its bytes come. The limits stay the same from call to call. Lengths
 * need not be in their shortest form (as with the reference implementation). */
int  ws_parser_feed(ws_parser *w, const ws_limits *limits, char *p, size_t n, const ws_events *ev, void *ctx);

#define WS_MAX_HEAD 10
/* Head of an unmasked, final frame; returns its length, 2, 4 or 10. */
size_t ws_put_head(uint8_t out[WS_MAX_HEAD], enum ws_opcode op, uint64_t payload);
/* Number of head bytes for that payload. */
size_t ws_head_len(uint64_t payload);
/* Whether a Sec-WebSocket-Key is 24 characters of base64 for 16 bytes. */
bool   ws_key_is_good(sio_str key);
/* Sec-WebSocket-Accept (28 characters, no 0 byte) for a key. False when the key is not good. */
bool   ws_accept(sio_str key, char out[28]);

#endif
