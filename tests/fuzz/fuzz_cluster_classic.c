/* Messages of the classic Redis adapter: the first byte says which kind the rest is read as. What is taken is
 * written again where there is a writer, and must be read back the same. */
#include "cluster/classic_message.h"
#include "codec/json.h"
#include "sio_err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_same_list(const sio_str *a, unsigned n, const sio_str *b, unsigned m)
{
    check(n == m);
    for (unsigned i = 0; i < n; i++)
        check(sio_str_eq(a[i], b[i]));
}

static void check_same_op(const sio_op *a, const sio_op *b)
{
    check(a->kind == b->kind && a->close == b->close);
    check_same_list(a->room, a->nrooms, b->room, b->nrooms);
    check_same_list(a->except, a->nexcept, b->except, b->nexcept);
    check_same_list(a->target, a->ntargets, b->target, b->ntargets);
}

static void check_args(const sio_op *op)
{
    check(json_kind_of(op->args) == JSON_ARRAY && json_scan(op->args.p, op->args.n) == (long)op->args.n);
}

static void fuzz_broadcast(classic_reader *r, classic_reader *again, sio_str payload, buf *out)
{
    classic_message m, second;

    if (classic_read_broadcast(r, payload, &m) < 0)
        return;
    check_args(&m.op);
    check(classic_put_broadcast(out, m.uid, m.nsp, &m.op) == 0);
    check(classic_read_broadcast(again, buf_str(out), &second) == 0);
    check(sio_str_eq(m.uid, second.uid) && sio_str_eq(m.nsp, second.nsp));
    check_same_op(&m.op, &second.op);
    check(m.op.is_volatile == second.op.is_volatile && m.op.uncompressed == second.op.uncompressed);
    if (m.uid.n < 32)
        check(sio_str_eq(classic_peek_uid(buf_str(out)), m.uid));
}

static int write_request(const classic_message *m, buf *out)
{
    switch (m->type) {
    case CLASSIC_JOIN:
    case CLASSIC_LEAVE:
    case CLASSIC_DISCONNECT:
        return classic_put_change(out, m->uid, &m->op);
    case CLASSIC_FETCH:
        return m->id.p ? classic_put_fetch(out, m->uid, m->id, &m->op) : SIO_ENOENT;
    case CLASSIC_SERVER_EMIT:
        return classic_put_server_emit(out, m->uid, m->id, m->op.args, m->op.bins);
    case CLASSIC_ASK:
        return classic_put_ask(out, m->uid, m->id, m->nsp, &m->op, m->timeout_ms);
    default:
        return SIO_ENOENT;
    }
}

static void fuzz_request(classic_reader *r, classic_reader *again, sio_str payload, buf *out)
{
    classic_message m, second;

    if (classic_read_request(r, payload, &m) < 0)
        return;
    check(m.type <= CLASSIC_ASK);
    if (m.type == CLASSIC_ASK || m.type == CLASSIC_SERVER_EMIT)
        check_args(&m.op);
    if (write_request(&m, out) < 0)
        return;
    check(classic_read_request(again, buf_str(out), &second) == 0);
    check(second.type == m.type && sio_str_eq(second.uid, m.uid));
    check(m.type != CLASSIC_ASK || second.timeout_ms == m.timeout_ms);
    check_same_op(&m.op, &second.op);
}

/* What it holds is read like any value of a client. */
static void touch(sio_val v)
{
    sio_val key, item;
    sio_iter it = {0};
    sio_str bytes;

    if (sio_binary(v, &bytes) && bytes.n > 0)
        check(memchr(bytes.p, bytes.p[0], bytes.n) != NULL);
    while (sio_next(v, &it, &key, &item))
        touch(item);
}

static void fuzz_response(classic_reader *r, sio_str payload, buf *out)
{
    sio_str peeked = classic_peek_id(payload);
    classic_message m;
    sio_peer p;
    size_t at = 0;

    check(!peeked.p || (peeked.p > payload.p && peeked.p + peeked.n <= payload.p + payload.n));
    if (classic_read_response(r, payload, &m) < 0)
        return;
    check(m.id.p && m.type != CLASSIC_BROADCAST);
    if (m.value.p) {
        sio_val v = {.kind = SIO_JSON, .s = m.value, .bins = &m.bins};

        touch(v);
        check(classic_put_answer(out, m.id, v) <= 0);
        check(classic_put_server_answer(out, m.id, v) <= 0);
    }
    while (m.sockets.p && classic_next_socket(r, &m, &at, &p) == 1) {
        out->n = 0;
        check(classic_put_sockets(out, m.id, &p, 1) <= 0 && classic_put_rooms(out, m.id, &p, 1) == 0 &&
              classic_put_ids(out, m.id, &p, 1) == 0);
    }
}

static void fuzz(char kind, sio_str payload)
{
    classic_reader r, again;
    buf out;

    classic_reader_init(&r);
    classic_reader_init(&again);
    buf_init(&out, CLASSIC_MAX_MESSAGE);
    if (kind == 'b')
        fuzz_broadcast(&r, &again, payload, &out);
    else if (kind == 'q')
        fuzz_request(&r, &again, payload, &out);
    else
        fuzz_response(&r, payload, &out);
    buf_fini(&out);
    classic_reader_fini(&again);
    classic_reader_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *p;

    if (size == 0)
        return 0;
    p = malloc(size); /* of the exact size, so that a byte too far is noticed */
    memcpy(p, data + 1, size - 1);
    fuzz((char)data[0], (sio_str){p, size - 1});
    free(p);
    return 0;
}
