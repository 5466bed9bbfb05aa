/* Readers of validated JSON. They trust its grammar, but not to the point of leaving the text: whatever it
 * says, nothing outside [p, p + n) is touched. */
#include "codec/json.h"

#include "base/num.h"
#include "base/utf8.h"
#include "codec/json_int.h"

#include <math.h>

/* ---- structure --------------------------------------------------------------------------------------- */

sio_str json_trim(sio_str text)
{
    const char *p, *end;

    if (text.n == 0)
        return sio_lit("");
    end = text.p + text.n;
    p = json_skip_space(text.p, end);
    while (end > p && json_is_space(end[-1]))
        end--;
    return (sio_str){p, (size_t)(end - p)};
}

json_kind json_kind_of(sio_str v)
{
    switch (v.n > 0 ? *v.p : 'n') {
    case 'n':
        return JSON_NULL;
    case 'f':
        return JSON_FALSE;
    case 't':
        return JSON_TRUE;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    default:
        return JSON_NUMBER;
    }
}

/* p stands at the opening quote; returns the place behind the closing one. */
static const char *json_string_end(const char *p, const char *end)
{
    uint64_t seen = 0;

    for (p++; p < end; p++) {
        p = json_plain_run(p, end, &seen);
        if (p == end)
            break;
        if (*p == '"')
            return p + 1;
        if (*p == '\\' && ++p == end)
            break;
    }
    return end;
}

static const char *json_container_end(const char *p, const char *end)
{
    size_t depth = 0;

    while (p < end) {
        switch (*p) {
        case '"':
            p = json_string_end(p, end);
            continue;
        case '[': case '{':
            depth++;
            break;
        case ']': case '}':
            if (--depth == 0)
                return p + 1;
            break;
        }
        p++;
    }
    return end;
}

/* Behind the value at p. */
static const char *json_value_end(const char *p, const char *end)
{
    if (p == end)
        return end;
    if (*p == '"')
        return json_string_end(p, end);
    if (*p == '[' || *p == '{')
        return json_container_end(p, end);
    while (p < end && *p != ',' && *p != ']' && *p != '}' && !json_is_space(*p))
        p++;
    return p;
}

bool json_next(sio_str container, size_t *at, sio_str *key, sio_str *item)
{
    const char *p, *start, *end;
    bool object;

    if (container.n == 0 || *at >= container.n || (*container.p != '[' && *container.p != '{'))
        return false;
    end = container.p + container.n;
    object = *container.p == '{';
    p = json_skip_space(container.p + (*at ? *at : 1), end);
    if (p < end && *p == ',')
        p = json_skip_space(p + 1, end);
    if (p == end || *p == ']' || *p == '}')
        return false;
    if (object) {
        start = p;
        p = json_string_end(p, end);
        if (key)
            *key = (sio_str){start, (size_t)(p - start)};
        p = json_skip_space(p, end);
        p = json_skip_space(p < end ? p + 1 : end, end); /* the colon */
    }
    start = p;
    p = json_value_end(p, end);
    *item = (sio_str){start, (size_t)(p - start)};
    *at = (size_t)(p - container.p);
    return true;
}

bool json_get(sio_str object, sio_str name, sio_str *item)
{
    sio_str key = {0}, value;
    size_t at = 0;
    bool found = false;

    if (json_kind_of(object) != JSON_OBJECT)
        return false;
    while (json_next(object, &at, &key, &value)) {
        if (json_equals(key, name)) {
            *item = value;
            found = true;
        }
    }
    return found;
}

size_t json_len(sio_str container)
{
    sio_str item;
    size_t at = 0, n = 0;

    while (json_next(container, &at, NULL, &item))
        n++;
    return n;
}

void json_walk_init(json_walk *w, sio_str text)
{
    if (text.n == 0)
        text = sio_lit(""); /* not NULL, to which nothing may be added */
    *w = (json_walk){.p_ = text.p, .end_ = text.p + text.n};
}

static bool json_walk_in_object(const json_walk *w)
{
    unsigned i = w->depth - 1;

    return w->depth > 0 && (w->objects_[i / 64] >> i % 64 & 1);
}

static json_token json_walk_open(json_walk *w)
{
    uint64_t bit = 1ull << w->depth % 64;
    uint64_t *word = &w->objects_[w->depth / 64];

    if (w->depth == JSON_WALK_DEPTH)
        return JSON_END;
    *word = *w->p_++ == '{' ? *word | bit : *word & ~bit;
    w->depth++;
    w->after_key_ = false;
    return JSON_OPEN;
}

static json_token json_walk_close(json_walk *w)
{
    if (w->depth == 0)
        return JSON_END;
    w->p_++;
    w->depth--;
    w->after_key_ = false;
    return JSON_CLOSE;
}

