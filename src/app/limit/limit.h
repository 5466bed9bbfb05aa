/* How much a client may ask for: events a second by socket, user, user and event, and address; connections
 * by address.  A refused event is answered with rate_limited and retryAfterMs and costs nothing else; who
 * goes on regardless is disconnected. The buckets of users and addresses are shared by all loops, so a
 * limit holds for the node. */
#ifndef APP_LIMIT_LIMIT_H
#define APP_LIMIT_LIMIT_H

#include "app/limit/bucket.h"
#include "sio.h"

typedef struct limit_options {
    limit_rate socket, user, address;
    char *const
        *events; /* "chat:message=20/40": tokens a second and burst, for each user; NULL-terminated or NULL */
    uint32_t flood;       /* refused events in a row that a client is forgiven; 0 = any number */
    uint32_t connections; /* of one address to "/"; 0 = no limit */
    char *const
        *proxies; /* addresses and networks whose X-Forwarded-For is believed; NULL-terminated or NULL */
} limit_options;

typedef struct limits limits;

/* What was refused, by what was exceeded; as SIO_STATS in sio_stats.h. */
#define LIMIT_COUNTS(COUNTER)                                                                           \
    COUNTER(socket, "limited_total", "by=\"connection\"", "Events and connections refused by a limit.") \
    COUNTER(user, "limited_total", "by=\"user\"", "Events and connections refused by a limit.")         \
    COUNTER(event, "limited_total", "by=\"event\"", "Events and connections refused by a limit.")       \
    COUNTER(address, "limited_total", "by=\"address\"", "Events and connections refused by a limit.")   \
    COUNTER(connections, "limited_total", "by=\"connections\"",                                         \
            "Events and connections refused by a limit.")                                               \
    COUNTER(floods, "floods_total", "", "Clients disconnected for sending far more than allowed.")

typedef struct limit_counts {
#define LIMIT_COUNT(member, name, labels, help) uint64_t member;
    LIMIT_COUNTS(LIMIT_COUNT)
#undef LIMIT_COUNT
} limit_counts;

/* 0; SIO_EINVAL with err (nerr bytes) naming the entry that cannot be read; SIO_ENOMEM. */
int limits_new(limits **out, const limit_options *o, char *err, size_t nerr);
void limits_free(limits *l); /* when no loop runs any more; NULL is allowed */
/* Any thread. */
void limits_counts(limits *l, limit_counts *out);

/* Part of each session, zeroed at first. */
typedef struct limit_session {
    limit_bucket socket, refused;
    uint64_t user, address; /* keys of shared buckets; 0 = not known yet */
    limits *counted;        /* where the connection counts */
} limit_session;

/* In this order, while the handshake is there: before the token is looked at; when the user is known. NULL,
 * or why the client is refused, with the wait in *retry_ms. */
const char *limit_arrive(limits *l, limit_session *me, sio_socket *s, int64_t *retry_ms);
const char *limit_enter(limits *l, limit_session *me, sio_str user_id, int64_t *retry_ms);
/* Is connected, perhaps by recovery and without the above. */
void limit_connected(limits *l, limit_session *me, sio_socket *s, sio_str user_id);
/* Disconnects, or never came to be: any number of times. Any thread. */
void limit_leave(limit_session *me);

/* Every event, before its handler: 0, or the wait in milliseconds. *flood: this client has gone too far. */
int64_t limit_event(limits *l, limit_session *me, sio_str event, bool *flood);
/* Whether any limit on events is set. */
bool limit_has_rates(const limits *l);

#endif
