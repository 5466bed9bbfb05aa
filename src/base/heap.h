/* The heap of the process, behind malloc. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

/* For a program that serves, before it allocates much: freed memory at the end of a heap is kept up to 4 MiB.
 * glibc gives it back as soon as it is 128 KiB and takes it again, for a thread of the database two system
 * calls and a page fault a message. Blocks from 1 MiB on still are mapped for themselves. */
void heap_keep_end(void);
/* Gives pages nobody uses back to the system, wherever they lie. Costs milliseconds, for all threads that
 * allocate meanwhile: for quiet moments only. Any thread. Does nothing where the C library cannot. */
void heap_give_back(void);

#endif
