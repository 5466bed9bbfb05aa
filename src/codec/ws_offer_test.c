/* Sec-WebSocket-Extensions: which offers are taken, and with what answer. */
#include "base/testing.h"
#include "codec/ws_deflate.h"
#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>

#define P     "permessage-deflate"
#define TAKEN P "; server_no_context_takeover; client_no_context_takeover"

/* An offer in memory of just its size, so that a look beyond it is found. The answer, "" without one,
 * or "malformed". */
static void expect(const char *offer, const char *answer)
{
    char got[WS_DEFLATE_ANSWER] = "", *copy = strndup(offer, strlen(offer));
    sio_str exact = {malloc(strlen(offer) + !*offer), strlen(offer)};
    ws_deflate_terms t = {0};
    int rc;

    memcpy((char *)(uintptr_t)exact.p, copy, exact.n);
    rc = ws_deflate_offer(&t, exact);
    if (rc < 0) {
        assert_int_equal(rc, SIO_EPARSE);
        strcpy(got, "malformed");
    } else if (t.server_bits) {
        ws_deflate_answer(&t, got);
    }
    if (strcmp(got, answer) != 0)
        fail_msg("\"%s\" was answered with \"%s\" instead of \"%s\"", offer, got, answer);
    free((char *)(uintptr_t)exact.p);
    free(copy);
}

static void offers_are_taken(void **state)
{
    (void)state;
    expect(P, TAKEN);
    expect(P "; client_max_window_bits", TAKEN); /* browsers */
    expect(P ";client_max_window_bits=15", TAKEN "; client_max_window_bits=15");
    expect(P " ;\tclient_max_window_bits = 8 ", TAKEN "; client_max_window_bits=8");
    expect(P "; server_max_window_bits=8", TAKEN "; server_max_window_bits=8");
    expect(P "; server_max_window_bits=\"10\"; client_max_window_bits=\"9\"",
           TAKEN "; server_max_window_bits=10; client_max_window_bits=9");
    expect(P "; server_no_context_takeover", TAKEN);
    expect(P "; client_no_context_takeover; server_no_context_takeover", TAKEN);
    expect("  " P "  ", TAKEN);
}

static void offers_are_declined(void **state)
{
    static const char *const bad[] = {
        "=7", "=16", "=0", "=015", "=08", "=1", "=10.", "=-9", "=100", "=x", "=\"1\\0\"",
    };

    (void)state;
    expect("x-webkit-deflate-frame", "");
    expect("Permessage-Deflate", "");
    expect(P "; unknown", "");
    expect(P "; unknown=5", "");
    expect(P "; server_max_window_bits", "");
    expect(P "; server_no_context_takeover=1", "");
    expect(P "; client_no_context_takeover=true", "");
    expect(P "; client_max_window_bits; client_max_window_bits=10", "");
    expect(P "; server_no_context_takeover; server_no_context_takeover", "");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char offer[100];

        snprintf(offer, sizeof(offer), P "; server_max_window_bits%s", bad[i]);
        expect(offer, "");
        snprintf(offer, sizeof(offer), P "; client_max_window_bits%s", bad[i]);
        expect(offer, "");
    }
}

static void the_first_good_one_counts(void **state)
{
    ws_deflate_terms t = {0};

    (void)state;
    expect(P "; server_max_window_bits=10, " P, TAKEN "; server_max_window_bits=10");
    expect(P "; nonsense; server_max_window_bits=9, " P, TAKEN);
    expect("foo; a=b; c=\"d\", bar ," P "; server_max_window_bits=16," P "; client_max_window_bits=12," P,
           TAKEN "; client_max_window_bits=12");
    /* Over several headers. */
    assert_int_equal(ws_deflate_offer(&t, sio_lit("foo")), 0);
    assert_int_equal(t.server_bits, 0);
    assert_int_equal(ws_deflate_offer(&t, sio_lit(P "; server_max_window_bits=11")), 0);
    assert_int_equal(ws_deflate_offer(&t, sio_lit(P "; server_max_window_bits=12")), 0);
    assert_int_equal(t.server_bits, 11);
}

static void malformed(void **state)
{
    static const char *const cases[] = {
        "", " ", ",", P ",", "," P, P ", ," P, P ";", P "; ;", P "; a=", P "; a=;", P "; =1", P " a",
        P "; a b",
        P "; a=\"", P "; a=\"\"", P "; a=\"x", P "; a=\"x y\"", P "; a=\"x\"y", P "; a=\"\\",
        P "; a=\"\\\"\"", P "/1",
        P "; server_max_window_bits=1 0", P "(", "\"" P "\"", P "; a\x01", "\xc3\xa9",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect(cases[i], "malformed");
    /* Also behind a good one. */
    expect(P ", foo;", "malformed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_are_taken),
        cmocka_unit_test(offers_are_declined),
        cmocka_unit_test(the_first_good_one_counts),
        cmocka_unit_test(malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
