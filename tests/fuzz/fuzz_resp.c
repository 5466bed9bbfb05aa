/* RESP replies: whole and growing piece by piece, which must give the same; and what was understood as an
 * array of texts survives being written as a command. The first byte of the input chooses the size of the
 * pieces. */
#include "codec/resp.h"
#include "sio_err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

static void check_val(const resp_val *v, const char *p, size_t n, unsigned depth)
{
    CHECK(depth <= RESP_MAX_DEPTH);
    if (v->kind == RESP_ARRAY || v->kind == RESP_MAP || v->kind == RESP_PUSH) {
        CHECK(v->n <= n / 3 && (v->kind != RESP_MAP || v->n % 2 == 0));
        for (uint32_t i = 0; i < v->n; i++)
            check_val(&v->item[i], p, n, depth + 1);
    } else if (v->kind == RESP_STATUS || v->kind == RESP_ERROR || v->kind == RESP_BULK) {
        CHECK(v->s.p >= p && v->s.p + v->s.n <= p + n);
    }
}

/* Feeds as a connection does: not again before there is as much as was asked for. */
static long parse_growing(const char *p, size_t n, size_t step, arena *a, resp_val *out)
{
    size_t need = 0;

    for (size_t at = 0; at < n;) {
        char *piece;
        long rc;

        at = n - at < step ? n : at + step;
        if (at < need && at < n)
            continue;
        piece = malloc(at);
        CHECK(piece);
        memcpy(piece, p, at);
        rc = resp_parse(piece, at, n, a, out, &need);
        free(piece);
        CHECK(rc != 0 || need > at);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void check_command(const resp_val *v)
{
    sio_str argv[64];
    resp_val back;
    buf b;
    arena a;

    if (v->kind != RESP_ARRAY || v->n == 0 || v->n > 64)
        return;
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->item[i].kind != RESP_BULK)
            return;
        argv[i] = v->item[i].s;
    }
    buf_init(&b, 1 << 24);
    arena_init(&a, 1 << 20);
    CHECK(resp_put_command(&b, argv, v->n) == 0);
    CHECK(resp_parse(b.p, b.n, b.n, &a, &back, NULL) == (long)b.n && back.n == v->n);
    for (uint32_t i = 0; i < v->n; i++)
        CHECK(sio_str_eq(back.item[i].s, argv[i]));
    arena_fini(&a);
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    resp_val v, grown;
    arena a, b;
    char *copy;
    long rc, want;

    if (size < 2)
        return 0;
    copy = malloc(size - 1);
    CHECK(copy);
    memcpy(copy, data + 1, size - 1);
    arena_init(&a, 64 * size + 65536);
    arena_init(&b, 64 * size + 65536);
    want = resp_parse(copy, size - 1, size - 1, &a, &v, NULL);
    CHECK(want <= (long)size - 1);
    if (want > 0) {
        check_val(&v, copy, size - 1, 0);
        check_command(&v);
    }
    rc = parse_growing(copy, size - 1, (size_t)data[0] + 1, &b, &grown);
    CHECK(want > 0 ? rc == want : want == 0 ? rc == 0 : rc < 0);
    arena_fini(&a);
    arena_fini(&b);
    free(copy);
    return 0;
}
