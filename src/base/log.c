#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOG_LINE_MAX 1024

static void log_to_stderr(log_level level, const char *line);

/* The one piece of process-wide state that a library cannot avoid: where its lines go. */
static _Atomic int log_level_now = LOG_INFO;
static _Atomic(log_sink_fn *) log_sink_now = log_to_stderr;

static void log_to_stderr(log_level level, const char *line)
{
    static const char *const name[] = {"ERROR", "WARN", "INFO", "DEBUG"};
    struct timespec now;
    struct tm tm;
    char when[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    /* one call, so that lines of several threads do not mix */
    fprintf(stderr, "%s.%03ldZ %-5s %s\n", when, now.tv_nsec / 1000000, name[level], line);
}

void log_setup(log_level level, log_sink_fn *sink)
{
    atomic_store(&log_level_now, level);
    atomic_store(&log_sink_now, sink ? sink : log_to_stderr);
}

int log_enabled(log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

/* What a peer chose (a name, a header) must not be able to forge a second line or drive a terminal. */
static void log_tame(char *line)
{
    for (; *line; line++) {
        if ((unsigned char)*line < 0x20 || *line == 0x7f)
            *line = '?';
    }
}

void log_write(log_level level, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    va_list ap;
    int n;

    if (!log_enabled(level))
        return;
    va_start(ap, fmt);
    n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    if ((size_t)n >= sizeof(line))
        memcpy(line + sizeof(line) - 4, "...", 4);
    log_tame(line);
    atomic_load(&log_sink_now)(level, line);
}
