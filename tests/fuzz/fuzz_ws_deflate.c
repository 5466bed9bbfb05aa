/* Compressed WebSocket messages. The first byte of the input chooses: offers of extensions, which must
 * not lead beyond their bytes and whose answer must be acceptable itself; one packed message, which must
 * end at the limit; a message that must come back as it was; or frames, fed whole and in pieces with the
 * same outcome. */
#include "codec/ws.h"
#include "sio_err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())
#define LIMIT    5000

static ws_deflate *machine; /* one for all inputs, as one serves all connections: nothing of the
                             * last may matter */

static ws_deflate *get(void)
{
    if (!machine)
        CHECK(machine = ws_deflate_new(0, 6));
    return machine;
}

/* In memory of just its size. */
static char *exact(const uint8_t *p, size_t n)
{
    char *copy = malloc(n + !n);

    CHECK(copy);
    memcpy(copy, p, n);
    return copy;
}

static void offers(const uint8_t *p, size_t n)
{
    ws_deflate_terms t = {0}, again = {0};
    char *copy = exact(p, n), answer[WS_DEFLATE_ANSWER];
    int rc = ws_deflate_offer(&t, (sio_str){copy, n});

    CHECK(rc == 0 || rc == SIO_EPARSE);
    free(copy);
    if (!t.server_bits)
        return;
    CHECK(t.server_bits >= 8 && t.server_bits <= 15 &&
          (!t.client_bits || (t.client_bits >= 8 && t.client_bits <= 15)));
    ws_deflate_answer(&t, answer);
    CHECK(ws_deflate_offer(&again, sio_str_z(answer)) == 0);
    CHECK(again.server_bits == t.server_bits && again.client_bits == t.client_bits &&
          again.limits_server == t.limits_server);
}

/* What a limit lets through is what no limit would. */
static void packed(const uint8_t *p, size_t n)
{
    char *copy = exact(p, n);
    buf out, again;
    int rc = ws_deflate_unpack(get(), (sio_str){copy, n}, LIMIT, &out);

    CHECK(rc == 0 || rc == SIO_EPARSE || rc == SIO_ETOOBIG);
    CHECK(out.cap <= LIMIT + 1 && (rc || out.n <= LIMIT));
    if (rc == 0) {
        CHECK(ws_deflate_unpack(get(), (sio_str){copy, n}, out.n, &again) == 0);
        CHECK(again.n == out.n && (!out.n || memcmp(out.p, again.p, out.n) == 0));
        buf_fini(&again);
        CHECK(!out.n || ws_deflate_unpack(get(), (sio_str){copy, n}, out.n - 1, &again) == SIO_ETOOBIG);
        if (out.n)
            buf_fini(&again);
    }
    buf_fini(&out);
    free(copy);
}

static void there_and_back(const uint8_t *p, size_t n)
{
    char *copy = exact(p, n);
    buf small, out;
    int rc;

    buf_init(&small, UINT32_MAX);
    rc = ws_deflate_pack(get(), (sio_str){copy, n}, &small);
    CHECK(rc == 0 || rc == SIO_ETOOBIG);
    if (rc == 0) {
        CHECK(small.n < n && ws_deflate_unpack(get(), buf_str(&small), n, &out) == 0);
        CHECK(out.n == n && memcmp(out.p, p, n) == 0);
        buf_fini(&out);
    }
    buf_fini(&small);
    free(copy);
}

/* ---- frames ---- */

static bool note(void *ctx, uint8_t kind, const char *p, size_t n)
{
    CHECK(p && buf_putc(ctx, (char)kind) == 0 && buf_add(ctx, &n, sizeof(n)) == 0 && buf_add(ctx, p, n) == 0);
    return true;
}

static bool on_message(void *ctx, bool binary, char *p, size_t n)
{
    CHECK(n <= LIMIT && (binary || utf8_valid(p, n)));
    return note(ctx, binary, p, n);
}

static bool on_control(void *ctx, enum ws_opcode op, char *p, size_t n)
{
    return note(ctx, (uint8_t)op, p, n);
}

static int feed(const uint8_t *p, size_t n, size_t piece, buf *log)
{
    const ws_events ev = {on_message, on_control};
    const ws_limits limits = {LIMIT, 50, get()};
    ws_parser w;
    int rc = 0;

    buf_init(log, SIZE_MAX);
    ws_parser_init(&w);
    w.deflates = true;
    for (size_t at = 0, len; at < n && rc == 0; at += len) {
        char *copy = exact(p + at, len = piece < n - at ? piece : n - at);

        rc = ws_parser_feed(&w, &limits, copy, len, &ev, log);
        free(copy);
    }
    ws_parser_fini(&w);
    return rc;
}

static void frames(const uint8_t *p, size_t n, size_t piece)
{
    buf whole, pieces;
    int rc = feed(p, n, n, &whole);

    CHECK(rc == 0 || rc == WS_CLOSE_PROTOCOL || rc == WS_CLOSE_BAD_DATA || rc == WS_CLOSE_POLICY ||
          rc == WS_CLOSE_TOO_BIG);
    CHECK(feed(p, n, piece, &pieces) == rc);
    CHECK(whole.n == pieces.n && (!whole.n || memcmp(whole.p, pieces.p, whole.n) == 0));
    buf_fini(&whole);
    buf_fini(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    if (data[0] < 64)
        offers(data + 1, size - 1);
    else if (data[0] < 128)
        packed(data + 1, size - 1);
    else if (data[0] < 160)
        there_and_back(data + 1, size - 1);
    else
        frames(data + 1, size - 1, (size_t)(data[0] - 160) % 40 + 1);
    return 0;
}
