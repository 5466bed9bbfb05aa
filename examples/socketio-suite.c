/* The server the official Socket.IO protocol suite is pointed at. */
#include "example.h"

/* The suite listens for one message at a time, so the answer to CONNECT and this event must not
 * share a segment. */
#define APART_MS 5

typedef struct greeting {
    sio_ns *ns;
    sio_id  id;
} greeting;

static void greet(void *arg)
{
    greeting *g = arg;
    sio_socket *s = sio_find(g->ns, g->id);

    if (s)
        sio_emit(s, "auth", sio_auth(s));
    free(g);
}

static void on_connect(sio_socket *s)
{
    greeting *g = malloc(sizeof *g);

    if (!g)
        abort();
    *g = (greeting){sio_ns_of(s), sio_id_of(s)};
    sio_after(example_io, APART_MS, greet, g);
}

/* Forwards all arguments, binary included. */
static void forward(sio_socket *s, sio_in *in)
{
    sio_val args[9] = {sio_v("message-back")};
    size_t n = sio_argc(in) < 8 ? sio_argc(in) : 8;

    for (size_t i = 0; i < n; i++)
        args[i + 1] = sio_arg(in, i);
    sio_emit_(sio_dest(s), args, n + 1);
}

static void on_message_with_ack(sio_socket *s, sio_in *in)
{
    sio_val args[8];
    size_t n = sio_argc(in) < 8 ? sio_argc(in) : 8;

    (void)s;
    for (size_t i = 0; i < n; i++)
        args[i] = sio_arg(in, i);
    sio_ack_(in, args, n);
}

int main(void)
{
    sio_options o = example_options(3000);
    sio_server *io;

    if (!getenv("PATIENT")) { /* for tests that are not about heartbeats, where none is to end a connection */
        o.ping_interval_ms = 300;
        o.ping_timeout_ms = 200;
    }
    o.connect_timeout_ms = 1000;
    o.keep_handshake = true;
    io = example_server(&o);
    sio_on_connect(sio_of(io, "/", NULL), on_connect);
    sio_on(sio_of(io, "/", NULL), "message", forward);
    sio_on(sio_of(io, "/", NULL), "message-with-ack", on_message_with_ack);
    sio_on_connect(sio_of(io, "/custom", NULL), on_connect);
    return example_run();
}
