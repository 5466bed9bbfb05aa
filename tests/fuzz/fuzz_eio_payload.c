/* Engine.IO payloads and JSONP. */
#include "base/utf8.h"
#include "codec/eio_packet.h"
#include "codec/json.h"
#include "sio_err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

static char *copy_of(const void *p, size_t n)
{
    char *copy = malloc(n + !n);

    CHECK(copy);
    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

/* As many packets as there are elements, each inside the payload; texts untouched. */
static void fuzz_payload(const uint8_t *data, size_t size)
{
    char *p = copy_of(data, size);
    size_t at = 0, elements = 1, packets = 0;
    eio_in in;
    int rc;

    for (size_t i = 0; i < size; i++)
        elements += data[i] == EIO_SEPARATOR;
    while ((rc = eio_payload_next(p, size, &at, &in)) == 1) {
        CHECK(in.p > p && in.p + in.n <= p + size && in.type <= EIO_NOOP && at <= size + 1);
        CHECK(in.binary || (in.n == 0 || memcmp(in.p, data + (in.p - p), in.n) == 0));
        packets++;
    }
    CHECK(rc == 0 ? packets == elements : rc == SIO_EPARSE && packets < elements);
    free(p);
}

/* What is encoded is a call with one JSON string that reads back. */
static void fuzz_jsonp_encode(const uint8_t *data, size_t size)
{
    char *text = malloc(3 * size + 1), *back;
    sio_str payload = {text, 0}, literal, value;
    buf out;

    CHECK(text);
    payload.n = utf8_sanitize((const char *)data, size, text);
    buf_init(&out, 20 * size + 100);
    CHECK(eio_jsonp_encode(sio_lit("x1y2"), payload, &out) == 0);
    CHECK(out.n > 13 && memcmp(out.p, "___eio[12](", 11) == 0 && memcmp(out.p + out.n - 2, ");", 2) == 0);
    literal = (sio_str){out.p + 11, out.n - 13};
    CHECK(json_valid(literal, &value) && value.n == literal.n && json_kind_of(value) == JSON_STRING);
    CHECK(!memmem(literal.p, literal.n, "\xe2\x80\xa8", 3));
    CHECK(!memmem(literal.p, literal.n, "\xe2\x80\xa9", 3));
    back = malloc(literal.n);
    CHECK(back && sio_str_eq((sio_str){back, json_unescape(value, back)}, payload));
    free(back);
    buf_fini(&out);
    free(text);
}

static void fuzz_jsonp_decode(const uint8_t *data, size_t size)
{
    char *body = copy_of(data, size);
    buf out;
    int rc;

    buf_init(&out, 4 * size);
    rc = eio_jsonp_decode((sio_str){body, size}, &out);
    CHECK((rc == 0 || rc == SIO_ENOENT) && (out.n == 0 || utf8_valid(out.p, out.n)));
    buf_fini(&out);
    free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_payload(data, size);
    fuzz_jsonp_encode(data, size);
    fuzz_jsonp_decode(data, size);
    return 0;
}
