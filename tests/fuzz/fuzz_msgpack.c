/* msgpack: what can be read gives valid JSON, and going back and forth once more changes nothing. */
#include "codec/json.h"
#include "codec/msgpack.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MAX  (1u << 22)
#define FUZZ_BINS 64

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* One message as JSON with its attachments. */
typedef struct message {
    buf      json;
    sio_str  bin[FUZZ_BINS];
    unsigned nbins;
} message;

static long read_message(message *m, sio_str bytes)
{
    long used;

    buf_init(&m->json, FUZZ_MAX);
    m->nbins = 0;
    used = msgpack_to_json(bytes.p, bytes.n, &m->json, m->bin, FUZZ_BINS, &m->nbins);
    if (used < 0)
        check(m->json.n == 0 && m->nbins == 0);
    else
        check(json_scan(m->json.p, m->json.n) == (long)m->json.n);
    return used;
}

static void write_message(const message *m, buf *out)
{
    const sio_bins bins = {m->bin, m->nbins};

    buf_init(out, FUZZ_MAX);
    check(msgpack_from_json(buf_str(&m->json), &bins, out) == 0);
    check(msgpack_skip(out->p, out->n) == (long)out->n);
}

/* The first round may mend text; the second must find nothing left to do. */
static void check_fixpoint(const message *first)
{
    message second, third;
    buf bytes, bytes_again;

    write_message(first, &bytes);
    check(read_message(&second, buf_str(&bytes)) == (long)bytes.n);
    write_message(&second, &bytes_again);
    check(sio_str_eq(buf_str(&bytes), buf_str(&bytes_again)));
    check(read_message(&third, buf_str(&bytes_again)) == (long)bytes_again.n);
    check(sio_str_eq(buf_str(&second.json), buf_str(&third.json)) && second.nbins == third.nbins);
    check(second.nbins == first->nbins);
    for (unsigned i = 0; i < second.nbins; i++)
        check(sio_str_eq(first->bin[i], second.bin[i]));
    buf_fini(&bytes);
    buf_fini(&bytes_again);
    buf_fini(&second.json);
    buf_fini(&third.json);
}

static void fuzz_bytes(sio_str bytes)
{
    message m;
    long used = read_message(&m, bytes);

    if (used >= 0) {
        check((size_t)used <= bytes.n && msgpack_skip(bytes.p, bytes.n) == used);
        /* data that pretends to be a placeholder becomes one, which then is no fixpoint */
        if (!memmem(m.json.p, m.json.n, "_placeholder", 12) || m.nbins == 0)
            check_fixpoint(&m);
    }
    buf_fini(&m.json);
}

static void fuzz_json(sio_str text)
{
    static const sio_str bin[] = {SIO_STR("x"), SIO_STR("yz")};
    const sio_bins two = {bin, 2};
    sio_str value;
    message m;
    buf out;

    if (!json_valid(text, &value))
        return;
    buf_init(&out, FUZZ_MAX);
    check(msgpack_from_json(value, &two, &out) == 0);
    check(msgpack_skip(out.p, out.n) == (long)out.n);
    if (read_message(&m, buf_str(&out)) >= 0 && m.nbins == 0)
        check_fixpoint(&m);
    buf_fini(&m.json);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *p = malloc(size ? size : 1);

    if (size > 0)
        memcpy(p, data, size);
    fuzz_bytes((sio_str){p, size});
    fuzz_json((sio_str){p, size});
    free(p);
    return 0;
}
