/* Connections that we open: who is believed, and what the server hears. */
#include "net/tls_rig_test.h"

static SSL_CTX *server; /* the peer's side, with its certificate */
static tls_client *client;
static const char *name;

/* The rig accepts the connection and speaks as client on it: TLS does not care who dialled. */
static net_stream *wrap(int fd)
{
    net_stream *s = net_adopt(t.n, fd, &rig_ops, &t), *wrapped;

    wrapped = tls_client_wrap(client, s, name);
    if (wrapped) {
        assert_ptr_not_equal(wrapped, s);
        assert_ptr_equal(wrapped->owner, &t);
        net_send_copy(wrapped, "HELLO", 5); /* waits for the handshake */
    }
    return wrapped;
}

static void use(const cert *c)
{
    SSL_CTX_use_certificate(server, c->x);
    SSL_CTX_use_PrivateKey(server, c->key);
}

static int setup(void **state)
{
    (void)state;
    tls_rig_up(wrap);
    server = SSL_CTX_new(TLS_server_method());
    use(&cert_good);
    client = NULL;
    name = "server.test";
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_down();
    tls_client_free(client);
    SSL_CTX_free(server);
    return 0;
}

/* A client that believes our CA, and what else o says. */
static void make_client(tls_client_options o)
{
    char path[128];

    if (!o.ca_file)
        o.ca_file = cert_path(path, "ca.pem");
    tls_client_free(client);
    client = NULL;
    assert_int_equal(tls_client_new(&client, &o), 0);
}

static peer *meet(void)
{
    peer *p = peer_new(server, true);

    peer_pump(p);
    return p;
}

static void refused(const char *why)
{
    peer *p = meet();

    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_EIO);
    assert_said(LOG_WARN, why);
    assert_int_equal(p->ngot, 0); /* nothing was said to a stranger */
    assert_int_not_equal(p->why, 0); /* which was told */
    peer_free(p);
}

static void believed(void)
{
    peer *p = meet();

    peer_expect(p, "HELLO");
    assert_int_equal(t.closes, 0);
    assert_true(net_is_secure(t.last));
    peer_say(p, "+OK", 3);
    rig_expect("+OK");
    net_abort(t.last, SIO_ECANCELED);
    peer_free(p);
}

static void a_known_server_is_believed(void **state)
{
    peer *p;

    (void)state;
    make_client((tls_client_options){.alpn = "http/1.1"});
    believed();
    p = meet();
    assert_string_equal(SSL_get_servername(p->ssl, TLSEXT_NAMETYPE_host_name), "server.test");
    assert_int_equal(SSL_version(p->ssl), TLS1_3_VERSION);
    peer_free(p);
}

static void an_address_is_checked_as_such(void **state)
{
    peer *p;

    (void)state;
    make_client((tls_client_options){0});
    name = "127.0.0.1";
    believed();
    p = meet();
    assert_null(SSL_get_servername(p->ssl, TLSEXT_NAMETYPE_host_name));
    peer_free(p);
    t.closes = 0;
    name = "127.0.0.2";
    refused("IP address mismatch");
}

static void another_name_is_refused(void **state)
{
    (void)state;
    make_client((tls_client_options){0});
    name = "other.test";
    refused("hostname mismatch");
}

static void a_name_in_pieces_is_not_sent(void **state)
{
    static char label[300];
    peer *p;

    (void)state;
    make_client((tls_client_options){0});
    memset(label, 'a', sizeof(label) - 1);
    for (int i = 0; i < 2; i++) {
        name = i ? label : "";
        p = peer_new(server, true);
        sim_settle(t.s);
        assert_null(t.last);
        assert_true(sim_eof(t.s, p->fd));
        assert_int_equal(t.closes, 0);
        peer_free(p);
    }
}

static void an_expired_certificate_is_refused(void **state)
{
    cert old = cert_make(&cert_ca, "DNS:server.test", -3600, -60);
    cert early = cert_make(&cert_ca, "DNS:server.test", 3600, 7200);

    (void)state;
    make_client((tls_client_options){0});
    use(&old);
    refused("certificate has expired");
    t.closes = 0;
    make_client((tls_client_options){0}); /* who has not been warned of yet */
    use(&early);
    refused("certificate is not yet valid");
    cert_free(&old);
    cert_free(&early);
}

