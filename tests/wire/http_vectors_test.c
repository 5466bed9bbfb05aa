/* Replays captured HTTP exchanges (tests/vectors/protocol/http_exchanges.json) against servers with the
 * options they were captured with, and compares status line, headers and body. Session ids are compared as
 * "an id". */
#include "codec/vectors_test.h"
#include "http_vectors_table.h"
#include "lab.h"
#include "sio/rig_test.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define SESSION "/socket.io/?EIO=4&transport=polling&sid="

typedef struct exchange {
    sio_str name, request, status, headers, body, after; /* headers: a JSON list; after: bytes behind a 101 */
    bool closed;
} exchange;

/* ---- one server and what was asked of it ---- */

typedef struct known_sid {
    char theirs[21], ours[21];
} known_sid;

typedef struct bench {
    rig r;
    lab lab;
    const char *options;
    unsigned loops;
    size_t chunk;
    peer peer[128];
    unsigned npeers;
    peer *first; /* the connection that a set-up left waiting */
    known_sid sid[64];
    unsigned nsids;
    char dir[64]; /* of the client bundles */
    bool running;
} bench;

static peer *dial(bench *b)
{
    peer *p = &b->peer[b->npeers++];

    assert_true(b->npeers <= sizeof b->peer / sizeof *b->peer);
    rig_dial(&b->r, p);
    return p;
}

static void server_end(bench *b)
{
    if (!b->running)
        return;
    while (b->npeers)
        peer_close(&b->peer[--b->npeers]);
    rig_fini(&b->r);
    lab_fini(&b->lab);
    b->nsids = 0;
    b->running = false;
}

static void server_begin(bench *b, const char *words)
{
    sio_options o = rig_options(b->loops);
    const char *bad;
    char client[80];

    b->options = words;
    lab_init(&b->lab);
    snprintf(client, sizeof client, "client=%s", b->dir);
    assert_true(lab_options(&b->lab, words, &o, &bad));
    assert_true(lab_options(&b->lab, client, &o, &bad));
    lab_hooks(&b->lab, &o);
    rig_init(&b->r, &o);
    b->r.chunk = b->chunk;
    assert_true(lab_attach(&b->lab, b->r.io, "echo"));
    rig_listen(&b->r);
    b->running = true;
}

/* ---- sessions ---- */

static bool is_id_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

static size_t id_run(const char *p, const char *end)
{
    size_t n = 0;

    while (p + n < end && is_id_char(p[n]))
        n++;
    return n;
}

static void open_session(bench *b, sio_str name, known_sid *k)
{
    bool jsonp = name.n > 14 && memcmp(name.p, "jsonp session ", 14) == 0;
    peer *p = dial(b);
    char *body, *at;

    peer_get(p, jsonp ? "/socket.io/?EIO=4&transport=polling&j=7" : "/socket.io/?EIO=4&transport=polling");
    body = peer_body(p, 200);
    at = strstr(body, jsonp ? "\\\"sid\\\":\\\"" : "\"sid\":\"");
    assert_non_null(at);
    memcpy(k->ours, at + (jsonp ? 10 : 7), 20);
    free(body);
}

/* Our id for one of the capture's; the session is opened when it is first heard of. */
static const char *our_sid(bench *b, sio_str name, const char *theirs)
{
    known_sid *k;

    for (unsigned i = 0; i < b->nsids; i++)
        if (memcmp(b->sid[i].theirs, theirs, 20) == 0)
            return b->sid[i].ours;
    assert_true(b->nsids < sizeof b->sid / sizeof *b->sid);
    k = &b->sid[b->nsids++];
    memset(k, 0, sizeof *k);
    memcpy(k->theirs, theirs, 20);
    open_session(b, name, k);
    return k->ours;
}

/* ---- what went before an exchange ---- */

static void wait_with_get(bench *b, const char *sid)
{
    char target[128];

    snprintf(target, sizeof target, SESSION "%s", sid);
    b->first = dial(b);
    peer_get(b->first, target);
}

static void abort_get(bench *b, const char *sid)
{
    wait_with_get(b, sid);
    peer_hangup(b->first);
}

static void wait_with_post(bench *b, const char *sid)
{
    char head[256];

    b->first = dial(b);
    snprintf(head, sizeof head,
             "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: localhost\r\n"
             "Content-Length: 100\r\n\r\n4",
             sid);
    peer_sends(b->first, head);
}

static void post(bench *b, const char *sid, const char *body)
{
    char target[128];
    peer *p = dial(b);

    snprintf(target, sizeof target, SESSION "%s", sid);
    peer_post(p, target, body);
    free(peer_body(p, 200));
}

