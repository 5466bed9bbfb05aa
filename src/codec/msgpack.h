/* MessagePack <-> JSON with attachments, at the edge of socket.io-msgpack-parser: everything above the
 * codec sees JSON. undefined (fixext1 type 0) is absent in maps and null elsewhere, Date (fixext8 type 0,
 * ext -1) an ISO string, bin and ArrayBuffer (ext 8/16/32 type 0) become placeholders
 * {"_placeholder":true,"num":k}, any other extension the array [type, placeholder]. Sans-IO; any thread. */
#ifndef CODEC_MSGPACK_H
#define CODEC_MSGPACK_H

#include "base/buf.h"
#include "sio_val.h"

#define MSGPACK_MAX_DEPTH 64

/* Converts one msgpack value at p into JSON text appended to json; binary values are views into p stored in
 * bins, numbered from *nbins on, up to max_bins in all. The text nests at most MSGPACK_MAX_DEPTH deep,
 * placeholders included. Strings that are no UTF-8 are mended with U+FFFD; keys may also be numbers,
 * booleans or nil. Returns bytes consumed, SIO_EPARSE, SIO_ELIMIT (over max_bins), or a buf error; on
 * failure json and *nbins are as before. */
long msgpack_to_json(const char *p, size_t n, buf *json, sio_str *bins, unsigned max_bins, unsigned *nbins);
/* The reverse: validated JSON whose placeholders refer to bins (may be NULL), appended as msgpack (smallest
 * forms, as notepack). Numbers are written as the JavaScript number they stand for; lone surrogates become
 * U+FFFD. All or nothing: 0, SIO_EPARSE for text that is no JSON or nests deeper than JSON_WALK_DEPTH, or a
 * buf error (out needs room for up to 5 bytes more than the result). */
int  msgpack_from_json(sio_str json, const sio_bins *bins, buf *out);

/* Building blocks: each appends one head (and the bytes of a string or bin) in its smallest form. All or
 * nothing; errors as buf_add, SIO_ETOOBIG for strings and bins of 4 GiB and more. */
int  msgpack_put_map(buf *out, uint32_t members);
int  msgpack_put_array(buf *out, uint32_t items);
int  msgpack_put_str(buf *out, sio_str s);
int  msgpack_put_int(buf *out, int64_t v);
int  msgpack_put_uint(buf *out, uint64_t v);
/* Skips one value: bytes, or SIO_EPARSE when malformed, truncated or too deep. */
long msgpack_skip(const char *p, size_t n);

#endif
