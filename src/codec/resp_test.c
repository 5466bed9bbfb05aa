#include "base/testing.h"
#include "codec/resp.h"
#include "sio_err.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX 4096

/* As text, so that a whole tree is one comparison. */
static void show(buf *b, const resp_val *v)
{
    static const char open[] = {[RESP_ARRAY] = '[', [RESP_MAP] = '{', [RESP_PUSH] = '<'};
    static const char close[] = {[RESP_ARRAY] = ']', [RESP_MAP] = '}', [RESP_PUSH] = '>'};

    switch (v->kind) {
    case RESP_NIL:    buf_puts(b, "nil"); break;
    case RESP_STATUS: buf_printf(b, "+%.*s", (int)v->s.n, v->s.p); break;
    case RESP_ERROR:  buf_printf(b, "-%.*s", (int)v->s.n, v->s.p); break;
    case RESP_BULK:   buf_printf(b, "'%.*s'", (int)v->s.n, v->s.p); break;
    case RESP_INT:    buf_printf(b, "%lld", (long long)v->i); break;
    case RESP_BOOL:   buf_puts(b, v->i ? "true" : "false"); break;
    case RESP_DOUBLE: buf_printf(b, "%.17g", v->d); break;
    case RESP_ARRAY: case RESP_MAP: case RESP_PUSH:
        buf_putc(b, open[v->kind]);
        for (uint32_t i = 0; i < v->n; i++) {
            if (i)
                buf_putc(b, ' ');
            show(b, &v->item[i]);
        }
        buf_putc(b, close[v->kind]);
    }
}

static long parse(const char *p, size_t n, size_t max, size_t *need, buf *shown)
{
    char *exact = malloc(n + !n); /* so that a read behind it is seen */
    resp_val v;
    arena a;

    arena_init(&a, 1 << 20);
    if (n)
        memcpy(exact, p, n);
    long rc = resp_parse(exact, n, max, &a, &v, need);
    if (rc > 0 && shown)
        show(shown, &v);
    arena_fini(&a);
    free(exact);
    return rc;
}

/* Whole, with more behind it, and cut at every byte: then it wants more, never more than there is. */
static void gives(const char *text, size_t n, const char *want)
{
    char more[MAX];
    buf b;

    buf_init(&b, MAX);
    assert_int_equal(parse(text, n, MAX, NULL, &b), n);
    buf_putc(&b, 0);
    assert_string_equal(b.p, want);
    memcpy(more, text, n);
    memcpy(more + n, "$99", 3);
    assert_int_equal(parse(more, n + 3, MAX, NULL, NULL), n);
    assert_int_equal(parse(text, n, n, NULL, NULL), n);
    for (size_t cut = 0; cut < n; cut++) {
        size_t need = 0;
        assert_int_equal(parse(text, cut, MAX, &need, NULL), 0);
        assert_true(need > cut && need <= n);
        assert_int_equal(parse(text, cut, n, NULL, NULL), 0);
    }
    buf_fini(&b);
}
#define GIVES(text, want) gives(text, sizeof(text) - 1, want)

static void resp2(void **state)
{
    (void)state;
    GIVES("+OK\r\n", "+OK");
    GIVES("+\r\n", "+");
    GIVES("-ERR no such key\r\n", "-ERR no such key");
    GIVES(":0\r\n", "0");
    GIVES(":-9223372036854775808\r\n", "-9223372036854775808");
    GIVES(":9223372036854775807\r\n", "9223372036854775807");
    GIVES(":+5\r\n", "5");
    GIVES("$-1\r\n", "nil");
    GIVES("$0\r\n\r\n", "''");
    GIVES("$5\r\na\r\nbc\r\n", "'a\r\nbc'");
    GIVES("*-1\r\n", "nil");
    GIVES("*0\r\n", "[]");
    GIVES("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$3\r\nxyz\r\n", "['message' 'c' 'xyz']");
    GIVES("*2\r\n*1\r\n:1\r\n*2\r\n+a\r\n$-1\r\n", "[[1] [+a nil]]");
}

static void resp3(void **state)
{
    (void)state;
    GIVES("_\r\n", "nil");
    GIVES("#t\r\n", "true");
    GIVES("#f\r\n", "false");
    GIVES(",1.5\r\n", "1.5");
    GIVES(",10\r\n", "10");
    GIVES(",+1e2\r\n", "100");
    GIVES(",-1.25e-1\r\n", "-0.125");
    GIVES(",inf\r\n", "inf");
    GIVES(",-inf\r\n", "-inf");
    GIVES("(3492890328409238509324850943850943825024385\r\n", "+3492890328409238509324850943850943825024385");
    GIVES("!8\r\nERR a\r\nb\r\n", "-ERR a\r\nb");
    GIVES("=8\r\ntxt:some\r\n", "'some'");
    GIVES("=4\r\ntxt:\r\n", "''");
    GIVES("~2\r\n:1\r\n:2\r\n", "[1 2]");
    GIVES("%2\r\n+a\r\n:1\r\n+b\r\n%0\r\n", "{+a 1 +b {}}");
    GIVES(">2\r\n+x\r\n_\r\n", "<+x nil>");
    GIVES("|1\r\n+ttl\r\n:3600\r\n*2\r\n|1\r\n+x\r\n*1\r\n+y\r\n:1\r\n:2\r\n", "[1 2]");
}

