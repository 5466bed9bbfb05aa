/* What sockets report, and what of it is to be written; presence_write.c writes it. */
#include "app/presence/presence_shared_int.h"

#include <stdio.h>
#include <stdlib.h>

sio_str presence_register(sio_str code, unsigned index, char out[PRESENCE_REGISTER_MAX])
{
    int n = snprintf(out, PRESENCE_REGISTER_MAX, "partyline:{%.*s}:sockets:%u",
                     (int)(code.n < 8 ? code.n : 8), code.p, index);

    return (sio_str){out, (size_t)n};
}

/* ---- members ---------------------------------------------------------------------------------------- */

static sio_str key_of(const void *object) { return member_id(object); }

member *presence_member(const presence_shared *s, sio_str user) { return map_get(&s->members, user); }

static void list_put(presence_shared *s, member *m, member_list to)
{
    m->in = to;
    s->n[to]++;
    list_add_tail(&s->lists[to], &m->link);
}

void presence_member_to(presence_shared *s, member *m, member_list to)
{
    s->n[m->in]--;
    list_del(&m->link);
    list_put(s, m, to);
}

static member *member_of(presence_shared *s, sio_str user)
{
    member *m = presence_member(s, user);

    if (m)
        return m;
    m = calloc(1, offsetof(member, id) + user.n);
    if (!m)
        abort();
    m->s = s;
    m->status = PRESENCE_ONLINE;
    m->id_len = (uint32_t)user.n;
    memcpy(m->id, user.p, user.n);
    if (map_put(&s->members, m) < 0)
        abort();
    list_init(&m->link);
    list_put(s, m, MEMBERS_DUE);
    return m;
}

void presence_member_free(presence_shared *s, member *m)
{
    s->n[m->in]--;
    list_del(&m->link);
    map_del(&s->members, member_id(m));
    free(m->ties);
    free(m);
}

/* Something of the member changed: it is written, once what is being written of it is done. */
static void note(presence_shared *s, member *m)
{
    if (m->in == MEMBERS_BUSY)
        m->changed = true;
    else if (m->in != MEMBERS_DUE)
        presence_member_to(s, m, MEMBERS_DUE);
    presence_pump(s);
}

void presence_announce(presence_shared *s, const member *m, enum presence_status before, sio_str chosen_by)
{
    presence_change ch = {.user = member_id(m), .before = before, .chosen_by = chosen_by, .now = m->gone};

    if (m->here)
        ch.now = (presence_seen){.status = m->status, .wall = m->status_wall};
    s->o.changed(s->o.arg, &ch);
}

/* ---- sockets ---------------------------------------------------------------------------------------- */

static tie *tie_find(const member *m, sio_str id)
{
    for (unsigned i = 0; i < m->nties; i++)
        if (sio_str_eq(tie_id(&m->ties[i]), id))
            return &m->ties[i];
    return NULL;
}

static tie *tie_of(member *m, sio_str id)
{
    tie *t = tie_find(m, id);

    if (t)
        return t;
    if (m->nties == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 1; /* most users have one */
        m->ties = realloc(m->ties, m->cap * sizeof(*t));
        if (!m->ties)
            abort();
    }
    t = &m->ties[m->nties++];
    *t = (tie){.id_len = (uint8_t)id.n};
    memcpy(t->id, id.p, id.n);
    return t;
}

static bool has_open(const member *m)
{
    for (unsigned i = 0; i < m->nties; i++)
        if (!m->ties[i].closed)
            return true;
    return false;
}

static void untie_closed(member *m)
{
    for (unsigned i = 0; i < m->nties; i++)
        m->ties[i].wanted = m->ties[i].wanted && !m->ties[i].closed;
}

/* ---- what the memory store says --------------------------------------------------------------------- */

static void on_came(presence_shared *s, member *m, const presence_change *ch)
{
    m->here = true;
    m->found = false;
    m->fresh = true;
    m->said = false;
    m->status = ch->now.status;
    m->status_wall = ch->now.wall;
    if (!s->r) {
        m->said = true;
        presence_announce(s, m, PRESENCE_OFFLINE, (sio_str){0});
    }
}

/* Without Redis nothing is kept of who has gone: what is in it of them is found again in the register. */
static void on_went(presence_shared *s, member *m, const presence_change *ch)
{
    m->here = m->fresh = m->chosen = false;
    m->gone = ch->now;
    for (unsigned i = 0; i < m->nties; i++)
        m->ties[i].wanted = false;
    if (s->r) {
        note(s, m);
        return;
    }
    presence_announce(s, m, ch->before, (sio_str){0});
    if (m->in != MEMBERS_BUSY)
        presence_member_free(s, m);
}

static void on_local(void *arg, const presence_change *ch)
{
    presence_shared *s = arg;
    member *m = presence_member(s, ch->user);

    if (s->quiet || !m)
        return;
    if (ch->chosen_by.p) {
        m->status = ch->now.status;
        m->status_wall = ch->now.wall;
        m->chosen = true;
        m->said = !s->r;
        presence_announce(s, m, ch->before, ch->chosen_by);
        note(s, m);
    } else if (ch->now.status == PRESENCE_OFFLINE) {
        on_went(s, m, ch);
    } else {
        on_came(s, m, ch);
    }
}

void presence_member_adopt(presence_shared *s, member *m, enum presence_status status)
{
    presence_now now = {.ms = (int64_t)loop_now(s->o.loop), .wall = loop_wall(s->o.loop)};

    m->status = status;
    s->quiet = true;
    s->local->ops->choose(s->local, member_id(m), sio_str_z("?"), status, now);
    s->quiet = false;
}

