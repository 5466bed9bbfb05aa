/* The application: who is this user, and what its modules (chat/, ...) share. It uses libsio as any
 * program would. */
#ifndef APP_APP_H
#define APP_APP_H

#include "app/app_stats.h"
#include "app/auth/jwt.h"
#include "app/events.h"
#include "app/limit/limit.h"
#include "base/list.h"
#include "db/db.h"
#include "sio.h"

#include <stdatomic.h>

/* ---- for the program ------------------------------------------------------------------------------- */

/* Telling who is offline (push/pusher.h); all it points to outlives the app. */
typedef struct app_push {
    enum { APP_PUSH_OFF, APP_PUSH_DIRECT, APP_PUSH_WORKER } mode;
    struct push *services;     /* DIRECT: push/push.h */
    struct jobs *queue;        /* WORKER: the keeper of BullMQ's queues, for loop 0; app_detach frees it */
    uint32_t     delay_ms;     /* what is said in a room in such a time makes one push */
    uint32_t     confirm_ms;   /* how long a socket may take to show that it is there */
    unsigned     max_tokens;   /* of a user */
    /* Of a message: its text, its sender, nothing */
    enum { APP_PUSH_PREVIEW, APP_PUSH_NAME, APP_PUSH_NOTHING } body;
} app_push;

typedef struct app_options {
    db                 *db;       /* outlives the app */
    const jwt_verifier *verifier; /* outlives the app */
    limits             *limits;   /* outlives the app */
    int64_t             token_notice_ms;     /* auth:expiring comes so long before a token expires */
    int64_t             token_revocation_ms; /* how long a revocation is remembered */
    /* Try it out: every room may be entered and is made by its first message, every user with a good token
     * exists. */
    bool                demo;
    uint32_t            typing_ttl_ms; /* how long somebody types who says nothing more */
    int64_t             chat_max_content; /* characters of a message; the catalogue has the most
                                           * that can be set */
    int64_t             chat_gap_ms;   /* in a cluster: how long a missing entry of a room's log
                                        * is waited for */
    int64_t             chat_check_ms; /* in a cluster: the database is asked how far a quiet
                                        * room's log goes */
    int64_t             recovery_ms;   /* sio_options.recovery_ms */
    bool                presence_everyone;    /* everybody hears of everybody; else followers and
                                               * subscribers do */
    int64_t             presence_grace_ms;    /* a user is offline so long after the last socket has gone */
    int64_t             presence_interval_ms; /* between two presence:update of one user */
    int64_t             presence_deliveries;  /* with presence_everyone: messages a second they may
                                               * cost; 0 = any */
    int64_t             party_announce_limit; /* viewers up to which each join and leave is told */
    int64_t             party_count_interval_ms; /* above it: between two party:viewer_count of a party */
    const char         *api_key;      /* of the HTTP API; outlives the app. NULL: there is none */
    int64_t             api_max_body; /* bytes of a request */
    int64_t             api_keys_ms;  /* how long answers are kept under their Idempotency-Key */
    /* What servers share (shared.h); all of it outlives the app. */
    const char         *redis_url;       /* NULL: this server is alone, the rest is not looked at */
    const char         *node_code;       /* this server in the cluster: NODE_CODE_LEN characters,
                                          * 0 byte behind */
    const char         *node_address;    /* "host:port" where the other servers reach it, or NULL */
    uint32_t            cluster_lease_ms; /* a server that is not heard of for so long is dead */
    const char         *bus_channel, *bus_stream, *bus_group; /* the event bus (bus/bus.h); a name that is
                                                               * NULL: not used */
    struct jobs        *inbox;            /* the keeper of the queue inbox_queue, for loop 0, or NULL;
                                           * app_detach frees it */
    const char         *inbox_queue;
    unsigned            inbox_concurrency;
    int64_t             bus_retry_ms;     /* how long a server may take for an entry of the stream */
    app_push            push;
} app_options;

typedef struct app {
    app_options opt;
    sio_server *io;
    sio_ns     *ns; /* "/" */
    struct chat     *chat;     /* chat/chat_typing.c */
    struct chat_relay *relay;  /* chat/chat_relay.c; NULL without redis_url */
    struct presence *presence; /* presence/ */
    struct party    *party;    /* party/ */
    struct tokens   *tokens;   /* auth/tokens.c */
    struct shared   *shared;   /* shared.c; NULL without redis_url */
    struct bus      *bus;      /* bus/ */
    struct jobs     *jobs;     /* queues in the database (jobs/dbq.h), for loop 0 */
    struct pusher   *pusher;   /* push/; NULL without push */
    struct queues   *queues;   /* queues/ */
    struct api      *api;      /* api/ */
    app_cells  *cells; /* counters, see app_count */
} app;

/* Prepares *a. The server is then made with sio_options.context = a. */
void app_init(app *a, const app_options *o);
/* Installs guard and handlers on "/", for Socket.IO clients and for plain WebSockets at the path "/". Before
 * sio_server_run. 0, SIO_ENOMEM.
 *
 * To stop: db_stop (what was received is saved and answered), sio_server_stop, db_close, app_detach,
 * sio_server_free. */
int  app_attach(app *a, sio_server *io);
/* Frees what app_attach made, also when that failed. After sio_server_run returned. */
void app_detach(app *a);
/* After sio_server_free. */
void app_fini(app *a);
/* This server's lease and its fellows (cluster/node.h), for loop 0 between app_attach and app_detach; NULL
 * without redis_url. */
