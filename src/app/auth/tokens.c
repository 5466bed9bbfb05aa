#include "app/auth/tokens.h"
#include "app/auth/revoke.h"
#include "app/auth/revoked.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* One timer a loop, which turns a wheel while there is something on it. What is due in more than a turn (4
 * minutes) is met once a turn and left on. */
#define TICK_MS 250
#define SLOTS   1024

#define ROOM_PREFIX "token:"
#define ROOM_MAX    (sizeof(ROOM_PREFIX) + REVOKED_ID_MAX)

typedef struct wheel {
    app *a;
    list slot[SLOTS];
    int64_t at; /* the tick that was last looked at */
    size_t n;   /* sockets on it */
    bool timer;
} wheel;

struct tokens {
    revoked *revoked;
    unsigned n;
    wheel wheel[];
};

/* ---- the wheel -------------------------------------------------------------------------------------- */

static wheel *wheel_of(sio_socket *s)
{
    const app *a = app_of(s);

    return &a->tokens->wheel[sio_loop(a->io)];
}

static void on_tick(void *arg);

static void timer_want(wheel *w)
{
    if (!w->timer && w->n)
        w->timer =
            sio_after(w->a->io, TICK_MS, on_tick, w) == 0; /* without memory the next socket tries again */
}

static void wheel_take(wheel *w, token_session *t)
{
    if (!t->on_wheel)
        return;
    list_del(&t->link);
    t->on_wheel = false;
    w->n--;
}

static void wheel_put(wheel *w, token_session *t)
{
    int64_t tick = t->due_ms / TICK_MS + 1;

    if (w->n == 0)
        w->at = sio_now(w->a->io) / TICK_MS;
    if (tick <= w->at)
        tick = w->at + 1;
    list_add_tail(&w->slot[tick % SLOTS], &t->link);
    t->on_wheel = true;
    w->n++;
    timer_want(w);
}

static void plan(sio_socket *s, token_session *t)
{
    const app *a = app_of(s);
    wheel *w = wheel_of(s);

    wheel_take(w, t);
    if (!t->expires_ms)
        return;
    t->socket = s;
    t->due_ms = t->expires_ms + (t->told ? jwt_verifier_leeway_ms(a->opt.verifier) : -a->opt.token_notice_ms);
    wheel_put(w, t);
}

/* ---- the end of a token ----------------------------------------------------------------------------- */

static void tell_expiring(sio_socket *s, token_session *t, int64_t now_ms)
{
    int64_t in_ms = t->expires_ms > now_ms ? t->expires_ms - now_ms : 0;
    char at[APP_ISO_SIZE];

    app_iso(t->expires_ms, at);
    sio_emit(s, out_auth_expiring, sio_obj("expiresAt", (const char *)at, "inMs", in_ms));
    t->told = true;
    plan(s, t);
}

static void end(sio_socket *s, const char *code, const char *message)
{
    sio_emit(s, out_error, sio_obj("message", message, "code", code, "event", in_auth_refresh_name));
    sio_disconnect(s, true);
}

static void on_due(sio_socket *s, token_session *t, int64_t now_ms)
{
    if (t->revoked)
        end(s, APP_TOKEN_REVOKED, "The token was revoked");
    else if (now_ms >= t->expires_ms + jwt_verifier_leeway_ms(app_of(s)->opt.verifier))
        end(s, APP_TOKEN_EXPIRED, "The token has expired");
    else
        tell_expiring(s, t, now_ms);
}

/* Whoever is due, and back with the others. Those that leave meanwhile take themselves off the list. */
static void turn_slot(wheel *w, list *slot, int64_t now_ms)
{
    list mine;

    list_init(&mine);
    while (!list_empty(slot)) {
        list *it = slot->next;

        list_del(it);
        list_add_tail(&mine, it);
    }
    while (!list_empty(&mine)) {
        token_session *t = container_of(mine.next, token_session, link);

        wheel_take(w, t);
        if (t->due_ms <= now_ms) {
            on_due(t->socket, t, now_ms);
            continue;
        }
        list_add_tail(slot, &t->link);
        t->on_wheel = true;
        w->n++;
    }
}

static void on_tick(void *arg)
{
    wheel *w = arg;
    int64_t now_ms = sio_now(w->a->io), tick = now_ms / TICK_MS, from = w->at + 1;

    if (tick < w->at || tick - w->at > SLOTS) /* the clock was set */
        from = tick - SLOTS + 1;
    w->at = tick;
    for (; from <= tick; from++)
        turn_slot(w, &w->slot[from % SLOTS], now_ms);
    w->timer = false;
    timer_want(w);
}

/* ---- rooms of token ids: how a revocation finds who is connected ------------------------------------- */

static void room_of(sio_str jti, char out[ROOM_MAX])
{
    snprintf(out, ROOM_MAX, ROOM_PREFIX "%.*s", (int)jti.n, jti.p);
}

