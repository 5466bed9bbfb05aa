/* Time and threads for users: calls on a loop, now or later. */
#include "sio/sio_int.h"

#include <stdlib.h>

typedef struct later {
    list       link;            /* in shard.laters while its time has not come */
    loop_timer timer;
    loop_task  task;
    void     (*fn)(void *arg);
    void      *arg;
} later;

static void run(later *l)
{
    void (*fn)(void *arg) = l->fn;
    void *arg = l->arg;

    list_del(&l->link);
    free(l);
    fn(arg);
}

static void on_timer(loop_timer *t)
{
    run(container_of(t, later, timer));
}

static void on_task(loop_task *t)
{
    run(container_of(t, later, task));
}

static void on_drop(loop_task *t) { free(container_of(t, later, task)); }

static later *later_new(void (*fn)(void *arg), void *arg)
{
    later *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    loop_timer_init(&l->timer, on_timer);
    list_init(&l->link);
    l->task = (loop_task){.fn = on_task, .drop = on_drop};
    l->fn = fn;
    l->arg = arg;
    return l;
}

int sio_after(sio_server *io, uint32_t ms, void (*fn)(void *arg), void *arg)
{
    shard *sh = shard_current(io);
    later *l;

    if (!sh)
        return SIO_ESTATE;
    if (!(l = later_new(fn, arg)))
        return SIO_ENOMEM;
    list_add_tail(&sh->laters, &l->link);
    loop_timer_set(sh->loop, &l->timer, ms);
    return 0;
}

int sio_post(sio_server *io, unsigned loop, void (*fn)(void *arg), void *arg)
{
    later *l;

    if (loop >= io->nshards)
        return SIO_EINVAL;
    if (!(l = later_new(fn, arg)))
        return SIO_ENOMEM;
    loop_post(io->shard[loop].loop, &l->task);
    return 0;
}

int sio_loop(const sio_server *io)
{
    const shard *sh = shard_current(io);

    return sh ? (int)sh->index : SIO_ESTATE;
}

/* ---- the end ---- */

void shard_drop_posts(shard *sh)
{
    if (!sh->laters.next) /* the server was not made to its end */
        return;
    list_each(it, &sh->laters)
        free(container_of(it, later, link));
    list_init(&sh->laters);
    loop_drop_tasks(sh->loop);
    gather_drop_all(sh);
    fetch_drop_all(sh);
}
