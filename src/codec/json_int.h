/* What the validating scanner and the readers of JSON share. */
#ifndef CODEC_JSON_INT_H
#define CODEC_JSON_INT_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define JSON_ONES 0x0101010101010101ull
#define JSON_HIGH 0x8080808080808080ull

static inline bool json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static inline const char *json_skip_space(const char *p, const char *end)
{
    while (p < end && json_is_space(*p))
        p++;
    return p;
}

/* The high bit of the lowest byte of w that is a quote, a backslash or a control character (bits above that
 * one mean nothing). */
static inline uint64_t json_special(uint64_t w)
{
    uint64_t quote = w ^ JSON_ONES * '"', slash = w ^ JSON_ONES * '\\';

    return (((quote - JSON_ONES) & ~quote) | ((slash - JSON_ONES) & ~slash) | ((w - JSON_ONES * 0x20) & ~w)) &
           JSON_HIGH;
}

#ifdef __SSE2__
/* A bit for each of 16 bytes that is a quote, a backslash or a control character. */
static inline unsigned json_special16(__m128i w)
{
    __m128i quote = _mm_cmpeq_epi8(w, _mm_set1_epi8('"')), slash = _mm_cmpeq_epi8(w, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(w, _mm_set1_epi8(0x1f)), w);

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control));
}

/* As json_plain_run, as far as steps of 16 bytes go; *hit when it ends at what is looked for. */
static inline const char *json_plain_run16(const char *p, const char *end, uint64_t *seen, bool *hit)
{
    __m128i all = _mm_setzero_si128();
    unsigned special = 0, wide = 0;

    for (; end - p >= 16; p += 16) {
        __m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);

        special = json_special16(w);
        if (special) {
            wide = (unsigned)_mm_movemask_epi8(w) & ((special & -special) - 1);
            p += __builtin_ctz(special);
            break;
        }
        all = _mm_or_si128(all, w);
    }
    *hit = special != 0;
    *seen |= wide | (unsigned)_mm_movemask_epi8(all) ? JSON_HIGH : 0;
    return p;
}
#endif

/* First quote, backslash or control character at or after p. *seen collects the bytes passed over, so that
 * *seen & JSON_HIGH tells whether there was anything but ASCII. */
static inline const char *json_plain_run(const char *p, const char *end, uint64_t *seen)
{
#ifdef __SSE2__
    bool found = false;

    p = json_plain_run16(p, end, seen, &found);
    if (found)
        return p;
#endif
    for (; end - p >= 8; p += 8) {
        uint64_t w, hit;

        memcpy(&w, p, 8);
        w = le64toh(w);
        hit = json_special(w);
        if (hit) {
            unsigned plain = (unsigned)__builtin_ctzll(hit) & ~7u;

            *seen |= w & ((1ull << plain) - 1);
            return p + plain / 8;
        }
        *seen |= w;
    }
    for (; p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20; p++)
        *seen |= (unsigned char)*p;
    return p;
}

#endif
