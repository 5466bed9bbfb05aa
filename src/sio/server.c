/* The server: options, one shard per loop, running and stopping. */
#include "base/log.h"
#include "base/rand.h"
#include "sio/home.h"
#include "sio/sio_int.h"
#include "sio/request_int.h"
#include "sio_adapter.h"

#include <stdlib.h>
#include <unistd.h>

/* How often a stopping shard looks whether its connections are gone. */
#define DRAIN_TICK_MS 10

/* ---- options ---- */

void sio_options_init(sio_options *o)
{
    *o = (sio_options){
        .size = sizeof *o,
        .port = 3000,
        .path = "/socket.io",
        .transports = SIO_POLLING | SIO_WEBSOCKET,
        .allow_upgrades = true,
        .ping_interval_ms = 25000,
        .ping_timeout_ms = 20000,
        .upgrade_timeout_ms = 10000,
        .connect_timeout_ms = 45000,
        .max_payload = 1000000,
        .compression_threshold = 1024,
        .deflate = {.threshold = 1024, .level = 6},
        .max_attachments = 10,
        .max_unsent = 16u << 20,
        .max_rooms = 1000,
        .max_acks = 1000,
        .max_namespaces = 1000,
        .max_sockets = 100,
    };
}

/* What others make of it stands in session ids and in Redis keys. */
static bool is_node_code(const char *z)
{
    return strlen(z) == EIO_NODE_LEN &&
           strspn(z, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == EIO_NODE_LEN;
}

static void take_node(sio_server *io, const char *wanted)
{
    if (wanted)
        memcpy(io->node, wanted, EIO_NODE_LEN);
    else
        rand_id(io->node, EIO_NODE_LEN);
    io->opt.node = io->node;
}

static bool options_are_sane(const sio_options *o)
{
    return o->size == sizeof *o && o->path && o->path[0] == '/' && o->port >= 0 && o->port < 65536 &&
           o->transports && o->ping_interval_ms && o->ping_timeout_ms && o->max_payload &&
           o->max_payload <= UINT32_MAX / 4 && o->max_attachments <= SIO_MAX_BINS &&
           o->loops <= EIO_MAX_LOOPS &&
           (!o->deflate.enabled || (o->deflate.level >= 1 && o->deflate.level <= 9)) &&
           !o->tls.cert_file == !o->tls.key_file && (!o->node || is_node_code(o->node));
}

/* A copy that lives as long as the server. */
static const char *own(sio_server *io, const char *z)
{
    if (!z)
        return NULL;
    for (size_t i = 0; i < sizeof io->own_strings / sizeof *io->own_strings; i++)
        if (!io->own_strings[i])
            return io->own_strings[i] = strdup(z);
    abort();
}

static int own_origins(sio_server *io)
{
    const char *const *from = io->opt.cors.origins;
    size_t n = 0;

    while (from && from[n])
        n++;
    if (!(io->origins = calloc(n + 1, sizeof *io->origins)))
        return SIO_ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (!(io->origins[i] = strdup(from[i])))
            return SIO_ENOMEM;
    io->opt.cors.origins = io->origins;
    return 0;
}

static int own_options(sio_server *io, const sio_options *o)
{
    sio_options *to = &io->opt;

    *to = *o;
    to->host = own(io, o->host);
    to->cors.fixed = own(io, o->cors.fixed);
    to->cors.methods = own(io, o->cors.methods);
    to->cors.allowed_headers = own(io, o->cors.allowed_headers);
    to->cors.exposed_headers = own(io, o->cors.exposed_headers);
    to->cookie.name = own(io, o->cookie.name);
    to->cookie.path = own(io, o->cookie.path);
    to->cookie.domain = own(io, o->cookie.domain);
    to->cookie.same_site = own(io, o->cookie.same_site);
    to->initial_packet = own(io, o->initial_packet);
    to->client_dir = own(io, o->client_dir);
    return own_origins(io);
}

/* "/socket.io" or "/socket.io/" is served as "/socket.io/" unless the exact path is wanted. */
static int make_path(sio_server *io)
{
    size_t n = strlen(io->opt.path);
    bool slash = !io->opt.exact_path;

    while (n > 1 && io->opt.path[n - 1] == '/')
        n--;
    if (!(io->path = calloc(1, n + 2)))
        return SIO_ENOMEM;
    memcpy(io->path, io->opt.path, n);
    if (slash && !(n == 1 && io->path[0] == '/'))
        io->path[n] = '/';
    io->opt.path = io->path;
    return 0;
}

static int take_tls(sio_server *io)
{
    sio_tls files = io->opt.tls;

    io->opt.tls = (sio_tls){0};
    return files.cert_file ? tls_server_new(&io->tls, files.cert_file, files.key_file) : 0;
}

int sio_server_reload_tls(sio_server *io)
{
    return io->tls ? tls_server_reload(io->tls) : SIO_ESTATE;
}

/* ---- making ---- */

static sio_str ns_key(const void *object)
{
    return ((const sio_ns *)object)->name;
}

static unsigned loops_wanted(const sio_options *o)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = o->loops ? o->loops : (unsigned)(cores > 0 ? cores : 1);

    return n > EIO_MAX_LOOPS ? EIO_MAX_LOOPS : n;
}

