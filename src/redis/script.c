/* Scripts: by their SHA-1 digest, and by their text where a server does not know it yet. */
#include "base/sha1.h"
#include "redis/redis_int.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_ARGS 1024u

/* An EVALSHA whose arguments are kept until it is known that the script was. */
typedef struct eval {
    redis          *r;
    redis_script   *script;
    redis_reply_fn *fn;
    void           *arg;
    unsigned        argc;
    char            nkeys[12];
    sio_str         argv[];   /* word, digest or text, number of keys, arguments; their bytes are behind it */
} eval;

static void digest(redis_script *s)
{
    uint8_t d[SHA1_SIZE];

    if (s->sha[0])
        return;
    sha1(s->text, strlen(s->text), d);
    for (unsigned i = 0; i < SHA1_SIZE; i++)
        snprintf(s->sha + 2 * i, 3, "%02x", d[i]);
}

static eval *eval_new(const sio_str *argv, unsigned argc)
{
    size_t bytes = 0;
    eval *e;
    char *p;

    for (unsigned i = 0; i < argc; i++)
        bytes += argv[i].n;
    e = calloc(1, sizeof(*e) + (argc + 3) * sizeof(sio_str) + bytes);
    if (!e)
        return NULL;
    p = (char *)&e->argv[argc + 3];
    for (unsigned i = 0; i < argc; i++) {
        e->argv[i + 3] = (sio_str){p, argv[i].n};
        if (argv[i].n)
            memcpy(p, argv[i].p, argv[i].n);
        p += argv[i].n;
    }
    e->argc = argc + 3;
    return e;
}

static void finish(eval *e, int err, const resp_val *v)
{
    redis_reply_fn *fn = e->fn;
    void *arg = e->arg;

    free(e);
    if (fn)
        fn(arg, err, v);
}

static bool is_unknown(const resp_val *v)
{
    return v && v->kind == RESP_ERROR && v->s.n >= 8 && memcmp(v->s.p, "NOSCRIPT", 8) == 0;
}

static void on_eval(void *arg, int err, const resp_val *v)
{
    eval *e = arg;
    int rc;

    if (err < 0 || !is_unknown(v)) {
        finish(e, err, v);
        return;
    }
    e->argv[0] = sio_lit("EVAL");
    e->argv[1] = sio_str_z(e->script->text);
    rc = redis_command(e->r, e->fn, e->arg, e->argv, e->argc);
    if (rc < 0)
        finish(e, SIO_ECLOSED, NULL);
    else
        free(e);
}

int redis_eval(redis *r, redis_script *s, redis_reply_fn *fn, void *arg, unsigned nkeys, const sio_str *argv,
               unsigned argc)
{
    eval *e;
    int rc;

    if (argc > MAX_ARGS || nkeys > argc)
        return SIO_ETOOBIG;
    digest(s);
    e = eval_new(argv, argc);
    if (!e)
        return SIO_ENOMEM;
    e->r = r;
    e->script = s;
    e->fn = fn;
    e->arg = arg;
    snprintf(e->nkeys, sizeof(e->nkeys), "%u", nkeys);
    e->argv[0] = sio_lit("EVALSHA");
    e->argv[1] = sio_str_z(s->sha);
    e->argv[2] = sio_str_z(e->nkeys);
    rc = redis_command(r, on_eval, e, e->argv, e->argc);
    if (rc < 0)
        free(e);
    return rc;
}
