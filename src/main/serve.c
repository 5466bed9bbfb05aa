/* `partyline serve`: makes the parts, connects them, runs until a signal. */
#include "app/app.h"
#include "app/chat/chat.h"
#include "app/push/pusher.h"
#include "base/log.h"
#include "jobs/bull.h"
#include "main/auth.h"
#include "main/cluster.h"
#include "main/commands.h"
#include "main/crash.h"
#include "main/demo.h"
#include "main/log_json.h"
#include "main/ops.h"
#include "main/push_setup.h"
#include "main/stop.h"
#include "sio/home.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/resource.h>

#define LAST_WORDS_MS 1000
#define PUSHES_MS     2000

/* All parts of a running server; zeroed members were not made yet. */
typedef struct serve {
    const config *config;
    bool          demo;
    auth          auth;
    db           *db;
    limits       *limits;
    app           app;
    cluster_join  cluster;
    push         *push;
    sio_server   *io;
    ops           ops;
    stopper       stopper;
    bool          has_stopper;
} serve;

static int fault(const char *what, const char *why)
{
    log_error("%s: %s", what, why);
    return EXIT_FAULT;
}

/* Every client is a descriptor, so the soft limit is of no use. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        log_debug("at most %llu descriptors", (unsigned long long)limit.rlim_cur);
}

static int open_key(serve *s)
{
    config_error err;

    if (auth_init(&s->auth, s->config, s->demo ? AUTH_DEMO_MAKE : AUTH_NO_DEMO, &err) < 0) {
        log_error("%s", err.text);
        return EXIT_USAGE;
    }
    if (auth_fetch(&s->auth, &err) < 0) {
        log_error("%s", err.text);
        return EXIT_FAULT;
    }
    if (s->demo)
        log_warn("DEMO: everybody who asks is given a token; never use --demo where strangers can connect");
    if (s->auth.is_demo)
        log_warn("DEMO: tokens are signed with the key in %s, made for this purpose", s->auth.demo.path);
    return 0;
}

static int open_database(serve *s)
{
    db_options o;
    char why[400], shown[4200];

    db_options_init(&o);
    o.url = s->config->database_url;
    o.readers = (unsigned)s->config->db_readers;
    o.wait_ms = (unsigned)s->config->db_wait;
    o.migrate = s->demo || config_database_file(s->config); /* a server's tables are not altered in passing */
    config_url_mask(o.url, shown, sizeof(shown));
    return db_open(&s->db, &o, why, sizeof(why)) == 0 ? 0 : fault(shown, why);
}

static void set_cors(sio_cors *cors, const config *c)
{
    cors->enabled = true;
    cors->credentials = true;
    cors->origins = (const char *const *)c->allowed_origins;
    for (char **origin = c->allowed_origins; *origin; origin++)
        cors->any |= strcmp(*origin, "*") == 0;
}

static void set_options(sio_options *o, serve *s, const char *client_dir)
{
    const config *c = s->config;

    sio_options_init(o);
    o->host = c->host;
    o->port = (int)c->port;
    o->tls = (sio_tls){c->tls_cert_file, c->tls_key_file};
    o->loops = (unsigned)c->loops;
    o->max_connections = (unsigned)c->max_connections;
    o->ping_interval_ms = (uint32_t)c->ping_interval;
    o->ping_timeout_ms = (uint32_t)c->ping_timeout;
    o->upgrade_timeout_ms = (uint32_t)c->upgrade_timeout;
    o->connect_timeout_ms = (uint32_t)c->connect_timeout;
    o->max_payload = (size_t)c->max_payload;
    o->max_attachments = (unsigned)c->max_attachments;
    o->max_unsent = (size_t)c->max_unsent;
    o->max_rooms = (unsigned)c->max_rooms;
    o->max_acks = (unsigned)c->max_acks;
    o->compression_threshold = (size_t)c->http_compression_threshold;
    o->deflate = (sio_deflate){c->ws_deflate, (size_t)c->ws_deflate_threshold, (int)c->ws_deflate_level};
    o->recovery_ms = (uint32_t)c->recovery_duration;
    o->client_dir = client_dir;
    o->context = &s->app;
    set_cors(&o->cors, c);
    if (c->cookie)
        o->cookie = (sio_cookie){.name = "io", .path = "/", .same_site = "Lax", .http_only = true};
}

static int make_limits(serve *s)
{
    const config *c = s->config;
    limit_options o = {
        .socket = {(uint32_t)c->rate_socket, (uint32_t)c->rate_socket_burst},
        .user = {(uint32_t)c->rate_user, (uint32_t)c->rate_user_burst},
        .address = {(uint32_t)c->rate_address, (uint32_t)c->rate_address_burst},
        .events = c->rate_events, .flood = (uint32_t)c->rate_flood,
        .connections = (uint32_t)c->max_connections_per_address, .proxies = c->trusted_proxies,
    };
    char why[200];
    int err = limits_new(&s->limits, &o, why, sizeof(why));

    if (err == 0)
        return 0;
    log_error("RATE_EVENTS, TRUSTED_PROXIES: %s", why);
    return err == SIO_EINVAL ? EXIT_USAGE : EXIT_FAULT;
}