static int init_shards(sio_server *io, const loop_maker *maker)
{
    int err = 0;

    io->nshards = loops_wanted(&io->opt);
    io->shard = calloc(io->nshards, sizeof *io->shard);
    io->peers = calloc(io->nshards, sizeof *io->peers);
    if (!io->shard || !io->peers)
        return SIO_ENOMEM;
    for (unsigned i = 0; i < io->nshards && !err; i++)
        if ((err = maker->make(maker->arg, &io->shard[i].loop)) == 0)
            err = shard_init(io, i);
    return err;
}

static void free_adapter(sio_adapter *a)
{
    if (a)
        a->ops->free(a);
}

int server_new_on(sio_server **out, const sio_options *o, const loop_maker *maker)
{
    sio_server *io;
    int err;

    if (!options_are_sane(o) || !(io = calloc(1, sizeof *io))) {
        free_adapter(o->adapter);
        return options_are_sane(o) ? SIO_ENOMEM : SIO_EINVAL;
    }
    pthread_mutex_init(&io->ns.lock, NULL);
    map_init(&io->ns.by_name, ns_key);
    list_init(&io->remotes);
    io->recovers_there = o->recovery_ms && o->adapter && o->adapter->ops->persist;
    io->recovers_here = o->recovery_ms && !io->recovers_there;
    if ((err = own_options(io, o)) == 0 && (err = make_path(io)) == 0 && (err = take_tls(io)) == 0) {
        take_node(io, o->node);
        engine_config(io);
        err = init_shards(io, maker);
    }
    if (err == 0 && !sio_of(io, "/", NULL))
        err = SIO_ENOMEM;
    if (err < 0) {
        sio_server_free(io);
        return err;
    }
    *out = io;
    return 0;
}

static int make_epoll_loop(void *arg, loop **out)
{
    (void)arg;
    return loop_new(out);
}

int sio_server_new(sio_server **out, const sio_options *o)
{
    static const loop_maker epoll = {make_epoll_loop, NULL};

    return server_new_on(out, o, &epoll);
}

static void free_strings(sio_server *io)
{
    for (size_t i = 0; i < sizeof io->own_strings / sizeof *io->own_strings; i++)
        free(io->own_strings[i]);
    for (size_t i = 0; io->origins && io->origins[i]; i++)
        free((char *)(uintptr_t)io->origins[i]);
    free(io->origins);
    free(io->path);
}

/* Step by step: what ends on one loop may still post to another. */
static void shards_free(sio_server *io)
{
    unsigned n = io->shard ? io->nshards : 0;

    for (unsigned i = 0; i < n; i++)
        shard_close(&io->shard[i]);
    for (unsigned i = 0; i < n; i++)
        shard_drop_posts(&io->shard[i]);
    for (unsigned i = 0; i < n; i++)
        shard_fini(&io->shard[i]);
}

void sio_server_free(sio_server *io)
{
    if (!io)
        return;
    free_adapter(io->opt.adapter); /* before the loops: its connections are on them */
    io->opt.adapter = NULL; /* what ends from here on is not told to others */
    remote_drop_all(io);
    shards_free(io);
    ns_free_all(io);
    routes_free(io);
    free(io->shard);
    free(io->peers);
    free_strings(io);
    tls_server_free(io->tls);
    pthread_mutex_destroy(&io->ns.lock);
    free(io);
}

/* ---- running ---- */

int sio_server_listen(sio_server *io)
{
    int port = io->opt.port;

    if (loop_port_is_taken(io->shard[0].loop, io->opt.host, port))
        return SIO_EADDR;
    for (unsigned i = 0; i < io->nshards; i++) {
        int err = http_server_listen(io->shard[i].http, io->opt.host, &port);

        if (err < 0)
            return err;
    }
    io->port = port;
    io->listening = true;
    return adapter_start(io);
}

static void *thread_main(void *arg)
{
    shard_main(arg);
    return NULL;
}

static int start_threads(sio_server *io)
{
    for (unsigned i = 1; i < io->nshards; i++) {
        if (pthread_create(&io->shard[i].thread, NULL, thread_main, &io->shard[i]) != 0)
            return SIO_ENOMEM;
        io->shard[i].has_thread = true;
    }
    return 0;
}

int sio_server_run(sio_server *io)
{
    int err = io->listening ? 0 : sio_server_listen(io);

    if (err == 0 && (err = start_threads(io)) < 0)
        sio_server_stop(io, 0);
    if (err == 0)
        shard_main(&io->shard[0]);
    for (unsigned i = 1; i < io->nshards; i++) {
        if (io->shard[i].has_thread)
            pthread_join(io->shard[i].thread, NULL);
        io->shard[i].has_thread = false;
    }
    return err;
}

