#include "main/log_json.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "codec/json.h"


#define TEXT_MAX 1024 /* bytes of a text: base/log.h's lines are no longer, and values are cut there */
#define LINE_MAX_BYTES (64 * 1024)
#define LINE_USUAL     512

static int put_head(buf *out, log_level level)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char when[LOG_STAMP_SIZE];

    log_stamp(when);
    return buf_printf(out, "{\"time\":\"%s\",\"level\":\"%s\"", when, names[level]);
}

static int put_text(buf *out, const char *key, sio_str text)
{
    char clean[3 * TEXT_MAX];
    size_t n = text.n < TEXT_MAX ? text.n : TEXT_MAX;
    int err = buf_printf(out, ",\"%s\":", key);

    return err < 0 ? err : json_quote(out, (sio_str){clean, utf8_sanitize(text.p, n, clean)});
}

/* A line that does not fit ends behind its last field that did. */
void log_json_sink(log_level level, const char *line, const log_field *fields, size_t n)
{
    size_t good = 0;
    buf out;

    buf_init(&out, LINE_MAX_BYTES);
    buf_reserve(&out, LINE_USUAL);
    if (put_head(&out, level) == 0 && put_text(&out, "message", sio_str_z(line)) == 0) {
        good = out.n;
        for (size_t i = 0; i < n; i++)
            if (fields[i].value.p && put_text(&out, fields[i].key, fields[i].value) == 0)
                good = out.n;
            else
                out.n = good;
        if (buf_add(&out, "}\n", 2) == 0)
            log_put(level, out.p, out.n);
    }
    buf_fini(&out);
}