/* ---- push -------------------------------------------------------------------------------------------- */

/* PUSH_DELIVERY */
enum { DELIVERY_AUTO, DELIVERY_DIRECT, DELIVERY_WORKER, DELIVERY_OFF };

static int delivery_of(const serve *s)
{
    int chosen = s->config->push_delivery;

    if (chosen == DELIVERY_WORKER)
        return APP_PUSH_WORKER;
    return chosen == DELIVERY_OFF || !s->push ? APP_PUSH_OFF : APP_PUSH_DIRECT;
}

static void set_push(app_push *o, const serve *s)
{
    const config *c = s->config;

    o->mode = delivery_of(s);
    o->services = s->push;
    o->delay_ms = (uint32_t)c->push_delay;
    o->confirm_ms = (uint32_t)c->push_confirm;
    o->max_tokens = (unsigned)c->push_max_tokens_per_user;
    o->body = c->push_body;
}

static int open_push(serve *s)
{
    config_error err;

    if (s->config->push_delivery != DELIVERY_OFF && push_setup(&s->push, s->config, &err) < 0) {
        log_error("%s", err.text);
        return EXIT_USAGE;
    }
    if (s->config->push_delivery == DELIVERY_DIRECT && !s->push) {
        log_error("PUSH_DELIVERY is direct, and no push service is set up");
        return EXIT_USAGE;
    }
    if (s->config->push_delivery == DELIVERY_WORKER && !s->config->redis_url) {
        log_error("PUSH_DELIVERY is worker, which needs REDIS_URL");
        return EXIT_USAGE;
    }
    if (s->config->push_delivery == DELIVERY_WORKER && strcmp(s->config->queue_inbox, PUSHER_DEVICES) == 0) {
        log_error("QUEUE_INBOX is " PUSHER_DEVICES ", which is the queue of PUSH_DELIVERY worker");
        return EXIT_USAGE;
    }
    return 0;
}

/* The keeper of BullMQ's queues, for a worker that delivers. */
static int open_push_queue(serve *s)
{
    bull_options o = {.redis_url = s->config->redis_url, .prefix = s->config->queue_prefix};

    return delivery_of(s) == APP_PUSH_WORKER ? bull_new(&s->app.opt.push.queue, sio_home_net(s->io, 0), &o)
                                             : 0;
}

/* The keeper of the queue that Node services fill. */
static int open_inbox(serve *s)
{
    const config *c = s->config;
    bull_options o = {.redis_url = c->redis_url, .prefix = c->queue_prefix, .name = s->cluster.code};

    if (!c->redis_url || !s->app.opt.inbox_queue)
        return 0;
    if (strstr(c->redis_url, "+cluster://") && !strchr(c->queue_prefix, '{')) {
        log_warn("the queue %s is not served: QUEUE_PREFIX needs a hash tag on Redis Cluster",
                 c->queue_inbox);
        return 0;
    }
    return bull_new(&s->app.opt.inbox, sio_home_net(s->io, 0), &o);
}

/* A name, or NULL for "none". */
static const char *named(const char *name)
{
    return name && strcmp(name, "none") != 0 ? name : NULL;
}

static void set_app_options(app_options *o, const serve *s)
{
    enum { AUTO, EVERYONE, FOLLOWERS };
    const config *c = s->config;

    *o = (app_options){.db = s->db, .verifier = s->auth.verifier, .limits = s->limits, .demo = s->demo};
    o->token_notice_ms = c->jwt_expiry_notice;
    o->token_revocation_ms = c->jwt_revocation_ttl;
    o->chat_max_content = c->chat_max_content;
    o->chat_gap_ms = c->chat_gap_wait;
    o->chat_check_ms = c->chat_check_interval;
    o->recovery_ms = c->recovery_duration;
    o->typing_ttl_ms = (uint32_t)c->chat_typing_ttl;
    o->presence_everyone = c->presence_audience == AUTO ? s->demo : c->presence_audience == EVERYONE;
    o->presence_grace_ms = c->presence_grace;
    o->presence_interval_ms = c->presence_interval;
    o->presence_deliveries = c->presence_deliveries;
    o->party_announce_limit = c->party_announce_limit;
    o->party_count_interval_ms = c->party_count_interval;
    o->api_key = c->api_key;
    o->api_max_body = c->api_max_body;
    o->api_keys_ms = c->api_idempotency_ttl;
    o->redis_url = c->redis_url;
    o->node_code = s->cluster.code;
    o->cluster_lease_ms = (uint32_t)c->cluster_lease;
    o->bus_channel = named(c->bus_channel);
    o->bus_stream = named(c->bus_stream);
    o->bus_group = c->bus_group;
    o->bus_retry_ms = c->bus_retry;
    o->inbox_queue = named(c->queue_inbox);
    o->inbox_concurrency = (unsigned)c->queue_concurrency;
    set_push(&o->push, s);
}

