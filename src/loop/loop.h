/* The event loop: sockets, timers, tasks. One loop is one thread; every object above belongs to exactly
 * one.
 *
 * Two implementations stand behind this face: epoll, and sim, where time is virtual and sockets are in
 * memory (loop/sim.h). Nothing above this floor reads a clock or makes a system call on a socket by
 * itself.
 *
 * A turn: wait, socket events, due timers, posted tasks, then the turn-end hooks. Hooks run in the reverse
 * order of their adding: upper floors, made later, say what they have to say before the net below them
 * flushes. All functions are for the loop's own thread unless said otherwise. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/list.h"
#include "base/stack.h"
#include "base/stat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct loop loop;

/* ---- life ---- */
int   loop_new(loop **out);            /* an epoll loop: 0, SIO_ENOMEM, SIO_EIO */
/* After its run returned; pending tasks are dropped unrun, see loop_drop_tasks */
void  loop_free(loop *l);
/* Until loop_stop; finishes the turn it is in. A sim loop runs virtual time, and returns too when nothing
 * is left. */
void  loop_run(loop *l);
void  loop_stop(loop *l);              /* any thread, async-signal-safe */
/* The loop whose turn this thread is running, or NULL. */
loop *loop_current(void);

/* How many milliseconds turns took, from their first event to their last hook; any thread. */
extern const uint32_t loop_turn_bound[];
#define LOOP_TURN_BOUNDS 12
const stat_histogram *loop_turn_ms(const loop *l);

/* ---- time ---- */
uint64_t loop_now(const loop *l);      /* monotonic milliseconds, taken once a turn */
int64_t  loop_now_ns(const loop *l);   /* the same in nanoseconds: as CLOCK_MONOTONIC of the machine */
int64_t  loop_wall(const loop *l);     /* milliseconds since 1970-01-01 UTC, taken once a turn */

typedef struct loop_timer {
    list     link;                     /* private */
    uint64_t due;                      /* private: loop_now of expiry; 0 = not set */
    void   (*fn)(struct loop_timer *t);
} loop_timer;
void loop_timer_init(loop_timer *t, void (*fn)(loop_timer *t));
/* (Re)arms: fn runs once, in ms milliseconds or up to 4 ms later. O(1). */
void loop_timer_set(loop *l, loop_timer *t, uint64_t ms);
void loop_timer_cancel(loop *l, loop_timer *t); /* no effect when not armed */
bool loop_timer_is_set(const loop_timer *t);
/* It is set and its time has come: fn runs before this turn ends, although sockets are served first. */
bool loop_timer_is_due(const loop *l, const loop_timer *t);
/* Only inside a timer's fn: how many milliseconds ago it was due. */
uint64_t loop_timer_late(const loop *l);

/* ---- tasks ---- */
/* Embed it in what you post; the loop never allocates. It may be freed or posted again from inside fn. */
typedef struct loop_task {
    stack_item link;                   /* private */
    void     (*fn)(struct loop_task *t);
    /* Instead of fn when the loop has ended: frees it. NULL: nothing is to be freed. */
    void     (*drop)(struct loop_task *t);
} loop_task;
/* Any thread: fn runs on l's thread, tasks of one poster in the order posted. One wake-up per batch. What
 * a task posts to its own loop runs in the next turn. */
void loop_post(loop *l, loop_task *t);
/* A thread that is no loop's and posts much at once: what it posts between the two wakes nobody before the
 * second. Where both share a core the first wake-up would take it away from the poster, and every task would
 * become a turn of its own. The loops must live until then. Not nested. */
void loop_wakes_hold(void);
void loop_wakes_release(void);
/* Before loop_free, when nobody posts any more: drops what was posted and will not run, oldest first. */
void loop_drop_tasks(loop *l);
/* Called at the end of every turn; may be added only before the loop runs. */
typedef struct loop_hook {
    struct loop_hook *next;            /* private */
    void            (*fn)(struct loop_hook *h);
} loop_hook;
void loop_add_hook(loop *l, loop_hook *h);
/* There is work for the hooks: they run (again) before the loop sleeps. Needed when the work may come from
 * a hook or from outside a turn; harmless otherwise. The loop's own thread. */
void loop_kick(loop *l);

/* ---- sockets ---- */
#define LOOP_READ  1u
#define LOOP_WRITE 2u
#define LOOP_ERROR 4u                  /* hang-up or error; always reported */
typedef struct loop_io {
    int       fd;
    unsigned  want;                    /* LOOP_READ | LOOP_WRITE */
    void    (*fn)(struct loop_io *io, unsigned events);
} loop_io;
int  loop_watch(loop *l, loop_io *io); /* level-triggered; 0 or SIO_EIO */
int  loop_rewatch(loop *l, loop_io *io, unsigned want);
void loop_unwatch(loop *l, loop_io *io); /* no event of this turn is delivered for it any more */

/* As the system calls: bytes or count, 0 = end of file, -EAGAIN when it would block, else -errno. */
ssize_t loop_read(loop *l, int fd, void *p, size_t n);
ssize_t loop_write(loop *l, int fd, const void *p, size_t n);
ssize_t loop_writev(loop *l, int fd, const struct iovec *v, int n);
/* Ends the sending direction: the peer reads end of file after what was written. */
void    loop_shutdown(loop *l, int fd);
void    loop_close(loop *l, int fd);
/* A listening TCP socket (SO_REUSEPORT, so that every loop has its own). host may be NULL for all addresses;
 * port 0 picks one: *port is updated. Returns the descriptor, SIO_EADDR or SIO_EIO. */
int     loop_listen(loop *l, const char *host, int *port, int backlog);
/* Whether somebody else listens there, or nobody can: loop_listen alone would share the port with a stranger
 * that uses SO_REUSEPORT, too. Ask before the first of several listeners. Port 0 is never taken. */
bool    loop_port_is_taken(loop *l, const char *host, int port);
/* A new connection, non-blocking with TCP_NODELAY; -EAGAIN, -EMFILE, -errno. */
int     loop_accept(loop *l, int listener);
/* Begins a connection, non-blocking with TCP_NODELAY and keep-alive: LOOP_WRITE (or LOOP_ERROR)
 * says that it is decided. Returns the descriptor, or -errno when it has failed at once. The sim
 * looks at the port only. */
int     loop_connect(loop *l, const struct sockaddr *addr, socklen_t n);
/* No simulator: there is a network with names, and descriptors of the system can be watched. */
bool    loop_is_real(const loop *l);
/* What became of it: 0, -errno. Ask once, after the event. */
int     loop_connect_result(loop *l, int fd);
/* Text of the peer's address ("127.0.0.1", "::1"); empty when unknown. */
void    loop_peer(loop *l, int fd, char *out, size_t n);

#endif
