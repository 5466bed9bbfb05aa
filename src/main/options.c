#include "main/options.h"

#include <stddef.h>
#include <string.h>

#define TOKEN_LIFE "24h"

static const struct {
    const char *name;
    command     command;
} commands[] = {
    {"serve", COMMAND_SERVE}, {"token", COMMAND_TOKEN}, {"config", COMMAND_CONFIG},
    {"events", COMMAND_EVENTS}, {"migrate", COMMAND_MIGRATE}, {"vapid", COMMAND_VAPID},
    {"--help", COMMAND_HELP}, {"-h", COMMAND_HELP}, {"help", COMMAND_HELP}, {"--version", COMMAND_VERSION},
};

/* Flags that belong to one command; `at` is a bool for those without a value, else a const char *. */
static const struct own_flag {
    command     command;
    const char *flag;
    bool        takes_value;
    size_t      at;
} own_flags[] = {
    {COMMAND_SERVE,  "--demo",       false, offsetof(options, demo)},
    {COMMAND_CONFIG, "--markdown",   false, offsetof(options, markdown)},
    {COMMAND_EVENTS, "--markdown",   false, offsetof(options, markdown)},
    {COMMAND_EVENTS, "--asyncapi",   false, offsetof(options, asyncapi)},
    {COMMAND_EVENTS, "--typescript", false, offsetof(options, typescript)},
    {COMMAND_TOKEN,  "--id",         true,  offsetof(options, id)},
    {COMMAND_TOKEN,  "--username",   true,  offsetof(options, username)},
    {COMMAND_TOKEN,  "--avatar-url", true,  offsetof(options, avatar_url)},
    {COMMAND_TOKEN,  "--expires-in", true,  offsetof(options, expires_in)},
};

void options_print_help(FILE *f)
{
    fputs("partyline: real-time chat for Socket.IO 4 clients\n\n"
          "  partyline serve [--demo]     run the server; --demo serves a chat page and hands out tokens to everybody\n"
          "  partyline token --id ID --username NAME [--avatar-url URL] [--expires-in 24h]\n"
          "                               print a token that the server accepts\n"
          "  partyline migrate            make the database's tables, or bring them up to date\n"
          "  partyline vapid --push-vapid-key-file FILE\n"
          "                               print the public key of Web Push; makes the key pair when there is no such file\n"
          "  partyline config [--markdown] print every setting with its value and source\n"
          "  partyline events --markdown | --asyncapi | --typescript\n"
          "                               print the events between clients and the server\n"
          "  partyline --help | --version\n\n"
          "Settings, for every command: a flag, or the environment variable in capitals (PORT or PARTYLINE_PORT for\n"
          "--port). Durations are milliseconds or 500ms, 25s, 10m, 24h.\n",
          f);
    config_print_help(f);
}

/* Takes one of the command's own flags: the arguments used up, 0 for none of them, -1 with *err set. */
static int take_own_flag(options *o, const char *arg, const char *next, config_error *err)
{
    size_t n = strcspn(arg, "=");

    for (size_t i = 0; i < sizeof(own_flags) / sizeof(own_flags[0]); i++) {
        const struct own_flag *f = &own_flags[i];
        void *at = (char *)o + f->at;

        if (f->command != o->command || strlen(f->flag) != n || strncmp(f->flag, arg, n) != 0)
            continue;
        if (!f->takes_value) {
            if (arg[n]) {
                snprintf(err->text, sizeof(err->text), "%s takes no value", f->flag);
                return -1;
            }
            *(bool *)at = true;
            return 1;
        }
        if (!arg[n] && !next) {
            snprintf(err->text, sizeof(err->text), "%s needs a value", f->flag);
            return -1;
        }
        *(const char **)at = arg[n] ? arg + n + 1 : next;
        return arg[n] ? 1 : 2;
    }
    return 0;
}

static int find_command(options *o, const char *name, config_error *err)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            o->command = commands[i].command;
            return 0;
        }
    }
    snprintf(err->text, sizeof(err->text), "%.80s: no such command, see partyline --help", name);
    return -1;
}

/* Everything behind the command. */
static int take_flags(options *o, int argc, char *const *argv, config_error *err)
{
    for (int i = 0; i < argc;) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        int used;

        if (strcmp(argv[i], "--help") == 0) {
            o->command = COMMAND_HELP;
            return 0;
        }
        used = take_own_flag(o, argv[i], next, err);
        if (used == 0)
            used = config_flag(&o->config, argv[i], next, err);
        if (used == 0)
            snprintf(err->text, sizeof(err->text), "%.*s: there is no such flag here, see partyline --help",
                     (int)strcspn(argv[i], "="), argv[i]);
        if (used <= 0)
            return -1;
        i += used;
    }
    return 0;
}

static int check_token(options *o, config_error *err)
{
    if (!o->id || !*o->id || !o->username || !*o->username) {
        snprintf(err->text, sizeof(err->text), "token needs --id and --username");
        return -1;
    }
    if (config_duration(o->expires_in ? o->expires_in : TOKEN_LIFE, &o->expires_ms) < 0 ||
        o->expires_ms < 1000) {
        snprintf(err->text, sizeof(err->text),
                 "--expires-in: \"%.80s\" is not a duration of a second or more", o->expires_in);
        return -1;
    }
    return 0;
}

static int check_events(const options *o, config_error *err)
{
    if (o->markdown + o->asyncapi + o->typescript == 1)
        return 0;
    snprintf(err->text, sizeof(err->text), "events needs one of --markdown, --asyncapi, --typescript");
    return -1;
}

int options_parse(options *o, int argc, char *const *argv, char *const *env, config_error *err)
{
    memset(o, 0, sizeof(*o));
    config_init(&o->config);
    if (argc < 2) {
        snprintf(err->text, sizeof(err->text),
                 "name a command: serve, migrate, token, vapid, config or events; see partyline --help");
        return -1;
    }
    if (find_command(o, argv[1], err) < 0)
        return -1;
    if (o->command == COMMAND_HELP || o->command == COMMAND_VERSION)
        return 0;
    if (config_env(&o->config, env, err) < 0 || take_flags(o, argc - 2, argv + 2, err) < 0)
        return -1;
    if (o->command == COMMAND_HELP)
        return 0;
    if (o->command == COMMAND_TOKEN && check_token(o, err) < 0)
        return -1;
    if (o->command == COMMAND_EVENTS && check_events(o, err) < 0)
        return -1;
    return config_check(&o->config, err);
}

void options_fini(options *o)
{
    config_fini(&o->config);
}
