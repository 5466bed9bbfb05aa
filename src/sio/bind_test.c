/* sio_bind: every type of field, good and bad values, and payloads that are no objects. */
#include "sio/sio_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct thing {
    sio_str  text, chars, id;
    int64_t  number;
    bool     flag;
    int      choice;
    sio_strs ids;
    sio_val  list, any;
} thing;

static const char *const colours[] = {"red", "green", NULL};

#define FIELD(member, ...) {.key = #member, .at = offsetof(thing, member), .optional = true, __VA_ARGS__}
static const sio_field fields[] = {
    FIELD(text, .type = SIO_FIELD_TEXT, .min = 1, .max = 4),
    FIELD(chars, .type = SIO_FIELD_CHARS, .min = 1, .max = 4),
    FIELD(id, .type = SIO_FIELD_ID, .min = 1, .max = 4),
    FIELD(number, .type = SIO_FIELD_INT, .min = -1, .max = 7),
    FIELD(flag, .type = SIO_FIELD_BOOL),
    FIELD(choice, .type = SIO_FIELD_ENUM, .choices = colours),
    FIELD(ids, .type = SIO_FIELD_IDS, .min = 1, .max = 3, .item_max = 4),
    FIELD(list, .type = SIO_FIELD_ARRAY, .min = 0, .max = 2),
    FIELD(any, .type = SIO_FIELD_ANY),
    {0},
};

/* An event without a server around it. */
static sio_server server = {.opt.max_payload = 1000};
static sio_ns     space = {.io = &server};
static ns_shard   here = {.ns = &space};
static sio_socket peer = {.ns = &here};
static sio_in     event;
static thing      got;

/* Binds arguments like "[1]"; NULL when they are good, else the field at fault, "" for the whole. */
static const char *fault(const char *args, const sio_field *table)
{
    const sio_field *bad;
    int err;

    if (event.socket)
        in_fini(&event);
    in_init(&event, &peer, sio_s(args), NULL);
    in_index(&event);
    got = (thing){.choice = -1};
    err = sio_bind(&event, table, &got, &bad);
    if (err == 0)
        return NULL;
    assert_int_equal(err, SIO_EFIELD);
    return bad ? bad->key : "";
}

static void good(const char *args) { assert_null(fault(args, fields)); }

static void bad(const char *args, const char *field)
{
    const char *found = fault(args, fields);

    assert_non_null(found);
    assert_string_equal(found, field);
}

#define assert_text(s, z) assert_true(sio_str_eq((s), sio_s(z)))

static void texts_are_counted_in_bytes_or_characters(void **state)
{
    (void)state;
    good("[{\"text\":\"\\u00e9\\u00e9\",\"chars\":\"\\u00e9\\u00e9\\u00e9\\u00e9\",\"id\":\"a b\"}]");
    assert_text(got.text, "éé");
    assert_text(got.chars, "éééé");
    assert_text(got.id, "a b");
    bad("[{\"text\":\"\\u00e9\\u00e9\\u00e9\"}]", "text");
    bad("[{\"text\":\"\"}]", "text");
    bad("[{\"text\":7}]", "text");
    bad("[{\"chars\":\"fives\"}]", "chars");
    bad("[{\"id\":\"a\\u0000b\"}]", "id");
    bad("[{\"id\":\"\\u007f\"}]", "id");
    bad("[{\"id\":\"\\ud800\"}]", "id");
    bad("[{\"id\":\"fives\"}]", "id");
}

static void numbers_flags_and_choices(void **state)
{
    (void)state;
    good("[{\"number\":-1,\"flag\":true,\"choice\":\"green\"}]");
    assert_int_equal(got.number, -1);
    assert_true(got.flag);
    assert_int_equal(got.choice, 1);
    bad("[{\"number\":8}]", "number");
    bad("[{\"number\":1.5}]", "number");
    bad("[{\"flag\":1}]", "flag");
    bad("[{\"choice\":\"Red\"}]", "choice");
    bad("[{\"choice\":0}]", "choice");
}

static void lists(void **state)
{
    (void)state;
    good("[{\"ids\":[\"a\",\"\\u0062\"],\"list\":[{},1],\"any\":false}]");
    assert_int_equal(got.ids.n, 2);
    assert_text(got.ids.p[0], "a");
    assert_text(got.ids.p[1], "b");
    assert_int_equal(sio_len(got.list), 2);
    assert_int_equal(sio_kind_of(got.any), SIO_BOOL);
    bad("[{\"ids\":[]}]", "ids");
    bad("[{\"ids\":[\"a\",\"b\",\"c\",\"d\"]}]", "ids");
    bad("[{\"ids\":[\"a\",1]}]", "ids");
    bad("[{\"ids\":[\"\"]}]", "ids");
    bad("[{\"ids\":[\"fives\"]}]", "ids");
    bad("[{\"ids\":{\"0\":\"a\"}}]", "ids");
    bad("[{\"list\":[1,2,3]}]", "list");
    bad("[{\"list\":\"ab\"}]", "list");
}

