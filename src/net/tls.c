/* TLS of one connection, between the queue of its stream and the kernel.
 *
 * OpenSSL never waits here: what it reads comes from `feed`, all that one system call brought; what it
 * writes goes to the kernel or, what that does not take, to `spill`, and while there is a spill nothing is
 * encrypted. So a record is never half written in OpenSSL's eyes, and the queue keeps clear text until its
 * record has left: net_unsent and net_is_blocked mean the same as on a plain stream. */
#include "base/log.h"
#include "net/tls_int.h"
#include "sio_err.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define RECORD    SSL3_RT_MAX_PLAIN_LENGTH
#define MAX_SPILL (128 * 1024) /* a record and what the handshake says; more is a peer that plays */
/* Encrypted bytes are read to here in net->in and decrypted to its beginning. OpenSSL may have kept most
 * of a record from before, so clear text never reaches what was not looked at yet when that starts one
 * record further on. */
#define GAP       (SSL3_RT_MAX_ENCRYPTED_LENGTH + SSL3_RT_HEADER_LENGTH)
#define WARN_MS   60000
_Static_assert(NET_IN_SIZE - GAP >= 32 * 1024, "reads must not become small");
_Static_assert(NET_OUT_SIZE >= RECORD, "a record is put together there");

static tls_conn *tls_of(const net_stream *s) { return container_of(s, tls_stream, s)->tls; }

size_t net_tls_size(void) { return sizeof(tls_stream); }

/* ---- ends ---- */

