#include "base/num.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t num_u64(uint64_t v, char *out)
{
    char text[20];
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    memcpy(out, text + at, sizeof(text) - at);
    return sizeof(text) - at;
}

size_t num_i64(int64_t v, char *out)
{
    if (v >= 0)
        return num_u64((uint64_t)v, out);
    *out = '-';
    return 1 + num_u64(0 - (uint64_t)v, out + 1);
}

/* v = 0.DIGITS * 10^point, digits without trailing zeros. */
typedef struct num_decimal {
    char digits[18];
    int  n;
    int  point;
} num_decimal;

/* Takes the digits of printf's "d.ddde+x". The point may be anything, depending on the locale. */
static void num_read_e(const char *text, num_decimal *d)
{
    d->n = 0;
    for (; *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9')
            d->digits[d->n++] = *text;
    }
    d->point = atoi(text + 1) + 1;
}

/* Reads digits without any point, so the locale has no say. */
static double num_to_double(const num_decimal *d)
{
    char text[40];

    snprintf(text, sizeof(text), "%.*se%d", d->n, d->digits, d->point - d->n);
    return strtod(text, NULL);
}

/* Adds 1 to the last digit. */
static void num_increment(num_decimal *d)
{
    int i = d->n - 1;

    while (i >= 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
        return;
    }
    d->digits[0] = '1'; /* 99..9 became 00..0 */
    d->point++;
}

/* True when v (> 0) can be written with that many digits; they are in *d then. Above a power of two doubles
 * lie twice as far apart as below it: there the text that reads back may be not the closest but the next. */
static bool num_try_digits(double v, int digits, num_decimal *d)
{
    char text[40];

    snprintf(text, sizeof(text), "%.*e", digits - 1, v);
    num_read_e(text, d);
    if (num_to_double(d) == v)
        return true;
    num_increment(d);
    return num_to_double(d) == v;
}

/* 15 digits always survive the way through a double, so a shorter form shows as trailing zeros; that does not
 * hold for subnormal numbers, which have less precision. 17 digits always suffice. */
static void num_shortest(double v, num_decimal *d)
{
    int digits = v < DBL_MIN ? 1 : 15;

    while (digits < 17 && !num_try_digits(v, digits, d))
        digits++;
    if (digits == 17)
        (void)num_try_digits(v, 17, d);
    while (d->n > 1 && d->digits[d->n - 1] == '0')
        d->n--;
}

static char *num_put(char *out, const char *p, int n)
{
    memcpy(out, p, (size_t)n);
    return out + n;
}

static char *num_put_zeros(char *out, int n)
{
    memset(out, '0', (size_t)n);
    return out + n;
}

static char *num_put_exponent(char *out, const num_decimal *d)
{
    int e = d->point - 1;

    *out++ = d->digits[0];
    if (d->n > 1) {
        *out++ = '.';
        out = num_put(out, d->digits + 1, d->n - 1);
    }
    *out++ = 'e';
    *out++ = e < 0 ? '-' : '+';
    return out + num_u64((uint64_t)abs(e), out);
}

/* ECMA-262, Number::toString, radix 10. */
static char *num_put_decimal(char *out, const num_decimal *d)
{
    if (d->point > 21 || d->point < -5)
        return num_put_exponent(out, d);
    if (d->point >= d->n)
        return num_put_zeros(num_put(out, d->digits, d->n), d->point - d->n);
    if (d->point > 0) {
        out = num_put(out, d->digits, d->point);
        *out++ = '.';
        return num_put(out, d->digits + d->point, d->n - d->point);
    }
    out = num_put(out, "0.", 2);
    return num_put(num_put_zeros(out, -d->point), d->digits, d->n);
}

size_t num_double(double v, char *out)
{
    char *start = out;
    num_decimal d;

    if (!isfinite(v))
        return (size_t)(num_put(out, "null", 4) - start);
    if (fabs(v) <= 9007199254740992.0 && v == (double)(int64_t)v)
        return num_i64((int64_t)v, out); /* -0 as 0, too */
    if (v < 0)
        *out++ = '-';
    num_shortest(fabs(v), &d);
    return (size_t)(num_put_decimal(out, &d) - start);
}
