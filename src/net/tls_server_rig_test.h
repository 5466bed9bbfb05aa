/* A TLS server on the rig's loop, and peers that come to it. */
#ifndef NET_TLS_SERVER_RIG_TEST_H
#define NET_TLS_SERVER_RIG_TEST_H

#include "net/tls_rig_test.h"

static tls_server *server;
static SSL_CTX *client; /* the peer's side */
static char big[400000]; /* bytes to send */

static inline net_stream *accept_tls(int fd)
{
    net_line line;

    assert_int_equal(tls_server_line(server, fd, &line), 0);
    return net_attach(t.n, line, &rig_ops, &t);
}

static inline int setup(void **state)
{
    char pem[128], key[128];

    (void)state;
    tls_rig_up(accept_tls);
    assert_int_equal(tls_server_new(&server, cert_path(pem, "good.pem"), cert_path(key, "good.key")), 0);
    client = SSL_CTX_new(TLS_client_method());
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client), cert_ca.x);
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * i >> 7);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    rig_down();
    tls_server_free(server);
    SSL_CTX_free(client);
    return 0;
}

/* A peer whose handshake is done. */
static inline peer *meet(void)
{
    peer *p = peer_new(client, false);

    peer_pump(p);
    assert_true(SSL_is_init_finished(p->ssl));
    assert_non_null(t.last);
    assert_true(net_is_secure(t.last));
    return p;
}

#endif
