/* chat:typing {roomId, isTyping}. Who says that he types and then nothing more stops by himself: after the
 * time of CHAT_TYPING_TTL, by leaving the room, by losing the connection. */
#include "app/chat/chat_int.h"
#include "base/list.h"

#include <stdlib.h>
#include <time.h>

#define ROOMS_MAX 16 /* that a socket types in at the same time */

typedef struct chat_typing {
    list                in_loop; /* in chat_typists.list, the first to end in front */
    struct chat_typing *next;    /* in app_session.typing */
    sio_socket         *socket;  /* outlives this: what it types in is cleared when it leaves */
    int64_t             until_ms;
    size_t              nroom;
    char                room[CHAT_ROOM_MAX];
} chat_typing;

/* Who types on one loop. All type for the same time, so who begins is the last to end, and one timer serves
 * them. */
typedef struct chat_typists {
    sio_server *io;
    list        list;
    bool        timer;
} chat_typists;

struct chat {
    unsigned     n;
    chat_typists loop[];
};

static chat_typists *typists(sio_socket *s)
{
    app *a = app_of(s);

    return &a->chat->loop[sio_loop(a->io)];
}

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
    sio_target others = sio_to(s, r->name);

    /* That somebody types may be missed by who falls behind, that they ended may not. */
    sio_emit(is_typing ? sio_droppable(others) : others, out_chat_user_typing,
             sio_obj("userId", user->id, "username", app_username(user), "isTyping", is_typing,
                     "roomId", r->id));
}

/* ---- life ------------------------------------------------------------------------------------------- */

int chat_typing_attach(app *a)
{
    unsigned n = sio_server_loops(a->io);

    a->chat = calloc(1, sizeof(*a->chat) + n * sizeof(chat_typists));
    if (!a->chat)
        return SIO_ENOMEM;
    a->chat->n = n;
    for (unsigned i = 0; i < n; i++) {
        a->chat->loop[i].io = a->io;
        list_init(&a->chat->loop[i].list);
    }
    return 0;
}

void chat_typing_detach(app *a)
{
    for (unsigned i = 0; a->chat && i < a->chat->n; i++) {
        list_each (it, &a->chat->loop[i].list)
            free(container_of(it, chat_typing, in_loop));
    }
    free(a->chat);
    a->chat = NULL;
}

/* ---- the list of a socket --------------------------------------------------------------------------- */

static chat_typing **find(sio_socket *s, sio_str room_id)
{
    chat_typing **at = &app_session_of(s)->typing;

    while (*at && !sio_str_eq((sio_str){(*at)->room, (*at)->nroom}, room_id))
        at = &(*at)->next;
    return at;
}

/* Takes the entry off the lists and tells the room. */
static void stop(sio_socket *s, chat_typing **at)
{
    chat_typing *t = *at;
    chat_room r;

    *at = t->next;
    list_del(&t->in_loop);
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

static int timer_want(chat_typists *l)
{
    const chat_typing *first;
    int64_t ms;
    int err;

    if (l->timer || list_empty(&l->list))
        return 0;
    first = container_of(l->list.next, chat_typing, in_loop);
    ms = first->until_ms - now_ms();
    err = sio_after(l->io, (uint32_t)(ms > 1 ? ms : 1), on_timer, l);
    l->timer = err == 0;
    return err;
}

static void on_timer(void *arg)
{
    chat_typists *l = arg;
    int64_t now = now_ms();

    l->timer = false;
    while (!list_empty(&l->list)) {
        chat_typing *t = container_of(l->list.next, chat_typing, in_loop);
        sio_socket *s = t->socket;

        if (t->until_ms > now)
            break;
        stop(s, find(s, (sio_str){t->room, t->nroom}));
    }
    timer_want(l); /* without memory: the next one who types tries again */
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
    t->socket = s;
    list_init(&t->in_loop);
    t->next = app_session_of(s)->typing;
    app_session_of(s)->typing = t;
    return 0;
}

/* Each time anew, as in the seed: who has joined meanwhile sees it too. */
static int start(sio_socket *s, const chat_room *r)
{
    int err = *find(s, r->id) ? 0 : add(s, r);
    chat_typing *t = *find(s, r->id);

    if (err < 0)
        return err;
    t->until_ms = now_ms() + app_of(s)->opt.typing_ttl_ms;
    list_del(&t->in_loop);
    list_add_tail(&typists(s)->list, &t->in_loop);
    err = timer_want(typists(s));
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
