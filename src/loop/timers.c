#include "loop/loop_int.h"

void wheel_init(wheel *w, uint64_t now)
{
    *w = (wheel){.now = now};
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        for (unsigned i = 0; i < WHEEL_SLOTS; i++)
            list_init(&w->slot[level][i]);
    list_init(&w->due);
}

void wheel_add(wheel *w, loop_timer *t)
{
    unsigned level = (63u - (unsigned)__builtin_clzll(t->due ^ w->now)) / WHEEL_BITS;
    unsigned i = (unsigned)(t->due >> (level * WHEEL_BITS)) % WHEEL_SLOTS;

    list_add_tail(&w->slot[level][i], &t->link);
    w->used[level] |= UINT64_C(1) << i;
}

/* The last timer to leave a slot clears the slot's bit; a head outside the slots is the list of due
 * timers. */
void wheel_remove(wheel *w, loop_timer *t)
{
    list *head = t->link.next == t->link.prev ? t->link.next : NULL;
    uintptr_t at = (uintptr_t)head - (uintptr_t)w->slot;

    list_del(&t->link);
    if (head && at < sizeof(w->slot)) {
        unsigned i = (unsigned)(at / sizeof(list));
        w->used[i / WHEEL_SLOTS] &= ~(UINT64_C(1) << i % WHEEL_SLOTS);
    }
}

static int lowest_level(const wheel *w)
{
    for (int level = 0; level < WHEEL_LEVELS; level++)
        if (w->used[level])
            return level;
    return -1;
}

uint64_t wheel_next(const wheel *w)
{
    int level = lowest_level(w);

    if (level < 0)
        return UINT64_MAX;
    unsigned shift = (unsigned)level * WHEEL_BITS;
    uint64_t slot = (uint64_t)__builtin_ctzll(w->used[level]);
    uint64_t above = w->now >> (shift + WHEEL_BITS) << (shift + WHEEL_BITS);
    return above | slot << shift;
}

/* Empties the slot that begins at w->now: what is due goes to the due list, the rest to lower levels. */
static void open_slot(wheel *w)
{
    int level = lowest_level(w);
    unsigned i = (unsigned)__builtin_ctzll(w->used[level]);

    w->used[level] &= ~(UINT64_C(1) << i);
    list_each(it, &w->slot[level][i]) {
        loop_timer *t = container_of(it, loop_timer, link);
        list_del(it);
        if (t->due <= w->now)
            list_add_tail(&w->due, it);
        else
            wheel_add(w, t);
    }
}

void wheel_run(wheel *w, uint64_t now)
{
    uint64_t next;

    while ((next = wheel_next(w)) <= now) {
        w->now = next;
        open_slot(w);
        while (!list_empty(&w->due)) {
            loop_timer *t = container_of(w->due.next, loop_timer, link);
            list_del(&t->link);
            t->due = 0;
            t->fn(t);
        }
    }
    if (w->now < now)
        w->now = now;
}
