/* Inside of the loop: what the two implementations share. */
#ifndef LOOP_LOOP_INT_H
#define LOOP_LOOP_INT_H

#include "base/log.h"
#include "base/stat.h"
#include "loop/loop.h"

#include <stdatomic.h>

/* ---- timers: a hierarchical wheel with a resolution of one millisecond ---- */

/* A timer sits on the level of the highest group of six bits in which its due time differs from the
 * wheel's time. So every occupied slot lies ahead on its level, and the lowest occupied level holds the
 * next event. */
#define WHEEL_BITS   6
#define WHEEL_SLOTS  64
#define WHEEL_LEVELS 7
#define WHEEL_MAX    ((UINT64_C(1) << (WHEEL_BITS * WHEEL_LEVELS)) - 1) /* 139 years */

typedef struct wheel {
    uint64_t now;                 /* everything due up to here has run */
    uint64_t used[WHEEL_LEVELS];  /* a bit per occupied slot */
    list     slot[WHEEL_LEVELS][WHEEL_SLOTS];
    list     due;                 /* taken out of their slot, about to run */
} wheel;

void     wheel_init(wheel *w, uint64_t now);
void     wheel_add(wheel *w, loop_timer *t);      /* t->due is set and later than w->now */
void     wheel_remove(wheel *w, loop_timer *t);
/* When the wheel wants to be run next: no later than the first timer is due; UINT64_MAX without timers. */
uint64_t wheel_next(const wheel *w);
/* Runs all timers due up to `now`, in order of their due times. */
void     wheel_run(wheel *w, uint64_t now);

/* ---- mailbox: many posters, one reader ---- */

typedef struct mailbox {
    stack       tasks;
    atomic_bool asleep;           /* the reader may be waiting: wake it */
} mailbox;

void mailbox_init(mailbox *m);
/* Any thread. True when the caller must wake the reader. */
bool mailbox_push(mailbox *m, loop_task *t);
bool mailbox_is_empty(mailbox *m);
/* Announces that the reader is going to wait. False (and not announced) when something is there already. */
bool mailbox_sleep(mailbox *m);
void mailbox_awake(mailbox *m);
/* Calls fn with what is there now, oldest first; NULL: each with its own. */
void mailbox_run(mailbox *m, void (*fn)(loop_task *t));

/* ---- the loop ---- */

typedef struct loop_ops {
    bool      real;
    void    (*destroy)(loop *l);
    void    (*run)(loop *l);
    void    (*wake)(loop *l);     /* any thread, async-signal-safe */
    void    (*clock)(loop *l);    /* updates now and wall */
    int     (*watch)(loop *l, loop_io *io);
    int     (*rewatch)(loop *l, loop_io *io);
    void    (*unwatch)(loop *l, loop_io *io);
    ssize_t (*read)(loop *l, int fd, void *p, size_t n);
    ssize_t (*write)(loop *l, int fd, const void *p, size_t n);
    ssize_t (*writev)(loop *l, int fd, const struct iovec *v, int n);
    void    (*shutdown)(loop *l, int fd);
    void    (*close)(loop *l, int fd);
    int     (*listen)(loop *l, const char *host, int *port, int backlog);
    bool    (*is_taken)(loop *l, const char *host, int port);
    int     (*accept)(loop *l, int listener);
    int     (*connect)(loop *l, const struct sockaddr *addr, socklen_t n);
    int     (*connect_result)(loop *l, int fd);
    void    (*peer)(loop *l, int fd, char *out, size_t n);
} loop_ops;

struct loop {
    const loop_ops *ops;
    uint64_t        now;
    uint32_t        below_ms;     /* nanoseconds that belong to `now` */
    int64_t         wall;
    loop_hook      *hooks;
    bool            in_turn, kicked;
    atomic_bool     stop;
    mailbox         box;
    log_batch       log;          /* lines of the turn */
    wheel           timers;
    stat_histogram  turn_ms;      /* behind the wheel: far from what other threads write */
};

void loop_init(loop *l, const loop_ops *ops); /* ops->clock must work already */
/* A turn is: begin (after waiting), deliver socket events, end. */
loop *loop_turn_begin(loop *l);               /* returns what loop_turn_end wants as `outer` */
void loop_turn_end(loop *l, loop *outer);     /* timers, tasks, hooks */
/* Something is there to run now, without waiting. */
bool loop_has_work(loop *l);

/* ---- real sockets ---- */
int  tcp_listen(const char *host, int *port, int backlog);
bool tcp_is_taken(const char *host, int port);
int  tcp_accept(int listener);
int  tcp_connect(const struct sockaddr *addr, socklen_t n);
int  tcp_connect_result(int fd);
void tcp_peer(int fd, char *out, size_t n);

#endif
