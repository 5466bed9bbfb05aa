/* Messages of the sharded and the streams adapter: what can be read can be written, and reads the same again.
 * The first byte says what the rest is. */
#include "cluster/cluster_message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MAX (1u << 24)

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool same(sio_str a, sio_str b)
{
    return !a.p == !b.p && sio_str_eq(a, b);
}

static bool same_list(const sio_str *a, unsigned na, const sio_str *b, unsigned nb)
{
    if (na != nb)
        return false;
    for (unsigned i = 0; i < na; i++)
        if (!sio_str_eq(a[i], b[i]))
            return false;
    return true;
}

static void check_same(const cluster_message *a, const cluster_message *b)
{
    check(a->type == b->type && same(a->request, b->request) && a->clients == b->clients &&
          a->single == b->single);
    check(a->timeout_ms == b->timeout_ms && a->op.is_volatile == b->op.is_volatile &&
          a->op.close == b->op.close);
    check(same_list(a->op.room, a->op.nrooms, b->op.room, b->op.nrooms));
    check(same_list(a->op.except, a->op.nexcept, b->op.except, b->op.nexcept));
    check(same_list(a->op.target, a->op.ntargets, b->op.target, b->op.ntargets));
    check(!a->packet.p == !b->packet.p && same_list(a->bins.bin, a->bins.n, b->bins.bin, b->bins.n));
}

/* Attachments may also hang where nobody looks, and data may pretend to be a placeholder. */
static bool stays_itself(const cluster_message *m)
{
    return m->bins.n == 0;
}

static void fuzz_message(message_decoder *d, sio_str bytes)
{
    cluster_message m, again;
    message_decoder other;
    buf out;

    if (message_decode(d, bytes, &m) < 0 || message_is_foreign(m.type))
        return;
    message_decoder_init(&other);
    buf_init(&out, FUZZ_MAX);
    check(message_encode(&out, &m, MESSAGE_AUTO) == 0);
    if (stays_itself(&m)) {
        check(message_decode(&other, buf_str(&out), &again) == 0);
        check_same(&m, &again);
        check(same(m.uid, again.uid) && same(m.nsp, again.nsp));
    }
    out.n = 0;
    check(message_encode(&out, &m, MESSAGE_PACKED) == 0);
    message_room(&m, SIO_REDIS_DYNAMIC);
    message_hash(m.nsp);
    buf_fini(&out);
    message_decoder_fini(&other);
}

static void fuzz_entry(message_decoder *d, sio_str type, sio_str data)
{
    cluster_message m, again;
    message_decoder other;
    buf out;

    if (message_entry_decode(d, sio_lit("u"), sio_lit("/"), type, data, &m) < 0 || message_is_foreign(m.type))
        return;
    message_decoder_init(&other);
    buf_init(&out, FUZZ_MAX);
    check(message_entry_encode(&out, &m, false) == 0);
    if (stays_itself(&m)) {
        check(message_entry_decode(&other, sio_lit("u"), sio_lit("/"), type, buf_str(&out), &again) == 0);
        check_same(&m, &again);
    }
    out.n = 0;
    check(message_entry_encode(&out, &m, true) == 0);
    buf_fini(&out);
    message_decoder_fini(&other);
}

static void fuzz_session(message_decoder *d, sio_str text)
{
    message_session s;
    message_at at;
    char out[MESSAGE_AT_SIZE];

    if (message_session_decode(d, text, &s) == 0) {
        buf b;

        check(s.sid.p && s.pid.p);
        buf_init(&b, FUZZ_MAX);
        check(message_session_encode(&b, &s) == 0);
        buf_fini(&b);
    }
    if (message_at_parse(text, &at)) {
        message_at back;

        check(message_at_parse(message_at_text(at, out), &back) && message_at_compare(at, back) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    message_decoder d;
    sio_str rest;
    char *p;

    if (size == 0)
        return 0;
    p = malloc(size);
    memcpy(p, data, size);
    rest = (sio_str){p + 1, size - 1};
    message_decoder_init(&d);
    switch (p[0]) {
    case 'm':
        fuzz_message(&d, rest);
        break;
    case 's':
        fuzz_session(&d, rest);
        break;
    default:
        fuzz_entry(&d, (sio_str){p, 1}, rest);
    }
    message_decoder_fini(&d);
    free(p);
    return 0;
}
