/* What the shards counted, summed up for whoever asks. */
#include "sio/sio_int.h"

#include <stdlib.h>

shard_stats *stats_new(void)
{
    size_t n = (sizeof(shard_stats) + STAT_LINE - 1) / STAT_LINE * STAT_LINE;
    shard_stats *st = aligned_alloc(STAT_LINE, n);

    if (st)
        memset(st, 0, n);
    return st;
}

static void add_turns(sio_histogram *to, const stat_histogram *from)
{
    for (unsigned i = 0; i <= LOOP_TURN_BOUNDS; i++)
        to->count[i] += stat_get(&from->count[i]);
    to->sum += stat_get(&from->sum);
}

static void add_shard(sio_stats *out, const shard *sh)
{
    const net_stats *n = net_stats_of(sh->net);

#define ADD(member, name, labels, help) out->member += stat_get(&sh->stats->member);
    SIO_STATS(ADD, ADD)
#undef ADD
    out->bytes_in += stat_get(&n->bytes_in);
    out->bytes_out += stat_get(&n->bytes_out);
    out->dropped_unsent += stat_get(&n->overflows) + eio_server_overflows(sh->eio);
    add_turns(&out->turn_ms, loop_turn_ms(sh->loop));
}

void sio_stats_read(const sio_server *io, sio_stats *out)
{
    *out = (sio_stats){.turn_ms = {.bound = loop_turn_bound, .n = LOOP_TURN_BOUNDS}};
    for (unsigned i = 0; i < io->nshards; i++)
        add_shard(out, &io->shard[i]);
    out->refused_remote = stat_get(&io->refused_remote);
}