void presence_member_found(presence_shared *s, const presence_entry *e)
{
    member *m = presence_member(s, e->user);

    if (e->socket.n > SOCKET_ID_MAX || (m && tie_find(m, e->socket)))
        return;
    if (!m) {
        m = member_of(s, e->user);
        m->found = true;
        m->gone = (presence_seen){PRESENCE_OFFLINE, loop_wall(s->o.loop)};
    }
    m->touched = true;
    tie_of(m, e->socket)->closed = true;
    note(s, m);
}

/* ---- the face --------------------------------------------------------------------------------------- */

static void on_open(presence_store *face, sio_str user, sio_str socket, bool recovered, presence_now now)
{
    presence_shared *s = shared_of(face);
    member *m;
    tie *t;

    if (socket.n > SOCKET_ID_MAX)
        return;
    m = member_of(s, user);
    t = tie_of(m, socket);
    t->closed = false;
    t->wanted = true;
    t->moved = recovered && s->o.moves;
    untie_closed(m);
    s->local->ops->open(s->local, user, socket, recovered, now);
    m->seen_wall = now.wall;
    note(s, m);
}

static void on_close(presence_store *face, sio_str user, sio_str socket, presence_now now)
{
    presence_shared *s = shared_of(face);
    member *m = presence_member(s, user);
    tie *t = m ? tie_find(m, socket) : NULL;

    if (!t || t->closed)
        return;
    t->closed = true;
    if (has_open(m)) {
        untie_closed(m);
        note(s, m);
    }
    s->local->ops->close(s->local, user, socket, now); /* the member may be gone now */
}

static void on_choose(presence_store *face, sio_str user, sio_str socket, enum presence_status status,
                      presence_now now)
{
    presence_store *local = shared_of(face)->local;

    local->ops->choose(local, user, socket, status, now);
}

static bool on_tick(presence_store *face, presence_now now)
{
    presence_store *local = shared_of(face)->local;

    return local->ops->tick(local, now);
}

static void on_free(presence_store *face)
{
    presence_shared *s = shared_of(face);
    uint32_t at = 0;
    member *m;

    loop_timer_cancel(s->o.loop, &s->audit);
    loop_timer_cancel(s->o.loop, &s->resume);
    while ((m = map_next(&s->members, &at))) {
        free(m->ties);
        free(m);
    }
    map_fini(&s->members);
    free(s->own.entries);
    s->local->ops->free(s->local);
    free(s);
}

static const presence_store_ops shared_ops = {
    .open = on_open, .close = on_close, .choose = on_choose,
    .look = presence_shared_look, .tick = on_tick, .free = on_free,
};

/* ---- life ------------------------------------------------------------------------------------------- */

presence_store *presence_shared_new(const presence_shared_options *o)
{
    presence_shared *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->face.ops = &shared_ops;
    s->o = *o;
    s->status.text = presence_status_script;
    map_init(&s->members, key_of);
    for (int i = 0; i < MEMBER_LISTS; i++)
        list_init(&s->lists[i]);
    loop_timer_init(&s->audit, presence_on_audit);
    loop_timer_init(&s->resume, presence_on_resume);
    snprintf(s->code, sizeof(s->code), "%s", o->code);
    s->o.code = s->code;
    presence_register(sio_str_z(s->code), o->index, s->key);
    s->local = presence_memory_new(o->grace_ms, o->remembered, on_local, s);
    if (s->local)
        return &s->face;
    free(s);
    return NULL;
}

/* Whoever is in Redis, or thought to be, is written again: what was sent may have been lost on the way. */
void presence_shared_up(presence_store *face, redis *r)
{
    presence_shared *s = shared_of(face);

    s->r = r;
    s->paused = false;
    s->session++;
    while (!list_empty(&s->lists[MEMBERS_KEPT]))
        presence_member_to(s, container_of(s->lists[MEMBERS_KEPT].next, member, link), MEMBERS_STALE);
    list_each(it, &s->lists[MEMBERS_BUSY])
        container_of(it, member, link)->changed = true;
    presence_sweep_own(s);
    loop_timer_set(s->o.loop, &s->audit, s->o.audit_ms);
    presence_pump(s);
}

void presence_shared_down(presence_store *face)
{
    presence_shared *s = shared_of(face);

    s->r = NULL;
    loop_timer_cancel(s->o.loop, &s->audit);
    list_each(it, &s->lists[MEMBERS_DUE]) {
        member *m = container_of(it, member, link);

        if (m->here ? m->fresh && !m->said : !m->found)
            presence_announce(s, m, m->here ? PRESENCE_OFFLINE : m->status, (sio_str){0});
        m->said = true;
        if (!m->here)
            presence_member_free(s, m); /* the register has what Redis has of it */
    }
}

void presence_shared_gone(presence_store *face, sio_str user, presence_now now)
{
    presence_shared *s = shared_of(face);
    const member *m = presence_member(s, user);
    presence_change ch = {.user = user, .before = PRESENCE_ONLINE, .now = {PRESENCE_OFFLINE, now.wall}};

    if (!m || !m->here)
        s->o.changed(s->o.arg, &ch);
}

unsigned presence_shared_unwritten(const presence_store *face)
{
    const presence_shared *s = container_of(face, const presence_shared, face);

    return s->n[MEMBERS_DUE] + s->n[MEMBERS_STALE] + s->n[MEMBERS_BUSY];
}
