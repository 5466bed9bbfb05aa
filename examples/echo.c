/* An echo server in thirty lines: answers "echo" with its own arguments, as an event or as an acknowledgement. */
#include "sio.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static sio_server *io;

static void on_signal(int sig)
{
    (void)sig;
    sio_server_stop(io, 1000);
}

static void on_echo(sio_socket *s, sio_in *in)
{
    if (sio_wants_ack(in))
        sio_ack(in, sio_arg(in, 0));
    else
        sio_emit(s, "echo", sio_arg(in, 0));
}

int main(void)
{
    const char *port = getenv("PORT");
    sio_options o;
    int err;

    sio_options_init(&o);
    o.port = port ? atoi(port) : 3000;
    o.cors.enabled = o.cors.any = true;
    if ((err = sio_server_new(&io, &o)) == 0) {
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        sio_on(sio_of(io, "/", NULL), "echo", on_echo);
        err = sio_server_run(io);
    }
    if (err < 0)
        fprintf(stderr, "echo: %s\n", sio_strerror(err));
    sio_server_free(io);
    return err < 0;
}
