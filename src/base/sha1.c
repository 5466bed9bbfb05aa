#include "base/sha1.h"

#include <string.h>

#define BLOCK 64

static uint32_t turn(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }

static void put32(uint8_t *out, uint32_t x)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(x >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The block as sixteen words, and those that follow from them. */
static void schedule(uint32_t w[80], const uint8_t *block)
{
    for (unsigned i = 0; i < 16; i++)
        w[i] = get32(block + 4 * i);
    for (unsigned i = 16; i < 80; i++)
        w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
}

typedef struct words {
    uint32_t a, b, c, d, e;
} words;

static inline void step(words *s, uint32_t f, uint32_t k, uint32_t w)
{
    uint32_t a = turn(s->a, 5) + f + s->e + k + w;

    *s = (words){a, s->a, turn(s->b, 30), s->c, s->d};
}

static void mix(words *sum, const uint8_t *block)
{
    words s = *sum;
    uint32_t w[80];

    schedule(w, block);
    for (unsigned i = 0; i < 20; i++)
        step(&s, (s.b & s.c) | (~s.b & s.d), 0x5a827999, w[i]);
    for (unsigned i = 20; i < 40; i++)
        step(&s, s.b ^ s.c ^ s.d, 0x6ed9eba1, w[i]);
    for (unsigned i = 40; i < 60; i++)
        step(&s, (s.b & s.c) | (s.b & s.d) | (s.c & s.d), 0x8f1bbcdc, w[i]);
    for (unsigned i = 60; i < 80; i++)
        step(&s, s.b ^ s.c ^ s.d, 0xca62c1d6, w[i]);
    *sum = (words){sum->a + s.a, sum->b + s.b, sum->c + s.c, sum->d + s.d, sum->e + s.e};
}

/* What is left of the bytes, a one, zeros, and the number of bits at the very end: one block or two. */
static void mix_end(words *sum, const uint8_t *p, size_t left, uint64_t n)
{
    uint8_t end[2 * BLOCK] = {0};
    size_t size = left + 9 <= BLOCK ? BLOCK : 2 * BLOCK;

    if (left)
        memcpy(end, p, left);
    end[left] = 0x80;
    put32(end + size - 8, (uint32_t)(n >> 29));
    put32(end + size - 4, (uint32_t)(n << 3));
    for (size_t at = 0; at < size; at += BLOCK)
        mix(sum, end + at);
}

void sha1(const void *p, size_t n, uint8_t out[SHA1_SIZE])
{
    words sum = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    const uint8_t *at = p;
    size_t left = n;

    for (; left >= BLOCK; left -= BLOCK, at += BLOCK)
        mix(&sum, at);
    mix_end(&sum, at, left, n);
    put32(out, sum.a);
    put32(out + 4, sum.b);
    put32(out + 8, sum.c);
    put32(out + 12, sum.d);
    put32(out + 16, sum.e);
}
