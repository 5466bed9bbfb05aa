#include "base/num.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More digits than any double needs to be rounded correctly (767); what lies behind them only counts as
 * "not zero". */
#define NUM_DIGITS 780
#define NUM_FAR    100000L /* an exponent this large decides everything */

/* value = 0.DIGITS * 10^point */
typedef struct num_text {
    char digits[NUM_DIGITS + 32]; /* and room for "e-100000" */
    int  n;
    long point;
} num_text;

static bool num_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void num_take_digit(num_text *t, char c)
{
    if (t->n == 0 && c == '0')
        return; /* leading zeros say nothing */
    if (t->n < NUM_DIGITS)
        t->digits[t->n++] = c;
    else if (c != '0')
        t->digits[NUM_DIGITS - 1] = '1'; /* keeps it above the halfway point that zeros would leave */
}

static long num_clamp(long v)
{
    return v > NUM_FAR ? NUM_FAR : v < -NUM_FAR ? -NUM_FAR : v;
}

static long num_read_exponent(const char *p, const char *end)
{
    bool minus = p < end && *p == '-';
    long e = 0;

    if (p < end && (*p == '-' || *p == '+'))
        p++;
    for (; p < end && num_is_digit(*p) && e < (1L << 40); p++)
        e = e * 10 + (*p - '0');
    return minus ? -e : e;
}

/* Splits a number without its sign into digits and a power of ten. */
static void num_split(const char *p, const char *end, num_text *t)
{
    bool fraction = false;

    t->n = 0;
    t->point = 0;
    for (; p < end && (num_is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        num_take_digit(t, *p);
        if (!fraction && t->n > 0)
            t->point++;
        else if (fraction && t->n == 0)
            t->point--;
    }
    if (p < end && (*p == 'e' || *p == 'E'))
        t->point += num_read_exponent(p + 1, end);
}

/* Up to 15 digits and 10^22 are exact doubles, so one operation rounds correctly (Clinger). */
static bool num_easy(const num_text *t, double *out)
{
    static const double power[] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    };
    long e = t->point - t->n;
    int64_t v = 0;

    if (t->n > 15 || e < -22 || e > 22)
        return false;
    for (int i = 0; i < t->n; i++)
        v = v * 10 + (t->digits[i] - '0');
    *out = e < 0 ? (double)v / power[-e] : (double)v * power[e];
    return true;
}

double num_parse(const char *p, size_t n)
{
    const char *end = p + n;
    bool minus = p < end && *p == '-';
    num_text t;
    double v;

    num_split(minus ? p + 1 : p, end, &t);
    if (t.n == 0) {
        v = 0;
    } else if (!num_easy(&t, &v)) {
        /* no point in the text, so strtod finds nothing that depends on the locale */
        snprintf(t.digits + t.n, sizeof(t.digits) - (size_t)t.n, "e%ld", num_clamp(t.point - t.n));
        v = strtod(t.digits, NULL);
    }
    return minus ? -v : v;
}