static void join_with_big(bench *b, const char *sid)
{
    post(b, sid, "40");
    post(b, sid, "42[\"big\",2000]");
}

static const struct {
    const char *name;
    void (*fn)(bench *b, const char *sid);
} before[] = {
    {"overlapping GET (second)", wait_with_get},
    {"overlapping POST (second)", wait_with_post},
    {"POST close packet '1'", wait_with_get},
    {"GET after aborted poll", abort_get},
    {"httpCompression gzip poll > 1024", join_with_big},
    {"httpCompression no accept-encoding", join_with_big},
    {"httpCompression deflate", join_with_big},
};

/* ---- the request ---- */

static void replace(buf *text, const char *from, const char *to)
{
    char *at = memmem(text->p, text->n, from, strlen(from));
    buf out;

    if (!at)
        return;
    buf_init(&out, PEER_MAX);
    buf_add(&out, text->p, (size_t)(at - text->p));
    buf_puts(&out, to);
    at += strlen(from);
    buf_add(&out, at, (size_t)(text->p + text->n - at));
    buf_fini(text);
    *text = out;
}

/* Long bodies were shortened in the file to a beginning and "...(N bytes)"; N counts the head, too. */
static void complete(buf *text)
{
    char *dots = memmem(text->p, text->n, "...(", 4);
    size_t size;

    if (!dots)
        return;
    size = strtoul(dots + 4, NULL, 10);
    text->n = (size_t)(dots - text->p);
    while (text->n < size)
        buf_putc(text, 'x');
}

static void put_etag(bench *b, buf *text)
{
    peer *p;
    peer_reply reply;
    buf taken;
    char tag[64], path[64];

    if (!memmem(text->p, text->n, "If-None-Match", 13))
        return;
    assert_int_equal(buf_putc(text, '\0'), 0); /* sscanf wants an end */
    text->n--;
    assert_int_equal(sscanf(text->p, "GET %63s", path), 1);
    p = dial(b);
    peer_get(p, path);
    assert_true(peer_take_reply(p, false, &reply, &taken));
    snprintf(tag, sizeof tag, "%.*s", (int)peer_header(&reply, "etag").n, peer_header(&reply, "etag").p);
    replace(text, "\"4.8.4\"", tag);
    buf_fini(&taken);
}

static buf make_request(bench *b, const exchange *x)
{
    const char *sid;
    buf text;

    buf_init(&text, PEER_MAX);
    if (!x->request.n)
        return text; /* the answer to what the set-up of the exchange before it left waiting */
    buf_add(&text, x->request.p, x->request.n + 1); /* with the 0 byte */
    text.n--;
    complete(&text);
    sid = memmem(text.p, text.n, "sid=", 4);
    if (sid && id_run(sid + 4, text.p + text.n) == 20) {
        const char *ours = our_sid(b, x->name, sid + 4);

        for (size_t i = 0; i < sizeof before / sizeof *before; i++)
            if (sio_str_eq(x->name, sio_str_z(before[i].name)))
                before[i].fn(b, ours);
        memcpy((char *)(uintptr_t)sid + 4, ours, 20);
    }
    put_etag(b, &text);
    return text;
}

/* ---- answers in one form that can be compared ---- */

