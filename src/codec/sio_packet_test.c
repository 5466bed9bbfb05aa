#include "codec/sio_packet.h"

#include "codec/placeholder.h"
#include "codec/val.h"
#include "codec/vectors_val_test.h"
#include "sio_err.h"

#include <limits.h>
#include <stdlib.h>

/* What the reference decoder takes and we refuse; protocol.md, 2.2, leaves us free to. */
typedef struct deviation {
    const char *input;
    const char *why;
} deviation;

static const deviation deviations[] = {
    {"", "empty text: Number(\"\") is 0 in JavaScript, no client sends it; the engine treats it as an error"},
    {" ", "a space as packet type: Number(\" \") is 0"},
    {"2 [\"a\"]", "a space as ack id: Number(\" \") is 0"},
    {"2 1[\"a\"]", "a space inside an ack id"},
    {"5 1-[\"a\"]", "a space inside the attachment count"},
    {"51e0-[\"a\",{\"_placeholder\":true,\"num\":0}]", "attachment count in exponent form"},
    {"50x1-[\"a\",{\"_placeholder\":true,\"num\":0}]", "attachment count in hexadecimal"},
};
#define DEVIATIONS (sizeof(deviations) / sizeof(deviations[0]))

static int find_deviation(sio_str text)
{
    for (size_t i = 0; i < DEVIATIONS; i++) {
        if (sio_str_eq(text, sio_str_z(deviations[i].input)))
            return (int)i;
    }
    return -1;
}

/* A decoder made of the functions under test: one packet may be waiting for its attachments. */
typedef struct decoder {
    sio_packet packet;
    bool       waiting;
    unsigned   nbins, max;
    sio_str    bin[16];
} decoder;

typedef enum outcome { DECODED, MORE, REFUSED } outcome;

static outcome decode(decoder *d, sio_val input)
{
    sio_str s;

    if (sio_binary(input, &s)) {
        if (!d->waiting)
            return REFUSED;
        d->bin[d->nbins++] = s;
        d->waiting = d->nbins < d->packet.attachments;
        if (d->waiting)
            return MORE;
        return sio_packet_check_placeholders(d->packet.data, d->packet.attachments) == 0 ? DECODED : REFUSED;
    }
    assert_true(sio_text(input, NULL, &s));
    if (d->waiting || sio_packet_parse(s, d->max, &d->packet) < 0)
        return REFUSED;
    d->nbins = 0;
    d->waiting = d->packet.attachments > 0;
    return d->waiting ? MORE : DECODED;
}

static bool same_packet(vectors *v, sio_val want, const decoder *d)
{
    const sio_bins bins = {d->bin, d->nbins};
    sio_val data = {.kind = SIO_JSON, .s = d->packet.data, .bins = d->nbins ? &bins : NULL};
    int type = (int)d->packet.type;
    int64_t number;
    sio_str nsp;

    if (type >= SIO_PACKET_BINARY_EVENT) /* the reference reports these as 2 and 3 */
        type -= SIO_PACKET_BINARY_EVENT - SIO_PACKET_EVENT;
    if (!sio_int(sio_get(want, "type"), &number) || number != type)
        return false;
    if (!sio_text(sio_get(want, "nsp"), NULL, &nsp) || !sio_str_eq(nsp, d->packet.nsp))
        return false;
    if ((sio_kind_of(sio_get(want, "id")) != SIO_UNDEFINED) != d->packet.has_id)
        return false;
    if (d->packet.has_id) {
        double id;

        if (!sio_number(sio_get(want, "id"), &id) || id != (double)d->packet.id)
            return false;
    }
    return vectors_same(v, sio_get(want, "data"), data);
}

static bool decodes_like(vectors *v, sio_val vector)
{
    sio_val inputs = sio_get(vector, "input"), wanted = sio_get(vector, "decoded");
    bool refused = false;
    size_t decoded = 0;
    decoder d = {.max = 10};
    int64_t max;

    if (sio_int(sio_get(sio_get(vector, "options"), "maxAttachments"), &max))
        d.max = (unsigned)max;
    for (size_t i = 0; i < sio_len(inputs) && !refused; i++) {
        switch (decode(&d, sio_at(inputs, i))) {
        case REFUSED:
            refused = true;
            break;
        case DECODED:
            if (!same_packet(v, sio_at(wanted, decoded++), &d))
                return false;
            break;
        case MORE:
            break;
        }
    }
    return decoded == sio_len(wanted) && refused == (sio_kind_of(sio_get(vector, "error")) == SIO_STRING);
}

static void decodes_as_the_reference_does(void **state)
{
    bool met[DEVIATIONS] = {false};
    vectors v;
    sio_str raw;
    size_t n = 0;

    (void)state;
    vectors_open(&v, "socketio_decode.json");
    for (; vectors_next(&v, &raw); n++) {
        sio_val vector = vectors_build(&v, raw), first = sio_at(sio_get(vector, "input"), 0);
        sio_packet packet;
        int which = first.kind == SIO_STRING ? find_deviation(first.s) : -1;

        if (which < 0) {
            if (!decodes_like(&v, vector))
                fail_msg("otherwise than %.*s", (int)raw.n, raw.p);
            continue;
        }
        met[which] = true;
        assert_int_equal(sio_packet_parse(first.s, 10, &packet), SIO_EPARSE);
    }
    assert_int_equal(n, 121);
    for (size_t i = 0; i < DEVIATIONS; i++)
        assert_true(met[i]);
    vectors_close(&v);
}

