#include "vars.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void vars_fini(vars *t)
{
    while (t->n)
        free(t->v[--t->n].value);
}

static var *find(const vars *t, const char *name, size_t n)
{
    for (unsigned i = 0; i < t->n; i++)
        if (strlen(t->v[i].name) == n && memcmp(t->v[i].name, name, n) == 0)
            return (var *)&t->v[i];
    return NULL;
}

static void set(vars *t, const char *name, size_t n, sio_str value)
{
    var *v = find(t, name, n);

    if (!v) {
        if (t->n == sizeof t->v / sizeof *t->v || n >= sizeof v->name)
            abort(); /* a transcript with so many names is a mistake */
        v = &t->v[t->n++];
        memcpy(v->name, name, n);
        v->name[n] = 0;
    } else {
        free(v->value);
    }
    v->value = strndup(value.n ? value.p : "", value.n);
}

void vars_set(vars *t, const char *name, sio_str value)
{
    set(t, name, strlen(name), value);
}

void vars_forget(vars *t, const char *name)
{
    var *v = find(t, name, strlen(name));

    if (!v)
        return;
    free(v->value);
    *v = t->v[--t->n];
}

/* ---- escapes ---- */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The character behind a backslash at p; moves p behind the escape. -1 for an unknown one. */
static int escaped(const char **p)
{
    static const char from[] = "nrt\\", to[] = "\n\r\t\\";
    char c = *(*p)++;
    const char *at = c ? strchr(from, c) : NULL;

    if (at)
        return to[at - from];
    if (c != 'x' || hex_digit((*p)[0]) < 0 || hex_digit((*p)[1]) < 0)
        return -1;
    *p += 2;
    return hex_digit((*p)[-2]) << 4 | hex_digit((*p)[-1]);
}

static const char *repeat(const char *p, buf *out)
{
    char *end;
    unsigned long times = strtoul(p, &end, 10);
    const char *close = *end == '{' ? strchr(end, '}') : NULL;

    for (unsigned long i = 0; close && i < times; i++)
        buf_add(out, end + 1, (size_t)(close - end - 1));
    return close ? close + 1 : NULL;
}

/* A dollar that stands for itself is kept as two, so that the result can still be matched. */
static bool unescape(const char *text, buf *out)
{
    while (*text) {
        int c;

        if (*text != '\\') {
            buf_putc(out, *text++);
            continue;
        }
        if (*++text == '*') {
            if (!(text = repeat(text + 1, out)))
                return false;
            continue;
        }
        if ((c = escaped(&text)) < 0)
            return false;
        if (c == '$')
            buf_putc(out, '$');
        buf_putc(out, (char)c);
    }
    return true;
}

/* ---- values ---- */

static size_t name_length(const char *p, const char *end)
{
    size_t n = 0;

    while (p + n < end && (isalnum((unsigned char)p[n]) || p[n] == '_'))
        n++;
    return n;
}

static bool fill_in(const vars *t, sio_str text, buf *out)
{
    const char *p = text.n ? text.p : "", *end = p + text.n;

    while (p < end) {
        size_t n;
        var *v;

        if (*p != '$') {
            buf_putc(out, *p++);
            continue;
        }
        if (++p < end && *p == '$') {
            buf_putc(out, *p++);
            continue;
        }
        n = name_length(p, end);
        if (!(v = find(t, p, n)))
            return false;
        buf_puts(out, v->value);
        p += n;
    }
    return true;
}

bool vars_expand(const vars *t, const char *text, buf *out)
{
    buf plain;
    bool ok;

    buf_init(&plain, 64 << 20);
    ok = unescape(text, &plain) && fill_in(t, buf_str(&plain), out);
    buf_fini(&plain);
    return ok;
}

/* ---- matching ---- */

static size_t id_length(sio_str s)
{
    size_t n = 0;

    while (n < s.n && (isalnum((unsigned char)s.p[n]) || s.p[n] == '_' || s.p[n] == '-' || s.p[n] == '.'))
        n++;
    return n;
}

static void skip(sio_str *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

/* What stands behind a dollar at p against the start of subject; the length of the name, or -1. */
static long match_name(vars *t, const char *p, const char *end, sio_str *subject)
{
    size_t n = name_length(p, end), run = id_length(*subject);
    var *v = find(t, p, n);

    if (v) {
        run = strlen(v->value);
        if (subject->n < run || memcmp(subject->p, v->value, run) != 0)
            return -1;
    } else if (run == 0 || n == 0) {
        return -1;
    } else if (n != 1 || *p != '_') {
        set(t, p, n, (sio_str){subject->p, run});
    }
    skip(subject, run);
    return (long)n;
}

static bool match(vars *t, sio_str text, sio_str subject)
{
    const char *p = text.n ? text.p : "", *end = p + text.n;

    while (p < end) {
        bool dollar = *p == '$' && p + 1 < end;
        long n;

        if (dollar && p[1] == '*')
            return true;
        if (dollar && p[1] != '$') {
            if ((n = match_name(t, p + 1, end, &subject)) < 0)
                return false;
            p += 1 + n;
            continue;
        }
        if (subject.n == 0 || *subject.p != *p)
            return false;
        skip(&subject, 1);
        p += dollar ? 2 : 1;
    }
    return subject.n == 0;
}

bool vars_match(vars *t, const char *text, sio_str subject)
{
    buf plain;
    bool ok;

    buf_init(&plain, 64 << 20);
    ok = unescape(text, &plain) && match(t, buf_str(&plain), subject);
    buf_fini(&plain);
    return ok;
}
