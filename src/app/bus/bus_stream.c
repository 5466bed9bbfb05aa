/* The stream: a consumer group in which every server is a consumer. An entry is acknowledged behind the
 * commit of what it did; one that a server took and did not acknowledge in time is claimed by another, and
 * its key sees to it that it is not done twice. */
#include "app/bus/bus_int.h"
#include "base/log.h"
#include "sio/home.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_COUNT     64            /* entries under way at a time, and as many claimed */
#define BLOCK_MS       "5000"
#define FORGET_MS      3600000       /* a consumer that is silent so long and owes nothing is removed */
#define REFUSED_MAX    "1000"        /* entries kept of those that were refused */

struct bus_stream {
    bus       *b;
    redis     *reader;               /* waits in XREADGROUP */
    redis     *cmd;
    char       name[300], refused[320], retry[24];
    char       cursor[48];           /* where claiming goes on */
    bool       has_group, making_group, reading, claiming;
    bool       claims_on;            /* the last claim was full: there is more */
    bool       failing;              /* an entry could not be done since the last tick */
    unsigned   busy;                 /* entries under way */
    loop_timer tick;
    unsigned   ticks;
};

static const app_options *options(const bus_stream *s) { return &s->b->a->opt; }

static void go_on(bus_stream *s);
static void claim(bus_stream *s);

/* ---- one entry -------------------------------------------------------------------------------------- */

typedef struct entry {
    bus_stream *s;
    char        id[48];
} entry;

static void ack(bus_stream *s, const char *id)
{
    redis_cmd(s->cmd, NULL, NULL, "XACK", (const char *)s->name, options(s)->bus_group, id);
}

static void refuse(bus_stream *s, const char *id, const char *reason)
{
    if (bus_refused_says(s->b))
        log_warn("entry %s of the stream %s is refused: %s", id, s->name, reason);
    redis_cmd(s->cmd, NULL, NULL, "XADD", (const char *)s->refused, "MAXLEN", "~", REFUSED_MAX, "*", "entry",
              id, "reason",
              reason);
    ack(s, id);
}

/* What failed here may work elsewhere or later: it stays unacknowledged until somebody claims it. */
static void on_done(void *arg, int status, sio_str answer)
{
    entry *e = arg;
    bus_stream *s = e->s;
    char reason[BUS_TEXT_MAX];

    if (status >= 200 && status < 300) {
        app_count(s->b->a, bus_events);
        ack(s, e->id);
    } else if (status >= 400 && status < 500) {
        bus_reason(status, answer, reason);
        refuse(s, e->id, reason);
    }
    free(e);
    s->busy--;
    if (status < 200 || status >= 500)
        s->failing = true; /* until the tick: what cannot be done now should not all be taken */
    if (!s->failing && !s->busy && s->claims_on)
        claim(s);
    if (!s->failing)
        go_on(s);
}

static sio_str field(const resp_val *fields, const char *name)
{
    for (uint32_t i = 0; fields->kind == RESP_ARRAY && i + 1 < fields->n; i += 2)
        if (resp_is(&fields->item[i], name) && fields->item[i + 1].kind == RESP_BULK)
            return fields->item[i + 1].s;
    return (sio_str){0};
}

static const char *read_entry(bus_event *e, sio_str id, const resp_val *fields)
{
    sio_str data = field(fields, "data");

    if (data.p)
        return bus_event_read(e, data, BUS_STREAM, id);
    return bus_event_fields(e, field(fields, "type"), field(fields, "payload"), field(fields, "id"), id);
}

static void take(bus_stream *s, const resp_val *v)
{
    entry *e = malloc(sizeof(*e));
    const char *fault;
    bus_event event;

    if (!e)
        abort(); /* a small fixed allocation */
    *e = (entry){.s = s};
    snprintf(e->id, sizeof(e->id), "%.*s", (int)v->item[0].s.n, v->item[0].s.p);
    fault = read_entry(&event, v->item[0].s, &v->item[1]);
    if (fault) {
        refuse(s, e->id, fault);
        free(e);
    } else {
        s->busy++;
        api_act_go(s->b->a, &event.act, on_done, e);
    }
    bus_event_fini(&event);
}

