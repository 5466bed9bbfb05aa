/* Requests for sessions of other nodes, and what else the floors above need of the inside. */
#include "sio/request_int.h"

static bool on_foreign(void *ctx, http_req *r, sio_str sid)
{
    shard *sh = ctx;

    if (!sh->io->foreign(sh->io->foreign_arg, sh->index, r, sid))
        return false;
    stat_add(&sh->stats->relayed, 1);
    return true;
}

void sio_home_foreign(sio_server *io, sio_foreign_fn *fn, void *arg)
{
    io->foreign = fn;
    io->foreign_arg = arg;
    io->eio.on_foreign = fn ? on_foreign : NULL;
}

void sio_home_unknown(sio_server *io, unsigned loop, http_req *r)
{
    eio_unknown(io->shard[loop].eio, r);
}

http_server *sio_home_http(sio_server *io, unsigned loop)
{
    return io->shard[loop].http;
}

const sio_options *sio_home_options(const sio_server *io)
{
    return &io->opt;
}
