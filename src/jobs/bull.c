/* BullMQ's queues: life, and adding jobs. Scripts do all that must be whole (lua/); performing is
 * bull_worker.c. */
#include "base/log.h"
#include "base/num.h"
#include "codec/json.h"
#include "jobs/bull_int.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_REPLY (64u << 20) /* of the commands' connection: a page of failed jobs, some jobs at a time */

sio_str bull_key(const bull *b, const char *queue, const char *ending, char *out)
{
    return (sio_str){out, (size_t)snprintf(out, BULL_KEY_MAX, "%s:%s:%s", b->prefix, queue, ending)};
}

sio_str bull_number(int64_t v, char *out) { return (sio_str){out, num_i64(v, out)}; }

int bull_eval(bull *b, enum bull_lua which, const char *queue, const sio_str *argv, unsigned argc,
              redis_reply_fn *fn,
              void *arg)
{
    sio_str all[BULL_ARGS_MAX + 1];
    char key[BULL_KEY_MAX];

    if (argc > BULL_ARGS_MAX)
        return SIO_ETOOBIG;
    all[0] = bull_key(b, queue, "", key);
    if (argc)
        memcpy(all + 1, argv, argc * sizeof(*argv));
    return redis_eval(b->r, &b->script[which], fn, arg, 1, all, argc + 1);
}

int bull_fault(int err, const resp_val *v, const char *doing)
{
    if (err < 0)
        return SIO_EUNAVAILABLE;
    if (v->kind != RESP_ERROR)
        return 0;
    log_warn("job queues: %s: Redis says %.*s", doing, (int)(v->s.n > 200 ? 200 : v->s.n), v->s.p);
    return SIO_EUNAVAILABLE;
}

/* ---- adding ----------------------------------------------------------------------------------------- */

typedef struct adding {
    jobs_added_fn *fn;
    void          *arg;
} adding;

static void on_added(void *arg, int err, const resp_val *v)
{
    adding a = *(adding *)arg;
    int fault = bull_fault(err, v, "a job was not added");

    free(arg);
    if (fault == 0 && v->kind != RESP_BULK)
        fault = SIO_EUNAVAILABLE;
    if (a.fn)
        a.fn(a.arg, fault, fault < 0 ? sio_lit("") : v->s);
}

static int send_add(bull *b, const char *queue, const char *name, sio_str data, const job_options *o,
                    adding *a)
{
    char now[24], delay[24], priority[24];
    sio_str argv[8];
    buf opts;
    int err;

    buf_init(&opts, BULL_OPTS_MAX);
    if ((err = bull_opts_write(&opts, o)) == 0) {
        argv[0] = o->id;
        argv[1] = sio_str_z(name);
        argv[2] = data;
        argv[3] = buf_str(&opts);
        argv[4] = bull_number(loop_wall(b->loop), now);
        argv[5] = bull_number(o->delay_ms, delay);
        argv[6] = bull_number(o->priority, priority);
        argv[7] = o->lifo ? sio_lit("1") : sio_lit("0");
        err = bull_eval(b, BULL_ADD, queue, argv, 8, on_added, a);
    }
    buf_fini(&opts);
    return err;
}

static int add(jobs *j, const char *queue, const char *name, sio_str data, const job_options *o,
               jobs_added_fn *fn, void *arg)
{
    bull *b = (bull *)j;
    adding *a;
    int err;

    if (o->delay_ms > BULL_DUE_MAX - loop_wall(b->loop))
        return SIO_EINVAL;
    if (!redis_is_up(b->r))
        return SIO_EUNAVAILABLE;
    if (!(a = malloc(sizeof(*a))))
        return SIO_ENOMEM;
    *a = (adding){fn, arg};
    if ((err = send_add(b, queue, name, data, o, a)) < 0)
        free(a);
    return err;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static bool is_up(const jobs *j) { return redis_is_up(((const bull *)j)->r); }

static void on_up(void *arg) { bull_workers_up(arg); }

static void on_down(void *arg, const char *why)
{
    if (!((bull *)arg)->freeing)
        log_warn("job queues: Redis is away (%s): nothing can be added; jobs in hand go on", why);
}

static void bull_free(bull *b)
{
    free(b->url);
    free(b->name);
    free(b);
}

static void free_queues(jobs *j)
{
    bull *b = (bull *)j;

    b->freeing = true;
    redis_free(b->r);
    bull_workers_free(b);
    bull_free(b);
}

/* A cluster keeps keys of a queue together only when it is told to. */
static bool prefix_is_good(const char *prefix, const char *url)
{
    const char *tag = strchr(prefix, '{');
    bool tagged = tag && tag[1] != '}' && strchr(tag, '}');

    return *prefix && strlen(prefix) <= BULL_PREFIX_MAX && (tagged || !strstr(url, "+cluster://"));
}

static int start(bull *b)
{
    redis_options ro;

    redis_options_init(&ro);
    ro.url = b->url;
    ro.max_reply = MAX_REPLY;
    ro.name = "partyline-jobs";
    ro.on_up = on_up;
    ro.on_down = on_down;
    ro.arg = b;
    return redis_new(&b->r, b->net, &ro);
}

int bull_new(jobs **out, net *n, const bull_options *o)
{
    static const jobs_ops ops = {add, bull_worker_new, bull_worker_close, bull_complete, bull_fail,
                                 bull_release,
                                 bull_progress, bull_count, bull_failed, bull_retry, bull_drop, bull_pause,
                                 is_up,
                                 free_queues};
    const char *prefix = o->prefix ? o->prefix : "bull";
    bull *b;
    int err;

    if (!o->redis_url || !prefix_is_good(prefix, o->redis_url) ||
        (o->name && strlen(o->name) > JOBS_NAME_MAX))
        return SIO_EINVAL;
    if (!(b = calloc(1, sizeof(*b))))
        return SIO_ENOMEM;
    b->base.ops = &ops;
    b->net = n;
    b->loop = net_loop(n);
    memcpy(b->prefix, prefix, strlen(prefix));
    for (unsigned i = 0; i < BULL_LUA_COUNT; i++)
        b->script[i].text = bull_lua_text[i];
    list_init(&b->workers);
    b->url = strdup(o->redis_url);
    b->name = o->name ? strdup(o->name) : NULL;
    err = b->url && (b->name || !o->name) ? start(b) : SIO_ENOMEM;
    if (err < 0)
        bull_free(b);
    else
        *out = &b->base;
    return err;
}
