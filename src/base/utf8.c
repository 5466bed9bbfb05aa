#include "base/utf8.h"

#include <string.h>

/* A state inside a character: bytes still to come, and the range of the next one (RFC 3629, section 4: only
 * the second byte is ever bounded more narrowly than 80..BF). As hi > 0, it is never UTF8_REJECT. */
#define UTF8_STATE(need, lo, hi) ((utf8_state)(need) | (utf8_state)(lo) << 8 | (utf8_state)(hi) << 16)

static utf8_state utf8_lead(unsigned char c)
{
    if (c < 0x80)
        return UTF8_ACCEPT;
    if (c < 0xc2)
        return UTF8_REJECT;
    if (c < 0xe0)
        return UTF8_STATE(1, 0x80, 0xbf);
    if (c < 0xf0)
        return UTF8_STATE(2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf);
    if (c < 0xf5)
        return UTF8_STATE(3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf);
    return UTF8_REJECT;
}

static utf8_state utf8_step(utf8_state state, unsigned char c)
{
    unsigned need = state & 0xff;

    if (state == UTF8_ACCEPT)
        return utf8_lead(c);
    if (state == UTF8_REJECT || c < (state >> 8 & 0xff) || c > (state >> 16))
        return UTF8_REJECT;
    return need == 1 ? UTF8_ACCEPT : UTF8_STATE(need - 1, 0x80, 0xbf);
}

/* First byte at or after p that is not ASCII, in steps of 16 and 8 bytes as far as they go. */
static const char *utf8_skip_ascii(const char *p, const char *end)
{
    const uint64_t high = 0x8080808080808080ull;
    uint64_t w[2];

    for (; end - p >= 16; p += 16) {
        memcpy(w, p, 16);
        if ((w[0] | w[1]) & high)
            break;
    }
    if (end - p >= 8) {
        memcpy(w, p, 8);
        if (!(w[0] & high))
            p += 8;
    }
    while (p < end && !(*p & 0x80))
        p++;
    return p;
}

utf8_state utf8_feed(utf8_state state, const char *p, size_t n)
{
    const char *end = n > 0 ? p + n : p; /* p may be NULL then */

    while (p < end && state != UTF8_REJECT) {
        if (state == UTF8_ACCEPT && !(*p & 0x80))
            p = utf8_skip_ascii(p, end);
        else
            state = utf8_step(state, (unsigned char)*p++);
    }
    return state;
}

bool utf8_valid(const char *p, size_t n)
{
    return utf8_feed(UTF8_ACCEPT, p, n) == UTF8_ACCEPT;
}

unsigned utf8_put(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

int utf8_char(const char *p, const char *end)
{
    utf8_state state = UTF8_ACCEPT;
    int n = 0;

    do {
        state = utf8_step(state, (unsigned char)p[n]);
        if (state == UTF8_REJECT)
            return n ? -n : -1; /* the byte that broke a sequence starts the next one */
        n++;
    } while (state != UTF8_ACCEPT && p + n < end);
    return state == UTF8_ACCEPT ? n : -n;
}

size_t utf8_sanitize(const char *p, size_t n, char *out)
{
    const char *end = n > 0 ? p + n : p;
    char *start = out;

    while (p < end) {
        const char *ascii = utf8_skip_ascii(p, end);
        int len;

        memcpy(out, p, (size_t)(ascii - p));
        out += ascii - p;
        p = ascii;
        if (p == end)
            break;
        len = utf8_char(p, end);
        memcpy(out, len > 0 ? p : "\xef\xbf\xbd", len > 0 ? (size_t)len : 3);
        out += len > 0 ? len : 3;
        p += len > 0 ? len : -len;
    }
    return (size_t)(out - start);
}
