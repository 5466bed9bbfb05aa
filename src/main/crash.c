#include "main/crash.h"

#include "base/log.h"

#include <signal.h>

/* The handler is gone by now (SA_RESETHAND) and the signal not held back: raising it ends the process. */
static void on_fault(int sig)
{
    log_rescue();
    raise(sig);
}

void crash_begin(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    const struct sigaction rescue = {.sa_handler = on_fault, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    struct sigaction now;

    for (unsigned i = 0; i < sizeof(faults) / sizeof(*faults); i++)
        if (sigaction(faults[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            sigaction(faults[i], &rescue, NULL);
    log_batches(true);
}
