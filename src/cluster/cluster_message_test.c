/* Every message captured between two Node servers, read and written again: the same bytes. And what nobody
 * should send. */
#include "cluster/cluster_message.h"
#include "codec/vectors_test.h"

static message_decoder decoder;
static buf out;

static int setup(void **state)
{
    (void)state;
    message_decoder_init(&decoder);
    buf_init(&out, 1 << 22);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    message_decoder_fini(&decoder);
    buf_fini(&out);
    return 0;
}

static sio_str member(sio_str object, const char *name)
{
    sio_str raw;

    if (!json_get(object, sio_s(name), &raw))
        fail_msg("no member %s", name);
    return raw;
}

static void assert_text(sio_str got, sio_str wanted)
{
    if (!sio_str_eq(got, wanted))
        fail_msg("got    %.*s\nwanted %.*s", (int)got.n, got.p, (int)wanted.n, wanted.p);
}

/* ---- what the adapters publish ---- */

/* The one captured message with a Date: it becomes the text that JSON makes of it. */
static bool has_date(sio_str payload)
{
    return memmem(payload.p, payload.n, "\xd6\xff", 2) != NULL;
}

static void replay_payload(sio_str payload, message_form form)
{
    cluster_message m;

    assert_int_equal(message_decode(&decoder, payload, &m), 0);
    out.n = 0;
    assert_int_equal(message_encode(&out, &m, form), 0);
    if (!has_date(payload))
        assert_text(buf_str(&out), payload);
}

static unsigned replay_channels(const char *file, const char *command, message_form form)
{
    unsigned n = 0;
    vectors v;
    sio_str raw;

    vectors_open(&v, file);
    while (vectors_next(&v, &raw)) {
        if (!json_equals(member(raw, "command"), sio_s(command)))
            continue;
        replay_payload(vectors_bytes(&v, member(raw, "payload_hex")), form);
        n++;
    }
    vectors_close(&v);
    return n;
}

static void test_sharded_messages(void **state)
{
    (void)state;
    assert_int_equal(replay_channels("redis_sharded_static.json", "SPUBLISH", MESSAGE_AUTO), 35);
    assert_true(replay_channels("redis_sharded_dynamic.json", "SPUBLISH", MESSAGE_AUTO) > 30);
    assert_true(replay_channels("redis_sharded_dynamic_private.json", "SPUBLISH", MESSAGE_AUTO) > 30);
}

static void test_streams_channels(void **state)
{
    (void)state;
    assert_int_equal(replay_channels("redis_streams.json", "PUBLISH", MESSAGE_PACKED), 22);
    assert_true(replay_channels("redis_streams_csr.json", "PUBLISH", MESSAGE_PACKED) > 20);
}

/* ---- which channel ---- */

static unsigned check_channels(const char *file, sio_redis_subscriptions mode)
{
    unsigned rooms = 0;
    vectors v;
    sio_str raw;

    vectors_open(&v, file);
    while (vectors_next(&v, &raw)) {
        char channel[128];
        cluster_message m;
        sio_str room;

        if (!json_equals(member(raw, "command"), sio_lit("SPUBLISH")))
            continue;
        assert_int_equal(message_decode(&decoder, vectors_bytes(&v, member(raw, "payload_hex")), &m), 0);
        if (m.type > MESSAGE_FETCH && m.type != MESSAGE_SERVER_EMIT)
            continue; /* goes to the one who asked */
        room = message_room(&m, mode);
        snprintf(channel, sizeof channel, "socket.io#%.*s#%.*s%s", (int)m.nsp.n, m.nsp.p, (int)room.n,
                 room.p ? room.p : "", room.p ? "#" : "");
        assert_text(sio_s((const char *)channel), vectors_text(&v, member(raw, "channel")));
        rooms += room.p != NULL;
    }
    vectors_close(&v);
    return rooms;
}

