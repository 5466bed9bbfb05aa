/* The client: what all modes have in common. */
#include "redis/redis_int.h"

#include <stdlib.h>

#define DEFAULT_BYTES ((size_t)64 << 20)
#define NEVER_MS      (UINT32_C(24) * 3600 * 1000)

void redis_options_init(redis_options *o)
{
    *o = (redis_options){.max_reply = DEFAULT_BYTES, .max_unsent = DEFAULT_BYTES, .connect_ms = 5000,
                         .reply_ms = 10000, .ping_ms = 5000};
}

/* ---- life ---- */

static void on_soon(loop_timer *t)
{
    redis *r = container_of(t, redis, soon);

    redis_enter(r);
    subs_orphans_tell(r);
    if (!r->opened && !r->dead) {
        r->opened = true;
        r->mode->open(r);
    }
    redis_leave(r);
}

static void release(redis *r)
{
    r->mode->release(r);
    url_fini(&r->url);
    tls_client_free(r->tls);
    explicit_bzero(r->enc.p ? r->enc.p : "", r->enc.p ? r->enc.cap : 0);
    buf_fini(&r->enc);
    free(r->name);
    free(r);
}

void redis_enter(redis *r) { r->depth++; }

void redis_leave(redis *r)
{
    if (--r->depth == 0 && r->dead)
        release(r);
}

static const redis_mode *mode_of(url_kind kind)
{
    return kind == URL_SINGLE ? &redis_single : kind == URL_CLUSTER ? &redis_cluster : &redis_sentinel;
}

static int start_tls(redis *r)
{
    tls_client_options o = {.ca_file = r->url.ca, .cert_file = r->url.cert, .key_file = r->url.key,
                            .no_verify = r->url.no_verify};

    return r->url.tls ? tls_client_new(&r->tls, &o) : 0;
}

static int start(redis *r)
{
    int rc = start_tls(r);

    if (rc < 0)
        return rc;
    r->name = r->o.name ? strdup(r->o.name) : NULL;
    if (r->o.name && !r->name)
        return SIO_ENOMEM;
    return r->mode->start(r);
}

int redis_new(redis **out, net *n, const redis_options *o)
{
    redis *r = calloc(1, sizeof(*r));
    int rc;

    if (!r)
        return SIO_ENOMEM;
    r->n = n;
    r->l = net_loop(n);
    r->o = *o;
    if (r->o.ping_ms == 0)
        r->o.ping_ms = NEVER_MS;
    subs_init(r);
    buf_init(&r->enc, o->max_unsent);
    loop_timer_init(&r->soon, on_soon);
    if (url_parse(&r->url, o->url)) {
        free(r);
        return SIO_EINVAL;
    }
    r->o.url = NULL;
    r->mode = mode_of(r->url.kind);
    rc = start(r);
    if (rc < 0) {
        release(r);
        return rc;
    }
    loop_timer_set(r->l, &r->soon, 0);
    *out = r;
    return 0;
}

void redis_free(redis *r)
{
    if (!r || r->dead)
        return;
    redis_enter(r);
    r->dead = true;
    r->up = false;
    loop_timer_cancel(r->l, &r->soon);
    r->mode->close(r);
    subs_cancel(r);
    redis_leave(r);
}

/* ---- up and down ---- */

bool redis_is_up(const redis *r) { return r->up && r->mode->can_ask(r); }

void redis_tell_up(redis *r)
{
    if (r->up || r->dead)
        return;
    r->up = true;
    r->told_down = false;
    if (r->o.on_up)
        r->o.on_up(r->o.arg);
}

void redis_tell_down(redis *r, const char *why)
{
    r->up = false;
    if (r->told_down || r->dead)
        return;
    r->told_down = true;
    if (r->o.on_down)
        r->o.on_down(r->o.arg, why);
}

/* ---- commands ---- */

int redis_command(redis *r, redis_reply_fn *fn, void *arg, const sio_str *argv, unsigned argc)
{
    if (r->dead)
        return SIO_EUNAVAILABLE;
    return r->mode->command(r, fn, arg, argv, argc);
}
