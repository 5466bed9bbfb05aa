/* What the TLS connections of one kind share: certificates, and who is believed. */
#include "base/log.h"
#include "net/tls_int.h"
#include "sio_err.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* For TLS 1.2; those of 1.3 are all good. Only what gives forward secrecy and authenticated encryption. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls_client {
    tls_ctx *ctx;
};

struct tls_server {
    pthread_mutex_t lock; /* of ctx, which a reload replaces */
    tls_ctx        *ctx;
    char           *cert_file, *key_file;
};

/* ---- contexts ---- */

tls_ctx *tls_ctx_hold(tls_ctx *ctx)
{
    atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
    return ctx;
}

void tls_ctx_drop(tls_ctx *ctx)
{
    if (!ctx || atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(ctx->ssl);
    BIO_meth_free(ctx->bio);
    free(ctx);
}

/* A pass phrase would be asked for on the terminal. */
static int no_pass_phrase(char *p, int n, int writing, void *arg)
{
    (void)p;
    (void)n;
    (void)writing;
    (void)arg;
    return -1;
}

/* Without a session cache: what the peer needs to resume it carries itself, in tickets. */
static void set_up(SSL_CTX *ssl)
{
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ssl, CIPHERS);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(ssl, no_pass_phrase);
}

static tls_ctx *ctx_new(const SSL_METHOD *method, bool quiet)
{
    tls_ctx *ctx = calloc(1, sizeof(*ctx));

    if (!ctx)
        return NULL;
    atomic_init(&ctx->refs, 1);
    ctx->quiet = quiet;
    ctx->bio = tls_bio_method();
    ctx->ssl = SSL_CTX_new(method);
    if (!ctx->bio || !ctx->ssl) {
        tls_ctx_drop(ctx);
        return NULL;
    }
    set_up(ctx->ssl);
    return ctx;
}

/* ---- files ---- */

static int refuse(const char *file, const char *what)
{
    unsigned long e = ERR_peek_error();
    const char *why = ERR_SYSTEM_ERROR(e) ? strerror((int)ERR_GET_REASON(e)) : ERR_reason_error_string(e);

    log_error("TLS: %s \"%s\" cannot be used: %s", what, file, why ? why : "unknown reason");
    ERR_clear_error();
    return SIO_EINVAL;
}

static int load_own(SSL_CTX *ssl, const char *cert_file, const char *key_file)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ssl, cert_file) != 1)
        return refuse(cert_file, "certificate file");
    if (SSL_CTX_use_PrivateKey_file(ssl, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ssl) != 1)
        return refuse(key_file, "key file");
    return 0;
}

