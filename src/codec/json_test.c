#include "codec/json.h"

#include "base/testing.h"
#include "sio_err.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A copy without a byte to spare, so that the sanitizer sees every read outside. */
static sio_str exact(const char *z)
{
    size_t n = strlen(z);
    char *p = malloc(n ? n : 1);

    assert_non_null(p);
    memcpy(p, z, n);
    return (sio_str){p, n};
}

static bool is_valid(const char *z)
{
    sio_str text = exact(z), value;
    bool ok = json_valid(text, &value);

    free((char *)text.p);
    return ok;
}

static void accepts_json(void **state)
{
    static const char *const good[] = {
        "null", "true", "false", "0", "-0", "1", "-12", "10.5", "1e3", "1E+3", "2.5e-3", "1e400", "\"\"",
        "\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD800\"", "\"\x7f\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "[]", "{}", "[ ]", "{ }", " [ 1 , 2 ] ", "\t\r\n{ \"a\" : 1 , \"b\" : [ { } ] }\n",
        "{\"a\":1,\"a\":2}",
        "[[],[[]],{\"x\":{}}]", "123456789012345678901234567890",
        "\"a long plain string beyond eight bytes\"",
        "[true,false,null]", "{\"\":0}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!is_valid(good[i]))
            fail_msg("refused: %s", good[i]);
    }
}

static void refuses_what_is_not_json(void **state)
{
    static const char *const bad[] = {
        "", " ", "nul", "nulll", "True", "+1", "01", "-", "-a", "1.", ".5", "1e", "1e+", "0x1", "1 2", "NaN",
        "Infinity", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u123g\"", "\"\n\"", "\"\x1f\"", "'a'",
        "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xe2\x82\"", "\"plain then \xf5 bad\"", "[", "]",
        "[1",
        "[1,", "[1,]", "[,1]", "[1 2]", "[}", "{", "}", "{]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
        "{1:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{,}", "[1]]", "{}{}", "[1]x", "// c", "\"a\"\"b\"",
        "[\"a\":1]",
        "\xef\xbb\xbf[]", "[\v1]", "[1\f]", "{\"a\":1]", "[{]}", "{\"\xff\":1}", "\\u0031",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (is_valid(bad[i]))
            fail_msg("accepted: %s", bad[i]);
    }
}

static void tells_where_the_value_ends(void **state)
{
    sio_str value;

    (void)state;
    assert_int_equal(json_scan("[1] x", 5), 3);
    assert_int_equal(json_scan("  12,", 5), 4);
    assert_int_equal(json_scan("\"a\"\"b\"", 6), 3);
    assert_int_equal(json_scan("[1", 2), SIO_EPARSE);
    assert_true(json_valid(sio_lit(" \n[1, 2]\t "), &value));
    assert_true(sio_str_eq(value, sio_lit("[1, 2]")));
    assert_true(sio_str_eq(json_trim(sio_lit(" \t1 \r\n")), sio_lit("1")));
    assert_true(sio_str_eq(json_trim(sio_lit("  ")), sio_lit("")));
}

static void every_proper_prefix_is_refused(void **state)
{
    static const char text[] = "{\"name\":\"J\xc3\xb6rg \\u20ac\",\"n\":[-1.5e+3,true,null,{\"deep\":[[]]}]}";

    (void)state;
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        char *p = malloc(n + 1);

        memcpy(p, text, n);
        assert_int_equal(json_scan(p, n), SIO_EPARSE);
        free(p);
    }
    assert_int_equal(json_scan(text, sizeof(text) - 1), sizeof(text) - 1);
}

static void nesting_is_bounded(void **state)
{
    char text[400], *p = text;
    int depths[] = {JSON_MAX_DEPTH, JSON_MAX_DEPTH + 1};

    (void)state;
    for (int i = 0; i < 2; i++) {
        int depth = depths[i];

        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        assert_int_equal(json_scan(text, (size_t)depth * 2), i ? SIO_EPARSE : depth * 2);
    }
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        p += sprintf(p, i % 2 ? "[" : "{\"\":");
    for (int i = JSON_MAX_DEPTH - 1; i >= 0; i--)
        *p++ = i % 2 ? ']' : '}';
    assert_int_equal(json_scan(text, (size_t)(p - text)), p - text);
    assert_true(is_valid("[{\"a\":[{\"b\":[]}]},{},[]]"));
}

