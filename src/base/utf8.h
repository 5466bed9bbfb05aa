/* UTF-8 (RFC 3629): strict validation, whole or in pieces. No function allocates; p may be NULL when n is
 * 0. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* State of a validation that goes on over several pieces; start with 0. */
typedef uint32_t utf8_state;
#define UTF8_ACCEPT 0u
#define UTF8_REJECT 1u

/* Feeds n bytes; UTF8_REJECT is final, UTF8_ACCEPT means "complete so far", else inside a character. */
utf8_state utf8_feed(utf8_state state, const char *p, size_t n);
/* True when the n bytes are whole characters. */
bool       utf8_valid(const char *p, size_t n);
/* Writes the 1 to 4 bytes of a code point (surrogates included, as WTF-8) and returns their number. */
unsigned   utf8_put(uint32_t cp, char out[4]);
/* The character at p (p < end): its length, or -k when the k bytes at p are a maximal ill-formed part. */
int        utf8_char(const char *p, const char *end);
/* Copies n bytes, replacing every ill-formed sequence by U+FFFD as the WHATWG decoder does. `out` must have
 * room for 3 * n bytes. Returns the bytes written. */
size_t     utf8_sanitize(const char *p, size_t n, char *out);

#endif
