/* Token buckets, in integers and without timers: a bucket is the moment at which it is full again.  Each
 * take moves that moment on by the time one token needs to grow; a take is refused while it lies so far
 * ahead that the bucket is empty. So a bucket of zeroes is a full one, and a bucket whose moment has passed
 * is as good as none: it can be forgotten without loss. */
#ifndef APP_LIMIT_BUCKET_H
#define APP_LIMIT_BUCKET_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define LIMIT_RATE_MAX 1000000 /* of per_s and burst */

typedef struct limit_rate {
    uint32_t per_s; /* tokens that grow a second; 0 = no limit */
    uint32_t burst; /* tokens of a full bucket; 0 counts as 1 */
} limit_rate;

typedef struct limit_bucket {
    int64_t full_ns; /* when it is full again, on the clock that is used with it */
} limit_bucket;

/* Takes a token at the time now_ns (monotonic, not negative). 0, or the milliseconds (1 or more) until
 * there is one; then nothing was taken. One thread at a time. */
int64_t limit_take(limit_bucket *b, limit_rate rate, int64_t now_ns);

/* ---- buckets by name, shared by all threads ---------------------------------------------------------- */

/* A table of fixed size. Its rows of 8 are searched whole; in a full row the fullest bucket makes room, so
 * that who would lose most by it is kept. No locks: two threads that make or replace a bucket at the same
 * instant may miscount a token. */
typedef struct limit_table limit_table;

/* Room for about n buckets that are not full at the same time, 16 bytes each. NULL without memory. */
limit_table *limit_table_new(size_t n);
void limit_table_free(limit_table *t); /* NULL is allowed */
/* As limit_take, of the bucket of that key: a keyed hash of the name, not 0. Any thread. */
int64_t limit_table_take(limit_table *t, uint64_t key, limit_rate rate, int64_t now_ns);

#endif