static int load_trust(SSL_CTX *ssl, const tls_client_options *o)
{
    SSL_CTX_set_verify(ssl, o->no_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    ERR_clear_error();
    if (o->ca_file)
        return SSL_CTX_load_verify_file(ssl, o->ca_file) == 1 ? 0 : refuse(o->ca_file, "CA file");
    return SSL_CTX_set_default_verify_paths(ssl) == 1 ? 0 : refuse("of the system", "CA store");
}

/* ---- client ---- */

static int offer(tls_ctx *ctx, const char *protocol)
{
    unsigned char wire[256];
    size_t n = strlen(protocol);

    if (n == 0 || n > 255)
        return SIO_EINVAL;
    wire[0] = (unsigned char)n;
    memcpy(wire + 1, protocol, n);
    return SSL_CTX_set_alpn_protos(ctx->ssl, wire, (unsigned)n + 1) == 0 ? 0 : SIO_ENOMEM;
}

static int set_up_client(tls_ctx *ctx, const tls_client_options *o)
{
    int err = !o->cert_file == !o->key_file ? load_trust(ctx->ssl, o) : SIO_EINVAL;

    if (err == 0 && o->cert_file)
        err = load_own(ctx->ssl, o->cert_file, o->key_file);
    if (err == 0 && o->alpn)
        err = offer(ctx, o->alpn);
    return err;
}

int tls_client_new(tls_client **out, const tls_client_options *o)
{
    static const tls_client_options defaults = {0};
    tls_client *c = calloc(1, sizeof(*c));
    int err = SIO_ENOMEM;

    if (c && (c->ctx = ctx_new(TLS_client_method(), false)))
        err = set_up_client(c->ctx, o ? o : &defaults);
    if (err < 0) {
        tls_client_free(c);
        return err;
    }
    *out = c;
    return 0;
}

void tls_client_free(tls_client *c)
{
    if (!c)
        return;
    tls_ctx_drop(c->ctx);
    free(c);
}

static bool is_address(const char *name)
{
    unsigned char b[16];

    return inet_pton(AF_INET, name, b) == 1 || inet_pton(AF_INET6, name, b) == 1;
}

/* The certificate must be for that name. An address is not sent: SNI is for names (RFC 6066, section 3). */
static bool expect(SSL *ssl, const char *name)
{
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return *name && SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

net_stream *tls_client_wrap(tls_client *c, net_stream *s, const char *name)
{
    net *n = s->net;
    const net_ops *ops = s->ops;
    void *owner = s->owner;
    net_line line = net_detach(s);

    line.tls = tls_conn_new(c->ctx);
    if (!line.tls || !expect(line.tls->ssl, name)) {
        net_line_drop(n->loop, line);
        return NULL;
    }
    SSL_set_connect_state(line.tls->ssl);
    return net_attach(n, line, ops, owner);
}

/* ---- server ---- */

/* We speak HTTP/1.1. Who insists on something else is told so in the handshake. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *nout, const unsigned char *in,
                   unsigned n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *found;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&found, nout, ours, sizeof(ours) - 1, in, n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

static int load_server(const tls_server *t, tls_ctx **out)
{
    tls_ctx *ctx = ctx_new(TLS_server_method(), true);
    int err = ctx ? load_own(ctx->ssl, t->cert_file, t->key_file) : SIO_ENOMEM;

    if (err < 0) {
        tls_ctx_drop(ctx);
        return err;
    }
    SSL_CTX_set_options(ctx->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_alpn_select_cb(ctx->ssl, on_alpn, NULL);
    *out = ctx;
    return 0;
}

int tls_server_new(tls_server **out, const char *cert_file, const char *key_file)
{
    tls_server *t = calloc(1, sizeof(*t));
    int err = SIO_ENOMEM;

    if (!t)
        return SIO_ENOMEM;
    pthread_mutex_init(&t->lock, NULL);
    t->cert_file = strdup(cert_file);
    t->key_file = strdup(key_file);
    if (t->cert_file && t->key_file)
        err = load_server(t, &t->ctx);
    if (err < 0) {
        tls_server_free(t);
        return err;
    }
    *out = t;
    return 0;
}

int tls_server_reload(tls_server *t)
{
    tls_ctx *ctx, *old;
    int err = load_server(t, &ctx);

    if (err < 0)
        return err;
    pthread_mutex_lock(&t->lock);
    old = t->ctx;
    t->ctx = ctx;
    pthread_mutex_unlock(&t->lock);
    tls_ctx_drop(old);
    return 0;
}

void tls_server_free(tls_server *t)
{
    if (!t)
        return;
    tls_ctx_drop(t->ctx);
    free(t->cert_file);
    free(t->key_file);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

int tls_server_line(tls_server *t, int fd, net_line *out)
{
    tls_ctx *ctx;
    tls_conn *c;

    pthread_mutex_lock(&t->lock);
    ctx = tls_ctx_hold(t->ctx);
    pthread_mutex_unlock(&t->lock);
    c = tls_conn_new(ctx);
    tls_ctx_drop(ctx);
    if (!c)
        return SIO_ENOMEM;
    SSL_set_accept_state(c->ssl);
    *out = (net_line){.fd = fd, .tls = c};
    return 0;
}