static void test_rooms_channels(void **state)
{
    (void)state;
    assert_int_equal(check_channels("redis_sharded_static.json", SIO_REDIS_STATIC), 0);
    assert_true(check_channels("redis_sharded_dynamic.json", SIO_REDIS_DYNAMIC) > 0);
    assert_true(check_channels("redis_sharded_dynamic_private.json", SIO_REDIS_DYNAMIC_PRIVATE) > 1);
}

/* The length of a JavaScript string is what counts. */
static void test_room_that_looks_private(void **state)
{
    static const struct {
        const char *room;
        bool        own_channel;
    } cases[] = {{"aaaaaaaaaaaaaaaaaaaa", false},
                 {"aaaaaaaaaaaaaaaaaaa", true},
                 {"ääääääääääääääääääää", false},
                 {"ääääääääää", true},
                 {"😀😀😀😀😀😀😀😀😀😀", false},
                 {"\xff\xff\xff\xff\xff", true},
                 {"", true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sio_str room = sio_s(cases[i].room);
        cluster_message m = {.type = MESSAGE_BROADCAST, .op = {.room = &room, .nrooms = 1}};

        assert_int_equal(message_room(&m, SIO_REDIS_DYNAMIC).p != NULL, cases[i].own_channel);
        assert_non_null(message_room(&m, SIO_REDIS_DYNAMIC_PRIVATE).p);
        assert_null(message_room(&m, SIO_REDIS_STATIC).p);
        m.request = sio_lit("1");
        assert_null(message_room(&m, SIO_REDIS_DYNAMIC_PRIVATE).p);
    }
}

/* ---- entries of streams ---- */

/* An argument of a captured command: text, or bytes. */
static sio_str argument(vectors *v, sio_str raw)
{
    return json_kind_of(raw) == JSON_STRING ? vectors_text(v, raw) : vectors_bytes(v, member(raw, "$bin"));
}

static unsigned arguments(vectors *v, sio_str raw, sio_str *arg, unsigned max)
{
    unsigned n = 0;
    size_t at = 0;
    sio_str item;

    while (n < max && json_next(raw, &at, NULL, &item))
        arg[n++] = argument(v, item);
    return n;
}

/* XADD socket.io MAXLEN ~ 10000 * uid U nsp N type T [data D] */
static message_type replay_entry(const sio_str *arg, unsigned n)
{
    sio_str data = n > 12 ? arg[12] : (sio_str){NULL, 0};
    cluster_message m;

    assert_int_equal(message_entry_decode(&decoder, arg[6], arg[8], arg[10], data, &m), 0);
    if (!data.p || !message_is_foreign(m.type)) {
        out.n = 0;
        assert_int_equal(data.p ? message_entry_encode(&out, &m, false) : 0, 0);
        assert_text(buf_str(&out), data);
    }
    return m.type;
}

static unsigned replay_entries(const char *file, unsigned *foreign)
{
    unsigned n = 0;
    vectors v;
    sio_str raw;

    vectors_open(&v, file);
    while (vectors_next(&v, &raw)) {
        sio_str arg[16];
        unsigned args;

        if (!json_equals(member(raw, "command"), sio_lit("XADD")))
            continue;
        args = arguments(&v, member(raw, "args"), arg, 16);
        assert_true(args >= 11);
        *foreign += message_is_foreign(replay_entry(arg, args));
        n++;
    }
    vectors_close(&v);
    return n;
}

static void test_streams_entries(void **state)
{
    unsigned foreign = 0;

    (void)state;
    assert_int_equal(replay_entries("redis_streams.json", &foreign), 13);
    assert_true(replay_entries("redis_streams_csr.json", &foreign) > 13);
    assert_int_equal(foreign, 0);
    /* 0.2: can be read, and is known for what it is */
    assert_int_equal(replay_entries("redis_streams_0_2_3.json", &foreign), 51);
    assert_true(foreign > 3);
}

/* What a reader needs to know of one of each. */
static void test_entry_is_understood(void **state)
{
    cluster_message m;
    sio_str data =
        sio_lit("gqZwYWNrZXSCpHR5cGUCpGRhdGGTo2JpbsQDAQIDgaF4xAEEpG9wdHODpXJvb21zkKZleGNlcHSQpWZsYWdzgA==");

    (void)state;
    assert_int_equal(message_entry_decode(&decoder, sio_lit("u"), sio_lit("/"), sio_lit("3"), data, &m), 0);
    assert_int_equal(m.op.kind, SIO_OP_EMIT);
    assert_text(
        m.op.args,
        sio_lit("[\"bin\",{\"_placeholder\":true,\"num\":0},{\"x\":{\"_placeholder\":true,\"num\":1}}]"));
    assert_int_equal(m.op.bins->n, 2);
    assert_text(m.op.bins->bin[0], sio_lit("\1\2\3"));

    data = sio_lit(
        "{\"opts\":{\"rooms\":[\"a\",7],\"except\":[\"b\"],\"flags\":{\"volatile\":true,\"compress\":false}},"
        "\"rooms\":[\"x\\u0041\"]}");
    assert_int_equal(message_entry_decode(&decoder, sio_lit("u"), sio_lit("/"), sio_lit("4"), data, &m), 0);
    assert_int_equal(m.op.kind, SIO_OP_JOIN);
    assert_int_equal(m.op.nrooms, 2);
    assert_text(m.op.room[1], sio_lit("7"));
    assert_text(m.op.except[0], sio_lit("b"));
    assert_text(m.op.target[0], sio_lit("xA"));
    assert_true(m.op.is_volatile && m.op.uncompressed);

    data = sio_lit("{\"opts\":{},\"close\":true}");
    assert_int_equal(message_entry_decode(&decoder, sio_lit("u"), sio_lit("/"), sio_lit("6"), data, &m), 0);
    assert_int_equal(m.op.kind, SIO_OP_DISCONNECT);
    assert_true(m.op.close);
}

static void test_entry_in_plain_text(void **state)
{
    const sio_str bin[] = {SIO_STR("\1\xff"), SIO_STR("")};
    cluster_message m = {
        .type = MESSAGE_BROADCAST,
        .bins = {bin, 2},
        .packet = SIO_STR(
            "[\"e\",{\"a\":[{\"_placeholder\":true,\"num\":0}]},{\"_placeholder\":true,\"num\":1},2]")};

    (void)state;
    out.n = 0;
    assert_int_equal(message_entry_encode(&out, &m, true), 0);
    assert_text(
        buf_str(&out),
        sio_lit("{\"packet\":{\"type\":2,\"data\":[\"e\",{\"a\":[{\"type\":\"Buffer\",\"data\":[1,255]}]},"
                "{\"type\":\"Buffer\",\"data\":[]},2]},\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}}}"));
}

/* ---- sessions and positions ---- */

static unsigned replay_session(vectors *v, sio_str raw)
{
    sio_str arg[4], value = member(raw, "value_decoded");
    message_session s;

    arguments(v, member(raw, "args"), arg, 4);
    assert_int_equal(message_session_decode(&decoder, arg[1], &s), 0);
    assert_text(s.sid, vectors_text(v, member(value, "sid")));
    assert_text(s.pid, vectors_text(v, member(value, "pid")));
    assert_text(s.room[0], s.sid);
    out.n = 0;
    assert_int_equal(message_session_encode(&out, &s), 0);
    assert_text(buf_str(&out), arg[1]);
    return 1;
}

static void test_sessions(void **state)
{
    unsigned n = 0;
    vectors v;
    sio_str raw;

    (void)state;
    vectors_open(&v, "redis_streams_csr.json");
    while (vectors_next(&v, &raw))
        if (json_equals(member(raw, "command"), sio_lit("SET")))
            n += replay_session(&v, raw);
    vectors_close(&v);
    assert_int_equal(n, 3);
}

static void test_bad_sessions(void **state)
{
    static const char *const bad[] = {"",     "gA==" /* {} */, "wA==" /* null */, "kA==" /* [] */, "hKNzaWS0",
                                      "!!!!", "AAAA",          "gqNzaWShYaNwaWShYg==" /* no rooms */};
    message_session s;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(message_session_decode(&decoder, sio_s(bad[i]), &s), SIO_EPARSE);
}

static void test_positions(void **state)
{
    static const char *const bad[] = {"",  "-",    "1",    "1-",   "-1",  "1-1-1", "1 -1", "$", "+",
                                      "*", "1-1 ", "a1-1", "1-0x", "1--1", "99999999999999999999-1"};
    char text[MESSAGE_AT_SIZE];
    message_at at, next;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(message_at_parse(sio_s(bad[i]), &at));
    assert_true(message_at_parse(sio_lit("1795425168349-7"), &at));
    assert_text(message_at_text(message_at_next(at), text), sio_lit("1795425168349-8"));
    assert_true(message_at_compare(at, message_at_next(at)) < 0);
    assert_true(message_at_parse(sio_lit("5-18446744073709551615"), &at));
    next = message_at_next(at);
    assert_text(message_at_text(next, text), sio_lit("6-0"));
    assert_true(message_at_compare(next, at) > 0);
    assert_int_equal(message_at_compare(at, at), 0);
}

static void test_routing(void **state)
{
    unsigned n = 0;
    vectors v;
    sio_str raw;

    (void)state;
    vectors_open(&v, "redis_streams_routing.json");
    while (vectors_next(&v, &raw)) {
        int64_t hash;

        assert_true(json_int(member(raw, "hash"), &hash));
        assert_int_equal(message_hash(vectors_text(&v, member(raw, "namespace"))), hash);
        n++;
    }
    vectors_close(&v);
    assert_int_equal(n, 36);
}

/* ---- refused ---- */

static void test_malformed_messages(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "[]",
        "null",
        "\xc0",
        "\x80",
        "{\"type\":3}",
        "{\"type\":99,\"uid\":\"a\",\"nsp\":\"/\"}",
        "{\"type\":0,\"uid\":\"a\",\"nsp\":\"/\"}",
        "{\"type\":\"3\",\"uid\":\"a\",\"nsp\":\"/\",\"data\":{}}",
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/\"}",
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/\",\"data\":null}",
        /* no opts */
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"packet\":{\"type\":2,\"data\":[\"a\"]}}}",
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"packet\":{\"type\":2,\"data\":[]},\"opts\":{}}}",
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"packet\":{\"type\":2,\"data\":[1]},\"opts\":{}}}",
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"packet\":{\"type\":2,\"data\":{}},\"opts\":{}}}",
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/"
        "\",\"data\":{\"packet\":{\"type\":1,\"data\":[\"a\"]},\"opts\":{}}}",
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"packet\":[\"a\"],\"opts\":{}}}",
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/"
        "\",\"data\":{\"packet\":{\"type\":2,\"data\":[\"a\"]},\"opts\":[]}}",
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/"
        "\",\"data\":{\"packet\":{\"type\":2,\"data\":[\"a\"]},\"opts\":{\"rooms\":{}}}}",
        "{\"type\":3,\"uid\":1,\"nsp\":\"/"
        "\",\"data\":{\"packet\":{\"type\":2,\"data\":[\"a\"]},\"opts\":{}}}",
        "{\"type\":3,\"uid\":\"\",\"nsp\":\"/"
        "\",\"data\":{\"packet\":{\"type\":2,\"data\":[\"a\"]},\"opts\":{}}}",
        "{\"type\":3,\"uid\":\"a\",\"nsp\":\"/"
        "\",\"data\":{\"requestId\":5,\"packet\":{\"type\":2,\"data\":[\"a\"]},\"opts\":{}}}",
        "{\"type\":4,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"opts\":{}}}",
        "{\"type\":4,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"opts\":{},\"rooms\":\"x\"}}",
        "{\"type\":5,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"rooms\":[\"x\"]}}",
        "{\"type\":6,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"opts\":{},\"close\":1}}",
        "{\"type\":7,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"opts\":{}}}",
        "{\"type\":8,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"requestId\":\"1\"}}",
        "{\"type\":8,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"requestId\":\"1\",\"sockets\":{}}}",
        "{\"type\":9,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"packet\":[]}}",
        "{\"type\":9,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{}}",
        "{\"type\":10,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{}}",
        "{\"type\":11,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"requestId\":\"1\"}}",
        "{\"type\":11,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"requestId\":\"1\",\"clientCount\":-1}}",
        "{\"type\":12,\"uid\":\"a\",\"nsp\":\"/\",\"data\":{\"packet\":1}}",
        "\x84\xa4type\x03\xa4"
        "data\x80\xa3uid\xa1"
        "a\xa3nsp\xa1/", /* data {} */
        "\x84\xa4type\x02\xa3uid\xa1"
        "a",
    };
    cluster_message m;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (message_decode(&decoder, sio_s(bad[i]), &m) != SIO_EPARSE)
            fail_msg("accepted: %s", bad[i]);
}

