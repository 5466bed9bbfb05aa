/* fetchSockets: every shard copies what its matching sockets look like, other servers send theirs, the asking
 * loop hands all of it out. */
#include "sio/remote_int.h"

#include <stdlib.h>

/* The sockets of one shard or of other servers: the bytes are collected first, pointers are made when nothing
 * moves any more. Of each socket a peer_head, and then, each with its length in front but for those the head
 * tells: id, data, handshake, shown, room names. */
typedef struct harvest {
    loop_task       task;
    struct fetch   *f;
    struct harvest *next;
    buf             bytes;
    size_t          n, nrooms;
} harvest;

typedef struct fetch {
    list          link;         /* in shard.fetches */
    sio_fetch_fn *fn;
    void         *arg;
    int           err;
    unsigned      due;          /* harvests */
    harvest      *done;
} fetch;

typedef struct peer_head {
    uint32_t id, data, handshake, shown; /* bytes */
    uint32_t nrooms;
} peer_head;

#define ALIGN(n) (((n) + 15) & ~(size_t)15)

static void add_padded(buf *b, const void *p, size_t n)
{
    static const char zero[16];

    if (buf_add(b, p, n) < 0 || buf_add(b, zero, ALIGN(n) - n) < 0)
        abort();
}

static harvest *harvest_new(void)
{
    harvest *h = calloc(1, sizeof *h);

    if (!h)
        abort(); /* a small fixed allocation */
    buf_init(&h->bytes, SIZE_MAX / 2);
    return h;
}

void harvest_free(harvest *h)
{
    if (!h)
        return;
    buf_fini(&h->bytes);
    free(h);
}

static void put_room(harvest *h, sio_str name)
{
    add_padded(&h->bytes, &name.n, sizeof name.n);
    add_padded(&h->bytes, name.p, name.n);
    h->nrooms++;
}

/* ---- sockets of this server ---- */

typedef struct picker {
    harvest *h;
    size_t   data_size;
    bool     shown;             /* other servers will see them: as JSON, too */
} picker;

static void put_shown(harvest *h, sio_socket *s, peer_head *head, size_t head_at)
{
    sio_str handshake = sio_handshake(s).kind == SIO_JSON ? sio_handshake(s).s : sio_lit("{\"headers\":{},\"query\":{},\"auth\":{}}");
    char *data = socket_data_shown(s);

    head->handshake = (uint32_t)handshake.n;
    add_padded(&h->bytes, handshake.p, handshake.n);
    head->shown = (uint32_t)strlen(data);
    add_padded(&h->bytes, data, head->shown);
    free(data);
    memcpy(h->bytes.p + head_at, head, sizeof *head);
}

static void fetch_one(sio_socket *s, void *ctx)
{
    const picker *p = ctx;
    peer_head head = {.id = SIO_ID_LEN, .data = (uint32_t)p->data_size, .nrooms = s->nrooms + 1u};
    size_t at = p->h->bytes.n;

    add_padded(&p->h->bytes, &head, sizeof head);
    add_padded(&p->h->bytes, s->id, SIO_ID_LEN);
    add_padded(&p->h->bytes, s->data, p->data_size);
    if (p->shown)
        put_shown(p->h, s, &head, at);
    for (size_t i = 0; i < head.nrooms; i++)
        put_room(p->h, sio_room_at(s, i));
    p->h->n++;
}

/* ---- sockets of other servers ---- */

static sio_str json_or_null(sio_val v)
{
    return v.kind == SIO_JSON ? v.s : sio_lit("null");
}

harvest *harvest_add(harvest *h, const sio_peer *p)
{
    sio_str handshake = json_or_null(p->handshake), shown = json_or_null(p->shown);
    peer_head head = {.id = (uint32_t)p->id.n, .handshake = (uint32_t)handshake.n, .shown = (uint32_t)shown.n,
                      .nrooms = p->nrooms};

    if (!h)
        h = harvest_new();
    add_padded(&h->bytes, &head, sizeof head);
    add_padded(&h->bytes, p->id.p, p->id.n);
    add_padded(&h->bytes, handshake.p, handshake.n);
    add_padded(&h->bytes, shown.p, shown.n);
    for (size_t i = 0; i < head.nrooms; i++)
        put_room(h, p->rooms[i]);
    h->n++;
    return h;
}

/* ---- on the asking loop ---- */

static const char *take(const char **p, size_t n)
{
    const char *at = *p;

    *p += ALIGN(n);
    return at;
}

static sio_val take_json(const char **p, size_t n)
{
    return n ? sio_json((sio_str){take(p, n), n}) : sio_null;
}