/* The id of the token this socket came with, or got since. */
static sio_str jti_of(const sio_socket *s)
{
    const size_t n = sizeof(ROOM_PREFIX) - 1;
    sio_str room;

    for (size_t i = 1; (room = sio_room_at(s, i)).p; i++) {
        if (room.n > n && memcmp(room.p, ROOM_PREFIX, n) == 0)
            return (sio_str){room.p + n, room.n - n};
    }
    return (sio_str){NULL, 0};
}

static void set_jti(sio_socket *s, sio_str jti)
{
    sio_str old = jti_of(s);
    char room[ROOM_MAX];

    if (old.p) {
        room_of(old, room);
        sio_leave(s, room);
    }
    if (jti.n) {
        room_of(jti, room);
        sio_join(s, room);
    }
}

/* ---- coming, going, renewing ------------------------------------------------------------------------ */

static bool is_revoked(app *a, const jwt_user *user)
{
    return revoked_has(a->tokens->revoked, user->id, user->issued_ms, user->jti, sio_now(a->io));
}

static void take_down(token_session *me, const jwt_user *user)
{
    me->expires_ms = user->expires_ms;
    me->issued_ms = user->issued_ms;
    me->told = false;
}

bool tokens_admit(app *a, token_session *me, const jwt_user *user)
{
    if (is_revoked(a, user))
        return false;
    take_down(me, user);
    return true;
}

void tokens_came(sio_socket *s)
{
    app_session *me = app_session_of(s);
    app *a = app_of(s);

    me->token.on_wheel = false;
    if (!sio_recovered(s)) {
        if (app_jti(me->user).n)
            set_jti(s, app_jti(me->user));
    } else if (revoked_has(a->tokens->revoked, me->user->id, me->token.issued_ms, jti_of(s),
                           sio_now(a->io))) {
        me->token.revoked = true;
        me->token.expires_ms = 1; /* due at once; not here, in the middle of connecting */
    }
    plan(s, &me->token);
}

void tokens_goes(sio_socket *s)
{
    wheel_take(wheel_of(s), &app_session_of(s)->token);
}

static void on_refresh(sio_socket *s, sio_in *in)
{
    app_session *me = app_session_of(s);
    app *a = app_of(s);
    in_auth_refresh m = {0};
    char at[APP_ISO_SIZE];
    jwt_user user;

    if (app_payload(s, in, auth_refresh, &m) < 0)
        return;
    if (jwt_verify(a->opt.verifier, m.token, sio_now(a->io), &user) < 0 || is_revoked(a, &user)) {
        app_refuse(s, in, APP_INVALID_TOKEN, "Invalid token");
        return;
    }
    if (!sio_str_eq(user.id, me->user->id)) {
        app_refuse(s, in, APP_FORBIDDEN, "The token is that of another user");
        return;
    }
    take_down(&me->token, &user);
    set_jti(s, user.jti);
    plan(s, &me->token);
    app_iso(user.expires_ms, at);
    sio_ack(in,
            sio_obj("ok", sio_true, "expiresAt", user.expires_ms ? sio_v((const char *)at) : sio_undefined));
}

/* ---- taking back ------------------------------------------------------------------------------------ */

static int64_t wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Who passed the guard just before is in the room when the loop gets this: both happen in one turn. */
static void throw_out(app *a, const char *room)
{
    sio_emit(sio_to(a->ns, room), out_error,
             sio_obj("message", "The token was revoked", "code", APP_TOKEN_REVOKED, "event",
                     in_auth_refresh_name));
    sio_sockets_disconnect(sio_to(a->ns, room), true);
}

int auth_revoke_user(app *a, sio_str user_id)
{
    int err = revoked_add_user(a->tokens->revoked, user_id, wall_ms());
    char room[APP_USER_ROOM_MAX];

    if (err < 0)
        return err;
    app_user_room(user_id, room);
    throw_out(a, room);
    return 0;
}

int auth_revoke_token(app *a, sio_str jti)
{
    int err = revoked_add_token(a->tokens->revoked, jti, wall_ms());
    char room[ROOM_MAX];

    if (err < 0)
        return err;
    room_of(jti, room);
    throw_out(a, room);
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------------- */

int tokens_attach(app *a)
{
    unsigned n = sio_server_loops(a->io);

    a->tokens = calloc(1, sizeof(*a->tokens) + n * sizeof(wheel));
    if (!a->tokens || !(a->tokens->revoked = revoked_new(a->opt.token_revocation_ms)))
        return SIO_ENOMEM;
    a->tokens->n = n;
    for (unsigned i = 0; i < n; i++) {
        a->tokens->wheel[i].a = a;
        for (unsigned k = 0; k < SLOTS; k++)
            list_init(&a->tokens->wheel[i].slot[k]);
    }
    return app_on(a, auth_refresh, on_refresh);
}

void tokens_detach(app *a)
{
    if (a->tokens)
        revoked_free(a->tokens->revoked);
    free(a->tokens);
    a->tokens = NULL;
}
