/* TLS handshakes of connections that come in: those that lead nowhere, and the certificates that are
 * shown. */
#include "net/tls_server_rig_test.h"

/* ---- handshakes that lead nowhere ---- */

static void garbage(void **state)
{
    static const char *const what[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\xff\xff\x01 not a hello", "\0\0\0\0\0\0",
        "\x15\x03\x03\x00\x02\x02\x28", "SSH-2.0-x\r\n"};
    char b[100];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        int fd = sim_dial(t.s, t.port);
        sim_send(t.s, fd, what[i], i == 2 ? 6 : i == 3 ? 7 : strlen(what[i]));
        sim_settle(t.s);
        assert_int_equal(t.closes, i + 1);
        assert_int_equal(t.err, SIO_EIO);
        assert_said(LOG_DEBUG, " failed: ");
        assert_int_equal(t.reads, 0);
        assert_true(sim_recv(t.s, fd, b, sizeof(b)) <= 7); /* an alert, at most */
        assert_true(sim_eof(t.s, fd));
    }
    sim_advance(t.s, 3000);
    assert_int_equal(sim_server_fds(t.s), 0);
}

static void a_handshake_in_the_middle_of_which_the_peer_leaves(void **state)
{
    static char b[1 << 16];
    peer *p = peer_new(client, false);
    int n;

    (void)state;
    SSL_do_handshake(p->ssl);
    n = BIO_read(p->out, b, sizeof(b));
    for (int cut = 1; cut < n; cut += 37) {
        int fd = sim_dial(t.s, t.port);
        t.closes = 0;
        sim_send(t.s, fd, b, (size_t)cut);
        sim_settle(t.s);
        assert_int_equal(t.closes, 0);
        sim_hangup(t.s, fd);
        sim_settle(t.s);
        assert_int_equal(t.closes, 1);
        assert_int_equal(t.err, SIO_EIO);
    }
    peer_free(p);
}

/* A byte a second is too slow, however long it goes on. */
static void a_slow_handshake_has_a_deadline(void **state)
{
    static char b[1 << 16];
    peer *p = peer_new(client, false);
    int seconds = 0;

    (void)state;
    SSL_do_handshake(p->ssl);
    assert_true(BIO_read(p->out, b, sizeof(b)) > 60);
    sim_settle(t.s);
    while (!t.closes && seconds < 60) {
        sim_send(t.s, p->fd, b + seconds++, 1);
        sim_advance(t.s, 1000);
    }
    assert_int_equal(seconds, TLS_HANDSHAKE_MS / 1000);
    assert_int_equal(t.err, SIO_EIO);
    assert_said(LOG_DEBUG, "the handshake took too long");
    peer_free(p);
    p = meet();
    sim_advance(t.s, 3 * TLS_HANDSHAKE_MS); /* no deadline behind it */
    assert_int_equal(t.closes, 1);
    peer_free(p);
}

static void protocols_and_versions(void **state)
{
    const unsigned char *chosen;
    unsigned n;
    peer *p;

    (void)state;
    SSL_CTX_set_alpn_protos(client, (const unsigned char *)"\x02h2\x08http/1.1", 12);
    p = meet();
    SSL_get0_alpn_selected(p->ssl, &chosen, &n);
    assert_int_equal(n, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    peer_free(p);
    SSL_CTX_set_alpn_protos(client, (const unsigned char *)"\x02h2", 3);
    p = peer_new(client, false);
    peer_pump(p);
    assert_int_equal(p->why, SSL_ERROR_SSL);
    assert_said(LOG_DEBUG, "failed: ");
    peer_free(p);
    SSL_CTX_set_alpn_protos(client, NULL, 0);
    SSL_CTX_set_max_proto_version(client, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(client, "ALL:@SECLEVEL=0");
    p = peer_new(client, false);
    peer_pump(p);
    assert_int_equal(p->why, SSL_ERROR_SSL);
    assert_said(LOG_DEBUG, "unsupported protocol");
    peer_free(p);
}

/* ---- certificates ---- */

static long serial_seen(peer *p)
{
    X509 *x = SSL_get1_peer_certificate(p->ssl);
    long n = ASN1_INTEGER_get(X509_get0_serialNumber(x));

    X509_free(x);
    return n;
}

static void a_new_certificate_without_a_restart(void **state)
{
    cert fresh = cert_make(&cert_ca, "DNS:server.test", -60, 3600);
    peer *before, *after;
    char path[128];

    (void)state;
    before = meet();
    net_stream *old = t.last;
    cert_write(&fresh, "good");
    assert_int_equal(tls_server_reload(server), 0);
    after = meet();
    assert_int_equal(serial_seen(after), serial_seen(before) + 1);
    net_send_copy(old, "still here", 10);
    peer_expect(before, "still here");
    unlink(cert_path(path, "good.key"));
    assert_int_equal(tls_server_reload(server), SIO_EINVAL);
    assert_said(LOG_ERROR, "good.key\" cannot be used: No such file");
    peer_free(after);
    after = meet(); /* what was there is still there */
    assert_int_equal(serial_seen(after), serial_seen(before) + 1);
    cert_write(&cert_good, "good");
    peer_free(before);
    peer_free(after);
    cert_free(&fresh);
}

static void files_that_do_not_fit(void **state)
{
    char pem[128], key[128];
    tls_server *s;

    (void)state;
    assert_int_equal(tls_server_new(&s, cert_path(pem, "good.pem"), cert_path(key, "ca.key")), SIO_EINVAL);
    assert_said(LOG_ERROR, "key values mismatch");
    assert_int_equal(tls_server_new(&s, cert_path(pem, "nothing"), key), SIO_EINVAL);
    tls_server_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(garbage, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handshake_in_the_middle_of_which_the_peer_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_handshake_has_a_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(protocols_and_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_certificate_without_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_do_not_fit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, certs_make, certs_free);
}
