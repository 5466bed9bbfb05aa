/* SIGTERM and SIGINT: the first stops the server cleanly, the second ends the process at once. SIGHUP, if the
 * server has a use for it: what is in files is read again.
 *
 * A thread of its own waits for them, so that stopping may log and block, as ordinary code. */
#ifndef MAIN_STOP_H
#define MAIN_STOP_H

#include <pthread.h>
#include <stdbool.h>

typedef struct stopper {
    pthread_t thread;
    void    (*on_stop)(void *arg);
    void    (*on_reload)(void *arg);
    void     *arg;
} stopper;

/* Holds the signals back until stop_begin; call it before any thread is made, so that all inherit it.
 * reloads: SIGHUP, too; else that ends the process, as it does others. */
void stop_block(bool reloads);
/* From here on a signal calls on_stop, once, on the thread. on_reload: for SIGHUP, any number of times
 * before; NULL when stop_block was told that there is no use for it. 0 or -1. */
int  stop_begin(stopper *s, void (*on_stop)(void *arg), void (*on_reload)(void *arg), void *arg);
/* Ends the thread, after on_stop or on_reload has returned if it was called. */
void stop_end(stopper *s);

#endif
