/* Logging: one line per event, levels, one sink. Never give it a secret or a message's content. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "sio_val.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

/* What a line is about, for machines: LOG_FIELDS({"user", id}, {"reason", sio_s(reason)}). Keys are our own
 * words. */
typedef struct log_field {
    const char *key;
    sio_str     value; /* p NULL: left out */
} log_field;
#define LOG_FIELDS(...) \
    (const log_field[]){__VA_ARGS__}, sizeof((const log_field[]){__VA_ARGS__}) / sizeof(log_field)

/* Called with a complete line without newline, and its fields, whose values are as peers sent them; must be
 * callable from any thread. */
typedef void log_sink_fn(log_level level, const char *line, const log_field *fields, size_t n);

/* Process-wide, any thread: the default is INFO to stderr, as "<ISO time> <LEVEL> <line> key=value
 * ...". sink NULL is stderr. */
void log_setup(log_level level, log_sink_fn *sink);
/* One line of at most 1023 bytes (longer ones end in "..."); control characters become '?', so that nothing
 * a peer chose makes a second line. Any thread. */
void log_write(log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same with fields: log_event(LOG_INFO, LOG_FIELDS(...), "User connected: %s", ...). */
void log_event(log_level level, const log_field *fields, size_t n, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Nonzero when lines of that level are written: to spare the work of making one. */
int  log_enabled(log_level level);

/* ---- for sinks ------------------------------------------------------------------------------------- */

/* "2026-01-31T12:34:56.789Z" of now, with a 0 byte. */
#define LOG_STAMP_SIZE 25
void log_stamp(char out[LOG_STAMP_SIZE]);
/* A whole line with its newline, to stderr: with one write, or together with others of the thread's batch. */
void log_put(log_level level, const char *line, size_t n);

/* ---- batches: lines of one turn of a loop, written together ------------------------------------------ */

/* Zeroed at first. Of one thread; nothing else may touch it. */
typedef struct log_batch {
    char          *p;
    _Atomic size_t n;
} log_batch;

/* Process-wide, before threads begin: whether log_collect does anything. Who turns it on calls log_rescue
 * when the process ends by a signal. Off by default. */
void log_batches(bool on);
/* From now on what log_put gets on this thread is kept in b until it is full, log_flush, or an error, which
 * never waits. b NULL: every line at once, as without this. What was collected before is written. */
void log_collect(log_batch *b);
void log_flush(void);
/* Nothing collects in it any more, and it is empty. */
void log_batch_fini(log_batch *b);
/* Writes what all threads have collected. For signal handlers; the process is to end then: a line may come
 * twice. */
void log_rescue(void);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) do { if (log_enabled(LOG_DEBUG)) log_write(LOG_DEBUG, __VA_ARGS__); } while (0)

#endif
