/* A Redis client on one loop: pipelined commands, pub/sub, scripts, reconnecting by itself.
 *
 * One `redis` is one connection to one server (with Redis Cluster: one to each node that is needed). Commands
 * are answered in the order sent; all that a turn asks leaves in one write. A client that has subscribed is
 * for subscriptions only, and one that waits in a blocking command holds up what is behind it: make another
 * for those, with the same options.
 *
 * Redis may go away and come back at any time. Commands are never repeated by themselves: what was under way
 * fails with SIO_ECLOSED (it may have been done or not), what is asked meanwhile is refused with
 * SIO_EUNAVAILABLE. Subscriptions are made again by themselves, before on_up. It is tried again for ever,
 * with growing, jittered pauses up to 2 s.
 *
 * Everything on the loop's own thread; callbacks never run inside a call into the client, but for
 * redis_free. */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include "codec/resp.h"
#include "net/net.h"
#include "sio_err.h"

typedef struct redis redis;

/* redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], rediss:// with TLS (?ca=FILE&cert=FILE&key=FILE&verify=no),
 * unix://[[USER]:PASSWORD@]/PATH[?db=N]; several hosts, comma separated, with redis+cluster://
 * (rediss+cluster://), and with redis+sentinel://HOST[,HOST...]/MASTER_NAME[/DB] (rediss+sentinel://;
 * ?sentinel_user=U&sentinel_password=P). Texts are percent-decoded. */
typedef struct redis_options {
    const char *url;             /* copied */
    size_t      max_reply;       /* bytes of one reply or message; default 64 MiB */
    size_t      max_unsent;      /* bytes of commands that may wait for the kernel; default 64
                                  * MiB: more is SIO_ELIMIT */
    uint32_t    connect_ms;      /* 5000 */
    uint32_t    reply_ms;        /* a connection whose oldest command waits longer is given up; default 10000,
                                  * 0 = for ever (for blocking commands) */
    uint32_t    ping_ms;         /* an idle connection is asked for a sign of life so often;
                                  * default 5000, 0 = never */
    const char *name;            /* CLIENT SETNAME; NULL = none; copied */
    /* Each may be NULL. */
    void      (*on_up)(void *arg);               /* ready, subscriptions made */
    void      (*on_down)(void *arg, const char *why); /* once per loss, and once when the first try fails */
    void       *arg;
} redis_options;
void redis_options_init(redis_options *o);

/* Checks a URL: NULL, or what is wrong with it, without its secrets. Any thread. */
const char *redis_url_fault(const char *url);

/* Starts connecting in the loop's next turn. 0, SIO_EINVAL for the URL, SIO_ENOMEM. */
int  redis_new(redis **out, net *n, const redis_options *o);
/* Closes; callbacks of what was under way run with SIO_ECANCELED before it returns. NULL is allowed. */
void redis_free(redis *r);
bool redis_is_up(const redis *r);

/* err 0: v is the answer (maybe of kind RESP_ERROR); views are gone afterwards. Else SIO_ECLOSED,
 * SIO_ECANCELED, SIO_ETIMEOUT and v NULL. */
typedef void redis_reply_fn(void *arg, int err, const resp_val *v);
/* Sends a command; arguments are copied. fn may be NULL. 0; SIO_EUNAVAILABLE, SIO_ELIMIT, SIO_ETOOBIG, and
 * fn is not called. With Redis Cluster it goes where its key is (MOVED and ASK are followed; so are
 * TRYAGAIN and LOADING, a few times); commands without one go to any node, PUBSUB NUMSUB and PUBSUB
 * SHARDNUMSUB are summed over all. */
int  redis_command(redis *r, redis_reply_fn *fn, void *arg, const sio_str *argv, unsigned argc);
/* redis_cmd(r, fn, arg, "SADD", key, member): 1 to 16 arguments, each char * or sio_str. */
#define redis_cmd(r, fn, arg, ...)                                                                        \
    redis_command(r, fn, arg, REDIS_ARGS_(__VA_ARGS__), sizeof(REDIS_ARGS_(__VA_ARGS__)) / sizeof(sio_str))
