/* Hooks below Socket.IO that the options of a transcript ask for. */
#include "lab.h"

#include <stdlib.h>
#include <string.h>

typedef struct waiting {
    lab *l;
    sio_request *r;
} waiting;

static void answer(lab *l, sio_request *r)
{
    if (!l->allow)
        sio_allow(r);
    else
        sio_refuse_request(r, l->allow[0] ? l->allow : NULL);
}

static void answer_now(void *arg)
{
    waiting *w = arg;

    answer(w->l, w->r);
    free(w);
}

static void allow_request(void *arg, sio_request *r)
{
    lab *l = arg;
    waiting *w;

    if (!l->allow_ms) {
        answer(l, r);
        return;
    }
    if (!(w = malloc(sizeof *w)))
        abort();
    *w = (waiting){l, r};
    if (sio_after(l->io, l->allow_ms, answer_now, w) < 0)
        abort();
}

static int on_request(void *arg, sio_request *r)
{
    const lab *l = arg;

    if (strcmp(l->on_request, "reply") != 0)
        return SIO_EINVAL;
    sio_reply(r, 401, (sio_str){0}, sio_lit("nope"));
    return SIO_ESTATE;
}

static void on_headers(void *arg, sio_request *r, bool initial)
{
    const lab *l = arg;

    sio_add_header(r, initial ? "X-First" : "X-Later", sio_str_z(l->header));
}

static void on_connection_error(void *arg, sio_request *r, int code, const char *message)
{
    (void)r;
    lab_note(arg, "refused %d %s", code, message);
}

void lab_hooks(lab *l, sio_options *o)
{
    o->context = o->hook_arg = l;
    o->hooks.on_connection_error = on_connection_error;
    if (l->allow || l->allow_ms)
        o->hooks.allow_request = allow_request;
    if (l->on_request)
        o->hooks.on_request = on_request;
    if (l->header)
        o->hooks.on_headers = on_headers;
}