static void a_stranger_is_refused_unless_we_do_not_care(void **state)
{
    cert self = cert_make(NULL, "DNS:server.test", -60, 3600);

    (void)state;
    use(&self);
    make_client((tls_client_options){0});
    refused("self-signed certificate");
    make_client((tls_client_options){.no_verify = true});
    name = "whoever.test";
    t.closes = 0;
    believed();
    tls_client_free(client);
    assert_int_equal(tls_client_new(&client, NULL), 0); /* the system's store does not know it either */
    name = "server.test";
    t.closes = 0;
    refused("self-signed certificate");
    cert_free(&self);
}

static void we_show_our_certificate(void **state)
{
    char pem[128], key[128];
    peer *p;

    (void)state;
    make_client((tls_client_options){0});
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(server), cert_ca.x);
    p = meet();
    assert_int_equal(t.err, SIO_EIO);
    assert_said(LOG_WARN, "certificate required");
    peer_free(p);
    cert_path(pem, "good.pem");
    cert_path(key, "good.key");
    make_client((tls_client_options){.cert_file = pem, .key_file = key});
    t.closes = 0;
    believed();
}

static void old_versions_are_refused(void **state)
{
    (void)state;
    make_client((tls_client_options){0});
    SSL_CTX_set_min_proto_version(server, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(server, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(server, "ALL:@SECLEVEL=0");
    refused("version");
    SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
    t.closes = 0;
    believed();
}

static void files_that_are_none(void **state)
{
    char ca[128], pem[128], key[128];
    tls_client *c;

    (void)state;
    cert_path(pem, "good.pem");
    cert_path(key, "good.key");
    cert_path(ca, "none.pem");
    assert_int_equal(tls_client_new(&c, &(tls_client_options){.ca_file = ca}), SIO_EINVAL);
    assert_said(LOG_ERROR, "none.pem\" cannot be used");
    assert_int_equal(tls_client_new(&c, &(tls_client_options){.ca_file = key}), SIO_EINVAL);
    assert_int_equal(tls_client_new(&c, &(tls_client_options){.cert_file = pem}), SIO_EINVAL);
    assert_int_equal(tls_client_new(&c, &(tls_client_options){.key_file = key}), SIO_EINVAL);
    const tls_client_options no_cert = {.cert_file = key, .key_file = key};
    assert_int_equal(tls_client_new(&c, &no_cert), SIO_EINVAL);
    assert_said(LOG_ERROR, "good.key\" cannot be used");
    assert_int_equal(tls_client_new(&c, &(tls_client_options){.alpn = ""}), SIO_EINVAL);
    tls_client_free(NULL);
}

/* A server that takes its time, or leaves in between. */
static void a_handshake_has_a_deadline(void **state)
{
    peer *p;

    (void)state;
    make_client((tls_client_options){0});
    p = peer_new(server, true);
    sim_settle(t.s);
    sim_advance(t.s, TLS_HANDSHAKE_MS - 100);
    assert_int_equal(t.closes, 0);
    assert_int_equal(net_unsent(t.last), 5);
    assert_true(net_is_blocked(t.last));
    sim_advance(t.s, 200);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, SIO_EIO);
    assert_said(LOG_WARN, "took too long");
    peer_free(p);
    p = peer_new(server, true);
    sim_settle(t.s);
    sim_hangup(t.s, p->fd);
    sim_settle(t.s);
    assert_int_equal(t.closes, 2);
    assert_int_equal(t.err, SIO_EIO);
    assert_said(LOG_DEBUG, "without close_notify"); /* one warning a minute is enough */
    peer_free(p);
    sim_advance(t.s, 60000);
    p = peer_new(server, true);
    sim_settle(t.s);
    sim_hangup(t.s, p->fd);
    sim_settle(t.s);
    assert_said(LOG_WARN, "without close_notify");
    peer_free(p);
}

/* net_close right behind what was said: it still arrives, then the end. */
static void closing_waits_for_the_handshake(void **state)
{
    peer *p;

    (void)state;
    make_client((tls_client_options){0});
    p = peer_new(server, true);
    sim_settle(t.s);
    net_close(t.last);
    peer_pump(p);
    peer_expect(p, "HELLO");
    assert_int_equal(p->why, SSL_ERROR_ZERO_RETURN);
    assert_int_equal(t.closes, 1);
    assert_int_equal(t.err, 0);
    assert_true(sim_eof(t.s, p->fd));
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_known_server_is_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_is_checked_as_such, setup, teardown),
        cmocka_unit_test_setup_teardown(another_name_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_in_pieces_is_not_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(an_expired_certificate_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stranger_is_refused_unless_we_do_not_care, setup, teardown),
        cmocka_unit_test_setup_teardown(we_show_our_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(old_versions_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handshake_has_a_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_waits_for_the_handshake, setup, teardown),
    };
    return cmocka_run_group_tests(tests, certs_make, certs_free);
}
