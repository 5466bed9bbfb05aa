/* Command line of the load generator: one test a run, one line of JSON on stdout. README.md has the tests. */
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

typedef struct flag {
    const char *name;
    char kind; /* s string, i integer, f number */
    size_t at;
    const char *help;
} flag;

/* clang-format off */
#define FLAG(name, kind, field, help) {name, kind, offsetof(options, field), help}
/* clang-format on */

static const flag flags[] = {
    FLAG("mode", 's', mode, "connect, churn, idle, echo, fanout, chat or storm"),
    FLAG("label", 's', label, "name of the server, copied to the output"),
    FLAG("host", 's', host, "IPv4 address of the server"),
    FLAG("port", 'i', port, "its port"),
    FLAG("port2", 'i', port2, "port of a second server of a cluster: every other client goes there"),
    FLAG("path", 's', path, "Socket.IO path"),
    FLAG("pid", 's', pids, "process ids of the server, comma between; descendants are found"),
    FLAG("cpu", 'i', cpu, "core to run on, -1 any"),
    FLAG("sources", 'i', sources, "source addresses 127.0.0.1 to 127.0.0.N"),
    FLAG("clients", 'i', clients, "connections"),
    FLAG("beside", 'i', beside, "echo, fanout and chat: connections more that do nothing"),
    FLAG("others", 'i', others, "storm: clients of all that stay, and echo at --rate"),
    FLAG("window", 'i', window, "connections being opened at a time"),
    FLAG("outstanding", 'i', outstanding, "echo: per client; fanout and chat: messages under way in all"),
    FLAG("rate", 'f', rate, "messages a second in all; 0 = as fast as the answers come"),
    FLAG("seconds", 'f', seconds, "length of the measured part"),
    FLAG("warmup", 'f', warmup, "seconds before it"),
    FLAG("settle-ms", 'i', settle_ms, "idle, storm: quiet time before memory is read"),
    FLAG("end-ms", 'i', end_ms, "storm: the same at the end, where that shall be longer"),
    FLAG("idle-from", 'i', idle_from, "idle: connections at the first reading; --clients is the second"),
    FLAG("payload", 'i', payload, "bytes of text in a message"),
    FLAG("room-size", 'i', room_size, "fanout and chat: members of a room; 0 = all in one"),
    FLAG("joins", 'i', joins, "fanout and chat: rooms that each client is in, with the same others"),
    FLAG("room-prefix", 's', room_prefix, "rooms are called PREFIX0, PREFIX1, ..."),
    FLAG("jwt-secret", 's', jwt_secret, "connect with an HS256 token in auth.token"),
    FLAG("jwt-issuer", 's', jwt_issuer, "iss of that token"),
    FLAG("jwt-audience", 's', jwt_audience, "aud of that token"),
    FLAG("form", 's', form, "plain; partyline: echo sends [TEXT], fanout {ROOM-KEY, isTyping}"),
    FLAG("event-echo", 's', ev_echo, "event that is acknowledged with its argument"),
    FLAG("event-join", 's', ev_join, "event that joins a room"),
    FLAG("event-ready", 's', ev_ready, "event that says the room is joined; without it the ack says so"),
    FLAG("event-say", 's', ev_say, "event that speaks to a room"),
    FLAG("event-heard", 's', ev_heard, "event that arrives at every member"),
    FLAG("room-key", 's', room_key, "name of the room in the join payload"),
};

static void usage_exit(int code)
{
    FILE *f = code == 0 ? stdout : stderr;

    fprintf(f, "bench-load --mode MODE --port PORT --pid PID [flags]\n");
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        fprintf(f, "  --%-14s %s\n", flags[i].name, flags[i].help);
    exit(code);
}

static void flag_set(options *o, const flag *f, const char *text)
{
    char *field = (char *)o + f->at, *end = NULL;

    if (f->kind == 's')
        *(const char **)field = text;
    else if (f->kind == 'i')
        *(int *)field = (int)strtol(text, &end, 10);
    else
        *(double *)field = strtod(text, &end);
    if (end && (end == text || *end != '\0')) {
        fprintf(stderr, "load: --%s: not a number: %s\n", f->name, text);
        exit(2);
    }
}

