/* From a request to api_args: routes, path and query, JSON. */
#include "app/api/api_int.h"
#include "codec/json.h"

#include <stdio.h>

/* ---- texts ------------------------------------------------------------------------------------------ */

/* No control characters, and no halves of surrogate pairs, which are no Unicode. */
static bool is_clean(sio_str s, bool is_id)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == 0 || (is_id && (c < 0x20 || c == 0x7f)) ||
            (c == 0xed && i + 1 < s.n && (unsigned char)s.p[i + 1] >= 0xa0))
            return false;
    }
    return true;
}

static int64_t characters(sio_str s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool text_fits(const api_field *f, sio_str s)
{
    int64_t n = f->type == API_CHARS ? characters(s) : (int64_t)s.n;

    return n >= f->min && n <= f->max && is_clean(s, f->type != API_CHARS);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded into the call's memory; a malformed escape stands for itself. */
static sio_str decode(api_call *k, sio_str raw, bool plus)
{
    sio_str out = {k->at, 0};

    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];

        if (c == '%' && i + 2 < raw.n && hex(raw.p[i + 1]) >= 0 && hex(raw.p[i + 2]) >= 0) {
            c = (char)(hex(raw.p[i + 1]) * 16 + hex(raw.p[i + 2]));
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        *k->at++ = c;
    }
    out.n = (size_t)(k->at - out.p);
    return out;
}

/* ---- routes ----------------------------------------------------------------------------------------- */

static sio_str segment(sio_str *path)
{
    const char *slash = path->n > 1 ? memchr(path->p + 1, '/', path->n - 1) : NULL;
    sio_str s = {path->p, slash ? (size_t)(slash - path->p) : path->n};

    path->p += s.n;
    path->n -= s.n;
    return s;
}

/* Segments of a template in braces match anything but nothing. */
static bool matches(sio_str template, sio_str path, sio_str param[API_PARAMS_MAX])
{
    unsigned n = 0;

    while (template.n && path.n) {
        sio_str want = segment(&template), got = segment(&path);

        if (want.n > 1 && want.p[1] == '{') {
            if (got.n < 2 || n == API_PARAMS_MAX)
                return false;
            param[n++] = (sio_str){got.p + 1, got.n - 1};
        } else if (!sio_str_eq(want, got)) {
            return false;
        }
    }
    return template.n == 0 && path.n == 0;
}

const api_route *api_find(sio_str method, sio_str path, sio_str param[API_PARAMS_MAX], char allowed[64])
{
    size_t at = 0;

    allowed[0] = '\0';
    for (size_t i = 0; i < api_nroutes; i++) {
        const api_route *r = &api_routes[i];

        if (!matches(sio_str_z(r->path), path, param))
            continue;
        if (sio_str_eq(method, sio_str_z(r->method)))
            return r;
        if (at < 64)
            at += (size_t)snprintf(allowed + at, 64 - at, "%s%s", at ? ", " : "", r->method);
    }
    return NULL;
}

/* ---- rules ------------------------------------------------------------------------------------------ */

static void choices_rule(const api_field *f, char *out, size_t n)
{
    size_t used = (size_t)snprintf(out, n, "must be ");

    for (int i = 0; f->choices[i] && used < n; i++)
        used += (size_t)snprintf(out + used, n - used, "%s%s",
                                 i == 0              ? ""
                                 : f->choices[i + 1] ? ", "
                                                     : " or ",
                                 f->choices[i]);
}

static void range_rule(const api_field *f, const char *what, const char *unit, char *out, size_t n)
{
    snprintf(out, n, "must be %s %lld to %lld%s", what, (long long)f->min, (long long)f->max, unit);
}

void api_field_rule(const api_field *f, char *out, size_t n)
{
    switch (f->type) {
    case API_ID:
        range_rule(f, "text without control characters of", " bytes", out, n);
        return;
    case API_CHARS:
        range_rule(f, "text of", " characters", out, n);
        return;
    case API_INT:
        range_rule(f, "a whole number from", "", out, n);
        return;
    case API_BOOL:
        snprintf(out, n, "must be true or false");
        return;
    case API_ENUM:
        choices_rule(f, out, n);
        return;
    case API_IDS:
        range_rule(f, "a list of", " ids with commas between them", out, n);
        return;
    case API_OBJECT:
        snprintf(out, n, "must be an object");
        return;
    case API_ANYS:
    case API_LIST:
        range_rule(f, "a list of", " items", out, n);
        return;
    default:
        snprintf(out, n, "must be JSON of at most %lld bytes", (long long)f->max);
    }
}

static int fault(api_call *k, const char *prefix, const api_field *f, const char *message)
{
    char path[96], rule[160];

    snprintf(path, sizeof(path), "%s%s", prefix, f->key);
    if (!message)
        api_field_rule(f, rule, sizeof(rule));
    return api_fault(k, path, message ? message : rule);
}

/* ---- values ----------------------------------------------------------------------------------------- */

static bool choice_read(const api_field *f, sio_str text, char *out)
{
    for (int i = 0; f->choices[i]; i++) {
        if (sio_str_eq(text, sio_str_z(f->choices[i]))) {
            memcpy(out, &i, sizeof(i));
            return true;
        }
    }
    return false;
}

static bool text_read(const api_field *f, sio_str text, char *out)
{
    if (!text_fits(f, text))
        return false;
    memcpy(out, &text, sizeof(text));
    return true;
}

/* The unescaped text is not longer than the raw one, for which there is room. */
static bool json_text(api_call *k, sio_val v, sio_str *out)
{
    if (!sio_text(v, k->at, out))
        return false;
    if (out->p == k->at)
        k->at += out->n;
    return true;
}

static bool raw_fits(const api_field *f, sio_val v) { return v.kind != SIO_JSON || (int64_t)v.s.n <= f->max; }

static bool list_fits(const api_field *f, sio_val v)
{
    return sio_kind_of(v) == SIO_ARRAY && (int64_t)sio_len(v) >= f->min && (int64_t)sio_len(v) <= f->max;
}

static bool value_read(api_call *k, const api_field *f, sio_val v, char *out)
{
    sio_str text;
    int64_t i;

    switch (f->type) {
    case API_ID:
    case API_CHARS:
        return json_text(k, v, &text) && text_read(f, text, out);
    case API_ENUM:
        return json_text(k, v, &text) && choice_read(f, text, out);
    case API_INT:
        if (!sio_int(v, &i) || i < f->min || i > f->max)
            return false;
        memcpy(out, &i, sizeof(i));
        return true;
    case API_BOOL:
        return sio_bool(v, (bool *)(void *)out);
    case API_OBJECT:
        if (sio_kind_of(v) != SIO_OBJECT)
            return false;
        break;
    case API_ANYS:
    case API_LIST:
        if (!list_fits(f, v))
            return false;
        break;
    default:
        if (!raw_fits(f, v))
            return false;
    }
    memcpy(out, &v, sizeof(v));
    return true;
}

static bool is_absent(sio_val v)
{
    sio_kind kind = sio_kind_of(v);

    return kind == SIO_UNDEFINED || kind == SIO_NULL;
}

int api_read_object(api_call *k, const api_field *fields, sio_val object, const char *prefix)
{
    int err = 0;

    if (fields->key[0] && sio_kind_of(object) != SIO_OBJECT)
        return api_fault(k, prefix, "must be an object");
    for (const api_field *f = fields; f->type != API_END; f++) {
        sio_val v = f->key[0] ? sio_get(object, f->key) : object;

        if (is_absent(v) && f->required)
            err = fault(k, prefix, f, "is missing");
        else if (!is_absent(v) && !value_read(k, f, v, (char *)&k->p + f->at))
            err = fault(k, prefix, f, NULL);
    }
    return err;
}

/* ---- path and query --------------------------------------------------------------------------------- */

static bool decimal(sio_str s, int64_t *out)
{
    int64_t v = 0;

    if (s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = v * 10 + (s.p[i] - '0');
    }
    *out = v;
    return true;
}

static bool param_read(const api_field *f, sio_str text, char *out)
{
    int64_t i;

    switch (f->type) {
    case API_INT:
        if (!decimal(text, &i) || i < f->min || i > f->max)
            return false;
        memcpy(out, &i, sizeof(i));
        return true;
    case API_IDS: /* taken apart by who reads it */
        memcpy(out, &text, sizeof(text));
        return text.n > 0 && is_clean(text, true);
    default:
        return text_read(f, text, out);
    }
}

/* The last of several; false when there is none. */
static bool query_find(sio_str query, const char *key, sio_str *out)
{
    size_t n = strlen(key);
    bool found = false;

    while (query.n) {
        const char *amp = memchr(query.p, '&', query.n);
        sio_str pair = {query.p, amp ? (size_t)(amp - query.p) : query.n};

        if (pair.n > n && memcmp(pair.p, key, n) == 0 && pair.p[n] == '=') {
            *out = (sio_str){pair.p + n + 1, pair.n - n - 1};
            found = true;
        }
        query.p += pair.n + (amp != NULL);
        query.n -= pair.n + (amp != NULL);
    }
    return found;
}

bool api_in_path(const api_route *r, const char *key)
{
    char braced[64];

    snprintf(braced, sizeof(braced), "{%s}", key);
    return strstr(r->path, braced) != NULL;
}

/* Parameters of the path come first in the table, in their order. */
int api_read_params(api_call *k, const sio_str param[API_PARAMS_MAX], sio_str query)
{
    unsigned n = 0;
    int err = 0;

    for (const api_field *f = k->route->params; f && f->type != API_END; f++) {
        bool path = api_in_path(k->route, f->key);
        sio_str raw;

        if (path)
            raw = param[n++];
        if (!path && !query_find(query, f->key, &raw)) {
            if (f->required)
                err = fault(k, "", f, "is missing");
        } else if (!param_read(f, decode(k, raw, !path), (char *)&k->p + f->at)) {
            err = fault(k, "", f, NULL);
        }
    }
    return err;
}
