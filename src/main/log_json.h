/* Log lines as JSON objects, for LOG_FORMAT=json: {"time":"...","level":"info","message":"..."} to stderr. */
#ifndef MAIN_LOG_JSON_H
#define MAIN_LOG_JSON_H

#include "base/log.h"

/* A log_sink_fn; any thread. */
void log_json_sink(log_level level, const char *line);

#endif