static void walks_arrays_and_objects(void **state)
{
    sio_str array = sio_lit("[ 1 ,\"a,]\\\"\", [2,3] , {\"x\":[4]},null]");
    sio_str object = sio_lit("{\"a\" : 1, \"b\":{\"c\":2}}");
    static const char *const items[] = {"1", "\"a,]\\\"\"", "[2,3]", "{\"x\":[4]}", "null"};
    sio_str key, item;
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_true(json_next(array, &at, NULL, &item));
        assert_true(sio_str_eq(item, sio_str_z(items[i])));
    }
    assert_false(json_next(array, &at, NULL, &item));
    assert_false(json_next(array, &at, NULL, &item));
    assert_int_equal(json_len(array), 5);
    at = 0;
    assert_true(json_next(object, &at, &key, &item));
    assert_true(sio_str_eq(key, sio_lit("\"a\"")));
    assert_true(sio_str_eq(item, sio_lit("1")));
    assert_true(json_next(object, &at, &key, &item));
    assert_true(sio_str_eq(key, sio_lit("\"b\"")));
    assert_true(sio_str_eq(item, sio_lit("{\"c\":2}")));
    assert_false(json_next(object, &at, &key, &item));
    assert_int_equal(json_len(object), 2);
    assert_int_equal(json_len(sio_lit("[]")) + json_len(sio_lit("{ }")) + json_len(sio_lit("\"x\"")), 0);
}

static void notes_items_while_it_validates(void **state)
{
    static const char *const bad[] = {"", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]x", "[1}", "{}",
                                      " []", "[\"a]", "1"};
    sio_str many = sio_lit("[ 1 ,\"a,]\\\"\", [2,3] , {\"x\":[4]},null,6,7,8,9,10,[11]] "), value, item;
    char deep[2 * JSON_MAX_DEPTH + 2];
    json_items items;
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (json_valid_items(sio_str_z(bad[i]), &value, &items))
            fail_msg("accepted: %s", bad[i]);
    assert_true(json_valid_items(sio_lit("[ ]\n"), &value, &items));
    assert_int_equal(items.n, 0);
    assert_int_equal(value.n, 3);
    assert_true(json_valid_items(many, &value, &items));
    assert_int_equal(items.n, 11);
    assert_int_equal(value.n, many.n - 1);
    for (unsigned i = 0; i < JSON_ITEMS; i++) {
        assert_true(json_next(value, &at, NULL, &item));
        assert_true(items.item[i].p == item.p && items.item[i].n == item.n);
    }
    for (size_t depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        assert_int_equal(json_valid_items((sio_str){deep, 2 * depth}, &value, &items),
                         depth == JSON_MAX_DEPTH);
    }
}

/* Whatever the place and the length: strings are looked at in pieces of 16 and 8 bytes, and what is left. */
static void every_byte_of_a_string_is_looked_at(void **state)
{
    static const char *const wrong[] = {"\x1f", "\"", "\xff"};
    char text[64];

    (void)state;
    for (size_t n = 1; n < 50; n++) {
        memset(text, 'a', sizeof(text));
        text[0] = text[n + 1] = '"';
        assert_int_equal(json_scan(text, n + 2), n + 2);
        for (size_t i = 0; i < n * 3; i++) {
            text[1 + i / 3] = *wrong[i % 3];
            assert_int_not_equal(json_scan(text, n + 2), n + 2);
            text[1 + i / 3] = 'a';
        }
    }
}

static void gets_members_by_their_unescaped_name(void **state)
{
    sio_str object = sio_lit("{\"a\":1,\"b\":2,\"a\":3,\"\\u0063\\n\":4,\"\":5}"), item = {0};

    (void)state;
    assert_true(json_get(object, sio_lit("a"), &item));
    assert_true(sio_str_eq(item, sio_lit("3")));
    assert_true(json_get(object, sio_lit("c\n"), &item));
    assert_true(sio_str_eq(item, sio_lit("4")));
    assert_true(json_get(object, sio_lit(""), &item));
    assert_true(sio_str_eq(item, sio_lit("5")));
    assert_false(json_get(object, sio_lit("c"), &item));
    assert_false(json_get(sio_lit("[1]"), sio_lit("a"), &item));
}

static void check_unescaped(const char *raw, const char *want, size_t n)
{
    sio_str text = exact(raw);
    char *out = malloc(text.n);

    assert_int_equal(json_unescape(text, out), n);
    assert_memory_equal(out, want, n);
    assert_true(json_equals(text, (sio_str){want, n}));
    assert_false(json_equals(text, (sio_str){"something else entirely", 23}));
    if (n > 0)
        assert_false(json_equals(text, (sio_str){want, n - 1}));
    free(out);
    free((char *)text.p);
}

