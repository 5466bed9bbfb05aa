/* WebSocket frames. The first byte of the input chooses the limits, the second the pieces; the rest is fed
 * whole and in pieces, and both must give the same events. A third run lets a callback free the parser. */
#include "codec/ws.h"
#include "sio_err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

typedef struct run {
    ws_parser *w;
    ws_limits  limits;
    buf        log;
    unsigned   left; /* events until the parser is freed */
    bool       over; /* nothing may come any more */
} run;

static bool note(run *r, uint8_t kind, char *p, size_t n)
{
    uint32_t n32 = (uint32_t)n;

    CHECK(!r->over && p);
    CHECK(buf_putc(&r->log, (char)kind) == 0 && buf_add(&r->log, &n32, 4) == 0);
    CHECK(buf_add(&r->log, p, n) == 0);
    memset(p, 0xaa, n);
    if (--r->left > 0)
        return true;
    ws_parser_fini(r->w);
    free(r->w);
    r->w = NULL;
    r->over = true;
    return false;
}

static bool on_message(void *ctx, bool binary, char *p, size_t n)
{
    run *r = ctx;

    CHECK(n <= r->limits.max_message && (binary || utf8_valid(p, n)));
    return note(r, binary, p, n);
}

static bool on_control(void *ctx, enum ws_opcode op, char *p, size_t n)
{
    run *r = ctx;
    bool go_on;

    CHECK(n <= 125 && (op != WS_CLOSE || (n != 1 && (n < 2 || utf8_valid(p + 2, n - 2)))));
    go_on = note(r, (uint8_t)op, p, n);
    r->over |= op == WS_CLOSE;
    return go_on;
}

/* Pieces of seed + 1, 2 * seed + 1, ... modulo 40, or all at once. */
static size_t piece_size(unsigned *turn, unsigned seed, size_t rest)
{
    size_t n = seed == 255 ? rest : (size_t)(++*turn * seed % 40) + 1;

    return n < rest ? n : rest;
}

static int feed_all(run *r, const uint8_t *p, size_t n, unsigned seed)
{
    const ws_events ev = {on_message, on_control};
    unsigned turn = 0;
    int rc = 0;

    for (size_t at = 0, len; at < n && rc == 0 && r->w; at += len) {
        char *piece;

        len = piece_size(&turn, seed, n - at);
        piece = malloc(len);
        CHECK(piece);
        memcpy(piece, p + at, len);
        rc = ws_parser_feed(r->w, &r->limits, piece, len, &ev, r);
        free(piece);
    }
    CHECK(rc == 0 || rc == WS_CLOSE_PROTOCOL || rc == WS_CLOSE_BAD_DATA || rc == WS_CLOSE_POLICY ||
          rc == WS_CLOSE_TOO_BIG);
    return rc;
}

static run make_run(const uint8_t *p, size_t n, unsigned choice, unsigned seed, unsigned left, int *rc)
{
    static const size_t sizes[] = {0, 10, 125, 126, 1000, 70000, 1 << 20, SIZE_MAX};
    run r = {.left = left, .w = malloc(sizeof(*r.w))};

    CHECK(r.w);
    r.limits = (ws_limits){sizes[choice & 7], choice >> 3 & 7};
    buf_init(&r.log, 8 * n + 64);
    ws_parser_init(r.w);
    *rc = feed_all(&r, p, n, seed);
    if (r.w)
        ws_parser_fini(r.w);
    free(r.w);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int rc_whole, rc_pieces, rc_stopped;
    run whole, pieces, stopped;

    if (size < 2)
        return 0;
    whole = make_run(data + 2, size - 2, data[0], 255, (unsigned)-1, &rc_whole);
    pieces = make_run(data + 2, size - 2, data[0], data[1], (unsigned)-1, &rc_pieces);
    CHECK(rc_whole == rc_pieces && sio_str_eq(buf_str(&whole.log), buf_str(&pieces.log)));
    stopped = make_run(data + 2, size - 2, data[0], data[1], 1 + (data[1] & 3), &rc_stopped);
    CHECK(stopped.log.n <= whole.log.n);
    CHECK(stopped.log.n == 0 || memcmp(stopped.log.p, whole.log.p, stopped.log.n) == 0);
    buf_fini(&whole.log);
    buf_fini(&pieces.log);
    buf_fini(&stopped.log);
    return 0;
}
