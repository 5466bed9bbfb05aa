/* HTTP/1.1 heads: request or status line, header lines, and what they say about the body and
 * the connection. */
#include "codec/http1.h"

#include "base/list.h"
#include "sio_err.h"

/* What a byte may be part of. */
enum { TOKEN = 1, TARGET = 2, HOST = 4, DIGIT = 8 };

#define T_  TOKEN | TARGET
#define TH_ TOKEN | TARGET | HOST
#define GH_ TARGET | HOST

/* Bytes above 0x7e are in no class. '#' is not in TARGET: a fragment is never sent. */
static const uint8_t byte_class[256] = {
    ['!'] = TH_, ['"'] = TARGET, ['#'] = TOKEN, ['$'] = TH_, ['%'] = TH_, ['&'] = TH_, ['\''] = TH_,
    ['('] = GH_, [')'] = GH_, ['*'] = TH_, ['+'] = TH_, [','] = GH_, ['-'] = TH_, ['.'] = TH_, ['/'] = TARGET,
    ['0' ... '9'] = TH_ | DIGIT, [':'] = GH_, [';'] = GH_, ['<'] = TARGET, ['='] = GH_, ['>'] = TARGET,
    ['?'] = TARGET, ['@'] = TARGET, ['A' ... 'Z'] = TH_, ['['] = GH_, ['\\'] = TARGET, [']'] = GH_,
    ['^'] = T_, ['_'] = TH_, ['`'] = T_, ['a' ... 'z'] = TH_, ['{'] = TARGET, ['|'] = T_, ['}'] = TARGET,
    ['~'] = TH_,
};

/* What one parse has seen so far. */
typedef struct head_facts {
    bool host, encoding, close, keep_alive, asks_upgrade, names_upgrade;
} head_facts;

