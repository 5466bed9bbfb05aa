/* Sweeping behind servers that have died: what they had put into Redis of users' sockets and of viewers. On
 * loop 0. */
#ifndef APP_SHARED_SWEEP_H
#define APP_SHARED_SWEEP_H

#include "app/app.h"
#include "cluster/node.h"

typedef struct shared_sweeps {
    app   *a;
    node  *node;
    redis *r;
    list   sweeps; /* under way */
} shared_sweeps;

void shared_sweeps_init(shared_sweeps *s, app *a, node *n, redis *r);
/* When node and client are gone. */
void shared_sweeps_fini(shared_sweeps *s);
/* That server is dead and had so many loops: sweeps, unless another server does, or it is under way. */
void shared_sweep_start(shared_sweeps *s, sio_str code, unsigned loops);

#endif
