/* What the sharded and the streams adapter have in common: everything but the way of their broadcasts.
 * Questions to other servers and the answers, over two channels a namespace: KEY#NSP# for all servers,
 * KEY#NSP#UID# for one.
 *
 *   sharded.c   SIO_REDIS_SHARDED: broadcasts on these channels, too, and on channels of rooms
 *   streams*.c  SIO_REDIS_STREAMS: broadcasts in a stream
 *
 * All on loop 0 unless said otherwise. */
#ifndef CLUSTER_TALK_INT_H
#define CLUSTER_TALK_INT_H

#include "cluster/cluster_int.h"
#include "cluster/cluster_message.h"

/* An adapter's cluster begins with it. */
typedef struct talk {
    cluster         base;
    message_decoder in;                  /* what is being received */
    const char     *publish;             /* "SPUBLISH" or "PUBLISH"; set by talk_init */
    redis_sub_kind  kind;
    message_form    form;
} talk;

/* An adapter's namespaces begin with it. */
typedef struct talk_ns {
    cluster_ns base;
    sio_str    all, own;                 /* channels; own memory */
} talk_ns;

static inline talk *talk_of(const talk_ns *ns) { return (talk *)ns->base.c; }

/* When the adapter is made; and at its end. */
void talk_init(talk *t, bool sharded, message_form form);
void talk_fini(talk *t);
/* For cluster_kind as they stand. */
int  talk_ns_init(cluster_ns *ns);
void talk_ns_fini(cluster_ns *ns);
void talk_subscribe(cluster_ns *ns);
void talk_unsubscribe(cluster_ns *ns);
/* For sio_adapter_ops as they stand. */
void talk_gather(sio_adapter *a, sio_ns *ns, const sio_op *op, uint32_t ms, sio_remote *r);
void talk_fetch(sio_adapter *a, sio_ns *ns, const sio_op *op, uint32_t ms, sio_remote *r);
void talk_server_emit(sio_adapter *a, sio_ns *ns, sio_str args, const sio_bins *bins, uint32_t ms,
                      sio_remote *r);

/* A redis_message_fn: arg is the namespace that subscribed the channel. */
void talk_on_message(void *arg, sio_str channel, sio_str payload, sio_str pattern);
/* A message that was read; of this namespace and of another server. */
void talk_receive(talk_ns *ns, cluster_message *m);
/* The message with which an op is published; any thread. */
cluster_message talk_message_of(const talk_ns *ns, const sio_op *op);
/* Something malformed from others, counted as refused. */
void talk_refuse(talk *t, const cluster_message *m, int err);

#endif