static void put_masked(buf *out, sio_str s)
{
    const char *p = s.p, *end = p + s.n;

    while (p < end) {
        size_t n = id_run(p, end);

        if (n == 20)
            buf_puts(out, "(an id)");
        else
            buf_add(out, p, n ? n : 1);
        p += n ? n : 1;
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

typedef struct lines {
    char *line[32];
    unsigned n;
} lines;

static void add_line(lines *l, sio_str s)
{
    /* The reference sends errors in chunks; a length that is there is compared through the body. */
    if (s.n > 15 && strncasecmp(s.p, "content-length:", 15) == 0)
        return;
    assert_true(l->n < sizeof l->line / sizeof *l->line);
    l->line[l->n++] = strndup(s.p, s.n);
}

static void put_lines(buf *out, lines *l)
{
    qsort(l->line, l->n, sizeof *l->line, compare_lines);
    for (unsigned i = 0; i < l->n; i++) {
        if (strncmp(l->line[i], "ETag: ", 6) == 0)
            buf_puts(out, "ETag: TAG");
        else
            put_masked(out, sio_str_z(l->line[i]));
        buf_putc(out, '\n');
        free(l->line[i]);
    }
}

static void put_header_list(buf *out, vectors *v, sio_str list)
{
    lines l = {.n = 0};
    size_t at = 0;
    sio_str item;

    while (json_next(list, &at, NULL, &item))
        add_line(&l, vectors_text(v, item));
    put_lines(out, &l);
}

static void put_reply_headers(buf *out, const peer_reply *r)
{
    const char *at = r->headers.p, *end = at + r->headers.n;
    lines l = {.n = 0};

    while (at < end) {
        const char *eol = memmem(at, (size_t)(end - at), "\r\n", 2);

        add_line(&l, (sio_str){at, (size_t)(eol - at)});
        at = eol + 2;
    }
    put_lines(out, &l);
}

static void put_unpacked(buf *out, sio_str packed)
{
    static char text[65536];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.p,
                  .avail_in = (uInt)packed.n,
                  .next_out = (Bytef *)text,
                  .avail_out = sizeof text};

    assert_int_equal(inflateInit2(&z, 47), Z_OK); /* gzip or zlib */
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    put_masked(out, (sio_str){text, z.total_out});
    inflateEnd(&z);
}

static void put_frames(buf *out, sio_str bytes)
{
    for (size_t i = 0; i < bytes.n && (unsigned char)bytes.p[i] >= 0x80;
         i += 2 + (unsigned char)bytes.p[i + 1]) {
        assert_true((unsigned char)bytes.p[i + 1] < 126);
        buf_printf(out, "frame %u: ", (unsigned char)bytes.p[i] & 15u);
        put_masked(out, (sio_str){bytes.p + i + 2, (unsigned char)bytes.p[i + 1]});
        buf_putc(out, '\n');
    }
}

/* The payload that was compressed: its bytes depend on the compressor, so both are compared unpacked. */
static void put_big(buf *out)
{
    buf_puts(out, "40{\"sid\":\"(an id)\"}\x1e"
                  "42[\"big\",\"");
    for (int i = 0; i < 2000; i++)
        buf_putc(out, 'a');
    buf_puts(out, "\"]");
}

static buf expected(vectors *v, const exchange *x)
{
    char *dots = x->body.n ? memmem(x->body.p, x->body.n, "...(", 4) : NULL;
    buf out;

    buf_init(&out, PEER_MAX);
    if (x->status.n) {
        buf_add_str(&out, x->status);
        buf_putc(&out, '\n');
        put_header_list(&out, v, x->headers);
        buf_putc(&out, '\n');
    }
    if (x->after.n)
        put_frames(&out, x->after);
    else if (memmem(x->name.p, x->name.n, "httpCompression", 15))
        put_big(&out);
    else
        put_masked(&out, (sio_str){x->body.p, dots ? (size_t)(dots - x->body.p) : x->body.n});
    buf_puts(&out, x->closed ? "\n(closed)" : "");
    return out;
}

static buf render(peer *p, const exchange *x)
{
    bool is_head = x->request.n > 5 && memcmp(x->request.p, "HEAD ", 5) == 0;
    peer_reply r;
    buf out, taken;

    buf_init(&out, PEER_MAX);
    if (peer_take_reply(p, is_head, &r, &taken)) {
        buf_add_str(&out, r.line);
        buf_putc(&out, '\n');
        put_reply_headers(&out, &r);
        buf_putc(&out, '\n');
        if (peer_header(&r, "content-encoding").p)
            put_unpacked(&out, r.body);
        else
            put_masked(&out, r.body);
        buf_fini(&taken);
    }
    put_frames(&out, peer_pull(p));
    if (peer_is_ended(p))
        buf_puts(&out, "\n(closed)");
    return out;
}

/* ---- running ---- */

typedef struct tally {
    unsigned same, deviating, not_applicable, wrong;
} tally;

static bool has_every_line(const buf *got, const buf *want)
{
    const char *at = want->p, *end = at + want->n;

    while (at < end) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((eol ? eol : end) - at);

        if (!memmem(got->p, got->n, at, n))
            return false;
        at += n + 1;
    }
    return true;
}

static bool deviates_as_listed(const deviation *d, const buf *want, const buf *got)
{
    return d->ours ? sio_str_eq(sio_str_z(d->ours), buf_str(got)) : has_every_line(got, want);
}

static void check(tally *t, const exchange *x, const buf *want, const buf *got)
{
    const deviation *d = deviation_of(x->name);
    bool same = sio_str_eq(buf_str(want), buf_str(got));

    if (d ? !same && deviates_as_listed(d, want, got) : same) {
        t->same += same;
        t->deviating += d != NULL;
        return;
    }
    fprintf(stderr, "---- %.*s%s\nexpected:\n%.*s\ngot:\n%.*s\n", (int)x->name.n, x->name.p,
            d && same ? " is listed as a deviation, but is none" : "", (int)want->n, want->p, (int)got->n,
            got->p);
    t->wrong++;
}

