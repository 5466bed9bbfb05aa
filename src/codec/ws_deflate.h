/* permessage-deflate (RFC 7692): what is agreed on with a peer, and the one compressor and decompressor
 * that all connections of a loop share. No connection keeps a window: each message is compressed by itself
 * in both directions (server_no_context_takeover; client_no_context_takeover), so that the compressed form
 * of a broadcast is the same for everybody and an idle connection costs nothing more than without. Sans-IO;
 * one thread each. */
#ifndef CODEC_WS_DEFLATE_H
#define CODEC_WS_DEFLATE_H

#include "base/buf.h"
#include "sio_val.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- negotiation (section 7.1) ---- */

typedef struct ws_deflate_terms {
    uint8_t server_bits;       /* 8 to 15: how far back we may refer, as a power of 2;
                                * 0 = nothing is agreed on */
    uint8_t client_bits;       /* the peer's own limit when it named one, else 0 */
    bool    limits_server;     /* server_bits was asked for, and stands in the answer */
} ws_deflate_terms;

/* Reads one value of Sec-WebSocket-Extensions, which may hold several offers: the first acceptable one
 * becomes *t unless *t has one already (zeroed = none yet; call it for each such header of the request).
 * Offers with unknown or repeated parameters, or bad values, are declined. 0, or SIO_EPARSE when the value is
 * not made as RFC 6455 9.1 says. Linear in n. */
int ws_deflate_offer(ws_deflate_terms *t, sio_str value);
/* The value of the header in the answer, with a 0 byte behind it. t has something agreed on. */
#define WS_DEFLATE_ANSWER 160
void ws_deflate_answer(const ws_deflate_terms *t, char out[WS_DEFLATE_ANSWER]);

/* ---- messages (section 7.2) ---- */

typedef struct ws_deflate ws_deflate;

/* Messages from `threshold` bytes on are worth compressing; level 1 (fast) to 9 (small). zlib's memory, about
 * 260 KiB for the one direction and 40 KiB for the other, comes when a direction is first used and stays.
 * NULL without memory. */
ws_deflate *ws_deflate_new(size_t threshold, int level);
void        ws_deflate_free(ws_deflate *d);
/* Whether n bytes may be sent compressed to a peer that agreed on server_bits: one message never refers back
 * farther than it is long, so one compressor suits all windows. */
static inline bool ws_deflate_suits(unsigned server_bits, size_t n) { return n <= (size_t)1 << server_bits; }
size_t      ws_deflate_threshold(const ws_deflate *d);
/* Compresses one message to out, which holds nothing: 0; SIO_ETOOBIG when it would not become
 * shorter; SIO_ENOMEM. */
int         ws_deflate_pack(ws_deflate *d, sio_str message, buf *out);
/* The message that was sent as `packed`, to out, which is initialised here and to be given back by the caller
 * in any case: 0; SIO_ETOOBIG when it has more than max bytes, found out before more memory is taken;
 * SIO_EPARSE when it is no whole compressed data; SIO_ENOMEM. No bytes at all are an empty message, as with
 * the reference implementation. */
int         ws_deflate_unpack(ws_deflate *d, sio_str packed, size_t max, buf *out);

#endif
