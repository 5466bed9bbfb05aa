/* fetchSockets: every shard copies what its matching sockets look like, the asking loop hands it out. */
#include "sio/sio_int.h"

#include <stdlib.h>

/* One shard's sockets: the bytes are collected first, pointers are made when nothing moves any more. */
typedef struct harvest {
    loop_task       task;
    struct fetch   *f;
    struct harvest *next;
    buf             bytes;      /* a peer_head, data, and name lengths and names for each socket */
    size_t          n;
    size_t          data_size;
} harvest;

typedef struct fetch {
    list          link;         /* in shard.fetches */
    sio_fetch_fn *fn;
    void         *arg;
    unsigned      shards_due;
    harvest      *done;
} fetch;

typedef struct peer_head {
    char     id[SIO_ID_LEN];
    uint32_t nrooms;
} peer_head;

#define ALIGN(n) (((n) + 15) & ~(size_t)15)

static void add_padded(buf *b, const void *p, size_t n)
{
    static const char zero[16];

    if (buf_add(b, p, n) < 0 || buf_add(b, zero, ALIGN(n) - n) < 0)
        abort();
}

static void fetch_one(sio_socket *s, void *ctx)
{
    harvest *h = ctx;
    peer_head head = {.nrooms = s->nrooms + 1u};

    memcpy(head.id, s->id, SIO_ID_LEN);
    add_padded(&h->bytes, &head, sizeof head);
    add_padded(&h->bytes, s->data, h->data_size);
    for (size_t i = 0; i < head.nrooms; i++) {
        sio_str name = sio_room_at(s, i);

        add_padded(&h->bytes, &name.n, sizeof name.n);
        add_padded(&h->bytes, name.p, name.n);
    }
    h->n++;
}

/* ---- on the asking loop ---- */

static const char *take(const char **p, size_t n)
{
    const char *at = *p;

    *p += ALIGN(n);
    return at;
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
        memcpy(peer->id.s, head.id, SIO_ID_LEN);
        peer->data = take(&p, h->data_size);
        peer->nrooms = head.nrooms;
        peer->rooms = *rooms;
        *rooms = read_rooms(&p, head.nrooms, *rooms);
    }
    return peer;
}

static void harvest_free(harvest *h)
{
    buf_fini(&h->bytes);
    free(h);
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
        nrooms += h->bytes.n / 32; /* a room takes at least two aligned pieces */
    }
    peers = calloc(n + 1, sizeof *peers);
    at = rooms = calloc(nrooms + 1, sizeof *rooms);
    if (!peers || !rooms)
        abort();
    for (harvest *h = f->done; h; h = h->next)
        i = (size_t)(read_peers(h, peers + i, &at) - peers);
    f->fn(f->arg, peers, n);
    free(peers);
    free(rooms);
    fetch_free(f);
}

static void on_harvest(loop_task *t)
{
    harvest *h = container_of(t, harvest, task);
    fetch *f = h->f;

    h->next = f->done;
    f->done = h;
    if (--f->shards_due == 0)
        fetch_end(f);
}

bool fetch_drop_task(loop_task *t)
{
    if (t->fn != on_harvest)
        return false;
    harvest_free(container_of(t, harvest, task));
    return true;
}

void fetch_drop_all(shard *sh)
{
    while (!list_empty(&sh->fetches))
        fetch_free(container_of(sh->fetches.next, fetch, link));
}

void op_fetch_run(op *o)
{
    shard *sh = o->ns->shard;
    harvest *h = calloc(1, sizeof *h);

    if (!h)
        abort(); /* a small fixed allocation */
    h->f = o->collect;
    h->data_size = o->ns->ns->table->opt.data_size;
    buf_init(&h->bytes, SIZE_MAX / 2);
    room_each(o->ns, &o->sel, fetch_one, h);
    h->task.fn = on_harvest;
    loop_post(sh->io->shard[o->origin].loop, &h->task);
}

int sio_fetch_(sio_target t, sio_fetch_fn *fn, void *arg)
{
    shard *sh = shard_current(t.ns->io);
    char id[SIO_ID_LEN];
    fetch *f;
    op o;
    int err;

    if (!sh || !t.ns->shard)
        return SIO_ESTATE;
    if ((err = op_from_target(&t, OP_FETCH, &o, id)) < 0)
        return err;
    if (!(f = calloc(1, sizeof *f)))
        return SIO_ENOMEM;
    *f = (fetch){.fn = fn, .arg = arg, .shards_due = t.ns->io->nshards};
    list_add_tail(&sh->fetches, &f->link);
    o.collect = f;
    o.origin = sh->index;
    return op_everywhere(t.ns, &o);
}
