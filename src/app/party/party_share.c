/* Who watches here, and what of it is to be written; party_share_write.c writes it. */
#include "app/party/party_share_int.h"

#include <stdio.h>
#include <stdlib.h>

static sio_str key_put(char out[PARTY_KEY_MAX], int n)
{
    return (sio_str){out, (size_t)(n < PARTY_KEY_MAX ? n : PARTY_KEY_MAX - 1)};
}

sio_str party_key_viewers(sio_str party, char out[PARTY_KEY_MAX])
{
    return key_put(out, snprintf(out, PARTY_KEY_MAX, "partyline:viewers:{%.*s}", (int)party.n, party.p));
}

sio_str party_key_here(sio_str party, sio_str code, char out[PARTY_KEY_MAX])
{
    return key_put(out, snprintf(out, PARTY_KEY_MAX, "partyline:viewers:{%.*s}:%.*s", (int)party.n, party.p,
                                 (int)code.n, code.p));
}

sio_str party_key_told(sio_str party, char out[PARTY_KEY_MAX])
{
    return party_key_here(party, sio_str_z("told"), out);
}

sio_str party_key_register(sio_str code, unsigned index, char out[PARTY_KEY_MAX])
{
    return key_put(out,
                   snprintf(out, PARTY_KEY_MAX, "partyline:{%.*s}:parties:%u", (int)code.n, code.p, index));
}

/* ---- places and watchers ---------------------------------------------------------------------------- */

static sio_str key_of_watcher(const void *object) { return watcher_id(object); }
static sio_str key_of_place(const void *object) { return place_id(object); }

place *party_place(party_share *s, sio_str party) { return map_get(&s->places, party); }

static place *party_place_make(party_share *s, sio_str party)
{
    place *p = party_place(s, party);

    if (p)
        return p;
    p = calloc(1, sizeof(*p) + party.n);
    if (!p)
        abort();
    p->s = s;
    map_init(&p->watchers, key_of_watcher);
    loop_timer_init(&p->ask, party_share_on_ask);
    p->id_len = (uint32_t)party.n;
    memcpy(p->id, party.p, party.n);
    if (map_put(&s->places, p) < 0)
        abort();
    return p;
}

/* Not while the register is being swept, or is to be: what is still to be found in the party would be lost.
 * The sweep strikes it. */
static void strike(place *p)
{
    char key[PARTY_KEY_MAX];

    if (p->s->r && p->session && !p->s->sweeping && !p->s->sweep_again)
        redis_cmd(p->s->r, NULL, NULL, "SREM", party_key_register(sio_str_z(p->s->code), p->s->o.index, key),
                  place_id(p));
}

void party_place_drop(place *p)
{
    if (p->watchers.n > 0 || p->asking || loop_timer_is_set(&p->ask))
        return;
    strike(p);
    map_del(&p->s->places, place_id(p));
    map_fini(&p->watchers);
    free(p);
}

static void list_put(watcher *w, watcher_list to)
{
    party_share *s = w->p->s;

    w->in = to;
    w->p->kept += to == WATCHERS_KEPT;
    s->n[to]++;
    list_add_tail(&s->lists[to], &w->link);
}

void party_watcher_to(watcher *w, watcher_list to)
{
    w->p->s->n[w->in]--;
    w->p->kept -= w->in == WATCHERS_KEPT;
    list_del(&w->link);
    list_put(w, to);
}

static watcher *watcher_of(place *p, sio_str user)
{
    watcher *w = map_get(&p->watchers, user);

    if (w)
        return w;
    w = calloc(1, sizeof(*w) + user.n);
    if (!w)
        abort();
    w->p = p;
    w->id_len = (uint32_t)user.n;
    memcpy(w->id, user.p, user.n);
    list_init(&w->link);
    if (map_put(&p->watchers, w) < 0)
        abort();
    list_put(w, WATCHERS_DUE);
    return w;
}

void party_watcher_free(watcher *w)
{
    place *p = w->p;

    party_share_answer(w, party_share_local(p), true);
    p->s->n[w->in]--;
    p->kept -= w->in == WATCHERS_KEPT;
    list_del(&w->link);
    map_del(&p->watchers, watcher_id(w));
    free(w);
    party_place_drop(p);
}

int64_t party_share_local(const place *p) { return party_hall_count(p->s->local, place_id(p)); }

/* ---- telling and answering -------------------------------------------------------------------------- */

void party_share_tell(place *p, const watcher *w, bool left, int64_t count)
{
    party_told t = {.party = place_id(p), .left = left, .count = count};

    if (w)
        t.user = watcher_id(w);
    if (w && !left)
        t.socket = (sio_str){w->socket, w->socket_len};
    p->count = count;
    p->s->o.tell(p->s->o.arg, &t);
}

void party_share_answer(watcher *w, int64_t count, bool all)
{
    waiter **at = &w->waiters, *due = NULL, **end = &due;

    while (*at) {
        waiter *it = *at;

        if (!all && it->step > w->step) {
            at = &it->next;
            continue;
        }
        *at = it->next;
        *end = it;
        end = &it->next;
    }
    *end = NULL;
    for (waiter *it = due, *next; it; it = next) {
        next = it->next;
        it->fn(it->arg, count);
        free(it);
    }
}

static void wait_for(watcher *w, party_share_fn *fn, void *arg)
{
    waiter **end = &w->waiters, *it = malloc(sizeof(*it));

    if (!it)
        abort();
    *it =
        (waiter){.fn = fn, .arg = arg, .step = w->step + w->pending + (w->in != WATCHERS_BUSY && !w->queued)};
    while (*end)
        end = &(*end)->next;
    *end = it;
}

