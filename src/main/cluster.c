#include "main/cluster.h"

#include "base/log.h"
#include "base/rand.h"

static void on_state(void *arg, bool up, const char *why)
{
    cluster_join *j = arg;

    atomic_store(&j->is_up, up);
    if (!up) {
        log_warn("Redis is away: %s; this server goes on by itself", why ? why : "no reason given");
        return;
    }
    log_info("Redis is there");
    if (j->on_up)
        j->on_up(j->arg);
}

int cluster_make(cluster_join *j, sio_adapter **out, const config *c)
{
    sio_redis_options o;
    int err;

    *out = NULL;
    rand_id(j->code, sizeof(j->code) - 1);
    j->code[sizeof(j->code) - 1] = 0;
    atomic_store(&j->is_up, !c->redis_url);
    if (!c->redis_url)
        return 0;
    sio_redis_options_init(&o);
    o.url = c->redis_url;
    o.mode = (sio_redis_mode)c->redis_adapter;
    o.key = c->redis_key;
    o.requests_timeout_ms = (uint32_t)c->redis_requests_timeout;
    o.specific_response_channel = c->redis_own_responses;
    o.subscriptions = (sio_redis_subscriptions)c->redis_subscriptions;
    o.stream = c->redis_stream;
    o.stream_max = (unsigned)c->redis_stream_max;
    o.on_state = on_state;
    o.arg = j;
    err = sio_redis_adapter(out, &o);
    j->adapter = *out;
    return err;
}

int cluster_link(cluster_join *j, sio_server *io, const config *c)
{
    peer_link_options o = {.secret = c->cluster_secret, .host = c->cluster_host, .port = (int)c->cluster_port,
                           .advertise = c->cluster_advertise};
    int err;

    if (!c->redis_url)
        return 0;
    if (!o.secret) {
        log_warn("CLUSTER_SECRET is not set: requests for sessions of other servers are refused, so the "
                 "load balancer must keep each "
                 "client on one server");
        return 0;
    }
    if ((err = peer_link_new(&j->link, io, &o)) == SIO_EINVAL)
        log_error("CLUSTER_ADVERTISE: this machine's name is no address; set it");
    else if (err < 0)
        log_error("CLUSTER_HOST, CLUSTER_PORT: %s", sio_strerror(err));
    return err;
}

const char *cluster_address(const cluster_join *j) { return j->link ? peer_link_address(j->link) : NULL; }

void cluster_use(cluster_join *j, node *n)
{
    if (j->link && n)
        peer_link_use(j->link, n);
}

void cluster_unlink(cluster_join *j)
{
    peer_link_free(j->link);
    j->link = NULL;
}

void cluster_counts_read(const cluster_join *j, cluster_counts *out)
{
    sio_redis_stats stats = {0};
    peer_link_stats link = {0};

    if (j->adapter)
        sio_redis_stats_read(j->adapter, &stats);
    if (j->link)
        peer_link_stats_read(j->link, &link);
    *out = (cluster_counts){.up = atomic_load(&j->is_up), .sent = stats.sent, .lost = stats.lost,
                            .received = stats.received,
                            .requests = stats.requests, .unreached = link.failures,
                            .link_refused = link.refused,
                            .tunnels = link.open_tunnels};
}
