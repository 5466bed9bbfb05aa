/* For tests: a whole server on simulated loops, and clients that have joined it. */
#ifndef SIO_RIG_TEST_H
#define SIO_RIG_TEST_H

#include "eio/peer_test.h"
#include "sio/sio_int.h"

typedef struct rig {
    sim *s;
    sio_server *io;
    size_t chunk; /* bytes the server reads at a time, 0 = whole */
} rig;

static inline int rig_make_loop(void *arg, loop **out)
{
    return sim_loop_new(arg, out);
}

static inline sio_options rig_options(unsigned loops)
{
    sio_options o;

    sio_options_init(&o);
    o.port = 0;
    o.loops = loops;
    return o;
}

/* The seed decides the order of loops and events; 0 = as they come. Namespaces and handlers are added between
 * this and rig_listen. */
static inline void rig_init_seeded(rig *r, const sio_options *o, uint64_t seed)
{
    *r = (rig){.s = sim_new(seed)};
    assert_int_equal(server_new_on(&r->io, o, &(loop_maker){rig_make_loop, r->s}), 0);
}

static inline void rig_init(rig *r, const sio_options *o)
{
    rig_init_seeded(r, o, 0);
}

static inline void rig_listen(rig *r)
{
    assert_int_equal(sio_server_listen(r->io), 0);
    sim_settle(r->s);
}

/* Runs fn on a loop, and all that follows from it. */
static inline void rig_run_on(rig *r, unsigned loop, void (*fn)(void *arg), void *arg)
{
    assert_int_equal(sio_post(r->io, loop, fn, arg), 0);
    sim_settle(r->s);
}

static inline void rig_close_shard(void *arg)
{
    shard *sh = arg;

    eio_server_close_all(sh->eio);
    while (!list_empty(&sh->clients))
        client_close(container_of(sh->clients.next, client, link), EIO_SHUTDOWN);
}

/* Every session ends as when a server stops. */
static inline void rig_close_all(rig *r)
{
    for (unsigned i = 0; i < r->io->nshards; i++)
        rig_run_on(r, i, rig_close_shard, &r->io->shard[i]);
}

static inline void rig_fini(rig *r)
{
    rig_close_all(r);
    sio_server_free(r->io);
    sim_free(r->s);
}

/* ---- clients ---- */

static inline void rig_dial(rig *r, peer *p)
{
    peer_open(p, r->s, sio_server_port(r->io), r->chunk);
}

/* A new connection upgraded to WebSocket at target; what the server says then is not read. */
static inline void rig_upgrade(rig *r, peer *p, const char *target)
{
    peer_reply reply;
    buf taken;

    rig_dial(r, p);
    peer_upgrade(p, target, "");
    assert_true(peer_take_reply(p, false, &reply, &taken));
    assert_int_equal(reply.status, 101);
    buf_fini(&taken);
}

/* An Engine.IO session over WebSocket, in no namespace yet. */
static inline void rig_open(rig *r, peer *p)
{
    char *open;

    rig_upgrade(r, p, "/socket.io/?EIO=4&transport=websocket");
    open = peer_take_text(p);
    assert_memory_equal(open, "0{\"sid\":\"", 9);
    free(open);
}

/* Takes the text behind `key":"` out of a packet. */
static inline void rig_field(const char *packet, const char *key, sio_id *id)
{
    char pattern[32];
    const char *at;

    snprintf(pattern, sizeof pattern, "\"%s\":\"", key);
    at = strstr(packet, pattern);
    if (!at)
        fail_msg("no %s in %s", key, packet);
    *id = (sio_id){{0}};
    memcpy(id->s, at + strlen(pattern), SIO_ID_LEN);
}

/* Sends a CONNECT packet and takes its answer, which carries the socket's id. */
static inline sio_id rig_join_ns(peer *p, const char *connect)
{
    char *answer;
    sio_id id;

    peer_say(p, connect);
    answer = peer_take_text(p);
    assert_memory_equal(answer, "40", 2);
    rig_field(answer, "sid", &id);
    free(answer);
    return id;
}

/* A client over WebSocket that has joined "/". */
static inline sio_id rig_join(rig *r, peer *p)
{
    rig_open(r, p);
    return rig_join_ns(p, "40");
}

#endif