static void check_encode_vector(vectors *v, sio_val vector)
{
    sio_val packet = sio_get(vector, "packet"), wanted = sio_get(vector, "encoded");
    sio_val data = sio_get(packet, "data");
    int64_t type, id = 0;
    bool has_id = sio_int(sio_get(packet, "id"), &id);
    unsigned nbins = 0;
    sio_str bins[10], nsp, text, bytes;
    buf json, out;

    buf_init(&json, 10000);
    buf_init(&out, 10000);
    assert_true(sio_int(sio_get(packet, "type"), &type));
    assert_true(sio_text(sio_get(packet, "nsp"), NULL, &nsp));
    if (sio_kind_of(data) != SIO_UNDEFINED)
        assert_int_equal(val_to_json(&json, data, bins, 10, &nbins), 0);
    if (nbins > 0)
        type += SIO_PACKET_BINARY_EVENT - SIO_PACKET_EVENT;
    assert_int_equal(sio_packet_put_head(&out, (sio_packet_type)type, nbins, nsp, has_id, (uint64_t)id), 0);
    assert_int_equal(buf_add_str(&out, buf_str(&json)), 0);
    assert_true(sio_text(sio_at(wanted, 0), NULL, &text));
    if (!sio_str_eq(buf_str(&out), text))
        fail_msg("%.*s instead of %.*s", (int)out.n, out.p, (int)text.n, text.p);
    assert_int_equal(sio_len(wanted), 1 + nbins);
    for (unsigned i = 0; i < nbins; i++)
        assert_true(sio_binary(sio_at(wanted, i + 1), &bytes) && sio_str_eq(bytes, bins[i]));
    buf_fini(&json);
    buf_fini(&out);
    (void)v;
}

static void encodes_as_the_reference_does(void **state)
{
    vectors v;
    sio_str raw;
    size_t n = 0;

    (void)state;
    vectors_open(&v, "socketio_encode.json");
    for (; vectors_next(&v, &raw); n++)
        check_encode_vector(&v, vectors_build(&v, raw));
    assert_int_equal(n, 30);
    vectors_close(&v);
}

static int parse(const char *z, sio_packet *out)
{
    size_t n = strlen(z);
    char *p = malloc(n ? n : 1); /* exactly as long, for the sanitizer */
    int err;

    memcpy(p, z, n);
    err = sio_packet_parse((sio_str){p, n}, 10, out);
    free(p);
    return err;
}

static void ids_are_javascript_numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t    id;
        const char *answer;
    } cases[] = {
        {"20[\"a\"]", 0, "30"},
        {"2007[\"a\"]", 7, "37"},
        {"29007199254740991[\"a\"]", 9007199254740991, "39007199254740991"},
        {"29007199254740993[\"a\"]", 9007199254740992, "39007199254740992"},
        {"218446744073709551615[\"a\"]", 18446744073709549568ull, "318446744073709550000"},
        {"218446744073709551616[\"a\"]", 18446744073709549568ull, "318446744073709550000"},
        {"299999999999999999999999999999999999999999999999999[\"a\"]",
        18446744073709549568ull, "318446744073709550000"},
    };
    sio_packet packet;
    buf out;

    (void)state;
    buf_init(&out, 100);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse(cases[i].text, &packet), 0);
        assert_true(packet.has_id);
        assert_true(packet.id == cases[i].id);
        assert_int_equal(sio_packet_put_head(&out, SIO_PACKET_ACK, 0, sio_lit("/"), true, packet.id), 0);
        assert_true(sio_str_eq(buf_str(&out), sio_str_z(cases[i].answer)));
        out.n = 0;
    }
    buf_fini(&out);
}

static void hostile_texts_are_refused(void **state)
{
    static const char *const bad[] = {
        "7", "x", "599999999999999999999999999-[\"a\"]", "5-", "50-", "51", "5+1-[\"a\"]", "511-[\"a\"]",
        "2[\"a\"",
        "2\t[\"a\"]", "2,[\"a\"]", "0/a,b", "2[\"\\u0063onnect\"]", "2[\"\xff\"]", "2[[]]", "1 ", "3null",
        "0{}{}",
        "2[\"remove\\u004cistener\"]", "2[\"\\u0063\\u006f\\u006e\\u006e\\u0065\\u0063\\u0074\"]",
        ("2[\"\\u0072\\u0065\\u006d\\u006f"
         "\\u0076\\u0065\\u004c\\u0069\\u0073\\u0074\\u0065\\u006e\\u0065\\u0072\"]"),
    };
    sio_packet packet;
    char deep[1 + 2 * 65];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(bad[i], &packet) != SIO_EPARSE)
            fail_msg("accepted: %s", bad[i]);
    }
    for (size_t depth = 64; depth <= 65; depth++) {
        deep[0] = '3';
        memset(deep + 1, '[', depth);
        memset(deep + 1 + depth, ']', depth);
        assert_int_equal(sio_packet_parse((sio_str){deep, 1 + 2 * depth}, 10, &packet),
                         depth > 64 ? SIO_EPARSE : 0);
    }
}

