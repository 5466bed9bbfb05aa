/* Intrusive doubly linked list. A list head is a `list` whose next and prev point to itself, and so does an
 * element that is in no list (after list_init). Lists own nothing. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct list {
    struct list *next, *prev;
} list;

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline void list_init(list *l) { l->next = l->prev = l; }
static inline bool list_empty(const list *l) { return l->next == l; }
static inline void list_add_tail(list *head, list *e)
{
    e->prev = head->prev;
    e->next = head;
    head->prev->next = e;
    head->prev = e;
}
/* Removing an element that is in no list (next == itself) is allowed. */
static inline void list_del(list *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
    list_init(e);
}
/* Walks from head to tail; safe against removal of the current element, not of the one behind it. */
#define list_each(it, head) \
    for (list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)

#endif
