/* Logging: one line per event, levels, one sink. Never give it a secret or a message's content. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

typedef enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

/* Called with a complete line without newline; must be callable from any thread. */
typedef void log_sink_fn(log_level level, const char *line);

/* Process-wide, set before threads start: the default is INFO to stderr as text. */
void log_setup(log_level level, log_sink_fn *sink);
void log_write(log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int  log_enabled(log_level level);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) do { if (log_enabled(LOG_DEBUG)) log_write(LOG_DEBUG, __VA_ARGS__); } while (0)

#endif
