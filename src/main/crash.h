/* What the log has collected is written when the process ends by a fault of its own. */
#ifndef MAIN_CRASH_H
#define MAIN_CRASH_H

/* From now on lines of a turn are written together, and those that wait are written before SIGSEGV, SIGBUS,
 * SIGILL, SIGFPE or SIGABRT end the process as they do anyway, with their core file. Signals that something
 * else has a handler for already (a sanitizer) are left to it. Once, before there are threads. */
void crash_begin(void);

#endif
