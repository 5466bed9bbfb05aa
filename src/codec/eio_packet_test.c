#include "codec/eio_packet.h"

#include "base/testing.h"
#include "codec/vectors_test.h"
#include "sio_err.h"

#include <stdlib.h>

/* A copy of exactly n bytes, so that ASan sees an access beyond them. */
static char *copy_of(sio_str s)
{
    char *p = malloc(s.n + !s.n);

    assert_non_null(p);
    memcpy(p, s.p, s.n);
    return p;
}

static int type_by_name(sio_str name)
{
    static const char *const names[] = {"open", "close", "ping", "pong", "message", "upgrade", "noop"};

    for (int i = 0; i < 7; i++)
        if (sio_str_eq(name, sio_str_z(names[i])))
            return i;
    assert_true(sio_str_eq(name, sio_lit("error")));
    return -1;
}

/* What a vector says a packet is. */
typedef struct expected {
    int     type; /* -1 = parser error */
    bool    binary;
    sio_str data;
} expected;

static expected read_packet(vectors *v, sio_str json)
{
    expected e = {.data = sio_lit("")};
    sio_str raw, hex;

    assert_true(json_get(json, sio_lit("type"), &raw));
    e.type = type_by_name(vectors_text(v, raw));
    if (!json_get(json, sio_lit("data"), &raw))
        return e;
    e.binary = json_kind_of(raw) == JSON_OBJECT;
    if (e.binary)
        assert_true(json_get(raw, sio_lit("$bin"), &hex));
    e.data = e.binary ? vectors_bytes(v, hex) : vectors_text(v, raw);
    return e;
}

static void check_packet(const eio_in *in, const expected *e, sio_str text)
{
    if ((int)in->type != e->type || in->binary != e->binary || in->n != e->data.n ||
        memcmp(in->p, e->data.p, in->n) != 0)
        fail_msg("%.*s: type %d, %zu bytes", (int)text.n, text.p, in->type, in->n);
}

static void check_parse(sio_str text, const expected *e)
{
    char *p = copy_of(text);
    eio_in in;
    int rc = eio_packet_parse(p, text.n, &in);

    assert_int_equal(rc, e->type < 0 ? SIO_EPARSE : 0);
    if (rc == 0)
        check_packet(&in, e, text);
    free(p);
}

/* What the reference encodes must read as the packet it was; frames that are binary need no parser. */
static void check_packet_vector(vectors *v, sio_str vector, unsigned *done)
{
    sio_str packet, raw;
    expected e;

    assert_true(json_get(vector, sio_lit("packet"), &packet));
    e = read_packet(v, packet);
    if (e.binary)
        e.type = EIO_MESSAGE; /* one vector encodes a binary "ping": on the wire it is a message */
    if (json_get(vector, sio_lit("text"), &raw) || json_get(vector, sio_lit("base64"), &raw)) {
        check_parse(vectors_text(v, raw), &e);
        ++*done;
    }
    if (json_get(vector, sio_lit("websocket"), &raw) && json_kind_of(raw) == JSON_STRING) {
        check_parse(vectors_text(v, raw), &e);
        ++*done;
    }
}

static void packets_are_read_as_the_reference_does(void **state)
{
    unsigned done = 0;
    sio_str vector;
    vectors v;

    (void)state;
    vectors_open(&v, "engineio_packets.json");
    while (vectors_next(&v, &vector))
        check_packet_vector(&v, vector, &done);
    assert_int_equal(done, 21 + 14 + 31); /* encoded as polling, as text frames, decoded from text */
    vectors_close(&v);
}

static void check_payload(vectors *v, sio_str payload, sio_str packets)
{
    char *p = copy_of(payload);
    size_t at = 0, walk = 0;
    sio_str packet;
    eio_in in;
    int rc = 1;

    while (json_next(packets, &walk, NULL, &packet)) {
        expected e = read_packet(v, packet);

        rc = eio_payload_next(p, payload.n, &at, &in);
        assert_int_equal(rc, e.type < 0 ? SIO_EPARSE : 1);
        if (rc == 1)
            check_packet(&in, &e, payload);
    }
    assert_int_equal(eio_payload_next(p, payload.n, &at, &in), rc == 1 ? 0 : SIO_EPARSE);
    free(p);
}

/* The reference does not escape a separator inside a text: what it wrote reads back as two packets. */
static void a_separator_in_a_text_cuts_it(void **state)
{
    char payload[] = "4a\x1e" "b";
    size_t at = 0;
    eio_in in;

    (void)state;
    assert_int_equal(eio_payload_next(payload, 4, &at, &in), 1);
    assert_true(in.type == EIO_MESSAGE && !in.binary && in.n == 1 && in.p[0] == 'a');
    assert_int_equal(eio_payload_next(payload, 4, &at, &in), 1);
    assert_true(in.type == EIO_MESSAGE && in.binary && in.n == 0);
    assert_int_equal(eio_payload_next(payload, 4, &at, &in), 0);
}