static int attach_ops(serve *s)
{
    s->ops = (ops){.io = s->io, .db = s->db, .app = &s->app, .cluster = &s->cluster};
    return ops_attach(&s->ops, s->config->metrics);
}

static void on_redis_up(void *arg) { chat_cluster_up(&((serve *)arg)->app); }

static int make_server(serve *s)
{
    const char *client_dir = s->config->client_dir;
    app_options app;
    char found[4200];
    sio_options o;
    int err;

    if (!client_dir && s->demo &&
        demo_find_dir("web/node_modules/socket.io-client/dist", "client", found, sizeof(found)))
        client_dir = found;
    set_options(&o, s, client_dir);
    if ((err = cluster_make(&s->cluster, &o.adapter, s->config)) < 0)
        return fault("REDIS_URL", sio_strerror(err));
    o.node = s->cluster.code;
    set_app_options(&app, s);
    app_init(&s->app, &app);
    if ((err = sio_server_new(&s->io, &o)) < 0)
        return fault("cannot make the server", sio_strerror(err));
    if (cluster_link(&s->cluster, s->io, s->config) < 0)
        return EXIT_FAULT;
    s->app.opt.node_address = cluster_address(&s->cluster);
    s->cluster.on_up = on_redis_up;
    s->cluster.arg = s;
    if ((err = open_push_queue(s)) == 0 && (err = open_inbox(s)) == 0 &&
        (err = app_attach(&s->app, s->io)) == 0)
        cluster_use(&s->cluster, app_node(&s->app));
    if (err < 0 || (err = attach_ops(s)) < 0 ||
        (s->demo && (err = demo_attach(s->io, &s->auth, s->config)) < 0))
        return fault("cannot make the server", sio_strerror(err));
    return 0;
}

/* Clients go one after the other, and those that are left all at once, when what they have sent is saved and
 * answered. They get a little time for their last words even when all of it is used up. */
static void stop(void *arg)
{
    serve *s = arg;
    long grace = s->config->shutdown_grace, least = grace < LAST_WORDS_MS ? grace : LAST_WORDS_MS;
    long left = ops_drain(&s->ops, (unsigned)s->config->drain_rate, grace);

    pusher_stop(&s->app, PUSHES_MS);
    db_stop(s->db);
    sio_server_stop(s->io, (int)(left > least ? left : least));
}

static void reload(void *arg)
{
    serve *s = arg;

    if (sio_server_reload_tls(s->io) == 0)
        log_info("SIGHUP: connections from now on are shown the certificate that is in %s now",
                 s->config->tls_cert_file);
    else
        log_error("SIGHUP: the certificate stays as it was");
}

static int run(serve *s)
{
    bool tls = s->config->tls_cert_file != NULL;
    const char *host = s->config->host ? s->config->host : "port";
    char port[16], shown[300], database[4200];
    int err = sio_server_listen(s->io);

    snprintf(port, sizeof(port), "%d", err < 0 ? (int)s->config->port : sio_server_port(s->io));
    snprintf(shown, sizeof(shown), "%s %s", host, port);
    if (err < 0)
        return fault(shown,
                     err == SIO_EADDR ? "cannot listen there; perhaps another program does"
                                      : sio_strerror(err));
    if (stop_begin(&s->stopper, stop, tls ? reload : NULL, s) < 0)
        return fault("signals", "cannot make a thread");
    s->has_stopper = true;
    config_url_mask(s->config->database_url, database, sizeof(database));
    log_info("listening on %s%s, %u loops, %s", shown, tls ? " with TLS" : "", sio_server_loops(s->io),
             database);
    if (s->demo)
        log_info("open http%s://localhost:%s", tls ? "s" : "", port);
    if ((err = sio_server_run(s->io)) < 0)
        return fault("the server ended", sio_strerror(err));
    log_info("stopped");
    return 0;
}

/* Those that call into others go first: the signals' thread, the database's threads, then the loops
 * they post to. */
static void fini(serve *s)
{
    if (s->has_stopper)
        stop_end(&s->stopper);
    db_close(s->db);
    app_detach(&s->app);
    push_free(s->push);
    cluster_unlink(&s->cluster);
    if (s->io)
        sio_server_free(s->io);
    app_fini(&s->app);
    limits_free(s->limits);
    auth_fini(&s->auth);
}

int command_serve(const options *o)
{
    serve s = {.config = &o->config, .demo = o->demo};
    int code;

    log_setup((log_level)o->config.log_level, o->config.log_format ? log_json_sink : NULL);
    crash_begin();
    stop_block(o->config.tls_cert_file);
    raise_descriptors();
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* while there is one thread */
        return fault("libcurl", "cannot be used");
    if ((code = open_key(&s)) == 0 && (code = make_limits(&s)) == 0 && (code = open_database(&s)) == 0 &&
        (code = open_push(&s)) == 0 && (code = make_server(&s)) == 0)
        code = run(&s);
    fini(&s);
    curl_global_cleanup();
    return code;
}
