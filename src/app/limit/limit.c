#include "app/limit/limit.h"
#include "app/app.h"
#include "app/limit/address.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/siphash.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BUCKETS          65536
#define EVENTS_MAX       64
#define PROXIES_MAX      64
#define FORWARDED_MAX    2048
#define RETRY_CONNECT_MS 5000 /* connections end when their owners like: a guess */

typedef struct event_rate {
    sio_str name;
    limit_rate rate;
} event_rate;

/* How many connections an address has. */
typedef struct crowd {
    uint64_t key;
    uint32_t n;
} crowd;

struct limits {
    limit_options opt; /* its lists are not looked at after limits_new */
    unsigned nevents, nproxies;
    event_rate event[EVENTS_MAX];
    limit_net proxy[PROXIES_MAX];
    uint64_t seed[2];
    limit_table *table;
    pthread_mutex_t lock; /* crowds: taken when a client comes or goes, not for messages */
    map crowds;
    atomic_bool warned;
    _Atomic uint64_t socket, user, by_event, address, connections, floods;
};

/* On a loop the time of its turn: reading the clock for each event costs as much as all its limits. */
static int64_t now_ns(void)
{
    const loop *l = loop_current();
    struct timespec t;

    if (l)
        return loop_now_ns(l);
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void count(_Atomic uint64_t *n)
{
    atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static sio_str crowd_key(const void *object)
{
    return (sio_str){(const char *)&((const crowd *)object)->key, sizeof(uint64_t)};
}

/* "chat:message=20/40" */
static bool read_event(event_rate *e, const char *text)
{
    const char *equals = strrchr(text, '=');
    unsigned per_s, burst;
    int end = 0;

    if (!equals || equals == text || equals - text > 255)
        return false;
    if (sscanf(equals, "=%9u/%9u%n", &per_s, &burst, &end) != 2 || equals[end] || strpbrk(equals, "+- "))
        return false;
    if (per_s > LIMIT_RATE_MAX || burst < 1 || burst > LIMIT_RATE_MAX)
        return false;
    e->rate = (limit_rate){per_s, burst};
    e->name.n = (size_t)(equals - text);
    e->name.p = strndup(text, e->name.n);
    return e->name.p != NULL;
}

static int read_events(limits *l, char *const *list, char *err, size_t nerr)
{
    for (; list && *list; list++) {
        if (l->nevents == EVENTS_MAX || !read_event(&l->event[l->nevents], *list)) {
            snprintf(err, nerr, "\"%.80s\" is not EVENT=PER_SECOND/BURST, or one too many", *list);
            return SIO_EINVAL;
        }
        l->nevents++;
    }
    return 0;
}

static int read_proxies(limits *l, char *const *list, char *err, size_t nerr)
{
    for (; list && *list; list++) {
        if (l->nproxies == PROXIES_MAX || !limit_net_read(sio_str_z(*list), &l->proxy[l->nproxies])) {
            snprintf(err, nerr, "\"%.80s\" is no address or network such as 10.0.0.0/8, or one too many",
                     *list);
            return SIO_EINVAL;
        }
        l->nproxies++;
    }
    return 0;
}

int limits_new(limits **out, const limit_options *o, char *err, size_t nerr)
{
    limits *l = calloc(1, sizeof(*l));
    int rc;

    if (!l || !(l->table = limit_table_new(BUCKETS))) {
        free(l);
        snprintf(err, nerr, "out of memory");
        return SIO_ENOMEM;
    }
    l->opt = *o;
    rand_bytes(l->seed, sizeof(l->seed));
    pthread_mutex_init(&l->lock, NULL);
    map_init(&l->crowds, crowd_key);
    if ((rc = read_events(l, o->events, err, nerr)) < 0 ||
        (rc = read_proxies(l, o->proxies, err, nerr)) < 0) {
        limits_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

void limits_free(limits *l)
{
    uint32_t at = 0;
    crowd *c;

    if (!l)
        return;
    while ((c = map_next(&l->crowds, &at)))
        free(c);
    map_fini(&l->crowds);
    for (unsigned i = 0; i < l->nevents; i++)
        free((char *)(uintptr_t)l->event[i].name.p);
    pthread_mutex_destroy(&l->lock);
    limit_table_free(l->table);
    free(l);
}

void limits_counts(limits *l, limit_counts *out)
{
    *out = (limit_counts){.socket = l->socket,
                          .user = l->user,
                          .event = l->by_event,
                          .address = l->address,
                          .connections = l->connections,
                          .floods = l->floods};
}

bool limit_has_rates(const limits *l)
{
    bool has = l->opt.socket.per_s || l->opt.user.per_s || l->opt.address.per_s;

    for (unsigned i = 0; i < l->nevents; i++)
        has |= l->event[i].rate.per_s != 0;
    return has;
}

/* ---- addresses -------------------------------------------------------------------------------------- */

/* 0 means unknown; a user and an address of the same bytes must not meet. */
static uint64_t key_of(const limits *l, char kind, const void *p, size_t n)
{
    const uint64_t seed[2] = {l->seed[0], l->seed[1] ^ (unsigned char)kind};
    uint64_t key = siphash13(seed, p, n);

    return key ? key : 1;
}

/* All lines of X-Forwarded-For as one list: some proxies add their own line. Too long is as good as none. */
static sio_str forwarded_of(sio_socket *s, char out[FORWARDED_MAX])
{
    sio_val headers = sio_get(sio_handshake(s), "headers"), key, value;
    sio_iter it = {0};
    sio_str name, text;
    size_t n = 0;

    while (sio_next(headers, &it, &key, &value)) {
        if (!sio_text(key, NULL, &name) || !sio_str_eq(name, sio_lit("x-forwarded-for")))
            continue;
        if (n + sio_text_max(value) + 1 > FORWARDED_MAX || !sio_text(value, out + n + 1, &text))
            return (sio_str){NULL, 0};
        out[n] = ',';
        memmove(out + n + 1, text.p, text.n);
        n += 1 + text.n;
    }
    return (sio_str){out + 1, n ? n - 1 : 0};
}

static void warn_of_proxy(limits *l, sio_str peer)
{
    if (!atomic_exchange_explicit(&l->warned, true, memory_order_relaxed))
        log_warn("X-Forwarded-For comes from %.*s, which is not in TRUSTED_PROXIES: all its clients count as "
                 "one address",
                 (int)peer.n, peer.p);
}

static uint64_t address_of(limits *l, sio_socket *s)
{
    sio_str peer = sio_handshake_address(s);
    char text[FORWARDED_MAX];
    limit_address a, client;

    if (!limit_address_read(peer, &a))
        return 0; /* no address at all: a Unix socket */
    client = a;
    if (sio_handshake_header(s, "x-forwarded-for").n) {
        limit_address_client(&client, forwarded_of(s, text), l->proxy, l->nproxies);
        if (memcmp(&client, &a, sizeof(a)) == 0)
            warn_of_proxy(l, peer);
    }
    return key_of(l, 'a', client.b, limit_address_len(&client));
}

/* ---- connections ------------------------------------------------------------------------------------ */

/* One more; false when there are max already (0 = any number). */
static bool crowd_add(limits *l, uint64_t key, uint32_t max)
{
    crowd *c;
    bool ok;

    pthread_mutex_lock(&l->lock);
    c = map_get(&l->crowds, (sio_str){(const char *)&key, sizeof(key)});
    if (!c && (c = calloc(1, sizeof(*c)))) {
        c->key = key;
        if (map_put(&l->crowds, c) < 0) {
            free(c);
            c = NULL;
        }
    }
    ok = c && (!max || c->n < max);
    if (ok)
        c->n++;
    pthread_mutex_unlock(&l->lock);
    return ok;
}

static void crowd_sub(limits *l, uint64_t key)
{
    sio_str name = {(const char *)&key, sizeof(key)};
    crowd *c;

    pthread_mutex_lock(&l->lock);
    c = map_get(&l->crowds, name);
    if (c && --c->n == 0)
        free(map_del(&l->crowds, name));
    pthread_mutex_unlock(&l->lock);
}

void limit_leave(limit_session *me)
{
    if (me->counted)
        crowd_sub(me->counted, me->address);
    me->counted = NULL;
}

const char *limit_arrive(limits *l, limit_session *me, sio_socket *s, int64_t *retry_ms)
{
    me->address = l->opt.address.per_s || l->opt.connections ? address_of(l, s) : 0;
    *retry_ms = me->address ? limit_table_take(l->table, me->address, l->opt.address, now_ns()) : 0;
    if (!*retry_ms)
        return NULL;
    count(&l->address);
    return "Too many requests from this address";
}

const char *limit_enter(limits *l, limit_session *me, sio_str user_id, int64_t *retry_ms)
{
    me->user = key_of(l, 'u', user_id.p, user_id.n);
    if (!l->opt.connections || !me->address)
        return NULL;
    if (crowd_add(l, me->address, l->opt.connections)) {
        me->counted = l;
        return NULL;
    }
    count(&l->connections);
    *retry_ms = RETRY_CONNECT_MS;
    return "Too many connections from this address";
}

void limit_connected(limits *l, limit_session *me, sio_socket *s, sio_str user_id)
{
    if (me->counted)
        return;
    me->user = key_of(l, 'u', user_id.p, user_id.n);
    me->address = l->opt.address.per_s || l->opt.connections ? address_of(l, s) : 0;
    if (l->opt.connections && me->address && crowd_add(l, me->address, 0))
        me->counted = l;
}

/* ---- events ----------------------------------------------------------------------------------------- */

static int64_t take_event(limits *l, const limit_session *me, sio_str event, int64_t now)
{
    for (unsigned i = 0; i < l->nevents; i++) {
        if (sio_str_eq(l->event[i].name, event))
            return limit_table_take(l->table, me->user + (i + 1) * 0x9e3779b97f4a7c15u, l->event[i].rate,
                                    now);
    }
    return 0;
}

static int64_t take_all(limits *l, limit_session *me, sio_str event, int64_t now)
{
    int64_t wait;

    if ((wait = limit_take(&me->socket, l->opt.socket, now)))
        count(&l->socket);
    else if ((wait = limit_table_take(l->table, me->user, l->opt.user, now)))
        count(&l->user);
    else if ((wait = take_event(l, me, event, now)))
        count(&l->by_event);
    else if (me->address && (wait = limit_table_take(l->table, me->address, l->opt.address, now)))
        count(&l->address);
    return wait;
}

int64_t limit_event(limits *l, limit_session *me, sio_str event, bool *flood)
{
    int64_t now = now_ns(), wait = take_all(l, me, event, now);
    limit_rate forgiven = {(l->opt.flood + 9) / 10, l->opt.flood};

    *flood = wait && limit_take(&me->refused, forgiven, now) > 0;
    if (*flood)
        count(&l->floods);
    return wait;
}
