/* Inside of the sim: its machine, connections and descriptors. */
#ifndef LOOP_SIM_INT_H
#define LOOP_SIM_INT_H

#include "base/buf.h"
#include "loop/loop_int.h"
#include "loop/sim.h"

/* Bytes on their way: [at, b.n) have not been read yet. */
typedef struct sim_pipe {
    buf    b;
    size_t at;
} sim_pipe;

typedef struct sim_conn {
    struct sim_sock *server;      /* NULL when the server has closed its end */
    struct sim_conn *peer;        /* loop_connect: the other end is a loop's, too; what goes out arrives in
                                   * its `in` */
    sim_pipe in, out;             /* client to server, server to client */
    size_t   write_max, window, chunk; /* 0 = no limit */
    size_t   writes;
    bool     client_end, client_gone, server_end;
    bool     broken;              /* sim_reset */
    bool     was_reset;
} sim_conn;

typedef struct sim_loop sim_loop;

/* A descriptor of the server side: a listener or the server's end of a connection. */
typedef struct sim_sock {
    int       fd;
    sim_loop *loop;               /* that watches it, or NULL */
    loop_io  *io;
    list      active;             /* in loop->active while its events may be worth a look */
    sim_conn *conn;               /* NULL for a listener */
    int       port;
    loop     *listener_of;
    bool      accepted;
    struct sim_sock *next;        /* in the queue of its listener, not accepted yet */
    struct sim_sock *queue, **queue_end;
} sim_sock;

struct sim {
    uint64_t   now;
    uint64_t   random;            /* state of the generator; 0 = nothing is shuffled */
    sim_loop **loops;
    size_t     nloops;
    sim_sock **socks;             /* by descriptor, the lowest free one is taken */
    size_t     nsocks;
    sim_conn **conns;             /* by client descriptor - SIM_CLIENT_FD, never reused */
    size_t     nconns;
    size_t     next_listener;     /* whose turn it is among those sharing a port */
    int        next_port;
    size_t     fd_limit, accepted_fds;
};

/* An event of this turn that has not been delivered yet; io NULL = taken back. */
typedef struct loop_event {
    loop_io *io;
    unsigned events;
} loop_event;

struct sim_loop {
    loop        base;
    sim        *sim;
    list        active;           /* sim_sock */
    loop_event *ev;               /* this turn's events */
    size_t      cap, n, at;
};

#define SIM_CLIENT_FD (1 << 20)

void     *sim_grow(void *p, size_t n, size_t size); /* realloc that aborts */

/* ---- descriptors ---- */
sim_sock *sim_sock_new(sim *s);
sim_sock *sim_sock_at(sim *s, int fd);      /* NULL when not open */
void      sim_sock_close(sim *s, int fd);
/* Its state changed: the loop that watches it will look at it. */
void      sim_sock_touch(sim_sock *k);
unsigned  sim_sock_events(const sim_sock *k); /* what would be delivered now */
void      sim_socks_free(sim *s);
void      sim_conns_free(sim *s);

ssize_t sim_conn_read(sim_conn *c, void *p, size_t n);
ssize_t sim_conn_write(sim_conn *c, const void *p, size_t n);
/* A connection between two loops. The descriptor of the connecting end, or -ECONNREFUSED. */
int     sim_connect(sim *s, int port);
/* The server's end sends no more. */
void    sim_conn_end(sim_conn *c);

#endif
