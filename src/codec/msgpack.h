/* MessagePack <-> JSON with attachments, at the edge of socket.io-msgpack-parser: everything above the codec
 * sees JSON. undefined (fixext1 type 0) is absent or null, Date (ext 0 of 8 bytes, ext -1) an ISO string,
 * bin and ArrayBuffer (ext 0) become placeholders {"_placeholder":true,"num":k}. */
#ifndef CODEC_MSGPACK_H
#define CODEC_MSGPACK_H

#include "base/buf.h"
#include "sio_val.h"

#define MSGPACK_MAX_DEPTH 64

/* Converts one msgpack value at p into JSON text appended to json; binary values are views into p stored in
 * bins[0..*nbins). Returns bytes consumed, SIO_EPARSE, SIO_ELIMIT (over max_bins), or a buf error. */
long msgpack_to_json(const char *p, size_t n, buf *json, sio_str *bins, unsigned max_bins, unsigned *nbins);
/* The reverse: validated JSON whose placeholders refer to bins, appended as msgpack (smallest forms, as notepack). */
int  msgpack_from_json(sio_str json, const sio_bins *bins, buf *out);

/* Building blocks. */
int  msgpack_put_map(buf *out, uint32_t members);
int  msgpack_put_array(buf *out, uint32_t items);
int  msgpack_put_str(buf *out, sio_str s);
int  msgpack_put_bin(buf *out, sio_str s);
int  msgpack_put_int(buf *out, int64_t v);
/* Skips one value: bytes, or SIO_EPARSE when malformed, truncated or too deep. */
long msgpack_skip(const char *p, size_t n);

#endif