/* Entries that were deleted meanwhile come as nil. */
static void take_all(bus_stream *s, const resp_val *list)
{
    s->busy++; /* nothing is read before all are taken */
    for (uint32_t i = 0; list->kind == RESP_ARRAY && i < list->n; i++) {
        const resp_val *v = &list->item[i];

        if (v->kind == RESP_ARRAY && v->n == 2 && v->item[0].kind == RESP_BULK &&
            v->item[1].kind == RESP_ARRAY)
            take(s, v);
    }
    s->busy--;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static bool begins(sio_str s, const char *word)
{
    size_t n = strlen(word);

    return s.n > n && memcmp(s.p, word, n) == 0;
}

/* The group is gone with the stream when Redis was flushed, also while we waited in it (UNBLOCKED), unless
 * the stream was moved to another node of a cluster. */
static bool is_error(bus_stream *s, const resp_val *v)
{
    if (!v || v->kind != RESP_ERROR)
        return v == NULL;
    if (begins(v->s, "NOGROUP") || begins(v->s, "UNBLOCKED"))
        s->has_group = false;
    else
        log_warn("the stream %s cannot be read: %.*s", s->name, (int)v->s.n, v->s.p);
    return true;
}

static void on_read(void *arg, int err, const resp_val *v)
{
    bus_stream *s = arg;

    s->reading = false;
    if (err == SIO_ECANCELED)
        return;
    if (is_error(s, v)) {
        if (v && !s->has_group)
            go_on(s); /* else the tick does */
        return;
    }
    if (v->kind == RESP_ARRAY && v->n == 1 && v->item[0].kind == RESP_ARRAY && v->item[0].n == 2)
        take_all(s, &v->item[0].item[1]);
    go_on(s);
}

static void read_next(bus_stream *s)
{
    const sio_str argv[] = {sio_lit("XREADGROUP"), sio_lit("GROUP"), sio_str_z(options(s)->bus_group),
                            sio_str_z(options(s)->node_code), sio_lit("COUNT"), sio_lit("64"),
                            sio_lit("BLOCK"),
                            sio_lit(BLOCK_MS), sio_lit("STREAMS"), sio_str_z(s->name), sio_lit(">")};

    s->reading = redis_command(s->reader, on_read, s, argv, sizeof(argv) / sizeof(argv[0])) == 0;
}

static void on_group(void *arg, int err, const resp_val *v)
{
    bus_stream *s = arg;

    s->making_group = false;
    if (err < 0)
        return;
    if (v->kind != RESP_ERROR || begins(v->s, "BUSYGROUP")) {
        s->has_group = true;
        go_on(s);
    } else {
        log_warn("the stream %s cannot be used: %.*s", s->name, (int)v->s.n, v->s.p);
    }
}

/* From the stream's beginning: what is in it and was not done is work. */
static void make_group(bus_stream *s)
{
    s->making_group = redis_cmd(s->cmd, on_group, s, "XGROUP", "CREATE", (const char *)s->name,
                                options(s)->bus_group, "0",
                                "MKSTREAM") == 0;
}

static void go_on(bus_stream *s)
{
    if (!s->has_group && !s->making_group)
        make_group(s);
    else if (s->has_group && !s->reading && !s->busy)
        read_next(s);
}

/* ---- what others left ------------------------------------------------------------------------------- */

static void on_claimed(void *arg, int err, const resp_val *v)
{
    bus_stream *s = arg;

    s->claiming = false;
    if (err < 0 || is_error(s, v))
        return;
    if (v->kind != RESP_ARRAY || v->n < 2 || v->item[0].kind != RESP_BULK)
        return;
    snprintf(s->cursor, sizeof(s->cursor), "%.*s", (int)v->item[0].s.n, v->item[0].s.p);
    s->claims_on = v->item[1].kind == RESP_ARRAY && v->item[1].n == READ_COUNT;
    take_all(s, &v->item[1]);
}

static void claim(bus_stream *s)
{
    if (!s->claiming)
        s->claiming = redis_cmd(s->cmd, on_claimed, s, "XAUTOCLAIM", (const char *)s->name,
                                options(s)->bus_group,
                                options(s)->node_code, (const char *)s->retry, (const char *)s->cursor,
                                "COUNT", "64") == 0;
}

static int64_t number(const resp_val *info, const char *name)
{
    for (uint32_t i = 0; info->kind == RESP_ARRAY && i + 1 < info->n; i += 2)
        if (resp_is(&info->item[i], name) && info->item[i + 1].kind == RESP_INT)
            return info->item[i + 1].i;
    return -1;
}

/* Each start of a server is a consumer; those of the past are removed by whoever looks. */
static void on_consumers(void *arg, int err, const resp_val *v)
{
    bus_stream *s = arg;

    for (uint32_t i = 0; err == 0 && v->kind == RESP_ARRAY && i < v->n; i++) {
        const resp_val *info = &v->item[i];
        sio_str name = field(info, "name");

        if (name.p && number(info, "pending") == 0 && number(info, "idle") > FORGET_MS)
            redis_cmd(s->cmd, NULL, NULL, "XGROUP", "DELCONSUMER", (const char *)s->name,
                      options(s)->bus_group, name);
    }
}

static void on_tick(loop_timer *t)
{
    bus_stream *s = container_of(t, bus_stream, tick);
    uint64_t every = (uint64_t)options(s)->bus_retry_ms / 4;

    loop_timer_set(loop_current(), t, every < 100 ? 100 : every);
    s->failing = false;
    if (!redis_is_up(s->cmd))
        return;
    if (s->has_group)
        claim(s);
    if (s->has_group && s->ticks++ % 64 == 0)
        redis_cmd(s->cmd, on_consumers, s, "XINFO", "CONSUMERS", (const char *)s->name,
                  options(s)->bus_group);
    go_on(s);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void on_up(void *arg) { go_on(arg); }

static int start(bus_stream *s)
{
    net *n = sio_home_net(s->b->a->io, 0);
    redis_options o;
    int err;

    redis_options_init(&o);
    o.url = options(s)->redis_url;
    o.name = "partyline-bus";
    o.on_up = on_up;
    o.arg = s;
    if ((err = redis_new(&s->cmd, n, &o)) < 0)
        return err;
    o.reply_ms = 0;
    return redis_new(&s->reader, n, &o);
}

int bus_stream_new(bus_stream **out, bus *b)
{
    bus_stream *s = calloc(1, sizeof(*s));

    if (!s)
        return SIO_ENOMEM;
    *out = s;
    s->b = b;
    strcpy(s->cursor, "0");
    snprintf(s->name, sizeof(s->name), "%s", b->a->opt.bus_stream);
    snprintf(s->refused, sizeof(s->refused), "%s:refused", s->name);
    snprintf(s->retry, sizeof(s->retry), "%lld", (long long)b->a->opt.bus_retry_ms);
    loop_timer_init(&s->tick, on_tick);
    loop_timer_set(net_loop(sio_home_net(b->a->io, 0)), &s->tick, 100);
    return start(s);
}

void bus_stream_free(bus_stream *s)
{
    if (!s)
        return;
    /* The loop is still there, with its timers */
    loop_timer_cancel(net_loop(sio_home_net(s->b->a->io, 0)), &s->tick);
    redis_free(s->reader);
    redis_free(s->cmd);
    free(s);
}
