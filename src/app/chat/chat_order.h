/* The log of one room on its way to the room's members on this server.
 *
 * In a cluster the entries of a room come from several servers: each sends its own in the order of their
 * numbers, but between two servers anything may overtake anything, and what one sent may be lost. This puts
 * them in the order of their numbers: what is early is held until what is before it has come, or until the
 * database has told that it never will. No time, no threads, no database in here: chat_relay.c has those.
 *
 * Holding is a convenience and never needed: what is not held is in the database. So there are limits, and
 * over them the highest numbers are let go and only remembered as missing. */
#ifndef APP_CHAT_CHAT_ORDER_H
#define APP_CHAT_CHAT_ORDER_H

#include "sio_val.h"

#include <stdlib.h>

#define CHAT_ORDER_ITEMS 128          /* entries held for one room */
#define CHAT_ORDER_BYTES (256u << 10) /* and their texts */
#define CHAT_ORDER_BACK  100          /* how far before the log's end a room may start */

/* An entry of a room's log, from malloc. */
typedef struct chat_item {
    struct chat_item *next;  /* private */
    int64_t           seq;   /* 1 to 2^53 - 1 */
    unsigned          round; /* private */
    unsigned          event; /* the user's: which event it is */
    size_t            n;
    char              text[]; /* n bytes: its payload */
} chat_item;

/* All members are private but next, which may be read. */
typedef struct chat_order {
    int64_t    next;   /* the number to be handed out next; 0 until chat_order_start */
    int64_t    seen;   /* the highest number heard of */
    int64_t    sure;   /* up to here, what is not held does not exist */
    int64_t    noted;  /* the highest number let go since the database was asked last */
    unsigned   round;  /* how often it was asked */
    chat_item *first;  /* by seq */
    unsigned   n;
    size_t     bytes;
} chat_order;

/* A zeroed one is ready. Frees what is held; ready again. */
void chat_order_fini(chat_order *o);

/* Where the log begins for this server: behind `base`, or where what is held begins if that is earlier, but
 * not more than CHAT_ORDER_BACK earlier. Once; false and nothing happens after that. */
bool chat_order_start(chat_order *o, int64_t base);
bool chat_order_started(const chat_order *o);

/* Takes the item. False when it was not new (and is gone). */
bool chat_order_put(chat_order *o, chat_item *item);
/* An entry of that number exists, says somebody, and is not to be held. */
void chat_order_note(chat_order *o, int64_t seq);
/* The entry whose turn it is, NULL when that is not here. It is the caller's, to be freed. *skipped, unless
 * NULL, is raised by the numbers before it that turned out not to exist. */
chat_item *chat_order_pop(chat_order *o, int64_t *skipped);

/* Whether, after everything was popped, numbers are missing before what was heard of. */
bool chat_order_gap(const chat_order *o);
/* The database is about to be asked. */
void chat_order_ask(chat_order *o);
/* It has answered, its entries up to `upto` have been put, `head` is the end of its log at that time: what is
 * missing up to `upto` does not exist, and what had come before the question with a number over `head` was
 * never written; it is let go. Returns how many of those were held. */
unsigned chat_order_told(chat_order *o, int64_t upto, int64_t head);

#endif
