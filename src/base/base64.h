/* Base64 (RFC 4648). Decoding is as lenient as Node's, which is what Engine.IO peers rely on. No function
 * keeps state or allocates; p may be NULL when n is 0. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Standard alphabet with padding; writes BASE64_LEN(n) bytes, no 0 byte, and returns that number. */
size_t base64_encode(const void *p, size_t n, char *out);
/* URL alphabet without padding, no 0 byte; out has room for BASE64_LEN(n). Returns the bytes written. */
size_t base64url_encode(const void *p, size_t n, char *out);
/* Both alphabets, padding optional, other characters skipped, stops at '='. In place is allowed
 * (out == p); out has room for n / 4 * 3 + 3. Returns bytes written. */
size_t base64_decode_lenient(const char *p, size_t n, char *out);
/* Strict base64url without padding (JWT): only that alphabet, no white space, unused bits 0. In place is
 * allowed; out has room for n / 4 * 3 + 3. Returns bytes written or SIO_EPARSE, with out untouched. */
long   base64url_decode_strict(const char *p, size_t n, char *out);

#endif
