/* Connections we open: a name is looked up on a thread of its own, addresses are tried one after the
 * other. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/net.h"

typedef struct net_dial net_dial;
/* s is connected (net_adopt was done with the ops and owner given), or NULL and err: SIO_EADDR for a name
 * that is not known, SIO_EIO, SIO_ETIMEOUT. Never runs inside net_dial_start. */
typedef void net_dial_fn(void *arg, net_stream *s, int err);
/* host: a name, an IPv4 or IPv6 address, or "/path" of a unix socket (port is ignored then). 0 or
 * SIO_ENOMEM. */
int  net_dial_start(net_dial **out, net *n, const char *host, int port, uint32_t timeout_ms,
                    const net_ops *ops, void *owner, net_dial_fn *fn, void *arg);
/* fn will not be called; until fn runs. Also valid while the name is still being looked up. */
void net_dial_cancel(net_dial *d);

#endif
