/* The heap of the process, behind malloc. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

/* Gives pages nobody uses back to the system, wherever they lie. Costs milliseconds, for all threads that
 * allocate meanwhile: for quiet moments only. Any thread. Does nothing where the C library cannot. */
void heap_give_back(void);

#endif