static sio_str *read_rooms(const char **p, uint32_t n, sio_str *rooms)
{
    for (uint32_t i = 0; i < n; i++) {
        memcpy(&rooms[i].n, take(p, sizeof rooms[i].n), sizeof rooms[i].n);
        rooms[i].p = take(p, rooms[i].n);
    }
    return rooms + n;
}

static sio_peer *read_peers(const harvest *h, sio_peer *peer, sio_str **rooms)
{
    const char *p = h->bytes.p;

    for (size_t i = 0; i < h->n; i++, peer++) {
        peer_head head;

        memcpy(&head, take(&p, sizeof head), sizeof head);
        peer->id = (sio_str){take(&p, head.id), head.id};
        peer->data = head.data ? take(&p, head.data) : NULL;
        peer->handshake = take_json(&p, head.handshake);
        peer->shown = take_json(&p, head.shown);
        peer->nrooms = head.nrooms;
        peer->rooms = *rooms;
        *rooms = read_rooms(&p, head.nrooms, *rooms);
    }
    return peer;
}

static void fetch_free(fetch *f)
{
    while (f->done) {
        harvest *h = f->done;

        f->done = h->next;
        harvest_free(h);
    }
    list_del(&f->link);
    free(f);
}

static void fetch_end(fetch *f)
{
    size_t n = 0, nrooms = 0, i = 0;
    sio_peer *peers;
    sio_str *rooms, *at;

    for (harvest *h = f->done; h; h = h->next) {
        n += h->n;
        nrooms += h->nrooms;
    }
    peers = calloc(n + 1, sizeof *peers);
    at = rooms = calloc(nrooms + 1, sizeof *rooms);
    if (!peers || !rooms)
        abort();
    for (harvest *h = f->done; h; h = h->next)
        i = (size_t)(read_peers(h, peers + i, &at) - peers);
    f->fn(f->arg, f->err, peers, n);
    free(peers);
    free(rooms);
    fetch_free(f);
}

static void fetch_take(fetch *f, harvest *h)
{
    if (h) {
        h->next = f->done;
        f->done = h;
    }
    if (--f->due == 0)
        fetch_end(f);
}

static void on_harvest(loop_task *t)
{
    harvest *h = container_of(t, harvest, task);

    fetch_take(h->f, h);
}

static void on_remote(sio_remote *r)
{
    fetch *f = r->arg;
    harvest *h = r->harvest;

    r->harvest = NULL;
    f->err = r->err;
    fetch_take(f, h);
}

static void on_harvest_drop(loop_task *t) { harvest_free(container_of(t, harvest, task)); }

void fetch_drop_all(shard *sh)
{
    while (!list_empty(&sh->fetches))
        fetch_free(container_of(sh->fetches.next, fetch, link));
}

void op_fetch_run(op *o)
{
    shard *sh = o->ns->shard;
    harvest *h = harvest_new();
    picker p = {h, o->ns->ns->table->opt.data_size, o->flags & OP_SHOWN};

    h->f = o->collect;
    room_each(o->ns, &o->sel, fetch_one, &p);
    h->task = (loop_task){.fn = on_harvest, .drop = on_harvest_drop};
    loop_post(sh->io->shard[o->origin].loop, &h->task);
}

/* ---- asking ---- */

static fetch *fetch_new(shard *sh, sio_fetch_fn *fn, void *arg)
{
    fetch *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    *f = (fetch){.fn = fn, .arg = arg, .due = sh->io->nshards};
    list_add_tail(&sh->fetches, &f->link);
    return f;
}

int fetch_start(sio_ns *ns, op *o, sio_fetch_fn *fn, void *arg)
{
    shard *sh = shard_current(ns->io);
    fetch *f;

    if (!sh || !ns->shard)
        return SIO_ESTATE;
    if (!(f = fetch_new(sh, fn, arg)))
        return SIO_ENOMEM;
    o->collect = f;
    o->origin = sh->index;
    if (is_for_others(ns, o->flags)) {
        f->due++;
        remote_fetch(ns, o, sh, on_remote, f);
    }
    return op_everywhere(ns, o);
}

int sio_fetch_(sio_target t, sio_fetch_fn *fn, void *arg)
{
    char id[SIO_ID_LEN];
    op o;
    int err = op_from_target(&t, OP_FETCH, &o, id);

    if (err < 0)
        return err;
    if (t.ns->io->opt.adapter)
        o.flags |= OP_SHOWN; /* all look alike, wherever they are */
    return fetch_start(t.ns, &o, fn, arg);
}
