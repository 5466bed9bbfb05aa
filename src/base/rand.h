/* Random bytes from the kernel, and ids made of them: fit for secrets. Any thread; a fork repeats nothing. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

void rand_bytes(void *p, size_t n);      /* cannot fail: aborts if the kernel has no randomness */
/* The same; the kernel is asked for 512 of them at a time. */
void rand_pooled(void *p, size_t n);
/* n characters of [A-Za-z0-9_-], 6 random bits each; no 0 byte. Pooled: one is made twice a
 * connection. */
void rand_id(char *out, size_t n);

#endif
