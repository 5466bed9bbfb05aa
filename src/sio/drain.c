/* Moving clients off at a bounded rate, each loop its share, so that the servers they come back to are
 * not run down. */
#include "sio/request_int.h"

#define TICK_MS   20
#define LOOK_MAX  64   /* clients that are passed over in one tick */

/* Closed as by a server that stops: the JavaScript client comes back by itself. One that is owed an answer
 * goes to the end of the line. */
static void move_some_off(shard *sh)
{
    uint64_t price = (uint64_t)1000 * sh->io->nshards;
    unsigned passed = 0;

    while (sh->move_off_credit >= price && passed < LOOK_MAX && !list_empty(&sh->clients)) {
        client *c = container_of(sh->clients.next, client, link);

        list_del(&c->link);
        list_add_tail(&sh->clients, &c->link);
        if (client_is_owed(c)) {
            passed++;
            continue;
        }
        sh->move_off_credit -= price;
        client_close(c, EIO_SHUTDOWN);
    }
}

static void on_tick(loop_timer *t)
{
    shard *sh = container_of(t, shard, move_off_tick);
    uint64_t now = loop_now(sh->loop), price = (uint64_t)1000 * sh->io->nshards;
    unsigned rate = atomic_load_explicit(&sh->io->drain_rate, memory_order_relaxed);

    sh->move_off_credit += (now - sh->move_off_at) * rate;
    sh->move_off_at = now;
    move_some_off(sh);
    if (sh->move_off_credit > price && list_empty(&sh->clients))
        sh->move_off_credit = price; /* who comes in now does not find the door open */
    loop_timer_set(sh->loop, t, TICK_MS);
}

static void on_start(loop_task *t)
{
    shard *sh = container_of(t, shard, move_off);

    sh->move_off_at = loop_now(sh->loop);
    loop_timer_set(sh->loop, &sh->move_off_tick, 0);
}

void move_off_init(shard *sh)
{
    sh->move_off.fn = on_start;
    loop_timer_init(&sh->move_off_tick, on_tick);
}

void sio_server_drain(sio_server *io, unsigned per_second)
{
    atomic_store(&io->drain_rate, per_second ? per_second : 1);
    for (unsigned i = 0; i < io->nshards; i++)
        loop_post(io->shard[i].loop, &io->shard[i].move_off);
}

void reply_draining(http_req *r)
{
    stat_add(&shard_of(r)->stats->refused_draining, 1);
    http_reply(r, 503,
               sio_lit("Connection: close\r\nRetry-After: 1\r\nContent-Type: text/plain; charset=utf-8\r\n"),
               sio_lit("server shutting down"));
}