static const char *reason_of(const tls_conn *c)
{
    unsigned long e = ERR_peek_last_error();
    const char *text;

    if (c->io_err)
        return strerror(-c->io_err);
    if (ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return X509_verify_cert_error_string(SSL_get_verify_result(c->ssl));
    text = ERR_reason_error_string(e);
    return text ? text : "unknown reason";
}

/* A server that cannot be spoken to is tried again for ever: one warning a minute says so. */
static log_level level_of_trouble(const tls_conn *c)
{
    uint64_t now = loop_now(c->s->net->loop);
    uint_fast64_t last = atomic_load_explicit(&c->ctx->warned, memory_order_relaxed);

    if (c->ctx->quiet || (last && now + 1 < last + WARN_MS))
        return LOG_DEBUG;
    atomic_store_explicit(&c->ctx->warned, now + 1, memory_order_relaxed);
    return LOG_WARN;
}

/* The first reason counts. The stream ends with this turn. */
static void broken(tls_conn *c, const char *why)
{
    char peer[64];

    if (c->over == TLS_BROKEN)
        return;
    c->over = TLS_BROKEN;
    net_peer(c->s, peer, sizeof(peer));
    log_write(level_of_trouble(c), "TLS with %s %s: %s",
              *peer ? peer : "a peer that is gone", c->ready ? "broke" : "failed", why);
    net_stream_mark(c->s);
}

static void on_late(loop_timer *t)
{
    broken(container_of(t, tls_conn, timer), "the handshake took too long");
}

/* Why a call of OpenSSL did not do it. */
static void judge(tls_conn *c, int ret)
{
    int why = SSL_get_error(c->ssl, ret);

    if (why == SSL_ERROR_WANT_READ)
        return;
    if (why != SSL_ERROR_ZERO_RETURN) {
        broken(c, reason_of(c));
    } else if (!c->ready) {
        broken(c, "the peer gave up");
    } else if (c->over == TLS_ON) {
        c->over = TLS_ENDED;
        net_stream_mark(c->s);
    }
}

/* ---- the way to the kernel ---- */

/* How much the kernel took, 0 when it is full, or -errno. */
static ssize_t give_kernel(tls_conn *c, const char *p, size_t n)
{
    net *net = c->s->net;
    ssize_t took = loop_write(net->loop, c->s->io.fd, p, n);

    if (took == -EAGAIN)
        return 0;
    if (took < 0) {
        c->io_err = (int)took;
    } else {
        c->s->flags |= NET_PROGRESS;
        stat_add(&net->stats.bytes_out, (uint64_t)took);
    }
    return took;
}

static int on_bio_write(BIO *b, const char *p, int n)
{
    tls_conn *c = BIO_get_data(b);
    ssize_t took = 0;

    BIO_clear_retry_flags(b);
    if (n <= 0 || !c->s || c->io_err)
        return -1;
    if (c->spill.n == 0)
        took = give_kernel(c, p, (size_t)n);
    if (took < 0)
        return -1;
    if (buf_add(&c->spill, p + took, (size_t)(n - took)) < 0) {
        c->io_err = -ENOBUFS;
        return -1;
    }
    if (c->spill.n)
        net_stream_block(c->s, true);
    return n;
}

static int on_bio_read(BIO *b, char *p, int n)
{
    tls_conn *c = BIO_get_data(b);
    size_t part = n > 0 ? (size_t)n : 0;

    BIO_clear_retry_flags(b);
    if (c->nfeed == 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    if (part > c->nfeed)
        part = c->nfeed;
    memcpy(p, c->feed, part);
    c->feed += part;
    c->nfeed -= part;
    return (int)part;
}

static long on_bio_ctrl(BIO *b, int what, long arg, void *p)
{
    (void)b;
    (void)arg;
    (void)p;
    return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");

    if (m) {
        BIO_meth_set_read(m, on_bio_read);
        BIO_meth_set_write(m, on_bio_write);
        BIO_meth_set_ctrl(m, on_bio_ctrl);
    }
    return m;
}

/* ---- reading ---- */

static void check_ready(tls_conn *c)
{
    if (c->ready || !SSL_is_init_finished(c->ssl))
        return;
    c->ready = true;
    loop_timer_cancel(c->s->net->loop, &c->timer);
    log_debug("TLS: %s, %s", SSL_get_version(c->ssl), SSL_get_cipher_name(c->ssl));
    net_stream_want(c->s); /* what waited for this is sent when the kernel is asked next */
}

/* All records that feed completes. */
static size_t decrypt(tls_conn *c, char *out)
{
    size_t n = 0;

    while (c->over == TLS_ON) {
        size_t part = 0;
        int ret;

        ERR_clear_error();
        ret = SSL_read_ex(c->ssl, out + n, NET_IN_SIZE - n, &part);
        n += part;
        check_ready(c);
        if (ret <= 0) {
            judge(c, ret);
            break;
        }
    }
    c->nfeed = 0;
    return n;
}

size_t net_tls_read(net_stream *s)
{
    tls_conn *c = tls_of(s);
    net *n = s->net;
    ssize_t got = loop_read(n->loop, s->io.fd, n->in + GAP, NET_IN_SIZE - GAP);

    if (got == -EAGAIN || c->over != TLS_ON)
        return 0;
    if (got <= 0) {
        broken(c, got < 0 ? strerror((int)-got) : "the peer went away without close_notify");
        return 0;
    }
    stat_add(&n->stats.bytes_in, (uint64_t)got);
    c->feed = n->in + GAP;
    c->nfeed = (size_t)got;
    return decrypt(c, n->in);
}

/* ---- sending ---- */

/* Tries to get rid of the spill: 0 or -errno. */
static int pour(tls_conn *c)
{
    ssize_t took;

    if (c->spill.n == 0)
        return 0;
    took = give_kernel(c, c->spill.p, c->spill.n);
    if (took < 0)
        return (int)took;
    buf_consume(&c->spill, (size_t)took);
    if (c->spill.n == 0) {
        buf_fini(&c->spill);
        net_queue_consume(c->s, c->held);
        c->held = 0;
    }
    return 0;
}

static int send_record(tls_conn *c)
{
    size_t n, took = 0;
    const char *p = net_queue_front(c->s, RECORD, &n);

    ERR_clear_error();
    if (!SSL_write_ex(c->ssl, p, n, &took)) {
        broken(c, reason_of(c));
        return -EIO;
    }
    if (c->spill.n)
        c->held = (uint32_t)took;
    else
        net_queue_consume(c->s, took);
    return 0;
}

int net_tls_flush(net_stream *s)
{
    tls_conn *c = tls_of(s);
    int err = c->over == TLS_BROKEN ? -EIO : pour(c);
    bool full;

    while (err == 0 && c->ready && s->tail && c->spill.n == 0)
        err = send_record(c);
    if (err < 0) {
        broken(c, strerror(-err));
        return err;
    }
    full = s->tail || c->spill.n;
    if (full != !!(s->flags & NET_BLOCKED))
        net_stream_block(s, full);
    return 0;
}

bool net_tls_shakes(const net_stream *s)
{
    const tls_conn *c = tls_of(s);

    return !c->ready && c->over == TLS_ON;
}

bool net_tls_is_full(const net_stream *s)
{
    const tls_conn *c = tls_of(s);

    return c->spill.n || (c->ready && s->flags & NET_BLOCKED);
}

/* ---- the end ---- */

int net_tls_over(const net_stream *s)
{
    const tls_conn *c = tls_of(s);

    return c->over == TLS_BROKEN ? SIO_EIO : c->over == TLS_ENDED;
}

bool net_tls_bye(net_stream *s)
{
    tls_conn *c = tls_of(s);

    if (!c->ready || c->over == TLS_BROKEN)
        return true;
    if (!c->bye) {
        ERR_clear_error();
        SSL_shutdown(c->ssl);
        c->bye = true;
    }
    return c->spill.n == 0 || c->io_err;
}

/* ---- life ---- */

tls_conn *tls_conn_new(tls_ctx *ctx)
{
    tls_conn *c = calloc(1, sizeof(*c));
    BIO *b = c ? BIO_new(ctx->bio) : NULL;

    if (!b || !(c->ssl = SSL_new(ctx->ssl))) {
        BIO_free(b);
        free(c);
        return NULL;
    }
    BIO_set_data(b, c);
    BIO_set_init(b, 1);
    SSL_set_bio(c->ssl, b, b);
    c->ctx = tls_ctx_hold(ctx);
    buf_init(&c->spill, MAX_SPILL);
    loop_timer_init(&c->timer, on_late);
    return c;
}

void net_tls_free(tls_conn *c)
{
    if (!c)
        return;
    SSL_free(c->ssl);
    tls_ctx_drop(c->ctx);
    buf_fini(&c->spill);
    free(c);
}

/* A client speaks first. */
static void say_hello(tls_conn *c)
{
    int ret;

    ERR_clear_error();
    ret = SSL_do_handshake(c->ssl);
    if (ret <= 0)
        judge(c, ret);
}

void net_tls_start(net_stream *s, tls_conn *c)
{
    container_of(s, tls_stream, s)->tls = c;
    s->secure = true;
    c->s = s;
    if (!c->ready) {
        loop_timer_set(s->net->loop, &c->timer, TLS_HANDSHAKE_MS);
        if (!SSL_is_server(c->ssl))
            say_hello(c);
    }
    if (c->spill.n)
        net_stream_block(s, true);
    if (c->over != TLS_ON)
        net_stream_mark(s);
}

tls_conn *net_tls_take(net_stream *s)
{
    tls_conn *c = tls_of(s);

    loop_timer_cancel(s->net->loop, &c->timer);
    s->secure = false;
    c->s = NULL;
    return c;
}
