#include "main/log_json.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_BYTES 1024 /* of base/log.h's lines */

void log_json_sink(log_level level, const char *line)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char head[96], when[32], clean[3 * LINE_MAX_BYTES];
    struct timespec now;
    struct tm tm;
    buf out;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(head, sizeof(head), "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"message\":", when, now.tv_nsec / 1000000,
             names[level]);
    buf_init(&out, sizeof(head) + 6 * sizeof(clean));
    if (buf_add(&out, head, strlen(head)) == 0 &&
        json_quote(&out, (sio_str){clean, utf8_sanitize(line, strnlen(line, LINE_MAX_BYTES), clean)}) == 0 &&
        buf_add(&out, "}\n", 2) == 0)
        fwrite(out.p, 1, out.n, stderr);
    buf_fini(&out);
}
