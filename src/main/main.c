/* partyline: reads the command line and runs the command. */
#include "base/heap.h"
#include "main/commands.h"
#include "main/events_doc.h"

#include <unistd.h>

static int print_events(const options *o)
{
    if (o->markdown)
        events_print_markdown(stdout);
    else if (o->asyncapi)
        events_print_asyncapi(stdout, PARTYLINE_VERSION);
    else
        events_print_typescript(stdout);
    return 0;
}

static int run(const options *o)
{
    switch (o->command) {
    case COMMAND_HELP:
        options_print_help(stdout);
        return 0;
    case COMMAND_VERSION:
        puts("partyline " PARTYLINE_VERSION);
        return 0;
    case COMMAND_CONFIG:
        if (o->markdown)
            config_print_markdown(stdout);
        else
            config_print_values(&o->config, stdout);
        return 0;
    case COMMAND_EVENTS:
        return print_events(o);
    case COMMAND_MIGRATE:
        return command_migrate(o);
    case COMMAND_TOKEN:
        return command_token(o);
    case COMMAND_VAPID:
        return command_vapid(o);
    case COMMAND_SERVE:
        return command_serve(o);
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    config_error err;
    options o;
    int code;

    heap_keep_end();
    if (options_parse(&o, argc, argv, environ, &err) < 0) {
        fprintf(stderr, "partyline: %s\n", err.text);
        code = EXIT_USAGE;
    } else {
        code = run(&o);
    }
    options_fini(&o);
    return code;
}
