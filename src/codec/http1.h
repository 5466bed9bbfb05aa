/* HTTP/1.1 requests (RFC 9112), strictly: CRLF only, no obs-fold, no space before the colon, one Host,
 * Content-Length xor Transfer-Encoding. Sans-IO; slices point into the caller's bytes. */
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
    sio_str      target;          /* raw */
    sio_str      path;            /* raw, before '?' */
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

/* Parses the head at the start of p. Returns its length (blank line included), 0 when more bytes are needed, or
 * a negative HTTP status: -400, -431 (too large), -501 (transfer coding), -505 (version). */
long    http1_parse(const char *p, size_t n, http1_request *out);
/* First header of that name or {NULL, 0}. */
sio_str http1_header_get(const http1_request *r, const char *name);
/* True when a comma-separated header value contains the token, ignoring case. */
bool    http1_has_token(sio_str value, const char *token);

/* Value of a query key, percent-decoded ('+' is a space), the last duplicate wins: appended to out. Returns 1,
 * 0 when absent, or a buf error. */
int     http1_query_get(sio_str query, const char *key, buf *out);
/* Walks all pairs; key and value appended decoded to key_out / value_out (reset first). Start with *at = 0. */
bool    http1_query_next(sio_str query, size_t *at, buf *key_out, buf *value_out);

/* Chunked bodies, incrementally. */
typedef struct http1_chunked {
    uint64_t left;
    uint8_t  state;
    uint16_t line; /* bytes of the current size or trailer line, bounded */
} http1_chunked;
void http1_chunked_init(http1_chunked *c);
/* Decodes p[0..n) in place: *used bytes were read, *out bytes of body now stand at p. Returns 1 when the body is
 * complete, 0 when more is needed, SIO_EPARSE when malformed. */
int  http1_chunked_feed(http1_chunked *c, char *p, size_t n, size_t *used, size_t *out);

/* "OK", "Bad Request", ...: the reason phrase Node uses. */
const char *http1_reason(int status);

#endif