static size_t span_of(const char *p, size_t n, unsigned mask)
{
    size_t i = 0;

    while (i < n && (byte_class[(uint8_t)p[i]] & mask))
        i++;
    return i;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* `word` is in lower case. */
static bool same_word(sio_str s, const char *word, size_t n)
{
    if (s.n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (lower(s.p[i]) != word[i])
            return false;
    return true;
}

#define IS_WORD(s, literal) same_word(s, literal, sizeof(literal) - 1)

static sio_str trim(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return (sio_str){p, (size_t)(end - p)};
}

/* Cuts the next element off a comma-separated list. */
static bool next_element(sio_str *list, sio_str *element)
{
    const char *end, *comma;

    if (list->n == 0)
        return false;
    end = list->p + list->n;
    comma = memchr(list->p, ',', list->n);
    *element = trim(list->p, comma ? comma : end);
    *list = comma ? (sio_str){comma + 1, (size_t)(end - comma - 1)} : (sio_str){end, 0};
    return true;
}

/* ---- request line ---- */

static int parse_version(sio_str v, http1_request *out)
{
    if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' || !(byte_class[(uint8_t)v.p[5]] & DIGIT) ||
        !(byte_class[(uint8_t)v.p[7]] & DIGIT))
        return -400;
    if (v.p[5] != '1')
        return -505;
    out->minor = v.p[7] != '0';
    return 0;
}

/* Finds where the path starts in scheme://authority/path; NULL when the target has another form. A user name
 * in the authority is refused, as RFC 9110 4.2.4 advises. */
static const char *skip_authority(sio_str target)
{
    const char *end = target.p + target.n, *p = target.p, *authority;

    while (p < end && (lower(*p) >= 'a' && lower(*p) <= 'z'))
        p++;
    if (p == target.p || end - p < 3 || memcmp(p, "://", 3) != 0)
        return NULL;
    authority = p + 3;
    p = authority + span_of(authority, (size_t)(end - authority), HOST);
    if (p == authority || (p < end && *p != '/' && *p != '?'))
        return NULL;
    return p;
}

/* CONNECT's authority-form is refused here: this is no proxy. */
static int parse_target(http1_request *out)
{
    sio_str t = out->target;
    const char *end = t.p + t.n, *path = t.p, *mark;

    if (t.n == 0 || span_of(t.p, t.n, TARGET) != t.n)
        return -400;
    if (t.n == 1 && *t.p == '*' && sio_str_eq(out->method, sio_lit("OPTIONS"))) {
        out->path = t;
        return 0;
    }
    if (*path != '/' && !(path = skip_authority(t)))
        return -400;
    mark = memchr(path, '?', (size_t)(end - path));
    out->path = (sio_str){path, (size_t)((mark ? mark : end) - path)};
    if (out->path.n == 0)
        out->path = sio_lit("/");
    if (mark)
        out->query = (sio_str){mark + 1, (size_t)(end - mark - 1)};
    return 0;
}

/* [p, end) is the line without CRLF. */
static int parse_request_line(const char *p, const char *end, http1_request *out)
{
    size_t n = span_of(p, (size_t)(end - p), TOKEN);
    const char *space;
    int err;

    out->method = (sio_str){p, n};
    if (n == 0 || p + n == end || p[n] != ' ')
        return -400;
    p += n + 1;
    space = memchr(p, ' ', (size_t)(end - p));
    if (!space)
        return -400;
    out->target = (sio_str){p, (size_t)(space - p)};
    err = parse_version((sio_str){space + 1, (size_t)(end - space - 1)}, out);
    return err ? err : parse_target(out);
}

/* "HTTP/1.1 200 OK"; a server may leave the reason out, with the space before it or without. */
static int parse_status_line(const char *p, const char *end, http1_request *out)
{
    int status = 0, err;

    if (end - p < 12 || p[8] != ' ' || (end - p > 12 && p[12] != ' '))
        return -400;
    for (int i = 9; i < 12; i++) {
        if (!(byte_class[(uint8_t)p[i]] & DIGIT))
            return -400;
        status = status * 10 + (p[i] - '0');
    }
    if ((err = parse_version((sio_str){p, 8}, out)) < 0)
        return err;
    container_of(out, http1_response, head)->status = status;
    return status < 100 ? -400 : 0;
}

/* ---- header lines ---- */

static int take_host(http1_request *out, head_facts *f, sio_str value)
{
    (void)out;
    if (f->host || span_of(value.p, value.n, HOST) != value.n)
        return -400;
    f->host = true;
    return 0;
}

/* Equal duplicates and lists of equal values, which RFC 9112 6.3 lets us merge, are refused: no client sends
 * them. */
static int take_length(http1_request *out, head_facts *f, sio_str value)
{
    uint64_t v = 0;

    (void)f;
    if (out->has_length || value.n == 0 || value.n > 18)
        return -400;
    for (size_t i = 0; i < value.n; i++) {
        if (!(byte_class[(uint8_t)value.p[i]] & DIGIT))
            return -400;
        v = v * 10 + (uint64_t)(value.p[i] - '0');
    }
    out->has_length = true;
    out->content_length = v;
    return 0;
}

static int take_encoding(http1_request *out, head_facts *f, sio_str value)
{
    if (f->encoding || value.n == 0)
        return -400;
    if (!IS_WORD(value, "chunked"))
        return -501;
    f->encoding = out->chunked = true;
    return 0;
}

static int take_connection(http1_request *out, head_facts *f, sio_str value)
{
    sio_str word;

    (void)out;
    while (next_element(&value, &word)) {
        f->close |= IS_WORD(word, "close");
        f->keep_alive |= IS_WORD(word, "keep-alive");
        f->asks_upgrade |= IS_WORD(word, "upgrade");
    }
    return 0;
}

static int take_upgrade(http1_request *out, head_facts *f, sio_str value)
{
    (void)out;
    f->names_upgrade |= value.n > 0;
    return 0;
}

static int take_expect(http1_request *out, head_facts *f, sio_str value)
{
    (void)f;
    out->expect_continue |= IS_WORD(value, "100-continue");
    return 0;
}

/* The headers that decide about framing and connection; the lengths of the names are all different. */
static int take_header(http1_request *out, head_facts *f, const http1_header *h)
{
    switch (h->name.n) {
    case 4:
        return IS_WORD(h->name, "host") ? take_host(out, f, h->value) : 0;
    case 6:
        return IS_WORD(h->name, "expect") ? take_expect(out, f, h->value) : 0;
    case 7:
        return IS_WORD(h->name, "upgrade") ? take_upgrade(out, f, h->value) : 0;
    case 10:
        return IS_WORD(h->name, "connection") ? take_connection(out, f, h->value) : 0;
    case 14:
        return IS_WORD(h->name, "content-length") ? take_length(out, f, h->value) : 0;
    case 17:
        return IS_WORD(h->name, "transfer-encoding") ? take_encoding(out, f, h->value) : 0;
    default:
        return 0;
    }
}

/* The end of the line at p (its CR), or NULL when a CR or LF stands alone. The caller knows that an LF
 * follows. */
static const char *line_end(const char *p, const char *end)
{
    const char *lf = memchr(p, '\n', (size_t)(end - p));

    if (lf == p || lf[-1] != '\r' || memchr(p, '\r', (size_t)(lf - p)) != lf - 1)
        return NULL;
    return lf - 1;
}

/* Without a branch in the loop, so that the compiler can take many bytes at once. */
static bool has_control_characters(sio_str s)
{
    bool found = false;

    for (size_t i = 0; i < s.n; i++)
        found |= (((uint8_t)s.p[i] < 0x20) & (s.p[i] != '\t')) | (s.p[i] == 0x7f);
    return found;
}

/* A line that starts with white space (obs-fold) has no name and so is refused, like a space before the
 * colon. */
static int parse_header_line(const char *p, const char *end, http1_request *out, head_facts *f)
{
    size_t n = span_of(p, (size_t)(end - p), TOKEN);
    http1_header *h;

    if (n == 0 || p + n == end || p[n] != ':')
        return -400;
    if (out->nheaders == HTTP1_MAX_HEADERS)
        return -431;
    h = &out->header[out->nheaders++];
    h->name = (sio_str){p, n};
    h->value = trim(p + n + 1, end);
    if (has_control_characters(h->value))
        return -400;
    return take_header(out, f, h);
}

/* What follows from all headers together. An Upgrade of HTTP/1.0 is ignored (RFC 9110 7.8), and so is its
 * Expect. */
static int conclude(http1_request *out, const head_facts *f)
{
    if (f->encoding && (out->has_length || out->minor == 0))
        return -400;
    out->keep_alive = !f->close && (out->minor > 0 || f->keep_alive);
    out->upgrade = out->minor > 0 && f->asks_upgrade && f->names_upgrade;
    out->expect_continue = out->minor > 0 && out->expect_continue;
    return 0;
}

typedef int first_line_fn(const char *p, const char *end, http1_request *out);

/* [p, end) ends with CRLF CRLF and holds no other. */
static int parse_head(const char *p, const char *end, first_line_fn *first_line, http1_request *out)
{
    head_facts f = {0};
    const char *cr = line_end(p, end);
    int err;

    if (!cr || memchr(p, 0, (size_t)(end - p)))
        return -400;
    err = first_line(p, cr, out);
    if (err)
        return err;
    for (p = cr + 2; p + 2 < end; p = cr + 2) {
        cr = line_end(p, end);
        err = cr ? parse_header_line(p, cr, out, &f) : -400;
        if (err)
            return err;
    }
    if (out->method.n > 0 && out->minor > 0 && !f.host)
        return -400;
    return conclude(out, &f);
}

/* A head without its blank line yet: wait, unless it can no longer become a good one. */
static long incomplete(const char *p, size_t n)
{
    const char *lf = n > 0 ? memchr(p, '\n', n) : NULL;

    if (lf && (lf == p || lf[-1] != '\r'))
        return -400;
    return 0;
}

static long parse(const char *p, size_t n, first_line_fn *first_line, http1_request *out)
{
    size_t skip = 0;
    const char *blank;
    int err;

    if (n == 0)
        return 0;
    if (n >= 2 && p[0] == '\r' && p[1] == '\n')
        skip = 2; /* one empty line before the request is tolerated, RFC 9112 2.2 */
    if (n > HTTP1_MAX_HEAD)
        n = HTTP1_MAX_HEAD;
    blank = memmem(p + skip, n - skip, "\r\n\r\n", 4);
    if (!blank)
        return n == HTTP1_MAX_HEAD ? -431 : incomplete(p + skip, n - skip);
    memset(out, 0, offsetof(http1_request, header));
    err = parse_head(p + skip, blank + 4, first_line, out);
    return err ? err : blank + 4 - p;
}

long http1_parse(const char *p, size_t n, http1_request *out)
{
    return parse(p, n, parse_request_line, out);
}

long http1_parse_response(const char *p, size_t n, http1_response *out)
{
    return parse(p, n, parse_status_line, &out->head);
}

/* ---- reading a parsed head ---- */

sio_str http1_header_get(const http1_request *r, const char *name)
{
    size_t n = strlen(name);

    for (unsigned i = 0; i < r->nheaders; i++) {
        sio_str have = r->header[i].name;
        size_t at = 0;

        if (have.n != n)
            continue;
        while (at < n && lower(have.p[at]) == lower(name[at]))
            at++;
        if (at == n)
            return r->header[i].value;
    }
    return (sio_str){NULL, 0};
}

bool http1_has_token(sio_str value, const char *token)
{
    size_t n = strlen(token);
    sio_str word;

    while (next_element(&value, &word)) {
        size_t at = 0;

        if (word.n != n)
            continue;
        while (at < n && lower(word.p[at]) == lower(token[at]))
            at++;
        if (at == n)
            return true;
    }
    return false;
}

const char *http1_reason(int status)
{
    static const struct reason {
        int         status;
        const char *text;
    } reasons[] = {
        {100, "Continue"}, {101, "Switching Protocols"}, {200, "OK"}, {201, "Created"}, {202, "Accepted"},
        {204, "No Content"}, {206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"},
        {303, "See Other"}, {304, "Not Modified"}, {307, "Temporary Redirect"}, {308, "Permanent Redirect"},
        {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
        {405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"},
        {410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"}, {413, "Payload Too Large"},
        {414, "URI Too Long"}, {415, "Unsupported Media Type"}, {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"}, {422, "Unprocessable Entity"}, {426, "Upgrade Required"},
        {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
        {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
        {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "unknown";
}