static json_token json_walk_scalar(json_walk *w, sio_str *raw)
{
    const char *start = w->p_;
    bool key = *start == '"' && !w->after_key_ && json_walk_in_object(w);

    w->p_ = json_value_end(start, w->end_);
    *raw = (sio_str){start, (size_t)(w->p_ - start)};
    w->after_key_ = key;
    return key ? JSON_KEY : JSON_SCALAR;
}

json_token json_walk_next(json_walk *w, sio_str *raw)
{
    while (w->p_ < w->end_ && (json_is_space(*w->p_) || *w->p_ == ',' || *w->p_ == ':'))
        w->p_++;
    if (w->p_ == w->end_)
        return JSON_END;
    switch (*w->p_) {
    case '[': case '{':
        *raw = (sio_str){w->p_, 1};
        return json_walk_open(w);
    case ']': case '}':
        *raw = (sio_str){w->p_, 1};
        return json_walk_close(w);
    default:
        return json_walk_scalar(w, raw);
    }
}

/* ---- strings ----------------------------------------------------------------------------------------- */

bool json_plain(sio_str raw, sio_str *text)
{
    if (raw.n < 2 || *raw.p != '"' || memchr(raw.p, '\\', raw.n))
        return false;
    *text = (sio_str){raw.p + 1, raw.n - 2};
    return true;
}

/* Four hexadecimal digits, or 0 when the text ends before. */
static uint32_t json_hex4(const char *p, const char *end)
{
    uint32_t v = 0;

    if (end - p < 4)
        return 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | ((uint32_t)(p[i] & 15) + (p[i] > '9' ? 9 : 0));
    return v & 0xffff;
}

/* \uXXXX at p, joined with a low surrogate behind it if they make one character. */
static const char *json_read_u(const char *p, const char *end, uint32_t *cp)
{
    uint32_t low;

    *cp = json_hex4(p + 2, end);
    p = end - p < 6 ? end : p + 6;
    if (*cp < 0xd800 || *cp > 0xdbff || end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return p;
    low = json_hex4(p + 2, end);
    if (low < 0xdc00 || low > 0xdfff)
        return p;
    *cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);
    return p + 6;
}

/* The escape at p (p stands at the backslash): writes what it stands for and returns the place behind it. */
static const char *json_read_escape(const char *p, const char *end, char out[4], unsigned *n)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *hit;
    uint32_t cp;

    *n = 0;
    if (end - p < 2)
        return end;
    if (p[1] == 'u') {
        p = json_read_u(p, end, &cp);
        *n = utf8_put(cp, out);
        return p;
    }
    hit = memchr(from, p[1], 5);
    out[0] = hit ? to[hit - from] : p[1];
    *n = 1;
    return p + 2;
}

/* What stands between the quotes. */
static sio_str json_inside(sio_str raw)
{
    return raw.n < 2 ? (sio_str){raw.p, 0} : (sio_str){raw.p + 1, raw.n - 2};
}

size_t json_unescape(sio_str raw, char *out)
{
    sio_str in = json_inside(raw);
    const char *p = in.p, *end = in.p + in.n;
    char *start = out;

    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((slash ? slash : end) - p);
        unsigned n;

        memcpy(out, p, plain);
        out += plain;
        p += plain;
        if (p == end)
            break;
        p = json_read_escape(p, end, out, &n); /* an escape is never shorter than what it stands for */
        out += n;
    }
    return (size_t)(out - start);
}

bool json_equals(sio_str raw, sio_str text)
{
    sio_str in = json_inside(raw);
    const char *p = in.p, *end = in.p + in.n;
    const char *t = text.p, *tend = text.p + text.n;

    if (in.n < text.n)
        return false;
    if (in.n == 0 || !memchr(in.p, '\\', in.n))
        return sio_str_eq(in, text);
    while (p < end) {
        char one[4];
        unsigned n = 1;

        one[0] = *p;
        if (*p == '\\')
            p = json_read_escape(p, end, one, &n);
        else
            p++;
        if ((size_t)(tend - t) < n || memcmp(t, one, n) != 0)
            return false;
        t += n;
    }
    return t == tend;
}

/* ---- numbers ----------------------------------------------------------------------------------------- */

double json_double(sio_str raw)
{
    return num_parse(raw.p, raw.n);
}

bool json_int(sio_str raw, int64_t *out)
{
    double v;

    if (json_kind_of(raw) != JSON_NUMBER)
        return false;
    v = json_double(raw);
    if (!(fabs(v) <= 9007199254740991.0) || v != (double)(int64_t)v)
        return false;
    *out = (int64_t)v;
    return true;
}