static void long_lists(void **state)
{
    static const sio_field table[] = {
        FIELD(ids, .type = SIO_FIELD_IDS, .min = 1, .max = 40, .item_max = 4), {0}};
    char args[400];

    (void)state;
    for (int n = 1; n <= 41; n++) {
        char *p = args + sprintf(args, "[{\"ids\":[");

        for (int i = 0; i < n; i++)
            p += sprintf(p, "%s\"%s%d\"", i ? "," : "", i % 2 ? "\\u0061" : "b", i);
        strcpy(p, "]}]");
        assert_int_equal(fault(args, table) == NULL, n <= 40);
        for (int i = 0; i < n && n <= 40; i++) {
            char want[8];

            sprintf(want, "%c%d", i % 2 ? 'a' : 'b', i);
            assert_text(got.ids.p[i], want);
        }
        assert_true(n > 40 || got.ids.n == (size_t)n);
    }
}

/* Ids are looked at in pieces of 8 bytes, and what is left. */
static void every_byte_of_an_id_is_looked_at(void **state)
{
    static const sio_field table[] = {FIELD(id, .type = SIO_FIELD_ID, .min = 1, .max = 100), {0}};
    static const char *const cases[] = {"\x7f", "\\u0001", "\\ud800", "\xed\x9f\xbf", "\xc3\xad", "~"};
    char args[100];

    (void)state;
    for (int before = 0; before < 20; before++)
        for (int behind = 0; behind < 20; behind++)
            for (int i = 0; i < 6; i++) {
                sprintf(args, "[{\"id\":\"%.*s%s%.*s\"}]", before, "aaaaaaaaaaaaaaaaaaaa", cases[i], behind,
                        "bbbbbbbbbbbbbbbbbbbb");
                assert_int_equal(fault(args, table) == NULL, i >= 3);
            }
}

static void absent_and_null_leave_members_alone(void **state)
{
    static const sio_field needs_any[] = {{"any", SIO_FIELD_ANY, .at = offsetof(thing, any)}, {0}};

    (void)state;
    good("[{\"choice\":null,\"ids\":null,\"unknown\":1}]");
    assert_int_equal(got.choice, -1);
    assert_null(got.ids.p);
    good("[{}]");
    good("[null]");
    good("[]");
    bad("[[]]", "");
    bad("[\"text\"]", "");
    assert_string_equal(fault("[{}]", needs_any), "any");
    assert_string_equal(fault("[]", needs_any), "");
    assert_null(fault("[{\"any\":null}]", needs_any));
}

static void a_payload_may_be_the_value_itself(void **state)
{
    static const sio_field choice[] = {
        {"choice", SIO_FIELD_ENUM, .at = offsetof(thing, choice), .choices = colours, .whole = true}, {0}};
    static const sio_field ids[] = {
        {"ids", SIO_FIELD_IDS, .at = offsetof(thing, ids), .min = 0, .max = 2, .item_max = 9, .whole = true},
        {0}};

    (void)state;
    assert_null(fault("[\"red\"]", choice));
    assert_int_equal(got.choice, 0);
    assert_string_equal(fault("[\"blue\"]", choice), "choice");
    assert_string_equal(fault("[]", choice), "choice");
    assert_string_equal(fault("[{\"choice\":\"red\"}]", choice), "choice");
    assert_null(fault("[[\"x\",\"y\"]]", ids));
    assert_int_equal(got.ids.n, 2);
    assert_null(fault("[[]]", ids));
    assert_int_equal(got.ids.n, 0);
    assert_string_equal(fault("[\"x\"]", ids), "ids");
}

static int finish(void **state)
{
    (void)state;
    in_fini(&event);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_counted_in_bytes_or_characters),
        cmocka_unit_test(numbers_flags_and_choices),
        cmocka_unit_test(lists),
        cmocka_unit_test(long_lists),
        cmocka_unit_test(every_byte_of_an_id_is_looked_at),
        cmocka_unit_test(absent_and_null_leave_members_alone),
        cmocka_unit_test(a_payload_may_be_the_value_itself),
    };

    return cmocka_run_group_tests(tests, NULL, finish);
}
