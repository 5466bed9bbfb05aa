/* Commands from any thread to the one connection, through an inbox of loop 0, so that what a turn brings
 * leaves in one write. */
#include "base/log.h"
#include "cluster/cluster_int.h"

#include <stdlib.h>

#define REFUSAL_LINE_MS 10000

typedef struct outbox_item {
    inbox_item head;
    size_t     bytes;
    unsigned   argc;
    sio_str    argv[]; /* and the texts behind it */
} outbox_item;

static size_t item_bytes(const sio_str *argv, unsigned argc)
{
    size_t n = sizeof(outbox_item) + argc * sizeof *argv;

    for (unsigned i = 0; i < argc; i++)
        n += argv[i].n;
    return n;
}

static outbox_item *item_new(const sio_str *argv, unsigned argc)
{
    size_t bytes = item_bytes(argv, argc);
    outbox_item *item = malloc(bytes);
    char *p;

    if (!item)
        return NULL;
    *item = (outbox_item){.bytes = bytes, .argc = argc};
    p = (char *)&item->argv[argc];
    for (unsigned i = 0; i < argc; i++) {
        item->argv[i] = (sio_str){p, argv[i].n};
        if (argv[i].n > 0)
            memcpy(p, argv[i].p, argv[i].n);
        p += argv[i].n;
    }
    return item;
}

static int lost(cluster *c, int err)
{
    stat_add_shared(&c->stats.lost, 1);
    return err;
}

/* A line about it now and then: a user without rights is refused everything. */
static void say_refused(cluster *c, sio_str why)
{
    uint64_t now = loop_now(c->loop);

    if (c->refusal_said && now - c->refusal_said < REFUSAL_LINE_MS)
        return;
    c->refusal_said = now ? now : 1;
    log_warn("Redis refuses what is for other servers: %.*s", (int)(why.n < 200 ? why.n : 200), why.p);
}

/* Redis has refused it, or was lost meanwhile: it may have been done or not. */
static void on_reply(void *arg, int err, const resp_val *v)
{
    cluster *c = arg;

    if (!err && v->kind != RESP_ERROR)
        return;
    lost(c, err);
    if (!err)
        say_refused(c, v->s);
}

static void on_take(inbox *b, inbox_item *head)
{
    cluster *c = container_of(b, cluster, outbox);
    outbox_item *item = container_of(head, outbox_item, head);

    if (redis_command(c->commands, on_reply, c, item->argv, item->argc) < 0)
        lost(c, 0);
    else
        stat_add(&c->stats.sent, 1);
    atomic_fetch_sub_explicit(&c->outbox_bytes, item->bytes, memory_order_relaxed);
    free(item);
}

void cluster_outbox_init(cluster *c) { c->outbox = (inbox){.io = c->io, .take = on_take}; }

void cluster_outbox_flush(cluster *c) { inbox_take_all(&c->outbox); }

int cluster_send(cluster *c, const sio_str *argv, unsigned argc)
{
    size_t bytes = item_bytes(argv, argc), waiting;
    outbox_item *item;

    if (!atomic_load_explicit(&c->can_send, memory_order_relaxed))
        return lost(c, SIO_EUNAVAILABLE);
    waiting = atomic_fetch_add_explicit(&c->outbox_bytes, bytes, memory_order_relaxed);
    if (waiting + bytes > c->opt.max_unsent || !(item = item_new(argv, argc))) {
        atomic_fetch_sub_explicit(&c->outbox_bytes, bytes, memory_order_relaxed);
        return lost(c, waiting + bytes > c->opt.max_unsent ? SIO_ELIMIT : SIO_ENOMEM);
    }
    inbox_put(&c->outbox, &item->head);
    return 0;
}

static void on_drop(inbox *b, inbox_item *head)
{
    (void)b;
    free(container_of(head, outbox_item, head));
}

void cluster_outbox_free(cluster *c) { inbox_drop_all(&c->outbox, on_drop); }
