/* What events are understood, and what is said of those that are not. */
#include "base/testing.h"

#include "app/bus/bus_int.h"

#include <stdio.h>
#include <stdlib.h>

static void assert_request(const char *json, bus_way way, const char *entry, const char *target,
                           const char *body,
                           const char *key)
{
    bus_event e;
    const char *fault = bus_event_read(&e, sio_str_z(json), way, sio_str_z(entry));

    if (fault)
        fail_msg("%s: %s", json, fault);
    assert_true(sio_str_eq(e.act.target, sio_str_z(target)));
    assert_true(sio_str_eq(e.act.body, sio_str_z(body)));
    assert_true(sio_str_eq(e.act.key, sio_str_z(key)));
    assert_int_equal(e.act.here, key[0] == '\0');
    bus_event_fini(&e);
}

static void assert_refused(const char *json, bus_way way, const char *why)
{
    bus_event e;
    const char *fault = bus_event_read(&e, sio_str_z(json), way, sio_lit("1-0"));

    assert_non_null(fault);
    assert_string_equal(fault, why);
    bus_event_fini(&e);
}

static void test_understood(void **state)
{
    (void)state;
    assert_request("{\"type\":\"PARTY_LIVE\",\"payload\":{\"partyId\":\"p\"}}", BUS_CHANNEL, "", "/events",
                   "{\"type\":\"PARTY_LIVE\",\"payload\":{\"partyId\":\"p\"}}", "");
    assert_request(" {\"id\":\"e1\",\"type\":\"PARTY_LIVE\",\"payload\":{}} ", BUS_CHANNEL, "", "/events",
                   "{\"type\":\"PARTY_LIVE\",\"payload\":{}}", "bus:e1");
    assert_request("{\"type\":\"NOTIFICATION\",\"payload\":{\"userId\":\"u\"}}", BUS_STREAM, "7-1",
                   "/notifications",
                   "{\"userId\":\"u\"}", "bus:#7-1");
    assert_request("{\"type\":\"EMIT\",\"id\":\"e2\",\"payload\":{\"event\":\"x\"}}", BUS_STREAM, "7-2",
                   "/emit",
                   "{\"event\":\"x\"}", "bus:e2");
}

static void test_fields(void **state)
{
    bus_event e;

    (void)state;
    assert_null(bus_event_fields(&e, sio_lit("PARTY_LIVE"), sio_lit("{\"partyId\":\"p\"}"), (sio_str){0},
                                 sio_lit("1-1")));
    assert_true(sio_str_eq(e.act.key, sio_lit("bus:#1-1")));
    bus_event_fini(&e);
    assert_string_equal(bus_event_fields(&e, sio_lit("PARTY_LIVE"), (sio_str){0}, (sio_str){0},
                                         sio_lit("1-1")),
                        "payload is no JSON");
    bus_event_fini(&e);
    assert_string_equal(bus_event_fields(&e, (sio_str){0}, sio_lit("{}"), (sio_str){0}, sio_lit("1-1")),
                        "type is none that is known");
    bus_event_fini(&e);
}

static void test_refused(void **state)
{
    char *large = malloc(BUS_EVENT_MAX + 2);
    char id[300];

    (void)state;
    assert_refused("", BUS_CHANNEL, "it is no JSON object");
    assert_refused("[1]", BUS_CHANNEL, "it is no JSON object");
    assert_refused("{}", BUS_CHANNEL, "type is missing");
    assert_refused("{\"type\":\"party_live\",\"payload\":{}}", BUS_CHANNEL, "type is none that is known");
    assert_refused("{\"type\":\"PARTY_LIVE\"}", BUS_CHANNEL, "payload must be an object");
    assert_refused("{\"type\":\"PARTY_LIVE\",\"payload\":{},\"id\":7}", BUS_CHANNEL, "id must be a text");
    assert_refused("{\"type\":\"EMIT\",\"payload\":{}}", BUS_CHANNEL,
                   "id is missing: every server hears the channel, and one is to act");
    snprintf(id, sizeof(id), "{\"type\":\"EMIT\",\"payload\":{},\"id\":\"%0200d\"}", 1);
    assert_refused(id, BUS_STREAM, "id is too long");
    memset(large, ' ', BUS_EVENT_MAX + 1);
    large[BUS_EVENT_MAX + 1] = '\0';
    assert_refused(large, BUS_CHANNEL, "it is too large");
    free(large);
}

static void test_reasons(void **state)
{
    char out[BUS_TEXT_MAX];

    (void)state;
    bus_reason(422, sio_lit("{\"success\":false,\"message\":\"The request is not "
                            "valid\",\"errors\":[{\"path\":"
                            "\"payload.partyId\",\"message\":\"is missing\"}]}"), out);
    assert_string_equal(out, "payload.partyId is missing");
    bus_reason(404, sio_lit("{\"success\":false,\"message\":\"There is no such user\",\"errors\":[]}"), out);
    assert_string_equal(out, "There is no such user");
    bus_reason(0, (sio_str){0}, out);
    assert_string_equal(out, "status 0");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_understood),
                                              cmocka_unit_test(test_fields),
                                              cmocka_unit_test(test_refused), cmocka_unit_test(test_reasons)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
