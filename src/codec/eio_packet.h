/* Engine.IO protocol 4: packets inside WebSocket messages and polling payloads. Sans-IO. */
#ifndef CODEC_EIO_PACKET_H
#define CODEC_EIO_PACKET_H

#include "base/buf.h"
#include "sio_val.h"

#include <stdbool.h>

typedef enum eio_type {
    EIO_OPEN, EIO_CLOSE, EIO_PING, EIO_PONG, EIO_MESSAGE, EIO_UPGRADE, EIO_NOOP
} eio_type;

#define EIO_SEPARATOR 0x1e

typedef struct eio_in {
    eio_type type;
    bool     binary;  /* EIO_MESSAGE only */
    char    *p;       /* payload without the type digit; for "b..." the decoded bytes */
    size_t   n;
} eio_in;

/* One packet as a text (in a WebSocket text frame or one element of a payload): base64 is decoded in place,
 * leniently as in Node, so the bytes change. out->p points into p, also when n is 0. 0 or SIO_EPARSE (empty,
 * or first character not 0-6 or b). UTF-8 is not checked here: the WebSocket parser did, for payloads the
 * caller does. */
int  eio_packet_parse(char *p, size_t n, eio_in *out);
/* Walks a polling payload: cuts the element at *at (0 at first), parses it and moves on. 1 = a packet, 0 =
 * end, SIO_EPARSE, which is final. An empty payload is SIO_EPARSE at once. */
int  eio_payload_next(char *p, size_t n, size_t *at, eio_in *out);

/* JSONP bodies (`d=` form field): decodes percent-escapes and the newline escapes of the reference (backslash
 * n is a newline, of more backslashes before an n one is dropped); appended to out. 0, SIO_ENOENT when there
 * is no such field (the reference ignores that body), or a buf error. */
int  eio_jsonp_decode(sio_str body, buf *out);
/* Appends `___eio[N]("<JSON string of the payload>");`, which is JavaScript: U+2028 and U+2029 are escaped
 * too. Of index only the characters 0-9 stay. 0 or a buf error. */
int  eio_jsonp_encode(sio_str index, sio_str payload, buf *out);

#endif
