#include "redis/redis_int.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_URL 4096

static const struct scheme {
    const char *text;
    url_kind    kind;
    bool        tls, is_path;
} schemes[] = {
    {"redis://", URL_SINGLE, false, false},            {"rediss://", URL_SINGLE, true, false},
    {"unix://", URL_SINGLE, false, true},              {"redis+cluster://", URL_CLUSTER, false, false},
    {"rediss+cluster://", URL_CLUSTER, true, false},   {"redis+sentinel://", URL_SENTINEL, false, false},
    {"rediss+sentinel://", URL_SENTINEL, true, false},
};

static const struct scheme *scheme_of(const char *url)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncmp(url, schemes[i].text, strlen(schemes[i].text)) == 0)
            return &schemes[i];
    return NULL;
}

/* ---- pieces ---- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* In place; false for a % that is none, and for a 0 byte. */
static bool decode(char *z)
{
    char *to = z;

    for (; *z; z++, to++) {
        *to = *z;
        if (*z != '%')
            continue;
        int hi = hex(z[1]), lo = hi < 0 ? -1 : hex(z[2]);
        if (lo < 0 || hi + lo == 0)
            return false;
        *to = (char)(hi << 4 | lo);
        z += 2;
    }
    *to = 0;
    return true;
}

/* Digits and nothing else, up to max; -1. */
static int number(const char *z, int max)
{
    long v = 0;

    if (!*z)
        return -1;
    for (; *z; z++) {
        if (*z < '0' || *z > '9' || (v = v * 10 + (*z - '0')) > max)
            return -1;
    }
    return (int)v;
}

/* Cuts z at the first c: what is behind it, or NULL. */
static char *cut(char *z, char c)
{
    char *at = strchr(z, c);

    if (at)
        *at++ = 0;
    return at;
}

static const char *take_login(redis_url *u, char *login)
{
    char *password = cut(login, ':');

    if (!password)
        return "there is a user without a password (write :PASSWORD@ for a password alone)";
    if (!decode(login) || !decode(password))
        return "bad percent encoding";
    u->user = *login ? login : NULL;
    u->password = *password ? password : NULL;
    return u->user && !u->password ? "the password is empty" : NULL;
}

static const char *take_host(redis_url *u, char *text)
{
    char *port = NULL, *name = text;
    int n = u->kind == URL_SENTINEL ? 26379 : 6379;

    if (*text == '[') { /* IPv6 */
        name = text + 1;
        text = cut(name, ']');
        if (!text || (*text && *text != ':'))
            return "bad host";
        port = *text ? text + 1 : NULL;
    } else {
        port = cut(text, ':');
    }
    if (port && (n = number(port, 65535)) < 1)
        return "bad port";
    if (!decode(name) || !*name || *name == '/' || strlen(name) > 255)
        return "bad host";
    if (u->nhosts == URL_MAX_HOSTS)
        return "too many hosts";
    u->host[u->nhosts].name = name;
    u->host[u->nhosts++].port = n;
    return NULL;
}

static const char *take_hosts(redis_url *u, char *text)
{
    const char *fault = NULL;

    if (u->kind == URL_SINGLE && strchr(text, ','))
        return "several hosts need redis+cluster:// or redis+sentinel://";
    for (char *next; text && !fault; text = next) {
        next = cut(text, ',');
        fault = take_host(u, text);
    }
    return fault;
}

static const char *take_db(redis_url *u, const char *text)
{
    u->db = number(text, 99999);
    return u->db < 0 ? "the database is no number" : NULL;
}

/* What stands behind the first slash, NULL when there is none. */
static const char *take_path(redis_url *u, char *path)
{
    char *db = path;

    if (u->kind == URL_SENTINEL) {
        db = path ? cut(path, '/') : NULL;
        if (!path || !*path || !decode(path))
            return "the name of the master is missing: /NAME behind the hosts";
        u->master = path;
    }
    if (!db || !*db)
        return NULL;
    if (u->kind == URL_CLUSTER && strcmp(db, "0") != 0)
        return "Redis Cluster has database 0 only";
    return take_db(u, db);
}

