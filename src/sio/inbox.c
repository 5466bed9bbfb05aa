#include "base/siphash.h"
#include "sio/inbox.h"

#include <stdlib.h>

static void hand_out(inbox *b, void (*fn)(inbox *b, inbox_item *item))
{
    for (inbox_item *item = stack_take(&b->items), *next; item; item = next) {
        next = item->next;
        fn(b, item);
    }
}

void inbox_take_all(inbox *b)
{
    hand_out(b, b->take);
    if (b->taken)
        b->taken(b);
}

static void on_turn(void *arg) { inbox_take_all(arg); }

void inbox_put(inbox *b, inbox_item *item)
{
    /* Who finds something there knows that a turn is coming. */
    if (stack_push(&b->items, item) && sio_post(b->io, b->loop, on_turn, b) < 0)
        abort();
}

void inbox_drop_all(inbox *b, void (*drop)(inbox *b, inbox_item *item)) { hand_out(b, drop); }

unsigned inbox_owner(const uint64_t key[2], sio_str id, unsigned n)
{
    return (unsigned)(siphash13(key, id.p, id.n) % n);
}
