#include "app/cuid.h"
#include "base/rand.h"

static void base36(uint64_t v, char *out, unsigned n)
{
    while (n-- > 0) {
        out[n] = "0123456789abcdefghijklmnopqrstuvwxyz"[v % 36];
        v /= 36;
    }
}

void cuid_make(int64_t now_ms, char out[CUID_LEN + 1])
{
    uint64_t r[2];

    rand_pooled(r, sizeof(r));
    out[0] = 'c';
    base36((uint64_t)now_ms, out + 1, 8);
    base36(r[0], out + 9, 8);
    base36(r[1], out + 17, 8);
    out[CUID_LEN] = '\0';
}