/* ---- parameters ---- */

static const char *set_verify(redis_url *u, const char *value)
{
    u->no_verify = strcmp(value, "no") == 0;
    return u->no_verify || strcmp(value, "yes") == 0 ? NULL : "verify is yes or no";
}

static const char *take_parameter(redis_url *u, bool is_path, const char *key, const char *value)
{
    const struct {
        const char  *key;
        const char **to;
        bool         allowed;
    } known[] = {
        {"ca", &u->ca, u->tls}, {"cert", &u->cert, u->tls}, {"key", &u->key, u->tls},
        {"sentinel_user", &u->sentinel_user, u->kind == URL_SENTINEL},
        {"sentinel_password", &u->sentinel_password, u->kind == URL_SENTINEL},
    };

    if (strcmp(key, "verify") == 0)
        return u->tls ? set_verify(u, value) : "verify is for TLS: rediss://";
    if (strcmp(key, "db") == 0 && is_path)
        return take_db(u, value);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(key, known[i].key) != 0)
            continue;
        if (!known[i].allowed)
            return known[i].key[0] == 's' ? "sentinel_user and sentinel_password are for redis+sentinel://" :
                                            "ca, cert and key are for TLS: rediss://";
        *known[i].to = *value ? value : NULL;
        return NULL;
    }
    return "unknown parameter";
}

static const char *take_query(redis_url *u, bool is_path, char *query)
{
    const char *fault = NULL;

    for (char *next; query && *query && !fault; query = next) {
        next = cut(query, '&');
        char *value = cut(query, '=');
        if (!value || !decode(query) || !decode(value))
            return "bad parameter";
        fault = take_parameter(u, is_path, query, value);
    }
    if (!fault && !u->cert != !u->key)
        fault = "cert and key belong together";
    if (!fault && u->sentinel_user && !u->sentinel_password)
        fault = "sentinel_user without sentinel_password";
    return fault;
}

/* ---- the whole ---- */

static const char *take_file(redis_url *u, char *path)
{
    if (!decode(path) || path[0] != '/' || !path[1])
        return "the path of the socket is missing";
    u->host[0].name = path;
    u->nhosts = 1;
    return NULL;
}

/* text is what is behind the scheme. */
static const char *parse(redis_url *u, const struct scheme *s, char *text)
{
    char *query = cut(text, '?'), *slash = strchr(text, '/'), *at;
    const char *fault = NULL;

    if (slash && !s->is_path)
        *slash++ = 0;
    at = slash && s->is_path ? memrchr(text, '@', (size_t)(slash - text)) : strrchr(text, '@');
    if (at) {
        *at = 0;
        fault = take_login(u, text);
        text = at + 1;
    }
    if (!fault && s->is_path)
        fault = take_file(u, text);
    if (!fault && !s->is_path)
        fault = take_hosts(u, text);
    if (!fault && !s->is_path)
        fault = take_path(u, slash);
    return fault ? fault : take_query(u, s->is_path, query);
}

const char *url_parse(redis_url *u, const char *url)
{
    const struct scheme *s = url ? scheme_of(url) : NULL;
    const char *fault;

    if (!s)
        return "it does not begin with redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://";
    if (strlen(url) > MAX_URL)
        return "it is too long";
    *u = (redis_url){.kind = s->kind, .tls = s->tls, .text = strdup(url), .ntext = strlen(url)};
    if (!u->text)
        return "out of memory";
    fault = parse(u, s, u->text + strlen(s->text));
    if (fault)
        url_fini(u);
    return fault;
}

void url_fini(redis_url *u)
{
    if (u->text)
        explicit_bzero(u->text, u->ntext);
    free(u->text);
    *u = (redis_url){.text = NULL};
}

const char *redis_url_fault(const char *url)
{
    redis_url u;
    const char *fault = url_parse(&u, url);

    if (!fault)
        url_fini(&u);
    return fault;
}
