#include "codec/sio_packet.h"

#include "codec/val.h"
#include "codec/vectors_val_test.h"
#include "sio_err.h"

#include <stdlib.h>

#define MAX_BINS 8
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What was captured because the reference refuses it: its checks come after the decoding that the vectors
 * show. */
static const struct {
    const char *hex, *why;
} refused[] = {
    {"83a47479706505a36e7370a12fa46461746190", "type 5 does not exist here"},
    {"81a47479706500", "no namespace"},
    {"83a47479706500a46461746190a36e7370a12f", "CONNECT with an array"},
    {"c1", "no msgpack"},
    {"82a47479706500a36e7370a12f00", "a byte behind the map"},
    {"83a47479706500a36e7370a12fa26964a178", "an id that is no number"},
};

typedef struct parsed {
    sio_packet packet;
    sio_str    bin[MAX_BINS];
    sio_bins   bins;
    buf        json;
} parsed;

static int parse(sio_str bytes, parsed *p)
{
    buf_init(&p->json, 10000);
    p->bins = (sio_bins){p->bin, 0};
    if (sio_packet_parse_msgpack(bytes, MAX_BINS, &p->json, p->bin, &p->packet) < 0) {
        assert_int_equal(p->json.n, 0);
        buf_fini(&p->json);
        return SIO_EPARSE;
    }
    p->bins.n = p->packet.attachments;
    return 0;
}

/* Equality of data as JSON sees it: undefined members are absent, undefined items null. */
static bool same_data(vectors *v, sio_val want, const parsed *got)
{
    sio_val data = {.kind = SIO_JSON, .s = got->packet.data, .bins = &got->bins};
    sio_str bin[MAX_BINS];
    sio_bins bins;
    unsigned n = 0;
    bool same;
    buf json;

    if (sio_kind_of(want) == SIO_UNDEFINED)
        return got->packet.data.n == 0;
    buf_init(&json, 10000);
    assert_int_equal(val_to_json(&json, want, bin, MAX_BINS, &n), 0);
    bins = (sio_bins){bin, n};
    same = vectors_same(v, (sio_val){.kind = SIO_JSON, .s = buf_str(&json), .bins = &bins}, data);
    buf_fini(&json);
    return same && n == got->bins.n;
}

static bool same_packet(vectors *v, sio_val want, const parsed *got)
{
    int64_t type = -1, id = -1;
    sio_str nsp = {0};
    bool has_id = sio_int(sio_get(want, "id"), &id);

    return sio_int(sio_get(want, "type"), &type) && type == (int)got->packet.type &&
           sio_text(sio_get(want, "nsp"), NULL, &nsp) && sio_str_eq(nsp, got->packet.nsp) &&
           has_id == got->packet.has_id && (!has_id || (uint64_t)id == got->packet.id) &&
           same_data(v, sio_get(want, "data"), got);
}

/* What we write for a packet, parsed again. */
static void check_written(vectors *v, sio_val want, const parsed *p)
{
    const sio_packet *packet = &p->packet;
    parsed back;
    buf out;

    buf_init(&out, 10000);
    assert_int_equal(sio_packet_put_msgpack(&out, packet->type, packet->nsp, packet->has_id, packet->id,
                                            packet->data, &p->bins), 0);
    assert_int_equal(parse(buf_str(&out), &back), 0);
    assert_true(same_packet(v, want, &back));
    buf_fini(&back.json);
    buf_fini(&out);
}

static int find_refused(sio_str hex)
{
    for (size_t i = 0; i < COUNT(refused); i++) {
        if (sio_str_eq(hex, sio_str_z(refused[i].hex)))
            return (int)i;
    }
    return -1;
}

static void captured_packets_are_understood(void **state)
{
    bool met[COUNT(refused)] = {false}, binary;
    size_t good = 0;
    vectors v;
    sio_str raw;

    (void)state;
    vectors_open(&v, "socketio_msgpack.json");
    while (vectors_next(&v, &raw)) {
        sio_val vector = vectors_build(&v, raw), want = sio_get(vector, "decoded");
        sio_str hex = sio_get(vector, "hex").s, raw_hex;
        int which = find_refused(hex);
        parsed p;

        assert_true(sio_bool(sio_get(vector, "binary"), &binary));
        if (!binary) /* a text frame never gets here */
            continue;
        assert_true(json_get(raw, sio_lit("hex"), &raw_hex));
        if (which >= 0) {
            met[which] = true;
            assert_int_equal(parse(vectors_bytes(&v, raw_hex), &p), SIO_EPARSE);
            continue;
        }
        if (parse(vectors_bytes(&v, raw_hex), &p) < 0 || !same_packet(&v, want, &p))
            fail_msg("otherwise than %.*s", (int)raw.n, raw.p);
        check_written(&v, want, &p);
        buf_fini(&p.json);
        good++;
    }
    assert_int_equal(good, 45 - 1 - COUNT(refused));
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_true(met[i]);
    vectors_close(&v);
}

