/* Socket.IO protocol 5: packets as text with attachments (default parser) or as one msgpack map. */
#ifndef CODEC_SIO_PACKET_H
#define CODEC_SIO_PACKET_H

#include "base/buf.h"
#include "sio_val.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum sio_packet_type {
    SIO_PACKET_CONNECT, SIO_PACKET_DISCONNECT, SIO_PACKET_EVENT, SIO_PACKET_ACK,
    SIO_PACKET_CONNECT_ERROR, SIO_PACKET_BINARY_EVENT, SIO_PACKET_BINARY_ACK
} sio_packet_type;

typedef struct sio_packet {
    sio_packet_type type;    /* as on the wire, 5 and 6 included */
    bool            has_id;
    uint64_t        id;      /* ids over 2^53 are rounded as a JS number would be; see id_text */
    unsigned        attachments;
    sio_str         nsp;     /* "/" when absent */
    sio_str         data;    /* trimmed JSON, validated and of the kind its type demands; n = 0 when absent */
} sio_packet;

/* Parses the text of one packet (without Engine.IO's leading 4). Slices point into text. More than
 * max_attachments is an error. Returns 0 or SIO_EPARSE. The empty text is an error. */
int  sio_packet_parse(sio_str text, unsigned max_attachments, sio_packet *out);
/* Checks the placeholders in data against the number of attachments: 0 or SIO_EPARSE. */
int  sio_packet_check_placeholders(sio_str data, unsigned attachments);
/* True when raw JSON is {"_placeholder":true,"num":k} (any order, extra members allowed); sets *num. */
bool sio_packet_is_placeholder(sio_str json, unsigned *num);
/* Appends everything that stands before the JSON: type, attachments, namespace, ack id. */
int  sio_packet_put_head(buf *out, sio_packet_type type, unsigned attachments, sio_str nsp, bool has_id,
                         uint64_t id);
bool sio_packet_is_reserved(sio_str event);

/* The msgpack parser: decodes a whole binary message to the same struct; `data` is JSON appended to json (which
 * must stay untouched while the packet is used), attachments are views stored in bins. Types 0-4 only come out,
 * with attachments = number of bins. Returns 0 or SIO_EPARSE. nsp points into p. */
int  sio_packet_parse_msgpack(sio_str bytes, unsigned max_attachments, buf *json, sio_str *bins, sio_packet *out);
/* Appends one whole packet (type 5/6 are written as 2/3). data.n = 0 leaves the member out. */
int  sio_packet_put_msgpack(buf *out, sio_packet_type type, sio_str nsp, bool has_id, uint64_t id, sio_str data,
                            const sio_bins *bins);

#endif
