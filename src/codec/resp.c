/* RESP in two passes: the first walks the heads and says how long the reply is, and only when all of it is
 * there does the second build values. So no count is believed before the items themselves have arrived. */
#include "codec/resp.h"
#include "base/num.h"
#include "sio_err.h"

#include <math.h>

#define MAX_HEAD  64 /* of a line that holds a number */
#define MIN_REPLY 3  /* "_\r\n", "+\r\n" */

typedef struct reader {
    const char *p;
    size_t      n, at, max;
    size_t      need;      /* no complete reply before there are so many bytes */
    arena      *a;
} reader;

/* ---- lines and numbers ---- */

/* More is needed, at least `more` bytes behind r->at. */
static int wait_for(reader *r, uint64_t more)
{
    if (more > r->max || r->at > r->max - more)
        return SIO_ETOOBIG;
    r->need = r->at + (size_t)more;
    return 0;
}

/* The text between the type and the CRLF; the reader goes behind it. 1, 0 incomplete, an error. */
static int line(reader *r, size_t max, sio_str *out)
{
    const char *from = r->p + r->at, *cr;
    size_t left = r->n - r->at;

    cr = left ? memchr(from, '\r', left) : NULL;
    if (cr ? (size_t)(cr - from) > max : left > max)
        return SIO_EPARSE;
    if (!cr || cr + 1 == r->p + r->n)
        return wait_for(r, left + (cr ? 1 : 2));
    if (cr[1] != '\n')
        return SIO_EPARSE;
    *out = (sio_str){from, (size_t)(cr - from)};
    r->at += out->n + 2;
    return r->at <= r->max ? 1 : SIO_ETOOBIG;
}