void sio_server_stop(sio_server *io, int grace_ms)
{
    atomic_store(&io->stopping, (grace_ms < 0 ? 0 : grace_ms) + 1);
    for (unsigned i = 0; i < io->nshards; i++)
        loop_stop(io->shard[i].loop);
}

/* ---- one shard ---- */

/* Nobody new comes in; everybody inside hears "server shutting down". */
static void say_goodbye(shard *sh)
{
    sh->draining = true;
    sh->drain_until = loop_now(sh->loop) + sh->grace_ms;
    http_server_drain(sh->http);
    eio_server_close_all(sh->eio);
    while (!list_empty(&sh->clients)) /* what is left are plain clients; closing one may end others */
        client_close(container_of(sh->clients.next, client, link), EIO_SHUTDOWN);
}

static bool is_drained(const shard *sh)
{
    return http_server_connections(sh->http) == 0 || loop_now(sh->loop) >= sh->drain_until;
}

/* The adapter lives on loop 0: what clients of all loops leave behind when they go (their state, for
 * recovery) passes there, and has a tick to get out. */
static bool has_last_words(shard *sh)
{
    sio_server *io = sh->io;

    if (sh->index != 0 || !io->in_cluster || sh->last_tick)
        return false;
    sh->last_tick = atomic_load(&io->drained) + 1 >= io->nshards || loop_now(sh->loop) >= sh->drain_until;
    return true;
}

static void drain_tick(loop_timer *t)
{
    shard *sh = container_of(t, shard, drain_tick);

    if (!sh->draining)
        say_goodbye(sh);
    if (is_drained(sh) && !has_last_words(sh)) {
        if (sh->index == 0)
            adapter_stop(sh->io); /* leaves with this turn's output, behind what the last handlers emitted */
        atomic_fetch_add(&sh->io->drained, 1);
        loop_stop(sh->loop);
    } else {
        loop_timer_set(sh->loop, t, DRAIN_TICK_MS);
    }
}

int shard_init(sio_server *io, unsigned index)
{
    shard *sh = &io->shard[index];
    net_limits limits = {.max_unsent = io->opt.max_unsent};
    http_options http = {0};
    int err;

    sh->io = io;
    sh->index = index;
    if (!(sh->stats = stats_new()))
        return SIO_ENOMEM;
    move_off_init(sh);
    calm_init(sh);
    list_init(&sh->clients);
    list_init(&sh->laters);
    list_init(&sh->gathers);
    list_init(&sh->fetches);
    buf_init(&sh->scratch, UINT32_MAX / 2);
    loop_timer_init(&sh->drain_tick, drain_tick);
    if ((err = net_new(&sh->net, sh->loop, &limits)) < 0 ||
        (err = http_server_new(&sh->http, sh->net, &http)) < 0)
        return err;
    http_server_give(sh->http, sh);
    http_server_secure(sh->http, io->tls);
    io->peers[index] = sh->http;
    if ((err = bundle_routes(io, sh->http)) < 0)
        return err;
    return eio_server_new(&sh->eio, sh->http, &io->eio, sh, index, io->peers, io->nshards);
}

void shard_close(shard *sh)
{
    if (sh->eio)
        eio_server_close_all(sh->eio);
    if (sh->http)
        http_server_free(sh->http);
    if (sh->net)
        net_free(sh->net);
    if (sh->eio)
        eio_server_free(sh->eio);
}

void shard_fini(shard *sh)
{
    if (sh->loop)
        loop_free(sh->loop);
    buf_fini(&sh->scratch);
    free(sh->stats);
}

/* The goodbye is said inside a turn: handlers that run then ask which loop they are on. What is queued
 * still leaves. */
static void drain(shard *sh, int grace_ms)
{
    sh->grace_ms = (uint32_t)grace_ms;
    loop_timer_set(sh->loop, &sh->drain_tick, 0);
    loop_run(sh->loop);
}

void shard_main(shard *sh)
{
    int stopping;

    loop_run(sh->loop);
    stopping = atomic_load(&sh->io->stopping);
    drain(sh, stopping ? stopping - 1 : 0);
}

shard *shard_current(const sio_server *io)
{
    const loop *now = loop_current();

    for (unsigned i = 0; now && i < io->nshards; i++)
        if (io->shard[i].loop == now)
            return &io->shard[i];
    return NULL;
}

/* ---- asking ---- */

net *sio_home_net(sio_server *io, unsigned loop)
{
    return io->shard[loop].net;
}

int sio_server_port(const sio_server *io)
{
    return io->port;
}

unsigned sio_server_loops(const sio_server *io)
{
    return io->nshards;
}

const char *sio_node(const sio_server *io)
{
    return io->node;
}

void *sio_context(const sio_server *io)
{
    return io->opt.context;
}

int64_t sio_now(const sio_server *io)
{
    const shard *sh = shard_current(io);

    return loop_wall(sh ? sh->loop : io->shard[0].loop);
}

size_t sio_clients_count(const sio_server *io)
{
    size_t n = 0;

    for (unsigned i = 0; i < io->nshards; i++)
        n += atomic_load_explicit(&io->shard[i].nclients, memory_order_relaxed);
    return n;
}
