/* Logging: one line per event, levels, one sink. Never give it a secret or a message's content. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

typedef enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

/* Called with a complete line without newline; must be callable from any thread. */
typedef void log_sink_fn(log_level level, const char *line);

/* Process-wide, any thread: the default is INFO to stderr, as "<ISO time> <LEVEL> <line>". sink NULL is
 * stderr. */
void log_setup(log_level level, log_sink_fn *sink);
/* One line of at most 1023 bytes (longer ones end in "..."); control characters become '?', so that nothing
 * a peer chose makes a second line. Any thread. */
void log_write(log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Nonzero when lines of that level are written: to spare the work of making one. */
int  log_enabled(log_level level);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) do { if (log_enabled(LOG_DEBUG)) log_write(LOG_DEBUG, __VA_ARGS__); } while (0)

#endif
