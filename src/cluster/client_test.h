/* For tests: a client by hand on real sockets, which blocks. */
#ifndef CLUSTER_CLIENT_TEST_H
#define CLUSTER_CLIENT_TEST_H

#include "base/testing.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct client {
    int  fd;
    char got[65536];
} client;

static inline client dial_port(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client c = {.fd = socket(AF_INET, SOCK_STREAM, 0)};

    assert_int_equal(connect(c.fd, (struct sockaddr *)&a, sizeof a), 0);
    return c;
}

static inline void put(client *c, const void *p, size_t n)
{
    assert_int_equal(send(c->fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* Reads until the end of one answer, or of n bytes when it has no length. */
static inline char *get(client *c, size_t n)
{
    size_t have = 0, want = n ? n : sizeof c->got;

    while (have < want) {
        ssize_t m = recv(c->fd, c->got + have, sizeof c->got - 1 - have, 0);
        char *end, *length;

        if (m <= 0)
            fail_msg("the connection ended behind \"%s\"", c->got);
        have += (size_t)m;
        c->got[have] = 0;
        if (!n && (end = strstr(c->got, "\r\n\r\n")) && (length = strcasestr(c->got, "content-length: ")))
            want = (size_t)(end + 4 - c->got) + strtoul(length + 16, NULL, 10);
    }
    return c->got;
}

static inline char *ask(client *c, const char *method, const char *sid, const char *body)
{
    char head[1024];
    int n = snprintf(head, sizeof head,
                     "%s /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: x\r\nOrigin: http://o\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     method, sid ? "&sid=" : "", sid ? sid : "", strlen(body), body);

    put(c, head, (size_t)n);
    return get(c, 0);
}

static inline void expect(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in \"%s\"", part, text);
}

/* A session of a new client, made in the usual way. */
static inline void open_session_at(int port, char sid[21])
{
    client c = dial_port(port);
    char *at = strstr(ask(&c, "GET", NULL, ""), "\"sid\":\"");

    assert_non_null(at);
    memcpy(sid, at + 7, 20);
    sid[20] = 0;
    close(c.fd);
}

#define UNKNOWN "{\"code\":1,\"message\":\"Session ID unknown\"}"

#endif