static void payloads_are_read_as_the_reference_does(void **state)
{
    sio_str vector, raw, packets, op, bytes;
    unsigned done = 0, cut = 0;
    vectors v;

    (void)state;
    vectors_open(&v, "engineio_payloads.json");
    while (vectors_next(&v, &vector)) {
        assert_true(json_get(vector, sio_lit("payload_hex"), &raw));
        assert_true(json_get(vector, sio_lit("packets"), &packets));
        assert_true(json_get(vector, sio_lit("op"), &op));
        bytes = vectors_bytes(&v, raw);
        if (json_equals(op, sio_lit("encode")) && sio_str_eq(bytes, sio_lit("4a\x1e" "b"))) {
            cut++;
            continue;
        }
        check_payload(&v, bytes, packets);
        done++;
    }
    assert_int_equal(done, 24);
    assert_int_equal(cut, 1);
    vectors_close(&v);
}

static void every_first_byte_is_judged(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char text[2] = {(char)c, 'x'};
        eio_in in;
        bool good = (c >= '0' && c <= '6') || c == 'b';

        assert_int_equal(eio_packet_parse(text, 2, &in), good ? 0 : SIO_EPARSE);
        if (good)
            assert_ptr_equal(in.p, text + 1);
    }
}

/* ---- JSONP ---- */

static void jsonp_bodies_are_decoded(void **state)
{
    static const char *const cases[][2] = {
        {"d=40", "40"},
        {"d=", ""},
        {"x=1&d=4a+b%26&y=2", "4a b&"},
        {"d=4a%5Cnb", "4a\nb"},
        {"d=4a%5C%5Cnb", "4a\\nb"},
        {"d=4a%5C%5C%5Cnb", "4a\\\\nb"},
        {"d=4a%5Cb%5C%5C%5Cn%5Cn%5C", "4a\\b\\\\n\n\\"},
        {"d=4\\nn\\nn", "4\nn\nn"},
        {"d=n\\", "n\\"},
        {"d=4%E2%82%AC%1E4x", "4\xe2\x82\xac\x1e" "4x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        buf b;

        buf_init(&b, 100);
        buf_puts(&b, "\\");
        assert_int_equal(eio_jsonp_decode(sio_str_z(cases[i][0]), &b), 0);
        buf_putc(&b, 0);
        assert_string_equal(b.p + 1, cases[i][1]);
        assert_int_equal(b.p[0], '\\');
        buf_fini(&b);
    }
}

static void jsonp_bodies_without_d_are_told(void **state)
{
    buf b;

    (void)state;
    buf_init(&b, 4);
    assert_int_equal(eio_jsonp_decode(sio_lit("40"), &b), SIO_ENOENT);
    assert_int_equal(eio_jsonp_decode(sio_lit(""), &b), SIO_ENOENT);
    assert_int_equal(eio_jsonp_decode(sio_lit("d=12345"), &b), SIO_ETOOBIG);
    assert_int_equal(b.n, 0);
    buf_fini(&b);
}

static void jsonp_answers_are_javascript(void **state)
{
    static const struct {
        const char *index, *payload, *want;
    } cases[] = {
        {"7", "40{\"sid\":\"ujrIg3R-QoSZqeevAAAJ\"}",
         "___eio[7](\"40{\\\"sid\\\":\\\"ujrIg3R-QoSZqeevAAAJ\\\"}\");"},
        {"", "6", "___eio[](\"6\");"},
        {"a1(2)-3;alert", "4\x1e\n", "___eio[123](\"4\\u001e\\n\");"},
        {"0", "4\xe2\x80\xa8-\xe2\x80\xa9\xe2\x80\xa7\xe2\x80\xa8",
         "___eio[0](\"4\\u2028-\\u2029\xe2\x80\xa7\\u2028\");"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        buf b;

        buf_init(&b, 200);
        assert_int_equal(eio_jsonp_encode(sio_str_z(cases[i].index), sio_str_z(cases[i].payload), &b), 0);
        buf_putc(&b, 0);
        assert_string_equal(b.p, cases[i].want);
        buf_fini(&b);
    }
}

static void a_jsonp_answer_over_the_maximum_is_an_error(void **state)
{
    (void)state;
    for (size_t max = 0; max < 17; max++) {
        buf b;

        buf_init(&b, max);
        assert_int_equal(eio_jsonp_encode(sio_lit("1"), sio_lit("4"), &b), max < 15 ? SIO_ETOOBIG : 0);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_read_as_the_reference_does),
        cmocka_unit_test(a_separator_in_a_text_cuts_it),
        cmocka_unit_test(payloads_are_read_as_the_reference_does),
        cmocka_unit_test(every_first_byte_is_judged),
        cmocka_unit_test(jsonp_bodies_are_decoded),
        cmocka_unit_test(jsonp_bodies_without_d_are_told),
        cmocka_unit_test(jsonp_answers_are_javascript),
        cmocka_unit_test(a_jsonp_answer_over_the_maximum_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
