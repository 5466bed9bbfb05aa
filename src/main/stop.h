/* SIGTERM and SIGINT: the first stops the server cleanly, the second ends the process at once.
 *
 * A thread of its own waits for them, so that stopping may log and block, as ordinary code. */
#ifndef MAIN_STOP_H
#define MAIN_STOP_H

#include <pthread.h>

typedef struct stopper {
    pthread_t thread;
    void    (*on_stop)(void *arg);
    void     *arg;
} stopper;

/* Holds the signals back until stop_begin; call it before any thread is made, so that all inherit it. */
void stop_block(void);
/* From here on a signal calls on_stop, once, on the thread. 0 or -1. */
int  stop_begin(stopper *s, void (*on_stop)(void *arg), void *arg);
/* Ends the thread, after on_stop has returned if it was called. */
void stop_end(stopper *s);

#endif