/* ---- what the hall says ----------------------------------------------------------------------------- */

/* Without Redis: the rules, with what is here. */
static void go_alone(watcher *w, bool left)
{
    place *p = w->p;
    int64_t count = party_share_local(p);

    w->said = true;
    if (count <= p->s->o.rules.announce_limit)
        party_share_tell(p, w, left, count);
    else
        party_share_ask_in(p, p->s->o.rules.interval_ms);
}

/* A user's first device, or the last one has gone. */
static void on_local(void *arg, const party_told *t)
{
    party_share *s = arg;
    place *p = party_place_make(s, t->party);
    watcher *w = watcher_of(p, t->user);

    w->here = !t->left;
    if (!t->left && t->socket.n <= PARTY_SOCKET_MAX) {
        w->socket_len = (uint8_t)t->socket.n;
        memcpy(w->socket, t->socket.p, t->socket.n);
    }
    w->said = false;
    if (w->in != WATCHERS_BUSY && !w->queued)
        party_watcher_to(w, WATCHERS_DUE);
    else if (w->pending < PARTY_STEPS_MAX)
        w->pending++;
    else
        w->pending--; /* two that follow each other are none */
}

/* Behind every report of a user: what it changed is on its way now. */
static void proceed(party_share *s, sio_str party, sio_str user, party_share_fn *fn, void *arg)
{
    place *p = party_place(s, party);
    watcher *w = p ? map_get(&p->watchers, user) : NULL;
    bool unwritten = w && w->in != WATCHERS_KEPT;

    if (unwritten && !s->r && !w->said)
        go_alone(w, !w->here);
    if (unwritten && s->r && fn)
        wait_for(w, fn, arg);
    if (w && !s->r && !w->here && w->in != WATCHERS_BUSY)
        party_watcher_free(w); /* what Redis has of it is found again in the register */
    if (fn && !(unwritten && s->r))
        party_share_count(s, party, fn, arg);
    party_share_pump(s);
}

/* ---- the face --------------------------------------------------------------------------------------- */

void party_share_join(party_share *s, sio_str party, sio_str user, sio_str socket, party_share_fn *fn,
                      void *arg)
{
    party_hall_join(s->local, party, user, socket, (int64_t)loop_now(s->o.loop));
    proceed(s, party, user, fn, arg);
}

void party_share_leave(party_share *s, sio_str party, sio_str user, party_share_fn *fn, void *arg)
{
    party_hall_leave(s->local, party, user, (int64_t)loop_now(s->o.loop));
    proceed(s, party, user, fn, arg);
}

void party_share_count(party_share *s, sio_str party, party_share_fn *fn, void *arg)
{
    int64_t local = party_hall_count(s->local, party);

    if (!s->r || party_share_ask_count(s, party, local, fn, arg) < 0)
        fn(arg, local);
}

void party_share_recount(party_share *s, sio_str party) { party_share_ask_in(party_place_make(s, party), 0); }

unsigned party_share_unwritten(const party_share *s)
{
    return s->n[WATCHERS_DUE] + s->n[WATCHERS_STALE] + s->n[WATCHERS_BUSY];
}

/* Nobody waits for Redis to come back. What is under way there fails by itself. */
static void stop_waiting(party_share *s)
{
    list_each(it, &s->lists[WATCHERS_DUE]) {
        watcher *w = container_of(it, watcher, link);

        if (!w->said)
            go_alone(w, !w->here);
        w->queued = false;
        w->pending = 0;
        if (w->here)
            party_share_answer(w, party_share_local(w->p), true);
        else
            party_watcher_free(w);
    }
}

/* Who is in Redis, or thought to be, is written again. */
void party_share_use(party_share *s, redis *r)
{
    s->r = r;
    if (!r) {
        stop_waiting(s);
        return;
    }
    s->paused = false;
    s->session++;
    s->settled = loop_now(s->o.loop) + s->o.settle_ms;
    while (!list_empty(&s->lists[WATCHERS_KEPT]))
        party_watcher_to(container_of(s->lists[WATCHERS_KEPT].next, watcher, link), WATCHERS_STALE);
    list_each(it, &s->lists[WATCHERS_BUSY])
        container_of(it, watcher, link)->changed = true;
    party_share_sweep(s);
    party_share_pump(s);
}

/* ---- life ------------------------------------------------------------------------------------------- */

party_share *party_share_new(const party_share_options *o)
{
    party_rules all = {.announce_limit = INT64_MAX, .interval_ms = o->rules.interval_ms};
    party_share *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->o = *o;
    snprintf(s->code, sizeof(s->code), "%s", o->code);
    s->o.code = s->code;
    s->write.text = party_write_script;
    s->tell.text = party_tell_script;
    map_init(&s->places, key_of_place);
    for (int i = 0; i < WATCHER_LISTS; i++)
        list_init(&s->lists[i]);
    loop_timer_init(&s->resume, party_share_on_resume);
    s->local = party_hall_new(&all, on_local, s); /* it tells of everybody who comes and goes */
    if (s->local)
        return s;
    free(s);
    return NULL;
}

static void place_free(place *p)
{
    uint32_t at = 0;
    watcher *w;

    loop_timer_cancel(p->s->o.loop, &p->ask);
    while ((w = map_next(&p->watchers, &at))) {
        party_share_answer(w, 0, true);
        free(w);
    }
    map_fini(&p->watchers);
    free(p);
}

void party_share_free(party_share *s)
{
    uint32_t at = 0;
    place *p;

    if (!s)
        return;
    loop_timer_cancel(s->o.loop, &s->resume);
    while ((p = map_next(&s->places, &at)))
        place_free(p);
    map_fini(&s->places);
    party_hall_free(s->local);
    free(s);
}
