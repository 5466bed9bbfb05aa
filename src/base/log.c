#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX  1024
#define LOG_BATCH_MAX 4096 /* PIPE_BUF: what is written at once to a pipe stays together */
#define LOG_BATCHES   64   /* in the process; further ones write each line at once */

static void log_to_stderr(log_level level, const char *line, const log_field *fields, size_t n);

/* The one piece of process-wide state that a library cannot avoid: where its lines go. */
static _Atomic int log_level_now = LOG_INFO;
static _Atomic(log_sink_fn *) log_sink_now = log_to_stderr;
static _Atomic(log_batch *) batches[LOG_BATCHES]; /* with lines in them, or once with; for log_rescue */
static _Atomic int batching;
static _Thread_local log_batch *batch_here;

/* ---- writing --------------------------------------------------------------------------------------- */

static void write_all(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(STDERR_FILENO, p, n);

        if (w < 0 && errno != EINTR)
            return; /* there is nobody to tell */
        if (w > 0) {
            p += w;
            n -= (size_t)w;
        }
    }
}

/* False when its lines could not be found by log_rescue, or without memory. */
static bool batch_begin(log_batch *b)
{
    if (b->p)
        return true;
    if (!(b->p = malloc(LOG_BATCH_MAX)))
        return false;
    for (unsigned i = 0; i < LOG_BATCHES; i++) {
        log_batch *none = NULL;

        if (atomic_compare_exchange_strong(&batches[i], &none, b))
            return true;
    }
    free(b->p);
    b->p = NULL;
    return false;
}

void log_put(log_level level, const char *line, size_t n)
{
    log_batch *b = batch_here;

    if (b && b->n + n > LOG_BATCH_MAX)
        log_flush();
    if (!b || n > LOG_BATCH_MAX || !batch_begin(b)) {
        write_all(line, n);
        return;
    }
    memcpy(b->p + b->n, line, n);
    b->n += n; /* behind the bytes: log_rescue may look at any moment */
    if (level == LOG_ERROR)
        log_flush();
}

void log_collect(log_batch *b)
{
    log_flush();
    batch_here = b && atomic_load_explicit(&batching, memory_order_relaxed) ? b : NULL;
}

void log_flush(void)
{
    log_batch *b = batch_here;
    size_t n = b ? atomic_load_explicit(&b->n, memory_order_relaxed) : 0;

    if (n == 0)
        return;
    write_all(b->p, n);
    b->n = 0;
}

void log_batch_fini(log_batch *b)
{
    if (!b->p)
        return;
    for (unsigned i = 0; i < LOG_BATCHES; i++)
        if (atomic_load(&batches[i]) == b)
            atomic_store(&batches[i], NULL);
    free(b->p);
    b->p = NULL;
}

void log_batches(bool on) { atomic_store(&batching, on); }

void log_rescue(void)
{
    int saved = errno;

    for (unsigned i = 0; i < LOG_BATCHES; i++) {
        log_batch *b = atomic_load(&batches[i]);

        if (b)
            write_all(b->p, atomic_exchange(&b->n, 0));
    }
    errno = saved;
}

/* ---- the default sink ------------------------------------------------------------------------------ */

/* What a peer chose (a name, a header) must not be able to forge a second line or drive a terminal. */
static char tame(char c) { return (unsigned char)c < 0x20 || c == 0x7f ? '?' : c; }

static void log_tame(char *line)
{
    for (; *line; line++)
        *line = tame(*line);
}

static char *put(char *to, const char *p, size_t n)
{
    memcpy(to, p, n);
    return to + n;
}

/* " key=value" behind the line, with quotes around a value in which there are spaces; what does not fit is
 * left out. */
static char *put_fields(char *to, const char *end, const log_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sio_str v = fields[i].value;
        size_t nkey = strlen(fields[i].key);
        bool quoted = v.n == 0 || (v.p && memchr(v.p, ' ', v.n));

        if (!v.p || nkey + v.n + 5 > (size_t)(end - to))
            continue;
        *to++ = ' ';
        to = put(to, fields[i].key, nkey);
        *to++ = '=';
        if (quoted)
            *to++ = '"';
        for (size_t k = 0; k < v.n; k++)
            *to++ = tame(v.p[k]);
        if (quoted)
            *to++ = '"';
    }
    return to;
}

/* The text of a second is made once a thread: lines come in heaps. */
void log_stamp(char out[LOG_STAMP_SIZE])
{
    static _Thread_local struct {
        time_t second;
        char   text[24];
    } last;
    struct timespec now;
    struct tm tm;
    unsigned ms;

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != last.second || !last.text[0]) {
        gmtime_r(&now.tv_sec, &tm);
        strftime(last.text, sizeof(last.text), "%Y-%m-%dT%H:%M:%S.", &tm);
        last.second = now.tv_sec;
    }
    ms = (unsigned)(now.tv_nsec / 1000000);
    memcpy(out, last.text, 20);
    out[20] = (char)('0' + ms / 100);
    out[21] = (char)('0' + ms / 10 % 10);
    out[22] = (char)('0' + ms % 10);
    memcpy(out + 23, "Z", 2);
}

static void log_to_stderr(log_level level, const char *line, const log_field *fields, size_t n)
{
    static const char names[][8] = {" ERROR ", " WARN  ", " INFO  ", " DEBUG "};
    char whole[LOG_STAMP_SIZE + 8 + 2 * LOG_LINE_MAX], *to = whole;

    log_stamp(to);
    to = put(to + LOG_STAMP_SIZE - 1, names[level], 7);
    to = put(to, line, strnlen(line, LOG_LINE_MAX));
    to = put_fields(to, whole + sizeof(whole) - 1, fields, n);
    *to++ = '\n';
    /* one call, so that lines of several threads do not mix */
    log_put(level, whole, (size_t)(to - whole));
}

/* ---- lines ----------------------------------------------------------------------------------------- */

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
