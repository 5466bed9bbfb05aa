#include "codec/link_hello.h"

#include "sio_err.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "SIOLINK1"
#define PROOF 32

enum hello_state { AWAIT_HELLO, AWAIT_RANDOM, AWAIT_DIALERS_PROOF, AWAIT_LISTENERS_PROOF, PROVEN, REFUSED };

enum { DIALER, LISTENER };

/* How many bytes each state waits for. */
static const uint8_t awaited[] = {
    [AWAIT_HELLO] = sizeof(MAGIC) - 1 + 2 * LINK_HELLO_CODE + LINK_HELLO_RANDOM,
    [AWAIT_RANDOM] = LINK_HELLO_RANDOM,
    [AWAIT_DIALERS_PROOF] = PROOF,
    [AWAIT_LISTENERS_PROOF] = PROOF,
};

static void put(link_words *say, const void *p, size_t n)
{
    memcpy(say->p + say->n, p, n);
    say->n = (uint8_t)(say->n + n);
}

static void prove(const link_hello *h, int who, uint8_t out[PROOF])
{
    static const char role[2][16] = {"siolink1 dialer", "siolink1 listen"};
    uint8_t text[sizeof(role[0]) + sizeof(h->code) + sizeof(h->random)];
    unsigned n = PROOF;

    memcpy(text, role[who], sizeof(role[0]));
    memcpy(text + sizeof(role[0]), h->code, sizeof(h->code));
    memcpy(text + sizeof(role[0]) + sizeof(h->code), h->random, sizeof(h->random));
    if (!HMAC(EVP_sha256(), h->secret.p, (int)h->secret.n, text, sizeof(text), out, &n) || n != PROOF)
        abort(); /* no memory for a small fixed allocation */
}

static bool is_proven(const link_hello *h, int who)
{
    uint8_t expected[PROOF];

    prove(h, who, expected);
    return CRYPTO_memcmp(expected, h->in, PROOF) == 0;
}

static void put_proof(const link_hello *h, int who, link_words *say)
{
    uint8_t proof[PROOF];

    prove(h, who, proof);
    put(say, proof, PROOF);
}

/* ---- the steps ---- */

void link_hello_dial(link_hello *h, sio_str secret, const char *own, const char *wanted,
                     const uint8_t *random, link_words *say)
{
    *h = (link_hello){.secret = secret, .state = AWAIT_RANDOM, .dials = true};
    memcpy(h->code[DIALER], own, LINK_HELLO_CODE);
    memcpy(h->code[LISTENER], wanted, LINK_HELLO_CODE);
    memcpy(h->random[DIALER], random, LINK_HELLO_RANDOM);
    say->n = 0;
    put(say, MAGIC, sizeof(MAGIC) - 1);
    put(say, h->code, sizeof(h->code));
    put(say, random, LINK_HELLO_RANDOM);
}

void link_hello_listen(link_hello *h, sio_str secret, const char *own, const uint8_t *random)
{
    *h = (link_hello){.secret = secret, .state = AWAIT_HELLO};
    memcpy(h->code[LISTENER], own, LINK_HELLO_CODE);
    memcpy(h->random[LISTENER], random, LINK_HELLO_RANDOM);
}

static enum hello_state take_hello(link_hello *h, link_words *say)
{
    const char *codes = h->in + sizeof(MAGIC) - 1;

    if (memcmp(h->in, MAGIC, sizeof(MAGIC) - 1) != 0 ||
        memcmp(codes + LINK_HELLO_CODE, h->code[LISTENER], LINK_HELLO_CODE) != 0)
        return REFUSED;
    memcpy(h->code[DIALER], codes, LINK_HELLO_CODE);
    memcpy(h->random[DIALER], codes + 2 * LINK_HELLO_CODE, LINK_HELLO_RANDOM);
    put(say, h->random[LISTENER], LINK_HELLO_RANDOM);
    return AWAIT_DIALERS_PROOF;
}

/* The message awaited is complete in h->in. */
static enum hello_state take(link_hello *h, link_words *say)
{
    switch ((enum hello_state)h->state) {
    case AWAIT_HELLO:
        return take_hello(h, say);
    case AWAIT_RANDOM:
        memcpy(h->random[LISTENER], h->in, LINK_HELLO_RANDOM);
        put_proof(h, DIALER, say);
        return AWAIT_LISTENERS_PROOF;
    case AWAIT_DIALERS_PROOF:
        if (!is_proven(h, DIALER))
            return REFUSED;
        put_proof(h, LISTENER, say);
        return PROVEN;
    case AWAIT_LISTENERS_PROOF:
        return is_proven(h, LISTENER) ? PROVEN : REFUSED;
    default:
        return REFUSED;
    }
}

/* A wrong first word is refused as soon as it is seen. */
static bool is_strange(const link_hello *h)
{
    size_t n = h->nin < sizeof(MAGIC) - 1 ? h->nin : sizeof(MAGIC) - 1;

    return h->state == AWAIT_HELLO && memcmp(h->in, MAGIC, n) != 0;
}

int link_hello_feed(link_hello *h, const char *p, size_t n, size_t *used, link_words *say)
{
    say->n = 0;
    *used = 0;
    while (h->state < PROVEN && *used < n) {
        size_t want = (size_t)(awaited[h->state] - h->nin), have = n - *used, m = have < want ? have : want;

        memcpy(h->in + h->nin, p + *used, m);
        h->nin = (uint8_t)(h->nin + m);
        *used += m;
        if (is_strange(h))
            h->state = REFUSED;
        else if (m == want) {
            h->state = (uint8_t)take(h, say);
            h->nin = 0;
        }
    }
    if (h->state == REFUSED)
        return SIO_EPARSE;
    return h->state == PROVEN;
}
