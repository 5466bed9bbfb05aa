#include "main/config.h"

#include "cluster/link_address.h"
#include "push/service_url.h"
#include "redis/redis.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX      "PARTYLINE_"
#define SECRET_FILE "_FILE"
#define SECRET_MAX  4096

const config_item config_items[] = {
#define SECTION(title)
#define X(kind, NAME, member, lo, hi, choices, fallback, help) \
    {CONFIG_##kind, #NAME, offsetof(config, member), lo, hi, choices, fallback, help},
#include "main/config.def"
#undef X
#undef SECTION
};

/* ---- small helpers ------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static int fail(config_error *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return -1;
}

static char *dup_text(const char *p, size_t n)
{
    char *copy = strndup(p, n);

    if (!copy)
        abort();
    return copy;
}

static void *member(const config *c, const config_item *item)
{
    return (char *)c + item->at;
}

void config_flag_name(const char *name, char *out, size_t n)
{
    size_t i;

    for (i = 0; name[i] && i + 1 < n; i++)
        out[i] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
    out[i] = 0;
}

int config_duration(const char *text, long *out_ms)
{
    static const struct {
        const char *unit;
        long        ms;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end;
    long n;

    if (!isdigit((unsigned char)*text))
        return -1;
    errno = 0;
    n = strtol(text, &end, 10);
    if (errno)
        return -1;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].unit) == 0)
            return __builtin_mul_overflow(n, units[i].ms, out_ms) ? -1 : 0;
    return -1;
}

/* ---- one value ---------------------------------------------------------------------------------------- */

static int set_number(const config_item *item, const char *text, long *out, config_error *err)
{
    bool is_time = item->kind == CONFIG_MS;
    char *end = NULL;
    long n = 0;
    bool bad;

    errno = 0;
    if (is_time) {
        bad = config_duration(text, &n) < 0;
    } else {
        n = strtol(text, &end, 10);
        bad = errno || end == text || *end || isspace((unsigned char)*text);
    }
    if (bad)
        return fail(err, "\"%.80s\" is not a %s", text,
                    is_time ? "duration such as 25000, 25s or 10m" : "whole number");
    if (n < item->lo || n > item->hi)
        return fail(err, "%.80s is out of range, %ld to %ld%s", text, item->lo, item->hi,
                    is_time ? " milliseconds" : "");
    *out = n;
    return 0;
}

static int set_bool(const char *text, bool *out, config_error *err)
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *out = i % 2;
            return 0;
        }
    }
    return fail(err, "\"%.80s\" is neither true nor false", text);
}

static int set_enum(const config_item *item, const char *text, int *out, config_error *err)
{
    size_t n = strlen(text);
    int index = 0;

    for (const char *p = item->choices; p; index++) {
        size_t len = strcspn(p, "|");

        if (len == n && strncasecmp(p, text, n) == 0) {
            *out = index;
            return 0;
        }
        p = p[len] ? p + len + 1 : NULL;
    }
    return fail(err, "\"%.80s\" is not one of %s", text, item->choices);
}

static void list_free(char **list)
{
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}

/* "a, b" becomes {"a", "b", NULL}; empty pieces are dropped. */
static char **list_split(const char *text)
{
    char **list = calloc(strlen(text) / 2 + 2, sizeof(*list));
    size_t n = 0;

    if (!list)
        abort();
    while (*text) {
        size_t len = strcspn(text, ","), lead = strspn(text, " \t"), tail;

        tail = len;
        while (tail > lead && isspace((unsigned char)text[tail - 1]))
            tail--;
        if (tail > lead)
            list[n++] = dup_text(text + lead, tail - lead);
        text += len + (text[len] == ',');
    }
    return list;
}

static int set_text(const config_item *item, const char *text, void *at, config_error *err)
{
    long n = (long)strlen(text);

    if (n < item->lo || n > item->hi)
        return fail(err, "has %ld characters, allowed are %ld to %ld", n, item->lo, item->hi);
    if (item->kind == CONFIG_LIST) {
        char **list = list_split(text);

        if (!*list) {
            list_free(list);
            return fail(err, "\"%.80s\" names nothing", text);
        }
        list_free(*(char ***)at);
        *(char ***)at = list;
    } else {
        free(*(char **)at);
        *(char **)at = dup_text(text, (size_t)n);
    }
    return 0;
}

