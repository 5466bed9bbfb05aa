/* Values to PostgreSQL's texts and back. */
#include "base/isotime.h"
#include "db/pg_int.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define OID_BOOL 16

/* ---- out ------------------------------------------------------------------------------------------- */

static const char *number_put(char out[32], const db_val *v)
{
    switch (v->kind) {
    case DB_TIME: /* with its Z: a column without a zone takes it as UTC too; "" beyond all years,
                   * to be refused */
        out[isotime_put(v->i, out)] = 0;
        return out;
    case DB_BOOL:
        return v->i ? "true" : "false";
    default:
        snprintf(out, 32, "%lld", (long long)v->i);
        return out;
    }
}

int pg_args_init(pg_args *a, const db_val *v, unsigned n)
{
    size_t total = 0;
    char *at;

    for (unsigned i = 0; i < n; i++) {
        if (v[i].kind != DB_TEXT)
            continue;
        if (v[i].s.n && memchr(v[i].s.p, 0, v[i].s.n))
            return SIO_EINVAL;
        total += v[i].s.n + 1;
    }
    a->copy = at = malloc(total + 1);
    if (!at)
        return SIO_ENOMEM;
    for (unsigned i = 0; i < n; i++) {
        if (v[i].kind == DB_TEXT) {
            memcpy(at, v[i].s.p, v[i].s.n);
            at[v[i].s.n] = 0;
            a->text[i] = at;
            at += v[i].s.n + 1;
        } else {
            a->text[i] = v[i].kind == DB_NULL ? NULL : number_put(a->number[i], &v[i]);
        }
    }
    return 0;
}

void pg_args_fini(pg_args *a) { free(a->copy); }

/* ---- in -------------------------------------------------------------------------------------------- */

/* Days from 1970-01-01 to a day of the Gregorian calendar; years count from March, so that leap
 * days come last. */
static int64_t days_from_date(int64_t y, int64_t m, int64_t d)
{
    int64_t era, year_of_era, day_of_year;

    y -= m <= 2;
    era = y / 400;
    year_of_era = y - era * 400;
    day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

bool pg_time_get(const char *text, int64_t *ms)
{
    unsigned y, mo, d, h, mi, s;
    int n = 0, thousandths = 0;

    if (sscanf(text, "%6u-%2u-%2u %2u:%2u:%2u%n", &y, &mo, &d, &h, &mi, &s, &n) != 6 || strstr(text, "BC"))
        return false;
    if (text[n] == '.') {
        for (int i = 1, worth = 100; isdigit((unsigned char)text[n + i]) && worth; i++, worth /= 10)
            thousandths += (text[n + i] - '0') * worth;
    }
    *ms = ((days_from_date(y, mo, d) * 24 + h) * 60 + mi) * 60000 + s * 1000 + thousandths;
    return true;
}

static bool col_is_null(const db_row *r, unsigned i) { return PQgetisnull(r->native, (int)r->at, (int)i); }

int64_t pg_col_int(const db_row *r, unsigned i)
{
    const char *text = PQgetvalue(r->native, (int)r->at, (int)i);

    if (PQftype(r->native, (int)i) == OID_BOOL)
        return *text == 't';
    return strtoll(text, NULL, 10); /* NULL is an empty text here */
}

int64_t pg_col_time(const db_row *r, unsigned i)
{
    int64_t ms = 0;

    pg_time_get(PQgetvalue(r->native, (int)r->at, (int)i), &ms);
    return ms;
}

sio_str pg_col_text(const db_row *r, unsigned i)
{
    if (col_is_null(r, i))
        return (sio_str){NULL, 0};
    return (sio_str){PQgetvalue(r->native, (int)r->at, (int)i),
                     (size_t)PQgetlength(r->native, (int)r->at, (int)i)};
}

/* ---- SQL ------------------------------------------------------------------------------------------- */

unsigned pg_sql_translate(char *sql)
{
    unsigned most = 0;
    char quote = 0;

    for (char *p = sql; *p; p++) {
        if (quote) {
            quote = *p == quote ? 0 : quote;
        } else if (*p == '\'' || *p == '"') {
            quote = *p;
        } else if (*p == '?' && isdigit((unsigned char)p[1])) {
            unsigned long n = strtoul(p + 1, NULL, 10);

            *p = '$';
            most = n > PG_ARGS_MAX ? PG_ARGS_MAX + 1 : n > most ? (unsigned)n : most;
        }
    }
    return most;
}
