/* HTTP/1.1 requests, and heads of answers (RFC 9112), strictly: CRLF only, no obs-fold, no space before the
 * colon, one Host, Content-Length xor Transfer-Encoding, and of the transfer codings only `chunked`. Sans-IO:
 * any thread, no memory of its own; slices point into the caller's bytes.
 *
 * Header values hold no control characters but tabs (RFC 9110 5.5), so they may be copied into a
 * reply or a log. */
#ifndef CODEC_HTTP1_H
#define CODEC_HTTP1_H

#include "base/buf.h"
#include "sio_val.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP1_MAX_HEAD    16384
#define HTTP1_MAX_HEADERS 64

typedef struct http1_header {
    sio_str name; /* as sent; compare with http1_header_get, which ignores case */
    sio_str value;
} http1_header;

typedef struct http1_request {
    sio_str      method;
    sio_str      target;          /* raw; visible ASCII without '#' */
    sio_str      path;            /* raw, before '?'; of an absolute target what follows the authority, a
                                   * literal "/" when that is nothing; "*" of OPTIONS */
    sio_str      query;           /* raw, after '?', may be empty */
    unsigned     minor;           /* HTTP/1.minor, 0 or 1 */
    bool         keep_alive;      /* by version and Connection */
    bool         upgrade;         /* Connection lists upgrade and an Upgrade header is there */
    bool         chunked;
    bool         expect_continue;
    bool         has_length;
    uint64_t     content_length;
    unsigned     nheaders;
    http1_header header[HTTP1_MAX_HEADERS];
} http1_request;

/* Parses the head at the start of p. Returns its length (blank line included, and an empty line before it,
 * which is tolerated), 0 when more bytes are needed (then call again with all of them), or a negative HTTP
 * status: -400, -431 (over HTTP1_MAX_HEAD bytes or HTTP1_MAX_HEADERS lines), -501 (transfer coding), -505
 * (version). After an error the connection cannot go on: where the request ends is unknown. *out is only
 * meaningful when the result is positive. */
long    http1_parse(const char *p, size_t n, http1_request *out);

typedef struct http1_response {
    int           status;          /* 100 to 999 */
    http1_request head;            /* method, target, path and query are empty; what stands here of the
                                    * body is only what the head says: answers to HEAD, 1xx, 204 and
                                    * 304 have none */
} http1_response;
/* The same for the head of an answer. */
long    http1_parse_response(const char *p, size_t n, http1_response *out);

/* Value of the first header of that name, case ignored, or {NULL, 0}; an empty value has p != NULL. */
sio_str http1_header_get(const http1_request *r, const char *name);
/* True when a comma-separated header value contains the token, ignoring case. */
bool    http1_has_token(sio_str value, const char *token);

/* Value of a query key, percent-decoded ('+' is a space, a malformed escape stands for itself, what is not
 * UTF-8 becomes U+FFFD), the last duplicate wins: appended to out, which may grow to 3 times the value
 * meanwhile. Returns 1, 0 when absent, or a buf error with out unchanged. */
int     http1_query_get(sio_str query, const char *key, buf *out);
/* Values of n keys in one pass, still encoded: p NULL for those that are absent; and the decoding of one, as
 * above: 0 or a buf error. */
void    http1_query_find(sio_str query, const char *const *keys, unsigned n, sio_str *raw);
int     http1_query_decode(sio_str raw, buf *out);
/* Walks all pairs, decoded as above into key_out and value_out (emptied first). Start with *at = 0; false at
 * the end. A pair that does not fit the buffers is left out: a max of 4 * query.n always fits. */
bool    http1_query_next(sio_str query, size_t *at, buf *key_out, buf *value_out);

/* Chunked bodies, incrementally. */
typedef struct http1_chunked {
    uint64_t left;
    uint8_t  state;
    uint16_t line; /* bytes of the current size line or of all trailers, bounded */
} http1_chunked;
void http1_chunked_init(http1_chunked *c);
/* Decodes p[0..n) in place: *used bytes were read, *out bytes of body now stand at p. Returns 1 when the body
 * is complete (what follows p + *used belongs to the next request), 0 when more is needed, SIO_EPARSE when
 * malformed, which is final. Trailers are dropped. A size line has at most 256 bytes, the trailers 4096. */
int  http1_chunked_feed(http1_chunked *c, char *p, size_t n, size_t *used, size_t *out);

/* "OK", "Bad Request", ...: the reason phrase Node uses; "unknown" for a status that is not in the table. */
const char *http1_reason(int status);

#endif
