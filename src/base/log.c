#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOG_LINE_MAX 1024

static void log_to_stderr(log_level level, const char *line, const log_field *fields, size_t n);

/* The one piece of process-wide state that a library cannot avoid: where its lines go. */
static _Atomic int log_level_now = LOG_INFO;
static _Atomic(log_sink_fn *) log_sink_now = log_to_stderr;

/* What a peer chose (a name, a header) must not be able to forge a second line or drive a terminal. */
static void log_tame(char *line)
{
    for (; *line; line++) {
        if ((unsigned char)*line < 0x20 || *line == 0x7f)
            *line = '?';
    }
}

/* " key=value" behind the line, with quotes around a value in which there are spaces; what does not fit is
 * left out. */
static void put_fields(char *line, size_t max, const log_field *fields, size_t n)
{
    size_t used = strlen(line);

    for (size_t i = 0; i < n; i++) {
        sio_str v = fields[i].value;
        const char *quote = v.n == 0 || memchr(v.p, ' ', v.n) ? "\"" : "";

        if (v.p && used + strlen(fields[i].key) + v.n + 5 <= max)
            used += (size_t)snprintf(line + used, max - used, " %s=%s%.*s%s", fields[i].key, quote, (int)v.n,
                                     v.p, quote);
    }
}

static void log_to_stderr(log_level level, const char *line, const log_field *fields, size_t n)
{
    static const char *const name[] = {"ERROR", "WARN", "INFO", "DEBUG"};
    char when[32], whole[2 * LOG_LINE_MAX];
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(whole, sizeof(whole), "%s", line);
    put_fields(whole, sizeof(whole), fields, n);
    log_tame(whole);
    /* one call, so that lines of several threads do not mix */
    fprintf(stderr, "%s.%03ldZ %-5s %s\n", when, now.tv_nsec / 1000000, name[level], whole);
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

static __attribute__((format(printf, 4, 0))) void write_line(log_level level, const log_field *fields,
                                                             size_t nfields, const char *fmt, va_list ap)
{
    char line[LOG_LINE_MAX];
    int n = vsnprintf(line, sizeof(line), fmt, ap);

    if (n < 0)
        return;
    if ((size_t)n >= sizeof(line))
        memcpy(line + sizeof(line) - 4, "...", 4);
    log_tame(line);
    atomic_load(&log_sink_now)(level, line, fields, nfields);
}

void log_write(log_level level, const char *fmt, ...)
{
    va_list ap;

    if (!log_enabled(level))
        return;
    va_start(ap, fmt);
    write_line(level, NULL, 0, fmt, ap);
    va_end(ap);
}

void log_event(log_level level, const log_field *fields, size_t n, const char *fmt, ...)
{
    va_list ap;

    if (!log_enabled(level))
        return;
    va_start(ap, fmt);
    write_line(level, fields, n, fmt, ap);
    va_end(ap);
}