struct node *app_node(app *a);

/* ---- users ----------------------------------------------------------------------------------------- */

/* From a good token; immutable. Shared by the socket and by jobs that outlive it. */
typedef struct app_user {
    atomic_uint refs;
    uint16_t    lengths_[3]; /* of the texts behind the id; UINT16_MAX = the token has none */
    sio_str     id;          /* 1 to 128 bytes without control characters */
    char        text_[];     /* one per connection: no more than needed */
} app_user;

app_user *app_user_new(const jwt_user *from); /* refs = 1; NULL without memory */
/* Views into the user; p NULL when the token has none. */
sio_str   app_username(const app_user *u);
sio_str   app_avatar_url(const app_user *u);
sio_str   app_jti(const app_user *u);         /* that of the token at connect */
app_user *app_user_hold(app_user *u);
void      app_user_drop(app_user *u);         /* any thread; NULL is allowed */

/* The prefix and an id, cut to max bytes with the 0 byte behind them. Without printf: it is asked for with each
 * connection and each name somebody watches. */
void app_room(const char *prefix, sio_str id, char *out, size_t max);
/* "user:<id>" with a 0 byte: the room of all sockets of a user. */
#define APP_USER_ROOM_MAX (5 + 128 + 1)
void app_user_room(sio_str id, char out[APP_USER_ROOM_MAX]);

/* auth/tokens.c */
typedef struct token_session {
    list        link;       /* on its loop's wheel */
    bool        on_wheel;
    bool        told;       /* auth:expiring was sent */
    bool        revoked;    /* while it was away */
    sio_socket *socket;     /* while on the wheel */
    int64_t     due_ms, expires_ms, issued_ms; /* since 1970; expires_ms 0 = never */
} token_session;

/* What each socket of "/" carries (sio_data): 152 bytes, with which a socket fits what malloc gives. */
typedef struct app_session {
    app_user         *user;
    limit_session     limit;
    token_session     token;
    struct chat_join *joining; /* chat_join.c: joins whose access check is under way */
    struct chat_typing *typing; /* chat_typing.c: rooms the user types in */
    unsigned          watched; /* parties, those of party.watched */
    uint16_t          pending; /* jobs under way: little more than APP_PENDING_MAX */
    bool              stored;  /* demo: the user is in the database */
    bool              present; /* presence/ was told of this socket */
    struct pusher_socket *pushing; /* push/; NULL without push */
    struct {
        struct party_join  *joining; /* party_join.c: joins whose access check is under way */
        struct party_watch *watched; /* party_watch.c */
    } party;
} app_session;
_Static_assert(sizeof(app_session) <= 152, "one for each connection");

/* Milliseconds that only go forward, for how long things take; on a loop. */
static inline int64_t app_ticks(void) { return (int64_t)loop_now(loop_current()); }

static inline app *app_of(sio_socket *s) { return sio_context(sio_server_of(s)); }
static inline app_session *app_session_of(sio_socket *s) { return sio_data(s); }

/* ---- database jobs of a socket --------------------------------------------------------------------- */

#define APP_PENDING_MAX 1000 /* jobs of one socket under way: it cannot fill the queues by itself */

/* db_read and db_write with the job's home set, SIO_ELIMIT also over APP_PENDING_MAX. The job must pin the
 * socket. */
int  app_read(sio_socket *s, db_job *j);
int  app_write(sio_socket *s, db_job *j);
/* First thing in `done` of such a job: whether the socket is still connected. If not, its session is out
 * of reach. */
bool app_op_end(sio_socket *s);

/* ---- answers --------------------------------------------------------------------------------------- */

/* Says no with a code of events.def: event `error` {message, code, event} to the socket and, when asked for,
 * ack {ok: false, error: {code, message}}. */
void app_refuse(sio_socket *s, sio_in *in, const char *code, const char *message);
/* The same with retryAfterMs: when it may work again. */
void app_refuse_for(sio_socket *s, sio_in *in, const char *code, const char *message, int64_t retry_ms);
/* The same after a database job failed: busy or internal, by err; the cause goes to the log. */
void app_refuse_fault(sio_socket *s, sio_in *in, int err, const char *message);
/* sio_bind_value that refuses with bad_request or too_long and a message naming the field. 0
 * or SIO_EFIELD. */
int  app_bind(sio_socket *s, sio_in *in, sio_val v, const sio_field *fields, void *out);

/* ---- events of events.def -------------------------------------------------------------------------- */

/* app_on(a, chat_join, fn): fn handles IN(chat_join, ...). */
#define app_on(a, id, fn) sio_on((a)->ns, in_##id##_name, fn)
/* app_payload(s, in, chat_join, &m): reads the payload into an in_chat_join, as app_bind. */
#define app_payload(s, in, id, m) \
    app_bind(s, in, sio_arg(in, 0), in_##id##_fields(), true ? (m) : (in_##id *)NULL)
/* app_item(s, in, v, sync_room, &m): the same for an item v of INPUTS(SyncRoom, ...), declared by
 * INPUT(sync_room, ...). */
#define app_item(s, in, v, id, m) app_bind(s, in, v, in_##id##_fields(), true ? (m) : (in_##id *)NULL)

/* "2026-01-31T12:34:56.789Z" with a 0 byte, as JavaScript's toISOString. */
#define APP_ISO_SIZE 25
void app_iso(int64_t ms, char out[APP_ISO_SIZE]);

#endif
