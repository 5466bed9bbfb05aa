/* What one loop owns: the reports of its users' sockets, taken a turn at a time, and what others are told. */
#include "app/presence/presence_int.h"
#include "app/presence/presence_shared.h"
#include "app/shared.h"
#include "sio/home.h"

#include <stdlib.h>

#define REMEMBERED 65536 /* users a loop knows the last visit of */
#define AUDIT_MS   2000

typedef struct report {
    presence_message     base;
    presence_report      what;
    enum presence_status status;
    bool                 recovered;
    app_user            *user; /* held */
    sio_id               socket;
} report;

static presence_now time_here(const presence_loop *l)
{
    return (presence_now){.ms = app_ticks(), .wall = sio_now(l->a->io)};
}

/* ---- telling --------------------------------------------------------------------------------------- */

/* To everybody, or to those who watch the user. The user's other devices hear of what was chosen, but
 * nobody is told what his own socket has just done. */
static sio_target audience(const app *a, const presence_told *t, const char *own, const char *watchers)
{
    sio_target to = sio_target_ns(a->ns);

    if (!a->opt.presence_everyone)
        to = sio_to(to, watchers);
    if (!t->chosen)
        return sio_except(to, own);
    if (!a->opt.presence_everyone)
        to = sio_to(to, own);
    return t->chosen_by.p ? sio_except(to, t->chosen_by) : to;
}

static void on_tell(void *arg, const presence_told *t)
{
    const presence_loop *l = arg;
    char watchers[PRESENCE_ROOM_MAX], own[APP_USER_ROOM_MAX], last_seen[APP_ISO_SIZE];
    bool is_gone = t->seen.status == PRESENCE_OFFLINE;

    presence_room(t->user, watchers);
    app_user_room(t->user, own);
    app_iso(t->seen.wall, last_seen);
    sio_emit(audience(l->a, t, own, watchers), out_presence_update,
             sio_obj("userId", t->user, "status", presence_status_names[t->seen.status],
                     "lastSeen", is_gone ? sio_v((const char *)last_seen) : sio_undefined));
}

static void on_flush(void *arg);

/* A store in memory changes while messages are taken, and behind them everything is told; a shared one when
 * Redis answers. */
static void on_change(void *arg, const presence_change *ch)
{
    presence_loop *l = arg;

    presence_news_add(l->news, ch);
    if (l->a->opt.redis_url && !l->flushing)
        l->flushing = sio_after(l->a->io, 0, on_flush, l) == 0;
}

/* Tellings in 1000 seconds that this loop may make: to everybody, each costs as many messages as there are
 * clients, and those of the other servers come here, too. */
static int64_t rate(const app *a)
{
    int64_t clients = (int64_t)sio_clients_count(a->io), loops = sio_server_loops(a->io), rate;

    if (!a->opt.presence_everyone || a->opt.presence_deliveries == 0)
        return PRESENCE_ANY_RATE;
    rate = a->opt.presence_deliveries * 1000 / (clients > 0 ? clients : 1) / loops / shared_servers(a);
    return rate > 0 ? rate : 1;
}

static void work(presence_loop *l);

static void on_tick(void *arg)
{
    presence_loop *l = arg;

    l->ticking = false;
    work(l);
}

static void on_flush(void *arg)
{
    presence_loop *l = arg;

    l->flushing = false;
    work(l);
}

/* As long as time matters to somebody, it ticks. */
static void work(presence_loop *l)
{
    presence_now now = time_here(l);
    bool more = l->store->ops->tick(l->store, now);

    more |= presence_news_flush(l->news, now.ms, rate(l->a));
    if (more && !l->ticking)
        l->ticking = sio_after(l->a->io, PRESENCE_TICK_MS, on_tick, l) == 0;
}

/* ---- messages -------------------------------------------------------------------------------------- */

void presence_send(sio_socket *s, presence_report what, enum presence_status status)
{
    app_user *user = app_session_of(s)->user;
    report *r = malloc(sizeof(*r));

    if (!r)
        abort();
    *r = (report){.what = what, .status = status, .user = app_user_hold(user), .socket = sio_id_of(s),
                  .recovered = sio_recovered(s)};
    inbox_put(&presence_owner(app_of(s), user->id)->inbox, &r->base.item);
}

static void report_free(report *r)
{
    app_user_drop(r->user);
    free(r);
}

static void report_take(presence_loop *l, report *r)
{
    presence_now now = time_here(l);
    presence_store *s = l->store;
    sio_str socket = sio_str_z(r->socket.s);

    if (r->what == PRESENCE_OPENS)
        s->ops->open(s, r->user->id, socket, r->recovered, now);
    else if (r->what == PRESENCE_CLOSES)
        s->ops->close(s, r->user->id, socket, now);
    else if (r->what == PRESENCE_VANISHES)
        presence_shared_gone(s, r->user->id, now);
    else
        s->ops->choose(s, r->user->id, socket, r->status, now);
    report_free(r);
}

void presence_vanished(app *a, sio_str user_id)
{
    app_user *user = calloc(1, sizeof(*user) + user_id.n);
    report *r = malloc(sizeof(*r));

    if (!user || !r)
        abort();
    atomic_init(&user->refs, 1);
    user->id = (sio_str){user->text_, user_id.n};
    memcpy(user->text_, user_id.p, user_id.n);
    *r = (report){.what = PRESENCE_VANISHES, .user = user};
    inbox_put(&presence_owner(a, user_id)->inbox, &r->base.item);
}

static void on_take(inbox *b, inbox_item *item)
{
    presence_loop *l = container_of(b, presence_loop, inbox);
    presence_message *m = container_of(item, presence_message, item);

    if (m->question)
        presence_question_visit(m->question, l);
    else
        report_take(l, container_of(m, report, base));
}

static void on_taken(inbox *b) { work(container_of(b, presence_loop, inbox)); }

static void on_drop(inbox *b, inbox_item *item)
{
    presence_message *m = container_of(item, presence_message, item);

    (void)b;
    if (m->question)
        presence_question_drop(m->question);
    else
        report_free(container_of(m, report, base));
}

/* ---- life ------------------------------------------------------------------------------------------ */

static presence_store *store_new(presence_loop *l, app *a, unsigned index)
{
    presence_shared_options o = {.code = a->opt.node_code, .index = index,
                                 .grace_ms = a->opt.presence_grace_ms,
                                 .remembered = REMEMBERED, .audit_ms = AUDIT_MS, .changed = on_change,
                                 .arg = l,
                                 .moves = a->opt.recovery_ms > 0};

    if (!a->opt.redis_url)
        return presence_memory_new(o.grace_ms, REMEMBERED, on_change, l);
    o.loop = net_loop(sio_home_net(a->io, index));
    return presence_shared_new(&o);
}

void presence_redis(app *a, unsigned loop, redis *r)
{
    presence_store *s = a->presence->loop[loop].store;

    if (r)
        presence_shared_up(s, r);
    else
        presence_shared_down(s);
}

int presence_loop_init(presence_loop *l, app *a, unsigned index)
{
    *l = (presence_loop){.a = a, .inbox = {.io = a->io, .loop = index, .take = on_take, .taken = on_taken}};
    list_init(&l->follows.waiting);
    l->news = presence_news_new(a->opt.presence_interval_ms, on_tell, l);
    l->store = store_new(l, a, index);
    return l->news && l->store ? 0 : SIO_ENOMEM;
}

void presence_loop_fini(presence_loop *l)
{
    inbox_drop_all(&l->inbox, on_drop);
    presence_follows_fini(&l->follows);
    presence_news_free(l->news);
    if (l->store)
        l->store->ops->free(l->store);
}
