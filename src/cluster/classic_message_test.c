/* Every message that was captured between Node servers is read, and written again to the same bytes. */
#include "cluster/classic_message.h"
#include "codec/vectors_val_test.h"
#include "sio_err.h"

/* What is in the hands of one test. */
typedef struct bench {
    vectors v;
    classic_reader r;
    classic_message m;
    buf out;
    sio_str vector, payload;
    sio_peer peer[8];
    unsigned npeers, written;
} bench;

static sio_str field(sio_str object, const char *name)
{
    sio_str v = {0};

    json_get(object, sio_str_z(name), &v);
    return v;
}

static bool text_has(sio_str text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static void open_bench(bench *b, const char *file)
{
    *b = (bench){0};
    vectors_open(&b->v, file);
    classic_reader_init(&b->r);
    buf_init(&b->out, 1 << 20);
}

static void close_bench(bench *b)
{
    classic_reader_fini(&b->r);
    buf_fini(&b->out);
    vectors_close(&b->v);
}

/* The next PUBLISH of the file, and where it went. */
static bool next_publish(bench *b, sio_str *channel)
{
    while (vectors_next(&b->v, &b->vector)) {
        if (!sio_str_eq(field(b->vector, "command"), sio_lit("\"PUBLISH\"")))
            continue;
        *channel = vectors_text(&b->v, field(b->vector, "channel"));
        b->payload = vectors_bytes(&b->v, field(b->vector, "payload_hex"));
        b->out.n = 0;
        return true;
    }
    return false;
}

static void assert_written(bench *b, int err)
{
    assert_int_equal(err, 0);
    if (!sio_str_eq(buf_str(&b->out), b->payload))
        fail_msg("%.*s: other bytes: %.*s", (int)b->vector.n, b->vector.p, (int)b->out.n, b->out.p);
    b->written++;
}

static sio_val args_of(const bench *b)
{
    return (sio_val){.kind = SIO_JSON, .s = b->m.op.args, .bins = &b->m.bins};
}

static void assert_args(bench *b, sio_str packet)
{
    assert_true(vectors_same(&b->v, vectors_build(&b->v, field(packet, "data")), args_of(b)));
}

/* ---- broadcasts ---- */

static void check_broadcast(bench *b)
{
    sio_str decoded = field(b->vector, "decoded"), packet = {0}, opts = {0};
    size_t at = 0;

    assert_int_equal(classic_read_broadcast(&b->r, b->payload, &b->m), 0);
    assert_true(json_next(decoded, &at, NULL, &opts) && json_next(decoded, &at, NULL, &packet) &&
                json_next(decoded, &at, NULL, &opts));
    assert_true(sio_str_eq(classic_peek_uid(b->payload), b->m.uid));
    assert_args(b, packet);
    assert_true(sio_str_eq(vectors_text(&b->v, field(packet, "nsp")), b->m.nsp));
    assert_int_equal(json_len(field(opts, "rooms")), b->m.op.nrooms);
    assert_int_equal(json_len(field(opts, "except")), b->m.op.nexcept);
    assert_int_equal(b->m.op.is_volatile, field(field(opts, "flags"), "volatile").n == 4);
    assert_int_equal(b->m.op.uncompressed, field(field(opts, "flags"), "compress").n == 5);
    if (sio_str_eq(b->m.uid, sio_lit("emitter")) || text_has(packet, "$date"))
        return; /* another order of members; dates are texts here */
    assert_written(b, classic_put_broadcast(&b->out, b->m.uid, b->m.nsp, &b->m.op));
}

/* ---- requests ---- */

static void check_request(bench *b)
{
    bool single = text_has(b->vector, "expectSingleResponse"); /* a hint of Node's to itself */
    buf *out = &b->out;
    classic_message *m = &b->m;

    assert_int_equal(classic_read_request(&b->r, b->payload, m), 0);
    if (!m->uid.p || sio_str_eq(m->uid, sio_lit("emitter"))) {
        assert_true(m->type == CLASSIC_JOIN || m->type == CLASSIC_LEAVE || m->type == CLASSIC_DISCONNECT ||
                    m->type == CLASSIC_SERVER_EMIT);
        assert_false(m->by_sid);
        return;
    }
    if (m->type == CLASSIC_ASK && !single) {
        assert_true(m->timeout_ms == 500 || m->timeout_ms == 200);
        assert_written(b, classic_put_ask(out, m->uid, m->id, m->nsp, &m->op, m->timeout_ms));
    } else if (m->type == CLASSIC_SERVER_EMIT) {
        assert_written(b, classic_put_server_emit(out, m->uid, m->id, m->op.args, m->op.bins));
    } else if (m->type == CLASSIC_FETCH) {
        assert_written(b, classic_put_fetch(out, m->uid, m->id, &m->op));
    } else if (m->type == CLASSIC_ALL_ROOMS) {
        assert_true(m->id.n == 6);
    } else if (!single) {
        assert_written(b, classic_put_change(out, m->uid, &m->op));
    }
}

/* ---- responses ---- */

static void read_sockets(bench *b)
{
    size_t at = 0;

    for (b->npeers = 0; classic_next_socket(&b->r, &b->m, &at, &b->peer[b->npeers]) == 1;)
        assert_in_range(++b->npeers, 1, 7);
}

static sio_val value_of(const bench *b)
{
    return (sio_val){.kind = b->m.value.p ? SIO_JSON : SIO_UNDEFINED, .s = b->m.value, .bins = &b->m.bins};
}

static void check_untyped(bench *b)
{
    if (b->m.sockets.p) {
        read_sockets(b);
        assert_written(b, classic_put_sockets(&b->out, b->m.id, b->peer, b->npeers));
    } else {
        assert_true(text_has(b->payload, "\"rooms\":[")); /* ALL_ROOMS, which we do not ask */
    }
}

static void check_response(bench *b)
{
    assert_int_equal(classic_read_response(&b->r, b->payload, &b->m), 0);
    assert_int_equal(b->m.id.n, 6);
    assert_true(sio_str_eq(classic_peek_id(b->payload), b->m.id));
    if (b->m.type == CLASSIC_UNTYPED)
        check_untyped(b);
    else if (b->m.type == CLASSIC_CLIENTS)
        assert_written(b, classic_put_clients(&b->out, b->m.id, b->m.clients));
    else if (b->m.type == CLASSIC_ANSWER)
        assert_written(b, classic_put_answer(&b->out, b->m.id, value_of(b)));
    else
        assert_written(b, classic_put_server_answer(&b->out, b->m.id, value_of(b)));
}

static void replay(const char *file, unsigned messages, unsigned written)
{
    sio_str channel;
    unsigned n = 0;
    bench b;

    for (open_bench(&b, file); next_publish(&b, &channel); n++) {
        if (text_has(channel, "-request#"))
            check_request(&b);
        else if (text_has(channel, "-response#"))
            check_response(&b);
        else
            check_broadcast(&b);
    }
    close_bench(&b);
    assert_int_equal(n, messages);
    assert_int_equal(b.written, written);
}

static void test_captured(void **state)
{
    (void)state;
    replay("redis_classic.json", 46, 33);
}

static void test_captured_specific(void **state)
{
    (void)state;
    replay("redis_classic_specific.json", 46, 33);
}

/* ---- what was injected into a Node server, and what that said ---- */

static sio_str injected(bench *b)
{
    sio_str payload = field(b->vector, "payload");

    if (json_kind_of(payload) == JSON_STRING)
        return vectors_text(&b->v, payload);
    return vectors_bytes(&b->v, field(payload, "hex"));
}

static int read_injected(bench *b)
{
    if (text_has(field(b->vector, "channel"), "-request#"))
        return classic_read_request(&b->r, injected(b), &b->m);
    return classic_read_broadcast(&b->r, injected(b), &b->m);
}

static int expected(sio_str name)
{
    if (text_has(name, "unknown type"))
        return SIO_ENOENT;
    return text_has(name, "malformed") ? SIO_EPARSE : 0;
}

static void test_injected(void **state)
{
    unsigned old = 0;
    bench b;

    (void)state;
    for (open_bench(&b, "redis_classic_inject.json"); vectors_next(&b.v, &b.vector);) {
        sio_str name = field(b.vector, "name");

        assert_int_equal(read_injected(&b), expected(name));
        old += b.m.by_sid;
        if (text_has(name, "broadcast without nsp"))
            assert_true(sio_str_eq(b.m.nsp, sio_lit("/")));
        if (text_has(name, "other nsp"))
            assert_true(sio_str_eq(b.m.nsp, sio_lit("/x")));
        if (text_has(name, "old form"))
            assert_true(b.m.op.nrooms == 1 && b.m.op.ntargets == 1);
    }
    close_bench(&b);
    assert_int_equal(old, 3);
}

/* The answer of this library where the only client has the id and the room of the vector. */
static bool answer(bench *b, const char *name)
{
    sio_str room[] = {vectors_text(&b->v, sio_lit("\"hzjjngA8BMcbOVQyAAAA\"")), SIO_STR("room1")};
    sio_peer p = {.id = room[0], .nrooms = 2, .rooms = room};
    buf *out = &b->out;

    if (b->m.type == CLASSIC_SOCKETS)
        return classic_put_ids(out, b->m.id, &p, 1) == 0;
    if (b->m.type == CLASSIC_ALL_ROOMS)
        return classic_put_rooms(out, b->m.id, &p, 1) == 0;
    if (b->m.type == CLASSIC_FETCH && strstr(name, "no match"))
        return classic_put_sockets(out, b->m.id, NULL, 0) == 0;
    if (b->m.by_sid)
        return classic_put_done(out, b->m.id) == 0;
    if (b->m.type == CLASSIC_SERVER_EMIT)
        return classic_put_server_answer(out, b->m.id, sio_v("first")) == 0;
    if (b->m.type == CLASSIC_ASK)
        return classic_put_clients(out, b->m.id, !strstr(name, "no client")) == 0;
    return false;
}

static void test_answers(void **state)
{
    sio_str published, first;
    unsigned n = 0;
    size_t at;
    bench b;

    (void)state;
    for (open_bench(&b, "redis_classic_inject.json"); vectors_next(&b.v, &b.vector); b.out.n = 0) {
        const char *name = vectors_text(&b.v, field(b.vector, "name")).p;

        published = field(b.vector, "published_by_node");
        at = 0;
        if (!json_next(published, &at, NULL, &first) || read_injected(&b) < 0 || !answer(&b, name))
            continue;
        assert_true(sio_str_eq(buf_str(&b.out), vectors_text(&b.v, field(first, "text"))));
        n++;
        if (!json_next(published, &at, NULL, &first))
            continue;
        b.out.n = 0; /* the client said "A" */
        assert_int_equal(classic_put_answer(&b.out, b.m.id, sio_v("A")), 0);
        assert_true(sio_str_eq(buf_str(&b.out), vectors_bytes(&b.v, field(first, "hex"))));
    }
    close_bench(&b);
    assert_int_equal(n, 10);
}

/* ---- what would end a Node process ---- */

typedef int read_fn(classic_reader *r, sio_str payload, classic_message *m);

static void test_refused(void **state)
{
    static const struct {
        read_fn *read;
        sio_str payload;
    } bad[] = {
        {classic_read_broadcast, SIO_STR("")},
        {classic_read_broadcast, SIO_STR("\xc0")},
        {classic_read_broadcast, SIO_STR("\x80")},
        {classic_read_broadcast, SIO_STR("\x90")},
        {classic_read_broadcast, SIO_STR("\x92\xa1x\x80")},
        {classic_read_broadcast, SIO_STR("\x93\xa1x\x80\x80")},             /* no type */
        {classic_read_broadcast, SIO_STR("\x93\xa1x\x81\xa4type\x02\x80")}, /* no data */
        {classic_read_broadcast, SIO_STR("\x93\xa1x\x82\xa4type\x02\xa4"
                                         "data\x80\x80")},
        {classic_read_broadcast, SIO_STR("\x93\xa1x\x82\xa4type\x03\xa4"
                                         "data\x91\xa1x\x80")},
        {classic_read_broadcast, SIO_STR("\x93\xa1x\x82\xa4type\x02\xa4"
                                         "data\x91\xa1x\xc0")}, /* no opts */
        {classic_read_broadcast, SIO_STR("\x93\xa1x\x82\xa4type\x02\xa4"
                                         "data\x91\xa1x\x81\xa5rooms\xa1x")},
        {classic_read_broadcast, SIO_STR("\x93\xa1x\x82\xa4type\x02\xa4"
                                         "data\x91\xa1x\x80\x00")}, /* trailing */
        {classic_read_broadcast, SIO_STR("\x93\xa1x\x83\xa4type\x02\xa4"
                                         "data\x91\xa1x\xa3nsp\x90\x80")},
        {classic_read_request, SIO_STR("\xc0")},
        {classic_read_request, SIO_STR("{}")},
        {classic_read_request, SIO_STR("{\"type\":1,\"requestId\":{}}")},
        {classic_read_request, SIO_STR("{\"type\":5}")},
        {classic_read_request, SIO_STR("{\"type\":5,\"requestId\":\"x\",\"opts\":7}")},
        {classic_read_request, SIO_STR("{\"type\":2}")},
        {classic_read_request, SIO_STR("{\"type\":2,\"opts\":{}}")},
        {classic_read_request, SIO_STR("{\"type\":2,\"opts\":{},\"rooms\":\"r\"}")},
        {classic_read_request, SIO_STR("{\"type\":2,\"sid\":\"r\"}")},
        {classic_read_request, SIO_STR("{\"type\":4}")},
        {classic_read_request, SIO_STR("{\"type\":6}")},
        {classic_read_request, SIO_STR("{\"type\":6,\"data\":{}}")},
        {classic_read_request, SIO_STR("{\"type\":7,\"requestId\":\"x\",\"opts\":{}}")},
        {classic_read_request, SIO_STR("{\"type\":7,\"opts\":{},\"packet\":{\"type\":2,\"data\":[\"a\"]}}")},
        {classic_read_request, SIO_STR("{\"type\":1}}")},
        {classic_read_response, SIO_STR("\xc0")},
        {classic_read_response, SIO_STR("{}")},
        {classic_read_response, SIO_STR("{\"requestId\":[]}")},
        {classic_read_response, SIO_STR("{\"requestId\":\"x\",\"type\":8}")},
        {classic_read_response, SIO_STR("{\"requestId\":\"x\",\"type\":8,\"clientCount\":-1}")},
        {classic_read_response, SIO_STR("{\"requestId\":\"x\",\"sockets\":{}}")},
    };
    classic_message m;
    classic_reader r;

    (void)state;
    classic_reader_init(&r);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        if (bad[i].read(&r, bad[i].payload, &m) != SIO_EPARSE)
            fail_msg("%u was taken", i);
    classic_reader_fini(&r);
}

/* ---- rooms that are no texts, sockets with little in them, nothing said ---- */

static void test_numbers_as_rooms(void **state)
{
    const sio_str payload =
        SIO_STR("{\"type\":2,\"opts\":{\"rooms\":[123,\"a\\u0062\"],\"except\":null},\"rooms\":[true]}");
    classic_message m;
    classic_reader r;

    (void)state;
    classic_reader_init(&r);
    assert_int_equal(classic_read_request(&r, payload, &m), 0);
    assert_int_equal(m.op.nrooms, 2);
    assert_true(sio_str_eq(m.op.room[0], sio_lit("123")) && sio_str_eq(m.op.room[1], sio_lit("ab")));
    assert_int_equal(m.op.nexcept, 0);
    assert_true(m.op.ntargets == 1 && sio_str_eq(m.op.target[0], sio_lit("true")));
    classic_reader_fini(&r);
}

static void test_poor_sockets(void **state)
{
    const sio_str payload =
        SIO_STR("{\"requestId\":\"x\",\"sockets\":[{\"id\":\"a\"},{\"id\":\"b\",\"rooms\":[1]},7]}");
    classic_message m;
    classic_reader r;
    size_t at = 0;
    sio_peer p;

    (void)state;
    classic_reader_init(&r);
    assert_int_equal(classic_read_response(&r, payload, &m), 0);
    assert_int_equal(classic_next_socket(&r, &m, &at, &p), 1);
    assert_true(sio_str_eq(p.id, sio_lit("a")) && p.nrooms == 0 && p.shown.kind == SIO_UNDEFINED);
    assert_int_equal(classic_next_socket(&r, &m, &at, &p), 1);
    assert_true(p.nrooms == 1 && sio_str_eq(p.rooms[0], sio_lit("1")));
    assert_int_equal(classic_next_socket(&r, &m, &at, &p), SIO_EPARSE);
    classic_reader_fini(&r);
}

static void test_undefined_answers(void **state)
{
    classic_message m;
    classic_reader r;
    buf out;

    (void)state;
    classic_reader_init(&r);
    buf_init(&out, 1000);
    assert_int_equal(classic_put_answer(&out, sio_lit("x"), sio_undefined), 0);
    assert_true(sio_str_eq(buf_str(&out), sio_lit("\x82\xa4type\x09\xa9requestId\xa1x")));
    assert_int_equal(classic_read_response(&r, buf_str(&out), &m), 0);
    assert_true(m.type == CLASSIC_ANSWER && !m.value.p);
    out.n = 0;
    assert_int_equal(classic_put_server_answer(&out, sio_lit("x"), sio_undefined), 0);
    assert_true(sio_str_eq(buf_str(&out), sio_lit("{\"type\":6,\"requestId\":\"x\"}")));
    assert_int_equal(classic_read_response(&r, sio_lit("{\"type\":6,\"requestId\":\"x\",\"data\":null}"), &m),
                     0);
    assert_true(sio_str_eq(m.value, sio_lit("null")));
    buf_fini(&out);
    classic_reader_fini(&r);
}

/* What is not in the usual form is left to the reader. */
static void test_peek(void **state)
{
    static const sio_str odd[] = {SIO_STR(""),
                                  SIO_STR("{"),
                                  SIO_STR("{\"requestId\":\""),
                                  SIO_STR("{\"requestId\":\"a\\u0062\"}"),
                                  SIO_STR("{\"requestId\":7}"),
                                  SIO_STR("\x83\xa4type\x09\xa9requestId"),
                                  SIO_STR("\x83\xa4type\x09\xa9requestId\xa6"
                                          "12345"),
                                  SIO_STR("\x83\xa4type\x09\xa9requestId\x07"),
                                  SIO_STR("\x83\xa4type\x09\xa9requestId\xd9\x01x")};

    (void)state;
    for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++)
        if (classic_peek_id(odd[i]).p)
            fail_msg("%u", i);
    assert_true(sio_str_eq(classic_peek_id(sio_lit("{\"requestId\":\"x\"}")), sio_lit("x")));
    assert_null(classic_peek_uid(sio_lit("\x93\xa6"
                                         "12345"))
                    .p);
    assert_null(classic_peek_uid(sio_lit("\x93")).p);
}