static int set_value(config *c, const config_item *item, const char *text, config_error *err)
{
    void *at = member(c, item);

    switch (item->kind) {
    case CONFIG_INT:
    case CONFIG_MS:
    case CONFIG_BYTES:
        return set_number(item, text, at, err);
    case CONFIG_BOOL:
        return set_bool(text, at, err);
    case CONFIG_ENUM:
        return set_enum(item, text, at, err);
    default:
        return set_text(item, text, at, err);
    }
}

/* Sets one value; `origin` says where it stands, for errors and for `partyline config`. */
static int set_from(config *c, const config_item *item, const char *text, const char *origin,
                    config_error *err)
{
    char **where = &c->origin[item - config_items];
    config_error why;

    if (set_value(c, item, text, &why) < 0)
        return fail(err, "%s: %.400s", origin, why.text);
    free(*where);
    *where = dup_text(origin, strlen(origin));
    return 0;
}

/* Secrets in files end with the newline of an editor, which is not meant. */
static int set_from_file(config *c, const config_item *item, const char *path, const char *origin,
                         config_error *err)
{
    char text[SECRET_MAX + 2];
    FILE *f = fopen(path, "re");
    size_t n;
    int rc;

    if (!f)
        return fail(err, "%s: cannot read %.200s: %s", origin, path, strerror(errno));
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    text[n] = 0;
    if (strlen(text) != n)
        rc = fail(err, "%s: %.200s holds a 0 byte", origin, path);
    else
        rc = set_from(c, item, text, origin, err);
    explicit_bzero(text, sizeof(text));
    return rc;
}

/* ---- a whole configuration ---------------------------------------------------------------------------- */

void config_init(config *c)
{
    config_error err;

    memset(c, 0, sizeof(*c));
    for (int i = 0; i < CONFIG_COUNT; i++)
        if (config_items[i].fallback && set_value(c, &config_items[i], config_items[i].fallback, &err) < 0)
            abort(); /* a default outside its own range: a mistake in config.def */
}

void config_fini(config *c)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        const config_item *item = &config_items[i];

        free(c->origin[i]);
        if (item->kind == CONFIG_LIST)
            list_free(*(char ***)member(c, item));
        else if (item->kind == CONFIG_TEXT || item->kind == CONFIG_SECRET || item->kind == CONFIG_PATH ||
                 item->kind == CONFIG_URL)
            free(*(char **)member(c, item));
    }
    memset(c, 0, sizeof(*c));
}

static const char *env_get(char *const *env, const char *prefix, const char *name, const char *suffix)
{
    char key[128];
    size_t n = (size_t)snprintf(key, sizeof(key), "%s%s%s=", prefix, name, suffix);

    for (; *env; env++)
        if (strncmp(*env, key, n) == 0 && (*env)[n])
            return *env + n;
    return NULL;
}

/* One item under one prefix: 1 when it was there, 0 when not, -1 for a bad one. */
static int env_item(config *c, const config_item *item, char *const *env, const char *prefix,
                    config_error *err)
{
    const char *text = env_get(env, prefix, item->name, "");
    const char *path = item->kind == CONFIG_SECRET ? env_get(env, prefix, item->name, SECRET_FILE) : NULL;
    char origin[160];

    if (text && path)
        return fail(err, "%s%s and %s%s" SECRET_FILE " are both set: choose one", prefix, item->name, prefix,
                    item->name);
    snprintf(origin, sizeof(origin), "%s%s%s", prefix, item->name, path ? SECRET_FILE : "");
    if (path)
        return set_from_file(c, item, path, origin, err) < 0 ? -1 : 1;
    if (text)
        return set_from(c, item, text, origin, err) < 0 ? -1 : 1;
    return 0;
}

/* The item of that name, with `*file` set when the name is that of its file. */
static const config_item *find_item(const char *name, size_t n, bool *file)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        const config_item *item = &config_items[i];
        size_t len = strlen(item->name);

        if (n < len || strncmp(item->name, name, len) != 0)
            continue;
        *file = n > len;
        if (n == len)
            return item;
        if (item->kind == CONFIG_SECRET && n == len + strlen(SECRET_FILE) &&
            strncmp(name + len, SECRET_FILE, n - len) == 0)
            return item;
    }
    return NULL;
}