#define REDIS_ARGS_(...) ((const sio_str[]){REDIS_MAP_(__VA_ARGS__)})
#define REDIS_MAP_(...)  SIO_CAT_(REDIS_A, SIO_COUNT_(__VA_ARGS__))(__VA_ARGS__)
#define REDIS_A1(a)       sio_s(a)
#define REDIS_A2(a, ...)  sio_s(a), REDIS_A1(__VA_ARGS__)
#define REDIS_A3(a, ...)  sio_s(a), REDIS_A2(__VA_ARGS__)
#define REDIS_A4(a, ...)  sio_s(a), REDIS_A3(__VA_ARGS__)
#define REDIS_A5(a, ...)  sio_s(a), REDIS_A4(__VA_ARGS__)
#define REDIS_A6(a, ...)  sio_s(a), REDIS_A5(__VA_ARGS__)
#define REDIS_A7(a, ...)  sio_s(a), REDIS_A6(__VA_ARGS__)
#define REDIS_A8(a, ...)  sio_s(a), REDIS_A7(__VA_ARGS__)
#define REDIS_A9(a, ...)  sio_s(a), REDIS_A8(__VA_ARGS__)
#define REDIS_A10(a, ...) sio_s(a), REDIS_A9(__VA_ARGS__)
#define REDIS_A11(a, ...) sio_s(a), REDIS_A10(__VA_ARGS__)
#define REDIS_A12(a, ...) sio_s(a), REDIS_A11(__VA_ARGS__)
#define REDIS_A13(a, ...) sio_s(a), REDIS_A12(__VA_ARGS__)
#define REDIS_A14(a, ...) sio_s(a), REDIS_A13(__VA_ARGS__)
#define REDIS_A15(a, ...) sio_s(a), REDIS_A14(__VA_ARGS__)
#define REDIS_A16(a, ...) sio_s(a), REDIS_A15(__VA_ARGS__)

/* ---- Redis Cluster, Sentinel ----
 * A cluster is up when every slot has a master that answers, and all subscriptions are made. While one master
 * is away, on_down was told and commands to the others still go; answers of commands that were redirected may
 * come behind those asked later. A subscription whose slot moves is made again at the new place, without
 * on_down: what is published meanwhile is missed. Sentinel's master is looked for again whenever it is lost,
 * and left when there is another: on_down, on_up. */

/* ---- scripts ---- */
typedef struct redis_script {
    const char *text;
    char        sha[41];         /* filled when first used; zero it */
} redis_script;
/* EVALSHA, and EVAL once where the server does not know it yet. argv: nkeys keys, then the other arguments. A
 * script belongs to one loop. Errors as redis_command. */
int  redis_eval(redis *r, redis_script *s, redis_reply_fn *fn, void *arg, unsigned nkeys, const sio_str *argv,
                unsigned argc);

/* ---- subscriptions ---- */
typedef enum redis_sub_kind { REDIS_CHANNEL, REDIS_PATTERN, REDIS_SHARD } redis_sub_kind;
/* pattern is empty unless the subscription is one. Views. */
typedef void redis_message_fn(void *arg, sio_str channel, sio_str payload, sio_str pattern);
/* Subscribes (SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE), also while Redis is away: then when it is back. Each (kind,
 * name) once: SIO_EEXIST, SIO_ENOMEM. `done`, unless NULL, is called once: 0 when the server has confirmed
 * it, or SIO_ECANCELED. */
int  redis_subscribe(redis *r, redis_sub_kind kind, sio_str name, redis_message_fn *fn,
                     void (*done)(void *arg, int err), void *arg);
void redis_unsubscribe(redis *r, redis_sub_kind kind, sio_str name);

#endif
