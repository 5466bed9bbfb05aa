/* A connection moves to the server of another loop: the descriptor travels in a task, with the bytes of the
 * request and all that was read behind it. */
#include "http/http_int.h"
#include "sio_err.h"

#include <stdlib.h>

struct http_handover {
    loop_task    task;
    http_server *to;
    loop        *loop;  /* of `to`, which may be gone when the task is dropped */
    net_line     line;
    bool         relayed;
    size_t       n;
    char         bytes[];
};

void http_handover_free(http_handover *h) { free(h); }

/* On the other loop. */
static void on_arrival(loop_task *t)
{
    http_handover *h = container_of(t, http_handover, task);
    http_conn *c = http_conn_new(h->to, h->line);

    if (c) {
        c->relayed = h->relayed;
        http_conn_run(c, h->bytes, h->n);
    }
    free(h);
}

void http_handover_go(http_conn *c)
{
    http_handover *h = c->handover;

    c->handover = NULL;
    h->line = net_detach(c->stream);
    http_conn_gone(c);
    loop_post(h->loop, &h->task);
}

static void on_drop(loop_task *t)
{
    http_handover *h = container_of(t, http_handover, task);

    net_line_drop(h->loop, h->line);
    free(h);
}

void http_handoff(http_req *r, http_server *to)
{
    http_conn *c = http_conn_of(r);
    size_t n = (size_t)(c->end - c->start);
    http_handover *h = malloc(sizeof(*h) + n);

    if (!h) {
        http_drop(r);
        return;
    }
    h->task = (loop_task){.fn = on_arrival, .drop = on_drop};
    h->to = to;
    h->loop = to->loop;
    h->relayed = c->relayed;
    h->n = n;
    memcpy(h->bytes, c->start, n);
    http_conn_forget(c);
    c->state = HTTP_DONE;
    c->at = c->end;
    c->handover = h;
    net_flush(c->stream);
    if (!net_is_open(c->stream))
        return; /* failed meanwhile: on_close frees it all */
    if (net_unsent(c->stream) == 0)
        http_handover_go(c);
    else
        net_pause(c->stream); /* replies to earlier requests leave first: on_drain */
}