/* Byte by byte what a server of the reference sent: bodies of vectors whose order of keys is ours. */
static void packets_are_written_as_the_reference_does(void **state)
{
    static const sio_str bin[] = {SIO_STR("\1\2\3")};
    const sio_bins bins = {bin, 1};
    buf out;

    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(sio_packet_put_msgpack(&out, SIO_PACKET_BINARY_EVENT, sio_lit("/"), false, 0,
                                            sio_lit("[\"echo\",{\"_placeholder\":true,\"num\":0}]"), &bins),
                     0);
    assert_true(sio_str_eq(buf_str(&out), sio_lit("\x83\xa4type\x02\xa4"
                                                  "data\x92\xa4"
                                                  "echo\xc4\x03\1\2\3\xa3nsp\xa1/")));
    out.n = 0;
    assert_int_equal(
        sio_packet_put_msgpack(&out, SIO_PACKET_EVENT, sio_lit("/"), true, 0, sio_lit("[\"q\",1]"), NULL), 0);
    assert_true(sio_str_eq(buf_str(&out), sio_lit("\x84\xa4type\x02\xa4"
                                                  "data\x92\xa1q\x01\xa2id\x00\xa3nsp\xa1/")));
    out.n = 0;
    assert_int_equal(
        sio_packet_put_msgpack(&out, SIO_PACKET_DISCONNECT, (sio_str){0}, false, 0, (sio_str){0}, NULL), 0);
    assert_true(sio_str_eq(buf_str(&out), sio_lit("\x82\xa4type\x01\xa3nsp\xa1/")));
    buf_fini(&out);
}

static int verdict(sio_str bytes)
{
    char *p = malloc(bytes.n ? bytes.n : 1); /* exactly as long, for the sanitizer */
    parsed got;
    int err;

    memcpy(p, bytes.p, bytes.n);
    err = parse((sio_str){p, bytes.n}, &got);
    if (err == 0)
        buf_fini(&got.json);
    free(p);
    return err;
}
#define VERDICT(literal) verdict(sio_lit(literal))

static void checks_follow_the_reference(void **state)
{
    (void)state;
    /* type */
    assert_int_equal(VERDICT("\x82\xa4type\x00\xa3nsp\xa1/"), 0);
    assert_int_equal(VERDICT("\x82\xa4type\xcb\0\0\0\0\0\0\0\0\xa3nsp\xa1/"), 0);
    assert_int_equal(VERDICT("\x82\xa4type\xff\xa3nsp\xa1/"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x82\xa4type\xa1" "0\xa3nsp\xa1/"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x81\xa3nsp\xa1/"), SIO_EPARSE);
    /* nsp */
    assert_int_equal(VERDICT("\x82\xa4type\x00\xa3nsp\xc0"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x82\xa4type\x00\xa3nsp\xa2/\xff"), SIO_EPARSE);
    /* data */
    assert_int_equal(VERDICT("\x83\xa4type\x00\xa3nsp\xa1/\xa4" "data\xc0"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x83\xa4type\x01\xa3nsp\xa1/\xa4" "data\x80"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x83\xa4type\x01\xa3nsp\xa1/\xa4" "data\xd4\0\0"), 0);
    assert_int_equal(VERDICT("\x82\xa4type\x02\xa3nsp\xa1/"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x83\xa4type\x02\xa3nsp\xa1/\xa4" "data\x90"), 0);
    assert_int_equal(VERDICT("\x83\xa4type\x03\xa3nsp\xa1/\xa4" "data\x80"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x82\xa4type\x04\xa3nsp\xa1/"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x83\xa4type\x04\xa3nsp\xa1/\xa4" "data\xa1x"), 0);
    /* id */
    assert_int_equal(VERDICT("\x83\xa4type\x00\xa3nsp\xa1/\xa2id\xd4\0\0"), 0);
    assert_int_equal(VERDICT("\x83\xa4type\x00\xa3nsp\xa1/\xa2id\xc0"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x83\xa4type\x00\xa3nsp\xa1/\xa2id\xcb\x3f\xf8\0\0\0\0\0\0"), SIO_EPARSE);
    /* negative ids, which the reference takes: no client counts downwards, and an ack could not name it */
    assert_int_equal(VERDICT("\x83\xa4type\x00\xa3nsp\xa1/\xa2id\xff"), SIO_EPARSE);
    /* shape */
    assert_int_equal(VERDICT(""), SIO_EPARSE);
    assert_int_equal(VERDICT("\x92\x00\xa1/"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x82\xa4type\x00\xa3nsp"), SIO_EPARSE);
    assert_int_equal(VERDICT("\x84\x01\x02\xa4type\x00\xa3nsp\xa1/\xa1x\x92\x01\x90"), 0);
    assert_int_equal(VERDICT("\x83\xa4type\x01\xa3nsp\xa1/\xa4type\x00"), 0);
    assert_int_equal(VERDICT("\x83\xa4type\x02\xa3nsp\xa1/\xa4"
                             "data\x99\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0"),
                     SIO_EPARSE);
}

static void large_ids_are_javascript_numbers(void **state)
{
    parsed p;

    (void)state;
    assert_int_equal(parse(sio_lit("\x83\xa4type\x00\xa3nsp\xa1/\xa2id\xcf\0\x20\0\0\0\0\0\x01"), &p), 0);
    assert_true(p.packet.has_id && p.packet.id == 9007199254740992);
    buf_fini(&p.json);
    assert_int_equal(
        parse(sio_lit("\x83\xa4type\x00\xa3nsp\xa1/\xa2id\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), &p), 0);
    assert_true(p.packet.id == 9223372036854775808ull);
    buf_fini(&p.json);
    assert_int_equal(VERDICT("\x83\xa4type\x00\xa3nsp\xa1/\xa2id\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
                     SIO_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_packets_are_understood),
        cmocka_unit_test(packets_are_written_as_the_reference_does),
        cmocka_unit_test(checks_follow_the_reference),
        cmocka_unit_test(large_ids_are_javascript_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
