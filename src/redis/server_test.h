/* A redis-server of a test's own: on a free port of 127.0.0.1 and a unix socket, in a directory of its
 * own, stopped by its pid and, should the test crash, by the kernel. For the tests of any floor above. */
#ifndef REDIS_SERVER_TEST_H
#define REDIS_SERVER_TEST_H

#include "base/testing.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REDIS_SERVER_ARGS 32

typedef struct redis_server {
    pid_t       pid;                     /* 0 when it does not run */
    int         port;
    char        dir[40], path[56];       /* of the unix socket */
    char        url[64];                 /* redis://127.0.0.1:PORT */
    const char *args[REDIS_SERVER_ARGS]; /* what was given to start, for restart */
} redis_server;

static inline int redis_server_free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* Redis Cluster adds 10000 to it; from 32768 on the kernel takes them for outgoing connections. */
    do {
        a.sin_port = htons((uint16_t)(11000 + (unsigned)(clock() + getpid() * 7 + rand()) % 10000));
    } while (bind(fd, (struct sockaddr *)&a, n) < 0);
    close(fd);
    return ntohs(a.sin_port);
}

static inline int redis_server_connect(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline int redis_server_connect_path(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline bool redis_server_ask_fd(int fd, const char *lines, char *out, size_t n)
{
    size_t got = 0;

    out[0] = 0;
    if (fd < 0)
        return false;
    if (send(fd, lines, strlen(lines), MSG_NOSIGNAL) >= 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        while (got < n - 1 && poll(&p, 1, got ? 20 : 5000) > 0) {
            ssize_t r = recv(fd, out + got, n - 1 - got, 0);
            if (r <= 0)
                break;
            got += (size_t)r;
        }
    }
    out[got] = 0;
    close(fd);
    return got > 0;
}

/* Sends lines of commands ("AUTH x\r\nSET a b\r\n") and gives what is answered within a moment of silence;
 * out is cut to n. False when nobody answers. */
static inline bool redis_server_ask(int port, const char *lines, char *out, size_t n)
{
    return redis_server_ask_fd(redis_server_connect(port), lines, out, n);
}

/* The same for a command whose answer does not matter, and must be there. */
static inline void redis_server_do(const redis_server *s, const char *command)
{
    char line[600], out[200];

    snprintf(line, sizeof(line), "%s\r\n", command);
    if (!redis_server_ask(s->port, line, out, sizeof(out)))
        fail_msg("redis-server does not answer to %s", command);
    if (out[0] == '-' && strncmp(out, "-NOAUTH", 7) != 0)
        fail_msg("%s: %s", command, out);
}

static inline void redis_server_exec(redis_server *s)
{
    char port[12], log[64];
    const char *argv[REDIS_SERVER_ARGS + 24];
    unsigned n = 0;

    snprintf(port, sizeof(port), "%d", s->port);
    snprintf(log, sizeof(log), "%s/log", s->dir);
    const char *own[] = {"redis-server", "--bind", "127.0.0.1", "--port", port, "--unixsocket", s->path,
                         "--dir", s->dir,
                         "--logfile", log, "--save", "", "--appendonly", "no", "--daemonize", "no"};
    bool has_file = s->args[0] && s->args[0][0] == '/';
    argv[n++] = own[0];
    if (has_file) /* comes first, and what follows beats it */
        argv[n++] = s->args[0];
    for (unsigned i = 1; i < sizeof(own) / sizeof(own[0]); i++)
        argv[n++] = own[i];
    for (unsigned i = has_file; s->args[i]; i++)
        argv[n++] = s->args[i];
    argv[n] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp("redis-server", (char **)argv);
    fprintf(stderr, "cannot start redis-server: %s (tools/deps test)\n", strerror(errno));
    _exit(127);
}

/* Waits until it answers; false when it has ended instead. */
static inline bool redis_server_launch(redis_server *s)
{
    struct timespec moment = {0, 5000000};
    char out[100];
    int status;

    s->pid = fork();
    if (s->pid == 0)
        redis_server_exec(s);
    for (int tries = 0; tries < 4000; tries++) {
        if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
            s->pid = 0;
            if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                fail_msg("redis-server is not installed");
            return false;
        }
        /* +PONG, or -NOAUTH, but not -LOADING. By the unix socket: on the port it might be somebody else. */
        int fd = redis_server_connect_path(s->path);
        if (redis_server_ask_fd(fd, "PING\r\n", out, sizeof(out)) && strncmp(out, "-LOADING", 8) != 0)
            return true;
        nanosleep(&moment, NULL);
    }
    return false;
}

/* args: more for its command line, ended by NULL; a first one that begins with / is a configuration file. */
static inline void redis_server_start_with(redis_server *s, const char *const *args)
{
    memset(s, 0, sizeof(*s));
    strcpy(s->dir, "/tmp/redis_test_XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->path, sizeof(s->path), "%s/socket", s->dir);
    for (unsigned i = 0; args && args[i]; i++) {
        assert_true(i < REDIS_SERVER_ARGS - 1);
        s->args[i] = args[i];
    }
    for (int tries = 0; tries < 5; tries++) {
        s->port = redis_server_free_port();
        snprintf(s->url, sizeof(s->url), "redis://127.0.0.1:%d", s->port);
        if (redis_server_launch(s))
            return;
    }
    fail_msg("redis-server does not start: see %s/log", s->dir);
}

static inline void redis_server_start(redis_server *s) { redis_server_start_with(s, NULL); }

static inline void redis_server_kill(redis_server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

/* On the same port, empty. */
static inline void redis_server_restart(redis_server *s)
{
    redis_server_kill(s);
    if (!redis_server_launch(s))
        fail_msg("redis-server does not start again: see %s/log", s->dir);
}

static inline void redis_server_stop(redis_server *s)
{
    DIR *d = opendir(s->dir);
    char name[400];

    redis_server_kill(s);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(name, sizeof(name), "%s/%s", s->dir, e->d_name);
        unlink(name);
    }
    if (d)
        closedir(d);
    rmdir(s->dir);
}

#endif
