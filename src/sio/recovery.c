/* Connection state recovery, in memory, over several loops.
 *
 * Every event that can be recovered is numbered by the loop it starts on: its offset is (origin, seq).
 * Each loop logs what passes by. Posts between two loops keep their order, so all loops see the events of
 * one origin in the same order, and what a client has seen is described exactly by one number per origin,
 * however the streams were mixed on its loop.
 *
 * A lost socket's state stays on the loop it lived on; the first character of its private id (pid) names
 * the loop that knows where that is. A client that comes back on another loop gets its state from there
 * together with those numbers and the order of what it missed; the events themselves, but for those to it
 * alone, are in its new loop's own log.
 *
 * What is replayed is logged once more, as events for that client alone, behind a mark (an event without
 * a packet) for the offset it came with. So the log holds everything a client got in the order it got it:
 * it may be lost again at any point. */
#include "base/log.h"
#include "base/rand.h"
#include "sio/recovery_int.h"

#include <stdio.h>
#include <stdlib.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int digit_of(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

unsigned recovery_home(const char *pid)
{
    int home = digit_of(pid[0]);

    return home < 0 ? 0 : (unsigned)home;
}

void recovery_give_pid(sio_socket *s)
{
    socket_extra *x = s->ns->ns->io->opt.recovery_ms ? socket_extra_get(s) : NULL;

    if (!x)
        return;
    rand_id(x->pid, SIO_ID_LEN);
    x->pid[0] = alphabet[s->ns->shard->index];
}

/* ---- offsets: a letter for the origin ('.' = a thread outside the loops), then the number ---- */

static unsigned outside(const sio_server *io)
{
    return io->nshards;
}

uint64_t recovery_stamp(sio_ns *ns, const shard *here, unsigned *origin, char out[24], sio_str *text)
{
    uint64_t seq;
    int n;

    if (here) {
        *origin = here->index;
        seq = ++ns->shard[here->index].recovery->own_seq;
    } else {
        pthread_mutex_lock(&ns->outside); /* until it was posted: all loops must see one order */
        *origin = outside(ns->io);
        seq = ++ns->outside_seq;
    }
    n = snprintf(out, 24, "%c%llx", here ? alphabet[*origin] : '.', (unsigned long long)seq);
    *text = (sio_str){out, (size_t)n};
    return seq;
}

void recovery_unlock(sio_ns *ns, const shard *here)
{
    if (!here)
        pthread_mutex_unlock(&ns->outside);
}

bool recovery_parse_offset(const sio_server *io, sio_str text, unsigned *origin, uint64_t *seq)
{
    char number[20], *end;
    int digit = text.n ? digit_of(text.p[0]) : -1;

    if (text.n < 2 || text.n > sizeof number)
        return false;
    *origin = text.p[0] == '.' ? outside(io) : (unsigned)digit;
    if (text.p[0] != '.' && (digit < 0 || *origin >= io->nshards))
        return false;
    memcpy(number, text.p + 1, text.n - 1);
    number[text.n - 1] = 0;
    *seq = strtoull(number, &end, 16);
    return *end == 0;
}

/* ---- the log ---- */

static size_t entry_bytes(const op *o)
{
    size_t n = sizeof *o + (o->parcel.head ? o->parcel.head->n : 0);

    for (unsigned i = 0; i < o->parcel.nbins; i++)
        n += o->parcel.bin[i]->n;
    return n;
}

static void drop_first(recovery *r)
{
    logged *e = &r->log[r->first++];

    if (r->base[e->o->origin] < e->o->seq) /* what was replayed is logged again, out of turn */
        r->base[e->o->origin] = e->o->seq;
    r->bytes -= entry_bytes(e->o);
    op_free(e->o);
    if (r->first * 2 > r->cap) {
        memmove(r->log, r->log + r->first, (r->last - r->first) * sizeof *r->log);
        r->last -= r->first;
        r->first = 0;
    }
}

static void prune(recovery *r)
{
    uint64_t now = loop_now(r->ns->shard->loop), keep = r->ns->ns->io->opt.recovery_ms;

    while (r->first < r->last && (r->log[r->first].at + keep < now || r->bytes > RECOVERY_MAX_BYTES))
        drop_first(r);
}

void recovery_append(recovery *r, op *copy)
{
    if (r->last == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        logged *grown = realloc(r->log, cap * sizeof *grown);

        if (!grown) {
            op_free(copy);
            return;
        }
        r->log = grown;
        r->cap = cap;
    }
    r->log[r->last++] = (logged){copy, loop_now(r->ns->shard->loop)};
    r->bytes += entry_bytes(copy);
    prune(r);
}

void recovery_log(ns_shard *ns, const op *o)
{
    op *copy = op_copy(o, ns, true);

    if (copy)
        recovery_append(ns->recovery, copy);
}

