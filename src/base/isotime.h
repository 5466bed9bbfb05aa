/* Points in time as JavaScript writes them. */
#ifndef BASE_ISOTIME_H
#define BASE_ISOTIME_H

#include <stddef.h>
#include <stdint.h>

#define ISOTIME_MAX 27 /* "+275760-09-13T00:00:00.000Z" */

/* As Date.toISOString: "2024-01-31T23:59:59.123Z" for milliseconds since 1970, years outside 0000 to 9999
 * with a sign and six digits. No 0 byte; out has room for ISOTIME_MAX. Returns the length, or 0 with
 * nothing written beyond the 8.64e15 ms either way that JavaScript knows. Any thread, no time zone, no
 * locale. */
size_t isotime_put(int64_t ms, char *out);

#endif
