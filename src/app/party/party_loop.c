/* What one loop owns: the viewers of its parties. Reports of all loops come in by its inbox; answers go
 * back the same way. */
#include "app/party/party_int.h"

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

    if (!r->answered) {
        count(l, r);
        if (r->fn) {
            r->answered = true;
            inbox_put(&r->a->party->loop[r->home].inbox, &r->item);
            return;
        }
    } else {
        r->fn(r->arg, 0, r->count);
    }
    report_free(r);
}

static void on_taken(inbox *b) { tick(container_of(b, party_loop, inbox)); }

static void on_drop(inbox *b, inbox_item *item)
{
    report *r = container_of(item, report, item);

    (void)b;
    if (r->fn)
        r->fn(r->arg, SIO_ECLOSED, 0);
    report_free(r);
}

/* ---- life ------------------------------------------------------------------------------------------ */

int party_loop_init(party_loop *l, app *a, unsigned index)
{
    party_rules rules = {.announce_limit = a->opt.party_announce_limit,
                         .interval_ms = a->opt.party_count_interval_ms};

    *l = (party_loop){.a = a, .inbox = {.io = a->io, .loop = index, .take = on_take, .taken = on_taken}};
    l->hall = party_hall_new(&rules, on_tell, l);
    return l->hall ? 0 : SIO_ENOMEM;
}

void party_loop_fini(party_loop *l)
{
    inbox_drop_all(&l->inbox, on_drop);
    party_hall_free(l->hall);
}
