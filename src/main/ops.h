/* For operators, on the same port: /healthz (the process serves), /readyz (send new clients
 * here), /metrics. */
#ifndef MAIN_OPS_H
#define MAIN_OPS_H

#include "app/app.h"
#include "main/cluster.h"

typedef struct ops {
    sio_server *io;
    db         *db;
    const app  *app;
    const cluster_join *cluster;
    atomic_bool draining; /* not ready any more, whatever else */
} ops;

/* Adds the routes; io, db, app and cluster set before. `metrics`: /metrics too. 0 or SIO_ENOMEM. */
int  ops_attach(ops *o, bool metrics);
/* Any thread: from now on /readyz answers 503, and clients are moved off, at most per_second a second (0:
 * this is left to the end), until they are gone or ms have passed. Blocks; not on a loop. The milliseconds
 * that are left. */
long ops_drain(ops *o, unsigned per_second, long ms);

#endif
