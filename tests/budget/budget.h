/* What the scenes have in common: counting what the server does, and only that. */
#ifndef BUDGET_H
#define BUDGET_H

#include <stddef.h>

typedef struct budget_counts {
    size_t calls, bytes; /* of malloc, calloc and realloc, while counting */
} budget_counts;

/* From here to budget_off this thread's instructions count, under callgrind, and its allocations, always. */
void budget_on(void);
void budget_off(void);

/* What was counted so far is forgotten: a scene begins. */
void budget_begin(void);

/* Ends a stretch of n operations of the scene. Each has two, the second with more: what both have in common
 * drops out of the difference. The second one prints the scene's line. */
void budget_stretch(const char *scene, unsigned n);

/* Milliseconds that the clocks of this program jump ahead: they stand still otherwise. */
void budget_clock(unsigned ms);

/* A failed call ends the program. */
void budget_check(int good, const char *what);

/* The scenes. Each prints its lines. */
void budget_loop_scenes(void);
void budget_store_scene(void);

#endif
