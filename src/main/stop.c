#include "main/stop.h"

#include "base/log.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* make, timeout and terminals pass one request on to a program twice, as the group's and as the child's. */
#define SAME_REQUEST_MS 300

static struct timespec first_signal; /* written before the handler that reads it is installed */

static sigset_t stop_signals(bool reloads)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (reloads)
        sigaddset(&set, SIGHUP);
    return set;
}

void stop_block(bool reloads)
{
    sigset_t set = stop_signals(reloads);

    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void on_second_signal(int sig)
{
    struct timespec now;

    (void)sig;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - first_signal.tv_sec) * 1000 + (now.tv_nsec - first_signal.tv_nsec) / 1000000 >= SAME_REQUEST_MS) {
        log_rescue();
        _exit(1);
    }
}

static void reload(stopper *s)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    s->on_reload(s->arg);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
}

static void *wait_for_signal(void *arg)
{
    struct sigaction second = {.sa_handler = on_second_signal};
    stopper *s = arg;
    sigset_t set = stop_signals(s->on_reload);
    int sig;

    do {
        if (sigwait(&set, &sig) != 0)
            return NULL;
        if (sig == SIGHUP)
            reload(s);
    } while (sig == SIGHUP);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    clock_gettime(CLOCK_MONOTONIC, &first_signal);
    log_info("SIG%s: stopping; once more ends at once", sigabbrev_np(sig));
    sigaction(SIGTERM, &second, NULL);
    sigaction(SIGINT, &second, NULL);
    sigdelset(&set, SIGHUP);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    s->on_stop(s->arg);
    return NULL;
}

int stop_begin(stopper *s, void (*on_stop)(void *arg), void (*on_reload)(void *arg), void *arg)
{
    s->on_stop = on_stop;
    s->on_reload = on_reload;
    s->arg = arg;
    return pthread_create(&s->thread, NULL, wait_for_signal, s) == 0 ? 0 : -1;
}

void stop_end(stopper *s)
{
    pthread_cancel(s->thread); /* still in sigwait, or past the point where it can be cancelled */
    pthread_join(s->thread, NULL);
}
