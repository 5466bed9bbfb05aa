/* What one loop owns: the viewers of its parties. Reports of all loops come in by its inbox; answers go
 * back the same way. */
#include "app/party/party_int.h"
#include "sio/home.h"

#include <stdlib.h>

typedef struct report {
    inbox_item      item;
    party_report    what;
    bool            answered; /* on its way home */
    unsigned        home;     /* where it came from; fn is called there */
    app            *a;
    app_user       *user;     /* held; NULL when somebody asks */
    sio_id          socket;
    party_count_fn *fn;       /* or NULL */
    void           *arg;
    int64_t         count;
    sio_str         party;
    char            text[];
} report;

/* ---- telling --------------------------------------------------------------------------------------- */

static void on_tell(void *arg, const party_told *t)
{
    const party_loop *l = arg;
    party_room room;
    sio_target to;

    if (party_room_init(&room, t->party) < 0)
        return;
    to = sio_to(l->a->ns, room.name);
    if (t->socket.p)
        to = sio_except(to, t->socket);
    if (!t->user.p)
        sio_emit(to, out_party_viewer_count, sio_obj("partyId", t->party, "viewerCount", t->count));
    else
        sio_emit(to, t->left ? out_party_viewer_left : out_party_viewer_joined,
                 sio_obj("userId", t->user, "partyId", t->party, "viewerCount", t->count));
}

static void on_tick(void *arg);

static void tick(party_loop *l)
{
    if (party_hall_tick(l->hall, app_ticks()) && !l->ticking)
        l->ticking = sio_after(l->a->io, PARTY_TICK_MS, on_tick, l) == 0;
}

static void on_tick(void *arg)
{
    ((party_loop *)arg)->ticking = false;
    tick(arg);
}

/* ---- messages -------------------------------------------------------------------------------------- */

static party_loop *owner_of(app *a, sio_str party_id)
{
    party *p = a->party;

    return &p->loop[inbox_owner(p->key, party_id, p->n)];
}

void party_send(app *a, party_report what, sio_str party_id, app_user *user, sio_id socket,
                party_count_fn *fn, void *arg)
{
    report *r = malloc(sizeof(*r) + party_id.n);

    if (!r)
        abort();
    *r = (report){.what = what, .a = a, .socket = socket, .fn = fn, .arg = arg};
    r->home = (unsigned)sio_loop(a->io);
    r->user = user ? app_user_hold(user) : NULL;
    r->party = (sio_str){r->text, party_id.n};
    memcpy(r->text, party_id.p, party_id.n);
    inbox_put(&owner_of(a, party_id)->inbox, &r->item);
}

static void report_free(report *r)
{
    app_user_drop(r->user);
    free(r);
}

static void answer(report *r, int64_t count)
{
    r->count = count;
    r->answered = true;
    inbox_put(&r->a->party->loop[r->home].inbox, &r->item);
}

static void on_counted(void *arg, int64_t count) { answer(arg, count); }

/* With other servers: the answer may take a while. */
static void count_all(party_loop *l, report *r)
{
    party_share_fn *fn = r->fn ? on_counted : NULL;

    if (r->what == PARTY_COMES)
        party_share_join(l->share, r->party, r->user->id, sio_str_z(r->socket.s), fn, r);
    else if (r->what == PARTY_GOES)
        party_share_leave(l->share, r->party, r->user->id, fn, r);
    else if (r->what == PARTY_SWEPT)
        party_share_recount(l->share, r->party);
    else if (fn)
        party_share_count(l->share, r->party, fn, r);
    if (!fn)
        report_free(r);
}

static void count(party_loop *l, report *r)
{
    if (r->what == PARTY_COMES)
        r->count = party_hall_join(l->hall, r->party, r->user->id, sio_str_z(r->socket.s), app_ticks());
    else if (r->what == PARTY_GOES)
        r->count = party_hall_leave(l->hall, r->party, r->user->id, app_ticks());
    else
        r->count = party_hall_count(l->hall, r->party);
}