static void unescapes_and_compares(void **state)
{
    sio_str plain;

    (void)state;
    check_unescaped("\"\"", "", 0);
    check_unescaped("\"abc\"", "abc", 3);
    check_unescaped("\"\\b\\f\\n\\r\\t\\\\\\/\\\"\"", "\b\f\n\r\t\\/\"", 8);
    check_unescaped("\"x\\u0000y\"", "x\0y", 3);
    check_unescaped("\"\\u00e9\\u20AC\"", "\xc3\xa9\xe2\x82\xac", 5);
    check_unescaped("\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!", 5);
    check_unescaped("\"\\ud83d\\ud83d\\ude00\"", "\xed\xa0\xbd\xf0\x9f\x98\x80", 7);
    check_unescaped("\"\\ude00\\ud83dx\"", "\xed\xb8\x80\xed\xa0\xbdx", 7);
    assert_true(json_plain(sio_lit("\"abc\""), &plain));
    assert_true(sio_str_eq(plain, sio_lit("abc")));
    assert_false(json_plain(sio_lit("\"a\\n\""), &plain));
    assert_false(json_plain(sio_lit("12"), &plain));
}

static void reads_whole_numbers(void **state)
{
    static const struct {
        const char *text;
        int64_t     value;
    } good[] = {
        {"0", 0}, {"-0", 0}, {"5", 5}, {"-17", -17}, {"1e3", 1000}, {"5.0", 5}, {"1.5e1", 15}, {"100e-2", 1},
        {"9007199254740991", 9007199254740991}, {"-9007199254740991", -9007199254740991}, {"0.0e99", 0},
    };
    static const char *const bad[] = {
        "1.5", "9007199254740992", "-9007199254740992", "1e400", "-1e400", "1e19", "true", "\"1\"", "null",
        "[1]", "1e-1",
    };
    int64_t v = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(json_int(sio_str_z(bad[i]), &v));
    assert_int_equal(v, 42);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(json_int(sio_str_z(good[i].text), &v));
        assert_int_equal(v, good[i].value);
    }
}

static void quotes_as_json_stringify(void **state)
{
    static const struct {
        sio_str in;
        const char *want;
    } cases[] = {
        {SIO_STR(""), "\"\""},
        {SIO_STR("plain"), "\"plain\""},
        {SIO_STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
        {SIO_STR("\b\f\n\r\t\0\x1f\x7f"), "\"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\""},
        {SIO_STR("\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80<"), "\"\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80<\""},
        {SIO_STR("x\xed\xa0\xbdy\xed\xbf\xbf"), "\"x\\ud83dy\\udfff\""},
        {SIO_STR("\xff" "a\xe2\x82"), "\"\xef\xbf\xbd" "a\xef\xbf\xbd\""},
    };
    buf b;

    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sio_str value;

        assert_int_equal(json_quote(&b, cases[i].in), 0);
        assert_true(sio_str_eq(buf_str(&b), sio_str_z(cases[i].want)));
        assert_true(json_valid(buf_str(&b), &value));
        b.n = 0;
    }
    buf_fini(&b);
    buf_init(&b, 6);
    assert_int_equal(buf_putc(&b, 'x'), 0);
    assert_int_equal(json_quote(&b, sio_lit("abcd")), SIO_ETOOBIG);
    assert_int_equal(b.n, 1);
    assert_int_equal(json_quote(&b, sio_lit("abc")), 0);
    buf_fini(&b);
}

/* Spells the tokens of a walk: ( ) for containers, k for keys, s for scalars. */
static const char *spell(sio_str text, char *out)
{
    json_walk w;
    json_token token;
    sio_str raw;
    char *p = out;

    json_walk_init(&w, text);
    while ((token = json_walk_next(&w, &raw)) != JSON_END)
        *p++ = "?()ks"[token];
    *p = 0;
    return out;
}

static void walks_all_values_in_one_pass(void **state)
{
    char out[64];

    (void)state;
    assert_string_equal(spell(sio_lit("1"), out), "s");
    assert_string_equal(spell(sio_lit("\"a\""), out), "s");
    assert_string_equal(spell(sio_lit("{}"), out), "()");
    assert_string_equal(
        spell(sio_lit("{\"a\":\"b\",\"c\":[\"d\",{\"e\":null}],\"f\":-1}"), out), "(ksk(s(ks))ks)");
    assert_string_equal(spell(sio_lit(" [ [ ] , 1 ] "), out), "(()s)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_json),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(tells_where_the_value_ends),
        cmocka_unit_test(every_proper_prefix_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(walks_arrays_and_objects),
        cmocka_unit_test(notes_items_while_it_validates),
        cmocka_unit_test(every_byte_of_a_string_is_looked_at),
        cmocka_unit_test(gets_members_by_their_unescaped_name),
        cmocka_unit_test(unescapes_and_compares),
        cmocka_unit_test(reads_whole_numbers),
        cmocka_unit_test(quotes_as_json_stringify),
        cmocka_unit_test(walks_all_values_in_one_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
