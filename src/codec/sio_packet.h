/* Socket.IO protocol 5: packets as text with attachments (default parser) or as one msgpack map. Sans-IO; no
 * function keeps state; any thread. */
#ifndef CODEC_SIO_PACKET_H
#define CODEC_SIO_PACKET_H

#include "base/buf.h"
#include "codec/json.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum sio_packet_type {
    SIO_PACKET_CONNECT, SIO_PACKET_DISCONNECT, SIO_PACKET_EVENT, SIO_PACKET_ACK,
    SIO_PACKET_CONNECT_ERROR, SIO_PACKET_BINARY_EVENT, SIO_PACKET_BINARY_ACK
} sio_packet_type;

typedef struct sio_packet {
    sio_packet_type type;    /* as on the wire, 5 and 6 included */
    bool            has_id;
    uint64_t        id;      /* over 2^53 rounded as a JS number would be; at most 2^64 - 2048 */
    unsigned        attachments;
    sio_str         nsp;     /* with its leading slash, "/" when absent */
    sio_str         data;    /* trimmed JSON, validated and of the kind its type demands; n = 0 when absent */
    json_items      items;   /* of data; n = 0 also when nobody has looked */
} sio_packet;

/* ---- default parser ---------------------------------------------------------------------------- */

/* Parses the text of one packet (without Engine.IO's leading 4). Slices point into text. More than
 * max_attachments is an error. Returns 0, or SIO_EPARSE with *out undefined. The empty text is an error. An
 * EVENT or ACK may have no data at all; if an EVENT has data, its first item is a number or a string that is
 * not reserved. */
int  sio_packet_parse(sio_str text, unsigned max_attachments, sio_packet *out);
/* Checks the placeholders in data (validated JSON or n = 0) against the number of attachments: 0 or
 * SIO_EPARSE. To be called when the last attachment of a type 5 or 6 has come. */
int  sio_packet_check_placeholders(sio_str data, unsigned attachments);
/* Appends everything that stands before the JSON: type, attachments (types 5 and 6 only), namespace, ack
 * id. All or nothing; errors as buf_add. */
int  sio_packet_put_head(buf *out, sio_packet_type type, unsigned attachments, sio_str nsp, bool has_id,
                         uint64_t id);
/* True for the event names that no packet may carry: connect, connect_error, disconnect, disconnecting,
 * newListener, removeListener. */
bool sio_packet_is_reserved(sio_str event);

/* ---- msgpack parser ---------------------------------------------------------------------------- */

/* Decodes a whole binary message to the same struct; `data` is JSON appended to json (which must stay
 * untouched while the packet is used), attachments are views stored in bins, which has room for
 * max_attachments. Types 0-4 only come out, with attachments = number of bins. As in the reference, types 2
 * and 3 must have an array (maybe an empty one) and nobody looks at the event's name. Returns 0,
 * SIO_EPARSE, or the error of the json buffer; json is as before then. nsp points into bytes. */
int  sio_packet_parse_msgpack(sio_str bytes, unsigned max_attachments, buf *json, sio_str *bins,
                              sio_packet *out);
/* Appends one whole packet (type 5/6 are written as 2/3). data is validated JSON whose placeholders refer to
 * bins (may be NULL); data.n = 0 leaves the member out. All or nothing; errors as buf_add. */
int  sio_packet_put_msgpack(buf *out, sio_packet_type type, sio_str nsp, bool has_id, uint64_t id,
                            sio_str data, const sio_bins *bins);

#endif
