/* Log lines as JSON objects, for LOG_FORMAT=json, to stderr:
 * {"time":"...","level":"info","message":"...","user":"..."}, with the fields of the line
 * behind the message. */
#ifndef MAIN_LOG_JSON_H
#define MAIN_LOG_JSON_H

#include "base/log.h"

/* A log_sink_fn; any thread. */
void log_json_sink(log_level level, const char *line, const log_field *fields, size_t n);

#endif