static void replay(bench *b, vectors *v, const exchange *x, tally *t)
{
    const char *options = options_of(x->name);
    buf request, want, got;
    peer *p;

    if (!options) {
        t->not_applicable++;
        return;
    }
    if (!b->running || options != b->options) {
        server_end(b);
        server_begin(b, options);
    }
    request = make_request(b, x);
    p = request.n ? dial(b) : b->first;
    if (request.n > 100000 && b->chunk)
        sim_chunk(b->r.s, p->fd, 4093);
    if (request.n)
        peer_send(p, request.p, request.n);
    if (memmem(x->name.p, x->name.n, "other path", 10))
        sim_advance(b->r.s, 1000);
    want = expected(v, x);
    got = render(p, x);
    check(t, x, &want, &got);
    buf_fini(&request);
    buf_fini(&want);
    buf_fini(&got);
}

static sio_str text_of(vectors *v, sio_str object, const char *key, bool hex)
{
    sio_str raw;

    if (!json_get(object, sio_str_z(key), &raw) || json_kind_of(raw) != JSON_STRING)
        return (sio_str){0};
    return hex ? vectors_bytes(v, raw) : vectors_text(v, raw);
}

static void read_exchange(vectors *v, sio_str object, exchange *x)
{
    sio_str closed;

    *x = (exchange){.name = text_of(v, object, "name", false),
                    .request = text_of(v, object, "request", false),
                    .status = text_of(v, object, "status_line", false),
                    .body = text_of(v, object, "body", false),
                    .after = text_of(v, object, "after_101_hex", true)};
    assert_true(json_get(object, sio_lit("headers"), &x->headers));
    assert_true(json_get(object, sio_lit("connection_closed_by_server"), &closed));
    x->closed = json_kind_of(closed) == JSON_TRUE;
}

/* The bundle that the capture served, as far as it was kept. */
static void write_bundles(bench *b, vectors *v)
{
    static const char *const name[] = {"socket.io.js", "socket.io.min.js"};
    sio_str object;
    exchange x;
    char path[128];

    while (vectors_next(v, &object)) {
        read_exchange(v, object, &x);
        if (memcmp(x.name.p, "client bundle min", 17) != 0)
            continue;
        for (size_t i = 0; i < 2; i++) {
            char *dots = memmem(x.body.p, x.body.n, "...(", 4);
            FILE *f;

            snprintf(path, sizeof path, "%s/%s", b->dir, name[i]);
            assert_non_null(f = fopen(path, "w"));
            fwrite(x.body.p, 1, dots ? (size_t)(dots - x.body.p) : x.body.n, f);
            fclose(f);
        }
    }
    v->at = 0;
}

static void remove_bundles(const bench *b)
{
    char path[128];

    snprintf(path, sizeof path, "%s/socket.io.js", b->dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/socket.io.min.js", b->dir);
    unlink(path);
    rmdir(b->dir);
}

static void replay_all(unsigned loops, size_t chunk)
{
    bench *b = calloc(1, sizeof *b);
    tally t = {0};
    vectors v;
    sio_str object;
    exchange x;

    *b = (bench){.loops = loops, .chunk = chunk, .dir = "/tmp/sio-bundle-XXXXXX"};
    assert_non_null(mkdtemp(b->dir));
    vectors_open(&v, "http_exchanges.json");
    write_bundles(b, &v);
    while (vectors_next(&v, &object)) {
        read_exchange(&v, object, &x);
        replay(b, &v, &x, &t);
    }
    server_end(b);
    remove_bundles(b);
    vectors_close(&v);
    free(b);
    print_message("%u as captured, %u deviate as listed, %u not applicable\n", t.same, t.deviating,
                  t.not_applicable);
    assert_int_equal(t.wrong, 0);
    assert_int_equal(t.deviating, sizeof deviations / sizeof *deviations);
    assert_true(t.same > 100);
}

typedef struct variant {
    unsigned loops;
    size_t chunk;
} variant;

static void test_exchanges(void **state)
{
    const variant *v = *state;

    replay_all(v->loops, v->chunk);
}

int main(void)
{
    static variant v[] = {{1, 0}, {3, 0}, {1, 1}, {3, 1}};
    const struct CMUnitTest tests[] = {
        {"one loop", test_exchanges, NULL, NULL, &v[0]},
        {"three loops", test_exchanges, NULL, NULL, &v[1]},
        {"byte by byte", test_exchanges, NULL, NULL, &v[2]},
        {"three loops, byte by byte", test_exchanges, NULL, NULL, &v[3]},
    };

    return cmocka_run_group_tests_name("http vectors", tests, NULL, NULL);
}
