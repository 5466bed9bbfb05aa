/* What the files of the relay share: rooms on the loop that owns them, and the question to the database. */
#ifndef APP_CHAT_CHAT_RELAY_INT_H
#define APP_CHAT_CHAT_RELAY_INT_H

#include "app/chat/chat_int.h"
#include "app/chat/chat_log.h"
#include "sio/inbox.h"
#include "base/map.h"

/* A room with members on this server. */
typedef struct relay_room {
    list       link;    /* in one of the loop's lists; in none while it is asked about */
    int64_t    due_ms;  /* in waiting and idle: when its turn is */
    list       in_left; /* in the loop's `left`, while no loop has members */
    int64_t    left_ms;
    chat_order order;
    unsigned   loops;   /* that have members */
    bool       asked;   /* about, and the answer is not there yet */
    bool       wanted;  /* is to be asked about, whatever it looks like */
    bool       dropped; /* while it was asked about */
    size_t     nid;
    char       id[];
} relay_room;

static inline sio_str room_key(const relay_room *r) { return (sio_str){r->id, r->nid}; }

/* One room of a question to the database. */
typedef struct relay_ask {
    relay_room *room;
    int64_t     after; /* entries behind this one are wanted; -1: only where the log ends */
    int64_t     upto;  /* out: entries up to this one were read */
    chat_item  *items; /* out: owned */
} relay_ask;

/* The one question that a loop has under way. */
typedef struct relay_read {
    db_job    job;
    unsigned  n; /* 0: none is under way */
    relay_ask ask[CHAT_HEADS_MAX];
    chat_head head[CHAT_HEADS_MAX];
} relay_read;

/* Starts it; `done` runs on this loop. 0, or an error of db_read. The rooms' ids must stay. */
int  relay_read_start(relay_read *r, db *d, void (*done)(db_job *job));
void relay_read_clear(relay_read *r);

/* ---- what a loop owns ------------------------------------------------------------------------------- */

typedef enum relay_what {
    RELAY_ENTRY,  /* item */
    RELAY_NOTE,   /* an entry of number seq, not to be held */
    RELAY_OPENED, /* a loop has its first member */
    RELAY_CLOSED, /* it has lost its last */
    RELAY_START,  /* see chat_tell_from */
    RELAY_CHECK,  /* ask about all rooms */
    RELAY_ANSWER  /* the loop's own question */
} relay_what;

typedef struct relay_message {
    inbox_item base;
    relay_what what;
    int64_t    seq;
    chat_item *item; /* owned */
    size_t     nroom;
    char       room[];
} relay_message;
void relay_message_free(relay_message *m);

/* Rooms in waiting and idle have waited equally long for their turn, so the first is due first. */
typedef struct relay_loop {
    inbox      inbox;
    app       *a;
    map        rooms;
    list       ready;   /* to be asked about now: those that are wanted */
    list       waiting; /* something is missing that may come by itself */
    list       idle;    /* to be asked about after a while */
    list       left;    /* without members, in the order they lost the last */
    unsigned   nleft;
    size_t     held;    /* bytes of all rooms' orders */
    relay_read read;
    bool       paused, gap_timer, idle_timer;
    int64_t    said_ms; /* when something was last said of lost entries */
} relay_loop;
void relay_loop_init(relay_loop *l, app *a, unsigned index);
void relay_loop_fini(relay_loop *l); /* when no loop runs any more */

#endif
