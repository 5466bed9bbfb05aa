/* Giving a recovered client its state back: found on the loop it lived on, applied on the loop it came to. */
#include "codec/json.h"
#include "sio/recovery_int.h"

#include <stdlib.h>

/* ---- where state lives: the home of a pid knows ---- */

typedef struct route_note {
    loop_task task;
    ns_shard *home;
    char      pid[SIO_ID_LEN];
    uint32_t  moved_to;
} route_note;

static void forget_route(ns_shard *home, const char *pid)
{
    saved *v = map_get(&home->recovery->saved, (sio_str){pid, SIO_ID_LEN});

    if (!v || v->data)
        return;
    map_del(&home->recovery->saved, (sio_str){pid, SIO_ID_LEN});
    free(v);
}

static void set_route(ns_shard *home, const char *pid, uint32_t moved_to)
{
    saved *v;

    forget_route(home, pid);
    if (moved_to == RECOVERY_NOWHERE || moved_to == home->shard->index || !(v = calloc(1, sizeof *v)))
        return;
    memcpy(v->pid, pid, SIO_ID_LEN);
    v->recovery = home->recovery;
    v->moved_to = moved_to;
    if (map_put(&home->recovery->saved, v) < 0)
        free(v);
}

static void on_note(loop_task *t)
{
    route_note *n = container_of(t, route_note, task);

    set_route(n->home, n->pid, n->moved_to);
    free(n);
}

static void on_note_drop(loop_task *t) { free(container_of(t, route_note, task)); }

void recovery_route(ns_shard *ns, const char *pid, uint32_t moved_to)
{
    unsigned home = recovery_home(pid);
    route_note *n;

    if (home >= ns->ns->io->nshards)
        return;
    if (home == ns->shard->index) {
        set_route(ns, pid, moved_to);
        return;
    }
    if (!(n = malloc(sizeof *n)))
        return;
    n->task = (loop_task){.fn = on_note, .drop = on_note_drop};
    n->home = &ns->ns->shard[home];
    n->moved_to = moved_to;
    memcpy(n->pid, pid, SIO_ID_LEN);
    loop_post(n->home->shard->loop, &n->task);
}

/* ---- matching events and sessions ---- */

static bool next_room(const saved *v, const char **p, unsigned *i, sio_str *out)
{
    if (*i >= v->nrooms)
        return false;
    out->n = (unsigned char)**p;
    out->p = *p + 1;
    *p += 1 + out->n;
    (*i)++;
    return true;
}

static bool lists_room_of(const sio_str *list, unsigned n, const saved *v)
{
    const char *p = v->rooms;
    unsigned i = 0;
    sio_str room;

    for (unsigned k = 0; k < n; k++)
        if (sio_str_eq(list[k], (sio_str){v->id, SIO_ID_LEN}))
            return true;
    while (next_room(v, &p, &i, &room))
        for (unsigned k = 0; k < n; k++)
            if (sio_str_eq(list[k], room))
                return true;
    return false;
}

bool recovery_is_for(const op *o, const saved *v)
{
    if (o->sel.skip && memcmp(o->sel.skip, v->id, SIO_ID_LEN) == 0)
        return false;
    if (o->sel.nexcept && lists_room_of(o->sel.except, o->sel.nexcept, v))
        return false;
    return o->sel.all || lists_room_of(o->sel.room, o->sel.nrooms, v);
}

/* ---- on the loop where the client lived ---- */

/* Index behind the event the client has seen last, or SIZE_MAX when the log does not reach back to it. */
static size_t find_offset(const recovery *r, const restore *q, const saved *v)
{
    for (size_t i = r->last; i > r->first; i--) {
        const op *o = r->log[i - 1].o;

        if (o->origin == q->origin && o->seq == q->seq && (!(o->flags & OP_ONE) || recovery_is_for(o, v)))
            return i;
    }
    return SIZE_MAX;
}

static bool note_seen(const recovery *r, restore *q, size_t behind)
{
    unsigned n = q->ns->io->nshards + 1;

    if (!(q->seen = malloc(n * sizeof *q->seen)))
        return false;
    memcpy(q->seen, r->base, n * sizeof *q->seen);
    for (size_t i = r->first; i < behind; i++) {
        const op *o = r->log[i].o;

        if (q->seen[o->origin] < o->seq)
            q->seen[o->origin] = o->seq;
    }
    return true;
}

