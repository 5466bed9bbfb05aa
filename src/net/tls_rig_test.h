/* What the tests of TLS share: certificates made on the spot, one loop in the simulator with streams on
 * it, and a peer, which is OpenSSL on memory, at the client end of a simulated connection. */
#ifndef NET_TLS_RIG_TEST_H
#define NET_TLS_RIG_TEST_H

#include "base/log.h"
#include "base/testing.h"
#include "net/rig_test.h"
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

/* ---- certificates ---- */

typedef struct cert {
    X509     *x;
    EVP_PKEY *key;
} cert;

static char cert_dir[] = "/tmp/tls-test-XXXXXX";
static cert cert_ca, cert_good; /* good: for "server.test" and 127.0.0.1 */

static inline void cert_extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

/* names as in "DNS:a,IP:127.0.0.1", NULL = a CA. Valid from and until so many seconds from now. */
static inline cert cert_make(const cert *issuer, const char *names, long from, long until)
{
    cert c = {X509_new(), EVP_EC_gen("P-256")};
    X509_NAME *subject = X509_get_subject_name(c.x);
    static long serial;

    X509_set_version(c.x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(c.x), from);
    X509_gmtime_adj(X509_getm_notAfter(c.x), until);
    const char *cn = names ? "somebody" : "a CA";
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(c.x, issuer ? X509_get_subject_name(issuer->x) : subject);
    X509_set_pubkey(c.x, c.key);
    cert_extend(c.x, issuer ? issuer->x : c.x, NID_basic_constraints,
                names ? "CA:FALSE" : "critical,CA:TRUE");
    if (names)
        cert_extend(c.x, c.x, NID_subject_alt_name, names);
    assert_true(X509_sign(c.x, issuer ? issuer->key : c.key, EVP_sha256()) > 0);
    return c;
}

static inline void cert_free(cert *c)
{
    X509_free(c->x);
    EVP_PKEY_free(c->key);
}

static inline const char *cert_path(char *out, const char *name)
{
    snprintf(out, 128, "%s/%s", cert_dir, name);
    return out;
}

/* NAME.pem and NAME.key. */
static inline void cert_write(const cert *c, const char *name)
{
    char path[128], file[64];
    FILE *f;

    snprintf(file, sizeof(file), "%s.pem", name);
    assert_non_null(f = fopen(cert_path(path, file), "w"));
    assert_int_equal(PEM_write_X509(f, c->x), 1);
    fclose(f);
    snprintf(file, sizeof(file), "%s.key", name);
    assert_non_null(f = fopen(cert_path(path, file), "w"));
    assert_int_equal(PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static inline int certs_make(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(cert_dir));
    cert_ca = cert_make(NULL, NULL, -60, 3600);
    cert_good = cert_make(&cert_ca, "DNS:server.test,IP:127.0.0.1", -60, 3600);
    cert_write(&cert_ca, "ca");
    cert_write(&cert_good, "good");
    return 0;
}

static inline int certs_free(void **state)
{
    char command[64];

    (void)state;
    cert_free(&cert_ca);
    cert_free(&cert_good);
    snprintf(command, sizeof(command), "rm -r %s", cert_dir);
    return system(command);
}

/* ---- a rig that listens to what is said about TLS ---- */

static struct {
    char      line[8][256];
    unsigned  n;
    log_level level; /* of the newest */
} said;

static void on_log(log_level level, const char *line, const log_field *fields, size_t n)
{
    (void)fields;
    (void)n;
    said.level = level;
    snprintf(said.line[said.n++ % 8], sizeof(said.line[0]), "%s", line);
}

/* The newest line has that in it, with that level. */
static inline void assert_said(log_level level, const char *what)
{
    const char *line = said.line[(said.n - 1) % 8];

    assert_true(said.n > 0);
    if (!strstr(line, what))
        fail_msg("\"%s\" does not say \"%s\"", line, what);
    assert_int_equal(said.level, level);
}

static inline void tls_rig_up(net_stream *(*adopt)(int fd))
{
    memset(&said, 0, sizeof(said));
    log_setup(LOG_DEBUG, on_log);
    rig_up(1 << 20, adopt);
}

/* ---- the peer ---- */

typedef struct peer {
    int    fd;
    SSL   *ssl;
    BIO   *in, *out;
    char   got[1 << 20];
    size_t ngot;
    int    why;     /* of SSL_get_error, when it went wrong */
} peer;

/* Over a new connection to the rig; ctx is the caller's. */
static inline peer *peer_new(SSL_CTX *ctx, bool server)
{
    peer *p = calloc(1, sizeof(*p));

    p->fd = sim_dial(t.s, t.port);
    assert_true(p->fd >= 0);
    p->ssl = SSL_new(ctx);
    p->in = BIO_new(BIO_s_mem());
    p->out = BIO_new(BIO_s_mem());
    SSL_set_bio(p->ssl, p->in, p->out);
    if (server)
        SSL_set_accept_state(p->ssl);
    else
        SSL_set_connect_state(p->ssl);
    return p;
}

static inline void peer_free(peer *p)
{
    SSL_free(p->ssl);
    free(p);
}

static inline void peer_read(peer *p)
{
    size_t n;
    int ret;

    while ((ret = SSL_read_ex(p->ssl, p->got + p->ngot, sizeof(p->got) - p->ngot, &n)) > 0)
        p->ngot += n;
    ret = SSL_get_error(p->ssl, ret);
    p->why = ret == SSL_ERROR_WANT_READ ? 0 : ret;
}

/* Carries bytes both ways until nothing moves. */
static inline void peer_pump(peer *p)
{
    static char b[1 << 16];
    bool moved = true;

    while (moved) {
        int n;
        size_t k;
        ERR_clear_error();
        if (!p->why)
            peer_read(p);
        moved = false;
        while ((n = BIO_read(p->out, b, sizeof(b))) > 0) {
            sim_send(t.s, p->fd, b, (size_t)n);
            moved = true;
        }
        sim_settle(t.s);
        while ((k = sim_recv(t.s, p->fd, b, sizeof(b))) > 0) {
            assert_int_equal(BIO_write(p->in, b, (int)k), (int)k);
            moved = true;
        }
    }
}

static inline void peer_say(peer *p, const void *bytes, size_t n)
{
    size_t k;

    assert_int_equal(SSL_write_ex(p->ssl, bytes, n, &k), 1);
    peer_pump(p);
}

static inline void peer_expect(peer *p, const char *text)
{
    peer_pump(p);
    assert_int_equal(p->ngot, strlen(text));
    assert_memory_equal(p->got, text, p->ngot);
    p->ngot = 0;
}

static inline void rig_expect(const char *text)
{
    assert_int_equal(t.ngot, strlen(text));
    assert_memory_equal(t.got, text, t.ngot);
    t.ngot = 0;
}

#endif
