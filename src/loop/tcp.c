#include "base/num.h"
#include "loop/loop_int.h"
#include "sio_err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int port_of(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
    return ntohs(((const struct sockaddr_in *)a)->sin_port);
}

/* TCP_NODELAY is inherited by accepted sockets on Linux: one call here instead of one per connection. Alone:
 * nobody else may listen there, not even with SO_REUSEPORT; such a one only asks, and does not listen itself: a
 * client that it accepted would be lost when it is closed. */
static int listen_on(const struct addrinfo *ai, bool dual, bool alone, int *port, int backlog)
{
    int on = 1, off = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);

    if (fd < 0)
        return SIO_EIO;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (!alone)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (dual)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || (!alone && listen(fd, backlog) < 0) ||
        getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
        close(fd);
        return SIO_EADDR;
    }
    *port = port_of(&addr);
    return fd;
}

/* All addresses: one IPv6 socket that takes IPv4 too, or IPv4 alone on a host without IPv6. */
static int listen_everywhere(bool alone, int *port, int backlog)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)*port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    struct addrinfo a = {.ai_family = AF_INET6, .ai_addrlen = sizeof(six), .ai_addr = (void *)&six};
    struct addrinfo b = {.ai_family = AF_INET, .ai_addrlen = sizeof(four), .ai_addr = (void *)&four};
    int fd = listen_on(&a, true, alone, port, backlog);

    return fd >= 0 ? fd : listen_on(&b, false, alone, port, backlog);
}

static int listen_at(const char *host, bool alone, int *port, int backlog)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
    char service[8];
    int fd = SIO_EADDR;

    if (*port < 0 || *port > 65535)
        return SIO_EADDR;
    if (!host)
        return listen_everywhere(alone, port, backlog);
    snprintf(service, sizeof(service), "%d", *port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return SIO_EADDR;
    for (struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next)
        fd = listen_on(ai, false, alone, port, backlog);
    freeaddrinfo(found);
    return fd;
}

int tcp_listen(const char *host, int *port, int backlog)
{
    return listen_at(host, false, port, backlog);
}

bool tcp_is_taken(const char *host, int port)
{
    int fd = port ? listen_at(host, true, &port, 1) : -1;

    if (fd >= 0)
        close(fd);
    return port && fd < 0;
}

int tcp_accept(int listener)
{
    int fd;

    do
        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    return fd < 0 ? -errno : fd;
}

/* A peer that vanished is noticed within half a minute, also while we only listen. Not for unix sockets,
 * which do not mind. */
static void set_options(int fd)
{
    int on = 1, idle = 15, interval = 5, count = 3;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

int tcp_connect(const struct sockaddr *addr, socklen_t n)
{
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

    if (fd < 0)
        return -errno;
    if (addr->sa_family != AF_UNIX)
        set_options(fd);
    if (connect(fd, addr, n) == 0 || errno == EINPROGRESS || errno == EINTR)
        return fd;
    err = errno;
    close(fd);
    return -err;
}

int tcp_connect_result(int fd)
{
    int err = 0;
    socklen_t n = sizeof(err);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0 ? -errno : -err;
}

/* As inet_ntop, which prints: each connection that is made asks for this. */
static void show_four(const unsigned char a[4], char *out, size_t n)
{
    char text[INET_ADDRSTRLEN + 1], *to = text;

    for (int i = 0; i < 4; i++) {
        to += num_u64(a[i], to);
        *to++ = '.';
    }
    to[-1] = 0;
    if ((size_t)(to - text) <= n)
        memcpy(out, text, (size_t)(to - text));
}

void tcp_peer(int fd, char *out, size_t n)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);

    if (n == 0)
        return;
    out[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&addr, &len) < 0)
        return;
    if (addr.ss_family == AF_INET) {
        show_four((const unsigned char *)&((struct sockaddr_in *)&addr)->sin_addr, out, n);
    } else if (addr.ss_family == AF_INET6) {
        const struct in6_addr *a = &((struct sockaddr_in6 *)&addr)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(a))
            show_four(a->s6_addr + 12, out, n);
        else
            inet_ntop(AF_INET6, a, out, (socklen_t)n);
    }
}
