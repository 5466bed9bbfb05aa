#include "codec/msgpack.h"

#include "codec/val.h"
#include "codec/vectors_val_test.h"
#include "sio_err.h"

#include <stdlib.h>

#define MAX_BINS 8

/* What the notepack of socket.io-msgpack-parser writes and we do otherwise, each with the reason. */
typedef struct deviation {
    const char *value;
    const char *why;
} deviation;

static const deviation encoded_otherwise[] = {
    {"{\"$undefined\":true}", "undefined alone is no JSON; null (c0) takes its place"},
    {"1e+300", "notepack writes 0 for whole numbers from 2^64 on, a bug; a float keeps the value"},
    {"{\"$number\":\"NaN\"}", "JSON has no NaN: null"},
    {"{\"$number\":\"Infinity\"}", "JSON has no Infinity: null"},
    {"{\"$number\":\"-Infinity\"}", "JSON has no Infinity: null"},
    {"{\"$bin\":\"01\",\"$type\":\"Uint8Array\"}",
    "all bytes travel as bin; ext 0 is for JavaScript's types"},
    {"{\"$bin\":\"0102\",\"$type\":\"ArrayBuffer\"}", "all bytes travel as bin"},
    {"{\"$date\":\"1970-01-01T00:00:00.000Z\"}", "dates travel as the text that JSON makes of them"},
    {"{\"$date\":\"2024-01-01T00:00:00.123Z\"}", "dates travel as text"},
    {"{\"$date\":\"1969-12-31T23:59:59.999Z\"}", "dates travel as text"},
    {"{\"a\":{\"$undefined\":true}}", "an undefined member is left out, as JSON does"},
};

