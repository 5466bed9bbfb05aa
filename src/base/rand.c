#include "base/rand.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define POOL_SIZE 512 /* some 20 ids for a call */

/* Random bytes of this thread for ids to come; what was given out is wiped. */
static _Thread_local struct {
    size_t left;
    char   p[POOL_SIZE];
} pool;

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

/* The thread that forks is the only one that the child has: it must not give out the same ids. */
static void on_fork(void) { pool.left = 0; }

static void watch_forks(void)
{
    if (pthread_atfork(NULL, NULL, on_fork) != 0)
        abort();
}

static void pool_fill(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch_forks);
    rand_bytes(pool.p, POOL_SIZE);
    pool.left = POOL_SIZE;
}

void rand_pooled(void *p, size_t n)
{
    if (n > POOL_SIZE) {
        rand_bytes(p, n);
        return;
    }
    if (n > pool.left)
        pool_fill();
    pool.left -= n;
    memcpy(p, pool.p + pool.left, n);
    memset(pool.p + pool.left, 0, n);
}

void rand_id(char *out, size_t n)
{
    static const char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    rand_pooled(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[out[i] & 63];
}