static void names_longer_than_reserved_ones_pass(void **state)
{
    char text[200] = "2[\"", *p = text + 3;
    sio_packet packet;

    (void)state;
    assert_int_equal(parse("2[\"connecting\"]", &packet), 0);
    assert_int_equal(parse("2[\"Connect\"]", &packet), 0);
    assert_int_equal(parse("2[\"connect\\u0000\"]", &packet), 0);
    for (int i = 0; i < 50; i++)
        p += sprintf(p, "\\n");
    strcpy(p, "\"]");
    assert_int_equal(parse(text, &packet), 0);
}

static void a_buffer_that_is_full_stays_as_it_was(void **state)
{
    buf out;

    (void)state;
    buf_init(&out, 8);
    assert_int_equal(buf_puts(&out, "xy"), 0);
    assert_int_equal(sio_packet_put_head(&out, SIO_PACKET_EVENT, 0, sio_lit("/admin"), true, 1), SIO_ETOOBIG);
    assert_true(sio_str_eq(buf_str(&out), sio_lit("xy")));
    assert_int_equal(sio_packet_put_head(&out, SIO_PACKET_BINARY_ACK, 3, sio_lit("/"), true, 12), 0);
    assert_true(sio_str_eq(buf_str(&out), sio_lit("xy63-12")));
    buf_fini(&out);
}

static bool is_placeholder(sio_str json, unsigned *num)
{
    return placeholder_of(json, UINT_MAX, num) == PLACEHOLDER_INDEX;
}

static void tells_placeholders(void **state)
{
    static const char *const not[] = {
        "{}", "[]", "{\"_placeholder\":true}", "{\"_placeholder\":1,\"num\":0}",
        "{\"_placeholder\":true,\"num\":-1}",
        "{\"_placeholder\":true,\"num\":\"0\"}", "{\"_placeholder\":true,\"num\":0.5}", "{\"num\":0}", "null",
        "{\"_placeholder\":true,\"_placeholder\":false,\"num\":0}",
        "{\"_placeholder\":true,\"num\":0,\"num\":[]}",
        "{\"a\":{\"_placeholder\":true,\"num\":0}}", "{\"_placeholder\":true,\"num\":1e99}",
    };
    unsigned num = 99;

    (void)state;
    for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++)
        assert_false(is_placeholder(sio_str_z(not[i]), &num));
    assert_int_equal(num, 99);
    assert_true(is_placeholder(sio_lit("{\"_placeholder\":true,\"num\":3}"), &num));
    assert_int_equal(num, 3);
    assert_true(is_placeholder(sio_lit("{\"x\":[{}],\"num\" : 1e1,\"\\u005fplaceholder\":true }"), &num));
    assert_int_equal(num, 10);
}

static void checks_placeholders_in_one_pass(void **state)
{
    static const struct {
        const char *data;
        int         verdict;
    } cases[] = {
        {"", 0},
        {"[\"a\"]", 0},
        {"[{\"_placeholder\":true,\"num\":1}]", 0},
        {"[{\"_placeholder\":true,\"num\":2}]", SIO_EPARSE},
        {"[[[{\"a\":{\"_placeholder\":true,\"num\":2}}]]]", SIO_EPARSE},
        {"[{\"_placeholder\":true,\"num\":0.5}]", 0},
        {"[{\"_placeholder\":true}]", SIO_EPARSE},
        /* the reference never looks inside a placeholder */
        {"[{\"_placeholder\":true,\"num\":0,\"x\":{\"_placeholder\":true,\"num\":9}}]", 0},
        {"[{\"x\":{\"_placeholder\":true,\"num\":9},\"_placeholder\":true,\"num\":0}]", 0},
        {"[{\"x\":{\"_placeholder\":true,\"num\":9},\"_placeholder\":false,\"num\":0}]", SIO_EPARSE},
        {"[{\"_placeholder\":true,\"num\":{\"_placeholder\":true,\"num\":0}}]", SIO_EPARSE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(sio_packet_check_placeholders(sio_str_z(cases[i].data), 2), cases[i].verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_the_reference_does),
        cmocka_unit_test(encodes_as_the_reference_does),
        cmocka_unit_test(ids_are_javascript_numbers),
        cmocka_unit_test(hostile_texts_are_refused),
        cmocka_unit_test(names_longer_than_reserved_ones_pass),
        cmocka_unit_test(a_buffer_that_is_full_stays_as_it_was),
        cmocka_unit_test(tells_placeholders),
        cmocka_unit_test(checks_placeholders_in_one_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