static void options_parse(options *o, int argc, char **argv)
{
    enum { COUNT = sizeof(flags) / sizeof(flags[0]) };
    struct option table[COUNT + 2] = {0};
    int i, at;

    for (i = 0; i < COUNT; i++)
        table[i] = (struct option){.name = flags[i].name, .has_arg = required_argument};
    table[COUNT] = (struct option){.name = "help", .has_arg = no_argument};
    while ((i = getopt_long(argc, argv, "", table, &at)) != -1) {
        if (i != 0)
            usage_exit(2);
        if (at == COUNT)
            usage_exit(0);
        flag_set(o, &flags[at], optarg);
    }
}

static void options_check(const options *o)
{
    bool where = o->mode && o->port > 0 && o->port < 65536 && o->port2 >= 0 && o->port2 < 65536 && o->pids &&
                 o->sources > 0 && o->sources < 255 && strlen(o->path) < 128;
    bool who = o->clients > 0 && o->window > 0 && o->beside >= 0 && o->others >= 0 &&
               o->others < o->clients && o->room_size >= 0 && o->room_size <= o->clients && o->joins > 0 &&
               o->joins <= 1000;
    bool paced = where && (strcmp(o->mode, "storm") != 0 || (o->others > 0 && o->rate > 0));
    bool ok = paced && who && o->outstanding > 0 && o->outstanding <= 1024 && o->payload >= 16 &&
              o->payload <= 60000 && o->seconds > 0;

    if (!ok)
        usage_exit(2);
}

/* The inside of a JSON string. */
static void text_print(const char *p)
{
    for (; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20)
            printf("\\u%04x", (unsigned)*p);
        else
            printf("%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
    }
}

void result_print(gen *g, const result *r, const char *extra)
{
    double p50 = (double)hist_quantile(&g->lat, 0.50) / 1e3, p99 = (double)hist_quantile(&g->lat, 0.99) / 1e3;

    printf("{\"server\":\"%s\",\"test\":\"%s\",\"unit\":\"%s\",\"clients\":%d,\"ops\":%ju,\"seconds\":%.3f,"
           "\"per_second\":%.0f,\"cpu_us\":%.3f,\"server_busy\":%.3f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"max_us\":%.1f,\"lost\":%ju,\"failures\":%ju,\"generator_busy\":%.3f%s,\"error\":\"",
           g->o->label, g->o->mode, r->unit, g->o->clients, (uintmax_t)r->ops, r->seconds,
           (double)r->ops / r->seconds, r->ops > 0 ? r->cpu_us / (double)r->ops : 0,
           r->cpu_us / (r->seconds * 1e6), p50, p99, (double)g->lat.max / 1e3, (uintmax_t)r->lost,
           (uintmax_t)g->failures, gen_busy(g), extra);
    text_print(g->error);
    printf("\"}\n");
    fflush(stdout);
}

static void pin(int cpu)
{
    cpu_set_t set;

    if (cpu < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0) {
        perror("load: sched_setaffinity");
        exit(1);
    }
}

static void run(const options *o)
{
    if (strcmp(o->mode, "connect") == 0)
        mode_connect(o);
    else if (strcmp(o->mode, "churn") == 0)
        mode_churn(o);
    else if (strcmp(o->mode, "idle") == 0)
        mode_idle(o);
    else if (strcmp(o->mode, "echo") == 0)
        mode_echo(o);
    else if (strcmp(o->mode, "storm") == 0)
        mode_storm(o);
    else if (strcmp(o->mode, "fanout") == 0 || strcmp(o->mode, "chat") == 0)
        mode_rooms(o, o->mode[0] == 'c');
    else
        usage_exit(2);
}

int main(int argc, char **argv)
{
    options o = {
        .host = "127.0.0.1",
        .path = "/socket.io/",
        .label = "",
        .cpu = -1,
        .sources = 16,
        .clients = 100,
        .window = 64,
        .outstanding = 1,
        .seconds = 3,
        .warmup = 1,
        .payload = 100,
        .idle_from = 2000,
        .settle_ms = 2000,
        .ev_echo = "echo",
        .ev_join = "join",
        .ev_say = "say",
        .ev_heard = "say",
        .room_key = "room",
        .joins = 1,
        .form = "plain",
        .room_prefix = "bench-",
    };

    options_parse(&o, argc, argv);
    options_check(&o);
    pin(o.cpu);
    run(&o);
    return 0;
}
