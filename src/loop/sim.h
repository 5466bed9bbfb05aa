/* The simulated machine: virtual time and in-memory connections, all loops in one thread, everything
 * repeatable. */
#ifndef LOOP_SIM_H
#define LOOP_SIM_H

#include "loop/loop.h"

typedef struct sim sim;

/* The seed decides the order of loops and of socket events; 0 = the order in which they came. Aborts
 * without memory. */
sim  *sim_new(uint64_t seed);
void  sim_free(sim *s);                      /* after all its loops */
int   sim_loop_new(sim *s, loop **out);      /* free with loop_free */

/* Runs turns until nothing is left to do at this instant. */
void  sim_settle(sim *s);
/* Advances the clock by ms, stopping at each due timer, settling in between. */
void  sim_advance(sim *s, uint64_t ms);

/* A client end of a connection to a listening port of a loop of this sim (listeners sharing a port are
 * served in turn). -1 when nobody listens. The calls never block. */
int    sim_dial(sim *s, int port);
void   sim_send(sim *s, int fd, const void *p, size_t n);      /* arrives at the next settle */
size_t sim_recv(sim *s, int fd, void *p, size_t n);            /* what has arrived so far */
bool   sim_eof(sim *s, int fd);                                /* the server closed and all was read */
void   sim_hangup(sim *s, int fd);                             /* the client closes; fd stays, dead */
void   sim_end(sim *s, int fd);                                /* the client ends its sending only */
void   sim_reset(sim *s, int fd);                              /* breaks: ECONNRESET at the server */
/* True when the server closed its descriptor over unread input, which makes a real kernel send a reset. */
bool   sim_was_reset(sim *s, int fd);
/* Faults: at most this many bytes are accepted per server-side write / unread bytes held before it would
 * block. 0 = no limit. */
void   sim_limit(sim *s, int fd, size_t write_max, size_t window);
/* Chunks what the server reads into pieces of at most n bytes (0 = whole). */
void   sim_chunk(sim *s, int fd, size_t n);
/* Accepting fails with EMFILE while the servers have this many connections; 0 = no limit. */
void   sim_fd_limit(sim *s, size_t max);
/* Write calls of the server on this connection that took bytes: what one turn produces should be one. */
size_t sim_writes(sim *s, int fd);
/* Connections that the servers have open. */
size_t sim_server_fds(const sim *s);

#endif
