/* Who is there: the face of what keeps it. Each loop has a store with its share of the users, and calls it
 * from that loop only. presence_memory.c keeps it in memory; a store that several servers share may answer
 * presence_store_look later. */
#ifndef APP_PRESENCE_PRESENCE_STORE_H
#define APP_PRESENCE_PRESENCE_STORE_H

#include "app/events.h"

/* Two clocks: one that only goes forward, for how long things take, and the wall's, for people.
 * Milliseconds. */
typedef struct presence_now {
    int64_t ms;
    int64_t wall;
} presence_now;

typedef struct presence_seen {
    enum presence_status status; /* PRESENCE_OFFLINE: not there */
    int64_t              wall;   /* when the user last came, went or chose a status; 0 = nobody remembers */
} presence_seen;

/* Something others may want to know. All views live until the callback returns. */
typedef struct presence_change {
    sio_str              user;
    enum presence_status before;
    presence_seen        now;    /* of the same status as before when it was chosen again */
    sio_str              chosen_by; /* the socket that chose the status; p NULL: the user came or went */
} presence_change;
typedef void presence_change_fn(void *arg, const presence_change *ch);

typedef struct presence_store presence_store;
typedef struct presence_store_ops {
    /* A socket of the user came, or left; each once. The user is offline some time after the last one has
     * left. recovered: it is one that was lost, here or on another server, and is back by the same id. */
    void (*open)(presence_store *s, sio_str user, sio_str socket, bool recovered, presence_now now);
    void (*close)(presence_store *s, sio_str user, sio_str socket, presence_now now);
    /* The user chose a status (not PRESENCE_OFFLINE), for as long as one of the sockets is there. */
    void (*choose)(presence_store *s, sio_str user, sio_str socket, enum presence_status status,
                   presence_now now);
    /* Fills in out[n], then calls done with 0 or an error: at once, or later on the same loop. users and
     * out must live so long. */
    void (*look)(presence_store *s, const sio_str *users, unsigned n, presence_seen *out,
                 void (*done)(void *arg, int err), void *arg);
    /* Time has passed: true when it wants to be called again, within PRESENCE_TICK_MS. */
    bool (*tick)(presence_store *s, presence_now now);
    void (*free)(presence_store *s);
} presence_store_ops;
struct presence_store {
    const presence_store_ops *ops;
};

#define PRESENCE_TICK_MS 50

/* A store in this process. Users count as there until grace_ms after their last socket has left. Of those
 * who left, the last `remembered` are remembered. NULL without memory; free with ops->free. Once it runs
 * it aborts without memory. */
presence_store *presence_memory_new(int64_t grace_ms, unsigned remembered, presence_change_fn *changed,
                                    void *arg);

#endif
