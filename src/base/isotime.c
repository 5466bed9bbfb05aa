#include "base/isotime.h"

#define MS_PER_DAY   86400000
#define DAYS_PER_ERA 146097 /* 400 years */

typedef struct isodate {
    int      year;
    unsigned month, day;
} isodate;

/* Proleptic Gregorian date of a day counted from 1970-01-01. Years are taken to begin in March, so that the
 * leap day is the last of its year and months have a regular pattern of 153 days in five. */
static isodate isotime_date(int64_t days)
{
    int64_t era, day;
    int year, month;

    days += 719468; /* since 0000-03-01 */
    era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    day = days - era * DAYS_PER_ERA;
    year = (int)((day - day / 1460 + day / 36524 - day / 146096) / 365);
    day -= 365 * year + year / 4 - year / 100;
    month = (int)((5 * day + 2) / 153);
    return (isodate){
        .year = (int)(era * 400) + year + (month >= 10),
        .month = (unsigned)(month < 10 ? month + 3 : month - 9),
        .day = (unsigned)(day - (153 * month + 2) / 5 + 1),
    };
}

static char *isotime_digits(char *out, unsigned v, int digits, char behind)
{
    for (int i = digits - 1; i >= 0; i--, v /= 10)
        out[i] = (char)('0' + v % 10);
    out[digits] = behind;
    return out + digits + 1;
}

size_t isotime_put(int64_t ms, char *out)
{
    const int64_t limit = 8640000000000000;
    char *start = out;
    int64_t days;
    unsigned rest;
    isodate date;

    if (ms > limit || ms < -limit)
        return 0;
    days = (ms >= 0 ? ms : ms - (MS_PER_DAY - 1)) / MS_PER_DAY;
    rest = (unsigned)(ms - days * MS_PER_DAY);
    date = isotime_date(days);
    if (date.year < 0 || date.year > 9999)
        *out++ = date.year < 0 ? '-' : '+';
    out = isotime_digits(out, (unsigned)(date.year < 0 ? -date.year : date.year), out > start ? 6 : 4, '-');
    out = isotime_digits(out, date.month, 2, '-');
    out = isotime_digits(out, date.day, 2, 'T');
    out = isotime_digits(out, rest / 3600000, 2, ':');
    out = isotime_digits(out, rest / 60000 % 60, 2, ':');
    out = isotime_digits(out, rest / 1000 % 60, 2, '.');
    out = isotime_digits(out, rest % 1000, 3, 'Z');
    return (size_t)(out - start);
}