static void note_missed(const recovery *r, restore *q, size_t behind)
{
    ns_shard *to = &q->ns->shard[q->asker];

    if (!(q->missed = calloc(r->last - behind + 1, sizeof *q->missed)))
        return;
    for (size_t i = behind; i < r->last; i++) {
        const op *o = r->log[i].o;
        op *copy = NULL;

        if (!recovery_is_for(o, q->found) || !o->parcel.head)
            continue;
        if ((o->flags & OP_ONE) && !(copy = op_copy(o, to, to == r->ns)))
            continue;
        q->missed[q->nmissed++] = (missed){copy, o->origin, o->seq};
    }
}

static void take_state(recovery *r, restore *q, saved *v, size_t behind)
{
    if (!note_seen(r, q, behind))
        return;
    q->found = v;
    note_missed(r, q, behind);
    recovery_saved_take(r, v);
    loop_timer_cancel(r->ns->shard->loop, &v->expiry);
    recovery_route(r->ns, v->pid, q->asker);
}

static void answer(restore *q);
static void look(restore *q);

static void on_drop(loop_task *t);

static void on_look(loop_task *t)
{
    look(container_of(t, restore, task));
}

static void on_answer(loop_task *t)
{
    answer(container_of(t, restore, task));
}

static void go(restore *q, unsigned to, void (*fn)(loop_task *t))
{
    q->task = (loop_task){.fn = fn, .drop = on_drop};
    if (to == q->at) {
        fn(&q->task);
        return;
    }
    q->at = to;
    loop_post(q->ns->io->shard[to].loop, &q->task);
}

static void look(restore *q)
{
    recovery *r = q->ns->shard[q->at].recovery;
    saved *v = map_get(&r->saved, (sio_str){q->pid, SIO_ID_LEN});
    size_t behind;

    if (v && !v->data && q->hops++ < 2) {
        go(q, v->moved_to, on_look);
        return;
    }
    if (v && v->data && (behind = find_offset(r, q, v)) != SIZE_MAX)
        take_state(r, q, v, behind);
    go(q, q->asker, on_answer);
}

/* ---- on the loop where it came back ---- */

void recovery_join_rooms(sio_socket *s, const saved *v)
{
    const char *p = v->rooms;
    unsigned i = 0;
    sio_str room;

    while (next_room(v, &p, &i, &room))
        room_join(s, room);
}

static void adopt(sio_socket *s, const saved *v)
{
    memcpy(s->id, v->id, SIO_ID_LEN);
    if (socket_extra_get(s))
        memcpy(s->extra->pid, v->pid, SIO_ID_LEN);
    memcpy(s->data, v->data, s->ns->ns->table->opt.data_size);
    s->recovered = true;
    recovery_join_rooms(s, v);
}

static void answer(restore *q)
{
    sio_in *in = q->in;
    sio_socket *s = in->socket;

    q->in = NULL;
    if (!q->found || !s->connecting) {
        if (q->found)
            recovery_route(s->ns, q->found->pid, RECOVERY_NOWHERE);
        recovery_restore_free(q, s->ns);
        q = NULL;
    } else {
        adopt(s, q->found);
        free(q->found->data); /* its contents moved */
        q->found->data = NULL;
    }
    connect_resume(in, q);
    sio_release(in);
}

void recovery_restore_free(restore *q, ns_shard *ns)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->nmissed; i++)
        if (q->missed[i].o)
            op_free(q->missed[i].o);
    if (q->found)
        recovery_saved_free(q->found, ns);
    free(q->missed);
    free(q->seen);
    if (q->there)
        restored_free(q->there); /* q is a part of it */
    else
        free(q);
}

static void on_drop(loop_task *t)
{
    restore *q = container_of(t, restore, task);

    sio_release(q->in);
    recovery_restore_free(q, &q->ns->shard[q->at]);
}

/* ---- replaying ---- */

