/* SHA-1 (RFC 3174) for what a protocol asks it for and nobody relies on, such as the answer to a WebSocket's
 * key. OpenSSL's EVP_Digest looks its algorithm up at every call, which costs more than the two blocks
 * themselves. Nothing that has to be secret or unforgeable belongs here. */
#ifndef BASE_SHA1_H
#define BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

/* The digest of n bytes. p may be NULL when n is 0. Any thread. */
void sha1(const void *p, size_t n, uint8_t out[SHA1_SIZE]);

#endif
