/* The command line: which command, its own flags, and the settings. */
#ifndef MAIN_OPTIONS_H
#define MAIN_OPTIONS_H

#include "main/config.h"

typedef enum command {
    COMMAND_HELP, COMMAND_VERSION, COMMAND_SERVE, COMMAND_MIGRATE, COMMAND_TOKEN, COMMAND_CONFIG,
    COMMAND_EVENTS, COMMAND_VAPID
} command;

typedef struct options {
    command     command;
    bool        demo;                       /* serve */
    bool        markdown;                   /* config, events */
    bool        asyncapi, typescript;       /* events */
    const char *id, *username, *avatar_url; /* token; views into argv, NULL when not given */
    const char *expires_in;                 /* token */
    long        expires_ms;
    config      config;
} options;

/* Reads argv and the environment into *o. 0, or -1 with *err set; options_fini in both cases. */
int  options_parse(options *o, int argc, char *const *argv, char *const *env, config_error *err);
void options_fini(options *o);
/* The whole of --help. */
void options_print_help(FILE *f);

#endif
