/* For tests of state that several loops report to: virtual loops with a queue each. What one loop sends
 * arrives in its order, what several send in any order, as with inboxes of real loops. Numbers come from a
 * seed, so that a failure can be had again: SEED in the environment. */
#ifndef APP_LOOPS_TEST_H
#define APP_LOOPS_TEST_H

#include "base/testing.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOOPS 4

/* What a device reports; what `what` means is the test's business. */
typedef struct event {
    int what, user, device, party, choice;
} event;

typedef struct dice {
    uint64_t state;
} dice;

static inline uint64_t dice_seed(void)
{
    const char *given = getenv("SEED");

    return given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000 + (uint64_t)clock() % 1000;
}

/* 0 to n - 1 */
static inline int roll(dice *d, int n)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

#define QUEUE_MAX 64
typedef struct loops {
    event    queue[LOOPS][QUEUE_MAX];
    unsigned n[LOOPS];
} loops;

/* False when that loop has too much under way already. */
static inline bool loops_send(loops *l, int loop, event e)
{
    if (l->n[loop] == QUEUE_MAX)
        return false;
    l->queue[loop][l->n[loop]++] = e;
    return true;
}

/* Takes the oldest event of a random loop; false when nothing is under way. */
static inline bool loops_take(loops *l, dice *d, event *out)
{
    int first = roll(d, LOOPS);

    for (int i = 0; i < LOOPS; i++) {
        int loop = (first + i) % LOOPS;

        if (l->n[loop] == 0)
            continue;
        *out = l->queue[loop][0];
        l->n[loop]--;
        for (unsigned k = 0; k < l->n[loop]; k++)
            l->queue[loop][k] = l->queue[loop][k + 1];
        return true;
    }
    return false;
}

#endif