static void nan_is_one(void **state)
{
    resp_val v;

    (void)state;
    assert_int_equal(resp_parse(",nan\r\n", 6, MAX, NULL, &v, NULL), 6);
    assert_true(v.kind == RESP_DOUBLE && isnan(v.d));
}

static void malformed(void **state)
{
    static const char *const bad[] = {
        "OK\r\n", "\r\n", " +OK\r\n", "+a\rb\r\n", ":\r\n", ":-\r\n", ":1x\r\n", ":9223372036854775808\r\n",
        ":-9223372036854775809\r\n", "$\r\n", "$-2\r\n", "$x\r\n", "$?\r\n", "$1\r\nab\r\n", "$0\r\nab",
        "*-2\r\n", "*x\r\n",
        "*1\r\n?", "%-1\r\n", "~-1\r\n", ">-1\r\n", "=3\r\ntxt\r\n", "=-1\r\n", "!-1\r\n", "_x\r\n", "#x\r\n",
        "#\r\n",
        ",\r\n", ",1.\r\n", ",.5\r\n", ",1e\r\n", ",0x10\r\n", ",infinity\r\n", ",1 \r\n",
        "*99999999999999\r\n",
        ":000000000000000000000000000000000000000000000000000000000000000001\r\n",
        ":00000000000000000000000000000000000000000000000000000000000000000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (parse(bad[i], strlen(bad[i]), SIZE_MAX, NULL, NULL) != SIO_EPARSE)
            fail_msg("%s", bad[i]);
}

static void what_cannot_fit_is_refused_at_its_head(void **state)
{
    (void)state;
    assert_int_equal(parse("$100\r\n", 6, 107, NULL, NULL), SIO_ETOOBIG);
    assert_int_equal(parse("$100\r\n", 6, 108, NULL, NULL), 0);
    assert_int_equal(parse("*100\r\n", 6, 299, NULL, NULL), SIO_ETOOBIG);
    assert_int_equal(parse("*100\r\n", 6, 306, NULL, NULL), 0);
    assert_int_equal(parse("*2000000000\r\n", 13, MAX, NULL, NULL), SIO_ETOOBIG);
    assert_int_equal(parse("%2000000000\r\n", 13, MAX, NULL, NULL), SIO_ETOOBIG);
    assert_int_equal(parse("$9223372036854775807\r\n", 22, SIZE_MAX, NULL, NULL), SIO_EPARSE);
    assert_int_equal(parse("+aaaaaaaa", 9, 10, NULL, NULL), SIO_ETOOBIG);
    assert_int_equal(parse("+aaaaaaaa", 9, 11, NULL, NULL), 0);
    assert_int_equal(parse("+aaaaaaaa\r\n", 11, 10, NULL, NULL), SIO_ETOOBIG);
}

static void depth_is_limited(void **state)
{
    char text[4 * 100 + 8];

    (void)state;
    for (int over = 0; over < 2; over++) {
        size_t n = 0;
        for (int i = 0; i < RESP_MAX_DEPTH + over; i++, n += 4)
            memcpy(text + n, i % 2 ? "|1\r\n" : "*1\r\n", 4);
        if (!over) /* all arrays */
            for (size_t i = 0; i < n; i += 4)
                text[i] = '*';
        memcpy(text + n, "*0\r\n", 4);
        assert_int_equal(parse(text, n + 4, MAX, NULL, NULL), over ? SIO_ELIMIT : (long)n + 4);
    }
}

static void memory_is_limited(void **state)
{
    char text[4 + 3 * 100];
    resp_val v;
    arena a;

    (void)state;
    memcpy(text, "*99\r\n", 5);
    for (int i = 0; i < 99; i++)
        memcpy(text + 5 + 3 * i, "_\r\n", 3);
    arena_init(&a, 256);
    assert_int_equal(resp_parse(text, 5 + 3 * 99, MAX, &a, &v, NULL), SIO_ENOMEM);
    arena_fini(&a);
}

static void needs_say_how_much(void **state)
{
    size_t need;

    (void)state;
    assert_int_equal(parse("$1000\r\nab", 9, MAX, &need, NULL), 0);
    assert_int_equal(need, 7 + 1000 + 2);
    assert_int_equal(parse("*10\r\n$100\r\n", 11, MAX, &need, NULL), 0);
    assert_int_equal(need, 11 + 102 + 9 * 3);
}

static void commands(void **state)
{
    sio_str argv[] = {SIO_STR("SET"), SIO_STR("key"), {"", 0}, {"a\0b\r\n", 5}};
    static const char want[] = "*4\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n$5\r\na\0b\r\n\r\n";
    buf b;

    (void)state;
    buf_init(&b, 300);
    assert_int_equal(buf_putc(&b, 'x'), 0);
    assert_int_equal(resp_put_command(&b, argv, 4), 0);
    assert_int_equal(b.n, sizeof(want));
    assert_memory_equal(b.p + 1, want, sizeof(want) - 1);
    argv[3].n = 299;
    argv[3].p = want; /* not read: too big */
    assert_int_equal(resp_put_command(&b, argv, 4), SIO_ETOOBIG);
    assert_int_equal(b.n, sizeof(want));
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resp2), cmocka_unit_test(resp3), cmocka_unit_test(nan_is_one),
        cmocka_unit_test(malformed),
        cmocka_unit_test(what_cannot_fit_is_refused_at_its_head), cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(memory_is_limited), cmocka_unit_test(needs_say_how_much), cmocka_unit_test(commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
