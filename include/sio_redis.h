/* Clusters over Redis, in the formats of the JavaScript adapters, so that servers of both kinds are one
 * cluster.
 *
 *     sio_redis_options r;
 *     sio_redis_options_init(&r);
 *     r.url = "redis://127.0.0.1:6379";
 *     if (sio_redis_adapter(&options.adapter, &r) < 0) ...
 */
#ifndef SIO_REDIS_H
#define SIO_REDIS_H

#include "sio_adapter.h"

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef enum sio_redis_mode {
    SIO_REDIS_CLASSIC,                   /* @socket.io/redis-adapter createAdapter; hears
                                          * @socket.io/redis-emitter */
    SIO_REDIS_SHARDED,                   /* createShardedAdapter, Redis 7 */
    SIO_REDIS_STREAMS                    /* @socket.io/redis-streams-adapter 0.3, with recovery
                                          * across servers */
} sio_redis_mode;

typedef enum sio_redis_subscriptions { SIO_REDIS_DYNAMIC, SIO_REDIS_DYNAMIC_PRIVATE,
                                       SIO_REDIS_STATIC } sio_redis_subscriptions;

typedef struct sio_redis_options {
    size_t      size;                    /* sizeof(sio_redis_options), set by sio_redis_options_init */
    const char *url;                     /* see docs/OPERATIONS.md: redis, rediss, unix, +cluster,
                                          * +sentinel; copied */
    sio_redis_mode mode;                 /* SIO_REDIS_CLASSIC */
    const char *key;                     /* "socket.io": prefix of channels (key, channelPrefix); copied */
    uint32_t    requests_timeout_ms;     /* 5000 */
    bool        specific_response_channel; /* classic: publishOnSpecificResponseChannel */
    sio_redis_subscriptions subscriptions; /* sharded: subscriptionMode */
    const char *stream;                  /* streams: streamName "socket.io"; copied */
    unsigned    stream_count;            /* streams: 1 */
    unsigned    stream_max;              /* streams: maxLen 10000 */
    unsigned    read_count;              /* streams: 100 */
    uint32_t    block_ms;                /* streams: 5000 */
    const char *session_prefix;          /* streams: "sio:session:"; copied */
    bool        plaintext_only;          /* streams: onlyPlaintext */
    bool        sharded_pubsub;          /* streams: useShardedPubSub */
    size_t      max_unsent;              /* 64 MiB waiting for Redis; what is over it is lost to the
                                          * others and counted */
    void      (*on_state)(void *arg, bool up, const char *why); /* Redis came or went; loop 0; may be NULL */
    void       *arg;
} sio_redis_options;
void sio_redis_options_init(sio_redis_options *o);

/* Makes an adapter for sio_options.adapter. 0, SIO_EINVAL, SIO_ENOMEM. */
int  sio_redis_adapter(sio_adapter **out, const sio_redis_options *o);

/* What such an adapter has done since it was made; any thread, as long as the server is there. */
typedef struct sio_redis_stats {
    uint64_t sent;                       /* messages handed to Redis */
    uint64_t lost;                       /* messages the other servers did not get: Redis was away,
                                          * refused or too slow */
    uint64_t received;                   /* messages of other servers, without those for rooms that
                                          * nobody here is in */
    uint64_t requests;                   /* questions asked of the other servers */
} sio_redis_stats;
void sio_redis_stats_read(const sio_adapter *a, sio_redis_stats *out);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
