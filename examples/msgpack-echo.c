/* An echo server that speaks socket.io-msgpack-parser: "echo" comes back with all its arguments. */
#include "example.h"

#define MAX_ARGS 8

static void on_echo(sio_socket *s, sio_in *in)
{
    sio_val args[MAX_ARGS + 1] = {sio_v("echo")};
    size_t n = sio_argc(in) < MAX_ARGS ? sio_argc(in) : MAX_ARGS;

    for (size_t i = 0; i < n; i++)
        args[i + 1] = sio_arg(in, i);
    if (sio_wants_ack(in))
        sio_ack_(in, args + 1, n);
    else
        sio_emit_(sio_dest(s), args, n + 1);
}

int main(void)
{
    sio_options o = example_options(3000);

    o.parser = SIO_PARSER_MSGPACK;
    sio_on(sio_of(example_server(&o), "/", NULL), "echo", on_echo);
    return example_run();
}
