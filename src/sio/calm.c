/* After a storm. When many clients came or went and it is calm again, what that left behind goes back to the
 * system: requests and buffers of those who came, everything of those who went. */
#include "base/heap.h"
#include "sio/sio_int.h"

#define CALM_MS    1000
#define STORM_MIN  256  /* clients; less is not worth the milliseconds */
#define CALM_MOVES 64   /* clients more or less in CALM_MS are no storm */

static size_t distance(size_t a, size_t b) { return a < b ? b - a : a - b; }

static size_t clients(const shard *sh) { return atomic_load_explicit(&sh->nclients, memory_order_relaxed); }

static void wait_for_calm(shard *sh)
{
    sh->calm_seen = clients(sh);
    loop_timer_set(sh->loop, &sh->calm_tick, CALM_MS);
}

static void on_tick(loop_timer *t)
{
    shard *sh = container_of(t, shard, calm_tick);

    if (distance(clients(sh), sh->calm_seen) > CALM_MOVES) {
        wait_for_calm(sh);
        return;
    }
    sh->calm_clients = clients(sh);
    net_give_back(sh->net);
    heap_give_back();
}

void calm_init(shard *sh)
{
    loop_timer_init(&sh->calm_tick, on_tick);
}

/* A storm: a fourth more or less than when it was calm. */
void calm_note(shard *sh)
{
    size_t moved = distance(clients(sh), sh->calm_clients);

    if (moved >= STORM_MIN && moved >= sh->calm_clients / 4 && !loop_timer_is_set(&sh->calm_tick))
        wait_for_calm(sh);
}