static void on_take(inbox *b, inbox_item *item)
{
    party_loop *l = container_of(b, party_loop, inbox);
    report *r = container_of(item, report, item);

    if (r->answered) {
        r->fn(r->arg, 0, r->count);
        report_free(r);
    } else if (l->share) {
        count_all(l, r);
    } else {
        count(l, r);
        if (r->fn)
            answer(r, r->count);
        else
            report_free(r);
    }
}

static void on_taken(inbox *b)
{
    party_loop *l = container_of(b, party_loop, inbox);

    if (l->hall)
        tick(l);
}

static void on_drop(inbox *b, inbox_item *item)
{
    report *r = container_of(item, report, item);

    (void)b;
    if (r->fn)
        r->fn(r->arg, SIO_ECLOSED, 0);
    report_free(r);
}

/* ---- life ------------------------------------------------------------------------------------------ */

#define LEASE_MS 15000 /* when it is not set */

/* The others notice a loss with their next renewal, a third of a lease later, and take a moment to write. */
static int share_init(party_loop *l, const party_rules *rules, unsigned index)
{
    const app_options *opt = &l->a->opt;
    party_share_options o = {.loop = net_loop(sio_home_net(l->a->io, index)), .code = opt->node_code,
                             .index = index,
                             .rules = *rules, .tell = on_tell, .arg = l};

    o.settle_ms = (opt->cluster_lease_ms ? opt->cluster_lease_ms : LEASE_MS) / 3 + 1000;
    l->share = party_share_new(&o);
    return l->share ? 0 : SIO_ENOMEM;
}

int party_loop_init(party_loop *l, app *a, unsigned index)
{
    party_rules rules = {.announce_limit = a->opt.party_announce_limit,
                         .interval_ms = a->opt.party_count_interval_ms};

    *l = (party_loop){.a = a, .inbox = {.io = a->io, .loop = index, .take = on_take, .taken = on_taken}};
    if (a->opt.redis_url)
        return share_init(l, &rules, index);
    l->hall = party_hall_new(&rules, on_tell, l);
    return l->hall ? 0 : SIO_ENOMEM;
}

void party_loop_fini(party_loop *l)
{
    party_share_free(l->share); /* what waits in it for an answer gets it by the inbox */
    inbox_drop_all(&l->inbox, on_drop);
    party_hall_free(l->hall);
}

/* ---- other servers ---------------------------------------------------------------------------------- */

void party_redis(app *a, unsigned loop, redis *r) { party_share_use(a->party->loop[loop].share, r); }

/* A sweep of a dead server's viewers, on loop 0. */
typedef struct dead {
    party_sweep_options o;
    app  *a;
    bool (*goes_on)(void *arg);
    void (*done)(void *arg, int err);
    void *arg;
} dead;

static void on_gone(void *arg, sio_str party, sio_str user, int64_t count)
{
    on_tell(&((dead *)arg)->a->party->loop[0],
            &(party_told){.party = party, .user = user, .left = true, .count = count});
}

static void on_recount(void *arg, sio_str party)
{
    party_send(((dead *)arg)->a, PARTY_SWEPT, party, NULL, (sio_id){0}, NULL, NULL);
}

static bool on_goes_on(void *arg) { return ((dead *)arg)->goes_on(((dead *)arg)->arg); }

static void on_done(void *arg, int err)
{
    dead *d = arg;

    d->done(d->arg, err);
    free(d);
}

int party_sweep(app *a, redis *r, sio_str code, unsigned index, bool (*goes_on)(void *arg),
                void (*done)(void *arg, int err), void *arg)
{
    dead *d = calloc(1, sizeof(*d));
    int err;

    if (!d)
        return SIO_ENOMEM;
    *d = (dead){.a = a, .goes_on = goes_on, .done = done, .arg = arg};
    d->o = (party_sweep_options){.r = r, .code = code, .index = index, .gone = on_gone, .recount = on_recount,
                                 .goes_on = on_goes_on, .done = on_done, .arg = d};
    d->o.rules = (party_rules){a->opt.party_announce_limit, a->opt.party_count_interval_ms};
    err = party_sweep_viewers(&d->o);
    if (err < 0)
        free(d);
    return err;
}
