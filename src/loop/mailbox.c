#include "loop/loop_int.h"

void mailbox_init(mailbox *m)
{
    *m = (mailbox){.asleep = false};
}

/* Push and sleep each write their own word, then read the other's: both sequentially consistent, so at
 * least one of the two sides sees the other. */
bool mailbox_push(mailbox *m, loop_task *t)
{
    stack_push(&m->tasks, &t->link);
    return atomic_load(&m->asleep) && atomic_exchange(&m->asleep, false);
}

bool mailbox_is_empty(mailbox *m) { return stack_is_empty(&m->tasks); }

bool mailbox_sleep(mailbox *m)
{
    atomic_store(&m->asleep, true);
    if (mailbox_is_empty(m))
        return true;
    atomic_store(&m->asleep, false);
    return false;
}

void mailbox_awake(mailbox *m) { atomic_store_explicit(&m->asleep, false, memory_order_relaxed); }

void mailbox_run(mailbox *m, void (*fn)(loop_task *t))
{
    for (stack_item *it = stack_take(&m->tasks), *next; it; it = next) {
        loop_task *t = container_of(it, loop_task, link);

        next = it->next;
        (fn ? fn : t->fn)(t);
    }
}
