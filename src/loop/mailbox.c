#include "loop/loop_int.h"

/* Posters push onto a stack, the reader takes the whole stack and turns it round: no node is ever popped
 * alone, so there is no ABA problem, and a taken node may be freed or posted again at once. */

void mailbox_init(mailbox *m)
{
    atomic_init(&m->head, NULL);
    atomic_init(&m->asleep, false);
}

/* Push and sleep each write their own word, then read the other's: both sequentially consistent, so at
 * least one of the two sides sees the other. */
bool mailbox_push(mailbox *m, loop_task *t)
{
    loop_task *head = atomic_load_explicit(&m->head, memory_order_relaxed);

    do
        t->next = head;
    while (!atomic_compare_exchange_weak(&m->head, &head, t));
    return atomic_load(&m->asleep) && atomic_exchange(&m->asleep, false);
}

bool mailbox_is_empty(mailbox *m) { return atomic_load_explicit(&m->head, memory_order_relaxed) == NULL; }

bool mailbox_sleep(mailbox *m)
{
    atomic_store(&m->asleep, true);
    if (atomic_load(&m->head) == NULL)
        return true;
    atomic_store(&m->asleep, false);
    return false;
}

void mailbox_awake(mailbox *m) { atomic_store_explicit(&m->asleep, false, memory_order_relaxed); }

void mailbox_run(mailbox *m, void (*fn)(loop_task *t))
{
    if (mailbox_is_empty(m))
        return;
    loop_task *t = atomic_exchange_explicit(&m->head, NULL, memory_order_acquire), *oldest = NULL;

    while (t) {
        loop_task *older = t->next;
        t->next = oldest;
        oldest = t;
        t = older;
    }
    while (oldest) {
        t = oldest;
        oldest = t->next;
        (fn ? fn : t->fn)(t);
    }
}