typedef struct replay {
    sio_socket *s;
    restore    *q;
    size_t      at[EIO_MAX_LOOPS + 1]; /* per origin: where to look on in the log */
    op        **sent;                  /* copies to be logged */
    size_t      n;
} replay;

/* Walks each origin's events once: they have the same order on all loops. NULL when it has not come here yet;
 * then it will by itself. */
static op *find_in_log(replay *p, const missed *m)
{
    const recovery *r = p->s->ns->recovery;

    for (size_t i = p->at[m->origin] > r->first ? p->at[m->origin] : r->first; i < r->last; i++) {
        op *o = r->log[i].o;

        if (o->origin != m->origin || (o->flags & OP_ONE) || o->seq < m->seq)
            continue;
        if (o->seq > m->seq)
            return NULL;
        p->at[m->origin] = i + 1;
        return o;
    }
    return NULL;
}

static void remember(replay *p, uint64_t seq, unsigned origin, const parcel *parcel)
{
    op *copy = recovery_op_for(p->s, seq, origin, parcel);

    if (copy)
        p->sent[p->n++] = copy;
}

static void play(replay *p, op *o)
{
    socket_send(p->s, &o->parcel);
    remember(p, o->seq, o->origin, &o->parcel);
    if (p->q->seen[o->origin] < o->seq)
        p->q->seen[o->origin] = o->seq;
}

/* First what its old loop knows it missed, in that order, then what has only come by here. */
static void play_all(replay *p)
{
    const recovery *r = p->s->ns->recovery;

    for (size_t i = 0; i < p->q->nmissed; i++) {
        const missed *m = &p->q->missed[i];
        op *o = m->o ? m->o : find_in_log(p, m);

        if (o)
            play(p, o);
    }
    for (size_t i = r->first; i < r->last; i++) {
        op *o = r->log[i].o;

        if (!(o->flags & OP_ONE) && o->seq > p->q->seen[o->origin] && recovery_is_for(o, p->q->found))
            play(p, o);
    }
}

static void replay_here(sio_socket *s, restore *q)
{
    recovery *r = s->ns->recovery;
    replay p = {.s = s, .q = q, .sent = calloc(q->nmissed + r->last - r->first + 1, sizeof(op *))};
    const parcel none = {0};

    if (!p.sent)
        abort(); /* as large as the log's own table */
    remember(&p, q->seq, q->origin, &none);
    play_all(&p);
    for (size_t i = 0; i < p.n; i++)
        recovery_append(r, p.sent[i]);
    free(p.sent);
}

void recovery_replay(sio_socket *s, restore *q)
{
    if (q->there)
        restored_replay(s, q->there);
    else
        replay_here(s, q);
    recovery_restore_free(q, s->ns);
}

/* ---- asking ---- */

static bool text_of(sio_val auth, const char *key, sio_str *out)
{
    return sio_text(sio_get(auth, key), NULL, out); /* ours have no escapes */
}

static bool request_here(client *c, sio_ns *ns, sio_str auth, const sio_bins *bins, sio_str pid,
                         sio_str offset)
{
    restore *q;
    sio_socket *s;

    if (recovery_home(pid.p) >= ns->io->nshards || !(q = calloc(1, sizeof *q)))
        return false;
    if (!recovery_parse_offset(ns->io, offset, &q->origin, &q->seq)) {
        free(q);
        return false;
    }
    if (!(s = connect_new(c, ns, auth))) { /* the client was closed for it: nothing to go on with */
        free(q);
        return true;
    }
    q->ns = ns;
    q->asker = q->at = c->shard->index;
    memcpy(q->pid, pid.p, SIO_ID_LEN);
    q->in = connect_keep(s, auth, bins);
    go(q, recovery_home(pid.p), on_look);
    return true;
}

bool recovery_request(client *c, sio_ns *ns, sio_str auth, const sio_bins *bins)
{
    sio_val v = {.kind = SIO_JSON, .s = auth};
    sio_str pid, offset;

    if (!text_of(v, "pid", &pid) || !text_of(v, "offset", &offset) || pid.n != SIO_ID_LEN)
        return false;
    return (ns->io->recovers_there ? restored_request : request_here)(c, ns, auth, bins, pid, offset);
}