op *recovery_op_for(sio_socket *s, uint64_t seq, unsigned origin, const parcel *p)
{
    sio_str own = {s->id, SIO_ID_LEN};
    op o = {.kind = OP_EMIT, .flags = OP_ONE, .sel = {.room = &own, .nrooms = 1}, .seq = seq,
            .origin = origin,
            .parcel = *p};

    return op_copy(&o, s->ns, true);
}

void recovery_log_one(sio_socket *s, uint64_t seq, const parcel *p)
{
    op *copy = recovery_op_for(s, seq, s->ns->shard->index, p);

    if (copy)
        recovery_append(s->ns->recovery, copy);
}

/* ---- life ---- */

static sio_str saved_key(const void *object)
{
    return (sio_str){((const saved *)object)->pid, SIO_ID_LEN};
}

static void on_purge(loop_timer *t)
{
    recovery *r = container_of(t, recovery, purge);

    prune(r);
    loop_timer_set(r->ns->shard->loop, t, r->ns->ns->io->opt.recovery_ms);
}

recovery *recovery_new(ns_shard *ns)
{
    recovery *r = calloc(1, sizeof *r);

    if (!r || !(r->base = calloc(ns->ns->io->nshards + 1, sizeof *r->base)))
        abort(); /* while the namespace is made */
    r->ns = ns;
    map_init(&r->saved, saved_key);
    loop_timer_init(&r->purge, on_purge);
    return r;
}

void recovery_free(recovery *r)
{
    uint32_t at = 0;
    saved *v;

    while ((v = map_next(&r->saved, &at)))
        recovery_saved_free(v, r->ns);
    map_fini(&r->saved);
    while (r->first < r->last)
        op_free(r->log[r->first++].o);
    free(r->log);
    free(r->base);
    free(r);
}

/* ---- saving ---- */

void recovery_saved_free(saved *v, ns_shard *ns)
{
    if (v->data && ns->ns->table->opt.on_free)
        ns->ns->table->opt.on_free(v->data);
    free(v->data);
    free(v->rooms);
    free(v);
}

void recovery_saved_take(recovery *r, saved *v)
{
    map_del(&r->saved, saved_key(v));
    r->saved_bytes -= v->bytes;
}

static bool is_recoverable(const char *reason)
{
    static const char *const lost[] = {"transport error", "transport close",      "forced close",
                                       "ping timeout",    "server shutting down", "forced server close",
                                       "slow_consumer"};

    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
        if (strcmp(reason, lost[i]) == 0)
            return true;
    return false;
}

static void on_expired(loop_timer *t)
{
    saved *v = container_of(t, saved, expiry);
    recovery *r = v->recovery;

    recovery_saved_take(r, v);
    recovery_route(r->ns, v->pid, RECOVERY_NOWHERE);
    recovery_saved_free(v, r->ns);
}

/* Room names one after the other, each with its length in front. */
static bool save_rooms(saved *v, const sio_socket *s)
{
    size_t n = 0;
    char *p;

    for (unsigned i = 0; i < s->nrooms; i++)
        n += 1 + s->rooms[i].room->name_len;
    if (!(p = v->rooms = malloc(n + 1)))
        return false;
    v->nrooms = s->nrooms;
    v->bytes = sizeof *v + n + s->ns->ns->table->opt.data_size;
    for (unsigned i = 0; i < s->nrooms; i++) {
        const room *r = s->rooms[i].room;

        *p++ = (char)r->name_len;
        memcpy(p, r->name, r->name_len);
        p += r->name_len;
    }
    return true;
}

bool recovery_save(sio_socket *s, const char *reason)
{
    recovery *r = s->ns->recovery;
    size_t size = s->ns->ns->table->opt.data_size;
    saved *v;

    if (s->ns->ns->io->recovers_there && socket_pid(s) && is_recoverable(reason))
        restored_keep(s);
    if (!r || !socket_pid(s) || !is_recoverable(reason) || !(v = calloc(1, sizeof *v)))
        return false;
    memcpy(v->pid, socket_pid(s), SIO_ID_LEN);
    memcpy(v->id, s->id, SIO_ID_LEN);
    v->recovery = r;
    loop_timer_init(&v->expiry, on_expired);
    if (!save_rooms(v, s) || r->saved_bytes + v->bytes > RECOVERY_MAX_SAVED ||
        !(v->data = malloc(size + 1)) ||
        map_put(&r->saved, v) < 0) {
        free(v->rooms);
        free(v->data);
        free(v);
        return false;
    }
    memcpy(v->data, s->data, size);
    r->saved_bytes += v->bytes;
    loop_timer_set(s->ns->shard->loop, &v->expiry, s->ns->ns->io->opt.recovery_ms);
    if (!loop_timer_is_set(&r->purge))
        loop_timer_set(s->ns->shard->loop, &r->purge, s->ns->ns->io->opt.recovery_ms);
    return true;
}

void recovery_forget(sio_socket *s)
{
    if (s->ns->recovery && socket_pid(s))
        recovery_route(s->ns, socket_pid(s), RECOVERY_NOWHERE);
}
