/* The events of presence:*. */
#include "app/presence/presence.h"
#include "app/presence/presence_int.h"
#include "base/rand.h"

#include <stdlib.h>

void presence_room(sio_str user_id, char out[PRESENCE_ROOM_MAX])
{
    app_room("presence:", user_id, out, PRESENCE_ROOM_MAX);
}

presence_loop *presence_owner(app *a, sio_str user_id)
{
    presence *p = a->presence;

    return &p->loop[inbox_owner(p->key, user_id, p->n)];
}

/* ---- coming and going ------------------------------------------------------------------------------ */

void presence_came(sio_socket *s)
{
    app_session_of(s)->present = true;
    presence_send(s, PRESENCE_OPENS, PRESENCE_ONLINE);
    /* A recovered socket is in its rooms already. */
    if (!app_of(s)->opt.presence_everyone && !sio_recovered(s))
        presence_follow_start(s);
}

/* When the server stops, everybody it knows of goes: there is nobody to tell. */
void presence_goes(sio_socket *s, const char *reason)
{
    if (app_session_of(s)->present && strcmp(reason, "server shutting down") != 0)
        presence_send(s, PRESENCE_CLOSES, PRESENCE_OFFLINE);
    app_session_of(s)->present = false;
}

/* ---- presence:status ------------------------------------------------------------------------------- */

static void on_status(sio_socket *s, sio_in *in)
{
    static const enum presence_status chosen[] = {
        [CHOSEN_ONLINE] = PRESENCE_ONLINE, [CHOSEN_AWAY] = PRESENCE_AWAY, [CHOSEN_BUSY] = PRESENCE_BUSY};
    in_presence_status m = {0};

    if (app_payload(s, in, presence_status, &m) < 0)
        return;
    presence_send(s, PRESENCE_CHOOSES, chosen[m.status]);
    sio_ack(in, sio_obj("ok", sio_true, "status", chosen_status_names[m.status]));
}

/* ---- presence:check -------------------------------------------------------------------------------- */

#define ENTRY_VALS 8 /* four members */

static void entry_make(sio_val *v, char last_seen[APP_ISO_SIZE], sio_str id, const presence_seen *seen)
{
    app_iso(seen->wall, last_seen);
    v[0] = sio_v("userId");
    v[1] = sio_v(id);
    v[2] = sio_v("isOnline");
    v[3] = sio_val_bool(seen->status != PRESENCE_OFFLINE);
    v[4] = sio_v("status");
    v[5] = sio_v(presence_status_names[seen->status]);
    v[6] = sio_v("lastSeen");
    v[7] = seen->wall ? sio_v((const char *)last_seen) : sio_null;
}

static int tell_list(sio_in *in, const sio_str *ids, const presence_seen *seen, unsigned n)
{
    typedef struct entry {
        sio_val member[ENTRY_VALS];
        char    last_seen[APP_ISO_SIZE];
    } entry;
    entry *e = malloc((n + 1) * sizeof(*e));
    sio_val *list = malloc((n + 1) * sizeof(*list));
    int err = SIO_ENOMEM;

    if (e && list) {
        for (unsigned i = 0; i < n; i++) {
            entry_make(e[i].member, e[i].last_seen, ids[i], &seen[i]);
            list[i] = sio_members(e[i].member, ENTRY_VALS);
        }
        err = sio_emit(sio_in_socket(in), out_presence_status_list, sio_list(list, n));
        if (err == 0)
            sio_ack(in, sio_obj("ok", sio_true, "users", sio_list(list, n)));
    }
    free(e);
    free(list);
    return err;
}

static void on_seen(void *arg, int err, const sio_str *ids, const presence_seen *seen, unsigned n)
{
    sio_in *in = arg;
    sio_socket *s = sio_in_socket(in);

    if (err != SIO_ECLOSED && sio_connected(s)) {
        app_session_of(s)->pending--;
        if (err == 0)
            err = tell_list(in, ids, seen, n);
        if (err < 0)
            app_refuse_fault(s, in, err, "Failed to look up presence");
    }
    sio_release(in);
}

