#include "codec/json.h"

#include "base/utf8.h"
#include "codec/json_int.h"

static int json_quote_u(buf *out, unsigned unit)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', hex[unit >> 12], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};

    return buf_add(out, text, sizeof(text));
}

/* A quote, a backslash or a control character. */
static int json_quote_special(buf *out, char c)
{
    static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
    const char *hit = memchr(from, c, sizeof(from) - 1);
    char text[2] = {'\\'};

    if (!hit)
        return json_quote_u(out, (unsigned char)c);
    text[1] = to[hit - from];
    return buf_add(out, text, 2);
}

/* One character that is not ASCII. */
static int json_quote_wide(buf *out, const char **p, const char *end)
{
    const char *at = *p;
    int n;

    if (end - at >= 3 && at[0] == (char)0xed && (at[1] & 0xe0) == 0xa0 && (at[2] & 0xc0) == 0x80) {
        *p += 3;
        return json_quote_u(out, 0xd000u | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu));
    }
    n = utf8_char(at, end);
    *p += n > 0 ? n : -n;
    return n > 0 ? buf_add(out, at, (size_t)n) : buf_add(out, "\xef\xbf\xbd", 3);
}

/* The text from p up to the next special character; *p moves there. */
static int json_quote_run(buf *out, const char **p, const char *end)
{
    const char *start = *p;
    uint64_t seen = 0;
    int err = 0;

    *p = json_plain_run(start, end, &seen);
    if (!(seen & JSON_HIGH) || utf8_valid(start, (size_t)(*p - start)))
        return buf_add(out, start, (size_t)(*p - start));
    end = *p;
    while (start < end && err == 0) {
        if (*start & 0x80)
            err = json_quote_wide(out, &start, end);
        else
            err = buf_putc(out, *start++);
    }
    return err;
}

int json_quote(buf *out, sio_str text)
{
    const char *p = text.p, *end = text.n > 0 ? p + text.n : p;
    size_t before = out->n;
    int err = buf_putc(out, '"');

    while (err == 0 && p < end) {
        err = json_quote_run(out, &p, end);
        if (err == 0 && p < end)
            err = json_quote_special(out, *p++);
    }
    if (err == 0)
        err = buf_putc(out, '"');
    if (err < 0)
        out->n = before;
    return err;
}