static const deviation decoded_otherwise[] = {
    {"d6ff65920080", "a standard timestamp: notepack 2.2 gives [-1, bytes], later versions a Date"},
    {"d7ff1d53530065920080", "a standard timestamp"},
    {"c70cff000000000000000065920080", "a standard timestamp"},
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* True when the vector's value, written without white space, is in the list. */
static bool listed(const deviation *list, size_t n, sio_str key)
{
    for (size_t i = 0; i < n; i++) {
        if (sio_str_eq(key, sio_str_z(list[i].value)))
            return true;
    }
    return false;
}

/* The JSON text without white space outside of strings. */
static sio_str compact(vectors *v, sio_str raw)
{
    char *out = arena_alloc(&v->strings, raw.n), *p = out;
    bool inside = false;

    for (size_t i = 0; i < raw.n; i++) {
        inside ^= raw.p[i] == '"' && (i == 0 || raw.p[i - 1] != '\\');
        if (inside || (raw.p[i] != ' ' && raw.p[i] != '\n'))
            *p++ = raw.p[i];
    }
    return (sio_str){out, (size_t)(p - out)};
}

static sio_str member(sio_str object, const char *name)
{
    sio_str item = {0};

    (void)json_get(object, sio_str_z(name), &item);
    return item;
}

/* Through JSON to msgpack, as a value that a program sends. */
static void encode_value(sio_val value, buf *out)
{
    sio_str bin[MAX_BINS];
    unsigned n = 0;
    sio_bins bins;
    buf json;

    buf_init(&json, 1 << 20);
    out->n = 0;
    assert_int_equal(val_to_json(&json, value, bin, MAX_BINS, &n), 0);
    bins = (sio_bins){bin, n};
    assert_int_equal(msgpack_from_json(buf_str(&json), &bins, out), 0);
    buf_fini(&json);
}

static void encodes_as_notepack(void **state)
{
    size_t same = 0, other = 0;
    vectors v;
    sio_str raw;
    buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    vectors_open(&v, "msgpack_values.json");
    while (vectors_next(&v, &raw)) {
        sio_str value = member(raw, "value"), want;
        bool equal;

        if (value.n == 0)
            continue;
        want = vectors_bytes(&v, member(raw, "notepack.io@2.2.0"));
        encode_value(vectors_build(&v, value), &out);
        equal = sio_str_eq(buf_str(&out), want);
        if (equal == listed(encoded_otherwise, COUNT(encoded_otherwise), compact(&v, value)))
            fail_msg("%s: %.*s", equal ? "a listed deviation is none" : "differs", (int)raw.n, raw.p);
        same += equal;
        other += !equal;
    }
    assert_int_equal(other, COUNT(encoded_otherwise));
    assert_true(same > 40);
    vectors_close(&v);
    buf_fini(&out);
}

/* Decodes and compares with what notepack makes of the bytes; they must come out entirely, too. */
static bool decodes_like(vectors *v, sio_str bytes, sio_str want)
{
    sio_str bin[MAX_BINS], value;
    unsigned n = 0;
    sio_bins bins;
    bool same;
    long used;
    buf json;

    buf_init(&json, 1 << 20);
    used = msgpack_to_json(bytes.p, bytes.n, &json, bin, MAX_BINS, &n);
    assert_int_equal(msgpack_skip(bytes.p, bytes.n), used);
    bins = (sio_bins){bin, n};
    if (member(want, "$error").n > 0)
        same = used == SIO_EPARSE;
    else
        same = used == (long)bytes.n && json_valid(buf_str(&json), &value) &&
               (member(want, "$undefined").n > 0
                    ? sio_str_eq(value, sio_lit("null"))
                    : vectors_same(v, vectors_build(v, want),
                                   (sio_val){.kind = SIO_JSON, .s = value, .bins = &bins}));
    buf_fini(&json);
    return same;
}

static void decodes_as_notepack(void **state)
{
    size_t same = 0, other = 0;
    vectors v;
    sio_str raw;

    (void)state;
    vectors_open(&v, "msgpack_values.json");
    while (vectors_next(&v, &raw)) {
        sio_str hex = member(raw, "hex"), bytes, text;
        bool equal;

        if (hex.n == 0)
            continue;
        text = vectors_text(&v, hex);
        bytes = vectors_bytes(&v, hex);
        equal = decodes_like(&v, bytes, member(raw, "notepack.io@2.2.0"));
        if (equal == listed(decoded_otherwise, COUNT(decoded_otherwise), text))
            fail_msg("%s: %.*s", equal ? "a listed deviation is none" : "differs", (int)raw.n, raw.p);
        if (!equal) /* here the later notepack is right */
            assert_true(decodes_like(&v, bytes, member(raw, "notepack.io@3.0.1")));
        same += equal;
        other += !equal;
    }
    assert_int_equal(other, COUNT(decoded_otherwise));
    assert_true(same > 25);
    vectors_close(&v);
}

/* ---- beyond the vectors ---------------------------------------------------------------------------- */

static void check_json(const char *bytes, size_t n, const char *want)
{
    char *p = malloc(n); /* exactly as long, for the sanitizer */
    sio_str bin[MAX_BINS];
    unsigned bins = 0;
    buf json;

    memcpy(p, bytes, n);
    buf_init(&json, 10000);
    assert_int_equal(msgpack_to_json(p, n, &json, bin, MAX_BINS, &bins), n);
    if (!sio_str_eq(buf_str(&json), sio_str_z(want)))
        fail_msg("%.*s instead of %s", (int)json.n, json.p, want);
    json.n = 0;
    for (size_t cut = 0; cut < n; cut++) {
        char *part = malloc(cut + 1);

        memcpy(part, p, cut);
        bins = 0;
        assert_int_equal(msgpack_to_json(part, cut, &json, bin, MAX_BINS, &bins), SIO_EPARSE);
        assert_int_equal(msgpack_skip(part, cut), SIO_EPARSE);
        assert_int_equal(json.n + bins, 0);
        free(part);
    }
    buf_fini(&json);
    free(p);
}
#define CHECK_JSON(bytes, want) check_json(bytes, sizeof(bytes) - 1, want)

static void decodes_the_specials(void **state)
{
    (void)state;
    CHECK_JSON("\x82\xa1" "a\xd4\x00\x00\xa1" "b\x01", "{\"b\":1}");
    CHECK_JSON("\x82\xa1" "a\x01\xa1" "b\xd4\x00\x00", "{\"a\":1}");
    CHECK_JSON("\x92\xd4\x00\x00\xc0", "[null,null]");
    CHECK_JSON("\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff", "null");
    CHECK_JSON("\xd7\x00\x00\x00\x01\x8c\xc2\x51\xf4\x7b", "\"2024-01-01T00:00:00.123Z\"");
    CHECK_JSON("\xc7\x0c\xff\x3b\x8b\x87\xc0\xff\xff\xff\xff\xff\xff\xff\xff",
               "\"1969-12-31T23:59:59.999Z\"");
    CHECK_JSON("\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", "null");
    CHECK_JSON("\xc7\x02\x00\x01\x02", "{\"_placeholder\":true,\"num\":0}");
    CHECK_JSON("\xc8\x00\x01\x00x", "{\"_placeholder\":true,\"num\":0}");
    CHECK_JSON("\xd5\x00xy", "[0,{\"_placeholder\":true,\"num\":0}]");
    CHECK_JSON("\xd4\x05x", "[5,{\"_placeholder\":true,\"num\":0}]");
    CHECK_JSON("\xc7\x03\xffxyz", "[-1,{\"_placeholder\":true,\"num\":0}]");
    CHECK_JSON("\x92\xc4\x00\xc4\x00",
               "[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    CHECK_JSON("\x84\xc3\x01\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x02\xff\x03\xc0\x04",
               "{\"true\":1,\"1.5\":2,\"-1\":3,\"null\":4}");
    CHECK_JSON("\xca\x3d\xcc\xcc\xcd", "0.10000000149011612");
    CHECK_JSON("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", "null");
    CHECK_JSON("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854776000");
    CHECK_JSON("\xa3" "a\xff\n", "\"a\xef\xbf\xbd\\n\"");
}

static void refuses_bad_input(void **state)
{
    static const sio_str bad[] = {
        SIO_STR("\xc1"),
        SIO_STR("\xdd\xff\xff\xff\xff"),
        SIO_STR("\xdf\xff\xff\xff\xff\x01\x01"),
        SIO_STR("\xc6\xff\xff\xff\xff" "x"),
        SIO_STR("\xdb\xff\xff\xff\xff"),
        SIO_STR("\x81\x90\x01"),
        SIO_STR("\x81\xc4\x00\x01"),
        SIO_STR("\x81\xd4\x00\x00\x01"),
        SIO_STR("\x92\x01"),
        SIO_STR("\xc9\xff\xff\xff\xff"),
    };
    sio_str bin[1];
    unsigned n = 0;
    buf json;

    (void)state;
    buf_init(&json, 1000);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(msgpack_to_json(bad[i].p, bad[i].n, &json, bin, 1, &n), SIO_EPARSE);
    assert_int_equal(msgpack_to_json("\x92\xc4\x00\xc4\x00", 5, &json, bin, 1, &n), SIO_ELIMIT);
    assert_int_equal(json.n + n, 0);
    buf_fini(&json);
    buf_init(&json, 10);
    assert_int_equal(msgpack_to_json("\x93\xc0\xc0\xc0", 4, &json, bin, 1, &n), SIO_ETOOBIG);
    assert_int_equal(json.n, 0);
    buf_fini(&json);
}

static void nesting_is_bounded(void **state)
{
    char bytes[80];
    sio_str bin[1], value;
    unsigned n = 0;
    buf json;

    (void)state;
    buf_init(&json, 10000);
    memset(bytes, 0x91, sizeof(bytes));
    bytes[64] = 0x01;
    assert_int_equal(msgpack_to_json(bytes, 65, &json, bin, 1, &n), 65);
    assert_int_equal(msgpack_skip(bytes, 65), 65);
    assert_true(json_valid(buf_str(&json), &value));
    memcpy(bytes + 64, "\xc4\x00", 2); /* a placeholder would be the 65th level */
    assert_int_equal(msgpack_to_json(bytes, 66, &json, bin, 1, &n), SIO_EPARSE);
    memcpy(bytes + 63, "\xd4\x05x", 3); /* and so would this one */
    assert_int_equal(msgpack_to_json(bytes, 66, &json, bin, 1, &n), SIO_EPARSE);
    memset(bytes, 0x91, sizeof(bytes));
    bytes[65] = 0x01;
    assert_int_equal(msgpack_to_json(bytes, 66, &json, bin, 1, &n), SIO_EPARSE);
    assert_int_equal(msgpack_skip(bytes, 66), SIO_EPARSE);
    buf_fini(&json);
}

static void check_packed(const char *json, const char *want, size_t n)
{
    static const sio_str bin[] = {SIO_STR("X"), SIO_STR("YZ")};
    const sio_bins bins = {bin, 2};
    buf out;

    buf_init(&out, 1000);
    assert_int_equal(msgpack_from_json(sio_str_z(json), &bins, &out), 0);
    if (!sio_str_eq(buf_str(&out), (sio_str){want, n}))
        fail_msg("%s came out otherwise", json);
    assert_int_equal(msgpack_skip(out.p, out.n), n);
    buf_fini(&out);
}
#define CHECK_PACKED(json, want) check_packed(json, want, sizeof(want) - 1)

static void packs_json_with_its_attachments(void **state)
{
    (void)state;
    CHECK_PACKED(" [ 1 , {\"a\" : [ ] } ] ", "\x92\x01\x81\xa1" "a\x90");
    CHECK_PACKED("{\"_placeholder\":true,\"num\":1}", "\xc4\x02YZ");
    CHECK_PACKED("[{\"num\":0,\"x\":[1,2,3],\"_placeholder\":true},2]", "\x92\xc4\x01X\x02");
    CHECK_PACKED("[{\"_placeholder\":true,\"num\":0.5}]", "\x91\xc0");
    CHECK_PACKED("{\"a\":1,\"b\":{\"_placeholder\":true,\"num\":0.5},\"c\":2}",
                 "\x82\xa1" "a\x01\xa1" "c\x02");
    CHECK_PACKED("[{\"_placeholder\":true,\"num\":2}]", "\x91\x82\xac_placeholder\xc3\xa3num\x02");
    CHECK_PACKED("\"a\\n\\ud83d\\ude00\"", "\xa6" "a\n\xf0\x9f\x98\x80");
    CHECK_PACKED("[\"\\ud800x\",\"\\u0000\"]", "\x92\xa4\xef\xbf\xbdx\xa1\x00");
    CHECK_PACKED("\"0123456789012345678901234567890\\n\"", "\xd9\x20" "0123456789012345678901234567890\n");
    CHECK_PACKED("[1e3,-0,1.0,9007199254740993,18446744073709551615,1e400]",
                 "\x96\xcd\x03\xe8\x00\x01\xcf\x00\x20\x00\x00\x00\x00\x00\x00"
                 "\xcb\x43\xf0\x00\x00\x00\x00\x00\x00\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00");
    CHECK_PACKED("[-9223372036854775808,true,false,null]",
                 "\x94\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xc3\xc2\xc0");
    CHECK_PACKED("[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,[15]]",
                 "\xdc\x00\x10\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x91\x0f");
}

static void packing_fails_as_a_whole(void **state)
{
    buf out;

    (void)state;
    buf_init(&out, 12);
    assert_int_equal(buf_putc(&out, 'x'), 0);
    assert_int_equal(msgpack_from_json(sio_lit("[\"0123456789\"]"), NULL, &out), SIO_ETOOBIG);
    assert_int_equal(msgpack_from_json(sio_lit("[\"0123456789\\n\"]"), NULL, &out), SIO_ETOOBIG);
    assert_int_equal(msgpack_from_json(sio_lit("[[1,2]"), NULL, &out), SIO_EPARSE);
    assert_int_equal(msgpack_from_json(sio_lit(""), NULL, &out), SIO_EPARSE);
    assert_int_equal(out.n, 1);
    buf_fini(&out);
}

/* Heads at each border of sizes, there and back. */
static void sizes_round_trip(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536};
    buf json, packed, back;

    (void)state;
    buf_init(&json, 1 << 20);
    buf_init(&packed, 1 << 20);
    buf_init(&back, 1 << 20);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        unsigned n = 0;

        json.n = packed.n = back.n = 0;
        assert_int_equal(buf_puts(&json, "[\""), 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(buf_putc(&json, 'a'), 0);
        assert_int_equal(buf_puts(&json, "\",["), 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(buf_puts(&json, k ? ",1" : "1"), 0);
        assert_int_equal(buf_puts(&json, "],{"), 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(buf_printf(&json, "%s\"%zu\":2", k ? "," : "", k), 0);
        assert_int_equal(buf_puts(&json, "}]"), 0);
        assert_int_equal(msgpack_from_json(buf_str(&json), NULL, &packed), 0);
        assert_int_equal(msgpack_to_json(packed.p, packed.n, &back, NULL, 0, &n), packed.n);
        assert_true(sio_str_eq(buf_str(&json), buf_str(&back)));
    }
    buf_fini(&json);
    buf_fini(&packed);
    buf_fini(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_as_notepack),
        cmocka_unit_test(decodes_as_notepack),
        cmocka_unit_test(decodes_the_specials),
        cmocka_unit_test(refuses_bad_input),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(packs_json_with_its_attachments),
        cmocka_unit_test(packing_fails_as_a_whole),
        cmocka_unit_test(sizes_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
