/* Ids as the application's other programs make them. */
#ifndef APP_CUID_H
#define APP_CUID_H

#include <stdint.h>

#define CUID_LEN 25 /* "c" and 24 of [0-9a-z] */

/* A new id, with a 0 byte: sorted by time, 82 random bits behind it. Any thread. */
void cuid_make(int64_t now_ms, char out[CUID_LEN + 1]);

#endif
