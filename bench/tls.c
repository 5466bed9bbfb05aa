/* What TLS costs: memory of an idle connection, handshakes, bytes through one connection.
 *
 *     tls [CONNECTIONS [MEGABYTES]]
 *
 * The server's side runs in this process on a loop of its own, the clients are OpenSSL on blocking sockets
 * in a child, so that what is measured here is the server's memory and processor time alone. */
#include "loop/loop.h"
#include "net/tls.h"

#include <fcntl.h>
#include <malloc.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE (256 * 1024)

static int connections = 1000, megabytes = 500;

/* One run: kind 0 plain, else the TLS version. */
static struct {
    loop       *l;
    net        *n;
    tls_server *tls;
    int         kind, answered;
    net_stream *sender;
    size_t      left;
    blob       *piece;
} run;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- a certificate ---- */

static void make_files(const char *type)
{
    EVP_PKEY *key = strcmp(type, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    FILE *f = fopen("tls-bench.pem", "w"), *k = fopen("tls-bench.key", "w");

    X509_set_version(x, 2);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    if (!f || !k || !PEM_write_X509(f, x) || !PEM_write_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL))
        die("certificate");
    fclose(f);
    fclose(k);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* ---- the clients, in the child ---- */

static void client_talk(SSL *ssl, int fd, char *p, int n)
{
    int got;

    if (ssl ? SSL_write(ssl, p, 1) != 1 : write(fd, p, 1) != 1)
        die("client: write");
    got = ssl ? SSL_read(ssl, p, n) : (int)read(fd, p, (size_t)n);
    if (got <= 0)
        die("client: read");
}

static void client_drain(SSL *ssl, int fd, char *p, int n)
{
    while ((ssl ? SSL_read(ssl, p, n) : (int)read(fd, p, (size_t)n)) > 0)
        ;
}

/* Every connection says one byte and hears one; then the first drinks what comes. */
static void clients(const int *fd, int kind)
{
    static char b[PIECE];
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL **ssl = calloc((size_t)connections, sizeof(*ssl));

    for (int i = 0; i < connections; i++) {
        if (kind) {
            ssl[i] = SSL_new(ctx);
            SSL_set_max_proto_version(ssl[i], kind);
            SSL_set_fd(ssl[i], fd[i]);
            if (SSL_connect(ssl[i]) != 1)
                die("client: handshake");
        }
        client_talk(ssl[i], fd[i], b, 1);
    }
    client_drain(ssl[0], fd[0], b, sizeof(b));
    _exit(0);
}

/* ---- the server ---- */

static void on_data(net_stream *s, char *p, size_t n)
{
    net_send_copy(s, p, n);
    if (!run.sender)
        run.sender = s;
    if (++run.answered == connections)
        loop_stop(run.l);
}

/* As much as the kernel takes at once, on_drain goes on. */
static void feed(net_stream *s)
{
    while (run.left && !net_is_blocked(s)) {
        net_send(s, run.piece, 0, PIECE);
        net_flush(s);
        run.left -= PIECE;
    }
    if (!run.left)
        net_close(s);
}

static void on_close(net_stream *s, int err)
{
    (void)err;
    if (s == run.sender)
        loop_stop(run.l);
}

static const net_ops ops = {on_data, feed, on_close};

static void adopt(int fd)
{
    net_line line = {.fd = fd};

    if (run.kind && tls_server_line(run.tls, fd, &line) < 0)
        die("tls_server_line");
    if (!net_attach(run.n, line, &ops, NULL))
        die("net_attach");
}

static pid_t start_clients(int kind)
{
    int *ours = calloc((size_t)connections, sizeof(int)), *theirs = calloc((size_t)connections, sizeof(int));
    pid_t pid;

    for (int i = 0; i < connections; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
            die("socketpair");
        ours[i] = pair[0];
        theirs[i] = pair[1];
    }
    if ((pid = fork()) == 0) {
        for (int i = 0; i < connections; i++)
            close(ours[i]);
        clients(theirs, kind);
    }
    for (int i = 0; i < connections; i++) {
        close(theirs[i]);
        fcntl(ours[i], F_SETFL, O_NONBLOCK);
    }
    for (int i = 0; i < connections; i++)
        adopt(ours[i]);
    free(ours);
    free(theirs);
    return pid;
}

static void set_up(int kind, const char *key)
{
    net_limits limits = {64 << 20};

    memset(&run, 0, sizeof(run));
    run.kind = kind;
    make_files(key);
    if (loop_new(&run.l) < 0 || net_new(&run.n, run.l, &limits) < 0 ||
        tls_server_new(&run.tls, "tls-bench.pem", "tls-bench.key") < 0 || !(run.piece = blob_new(PIECE)))
        die("server");
    memset(run.piece->p, 'x', PIECE);
}

static void tear_down(void)
{
    net_free(run.n);
    loop_free(run.l);
    tls_server_free(run.tls);
    blob_drop(run.piece);
    unlink("tls-bench.pem");
    unlink("tls-bench.key");
}

static void measure(const char *what, int kind, const char *key)
{
    size_t before;
    double cpu, wall;
    pid_t pid;

    set_up(kind, key);
    before = mallinfo2().uordblks;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    pid = start_clients(kind);
    loop_run(run.l);
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%-14s %6.0f bytes idle  %5.0f us CPU to connect and answer", what,
           (double)(mallinfo2().uordblks - before) / connections, cpu * 1e6 / connections);
    fflush(stdout);
    run.left = (size_t)megabytes * (1 << 20);
    cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    wall = now(CLOCK_MONOTONIC);
    feed(run.sender);
    loop_run(run.l);
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = now(CLOCK_MONOTONIC) - wall;
    printf("  %6.0f MB/s, %4.0f us CPU a MB\n", megabytes / wall, cpu * 1e6 / megabytes);
    tear_down();
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    struct rlimit files = {65536, 65536};

    if (argc > 1)
        connections = atoi(argv[1]);
    if (argc > 2)
        megabytes = atoi(argv[2]);
    setrlimit(RLIMIT_NOFILE, &files);
    if (connections < 1 || megabytes < 1)
        return 2;
    measure("plain", 0, "EC");
    measure("TLS 1.3, P-256", TLS1_3_VERSION, "EC");
    measure("TLS 1.2, P-256", TLS1_2_VERSION, "EC");
    measure("TLS 1.3, RSA", TLS1_3_VERSION, "RSA");
    return 0;
}