static bool to_int(sio_str s, int64_t *out)
{
    bool minus = s.n && s.p[0] == '-';
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+');
    uint64_t v = 0, limit = (uint64_t)INT64_MAX + minus;

    if (i == s.n)
        return false;
    for (; i < s.n; i++) {
        unsigned digit = (unsigned)(s.p[i] - '0');
        if (digit > 9 || v > (limit - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static size_t digits(sio_str s, size_t at)
{
    size_t n = 0;

    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
        n++;
    return n;
}

static bool is_decimal(sio_str s)
{
    size_t at = s.n && (s.p[0] == '-' || s.p[0] == '+'), n = digits(s, at);

    at += n;
    if (n == 0)
        return false;
    if (at < s.n && s.p[at] == '.') {
        n = digits(s, at + 1);
        at += 1 + n;
    }
    if (n && at < s.n && (s.p[at] | 32) == 'e') {
        at++;
        at += at < s.n && (s.p[at] == '-' || s.p[at] == '+');
        n = digits(s, at);
        at += n;
    }
    return n > 0 && at == s.n;
}

static bool to_double(sio_str s, double *out)
{
    bool minus = s.n && s.p[0] == '-';

    if (sio_str_eq(s, sio_lit("inf")) || sio_str_eq(s, sio_lit("+inf")) || sio_str_eq(s, sio_lit("-inf"))) {
        *out = minus ? -INFINITY : INFINITY;
        return true;
    }
    if (sio_str_eq(s, sio_lit("nan")) || sio_str_eq(s, sio_lit("-nan"))) {
        *out = NAN;
        return true;
    }
    if (!is_decimal(s))
        return false;
    if (s.p[0] == '+') {
        s.p++;
        s.n--;
    }
    *out = num_parse(s.p, s.n);
    return true;
}

/* ---- heads ---- */

/* What the first line of a reply says. */
typedef struct head {
    char    type;      /* 0 for one of the nulls */
    sio_str text;
    int64_t n;         /* bytes or items */
    double  d;
} head;

static int check_number(const head *h)
{
    switch (h->type) {
    case '_': return h->text.n == 0 ? 1 : SIO_EPARSE;
    case '#': return h->text.n == 1 && (*h->text.p == 't' || *h->text.p == 'f') ? 1 : SIO_EPARSE;
    case ':': case ',': return 1;
    case '=': return h->n >= 4 ? 1 : SIO_EPARSE;
    default:  return h->n >= 0 && h->n <= UINT32_MAX / 2 ? 1 : SIO_EPARSE;
    }
}

static int read_number(head *h)
{
    if (h->type == ',')
        return to_double(h->text, &h->d) ? 1 : SIO_EPARSE;
    if (!strchr("_#", h->type) && !to_int(h->text, &h->n))
        return SIO_EPARSE;
    if ((h->type == '$' || h->type == '*') && h->n == -1)
        h->type = '_', h->text.n = 0;
    return check_number(h);
}

/* 1, 0 incomplete, an error. */
static int read_head(reader *r, head *h)
{
    bool is_text;
    int rc;

    if (r->at == r->n)
        return wait_for(r, MIN_REPLY);
    h->type = r->p[r->at];
    is_text = h->type == '+' || h->type == '-' || h->type == '(';
    if (!is_text && (!h->type || !strchr("_#:,$!=*~>%|", h->type)))
        return SIO_EPARSE;
    r->at++;
    rc = line(r, is_text ? SIZE_MAX : MAX_HEAD, &h->text);
    return rc <= 0 || is_text ? rc : read_number(h);
}

/* ---- the first pass: is it all there? ---- */

static int skip(reader *r, unsigned depth);

static int skip_items(reader *r, uint64_t n, unsigned depth)
{
    if (n * MIN_REPLY > r->max)
        return SIO_ETOOBIG;
    if (n && depth == RESP_MAX_DEPTH)
        return SIO_ELIMIT;
    for (; n > 0; n--) {
        int rc = skip(r, depth + 1);
        if (rc == 0 && (r->need += (n - 1) * MIN_REPLY) > r->max)
            return SIO_ETOOBIG;
        if (rc <= 0)
            return rc;
    }
    return 1;
}

static int skip_bytes(reader *r, uint64_t n)
{
    if (r->n - r->at < n + 2)
        return wait_for(r, n + 2);
    r->at += n;
    if (r->p[r->at] != '\r' || r->p[r->at + 1] != '\n')
        return SIO_EPARSE;
    r->at += 2;
    return r->at <= r->max ? 1 : SIO_ETOOBIG;
}

static int skip(reader *r, unsigned depth)
{
    head h;
    int rc = read_head(r, &h);

    if (rc <= 0)
        return rc;
    switch (h.type) {
    case '$': case '!': case '=':
        return skip_bytes(r, (uint64_t)h.n);
    case '*': case '~': case '>':
        return skip_items(r, (uint64_t)h.n, depth);
    case '%':
        return skip_items(r, 2 * (uint64_t)h.n, depth);
    case '|': /* attributes, and then what they belong to */
        rc = skip_items(r, 2 * (uint64_t)h.n, depth);
        if (rc > 0 && depth == RESP_MAX_DEPTH)
            return SIO_ELIMIT;
        return rc > 0 ? skip(r, depth + 1) : rc;
    default:
        return 1;
    }
}

/* ---- the second pass: everything is there and well formed ---- */

static int build(reader *r, resp_val *v);

static int build_items(reader *r, resp_val *v, resp_kind kind, uint64_t n)
{
    resp_val *item = arena_alloc(r->a, n * sizeof(*item));

    if (!item)
        return SIO_ENOMEM;
    for (uint64_t i = 0; i < n; i++)
        if (build(r, &item[i]) < 0)
            return SIO_ENOMEM;
    *v = (resp_val){.kind = kind, .n = (uint32_t)n, .item = item};
    return 0;
}

static void build_bytes(reader *r, resp_val *v, const head *h)
{
    size_t mark = h->type == '=' ? 4 : 0; /* "txt:" */

    *v = (resp_val){.kind = h->type == '!' ? RESP_ERROR : RESP_BULK};
    v->s = (sio_str){r->p + r->at + mark, (size_t)h->n - mark};
    r->at += (size_t)h->n + 2;
}

/* Attributes say nothing that we ask for. */
static int build_behind(reader *r, resp_val *v, uint64_t items)
{
    while (items-- > 0)
        if (skip(r, 0) < 0)
            return SIO_ENOMEM;
    return build(r, v);
}

static int build(reader *r, resp_val *v)
{
    head h = {0};

    if (read_head(r, &h) <= 0)
        return SIO_EPARSE;
    switch (h.type) {
    case '$': case '!': case '=': build_bytes(r, v, &h); break;
    case '*': case '~': return build_items(r, v, RESP_ARRAY, (uint64_t)h.n);
    case '>': return build_items(r, v, RESP_PUSH, (uint64_t)h.n);
    case '%': return build_items(r, v, RESP_MAP, 2 * (uint64_t)h.n);
    case '|': return build_behind(r, v, 2 * (uint64_t)h.n);
    case ':': *v = (resp_val){.kind = RESP_INT, .i = h.n}; break;
    case ',': *v = (resp_val){.kind = RESP_DOUBLE, .d = h.d}; break;
    case '#': *v = (resp_val){.kind = RESP_BOOL, .i = *h.text.p == 't'}; break;
    case '-': *v = (resp_val){.kind = RESP_ERROR, .s = h.text}; break;
    case '_': *v = (resp_val){.kind = RESP_NIL}; break;
    default:  *v = (resp_val){.kind = RESP_STATUS, .s = h.text}; break;
    }
    return 0;
}

long resp_parse(const char *p, size_t n, size_t max, arena *a, resp_val *out, size_t *need)
{
    reader r = {.p = p, .n = n, .max = max < INT64_MAX / 4 ? max : INT64_MAX / 4, .a = a};
    int rc = skip(&r, 0);

    if (rc == 0 && need)
        *need = r.need;
    if (rc <= 0)
        return rc;
    r.at = 0;
    rc = build(&r, out);
    return rc < 0 ? rc : (long)r.at;
}

/* ---- writing ---- */

static size_t put_head(char *to, char type, uint64_t n)
{
    size_t len = num_u64(n, to + 1);

    to[0] = type;
    memcpy(to + 1 + len, "\r\n", 2);
    return len + 3;
}

int resp_put_command(buf *out, const sio_str *argv, unsigned argc)
{
    size_t need = 24, at;
    int rc;

    for (unsigned i = 0; i < argc; i++) {
        if (argv[i].n > out->max)
            return SIO_ETOOBIG;
        need += argv[i].n + 26;
    }
    rc = buf_reserve(out, need);
    if (rc < 0)
        return rc;
    at = out->n + put_head(out->p + out->n, '*', argc);
    for (unsigned i = 0; i < argc; i++) {
        at += put_head(out->p + at, '$', argv[i].n);
        if (argv[i].n)
            memcpy(out->p + at, argv[i].p, argv[i].n);
        at += argv[i].n;
        memcpy(out->p + at, "\r\n", 2);
        at += 2;
    }
    out->n = at;
    return 0;
}
