/* What the suite servers share: the port from the environment, clean stopping. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include "sio.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static sio_server *example_io;

static void example_stop(int sig)
{
    (void)sig;
    sio_server_stop(example_io, 200);
}

/* Options with PORT, LOOPS, TLS_CERT_FILE and TLS_KEY_FILE from the environment and CORS for everybody. */
static inline sio_options example_options(int port)
{
    const char *text = getenv("PORT"), *loops = getenv("LOOPS");
    sio_options o;

    sio_options_init(&o);
    o.port = text ? atoi(text) : port;
    o.loops = loops ? (unsigned)atoi(loops) : 0;
    o.cors.enabled = o.cors.any = true;
    o.tls = (sio_tls){getenv("TLS_CERT_FILE"), getenv("TLS_KEY_FILE")};
    return o;
}

/* Makes the server or ends the program. */
static inline sio_server *example_server(const sio_options *o)
{
    int err = sio_server_new(&example_io, o);

    if (err < 0) {
        fprintf(stderr, "%s\n", sio_strerror(err));
        exit(1);
    }
    signal(SIGINT, example_stop);
    signal(SIGTERM, example_stop);
    return example_io;
}

static inline int example_run(void)
{
    int err = sio_server_listen(example_io);

    if (err == 0) {
        printf("listening on %d\n", sio_server_port(example_io));
        fflush(stdout);
        err = sio_server_run(example_io);
    }
    if (err < 0)
        fprintf(stderr, "%s\n", sio_strerror(err));
    sio_server_free(example_io);
    return err < 0;
}

#endif
