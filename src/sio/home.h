/* For the floors above: the network of a loop, to open connections of their own on it. */
#ifndef SIO_HOME_H
#define SIO_HOME_H

#include "net/net.h"
#include "sio.h"

/* The network of loop number `loop`, as soon as the server is made; for that loop's own thread, or before it runs. */
net *sio_home_net(sio_server *io, unsigned loop);

#endif
