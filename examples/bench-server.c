/* What bench/ measures: echo with ack, rooms, and speaking to a room. The same server on Node is
 * bench/peers/node-echo.js.
 *
 *     PORT=3000 LOOPS=1 bench-server                                  DEFLATE=1 with permessage-deflate
 *     PORT=3000 LOOPS=1 REDIS_URL=redis://127.0.0.1 bench-server      one of a cluster
 */
#include <signal.h>
#include <sio_redis.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRACE_MS = 200 };

static sio_server *server; /* for the signal handler only */

static void on_signal(int sig)
{
    (void)sig;
    sio_server_stop(server, GRACE_MS);
}

/* echo VALUE -> ack(VALUE) */
static void on_echo(sio_socket *s, sio_in *in)
{
    (void)s;
    sio_ack(in, sio_arg(in, 0));
}

/* join {room} -> ack() */
static void on_join(sio_socket *s, sio_in *in)
{
    sio_str room;

    if (!sio_str_of(in, sio_get(sio_arg(in, 0), "room"), &room))
        return;
    sio_join(s, room);
    sio_ack_(in, NULL, 0);
}

/* say ROOM TEXT: everybody in the room gets say TEXT, the speaker too. */
static void on_say(sio_socket *s, sio_in *in)
{
    sio_str room;

    if (sio_str_of(in, sio_arg(in, 0), &room))
        sio_emit(sio_to(sio_ns_of(s), room), "say", sio_arg(in, 1));
}

static long from_env(const char *name, long otherwise)
{
    const char *text = getenv(name);

    return text ? strtol(text, NULL, 10) : otherwise;
}

/* Makes the server one of a cluster, when there is a Redis. */
static int join_cluster(sio_options *o)
{
    sio_redis_options redis;

    sio_redis_options_init(&redis);
    redis.url = getenv("REDIS_URL");
    return redis.url ? sio_redis_adapter(&o->adapter, &redis) : 0;
}

int main(void)
{
    sio_options o;
    sio_ns *ns;
    int err;

    sio_options_init(&o);
    o.host = "127.0.0.1";
    o.port = (int)from_env("PORT", 3000);
    o.loops = (unsigned)from_env("LOOPS", 1);
    o.deflate.enabled = from_env("DEFLATE", 0) != 0;
    if ((err = join_cluster(&o)) == 0)
        err = sio_server_new(&server, &o);
    if (err < 0) {
        fprintf(stderr, "bench-server: %s\n", sio_strerror(err));
        return 1;
    }
    ns = sio_of(server, "/", NULL);
    sio_on(ns, "echo", on_echo);
    sio_on(ns, "join", on_join);
    sio_on(ns, "say", on_say);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    err = sio_server_run(server);
    if (err < 0)
        fprintf(stderr, "bench-server: %s\n", sio_strerror(err));
    sio_server_free(server);
    return err < 0;
}
