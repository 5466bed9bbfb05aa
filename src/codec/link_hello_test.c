#include "codec/link_hello.h"

#include "base/testing.h"
#include "sio_err.h"

#include <string.h>

typedef struct pair {
    link_hello dialer, listener;
    link_words first;
} pair;

static const uint8_t random_a[LINK_HELLO_RANDOM] = {1, 2, 3}, random_b[LINK_HELLO_RANDOM] = {9, 8, 7};

static pair begin(const char *secret_a, const char *secret_b, const char *wanted)
{
    pair p;

    link_hello_dial(&p.dialer, sio_str_z(secret_a), "AAAA", wanted, random_a, &p.first);
    link_hello_listen(&p.listener, sio_str_z(secret_b), "BBBB", random_b);
    return p;
}

/* Feeds in pieces of `step` bytes; what is said is gathered. */
static int feed(link_hello *h, const link_words *w, size_t step, link_words *say)
{
    int rc = 0;

    say->n = 0;
    for (size_t at = 0; rc == 0 && at < w->n;) {
        size_t n = w->n - at < step ? w->n - at : step, used;
        link_words some;

        rc = link_hello_feed(h, w->p + at, n, &used, &some);
        assert_int_equal(used, n);
        memcpy(say->p + say->n, some.p, some.n);
        say->n = (uint8_t)(say->n + some.n);
        at += n;
    }
    return rc;
}

static void both_prove_themselves(void **state)
{
    (void)state;
    for (size_t step = 1; step < 70; step += 7) {
        pair p = begin("secret", "secret", "BBBB");
        link_words challenge, proof, counter, nothing;

        assert_int_equal(p.first.n, 48);
        assert_int_equal(feed(&p.listener, &p.first, step, &challenge), 0);
        assert_int_equal(challenge.n, 32);
        assert_int_equal(feed(&p.dialer, &challenge, step, &proof), 0);
        assert_int_equal(feed(&p.listener, &proof, step, &counter), 1);
        assert_int_equal(feed(&p.dialer, &counter, step, &nothing), 1);
        assert_int_equal(nothing.n, 0);
        assert_memory_equal(p.listener.code[0], "AAAA", 4);
        assert_memory_not_equal(proof.p, counter.p, 32);
    }
}

static void what_follows_is_left_alone(void **state)
{
    pair p = begin("secret", "secret", "BBBB");
    link_words challenge, proof, counter;
    size_t used;

    (void)state;
    feed(&p.listener, &p.first, 64, &challenge);
    feed(&p.dialer, &challenge, 64, &proof);
    memcpy(proof.p + 32, "GET /", 5);
    assert_int_equal(link_hello_feed(&p.listener, proof.p, 37, &used, &counter), 1);
    assert_int_equal(used, 32);
    assert_int_equal(link_hello_feed(&p.listener, proof.p + 32, 5, &used, &counter), 1);
    assert_int_equal(used, 0);
}

static void another_secret_is_refused(void **state)
{
    pair p = begin("secret", "Secret", "BBBB");
    link_words challenge, proof, say;
    size_t used;

    (void)state;
    feed(&p.listener, &p.first, 64, &challenge);
    feed(&p.dialer, &challenge, 64, &proof);
    assert_int_equal(feed(&p.listener, &proof, 64, &say), SIO_EPARSE);
    assert_int_equal(say.n, 0);
    assert_int_equal(link_hello_feed(&p.listener, proof.p, proof.n, &used, &say), SIO_EPARSE); /* for good */
}

/* Who does not know the secret but has the dialer's proof cannot send it back. */
static void a_proof_cannot_be_reflected(void **state)
{
    pair p = begin("secret", "secret", "BBBB");
    link_words challenge, proof, say;

    (void)state;
    feed(&p.listener, &p.first, 64, &challenge);
    feed(&p.dialer, &challenge, 64, &proof);
    assert_int_equal(feed(&p.dialer, &proof, 64, &say), SIO_EPARSE);
}

static void another_node_is_refused(void **state)
{
    pair p = begin("secret", "secret", "CCCC");
    link_words say;

    (void)state;
    assert_int_equal(feed(&p.listener, &p.first, 64, &say), SIO_EPARSE);
    assert_int_equal(say.n, 0);
}

static void strangers_are_refused_at_their_first_byte(void **state)
{
    link_words say, http = {"GET / HTTP/1.1\r\n\r\n", 18};
    link_hello h;
    size_t used;

    (void)state;
    link_hello_listen(&h, sio_lit("s"), "BBBB", random_b);
    assert_int_equal(link_hello_feed(&h, http.p, 1, &used, &say), SIO_EPARSE);
    link_hello_listen(&h, sio_lit("s"), "BBBB", random_b);
    assert_int_equal(link_hello_feed(&h, "SIOL", 4, &used, &say), 0);
    assert_int_equal(link_hello_feed(&h, "INKX", 4, &used, &say), SIO_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_prove_themselves),
        cmocka_unit_test(what_follows_is_left_alone),
        cmocka_unit_test(another_secret_is_refused),
        cmocka_unit_test(a_proof_cannot_be_reflected),
        cmocka_unit_test(another_node_is_refused),
        cmocka_unit_test(strangers_are_refused_at_their_first_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