int config_env(config *c, char *const *env, config_error *err)
{
    bool file;

    for (char *const *p = env; *p; p++) {
        size_t n = strcspn(*p, "=");

        if (strncmp(*p, PREFIX, strlen(PREFIX)) != 0)
            continue;
        if (!find_item(*p + strlen(PREFIX), n - strlen(PREFIX), &file))
            return fail(err, "%.*s: there is no such setting, see partyline --help", (int)(n > 100 ? 100 : n),
                        *p);
    }
    for (int i = 0; i < CONFIG_COUNT; i++) {
        int found = env_item(c, &config_items[i], env, PREFIX, err);

        if (found == 0)
            found = env_item(c, &config_items[i], env, "", err);
        if (found < 0)
            return -1;
    }
    return 0;
}

/* "--ping-interval" or "--ping-interval=..." as "PING_INTERVAL"; 0 for what cannot be a setting. */
static size_t flag_to_name(const char *flag, char *out, size_t max)
{
    size_t n = strcspn(flag, "=");

    if (n <= 2 || n - 2 >= max || flag[0] != '-' || flag[1] != '-')
        return 0;
    for (size_t i = 2; i < n; i++) {
        if (flag[i] != '-' && !islower((unsigned char)flag[i]))
            return 0;
        out[i - 2] = flag[i] == '-' ? '_' : (char)toupper((unsigned char)flag[i]);
    }
    out[n - 2] = 0;
    return n - 2;
}

int config_flag(config *c, const char *flag, const char *next, config_error *err)
{
    char name[64], origin[80];
    size_t n = flag_to_name(flag, name, sizeof(name));
    const char *value = strchr(flag, '=');
    const config_item *item;
    bool file;
    int used = 1;

    item = n ? find_item(name, n, &file) : NULL;
    if (!item)
        return 0;
    snprintf(origin, sizeof(origin), "%.*s", (int)strcspn(flag, "="), flag);
    if (value) {
        value++;
    } else if (item->kind == CONFIG_BOOL) {
        value = "true";
    } else if (!next) {
        return fail(err, "%s needs a value", origin);
    } else {
        value = next;
        used = 2;
    }
    if ((file ? set_from_file : set_from)(c, item, value, origin, err) < 0)
        return -1;
    return used;
}

const char *config_database_file(const config *c)
{
    const char *file = c->database_url;

    if (strncmp(file, "sqlite:", 7) != 0)
        return NULL;
    file += strncmp(file + 7, "//", 2) == 0 ? 9 : 7;
    return *file && strcmp(file, ":memory:") != 0 ? file : NULL;
}

static bool is_postgres(const char *url)
{
    return strncmp(url, "postgres://", 11) == 0 || strncmp(url, "postgresql://", 13) == 0;
}

static const char *origin_of(const config *c, int index)
{
    return c->origin[index] ? c->origin[index] : config_items[index].name;
}

/* Of the ways to say which keys count, one. */
static int check_key_set(const config *c, config_error *err)
{
    bool other = c->jwt_public_key_file || c->jwt_alg != 0 || c->jwt_secret;
    const char *fault = c->jwt_jwks_url ? service_url_fault(c->jwt_jwks_url, false) : NULL;

    if (c->jwt_jwks_url && (other || c->jwt_jwks_file))
        return fail(err, "%s: choose one of it and JWT_SECRET, JWT_ALG, JWT_PUBLIC_KEY_FILE, JWT_JWKS_FILE",
                    origin_of(c, CONFIG_JWT_JWKS_URL));
    if (c->jwt_jwks_file && other)
        return fail(err, "%s: choose one of it and JWT_SECRET, JWT_ALG, JWT_PUBLIC_KEY_FILE",
                    origin_of(c, CONFIG_JWT_JWKS_FILE));
    if (fault)
        return fail(err, "%s: %s", origin_of(c, CONFIG_JWT_JWKS_URL), fault);
    return 0;
}

