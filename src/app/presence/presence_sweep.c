/* The sockets of a part of the register leave; then they are struck from it; then the next part. What was not
 * struck when somebody stops half-way is swept again: leaving twice changes nothing. */
#include "app/batch.h"
#include "app/presence/presence_leave.h"
#include "app/presence/presence_scan.h"

#include <stdio.h>
#include <stdlib.h>

#define STRUCK_MAX 64 /* of one command */

typedef struct sweep {
    presence_scan          scan;
    presence_sweep_options o;
    redis_script           status;
    batch                  b;
    struct leaver         *leavers; /* as many as the scan has entries */
    char                   code[8];
} sweep;

typedef struct leaver {
    sweep  *s;
    sio_str user;
} leaver;

static void finish(sweep *s, int err)
{
    s->o.done(s->o.arg, err);
    free(s->leavers);
    free(s->scan.entries);
    free(s);
}

/* ---- striking --------------------------------------------------------------------------------------- */

static void on_struck(batch *b)
{
    sweep *s = container_of(b, sweep, b);
    int err = b->err;
    bool over = presence_scan_is_over(&s->scan);

    if (err == 0 && !over)
        err = s->o.goes_on && !s->o.goes_on(s->o.arg) ? SIO_ECANCELED : presence_scan_next(&s->scan);
    if (err < 0 || over)
        finish(s, err);
}

static void strike(sweep *s)
{
    sio_str argv[2 + STRUCK_MAX] = {sio_s("HDEL"), sio_s(s->scan.key)};
    unsigned argc = 2;

    batch_begin(&s->b, on_struck);
    for (unsigned i = 0; i < s->scan.n; i++) {
        argv[argc++] = s->scan.entries[i].socket;
        if (argc < 2 + STRUCK_MAX && i + 1 < s->scan.n)
            continue;
        batch_add(&s->b, redis_command(s->o.r, batch_on_reply, &s->b, argv, argc));
        argc = 2;
    }
    batch_sent(&s->b);
}

/* ---- leaving ---------------------------------------------------------------------------------------- */

static void on_all_left(batch *b)
{
    sweep *s = container_of(b, sweep, b);

    if (b->err < 0)
        finish(s, b->err);
    else
        strike(s);
}

static void on_left(void *arg, int err, bool gone)
{
    leaver *l = arg;
    sweep *s = l->s;

    if (s->b.err == 0)
        s->b.err = err;
    if (gone)
        s->o.gone(s->o.arg, l->user);
    batch_end(&s->b);
}

static int leave(sweep *s, const presence_entry *e, leaver *l)
{
    presence_leaving o = {.r = s->o.r, .status = &s->status, .moves = s->o.moves, .user = e->user,
                          .sockets = &e->socket, .n = 1,
                          .last = {.status = PRESENCE_ONLINE, .wall = s->o.wall}, .fn = on_left, .arg = l};

    *l = (leaver){s, e->user};
    return presence_leave(&o);
}

static void on_part(presence_scan *scan, int err)
{
    sweep *s = container_of(scan, sweep, scan);

    free(s->leavers);
    s->leavers = err == 0 ? malloc((scan->n + 1) * sizeof(*s->leavers)) : NULL;
    if (!s->leavers) {
        finish(s, err < 0 ? err : SIO_ENOMEM);
        return;
    }
    batch_begin(&s->b, on_all_left);
    for (unsigned i = 0; i < scan->n; i++)
        batch_add(&s->b, leave(s, &scan->entries[i], &s->leavers[i]));
    batch_sent(&s->b);
}

int presence_sweep(const presence_sweep_options *o)
{
    sweep *s = calloc(1, sizeof(*s));
    int err;

    if (!s)
        return SIO_ENOMEM;
    s->o = *o;
    s->status.text = presence_status_script;
    if (o->moves) {
        snprintf(s->code, sizeof(s->code), "%s", o->moves);
        s->o.moves = s->code;
    }
    err = presence_scan_begin(&s->scan, o->r, o->key, on_part);
    if (err < 0)
        free(s);
    return err;
}
