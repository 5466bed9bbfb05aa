/* All counters as Prometheus reads them (text format 0.0.4). */
#ifndef MAIN_METRICS_H
#define MAIN_METRICS_H

#include "app/app.h"
#include "base/buf.h"
#include "main/cluster.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Any thread. 0, or an error of buf with out unfinished. */
int metrics_put(buf *out, const sio_server *io, db *d, const app *a, const cluster_join *cluster);

#endif
