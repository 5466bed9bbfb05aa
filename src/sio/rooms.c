/* Rooms of one namespace on one loop: dense arrays both ways, 32 bytes a membership, a few nanoseconds a
 * member to walk. */
#include "sio/sio_int.h"

#include <stdlib.h>

#define SHRINKABLE 64 /* places */

room *room_find(const ns_shard *ns, sio_str name)
{
    return map_get(&ns->rooms, name);
}

static room *room_new(ns_shard *ns, sio_str name)
{
    room *r = calloc(1, offsetof(room, name) + name.n + 1);

    if (!r)
        return NULL;
    r->cap = 1;
    r->m = &r->one;
    r->name_len = (uint8_t)name.n;
    memcpy(r->name, name.p, name.n);
    if (map_put(&ns->rooms, r) < 0) {
        free(r);
        return NULL;
    }
    stat_add(&ns->shard->stats->rooms, 1);
    adapter_room(ns->ns, name, false, true);
    if (ns->ns->table->on_room_created)
        ns->ns->table->on_room_created(ns->ns, (sio_str){r->name, r->name_len});
    return r;
}

static void room_delete(ns_shard *ns, room *r)
{
    sio_str name = {r->name, r->name_len};

    stat_sub(&ns->shard->stats->rooms, 1);
    adapter_room(ns->ns, name, false, false);
    map_del(&ns->rooms, name);
    if (ns->ns->table->on_room_deleted)
        ns->ns->table->on_room_deleted(ns->ns, name);
    if (r->cap > 1)
        free(r->m);
    free(r);
}

/* ---- both arrays grow by doubling ---- */

static bool room_grow(room *r)
{
    member *m;

    if (r->n < r->cap)
        return true;
    if (!(m = realloc(r->cap > 1 ? r->m : NULL, 2 * (size_t)r->cap * sizeof *m)))
        return false;
    if (r->cap == 1)
        m[0] = r->one;
    r->m = m;
    r->cap *= 2;
    return true;
}

/* A room that most have left gives memory back, and has still twice what it needs. */
static void room_shrink(room *r)
{
    member *m;

    if (r->cap < SHRINKABLE || r->n > r->cap / 4)
        return;
    if (!(m = realloc(r->m, r->cap / 2 * sizeof *m)))
        return;
    r->m = m;
    r->cap /= 2;
}

static bool socket_grow(sio_socket *s)
{
    uint16_t cap = s->caprooms ? (uint16_t)(s->caprooms * 2) : 1;
    membership *m;

    if (s->nrooms < s->caprooms)
        return true;
    if (!(m = realloc(s->rooms, cap * sizeof *m)))
        return false;
    s->rooms = m;
    s->caprooms = cap;
    return true;
}

static int membership_find(const sio_socket *s, const room *r)
{
    for (int k = 0; k < s->nrooms; k++)
        if (s->rooms[k].room == r)
            return k;
    return -1;
}

#define FEW_ROOMS 4 /* are looked through by name sooner than a name is hashed */

int room_place(const sio_socket *s, sio_str name)
{
    const room *r;

    if (s->nrooms > FEW_ROOMS) {
        r = room_find(s->ns, name);
        return r ? membership_find(s, r) : -1;
    }
    for (int k = 0; k < s->nrooms; k++) {
        r = s->rooms[k].room;
        if (r->name_len == name.n && memcmp(r->name, name.p, name.n) == 0)
            return k;
    }
    return -1;
}

/* ---- joining and leaving ---- */

int room_join(sio_socket *s, sio_str name)
{
    room *r = room_find(s->ns, name);

    if (name.n > SIO_MAX_ROOM)
        return SIO_ETOOBIG;
    if ((r && membership_find(s, r) >= 0) || sio_str_eq(name, (sio_str){s->id, SIO_ID_LEN}))
        return 0;
    if (s->nrooms >= s->ns->ns->io->opt.max_rooms)
        return SIO_ELIMIT;
    if (!r && !(r = room_new(s->ns, name)))
        return SIO_ENOMEM;
    if (!room_grow(r) || !socket_grow(s)) {
        if (r->n == 0)
            room_delete(s->ns, r);
        return SIO_ENOMEM;
    }
    r->m[r->n] = (member){s, s->nrooms};
    s->rooms[s->nrooms++] = (membership){r, r->n++};
    return 0;
}

/* The last member takes the place of the one that leaves, and likewise in the socket's list. */
static void leave_at(sio_socket *s, int k)
{
    room *r = s->rooms[k].room;
    uint32_t at = s->rooms[k].at;

    r->m[at] = r->m[--r->n];
    r->m[at].socket->rooms[r->m[at].k].at = at;
    s->rooms[k] = s->rooms[--s->nrooms];
    if (k < s->nrooms)
        s->rooms[k].room->m[s->rooms[k].at].k = (uint32_t)k;
    if (r->n == 0)
        room_delete(s->ns, r);
    else
        room_shrink(r);
}

void room_leave(sio_socket *s, sio_str name)
{
    int k = room_place(s, name);

    if (k >= 0)
        leave_at(s, k);
}

void room_leave_all(sio_socket *s)
{
    while (s->nrooms)
        leave_at(s, s->nrooms - 1);
    free(s->rooms);
    s->rooms = NULL;
    s->caprooms = 0;
}

/* ---- walking a selection ---- */

typedef struct walk {
    uint32_t mark;              /* 0: nobody can come twice and nobody is excluded */
    const char *skip;
    void (*fn)(sio_socket *s, void *ctx);
    void  *ctx;
} walk;

static void visit(walk *w, sio_socket *s)
{
    if (s->state != SOCKET_CONNECTED)
        return; /* guards may join rooms, but only connected sockets are reached */
    if (w->skip && memcmp(w->skip, s->id, SIO_ID_LEN) == 0)
        return;
    if (w->mark) {
        if (s->mark == w->mark)
            return;
        s->mark = w->mark;
    }
    w->fn(s, w->ctx);
}

static void mark_only(sio_socket *s, void *ctx)
{
    (void)s, (void)ctx;
}

static void visit_room(ns_shard *ns, sio_str name, walk *w)
{
    room *r = room_find(ns, name);
    sio_socket *own = name.n == SIO_ID_LEN ? map_get(&ns->sockets, name) : NULL;

    if (own)
        visit(w, own); /* every socket is in the room of its own id, without a table for it */
    for (uint32_t i = 0; r && i < r->n; i++)
        visit(w, r->m[i].socket);
}

/* Numbers start anew only after four billion selections: then old marks are wiped. */
static uint32_t next_mark(ns_shard *ns)
{
    if (++ns->mark == 0) {
        for (uint32_t i = 0; i < ns->nall; i++)
            ns->all[i]->mark = 0;
        ns->mark = 1;
    }
    return ns->mark;
}

void room_each(ns_shard *ns, const selection *sel, void (*fn)(sio_socket *s, void *ctx), void *ctx)
{
    bool once = sel->nrooms > 1 || sel->nexcept;
    walk w = {.mark = once ? next_mark(ns) : 0, .skip = sel->skip, .fn = mark_only};

    for (unsigned i = 0; i < sel->nexcept; i++)
        visit_room(ns, sel->except[i], &w);
    w.fn = fn;
    w.ctx = ctx;
    for (unsigned i = 0; i < sel->nrooms; i++)
        visit_room(ns, sel->room[i], &w);
    for (uint32_t i = 0; sel->all && i < ns->nall; i++)
        visit(&w, ns->all[i]);
}
