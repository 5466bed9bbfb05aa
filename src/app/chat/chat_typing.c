/* chat:typing {roomId, isTyping}. Who says that he types and then nothing more stops by himself: after the time of
 * CHAT_TYPING_TTL, by leaving the room, by losing the connection. */
#include "app/chat/chat_int.h"

#include <stdlib.h>
#include <time.h>

#define ROOMS_MAX 16 /* that a socket types in at the same time */

typedef struct chat_typing {
    struct chat_typing *next; /* in app_session.typing */
    int64_t             until_ms;
    size_t              nroom;
    char                room[CHAT_ROOM_MAX];
} chat_typing;

/* One timer a socket, while it types. */
typedef struct timer {
    sio_ns *ns;
    sio_id  sid;
} timer;

/* Not sio_now: a clock that is set must not let people type for ever. */
static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void tell(sio_socket *s, const chat_room *r, bool is_typing)
{
    const app_user *user = app_session_of(s)->user;

    sio_emit(sio_to(s, r->name), out_chat_user_typing,
             sio_obj("userId", user->id, "username", user->username, "isTyping", is_typing, "roomId", r->id));
}

/* ---- the list of a socket --------------------------------------------------------------------------- */

static chat_typing **find(sio_socket *s, sio_str room_id)
{
    chat_typing **at = &app_session_of(s)->typing;

    while (*at && !sio_str_eq((sio_str){(*at)->room, (*at)->nroom}, room_id))
        at = &(*at)->next;
    return at;
}

/* Takes the entry off the list and tells the room. */
static void stop(sio_socket *s, chat_typing **at)
{
    chat_typing *t = *at;
    chat_room r;

    *at = t->next;
    chat_room_init(&r, (sio_str){t->room, t->nroom});
    tell(s, &r, false);
    free(t);
}

void chat_typing_stop(sio_socket *s, const chat_room *r)
{
    chat_typing **at;

    if (r) {
        at = find(s, r->id);
        if (*at)
            stop(s, at);
        return;
    }
    while (app_session_of(s)->typing)
        stop(s, &app_session_of(s)->typing);
}

/* ---- the timer -------------------------------------------------------------------------------------- */

static void on_timer(void *arg);

static void timer_start(sio_socket *s, timer *t, int64_t ms)
{
    app_session_of(s)->typing_timer = sio_after(sio_server_of(s), (uint32_t)(ms > 1 ? ms : 1), on_timer, t) == 0;
    if (!app_session_of(s)->typing_timer)
        free(t);
}

/* Ends what is over; the next one that will be, 0 when nobody types. */
static int64_t sweep(sio_socket *s)
{
    chat_typing **at = &app_session_of(s)->typing;
    int64_t next = 0, now = now_ms();

    while (*at) {
        if ((*at)->until_ms <= now) {
            stop(s, at);
            continue;
        }
        if (!next || (*at)->until_ms < next)
            next = (*at)->until_ms;
        at = &(*at)->next;
    }
    return next;
}

static void on_timer(void *arg)
{
    timer *t = arg;
    sio_socket *s = sio_find(t->ns, t->sid);
    int64_t next;

    if (!s) {
        free(t);
        return;
    }
    next = sweep(s);
    if (next) {
        timer_start(s, t, next - now_ms());
        return;
    }
    app_session_of(s)->typing_timer = false;
    free(t);
}

static int timer_want(sio_socket *s, int64_t ms)
{
    timer *t;

    if (app_session_of(s)->typing_timer)
        return 0;
    t = malloc(sizeof(*t));
    if (!t)
        return SIO_ENOMEM;
    *t = (timer){sio_ns_of(s), sio_id_of(s)};
    timer_start(s, t, ms);
    return app_session_of(s)->typing_timer ? 0 : SIO_ENOMEM;
}

/* ---- the event -------------------------------------------------------------------------------------- */

static unsigned count(sio_socket *s)
{
    unsigned n = 0;

    for (chat_typing *t = app_session_of(s)->typing; t; t = t->next)
        n++;
    return n;
}

static int add(sio_socket *s, const chat_room *r)
{
    chat_typing *t;

    if (count(s) >= ROOMS_MAX)
        return SIO_ELIMIT;
    t = calloc(1, sizeof(*t));
    if (!t)
        return SIO_ENOMEM;
    memcpy(t->room, r->id.p, r->id.n);
    t->nroom = r->id.n;
    t->next = app_session_of(s)->typing;
    app_session_of(s)->typing = t;
    return 0;
}

/* Each time anew, as in the seed: who has joined meanwhile sees it too. */
static int start(sio_socket *s, const chat_room *r)
{
    uint32_t ttl = app_of(s)->opt.typing_ttl_ms;
    int err = *find(s, r->id) ? 0 : add(s, r);

    if (err < 0)
        return err;
    (*find(s, r->id))->until_ms = now_ms() + ttl;
    err = timer_want(s, ttl);
    if (err < 0)
        chat_typing_stop(s, r);
    else
        tell(s, r, true);
    return err;
}

static int stop_or_tell(sio_socket *s, const chat_room *r)
{
    if (*find(s, r->id))
        chat_typing_stop(s, r);
    else
        tell(s, r, false);
    return 0;
}

void chat_on_typing(sio_socket *s, sio_in *in)
{
    in_chat_typing m = {0};
    chat_room room;
    int err;

    if (app_payload(s, in, chat_typing, &m) < 0 || chat_park(s, in, m.room_id, chat_on_typing))
        return;
    chat_room_init(&room, m.room_id);
    if (!chat_is_member(s, in, &room))
        return;
    err = m.is_typing ? start(s, &room) : stop_or_tell(s, &room);
    if (err == SIO_ELIMIT)
        app_refuse(s, in, APP_TOO_MANY, "Typing in too many rooms");
    else if (err < 0)
        app_refuse_fault(s, in, err, "The server is out of memory");
    else
        sio_ack(in, sio_obj("ok", sio_true));
}
