/* SipHash-1-3 (Aumasson and Bernstein): a keyed hash whose collisions a peer who does not know the key cannot
 * construct. Not a MAC for the outside world: use HMAC there. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Hash of n bytes under a 128-bit key. p may be NULL when n is 0. Any thread. */
uint64_t siphash13(const uint64_t key[2], const void *p, size_t n);

#endif
