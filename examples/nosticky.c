/* The echo server as one of several behind a load balancer that may send each request anywhere: REDIS_URL,
 * CLUSTER_SECRET. */
#include "example.h"
#include "sio_cluster.h"

static void on_echo(sio_socket *s, sio_in *in)
{
    if (sio_wants_ack(in))
        sio_ack(in, sio_arg(in, 0));
    else
        sio_emit(s, "echo", sio_arg(in, 0));
}

static sio_cluster *join(sio_server *io)
{
    sio_cluster_options c;
    sio_cluster *cluster = NULL;
    int err;

    sio_cluster_options_init(&c);
    c.url = getenv("REDIS_URL");
    c.secret = getenv("CLUSTER_SECRET");
    c.host = getenv("CLUSTER_HOST");
    if ((err = sio_cluster_join(&cluster, io, &c)) < 0)
        fprintf(stderr, "cluster: %s\n", sio_strerror(err));
    return cluster;
}

int main(void)
{
    sio_options options = example_options(3000);
    sio_server *io = example_server(&options);
    sio_cluster *cluster = join(io);
    int err = 1;

    sio_on(sio_of(io, "/", NULL), "echo", on_echo);
    if (cluster)
        err = sio_server_run(io);
    sio_cluster_leave(cluster);
    sio_server_free(io);
    return err < 0 ? fprintf(stderr, "nosticky: %s\n", sio_strerror(err)) : err;
}
