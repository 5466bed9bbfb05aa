/* What the files of party_share have in common. */
#ifndef APP_PARTY_PARTY_SHARE_INT_H
#define APP_PARTY_PARTY_SHARE_INT_H

#include "app/party/party_share.h"
#include "base/list.h"
#include "base/map.h"

/* How a watcher stands: changed since written; to be written again; being written; as Redis has it. */
typedef enum watcher_list {
    WATCHERS_DUE,
    WATCHERS_STALE,
    WATCHERS_BUSY,
    WATCHERS_KEPT,
    WATCHER_LISTS
} watcher_list;

#define PARTY_SOCKET_MAX 20
#define PARTY_STEPS_MAX  16 /* of a watcher that wait: what comes and goes faster is seen as one */

/* A user who watches a party here, or whose going is being written. */
typedef struct watcher {
    list          link;       /* in one of the lists of the share */
    watcher_list  in;
    struct place *p;
    bool          here;
    bool          changed;    /* while being written: once more */
    bool          came;       /* what is being written: that the user came, or went */
    bool          queued;     /* what is due is the opposite of that */
    unsigned pending; /* so often the user came or went while it was written: each is a step of its own */
    unsigned      step;       /* which is being written, or was last */
    bool          silent;     /* it is no news */
    bool          touched;    /* Redis may have it */
    bool          said;       /* announced already, as Redis could not be asked */
    unsigned      session;    /* of the share: when it was written */
    struct waiter *waiters;   /* who wants to know the count when it is written */
    uint8_t       socket_len;
    char          socket[PARTY_SOCKET_MAX]; /* the one that came */
    uint32_t      id_len;
    char          id[];
} watcher;

/* A party with watchers, or whose count is to be told. */
typedef struct place {
    party_share *s;
    map          watchers;    /* by user */
    loop_timer   ask;         /* then it is asked what to tell */
    bool         asking;      /* the answer is awaited */
    bool         ask_again;   /* then it is asked once more */
    unsigned     session;     /* of the share: when it was put into the register */
    int64_t      count;       /* as viewers here have it, as far as is known */
    unsigned     kept;        /* watchers that Redis has: there cannot be less */
    uint32_t     id_len;
    char         id[];
} place;

typedef struct waiter {
    struct waiter  *next;
    unsigned        step;     /* of the watcher, the one that is waited for */
    party_share_fn *fn;
    void           *arg;
} waiter;

struct party_share {
    party_share_options o;
    char          code[8];
    party_hall   *local;
    redis        *r;          /* NULL: not to be used now */
    redis_script  write, tell;
    map           places;     /* by party */
    list          lists[WATCHER_LISTS];
    unsigned      n[WATCHER_LISTS];
    bool          pumping, paused, sweeping, sweep_again;
    unsigned      session;
    uint64_t      settled;    /* loop_now from which on the others have written theirs, too */
    loop_timer    resume;
};

static inline sio_str watcher_id(const watcher *w) { return (sio_str){w->id, w->id_len}; }
static inline sio_str place_id(const place *p) { return (sio_str){p->id, p->id_len}; }

/* party_share.c */
place *party_place(party_share *s, sio_str party);
void party_place_drop(place *p); /* unless it is needed */
void party_watcher_to(watcher *w, watcher_list to);
void party_watcher_free(watcher *w);
/* Somebody came or went, and this is the count. */
void party_share_tell(place *p, const watcher *w, bool left, int64_t count);
/* Answers those who wait for the step that is done, or all. */
void party_share_answer(watcher *w, int64_t count, bool all);
int64_t party_share_local(const place *p);

/* party_share_write.c */
extern const char party_write_script[], party_tell_script[], party_drop_script[];
void party_share_pump(party_share *s);
void party_share_on_resume(loop_timer *t);
void party_share_on_ask(loop_timer *t);
void party_share_ask_in(place *p, int64_t ms);
void party_share_sweep(party_share *s);
int  party_share_ask_count(party_share *s, sio_str party, int64_t otherwise, party_share_fn *fn, void *arg);

#endif
