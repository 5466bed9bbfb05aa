/* Numbers as JavaScript reads and writes them. No function keeps state or allocates. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

/* Decimal digits, no 0 byte; out has room for 20 (u64) or 21 (i64). Returns the length. */
size_t num_u64(uint64_t v, char *out);
size_t num_i64(int64_t v, char *out);
/* As JSON.stringify: shortest text that reads back, "null" for NaN and infinities, -0 as 0, exponent form
 * from 1e21 and below 1e-6. No 0 byte; out has room for 32. Independent of the locale. Returns the length. */
size_t num_double(double v, char *out);
/* Value of a valid JSON number of n bytes, correctly rounded: infinity over the range, as JavaScript; 0
 * below. Independent of the locale. */
double num_parse(const char *p, size_t n);

#endif
