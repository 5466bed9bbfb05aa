#include "main/ops.h"

#include "app/shared.h"
#include "base/log.h"
#include "db/db_stats.h"
#include "main/metrics.h"

#include <time.h>

#define METRICS_MAX (1024 * 1024)
#define LOOK_MS     10 /* how often a drain looks whether everybody has gone */

static const sio_str json_headers = SIO_STR("Content-Type: application/json\r\nCache-Control: no-store\r\n");
static const sio_str metrics_headers = SIO_STR("Content-Type: " METRICS_TYPE "\r\nCache-Control: no-store\r\n");

static bool is_get(sio_request *r)
{
    sio_str method = sio_request_method(r);

    if (sio_str_eq(method, sio_lit("GET")) || sio_str_eq(method, sio_lit("HEAD")))
        return true;
    sio_reply(r, 405, sio_lit("Allow: GET, HEAD\r\n"), sio_lit(""));
    return false;
}

static void on_health(void *arg, sio_request *r)
{
    (void)arg;
    if (is_get(r))
        sio_reply(r, 200, json_headers, sio_lit("{\"status\":\"ok\"}\n"));
}

/* A database that is away does not drive those inside out, but new clients have better places to go. Without
 * Redis a server is as good as the others, who have none either. */
static void on_ready(void *arg, sio_request *r)
{
    ops *o = arg;
    db_stats stats;

    if (!is_get(r))
        return;
    db_stats_read(o->db, &stats);
    if (atomic_load(&o->draining))
        sio_reply(r, 503, json_headers, sio_lit("{\"status\":\"draining\"}\n"));
    else if (!stats.is_up)
        sio_reply(r, 503, json_headers, sio_lit("{\"status\":\"database away\"}\n"));
    else if (!atomic_load(&o->cluster->is_up) || !shared_is_in_use(o->app))
        sio_reply(r, 200, json_headers, sio_lit("{\"status\":\"degraded\"}\n"));
    else
        sio_reply(r, 200, json_headers, sio_lit("{\"status\":\"ready\"}\n"));
}

static void on_metrics(void *arg, sio_request *r)
{
    const ops *o = arg;
    buf page;

    if (!is_get(r))
        return;
    buf_init(&page, METRICS_MAX);
    if (metrics_put(&page, o->io, o->db, o->app, o->cluster) == 0)
        sio_reply(r, 200, metrics_headers, buf_str(&page));
    else
        sio_reply(r, 500, sio_lit(""), sio_lit(""));
    buf_fini(&page);
}

int ops_attach(ops *o, bool metrics)
{
    int err = sio_http(o->io, "/healthz", true, on_health, o);

    if (err == 0)
        err = sio_http(o->io, "/readyz", true, on_ready, o);
    if (err == 0 && metrics)
        err = sio_http(o->io, "/metrics", true, on_metrics, o);
    return err;
}

/* ---- moving off ------------------------------------------------------------------------------------ */

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

long ops_drain(ops *o, unsigned per_second, long ms)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
    long end = now_ms() + ms;
    size_t n = sio_clients_count(o->io);

    atomic_store(&o->draining, true);
    if (per_second == 0)
        return ms;
    log_info("moving %zu clients off, %u a second", n, per_second);
    sio_server_drain(o->io, per_second);
    while (sio_clients_count(o->io) > 0 && now_ms() < end)
        nanosleep(&look, NULL);
    n = sio_clients_count(o->io);
    if (n)
        log_warn("%zu clients are left and go at once", n);
    return end > now_ms() ? end - now_ms() : 0;
}