/* Answers with presence:status_list. */
static void answer(sio_socket *s, sio_in *in, sio_strs ids)
{
    app_session *me = app_session_of(s);
    sio_in *kept = me->pending < APP_PENDING_MAX ? sio_keep(in) : NULL;
    int err = me->pending < APP_PENDING_MAX ? SIO_ENOMEM : SIO_ELIMIT;

    if (kept)
        err = presence_look(app_of(s), ids.p, (unsigned)ids.n, on_seen, kept);
    if (err == 0) {
        me->pending++;
        return;
    }
    app_refuse_fault(s, in, err, "Failed to look up presence");
    if (kept)
        sio_release(kept);
}

static void on_check(sio_socket *s, sio_in *in)
{
    in_presence_check m = {0};

    if (app_payload(s, in, presence_check, &m) == 0)
        answer(s, in, m.ids);
}

/* ---- presence:subscribe and presence:unsubscribe ---------------------------------------------------- */

static unsigned watched(const sio_socket *s)
{
    unsigned n = 0;
    sio_str room;

    for (size_t i = 0; (room = sio_room_at(s, i)).p; i++)
        n += room.n > 9 && memcmp(room.p, "presence:", 9) == 0;
    return n;
}

static unsigned not_yet_watched(const sio_socket *s, sio_strs ids)
{
    char room[PRESENCE_ROOM_MAX];
    unsigned n = 0;

    for (size_t i = 0; i < ids.n; i++) {
        presence_room(ids.p[i], room);
        n += !sio_in_room(s, room);
    }
    return n;
}

static void unwatch(sio_socket *s, sio_strs ids)
{
    char room[PRESENCE_ROOM_MAX];

    for (size_t i = 0; i < ids.n; i++) {
        presence_room(ids.p[i], room);
        sio_leave(s, room);
    }
}

/* All of them or none. */
static int watch(sio_socket *s, sio_strs ids)
{
    bool joined[PRESENCE_SUBSCRIBE_MAX] = {0};
    char room[PRESENCE_ROOM_MAX];
    int err = 0;
    size_t n;

    for (n = 0; n < ids.n && err == 0; n++) {
        presence_room(ids.p[n], room);
        joined[n] = !sio_in_room(s, room);
        err = sio_join(s, room);
    }
    for (size_t i = 0; i < n && err < 0; i++)
        if (joined[i])
            unwatch(s, (sio_strs){&ids.p[i], 1});
    return err;
}

static void on_subscribe(sio_socket *s, sio_in *in)
{
    in_presence_subscribe m = {0};
    int err = SIO_ELIMIT;

    if (app_payload(s, in, presence_subscribe, &m) < 0)
        return;
    if (watched(s) + not_yet_watched(s, m.ids) <= PRESENCE_WATCH_MAX)
        err = watch(s, m.ids);
    if (err == 0)
        answer(s, in, m.ids); /* in the rooms first, so that no change falls between answer and news */
    else if (err == SIO_ELIMIT)
        app_refuse(s, in, APP_TOO_MANY, "Too many users are watched, or too many rooms joined");
    else
        app_refuse_fault(s, in, err, "Failed to subscribe");
}

static void on_unsubscribe(sio_socket *s, sio_in *in)
{
    in_presence_unsubscribe m = {0};

    if (app_payload(s, in, presence_unsubscribe, &m) < 0)
        return;
    unwatch(s, m.ids);
    sio_ack(in, sio_obj("ok", sio_true));
}

/* ---- life ------------------------------------------------------------------------------------------ */

static int install(app *a)
{
    int err = app_on(a, presence_status, on_status);

    if (err == 0)
        err = app_on(a, presence_check, on_check);
    if (err == 0)
        err = app_on(a, presence_subscribe, on_subscribe);
    return err < 0 ? err : app_on(a, presence_unsubscribe, on_unsubscribe);
}

int presence_attach(app *a)
{
    unsigned n = sio_server_loops(a->io);
    presence *p = calloc(1, sizeof(*p) + n * sizeof(p->loop[0]));
    int err = 0;

    if (!p)
        return SIO_ENOMEM;
    a->presence = p;
    p->a = a;
    rand_bytes(p->key, sizeof(p->key));
    for (; p->n < n && err == 0; p->n++)
        err = presence_loop_init(&p->loop[p->n], a, p->n);
    return err < 0 ? err : install(a);
}

void presence_detach(app *a)
{
    presence *p = a->presence;

    for (unsigned i = 0; p && i < p->n; i++)
        presence_loop_fini(&p->loop[i]);
    free(p);
    a->presence = NULL;
}
