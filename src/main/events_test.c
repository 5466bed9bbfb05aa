/* The table of events is consistent, and what is printed of it is whole. */
#include "main/events_doc.h"
#include "main/json_print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const event_row *find(enum event_row_kind kind, const char *name)
{
    const event_row *r = events_next(NULL, kind);

    while (r && strcmp(r->name, name) != 0)
        r = events_next(r, kind);
    return r;
}

static void names_are_given_once(void **state)
{
    static const enum event_row_kind kinds[] = {ROW_CODE, ROW_ENUM, ROW_OBJECT, ROW_INPUT, ROW_IN, ROW_OUT};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (const event_row *r = events_next(NULL, kinds[i]); r; r = events_next(r, kinds[i])) {
            if (find(kinds[i], r->name) != r)
                fail_msg("%s is there twice", r->name);
        }
    }
}

static void what_is_named_exists(void **state)
{
    (void)state;
    for (const event_row *r = event_rows; r < event_rows + event_nrows; r++) {
        const char *ref = r->type.ref;
        bool ok = true;

        if (r->type.kind == EVENT_NAMED || r->type.kind == EVENT_LIST)
            ok = find(ROW_OBJECT, ref);
        else if (r->type.kind == EVENT_INPUTS)
            ok = find(ROW_INPUT, ref);
        if (!ok)
            fail_msg("%s: there is no %s", r->name, ref);
    }
}

static void everything_has_words_for_it(void **state)
{
    const unsigned wordless = EVENTS_BIT(ROW_END) | EVENTS_BIT(ROW_CHOICE) | EVENTS_BIT(ROW_IS) | EVENTS_BIT(ROW_REFUSES);

    (void)state;
    for (const event_row *r = event_rows; r < event_rows + event_nrows; r++) {
        if (!(wordless & EVENTS_BIT(r->kind)) && (strlen(r->doc) < 4 || r->doc[strlen(r->doc) - 1] != '.'))
            fail_msg("%s: \"%s\" is no sentence", r->name, r->doc);
    }
}

/* Whatever `print` prints; free it. */
static char *printed(void (*print)(FILE *f))
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    assert_non_null(f);
    print(f);
    fclose(f);
    return text;
}

static void every_event_is_in_every_document(void **state)
{
    char *markdown = printed(events_print_markdown), *types = printed(events_print_typescript);
    char quoted[100];

    (void)state;
    for (const event_row *r = event_rows; r < event_rows + event_nrows; r++) {
        if (r->kind != ROW_IN && r->kind != ROW_OUT)
            continue;
        snprintf(quoted, sizeof(quoted), "\n### `%s`\n", r->name);
        assert_non_null(strstr(markdown, quoted));
        snprintf(quoted, sizeof(quoted), "\n    \"%s\": (", r->name);
        assert_non_null(strstr(types, quoted));
    }
    free(markdown);
    free(types);
}

static void print_one(FILE *f)
{
    json_print j = {.f = f};

    json_print_object(&j, NULL);
    json_print_text(&j, "a \"b\"", "c\\d");
    json_print_array(&j, "list");
    json_print_int(&j, NULL, -5);
    json_print_bool(&j, NULL, true);
    json_print_end(&j);
    json_print_object(&j, "empty");
    json_print_end(&j);
    json_print_end(&j);
}

static void json_is_laid_out_for_people(void **state)
{
    char *text = printed(print_one);

    (void)state;
    assert_string_equal(text, "{\n  \"a \\\"b\\\"\": \"c\\\\d\",\n  \"list\": [\n    -5,\n    true\n  ],\n  \"empty\": {}\n}\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_given_once),
        cmocka_unit_test(what_is_named_exists),
        cmocka_unit_test(everything_has_words_for_it),
        cmocka_unit_test(every_event_is_in_every_document),
        cmocka_unit_test(json_is_laid_out_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
