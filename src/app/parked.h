/* Events of a socket that wait, in order, until the join they depend on is answered. */
#ifndef APP_PARKED_H
#define APP_PARKED_H

#include "sio.h"

typedef struct parked parked;

typedef struct parked_queue {
    parked  *first, **end;
    unsigned n;
} parked_queue;

void parked_init(parked_queue *q);
/* Keeps the event for fn. When max wait already it is refused with the message full (code too_many), without
 * memory as a fault. */
void parked_add(parked_queue *q, sio_socket *s, sio_in *in, sio_event_fn *fn, unsigned max, const char *full);
/* The answer is there: what waited goes on, as if it came now, and may wait anew in another
 * queue. Frees the events of the list; each pins its socket as long as it is needed. */
void parked_run(parked *first);

#endif
