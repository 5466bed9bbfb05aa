/* Parts of the classic adapter's messages: rooms, except, flags, sockets, JSON without attachments. Any
 * thread. */
#ifndef CLUSTER_CLASSIC_OPTS_H
#define CLUSTER_CLASSIC_OPTS_H

#include "cluster/classic_message.h"

/* ---- reading; JSON is validated, texts live in the arena or in it ---- */

/* The text of a JSON string, or the JSON text of anything else. False without memory. */
bool classic_read_text(arena *a, sio_str raw, sio_str *out);
/* Members of an object, all in one pass: v[i] is that of name[i], p NULL when it is absent or null. */
void classic_members(sio_str object, const sio_str *name, sio_str *v, unsigned n);
/* A list of texts: 0, SIO_EPARSE when it is none, SIO_ELIMIT over CLASSIC_MAX_ROOMS, SIO_ENOMEM. */
int  classic_read_list(arena *a, sio_str list, const sio_str **out, unsigned *n);
/* {"rooms":[..],"except":[..],"flags":{..}} into op and *timeout_ms (0 when not said; may be NULL). Absent
 * lists are empty. As above, SIO_EPARSE also when it is no object. */
int  classic_read_opts(arena *a, sio_str opts, sio_op *op, uint32_t *timeout_ms);

/* ---- writing; errors as buf_add ---- */

/* A text as msgpack; what is no UTF-8 becomes U+FFFD, since Node's decoder throws at it. */
int  classic_put_str(buf *out, sio_str text);
/* ["a","b"] */
int  classic_put_list(buf *out, const sio_str *text, unsigned n);
/* {"rooms":[..],"except":[..]} */
int  classic_put_selection(buf *out, const sio_op *op);
/* The same as msgpack, with flags: those of a broadcast and, unless 0, the timeout. */
int  classic_put_opts(buf *out, const sio_op *op, uint32_t timeout_ms);
/* A value as JSON whose bytes are {"type":"Buffer","data":[1,2]}, as Node writes them where there are no
 * attachments. Errors as val_to_json. */
int  classic_put_plain(buf *out, sio_val v);
/* [{"id":..,"handshake":{..},"rooms":[..],"data":{..}},..] */
int  classic_put_peers(buf *out, const sio_peer *peers, size_t n);

#endif
