/* The first words between two servers, as strangers may say them: nobody gets through without the secret,
 * in whatever pieces the bytes come; and with it everybody does. The first byte chooses the pieces and
 * which end listens to the rest. */
#include "codec/link_hello.h"
#include "sio_err.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

static const uint8_t random_a[LINK_HELLO_RANDOM] = {1}, random_b[LINK_HELLO_RANDOM] = {2};

static void start(link_hello *h, bool dials)
{
    link_words say;

    if (dials)
        link_hello_dial(h, sio_lit("a secret"), "AAAA", "BBBB", random_a, &say);
    else
        link_hello_listen(h, sio_lit("a secret"), "BBBB", random_b);
}

/* How it ends, and everything that was said. */
static int feed(bool dials, const uint8_t *p, size_t n, size_t step, link_words *said)
{
    link_hello h;
    size_t at = 0;
    int rc = 0;

    said->n = 0;
    start(&h, dials);
    while (rc == 0 && at < n) {
        size_t m = n - at < step ? n - at : step, used;
        char *piece = malloc(m);
        link_words say;

        memcpy(piece, p + at, m);
        rc = link_hello_feed(&h, piece, m, &used, &say);
        CHECK(used <= m && (rc != 0 || used == m));
        CHECK(said->n + say.n <= LINK_HELLO_MAX);
        if (rc >= 0) {
            memcpy(said->p + said->n, say.p, say.n);
            said->n = (uint8_t)(said->n + say.n);
        }
        at += used;
        free(piece);
    }
    return rc;
}

/* Both ends honest, the dialer's words in pieces: it must work. */
static void honest(size_t step)
{
    link_hello dialer, listener;
    link_words a, b, c, d, none;
    size_t used;

    link_hello_dial(&dialer, sio_lit("a secret"), "AAAA", "BBBB", random_a, &a);
    start(&listener, false);
    for (size_t at = 0; at < a.n; at += step)
        CHECK(link_hello_feed(&listener, a.p + at, a.n - at < step ? a.n - at : step, &used, &b) == 0);
    CHECK(link_hello_feed(&dialer, b.p, b.n, &used, &c) == 0);
    CHECK(link_hello_feed(&listener, c.p, c.n, &used, &d) == 1);
    CHECK(link_hello_feed(&dialer, d.p, d.n, &used, &none) == 1 && none.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    link_words whole, pieces;
    size_t step;
    int rc;

    if (size == 0)
        return 0;
    step = (size_t)(data[0] >> 1) + 1;
    rc = feed(data[0] & 1, data + 1, size - 1, size, &whole);
    CHECK(rc == 0 || rc == SIO_EPARSE);
    CHECK(feed(data[0] & 1, data + 1, size - 1, step, &pieces) == rc);
    if (rc == 0)
        CHECK(whole.n == pieces.n && memcmp(whole.p, pieces.p, whole.n) == 0);
    honest(step);
    return 0;
}
