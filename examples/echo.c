/* An echo server: "echo" comes back with its argument, as an event or as an acknowledgement. */
#include "sio.h"

#include <stdio.h>
#include <stdlib.h>

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
    sio_options options;
    sio_server *io;
    int err;

    sio_options_init(&options);
    options.port = port ? atoi(port) : 3000;
    if ((err = sio_server_new(&io, &options)) == 0) {
        sio_on(sio_of(io, "/", NULL), "echo", on_echo);
        err = sio_server_run(io);
        sio_server_free(io);
    }
    return err < 0 ? fprintf(stderr, "echo: %s\n", sio_strerror(err)) : 0;
}
