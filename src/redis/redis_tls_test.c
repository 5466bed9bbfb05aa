/* The client over TLS, on a real server. */
#include "net/tls_rig_test.h"
#include "redis/program_test.h"

static redis_server strict;
static int tls_port[2];
static char ca[128], cert_file[128], key_file[128];

static void start_one(redis_server *s, int *port, const char *auth)
{
    char number[12];
    const char *args[] = {"--tls-port", number, "--tls-cert-file", cert_file, "--tls-key-file", key_file,
                          "--tls-ca-cert-file", ca, "--tls-auth-clients", auth, NULL};

    *port = redis_server_free_port();
    snprintf(number, sizeof(number), "%d", *port);
    redis_server_start_with(s, args);
    memset(s->args, 0, sizeof(s->args)); /* they pointed at our stack */
}

static int start_servers(void **state)
{
    certs_make(state);
    cert_path(ca, "ca.pem");
    cert_path(cert_file, "good.pem");
    cert_path(key_file, "good.key");
    start_one(&server, &tls_port[0], "no");
    start_one(&strict, &tls_port[1], "yes");
    return 0;
}

static int stop_servers(void **state)
{
    redis_server_stop(&server);
    redis_server_stop(&strict);
    return certs_free(state);
}

static const char *url_of(const char *host, int port, const char *query)
{
    static char url[800];

    snprintf(url, sizeof(url), "rediss://%s:%d%s", host, port, query);
    return url;
}

static const char *with_ca(const char *more)
{
    static char query[600];

    snprintf(query, sizeof(query), "?ca=%s%s", ca, more);
    return query;
}

static void expect_down(const char *url)
{
    redis_options o;
    heard h;

    o = heard_options(&h, url);
    assert_int_equal(redis_new(&h.r, g.n, &o), 0);
    rig_wait(&g, is_down, &h);
    assert_false(rig_try(&g, 150, is_up, &h));
    redis_free(h.r);
}

static void on_length(void *arg, int err, const resp_val *v)
{
    assert_int_equal(err, 0);
    assert_int_equal(v->kind, RESP_BULK);
    *(size_t *)arg = v->s.n;
}

static bool has_length(void *arg) { return *(size_t *)arg != 0; }

static void commands_and_subscriptions(void **state)
{
    static char big[2000000];
    ears e = {.done = 0};
    size_t n = 0;
    heard h, s;

    (void)state;
    heard_open(&g, &h, url_of("127.0.0.1", tls_port[0], with_ca("")));
    assert_string_equal(ASK(h.r, "SET", "a", "1"), "OK");
    memset(big, 'x', sizeof(big));
    for (int i = 0; i < 4; i++)
        assert_int_equal(redis_cmd(h.r, NULL, NULL, "SET", "big", ((sio_str){big, sizeof(big)})), 0);
    assert_int_equal(redis_cmd(h.r, on_length, &n, "GET", "big"), 0);
    rig_wait(&g, has_length, &n);
    assert_int_equal(n, sizeof(big));
    heard_open(&g, &s, url_of("127.0.0.1", tls_port[0], with_ca("")));
    rig_subscribe(s.r, REDIS_CHANNEL, "news", &e);
    rig_wait(&g, is_done, &e);
    assert_string_equal(ASK(h.r, "PUBLISH", "news", "x"), "1");
    rig_wait(&g, has_heard, &e);
    s.downs = 0;
    redis_server_do(&server, "CLIENT KILL TYPE pubsub");
    rig_wait(&g, is_down, &s);
    rig_wait(&g, is_up, &s);
    redis_free(h.r);
    redis_free(s.r);
}

static void who_it_is_matters(void **state)
{
    heard h;

    (void)state;
    expect_down(url_of("127.0.0.1", tls_port[0], ""));            /* an authority that nobody knows */
    expect_down(url_of("localhost", tls_port[0], with_ca("")));   /* not the name in the certificate */
    expect_down(url_of("127.0.0.1", server.port, with_ca("")));   /* no TLS there */
    heard_open(&g, &h, url_of("localhost", tls_port[0], "?verify=no"));
    assert_string_equal(ASK(h.r, "PING"), "PONG");
    redis_free(h.r);
}

static void we_show_a_certificate(void **state)
{
    char more[300];
    heard h;

    (void)state;
    expect_down(url_of("127.0.0.1", tls_port[1], with_ca("")));
    snprintf(more, sizeof(more), "&cert=%s&key=%s", cert_file, key_file);
    heard_open(&g, &h, url_of("127.0.0.1", tls_port[1], with_ca(more)));
    assert_string_equal(ASK(h.r, "PING"), "PONG");
    redis_free(h.r);
}

/* A cluster of one node, whose table names the port with TLS. */
static void clusters(void **state)
{
    char number[12], url[400], out[2000];
    const char *args[] = {"--tls-port", number, "--tls-cert-file", cert_file, "--tls-key-file", key_file,
                          "--tls-ca-cert-file", ca, "--tls-auth-clients", "no", "--tls-cluster", "yes",
                          "--cluster-enabled", "yes", NULL};
    int port = redis_server_free_port();
    ears e = {.done = 0};
    redis_server one;
    heard h, s;

    (void)state;
    snprintf(number, sizeof(number), "%d", port);
    redis_server_start_with(&one, args);
    redis_server_do(&one, "CLUSTER ADDSLOTSRANGE 0 16383");
    do
        assert_true(redis_server_ask(one.port, "CLUSTER INFO\r\n", out, sizeof(out)));
    while (!strstr(out, "cluster_state:ok"));
    snprintf(url, sizeof(url), "rediss+cluster://127.0.0.1:%d?ca=%s", port, ca);
    heard_open(&g, &h, url);
    assert_string_equal(ASK(h.r, "SET", "a", "1"), "OK");
    heard_open(&g, &s, url);
    rig_subscribe(s.r, REDIS_SHARD, "ch", &e);
    rig_wait(&g, is_done, &e);
    assert_string_equal(ASK(h.r, "SPUBLISH", "ch", "x"), "1");
    rig_wait(&g, has_heard, &e);
    redis_free(h.r);
    redis_free(s.r);
    redis_server_stop(&one);
}

static void files_are_read_at_once(void **state)
{
    redis_options o;
    heard h;

    (void)state;
    o = heard_options(&h, "rediss://127.0.0.1?ca=/nonexistent.pem");
    assert_int_equal(redis_new(&h.r, g.n, &o), SIO_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commands_and_subscriptions), TEST(who_it_is_matters), TEST(we_show_a_certificate),
        TEST(clusters), TEST(files_are_read_at_once),
    };
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
