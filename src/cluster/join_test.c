/* sio_cluster.h on a real redis-server: two servers find each other by it, and lose each other again. */
#include "cluster/client_test.h"
#include "sio_cluster.h"
#include "redis/server_test.h"

#include <pthread.h>

typedef struct side {
    sio_server  *io;
    sio_cluster *cluster;
    pthread_t    thread;
} side;

static side S[2];
static redis_server server;

static void *run(void *arg)
{
    assert_int_equal(sio_server_run(arg), 0);
    return NULL;
}

static sio_cluster_options cluster_options(void)
{
    sio_cluster_options c;

    sio_cluster_options_init(&c);
    c.url = server.url;
    c.secret = "a secret of both";
    c.host = "127.0.0.1";
    c.lease_ms = 1000;
    return c;
}

static void start(side *s)
{
    sio_cluster_options c = cluster_options();
    sio_options o;

    sio_options_init(&o);
    o.host = "127.0.0.1";
    o.port = 0;
    o.loops = 2;
    assert_int_equal(sio_server_new(&s->io, &o), 0);
    assert_int_equal(sio_cluster_join(&s->cluster, s->io, &c), 0);
    assert_memory_equal(sio_cluster_address(s->cluster), "127.0.0.1:", 10);
    assert_int_equal(sio_server_listen(s->io), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s->io), 0);
}

static void stop(side *s)
{
    sio_server_stop(s->io, 0);
    pthread_join(s->thread, NULL);
    sio_cluster_leave(s->cluster);
    sio_server_free(s->io);
}

/* The answer to a poll or a POST for the session, through server `which`. */
static bool says(int which, const char *method, const char *sid, const char *body, const char *expected)
{
    client c = dial_port(sio_server_port(S[which].io));
    bool found = strstr(ask(&c, method, sid, body), expected);

    close(c.fd);
    return found;
}

static void servers_serve_each_others_clients(void **state)
{
    char sid[2][21];

    (void)state;
    start(&S[0]);
    start(&S[1]);
    for (int i = 0; i < 2; i++) {
        open_session_at(sio_server_port(S[i].io), sid[i]);
        assert_memory_equal(sid[i] + 1, sio_node(S[i].io), 4);
    }
    for (int tries = 0; !says(1, "POST", sid[0], "40", "ok"); tries++) { /* its lease is not in Redis yet */
        assert_in_range(tries, 0, 10000);
        usleep(1000);
    }
    assert_true(says(1, "GET", sid[0], "", "40{\"sid\":"));
    stop(&S[1]);
    assert_true(says(0, "GET", sid[1], "", UNKNOWN));
    assert_true(says(0, "POST", sid[0], "3", "ok"));
    stop(&S[0]);
}

static void what_cannot_work_is_refused(void **state)
{
    sio_cluster_options c = cluster_options();
    sio_cluster *out = NULL;
    sio_options o;
    sio_server *io;

    (void)state;
    sio_options_init(&o);
    o.port = 0;
    o.loops = 1;
    assert_int_equal(sio_server_new(&io, &o), 0);
    c.secret = "";
    assert_int_equal(sio_cluster_join(&out, io, &c), SIO_EINVAL);
    c = cluster_options();
    c.url = "http://x";
    assert_int_equal(sio_cluster_join(&out, io, &c), SIO_EINVAL);
    c = cluster_options();
    c.advertise = "not an address";
    assert_int_equal(sio_cluster_join(&out, io, &c), SIO_EINVAL);
    assert_null(out);
    sio_cluster_leave(out);
    sio_server_free(io);
}

static int up(void **state)
{
    (void)state;
    redis_server_start(&server);
    return 0;
}

static int down(void **state)
{
    (void)state;
    redis_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_serve_each_others_clients),
        cmocka_unit_test(what_cannot_work_is_refused),
    };

    return cmocka_run_group_tests(tests, up, down);
}