int config_check(const config *c, config_error *err)
{
    const char *url = c->database_url, *fault = c->redis_url ? redis_url_fault(c->redis_url) : NULL;
    char address[320];

    if (fault)
        return fail(err, "%s: %s", origin_of(c, CONFIG_REDIS_URL), fault);

    if (!is_postgres(url) && !config_database_file(c))
        return fail(err, "%s: \"%.*s\" is neither sqlite:FILE nor postgres://USER@HOST/DATABASE",
                    origin_of(c, CONFIG_DATABASE_URL), (int)strcspn(url, ":"), url);
    if (check_key_set(c, err) < 0)
        return -1;
    if (c->jwt_public_key_file && c->jwt_alg == 0)
        return fail(err, "%s: a public key needs JWT_ALG to be RS256, ES256 or EdDSA",
                    origin_of(c, CONFIG_JWT_PUBLIC_KEY_FILE));
    if (!c->jwt_public_key_file && c->jwt_alg != 0)
        return fail(err, "%s: needs JWT_PUBLIC_KEY_FILE", origin_of(c, CONFIG_JWT_ALG));
    if (!c->tls_cert_file != !c->tls_key_file)
        return fail(err, "TLS_CERT_FILE and TLS_KEY_FILE need each other");
    if (c->cluster_advertise && !link_address_write(c->cluster_advertise, 1, address, sizeof(address)))
        return fail(err, "%s: neither HOST nor HOST:PORT", origin_of(c, CONFIG_CLUSTER_ADVERTISE));
    return 0;
}

/* ---- showing ------------------------------------------------------------------------------------------ */

/* How much of a URL may be shown up to its password, and where to go on behind it; at the last @, since
 * people write one in a password unescaped. For Redis a login without a colon is a password whose colon
 * was forgotten. */
static size_t password_starts(const char *url, const char **rest)
{
    const char *login = strstr(url, "://"), *at = login ? strrchr(login, '@') : NULL, *colon;

    *rest = url;
    if (!at)
        return 0;
    login += 3;
    colon = memchr(login, ':', (size_t)(at - login));
    if (!colon && is_postgres(url))
        return 0;
    *rest = at;
    return (size_t)((colon ? colon + 1 : login) - url);
}

void config_url_mask(const char *url, char *out, size_t n)
{
    const char *rest, *key;
    size_t shown = password_starts(url, &rest), used = 0;

    *out = 0;
    if (rest > url)
        used = (size_t)snprintf(out, n, "%.*s****", (int)shown, url);
    /* sslpassword and sentinel_password too */
    while (used < n && (key = strstr(rest, "password=")) != NULL) {
        key += strlen("password=");
        used += (size_t)snprintf(out + used, n - used, "%.*s****", (int)(key - rest), rest);
        rest = key + strcspn(key, "&");
    }
    if (used < n)
        snprintf(out + used, n - used, "%s", rest);
}

static void show_choice(const char *choices, int index, char *out, size_t n)
{
    while (index-- > 0)
        choices += strcspn(choices, "|") + 1;
    snprintf(out, n, "%.*s", (int)strcspn(choices, "|"), choices);
}

static void show_list(char *const *list, char *out, size_t n)
{
    size_t used = 0;

    *out = 0;
    for (; list && *list && used < n; list++)
        used += (size_t)snprintf(out + used, n - used, "%s%s", used ? "," : "", *list);
}

void config_show(const config *c, const config_item *item, char *out, size_t n)
{
    const void *at = member(c, item);
    const char *text;

    switch (item->kind) {
    case CONFIG_INT:
    case CONFIG_MS:
    case CONFIG_BYTES:
        snprintf(out, n, "%ld", *(const long *)at);
        break;
    case CONFIG_BOOL:
        snprintf(out, n, "%s", *(const bool *)at ? "true" : "false");
        break;
    case CONFIG_ENUM:
        show_choice(item->choices, *(const int *)at, out, n);
        break;
    case CONFIG_LIST:
        show_list(*(char *const *const *)at, out, n);
        break;
    case CONFIG_URL:
        text = *(char *const *)at;
        config_url_mask(text ? text : "", out, n);
        break;
    default:
        text = *(char *const *)at;
        snprintf(out, n, "%s", !text ? "" : item->kind == CONFIG_SECRET ? "****" : text);
    }
}
