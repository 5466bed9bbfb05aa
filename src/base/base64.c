#include "base/base64.h"

#include "sio_err.h"

#include <stdbool.h>
#include <stdint.h>

static const char base64_std[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define BASE64_BOTH                                                              \
    ['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,                           \
    14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,                          \
    ['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,                  \
    40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,                          \
    ['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['-'] = 63, ['_'] = 64

/* Value of each character + 1, in both alphabets and in that of URLs; 0 = not base64. */
static const uint8_t base64_value[256] = {BASE64_BOTH, ['+'] = 63, ['/'] = 64};
static const uint8_t base64url_value[256] = {BASE64_BOTH};

static size_t base64_put(const char *alphabet, bool pad, const uint8_t *p, size_t n, char *out)
{
    char *start = out;

    for (; n >= 3; n -= 3, p += 3) {
        uint32_t w = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

        *out++ = alphabet[w >> 18];
        *out++ = alphabet[w >> 12 & 63];
        *out++ = alphabet[w >> 6 & 63];
        *out++ = alphabet[w & 63];
    }
    if (n > 0) {
        uint32_t w = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);

        *out++ = alphabet[w >> 18];
        *out++ = alphabet[w >> 12 & 63];
        if (n > 1)
            *out++ = alphabet[w >> 6 & 63];
        for (size_t i = n; pad && i < 3; i++)
            *out++ = '=';
    }
    return (size_t)(out - start);
}

size_t base64_encode(const void *p, size_t n, char *out)
{
    return base64_put(base64_std, true, p, n, out);
}

size_t base64url_encode(const void *p, size_t n, char *out)
{
    return base64_put(base64_url, false, p, n, out);
}

/* Writes the whole bytes among `digits` (0 to 4) base64 digits gathered in w; a single digit makes none. */
static char *base64_flush(uint32_t w, unsigned digits, char *out)
{
    w <<= 6 * (4 - digits);
    if (digits > 1)
        *out++ = (char)(w >> 16);
    if (digits > 2)
        *out++ = (char)(w >> 8);
    if (digits > 3)
        *out++ = (char)w;
    return out;
}

size_t base64_decode_lenient(const char *p, size_t n, char *out)
{
    const char *end = n > 0 ? p + n : p; /* p may be NULL then */
    char *start = out;
    uint32_t w = 0;
    unsigned digits = 0;

    for (; p < end && *p != '='; p++) {
        uint8_t value = base64_value[(uint8_t)*p];

        if (value == 0)
            continue;
        w = w << 6 | (uint32_t)(value - 1);
        if (++digits == 4) {
            out = base64_flush(w, 4, out);
            w = 0;
            digits = 0;
        }
    }
    if (digits > 0)
        out = base64_flush(w, digits, out);
    return (size_t)(out - start);
}

static uint32_t url_digit(char c) { return base64url_value[(uint8_t)c] - 1u; }

/* All of base64url: a character that is not would be 2^32 - 1. */
static bool base64url_is_good(const char *p, size_t n)
{
    uint32_t seen = 0;

    for (size_t i = 0; i < n; i++)
        seen |= url_digit(p[i]);
    return seen < 64;
}

long base64url_decode_strict(const char *p, size_t n, char *out)
{
    size_t tail = n % 4;
    char *start = out;

    if (tail == 1 || !base64url_is_good(p, n))
        return SIO_EPARSE;
    /* Bits behind the last whole byte must be 0, else one signature would have several spellings. */
    if (tail > 0 && url_digit(p[n - 1]) & (tail == 2 ? 15 : 3))
        return SIO_EPARSE;
    for (; n >= 4; n -= 4, p += 4) {
        uint32_t w = url_digit(p[0]) << 18 | url_digit(p[1]) << 12 | url_digit(p[2]) << 6 | url_digit(p[3]);

        *out++ = (char)(w >> 16);
        *out++ = (char)(w >> 8);
        *out++ = (char)w;
    }
    return (long)(out - start) + (long)base64_decode_lenient(p, n, out);
}