/* A room whose name is no UTF-8 would end a Node process. */
static void test_only_utf8(void **state)
{
    const sio_str room = SIO_STR("a\xff"
                                 "b\xc3");
    const sio_op op = {.room = &room, .nrooms = 1, .args = SIO_STR("[\"e\"]")};
    classic_message m;
    classic_reader r;
    buf out;

    (void)state;
    classic_reader_init(&r);
    buf_init(&out, 1000);
    assert_int_equal(classic_put_broadcast(&out, sio_lit("uid"), sio_lit("/"), &op), 0);
    assert_non_null(memmem(out.p, out.n, "\xa8" "a\xef\xbf\xbd" "b\xef\xbf\xbd", 9));
    assert_null(memchr(out.p, 0xff, out.n));
    assert_int_equal(classic_read_broadcast(&r, buf_str(&out), &m), 0);
    assert_int_equal(m.op.nrooms, 1);
    buf_fini(&out);
    classic_reader_fini(&r);
}

/* Nothing half is left behind where there is no room. */
static void test_too_big(void **state)
{
    const sio_str room = SIO_STR("a-long-name-of-a-room");
    const sio_op op = {.room = &room, .nrooms = 1, .args = SIO_STR("[\"event\",\"0123456789\"]")};
    buf out;

    (void)state;
    for (size_t max = 1; max < 60; max++) {
        buf_init(&out, max);
        assert_int_equal(buf_putc(&out, 'x'), 0);
        assert_int_equal(classic_put_broadcast(&out, sio_lit("uid"), sio_lit("/"), &op), SIO_ETOOBIG);
        assert_int_equal(classic_put_fetch(&out, sio_lit("uid"), sio_lit("id"), &op), SIO_ETOOBIG);
        assert_true(sio_str_eq(buf_str(&out), sio_lit("x")));
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captured),
        cmocka_unit_test(test_captured_specific),
        cmocka_unit_test(test_injected),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_numbers_as_rooms),
        cmocka_unit_test(test_poor_sockets),
        cmocka_unit_test(test_undefined_answers),
        cmocka_unit_test(test_peek),
        cmocka_unit_test(test_only_utf8),
        cmocka_unit_test(test_too_big),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
