#include "app/parked.h"

#include "app/app.h"

#include <stdlib.h>

struct parked {
    struct parked *next;
    sio_event_fn  *fn;
    sio_in        *in; /* kept */
};

void parked_init(parked_queue *q)
{
    *q = (parked_queue){.end = &q->first};
}

void parked_add(parked_queue *q, sio_socket *s, sio_in *in, sio_event_fn *fn, unsigned max, const char *full)
{
    parked *p;

    if (q->n == max) {
        app_refuse(s, in, APP_TOO_MANY, full);
        return;
    }
    p = malloc(sizeof(*p));
    if (!p || !(p->in = sio_keep(in))) {
        free(p);
        app_refuse_fault(s, in, SIO_ENOMEM, "The server is out of memory");
        return;
    }
    p->fn = fn;
    p->next = NULL;
    *q->end = p;
    q->end = &p->next;
    q->n++;
}

void parked_run(parked *first)
{
    parked *next;

    for (parked *p = first; p; p = next) {
        next = p->next;
        if (sio_connected(sio_in_socket(p->in)))
            p->fn(sio_in_socket(p->in), p->in);
        sio_release(p->in);
        free(p);
    }
}