static void test_trailing_bytes_and_long_ids(void **state)
{
    char text[256], id[MESSAGE_MAX_ID + 2] = "";
    cluster_message m;

    (void)state;
    memset(id, 'a', MESSAGE_MAX_ID);
    snprintf(text, sizeof text, "{\"type\":9,\"data\":{\"packet\":[\"e\"]},\"uid\":\"%s\",\"nsp\":\"/\"}",
             id);
    assert_int_equal(message_decode(&decoder, sio_s(text), &m), 0);
    id[MESSAGE_MAX_ID] = 'a';
    snprintf(text, sizeof text, "{\"type\":9,\"data\":{\"packet\":[\"e\"]},\"uid\":\"%s\",\"nsp\":\"/\"}",
             id);
    assert_int_equal(message_decode(&decoder, sio_s(text), &m), SIO_EPARSE);

    m = (cluster_message){
        .type = MESSAGE_SERVER_EMIT, .uid = SIO_STR("u"), .nsp = SIO_STR("/"), .packet = SIO_STR("[\"e\"]")};
    out.n = 0;
    assert_int_equal(message_encode(&out, &m, MESSAGE_PACKED), 0);
    assert_int_equal(message_decode(&decoder, buf_str(&out), &m), 0);
    assert_int_equal(buf_putc(&out, '\xc0'), 0);
    assert_int_equal(message_decode(&decoder, buf_str(&out), &m), SIO_EPARSE);
}

static void test_too_many_attachments(void **state)
{
    char payload[1200];
    size_t n = 0;
    cluster_message m;

    (void)state;
    n += (size_t)sprintf(payload, "\x84\xa4type\x09\xa3uid\xa1u\xa3nsp\xa1/\xa4" "data\x81\xa6packet\xdc");
    payload[n++] = 1;
    payload[n++] = 1; /* 257 items */
    memcpy(payload + n, "\xa1" "e", 2);
    n += 2;
    for (unsigned i = 0; i < 256; i++) {
        memcpy(payload + n, "\xc4\1x", 3);
        n += 3;
    }
    assert_int_equal(message_decode(&decoder, (sio_str){payload, n}, &m), SIO_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sharded_messages),
        cmocka_unit_test(test_streams_channels),
        cmocka_unit_test(test_rooms_channels),
        cmocka_unit_test(test_room_that_looks_private),
        cmocka_unit_test(test_streams_entries),
        cmocka_unit_test(test_entry_is_understood),
        cmocka_unit_test(test_entry_in_plain_text),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_bad_sessions),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_routing),
        cmocka_unit_test(test_malformed_messages),
        cmocka_unit_test(test_trailing_bytes_and_long_ids),
        cmocka_unit_test(test_too_many_attachments),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
