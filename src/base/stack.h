/* Intrusive stack that any thread pushes onto and one thread takes as a whole, without a lock. No element is
 * ever popped alone, so there is no ABA problem, and a taken element may be freed or pushed again at once.
 * A stack of zeros is empty. */
#ifndef BASE_STACK_H
#define BASE_STACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct stack_item {
    struct stack_item *next; /* once taken, the one pushed after it; NULL behind the last */
} stack_item;

typedef struct stack {
    _Atomic(stack_item *) head; /* newest first */
} stack;

/* Push and look are sequentially consistent: of one that pushes and then reads another word, and one that
 * writes that word and then looks here, at least one sees the other. */

/* Any thread. True when nothing was there. */
static inline bool stack_push(stack *s, stack_item *item)
{
    stack_item *head = atomic_load_explicit(&s->head, memory_order_relaxed);

    do
        item->next = head;
    while (!atomic_compare_exchange_weak_explicit(&s->head, &head, item, memory_order_seq_cst,
                                                  memory_order_relaxed));
    return !head;
}

/* Any thread. */
static inline bool stack_is_empty(stack *s) { return atomic_load(&s->head) == NULL; }

/* Turned round: the oldest, from which `next` leads to newer ones; NULL when nothing is there. */
static inline stack_item *stack_take(stack *s)
{
    stack_item *item, *oldest = NULL;

    if (stack_is_empty(s)) /* takes the cache line from nobody */
        return NULL;
    item = atomic_exchange_explicit(&s->head, NULL, memory_order_acquire);
    while (item) {
        stack_item *older = item->next;

        item->next = oldest;
        oldest = item;
        item = older;
    }
    return oldest;
}

#endif
