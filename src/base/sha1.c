/* OpenSSL 3 keeps these three functions for old programs; they are also the ones that look nothing up. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "base/sha1.h"

#include <openssl/sha.h>

void sha1(const void *p, size_t n, uint8_t out[SHA1_SIZE])
{
    SHA_CTX c;

    SHA1_Init(&c);
    SHA1_Update(&c, p, n);
    SHA1_Final(out, &c);
}
