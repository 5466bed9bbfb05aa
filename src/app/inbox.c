#include "app/inbox.h"
#include "base/siphash.h"

#include <stdlib.h>

/* The whole stack is taken at once and turned round, so no item is ever popped alone and there is no ABA
 * problem. */
static inbox_item *take_all(inbox *b)
{
    inbox_item *item = atomic_exchange_explicit(&b->head, NULL, memory_order_acquire), *oldest = NULL;

    while (item) {
        inbox_item *older = item->next;

        item->next = oldest;
        oldest = item;
        item = older;
    }
    return oldest;
}

static void hand_out(inbox *b, void (*fn)(inbox *b, inbox_item *item))
{
    for (inbox_item *item = take_all(b), *next; item; item = next) {
        next = item->next;
        fn(b, item);
    }
}

static void on_turn(void *arg)
{
    inbox *b = arg;

    hand_out(b, b->take);
    b->taken(b);
}

void inbox_put(inbox *b, inbox_item *item)
{
    inbox_item *head = atomic_load_explicit(&b->head, memory_order_relaxed);

    do
        item->next = head;
    while (!atomic_compare_exchange_weak_explicit(&b->head, &head, item, memory_order_release,
                                                  memory_order_relaxed));
    /* Who finds something there knows that a turn is coming. */
    if (!head && sio_post(b->io, b->loop, on_turn, b) < 0)
        abort();
}

void inbox_drop_all(inbox *b, void (*drop)(inbox *b, inbox_item *item)) { hand_out(b, drop); }

unsigned inbox_owner(const uint64_t key[2], sio_str id, unsigned n)
{
    return (unsigned)(siphash13(key, id.p, id.n) % n);
}
