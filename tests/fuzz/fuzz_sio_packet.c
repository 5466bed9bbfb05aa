/* Socket.IO packets: the bytes are read as a text and as a msgpack packet; what is accepted must come out the
 * same when it is written and read again. */
#include "codec/json.h"
#include "codec/sio_packet.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MAX  (1u << 22)
#define FUZZ_BINS 10

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_same(const sio_packet *a, const sio_packet *b)
{
    check(a->type == b->type && a->has_id == b->has_id && a->id == b->id && sio_str_eq(a->nsp, b->nsp));
}

/* The same verdict from the top, as the reference finds it. */
static bool placeholders_ok(sio_str v, unsigned attachments)
{
    sio_str item = {0}, num = {0};
    size_t at = 0;

    if (json_kind_of(v) == JSON_OBJECT && json_get(v, sio_lit("_placeholder"), &item) &&
        json_kind_of(item) == JSON_TRUE) {
        if (!json_get(v, sio_lit("num"), &num) || json_kind_of(num) != JSON_NUMBER)
            return false;
        return json_double(num) >= 0 && json_double(num) < attachments;
    }
    while (json_next(v, &at, NULL, &item)) {
        if (!placeholders_ok(item, attachments))
            return false;
    }
    return true;
}

static void fuzz_text(sio_str text)
{
    sio_packet packet, again;
    buf out;

    if (sio_packet_parse(text, FUZZ_BINS, &packet) < 0)
        return;
    check(packet.attachments <= FUZZ_BINS &&
          (packet.attachments > 0) == (packet.type >= SIO_PACKET_BINARY_EVENT));
    check(packet.data.n == 0 || json_scan(packet.data.p, packet.data.n) == (long)packet.data.n);
    check((sio_packet_check_placeholders(packet.data, packet.attachments) == 0) ==
          (packet.data.n == 0 || placeholders_ok(packet.data, packet.attachments)));
    buf_init(&out, FUZZ_MAX);
    check(sio_packet_put_head(&out, packet.type, packet.attachments, packet.nsp, packet.has_id, packet.id) ==
          0);
    check(buf_add_str(&out, packet.data) == 0);
    check(sio_packet_parse(buf_str(&out), FUZZ_BINS, &again) == 0);
    check_same(&packet, &again);
    check(packet.attachments == again.attachments && sio_str_eq(packet.data, again.data));
    buf_fini(&out);
}

static void fuzz_msgpack(sio_str bytes)
{
    sio_str bin[FUZZ_BINS], bin_again[FUZZ_BINS];
    sio_packet packet, again;
    sio_bins bins;
    buf json, json_again, out;

    buf_init(&json, FUZZ_MAX);
    buf_init(&json_again, FUZZ_MAX);
    buf_init(&out, FUZZ_MAX);
    if (sio_packet_parse_msgpack(bytes, FUZZ_BINS, &json, bin, &packet) == 0) {
        check(packet.type <= SIO_PACKET_CONNECT_ERROR && packet.attachments <= FUZZ_BINS);
        check(packet.data.n == 0 || json_scan(packet.data.p, packet.data.n) == (long)packet.data.n);
        bins = (sio_bins){bin, packet.attachments};
        check(sio_packet_put_msgpack(&out, packet.type, packet.nsp, packet.has_id, packet.id, packet.data,
                                     &bins) == 0);
        /* with plain data that looks like placeholders there may be more attachments than allowed afterwards
         */
        if (sio_packet_parse_msgpack(buf_str(&out), FUZZ_BINS, &json_again, bin_again, &again) == 0)
            check(packet.nsp.n == 0 || (check_same(&packet, &again), true));
        else
            check(memmem(bytes.p, bytes.n, "_placeholder", 12) != NULL);
    } else {
        check(json.n == 0);
    }
    buf_fini(&json);
    buf_fini(&json_again);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *p = malloc(size ? size : 1);

    if (size > 0)
        memcpy(p, data, size);
    fuzz_text((sio_str){p, size});
    fuzz_msgpack((sio_str){p, size});
    free(p);
    return 0;
}
