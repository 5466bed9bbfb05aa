/* Options of the server as words of a transcript. */
#include "lab.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- numbers ---- */

#define NUMBER(word, member, type)                                                                           \
    {                                                                                                        \
        word, offsetof(sio_options, member), sizeof(type)                                                    \
    }

static const struct {
    const char *word;
    size_t at, size;
} numbers[] = {
    NUMBER("ping_interval", ping_interval_ms, uint32_t),
    NUMBER("ping_timeout", ping_timeout_ms, uint32_t),
    NUMBER("upgrade_timeout", upgrade_timeout_ms, uint32_t),
    NUMBER("connect_timeout", connect_timeout_ms, uint32_t),
    NUMBER("recovery", recovery_ms, uint32_t),
    NUMBER("max_payload", max_payload, size_t),
    NUMBER("max_unsent", max_unsent, size_t),
    NUMBER("compression", compression_threshold, size_t),
    NUMBER("max_attachments", max_attachments, unsigned),
    NUMBER("max_connections", max_connections, unsigned),
    NUMBER("max_rooms", max_rooms, unsigned),
    NUMBER("max_acks", max_acks, unsigned),
    NUMBER("max_namespaces", max_namespaces, unsigned),
    NUMBER("max_sockets", max_sockets, unsigned),
    NUMBER("max_age", cors.max_age, int),
};

static bool set_number(sio_options *o, const char *word, const char *value)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint64_t v = strtoull(value, NULL, 10);

        if (strcmp(numbers[i].word, word) != 0)
            continue;
        memcpy((char *)o + numbers[i].at, &v,
               numbers[i].size); /* little-endian, as every machine this runs on */
        return true;
    }
    return false;
}

/* ---- texts and switches ---- */

static const struct {
    const char *word;
    size_t at;
} texts[] = {
    {"path", offsetof(sio_options, path)},
    {"initial", offsetof(sio_options, initial_packet)},
    {"client", offsetof(sio_options, client_dir)},
    {"methods", offsetof(sio_options, cors.methods)},
    {"allowed_headers", offsetof(sio_options, cors.allowed_headers)},
    {"exposed_headers", offsetof(sio_options, cors.exposed_headers)},
};

static bool set_text(sio_options *o, const char *word, const char *value)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].word, word) == 0) {
            memcpy((char *)o + texts[i].at, &value, sizeof value);
            return true;
        }
    return false;
}

static bool set_switch(lab *l, sio_options *o, const char *word)
{
    if (strcmp(word, "exact_path") == 0)
        return o->exact_path = true;
    if (strcmp(word, "credentials") == 0)
        return o->cors.credentials = true;
    if (strcmp(word, "recovery_runs_guards") == 0)
        return o->recovery_runs_guards = true;
    if (strcmp(word, "keep_handshake") == 0)
        return o->keep_handshake = true;
    if (strcmp(word, "log_any") == 0)
        return l->logs_any = true;
    if (strcmp(word, "no_upgrades") == 0) {
        o->allow_upgrades = false;
        return true;
    }
    if (strcmp(word, "msgpack") == 0) {
        o->parser = SIO_PARSER_MSGPACK;
        return true;
    }
    return false;
}

/* ---- words of their own ---- */

static void set_origins(lab *l, sio_options *o, char *list)
{
    const char **origin = arena_alloc(&l->strings, 8 * sizeof *origin);
    char *rest = list;
    size_t n = 0;

    while (n < 7 && rest)
        origin[n++] = strsep(&rest, ",");
    origin[n] = NULL;
    o->cors.origins = origin;
}

static void set_cors(lab *l, sio_options *o, char *value)
{
    o->cors.enabled = true;
    if (strcmp(value, "any") == 0)
        o->cors.any = true;
    else if (strcmp(value, "reflect") == 0)
        o->cors.reflect = true;
    else if (strncmp(value, "list:", 5) == 0)
        set_origins(l, o, value + 5);
    else if (strcmp(value, "default") != 0)
        o->cors.fixed = value;
}

static void set_cookie(sio_options *o, const char *value)
{
    o->cookie = (sio_cookie){.name = value, .path = "/", .http_only = true, .same_site = "Lax"};
    if (strcmp(value, "my-cookie") == 0)
        o->cookie = (sio_cookie){.name = value,
                                 .path = "/x",
                                 .domain = "a.b",
                                 .http_only = true,
                                 .secure = true,
                                 .same_site = "Strict",
                                 .max_age = 86400};
}

static bool set_special(lab *l, sio_options *o, const char *word, char *value)
{
    if (strcmp(word, "cors") == 0)
        set_cors(l, o, value);
    else if (strcmp(word, "cookie") == 0)
        set_cookie(o, value);
    else if (strcmp(word, "transports") == 0)
        o->transports = strcmp(value, "polling") == 0 ? SIO_POLLING : SIO_WEBSOCKET;
    else if (strcmp(word, "allow") == 0)
        l->allow = value;
    else if (strcmp(word, "allow_ms") == 0)
        l->allow_ms = (uint32_t)atoi(value);
    else if (strcmp(word, "on_request") == 0)
        l->on_request = value;
    else if (strcmp(word, "header") == 0)
        l->header = value;
    else
        return false;
    return true;
}

/* A word ends at a space; a value may stand in double quotes. */
static char *next_word(char **at)
{
    char *word, *p;
    bool quoted = false;

    while (**at == ' ')
        (*at)++;
    word = p = *at;
    for (; **at && (quoted || **at != ' '); (*at)++) {
        if (**at == '"')
            quoted = !quoted;
        else
            *p++ = **at;
    }
    if (**at)
        (*at)++;
    *p = 0;
    return *word || quoted ? word : NULL;
}

bool lab_options(lab *l, const char *words, sio_options *o, const char **bad)
{
    char *at = arena_dup(&l->strings, words, strlen(words)), *word;

    while ((word = next_word(&at))) {
        char *value = strchr(word, '=');

        *bad = word;
        if (value)
            *value++ = 0;
        if (value
                ? !set_number(o, word, value) && !set_text(o, word, value) && !set_special(l, o, word, value)
                : !set_switch(l, o, word))
            return false;
    }
    return true;
}
