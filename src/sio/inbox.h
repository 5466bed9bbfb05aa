/* Messages to one loop from any thread, without a lock. What arrives is taken a turn's worth at a time, so
 * that its owner can put together what belongs together. For state that spans loops: the loop that owns it
 * takes turns with nobody.
 *
 * Messages of one thread arrive in the order put; so do those of two threads if the second put was caused
 * by the first. */
#ifndef SIO_INBOX_H
#define SIO_INBOX_H

#include "base/list.h"
#include "base/stack.h"
#include "sio.h"

/* The head of a message; the message is the inbox's from inbox_put until `take`. */
typedef stack_item inbox_item;

typedef struct inbox {
    sio_server *io;
    unsigned    loop;                                      /* whose it is */
    void      (*take)(struct inbox *b, inbox_item *item);  /* on that loop: the message is yours now */
    void      (*taken)(struct inbox *b);                   /* behind the last message of a turn; or NULL */
    stack       items;                                     /* private */
} inbox;

/* Any thread. Aborts without memory for a few bytes. */
void inbox_put(inbox *b, inbox_item *item);
/* On the loop whose it is: what is there is taken now, not in the turn to come. */
void inbox_take_all(inbox *b);
/* When no loop runs any more: hands what was never taken to drop, oldest first. */
void inbox_drop_all(inbox *b, void (*drop)(inbox *b, inbox_item *item));

/* Which of n loops owns what is called id: the same for all who ask with the same key. */
unsigned inbox_owner(const uint64_t key[2], sio_str id, unsigned n);

#endif
