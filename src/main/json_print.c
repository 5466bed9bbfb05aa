#include "main/json_print.h"

#include <inttypes.h>
#include <stdlib.h>

static void put_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void put_line(json_print *j)
{
    fprintf(j->f, "\n%*s", (int)(2 * j->depth), "");
}

/* Everything before a value. */
static void start(json_print *j, const char *key)
{
    if (j->has_items)
        fputc(',', j->f);
    if (j->depth)
        put_line(j);
    j->has_items = 1;
    if (key) {
        put_text(j->f, key);
        fputs(": ", j->f);
    }
}

static void push(json_print *j, const char *key, char open, char close)
{
    if (j->depth == sizeof(j->close))
        abort(); /* our own tables do not nest */
    start(j, key);
    fputc(open, j->f);
    j->close[j->depth++] = close;
    j->has_items = 0;
}

void json_print_object(json_print *j, const char *key) { push(j, key, '{', '}'); }
void json_print_array(json_print *j, const char *key) { push(j, key, '[', ']'); }

void json_print_end(json_print *j)
{
    char close = j->close[--j->depth];

    if (j->has_items)
        put_line(j);
    fputc(close, j->f);
    j->has_items = 1;
    if (j->depth == 0)
        fputc('\n', j->f);
}

void json_print_text(json_print *j, const char *key, const char *text)
{
    start(j, key);
    put_text(j->f, text);
}

void json_print_int(json_print *j, const char *key, int64_t value)
{
    start(j, key);
    fprintf(j->f, "%" PRId64, value);
}

void json_print_bool(json_print *j, const char *key, int value)
{
    start(j, key);
    fputs(value ? "true" : "false", j->f);
}
