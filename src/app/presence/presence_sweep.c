/* HSCAN gives a part of the register; the sockets of each user in it leave together; then they are struck
 * from it; then the next part. What was not struck when somebody stops half-way is swept again: leaving twice
 * changes nothing. */
#include "app/batch.h"
#include "app/presence/presence_leave.h"
#include "app/presence/presence_shared.h"

#include <stdio.h>
#include <stdlib.h>

#define PART      "200"
#define TEXT_MAX  160 /* bytes of an id in the register: what is longer is not ours */

typedef struct sweep sweep;

typedef struct entry {
    sweep  *s;
    sio_str socket, user;
    char    text[2 * TEXT_MAX];
} entry;

struct sweep {
    presence_sweep_options o;
    redis_script           status;
    batch                  b;
    char                   key[PRESENCE_REGISTER_MAX], cursor[24], code[8];
    entry                 *entries;
    unsigned               n;
};

static void scan(sweep *s);

static void finish(sweep *s, int err)
{
    s->o.done(s->o.arg, err);
    free(s->entries);
    free(s);
}

/* ---- striking --------------------------------------------------------------------------------------- */

static bool stays(const sweep *s, const entry *e)
{
    return s->o.keeps && s->o.keeps(s->o.arg, e->user, e->socket);
}

static void on_struck(batch *b)
{
    sweep *s = container_of(b, sweep, b);

    if (b->err < 0 || strcmp(s->cursor, "0") == 0)
        finish(s, b->err);
    else
        scan(s);
}

static void strike(sweep *s)
{
    sio_str argv[2 + 64] = {sio_s("HDEL"), sio_s(s->key)};
    unsigned argc = 2;

    batch_begin(&s->b, on_struck);
    for (unsigned i = 0; i < s->n; i++) {
        if (!stays(s, &s->entries[i]))
            argv[argc++] = s->entries[i].socket;
        if (argc == 66 || (i + 1 == s->n && argc > 2)) {
            batch_add(&s->b, redis_command(s->o.r, batch_on_reply, &s->b, argv, argc));
            argc = 2;
        }
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
    entry *e = arg;
    sweep *s = e->s;

    if (s->b.err == 0)
        s->b.err = err;
    if (gone)
        s->o.gone(s->o.arg, e->user);
    batch_end(&s->b);
}

static void leave(sweep *s)
{
    presence_seen last = {.status = PRESENCE_ONLINE, .wall = s->o.wall};

    batch_begin(&s->b, on_all_left);
    for (unsigned i = 0; i < s->n; i++) {
        entry *e = &s->entries[i];

        if (!stays(s, e))
            batch_add(&s->b, presence_leave(&(presence_leaving){
                                 .r = s->o.r, .status = &s->status, .moves = s->o.moves, .user = e->user,
                                 .sockets = &e->socket, .n = 1, .last = last, .fn = on_left, .arg = e}));
    }
    batch_sent(&s->b);
}

/* ---- scanning --------------------------------------------------------------------------------------- */

static bool is_text(const resp_val *v) { return v->kind == RESP_BULK && v->s.n <= TEXT_MAX; }

static void take_entries(sweep *s, const resp_val *list)
{
    free(s->entries);
    s->n = 0;
    s->entries = calloc(list->n / 2 + 1, sizeof(*s->entries));
    for (uint32_t i = 0; s->entries && i + 1 < list->n; i += 2) {
        const resp_val *socket = &list->item[i], *user = &list->item[i + 1];
        entry *e = &s->entries[s->n];

        if (!is_text(socket) || !is_text(user))
            continue;
        e->s = s;
        e->socket = (sio_str){e->text, socket->s.n};
        e->user = (sio_str){e->text + TEXT_MAX, user->s.n};
        memcpy(e->text, socket->s.p, socket->s.n);
        memcpy(e->text + TEXT_MAX, user->s.p, user->s.n);
        s->n++;
    }
}

static void on_scanned(void *arg, int err, const resp_val *v)
{
    sweep *s = arg;
    bool good = err == 0 && v->kind == RESP_ARRAY && v->n == 2 && v->item[0].kind == RESP_BULK &&
                v->item[0].s.n < sizeof(s->cursor) && v->item[1].kind == RESP_ARRAY;

    if (!good) {
        finish(s, err < 0 ? err : SIO_EINVAL);
        return;
    }
    snprintf(s->cursor, sizeof(s->cursor), "%.*s", (int)v->item[0].s.n, v->item[0].s.p);
    take_entries(s, &v->item[1]);
    if (s->entries)
        leave(s);
    else
        finish(s, SIO_ENOMEM);
}

static int ask(sweep *s)
{
    return redis_cmd(s->o.r, on_scanned, s, "HSCAN", (const char *)s->key, (const char *)s->cursor, "COUNT",
                     PART);
}

static void scan(sweep *s)
{
    int err = s->o.goes_on && !s->o.goes_on(s->o.arg) ? SIO_ECANCELED : ask(s);

    if (err < 0)
        finish(s, err);
}

int presence_sweep(const presence_sweep_options *o)
{
    sweep *s = calloc(1, sizeof(*s));
    int err;

    if (!s)
        return SIO_ENOMEM;
    s->o = *o;
    s->status.text = presence_status_script;
    snprintf(s->key, sizeof(s->key), "%s", o->key);
    snprintf(s->cursor, sizeof(s->cursor), "0");
    if (o->moves) {
        snprintf(s->code, sizeof(s->code), "%s", o->moves);
        s->o.moves = s->code;
    }
    err = ask(s);
    if (err < 0)
        free(s);
    return err;
}
