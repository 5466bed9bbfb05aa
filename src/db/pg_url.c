/* DATABASE_URL for libpq. The same variable is read by Prisma, so parameters that only Prisma
 * knows are allowed. */
#include "db/pg_int.h"

#include <stdio.h>
#include <stdlib.h>

/* Parameters of Prisma that libpq would refuse. "schema" is ours to read. */
static const char *const prisma_only[] = {
    "schema", "connection_limit", "pool_timeout", "socket_timeout", "pgbouncer", "statement_cache_size",
    "sslidentity", "sslaccept",
};

static bool is_prisma_only(const char *key, size_t n)
{
    for (size_t i = 0; i < sizeof(prisma_only) / sizeof(prisma_only[0]); i++) {
        if (strlen(prisma_only[i]) == n && memcmp(prisma_only[i], key, n) == 0)
            return true;
    }
    return false;
}

/* A name that needs no quoting of quotes. */
static int take_schema(pg_target *t, const char *value, size_t n)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$.";

    if (n == 0 || n >= sizeof(t->schema) || strspn(value, allowed) < n)
        return SIO_EINVAL;
    memcpy(t->schema, value, n);
    t->schema[n] = 0;
    return 0;
}

/* Copies the parameters behind "?" that are libpq's. */
static int copy_parameters(pg_target *t, const char *from, char *to)
{
    char link = '?';

    while (*from) {
        size_t len = strcspn(from, "&"), key = strcspn(from, "=&");

        if (!is_prisma_only(from, key)) {
            *to++ = link;
            link = '&';
            memcpy(to, from, len);
            to += len;
        } else if (key == strlen("schema") && len > key && take_schema(t, from + key + 1, len - key - 1) < 0) {
            return SIO_EINVAL;
        }
        from += len + (from[len] == '&');
    }
    *to = 0;
    return 0;
}

static void put(pg_target *t, unsigned *n, const char *key, const char *value)
{
    t->key[*n] = key;
    t->value[(*n)++] = value;
}

/* Later ones beat what stands in the URL, earlier ones are only defaults. A server that vanished is noticed
 * within a minute also while nobody asks it anything. */
static void fill(pg_target *t)
{
    unsigned n = 0;

    put(t, &n, "fallback_application_name", "partyline");
    put(t, &n, "keepalives_idle", "30");
    put(t, &n, "keepalives_interval", "10");
    put(t, &n, "keepalives_count", "3");
    put(t, &n, "dbname", t->url);
    put(t, &n, "client_encoding", "UTF8");
    put(t, &n, NULL, NULL);
}

/* libpq's message is not passed on: some quote the whole URL. */
static int url_check(const char *url)
{
    PQconninfoOption *parsed = PQconninfoParse(url, NULL);

    if (!parsed)
        return SIO_EINVAL;
    PQconninfoFree(parsed);
    return 0;
}

int pg_target_init(pg_target *t, const char *url, char *err, size_t nerr)
{
    const char *query = strchr(url, '?');
    size_t n = query ? (size_t)(query - url) : strlen(url);
    int rc;

    *t = (pg_target){.schema = "public"};
    t->url = malloc(strlen(url) + 1);
    if (!t->url) {
        snprintf(err, nerr, "database: out of memory");
        return SIO_ENOMEM;
    }
    memcpy(t->url, url, n);
    t->url[n] = 0;
    rc = query ? copy_parameters(t, query + 1, t->url + n) : 0;
    if (rc == 0)
        rc = url_check(t->url);
    if (rc < 0) {
        snprintf(err, nerr, "database url is not one that libpq understands: write "
                            "postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %%XX for special characters");
        pg_target_fini(t);
        return rc;
    }
    fill(t);
    return 0;
}

void pg_target_fini(pg_target *t)
{
    if (t->url)
        explicit_bzero(t->url, strlen(t->url));
    free(t->url);
    t->url = NULL;
}
