#include "base/rand.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* No cache in between: an id is made once per connection, a call costs some 200 ns, and nothing can be handed
 * out twice after a fork. */
void rand_bytes(void *p, size_t n)
{
    char *at = p;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);

        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

void rand_id(char *out, size_t n)
{
    static const char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    rand_bytes(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[out[i] & 63];
}
