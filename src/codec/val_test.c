#include "codec/val.h"

#include "base/testing.h"
#include "codec/json.h"
#include "sio_err.h"

#include <math.h>
#include <stdlib.h>

#define PH(n) "{\"_placeholder\":true,\"num\":" #n "}"

/* ---- reading ------------------------------------------------------------------------------------------- */

static const sio_str two_bins[] = {SIO_STR("zero"), SIO_STR("one")};
static const sio_bins bins = {two_bins, 2};

static sio_val received(const char *json)
{
    return (sio_val){.kind = SIO_JSON, .s = sio_str_z(json), .bins = &bins};
}

static void kinds_are_resolved(void **state)
{
    static const struct {
        const char *json;
        sio_kind    kind;
    } cases[] = {
        {"null", SIO_NULL}, {"true", SIO_BOOL}, {"false", SIO_BOOL}, {"1", SIO_INT}, {"1.5", SIO_NUMBER},
        {"1e3", SIO_INT}, {"9007199254740992", SIO_NUMBER}, {"\"a\"", SIO_STRING}, {"[]", SIO_ARRAY},
        {"{}", SIO_OBJECT}, {" {} \n", SIO_OBJECT}, {"", SIO_UNDEFINED}, {"  ", SIO_UNDEFINED},
        {PH(0), SIO_BINARY}, {PH(1), SIO_BINARY}, {PH(2), SIO_OBJECT}, {PH(0.5), SIO_UNDEFINED},
        {PH("0"), SIO_OBJECT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(sio_kind_of(received(cases[i].json)), cases[i].kind);
    assert_int_equal(sio_kind_of(sio_json(sio_lit(PH(0)))), SIO_OBJECT);
    assert_int_equal(sio_kind_of(sio_v("x")), SIO_STRING);
    assert_int_equal(sio_kind_of(sio_v((const char *)NULL)), SIO_NULL);
}

static void members_and_items_of_json(void **state)
{
    sio_val v = received(" {\"a\":1,\"list\":[\"x\"," PH(1) ",null],\"a\":2,\"\\u0062\":true} ");
    sio_val list = sio_get(v, "list");
    int64_t n = 0;
    sio_str s;
    bool b = false;

    (void)state;
    assert_true(sio_int(sio_get(v, "a"), &n));
    assert_int_equal(n, 2);
    assert_true(sio_bool(sio_get(v, "b"), &b) && b);
    assert_int_equal(sio_kind_of(sio_get(v, "c")), SIO_UNDEFINED);
    assert_int_equal(sio_len(v), 4);
    assert_int_equal(sio_len(list), 3);
    assert_true(sio_text(sio_at(list, 0), NULL, &s) && sio_str_eq(s, sio_lit("x")));
    assert_true(sio_binary(sio_at(list, 1), &s) && sio_str_eq(s, sio_lit("one")));
    assert_int_equal(sio_kind_of(sio_at(list, 2)), SIO_NULL);
    assert_int_equal(sio_kind_of(sio_at(list, 3)), SIO_UNDEFINED);
    assert_int_equal(sio_kind_of(sio_at(v, 0)), SIO_UNDEFINED);
    assert_int_equal(sio_kind_of(sio_get(list, "a")), SIO_UNDEFINED);
    assert_int_equal(sio_len(received("\"text\"")) + sio_len(received(PH(0))), 0);
    assert_int_equal(sio_kind_of(sio_get(received(PH(0)), "num")), SIO_UNDEFINED);
}

static void members_and_items_of_built_values(void **state)
{
    sio_val v = sio_obj("a", 1, "list", sio_arr("x", 2.5), sio_json(sio_lit("\"\\u0061\"")), 3);
    int64_t n = 0;
    double d = 0;

    (void)state;
    assert_true(sio_int(sio_get(v, "a"), &n));
    assert_int_equal(n, 3);
    assert_int_equal(sio_len(v), 3);
    assert_int_equal(sio_len(sio_get(v, "list")), 2);
    assert_true(sio_number(sio_at(sio_get(v, "list"), 1), &d));
    assert_true(d == 2.5);
    assert_int_equal(sio_kind_of(sio_at(sio_get(v, "list"), 2)), SIO_UNDEFINED);
    assert_int_equal(sio_kind_of(sio_get(v, "b")), SIO_UNDEFINED);
    assert_int_equal(sio_kind_of(sio_get(sio_v(1), "b")), SIO_UNDEFINED);
    assert_int_equal(sio_kind_of(sio_at(sio_v("x"), 0)), SIO_UNDEFINED);
}

static void walks_both_sorts(void **state)
{
    sio_val all[] = {
        sio_obj("a", 1, "b", 2), received("{\"a\":1,\"b\":2}"), sio_arr(1, 2), received("[1,2]"),
    };
    sio_val key = sio_undefined, item;
    sio_iter it;
    sio_str s;
    int64_t n, sum;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        sum = 0;
        for (it = (sio_iter){0}; sio_next(all[i], &it, &key, &item);) {
            assert_true(sio_int(item, &n));
            sum = sum * 10 + n;
            if (i < 2)
                assert_true(sio_text(key, NULL, &s) && s.n == 1 && *s.p == (n == 1 ? 'a' : 'b'));
        }
        assert_int_equal(sum, 12);
        assert_int_equal(sio_kind_of(key), i < 2 ? SIO_STRING : SIO_UNDEFINED);
        it = (sio_iter){0};
        assert_true(sio_next(all[i], &it, NULL, &item));
    }
    it = (sio_iter){0};
    assert_false(sio_next(received(PH(0)), &it, &key, &item));
    assert_false(sio_next(received("12"), &it, &key, &item));
    assert_false(sio_next(sio_v("x"), &it, &key, &item));
    assert_false(sio_next(sio_list(NULL, 0), &it, &key, &item));
}

static void typed_reads_refuse_other_kinds(void **state)
{
    sio_val texts[] = {sio_v("1"), received("\"1\"")}, nulls[] = {sio_null, received("null"), sio_undefined};
    int64_t n = 42;
    double d = 42;
    bool b = true;
    sio_str s = sio_lit("s");

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_false(sio_int(texts[i], &n) || sio_number(texts[i], &d) || sio_bool(texts[i], &b));
    for (int i = 0; i < 3; i++) {
        assert_false(sio_int(nulls[i], &n) || sio_number(nulls[i], &d) || sio_bool(nulls[i], &b));
        assert_false(sio_text(nulls[i], NULL, &s) || sio_binary(nulls[i], &s));
    }
    assert_false(sio_int(sio_v(1.5), &n) || sio_int(sio_v(INT64_MAX), &n) || sio_int(sio_v(NAN), &n));
    assert_false(sio_int(sio_v(1e300), &n) || sio_int(sio_true, &n) || sio_binary(sio_v("x"), &s));
    assert_false(sio_text(sio_bin("x", 1), NULL, &s) || sio_text(sio_v(1), NULL, &s));
    assert_true(n == 42 && d == 42 && b && s.n == 1);
    assert_true(sio_int(sio_v(7.0), &n) && n == 7);
    assert_true(sio_number(sio_v(7), &d) && d == 7);
    assert_true(sio_number(received("1e400"), &d) && isinf(d));
}

static void text_is_a_view_or_unescaped(void **state)
{
    sio_val plain = received("\"plain\""), escaped = received(" \"a\\n\\ud83d\\ude00\\ud800\" ");
    char *scratch = malloc(sio_text_max(escaped));
    sio_str s;

    (void)state;
    assert_true(sio_text(plain, NULL, &s));
    assert_ptr_equal(s.p, plain.s.p + 1);
    assert_true(sio_text(escaped, scratch, &s));
    assert_ptr_equal(s.p, scratch);
    assert_true(sio_str_eq(s, sio_lit("a\n\xf0\x9f\x98\x80\xed\xa0\x80")));
    assert_int_equal(sio_text_max(sio_v("abc")), 3);
    assert_int_equal(sio_text_max(sio_v(1)), 0);
    free(scratch);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static void check_written_bins(sio_val v, const char *want, const char *want_bins)
{
    sio_str out_bins[4], value;
    char names[64] = "";
    unsigned n = 0;
    buf b;

    buf_init(&b, 1000);
    assert_int_equal(val_to_json(&b, v, out_bins, 4, &n), 0);
    if (!sio_str_eq(buf_str(&b), sio_str_z(want)))
        fail_msg("%.*s instead of %s", (int)b.n, b.p, want);
    assert_true(json_valid(buf_str(&b), &value));
    for (unsigned i = 0; i < n; i++)
        strncat(strncat(names, out_bins[i].p, out_bins[i].n), ";", 2);
    assert_string_equal(names, want_bins);
    buf_fini(&b);
}

static void check_written(sio_val v, const char *want)
{
    check_written_bins(v, want, "");
}

static void writes_as_json_stringify(void **state)
{
    (void)state;
    check_written(sio_undefined, "null");
    check_written(sio_null, "null");
    check_written(sio_true, "true");
    check_written(sio_v(-5), "-5");
    check_written(sio_v(UINT64_MAX), "18446744073709552000");
    check_written(sio_v(0.1), "0.1");
    check_written(sio_v(NAN), "null");
    check_written(sio_v("a\"\n"), "\"a\\\"\\n\"");
    check_written(sio_arr(1, sio_undefined, "x"), "[1,null,\"x\"]");
    check_written(sio_obj("a", sio_undefined, "b", 1, "c", sio_undefined, "d", sio_null),
                  "{\"b\":1,\"d\":null}");
    check_written(sio_list(NULL, 0), "[]");
    check_written(sio_members(NULL, 0), "{}");
    check_written(sio_obj("k", sio_obj("k", sio_arr(sio_arr(1)))), "{\"k\":{\"k\":[[1]]}}");
    check_written(sio_json(sio_lit(" {\"x\" : 1.0} ")), "{\"x\" : 1.0}");
    check_written(sio_json(sio_lit("")), "null");
    check_written(sio_obj("x", sio_json(sio_lit("")), "y", 1), "{\"y\":1}");
    check_written(sio_obj(sio_json(sio_lit("\"k\\n\"")), 1), "{\"k\\n\":1}");
}

static void binary_becomes_placeholders(void **state)
{
    (void)state;
    check_written_bins(sio_bin("a", 1), PH(0), "a;");
    check_written_bins(sio_arr(sio_bin("a", 1), sio_obj("x", sio_bin("b", 1)), sio_bin("a", 1)),
                       "[" PH(0) ",{\"x\":" PH(1) "}," PH(2) "]", "a;b;a;");
    /* without attachments a placeholder is plain data */
    check_written(sio_json(sio_lit(PH(0))), PH(0));
}

static void placeholders_in_json_are_renumbered(void **state)
{
    (void)state;
    check_written_bins(received(PH(1)), PH(0), "one;");
    check_written_bins(received("[ 1 , " PH(1) ", {\"a\" : " PH(0) " } ]"),
                       "[1," PH(0) ",{\"a\":" PH(1) "}]", "one;zero;");
    check_written_bins(sio_arr(sio_bin("x", 1), received(PH(1)), received(PH(1))),
                       "[" PH(0) "," PH(1) "," PH(2) "]", "x;one;one;");
    check_written_bins(received("{\"num\":1,\"more\":[{}],\"_placeholder\":true}"), PH(0), "one;");
    check_written_bins(received("[{\"\\u005fplaceholder\":true,\"num\":0}]"), "[" PH(0) "]", "zero;");
    check_written(received("[ \"no placeholders here\" ]"), "[ \"no placeholders here\" ]");
    check_written(received("[\"_placeholder\", {\"x\":[1,2]}]"), "[\"_placeholder\",{\"x\":[1,2]}]");
    check_written(received("[" PH(2) "]"), "[" PH(2) "]");
}

static void what_stands_inside_a_placeholder_is_dropped(void **state)
{
    (void)state;
    check_written_bins(received("[{\"x\":" PH(0) ",\"_placeholder\":true,\"num\":1}," PH(0) "]"),
                       "[" PH(0) "," PH(1) "]", "one;zero;");
    check_written_bins(received("{\"a\":1,\"b\":" PH(0.5) ",\"c\":" PH(0) "}"),
                       "{\"a\":1,\"c\":" PH(0) "}", "zero;");
    check_written_bins(received("{\"b\":" PH(0.5) ",\"c\":" PH(0) "}"), "{\"c\":" PH(0) "}", "zero;");
    check_written(received("[1," PH(0.5) ",2]"), "[1,null,2]");
}

static void check_refused(sio_val v, size_t max, int want)
{
    sio_str out_bins[2];
    unsigned n = 1;
    buf b;

    buf_init(&b, max);
    assert_int_equal(buf_putc(&b, 'x'), 0);
    assert_int_equal(val_to_json(&b, v, out_bins, 2, &n), want);
    assert_int_equal(b.n, 1);
    assert_int_equal(n, 1);
    buf_fini(&b);
}

static void limits_hold(void **state)
{
    sio_val nest[VAL_MAX_DEPTH + 2];
    sio_str none[1];
    unsigned n = 0;
    buf b;

    (void)state;
    check_refused(sio_arr(sio_bin("a", 1), sio_bin("b", 1)), 1000, SIO_ELIMIT);
    check_refused(received("[" PH(0) "," PH(1) "]"), 1000, SIO_ELIMIT);
    check_refused(sio_arr("a long text"), 10, SIO_ETOOBIG);
    check_refused(received("[" PH(0) ",\"a long text\"]"), 40, SIO_ETOOBIG);
    check_refused(sio_obj(1, 2), 1000, SIO_EINVAL);
    check_refused(sio_obj("odd"), 1000, SIO_EINVAL);
    check_refused(sio_obj((const char *)NULL, 1), 1000, SIO_EINVAL);
    nest[0] = sio_list(NULL, 0);
    for (int i = 1; i < VAL_MAX_DEPTH + 2; i++)
        nest[i] = sio_list(&nest[i - 1], 1);
    check_refused(nest[VAL_MAX_DEPTH], 1000, SIO_ELIMIT);
    buf_init(&b, 1000);
    assert_int_equal(val_to_json(&b, nest[VAL_MAX_DEPTH - 1], none, 0, &n), 0);
    assert_int_equal(b.n, 2 * VAL_MAX_DEPTH);
    assert_int_equal(json_scan(b.p, b.n), b.n);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_resolved),
        cmocka_unit_test(members_and_items_of_json),
        cmocka_unit_test(members_and_items_of_built_values),
        cmocka_unit_test(walks_both_sorts),
        cmocka_unit_test(typed_reads_refuse_other_kinds),
        cmocka_unit_test(text_is_a_view_or_unescaped),
        cmocka_unit_test(writes_as_json_stringify),
        cmocka_unit_test(binary_becomes_placeholders),
        cmocka_unit_test(placeholders_in_json_are_renumbered),
        cmocka_unit_test(what_stands_inside_a_placeholder_is_dropped),
        cmocka_unit_test(limits_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
