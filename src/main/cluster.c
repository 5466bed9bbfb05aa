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

void cluster_counts_read(const cluster_join *j, cluster_counts *out)
{
    sio_redis_stats stats = {0};

    if (j->adapter)
        sio_redis_stats_read(j->adapter, &stats);
    *out = (cluster_counts){.up = atomic_load(&j->is_up), .sent = stats.sent, .lost = stats.lost, .received = stats.received,
                            .requests = stats.requests};
}
