/* JSON: whatever the validator accepts, the readers walk without leaving it, agree about it, and it survives
 * being written. What it refuses, the readers may misread, but not leave either. */
#include "base/num.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "codec/val.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MAX  (1u << 22)
#define FUZZ_BINS 64

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool is_inside(sio_str outer, sio_str inner)
{
    return inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n;
}

static void check_string(sio_str raw)
{
    char *text = malloc(raw.n);
    size_t n = json_unescape(raw, text);
    buf quoted;

    check(n <= raw.n && json_equals(raw, (sio_str){text, n}));
    buf_init(&quoted, FUZZ_MAX);
    check(json_quote(&quoted, (sio_str){text, n}) == 0);
    check(json_scan(quoted.p, quoted.n) == (long)quoted.n &&
          json_equals(buf_str(&quoted), (sio_str){text, n}));
    buf_fini(&quoted);
    free(text);
}

static void check_number(sio_str raw)
{
    double v = json_double(raw);
    char text[32];
    int64_t whole;
    size_t n = num_double(v, text);

    check(v - v != 0 || num_parse(text, n) == v); /* infinities have no text */
    check(!json_int(raw, &whole) || v == (double)whole);
}

/* Walks a valid value from the top; returns how many tokens a walk in one pass must give. */
static size_t check_value(sio_str v, unsigned depth)
{
    sio_str key, item, end = v;
    size_t at = 0, tokens = 2, n = 0;
    json_kind kind = json_kind_of(v);

    check(depth <= JSON_MAX_DEPTH && json_scan(v.p, v.n) == (long)v.n);
    if (kind == JSON_STRING)
        check_string(v);
    if (kind == JSON_NUMBER)
        check_number(v);
    if (kind != JSON_ARRAY && kind != JSON_OBJECT) {
        check(!json_next(v, &at, &key, &item));
        return 1;
    }
    for (; json_next(v, &at, &key, &item); n++) {
        check(is_inside(v, item) && (item.p > end.p));
        end = item;
        if (kind == JSON_OBJECT) {
            check(is_inside(v, key) && key.p < item.p);
            check_string(key);
            tokens++;
        }
        tokens += check_value(item, depth + 1);
    }
    check(json_len(v) == n);
    return tokens;
}

/* The one who notes items on the way says the same as validator and reader. */
static void check_items(sio_str text)
{
    sio_str value, other, item;
    json_items items;
    size_t at = 0;
    unsigned n = 0;
    bool ok = json_valid(text, &value) && value.p == text.p && json_kind_of(value) == JSON_ARRAY;

    check(json_valid_items(text, &other, &items) == ok);
    if (!ok)
        return;
    check(other.p == value.p && other.n == value.n);
    for (; json_next(value, &at, NULL, &item); n++)
        check(n >= JSON_ITEMS || (items.item[n].p == item.p && items.item[n].n == item.n));
    check(n == items.n);
}

static size_t count_tokens(sio_str text)
{
    json_walk w;
    sio_str raw;
    size_t n = 0;

    json_walk_init(&w, text);
    for (; json_walk_next(&w, &raw) != JSON_END; n++)
        check(is_inside(text, raw) && w.depth <= JSON_WALK_DEPTH);
    return n;
}

/* Written without attachments it stays as it is; with some, writing again what was written changes nothing.
 */
static void check_written(sio_str value)
{
    static const sio_str bin[] = {SIO_STR("a"), SIO_STR("bc")};
    const sio_bins two = {bin, 2};
    sio_str first_bin[FUZZ_BINS], second_bin[FUZZ_BINS];
    unsigned n = 0, again = 0;
    buf first, second;

    buf_init(&first, FUZZ_MAX);
    buf_init(&second, FUZZ_MAX);
    check(val_to_json(&first, sio_json(value), NULL, 0, &n) == 0 && sio_str_eq(buf_str(&first), value));
    first.n = 0;
    if (val_to_json(&first, (sio_val){.kind = SIO_JSON, .s = value, .bins = &two}, first_bin, FUZZ_BINS,
                    &n) == 0) {
        const sio_bins bins = {first_bin, n};

        check(json_scan(first.p, first.n) == (long)first.n);
        /* with more attachments than before, plain data may turn out to look like a placeholder */
        if (n <= two.n) {
            check(val_to_json(&second, (sio_val){.kind = SIO_JSON, .s = buf_str(&first), .bins = &bins},
                              second_bin, FUZZ_BINS, &again) == 0);
            check(again == n && sio_str_eq(buf_str(&first), buf_str(&second)));
        }
    }
    buf_fini(&first);
    buf_fini(&second);
}

/* The readers on anything at all: nothing to expect, but the sanitizers watch. */
static void read_blindly(sio_str text)
{
    static const sio_str bin[] = {SIO_STR("a")};
    const sio_bins one = {bin, 1};
    sio_val v = {.kind = SIO_JSON, .s = text, .bins = &one}, key, item;
    char *scratch = malloc(text.n + 1);
    sio_iter it = {0};
    size_t at = 0;
    sio_str s;

    while (json_next(text, &at, NULL, &s))
        check(is_inside(text, s));
    while (sio_next(v, &it, &key, &item)) {
        (void)sio_text(key, scratch, &s);
        (void)sio_text(item, scratch, &s);
        (void)sio_kind_of(sio_get(item, "a"));
        (void)sio_kind_of(sio_at(item, 1));
    }
    (void)sio_text(v, scratch, &s);
    (void)count_tokens(text);
    free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *p = malloc(size ? size : 1);
    sio_str text = {p, size}, value;
    buf quoted;

    if (size > 0)
        memcpy(p, data, size);
    if (json_valid(text, &value)) {
        check(is_inside(text, value) && sio_str_eq(json_trim(text), value));
        check(utf8_valid(value.p, value.n));
        check(check_value(value, 0) == count_tokens(value));
        check_written(value);
    }
    check_items(text);
    read_blindly(text);
    buf_init(&quoted, FUZZ_MAX);
    if (json_quote(&quoted, text) == 0)
        check(json_scan(quoted.p, quoted.n) == (long)quoted.n);
    buf_fini(&quoted);
    free(p);
    return 0;
}
