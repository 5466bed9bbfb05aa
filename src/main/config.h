/* Settings: one table (config.def), three sources. A flag beats the environment, the environment
 * beats the default.
 *
 *   --ping-interval 25s, --ping-interval=25s      flag
 *   PARTYLINE_PING_INTERVAL, PING_INTERVAL        environment; the longer name wins
 *   JWT_SECRET_FILE=/run/secrets/jwt              secrets also from a file, by flag or environment
 *
 * An empty environment variable counts as unset. All functions are for one thread, before the
 * server starts. */
#ifndef MAIN_CONFIG_H
#define MAIN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum config_kind {
    CONFIG_INT,
    CONFIG_MS,     /* a duration: 1500, 1500ms, 25s, 10m, 24h, 7d; kept in milliseconds */
    CONFIG_BYTES,
    CONFIG_BOOL,
    CONFIG_TEXT,
    CONFIG_SECRET, /* never printed */
    CONFIG_LIST,   /* comma separated; kept as NULL-terminated array */
    CONFIG_PATH,
    CONFIG_URL,
    CONFIG_ENUM    /* kept as index into the choices */
} config_kind;

/* The C type of each kind's member in struct config. */
#define CONFIG_C_INT    long
#define CONFIG_C_MS     long
#define CONFIG_C_BYTES  long
#define CONFIG_C_BOOL   bool
#define CONFIG_C_TEXT   char *
#define CONFIG_C_SECRET char *
#define CONFIG_C_LIST   char **
#define CONFIG_C_PATH   char *
#define CONFIG_C_URL    char *
#define CONFIG_C_ENUM   int

enum config_index {
#define SECTION(title)
#define X(kind, NAME, member, ...) CONFIG_##NAME,
#include "main/config.def"
#undef X
#undef SECTION
    CONFIG_COUNT
};

typedef struct config {
#define SECTION(title)
#define X(kind, NAME, member, ...) CONFIG_C_##kind member;
#include "main/config.def"
#undef X
#undef SECTION
    char *origin[CONFIG_COUNT]; /* where the value came from, for people; NULL = the default */
} config;

typedef struct config_item {
    config_kind kind;
    const char *name;           /* PING_INTERVAL */
    size_t      at;             /* offset of the member */
    long        lo, hi;
    const char *choices;        /* "a|b" or NULL */
    const char *fallback;       /* the default as text, NULL = unset */
    const char *help;
} config_item;

/* The table; CONFIG_COUNT items, in the order of the file. */
extern const config_item config_items[];

/* A message for the person who started the program; names the setting at fault, never shows a secret. */
typedef struct config_error {
    char text[512];
} config_error;

/* Fills in the defaults. Give it back with config_fini. */
void config_init(config *c);
void config_fini(config *c);
/* Takes the settings out of an environment (NULL-terminated "NAME=value"). 0, or -1 with *err set: a bad
 * value, a secret given twice, or a PARTYLINE_ variable that is no setting. */
int  config_env(config *c, char *const *env, config_error *err);
/* Takes one flag, with `value` when it stood behind "=" or NULL, and `next`, the argument behind it or NULL.
 * Returns the arguments used up, 1 or 2; 0 when there is no such flag; -1 with *err set. */
int  config_flag(config *c, const char *flag, const char *next, config_error *err);
/* What no single setting shows: combinations that cannot work. 0, or -1 with *err set. */
int  config_check(const config *c, config_error *err);
/* The file that DATABASE_URL names, a view into it; NULL when it is not sqlite:FILE. */
const char *config_database_file(const config *c);

/* The URL of a database or of Redis for people and logs: passwords are ****. out has room for n bytes. */
void config_url_mask(const char *url, char *out, size_t n);

/* Parses a duration into milliseconds: 0 or -1. */
int  config_duration(const char *text, long *out_ms);
/* "PING_INTERVAL" as "ping-interval"; out has room for n bytes. */
void config_flag_name(const char *name, char *out, size_t n);
/* A value for people ("25000", "****" for a secret that is set, "" when unset). */
void config_show(const config *c, const config_item *item, char *out, size_t n);

/* config_print.c: the settings part of --help; every value with its source; the table as a document. */
void config_print_help(FILE *f);
void config_print_values(const config *c, FILE *f);
void config_print_markdown(FILE *f);

#endif
