/* The one place where JSON from outside is judged. No recursion: which kind of container each level is, is
 * one bit in a word of 64. */
#include "codec/json.h"

#include "base/utf8.h"
#include "codec/json_int.h"
#include "sio_err.h"

typedef enum json_step { STEP_BAD, STEP_VALUE, STEP_AFTER } json_step;

typedef struct json_scanner {
    const char *p, *end;
    uint64_t    objects; /* bit 0: the innermost container is an object */
    unsigned    depth, max;
} json_scanner;

_Static_assert(JSON_MAX_DEPTH <= 64, "one bit of json_scanner.objects a level");

static bool json_is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* p stands behind a backslash; returns the place behind the escape or NULL. */
static const char *json_check_escape(const char *p, const char *end)
{
    if (p == end)
        return NULL;
    switch (*p++) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return p;
    case 'u':
        if (end - p < 4)
            return NULL;
        for (int i = 0; i < 4; i++, p++) {
            if (!json_is_hex(*p))
                return NULL;
        }
        return p;
    default:
        return NULL;
    }
}

/* p stands behind the opening quote; returns the place behind the closing one or NULL. */
static const char *json_check_string(const char *p, const char *end)
{
    const char *start = p;
    uint64_t seen = 0;

    for (;;) {
        p = json_plain_run(p, end, &seen);
        if (p == end)
            return NULL;
        if (*p == '"')
            break;
        if (*p != '\\')
            return NULL;
        p = json_check_escape(p + 1, end);
        if (!p)
            return NULL;
    }
    if ((seen & JSON_HIGH) && !utf8_valid(start, (size_t)(p - start)))
        return NULL;
    return p + 1;
}

/* At least one digit at p, else NULL. */
static const char *json_check_digits(const char *p, const char *end)
{
    const char *start = p;

    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p > start ? p : NULL;
}

static const char *json_check_number(const char *p, const char *end)
{
    if (*p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else
        p = json_check_digits(p, end);
    if (p && p < end && *p == '.')
        p = json_check_digits(p + 1, end);
    if (p && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = json_check_digits(p, end);
    }
    return p;
}

static const char *json_check_word(const char *p, const char *end, const char *word, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

static const char *json_check_scalar(const char *p, const char *end)
{
    switch (*p) {
    case '"':
        return json_check_string(p + 1, end);
    case 't':
        return json_check_word(p, end, "true", 4);
    case 'f':
        return json_check_word(p, end, "false", 5);
    case 'n':
        return json_check_word(p, end, "null", 4);
    default:
        return json_check_number(p, end);
    }
}

/* The key of a member and its colon. */
static json_step json_step_key(json_scanner *s)
{
    const char *p = json_skip_space(s->p, s->end);

    if (p == s->end || *p != '"')
        return STEP_BAD;
    p = json_check_string(p + 1, s->end);
    if (!p)
        return STEP_BAD;
    p = json_skip_space(p, s->end);
    if (p == s->end || *p != ':')
        return STEP_BAD;
    s->p = p + 1;
    return STEP_VALUE;
}

static json_step json_step_open(json_scanner *s, bool object)
{
    if (s->depth == s->max)
        return STEP_BAD;
    s->p = json_skip_space(s->p + 1, s->end);
    if (s->p < s->end && *s->p == (object ? '}' : ']')) {
        s->p++;
        return STEP_AFTER;
    }
    s->depth++;
    s->objects = s->objects << 1 | object;
    return object ? json_step_key(s) : STEP_VALUE;
}

static json_step json_step_value(json_scanner *s)
{
    s->p = json_skip_space(s->p, s->end);
    if (s->p == s->end)
        return STEP_BAD;
    if (*s->p == '{' || *s->p == '[')
        return json_step_open(s, *s->p == '{');
    s->p = json_check_scalar(s->p, s->end);
    return s->p ? STEP_AFTER : STEP_BAD;
}

/* Behind a value inside a container: a comma, or the end of the container. */
static json_step json_step_after(json_scanner *s)
{
    bool object = s->objects & 1;

    s->p = json_skip_space(s->p, s->end);
    if (s->p == s->end)
        return STEP_BAD;
    if (*s->p == ',') {
        s->p++;
        return object ? json_step_key(s) : STEP_VALUE;
    }
    if (*s->p != (object ? '}' : ']'))
        return STEP_BAD;
    s->p++;
    s->depth--;
    s->objects >>= 1;
    return STEP_AFTER;
}

/* json_scan with a nesting of its own. */
static long json_scan_to(const char *p, size_t n, unsigned depth)
{
    json_scanner s = {.p = p, .max = depth};
    json_step step = STEP_VALUE;

    if (n == 0)
        return SIO_EPARSE;
    s.end = p + n;
    do {
        step = step == STEP_VALUE ? json_step_value(&s) : json_step_after(&s);
        if (step == STEP_BAD)
            return SIO_EPARSE;
    } while (step == STEP_VALUE || s.depth > 0);
    return (long)(s.p - p);
}

long json_scan(const char *p, size_t n)
{
    return json_scan_to(p, n, JSON_MAX_DEPTH);
}

bool json_valid(sio_str text, sio_str *value)
{
    long n = json_scan(text.p, text.n);
    const char *start, *end;

    if (n < 0)
        return false;
    end = text.p + text.n;
    if (json_skip_space(text.p + n, end) != end)
        return false;
    start = json_skip_space(text.p, end);
    *value = (sio_str){start, (size_t)(text.p + n - start)};
    return true;
}

/* Behind the item at p and what follows it; NULL when that is no comma or closing bracket. */
static const char *json_scan_item(const char *p, const char *end, sio_str *item)
{
    long n = json_scan_to(p, (size_t)(end - p), JSON_MAX_DEPTH - 1);

    if (n < 0)
        return NULL;
    *item = (sio_str){p, (size_t)n};
    p = json_skip_space(p + n, end);
    return p < end && (*p == ',' || *p == ']') ? p + 1 : NULL;
}

bool json_valid_items(sio_str text, sio_str *value, json_items *items)
{
    const char *p = text.p, *end = text.p + text.n;
    sio_str item;

    items->n = 0;
    if (text.n < 2 || *p != '[')
        return false;
    p = json_skip_space(p + 1, end);
    if (p < end && *p == ']') {
        p++;
    } else {
        do {
            p = json_scan_item(json_skip_space(p, end), end, &item);
            if (!p)
                return false;
            if (items->n < JSON_ITEMS)
                items->item[items->n] = item;
            items->n++;
        } while (p[-1] == ',');
    }
    *value = (sio_str){text.p, (size_t)(p - text.p)};
    return json_skip_space(p, end) == end;
}
