/* HTTP/1.1: heads of requests and answers, chunked bodies and query strings. The first byte of the input
 * chooses the size of the pieces, the rest is fed whole and in these pieces, and both must give the same. */
#include "base/utf8.h"
#include "codec/http1.h"
#include "sio_err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

/* A copy of exactly n bytes, so that a read beyond them is seen. */
static char *copy_of(const char *p, size_t n)
{
    char *copy = malloc(n + !n);

    CHECK(copy);
    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

static bool is_inside(sio_str s, const char *p, size_t n)
{
    return s.p >= p && s.p + s.n <= p + n;
}

static void check_request(const http1_request *r, const char *p, size_t n)
{
    CHECK(is_inside(r->method, p, n) && is_inside(r->target, p, n) && r->method.n > 0 && r->path.n > 0);
    CHECK(r->query.n == 0 || is_inside(r->query, p, n));
    CHECK(r->nheaders <= HTTP1_MAX_HEADERS && !(r->chunked && r->has_length));
    for (unsigned i = 0; i < r->nheaders; i++) {
        sio_str name = r->header[i].name, value = r->header[i].value;

        CHECK(is_inside(name, p, n) && is_inside(value, p, n) && name.n > 0);
        CHECK(!memchr(value.p, 0, value.n));
        CHECK(!memchr(value.p, '\r', value.n) && !memchr(value.p, '\n', value.n));
    }
    CHECK(r->minor == 0 || http1_header_get(r, "host").p);
}

static void fuzz_head(const char *p, size_t n, size_t step)
{
    char *whole = copy_of(p, n);
    http1_request a, b;
    long want = http1_parse(whole, n, &a), got = 0;

    CHECK(want <= (long)n && want <= HTTP1_MAX_HEAD);
    if (want > 0)
        check_request(&a, whole, (size_t)want);
    for (size_t at = 0; got == 0 && at < n;) {
        char *piece;

        at = n - at < step ? n : at + step;
        piece = copy_of(p, at);
        got = http1_parse(piece, at, &b);
        free(piece);
    }
    CHECK(want < 0 ? got < 0 : got == want);
    CHECK(want <= 0 || (a.nheaders == b.nheaders && a.upgrade == b.upgrade && a.chunked == b.chunked &&
                        a.content_length == b.content_length && a.keep_alive == b.keep_alive));
    free(whole);
}

/* Heads of answers: as requests, but for their first line. */
static void fuzz_answer(const char *p, size_t n, size_t step)
{
    char *whole = copy_of(p, n);
    http1_response a, b;
    long want = http1_parse_response(whole, n, &a), got = 0;

    CHECK(want <= (long)n && want <= HTTP1_MAX_HEAD);
    if (want > 0)
        CHECK(a.status >= 100 && a.status < 1000 && a.head.method.n == 0 &&
              a.head.nheaders <= HTTP1_MAX_HEADERS);
    for (unsigned i = 0; want > 0 && i < a.head.nheaders; i++)
        CHECK(is_inside(a.head.header[i].name, whole, n) && is_inside(a.head.header[i].value, whole, n));
    for (size_t at = 0; got == 0 && at < n;) {
        char *piece;

        at = n - at < step ? n : at + step;
        piece = copy_of(p, at);
        got = http1_parse_response(piece, at, &b);
        free(piece);
    }
    CHECK(want < 0 ? got < 0 : got == want);
    CHECK(want <= 0 || (a.status == b.status && a.head.nheaders == b.head.nheaders));
    free(whole);
}

typedef struct decoded {
    buf    body;
    size_t used;
    int    rc;
} decoded;

static bool is_utf8(const buf *b)
{
    return b->n == 0 || utf8_valid(b->p, b->n);
}

static decoded decode(const char *p, size_t n, size_t step)
{
    decoded d = {.rc = 0};
    http1_chunked c;

    buf_init(&d.body, n);
    http1_chunked_init(&c);
    while (d.rc == 0 && d.used < n) {
        size_t len = n - d.used < step ? n - d.used : step, used, out;
        char *piece = copy_of(p + d.used, len);

        d.rc = http1_chunked_feed(&c, piece, len, &used, &out);
        if (d.rc >= 0) {
            CHECK(out <= used && used <= len && buf_add(&d.body, piece, out) == 0);
            d.used += used;
        }
        free(piece);
    }
    return d;
}

static void fuzz_chunked(const char *p, size_t n, size_t step)
{
    decoded a = decode(p, n, n), b = decode(p, n, step);

    CHECK(a.rc == b.rc);
    if (a.rc >= 0)
        CHECK(a.used == b.used && sio_str_eq(buf_str(&a.body), buf_str(&b.body)));
    buf_fini(&a.body);
    buf_fini(&b.body);
}

/* Every key that a C string can spell is found, and what is found is UTF-8. */
static void fuzz_query(const char *p, size_t n)
{
    sio_str query = {p, n};
    buf key, value, found;
    size_t at = 0;

    buf_init(&key, 4 * n + 1);
    buf_init(&value, 4 * n);
    buf_init(&found, 4 * n);
    while (http1_query_next(query, &at, &key, &value)) {
        CHECK(at <= n && is_utf8(&key) && is_utf8(&value));
        CHECK(buf_putc(&key, 0) == 0);
        found.n = 0;
        if (strlen(key.p) == key.n - 1 && !memmem(key.p, key.n, "\xef\xbf\xbd", 3))
            CHECK(http1_query_get(query, key.p, &found) == 1 && is_utf8(&found));
    }
    buf_fini(&key);
    buf_fini(&value);
    buf_fini(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data + 1;
    size_t step;

    if (size == 0)
        return 0;
    step = (size_t)data[0] + 1;
    fuzz_head(p, size - 1, step);
    fuzz_answer(p, size - 1, step);
    fuzz_chunked(p, size - 1, step);
    fuzz_query(p, size - 1);
    return 0;
}
