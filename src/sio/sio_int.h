/* What the files of the Socket.IO floor share.
 *
 * One `shard` per loop holds that loop's network, Engine.IO server and its part of every namespace
 * (`ns_shard`): the sockets and rooms whose connections live on the loop. Nothing in a shard is touched by
 * another thread; what concerns several loops travels as an `op`. */
#ifndef SIO_SIO_INT_H
#define SIO_SIO_INT_H

#include "base/arena.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/stat.h"
#include "codec/sio_packet.h"
#include "eio/eio.h"
#include "http/ws_conn.h"
#include "loop/loop.h"
#include "sio/home.h"
#include "sio.h"

#include <pthread.h>
#include <stdatomic.h>

#define SIO_ID_LEN      20
#define SIO_MAX_BINS    255
#define SIO_MAX_ROOM    255 /* room.name_len */
#define SIO_INLINE_ARGS 8

typedef struct shard     shard;
typedef struct ns_shard  ns_shard;
typedef struct client    client;
typedef struct handshake handshake;
typedef struct recovery  recovery;
typedef struct parcel    parcel;
typedef struct restore   restore;

/* ---- server and shards ---- */

/* Written by the shard's thread, read by any; on cache lines of its own. Some members stay 0: what the
 * floors below count. */
typedef struct shard_stats {
#define SHARD_STAT(member, name, labels, help) stat_cell member;
    SIO_STATS(SHARD_STAT, SHARD_STAT)
#undef SHARD_STAT
} shard_stats;

struct shard {
    sio_server  *io;
    shard_stats *stats;
    unsigned     index;
    loop        *loop;
    net         *net;
    http_server *http;
    eio_server  *eio;
    pthread_t    thread;
    bool         has_thread, draining;
    bool         last_tick;    /* loop 0 in a cluster: all have drained, what they posted goes out */
    list         clients;
    atomic_size_t nclients;    /* written by the shard, read by all */
    list         laters;        /* what sio_after has not run yet */
    list         gathers, fetches; /* asked for here, answers still due */
    loop_timer   drain_tick;
    uint64_t     drain_until;
    uint32_t     grace_ms;
    loop_task    move_off;      /* sio_server_drain */
    loop_timer   move_off_tick;
    uint64_t     move_off_credit, move_off_at;
    loop_timer   calm_tick;     /* calm.c */
    size_t       calm_clients, calm_seen; /* so many when it was calm last, and when the timer was set */
    buf          scratch;       /* for encoding; empty between calls */
    buf         *hook_headers;  /* where sio_add_header writes, inside the hook */
};

typedef struct guarded {        /* a mutex and what it guards: namespaces are made rarely, found rarely */
    pthread_mutex_t lock;
    map             by_name;
    sio_ns        **order;      /* in order of making, parents included */
    unsigned        n, dynamic;
} guarded;

struct sio_server {
    sio_options   opt;
    eio_config    eio;
    char         *path, *own_strings[12];
    char          node[EIO_NODE_LEN + 1];
    sio_foreign_fn *foreign;    /* sio_home_foreign */
    void         *foreign_arg;
    const char  **origins;
    tls_server   *tls;         /* NULL = plain */
    shard        *shard;
    unsigned      nshards;
    http_server **peers;
    int           port;
    bool          listening;
    atomic_int    stopping;     /* 0, or grace + 1 */
    atomic_uint   drained;      /* loops that are done, when stopping */
    atomic_uint   drain_rate;   /* connections a second, 0 = not draining */
    guarded       ns;
    bool          in_cluster;   /* the adapter was started */
    bool          recovers_here, recovers_there; /* recovery: by memory of its own, by the adapter's log */
    list          remotes;      /* questions the adapter is busy with; loop 0's */
    stat_cell     refused_remote;
    atomic_llong  refused_said; /* when that was logged last */
    struct route *routes;       /* memory of sio_http, sio_static, sio_plain_ws */
    struct bundle *bundle;
};

/* The shard whose loop runs on this thread, NULL on other threads. */
shard *shard_current(const sio_server *io);
/* Where loops come from: the machine, or a simulation (then the test drives them, not sio_server_run). */
typedef struct loop_maker {
    int (*make)(void *arg, loop **out);
    void *arg;
} loop_maker;
int    server_new_on(sio_server **out, const sio_options *o, const loop_maker *maker);
/* Called on every shard while the server is made; its loop is there already. */
int    shard_init(sio_server *io, unsigned index);
void   shard_main(shard *sh);
/* The end, when no loop runs any more, each for all shards before the next: connections and requests end,
 * which may post to other loops; what was left behind is freed; then the loops. */
void   shard_close(shard *sh);
void   shard_fini(shard *sh);
/* Frees what sio_after, sio_post and what runs on several loops left behind. */
void   shard_drop_posts(shard *sh);
void   remote_drop_all(sio_server *io);
void   gather_drop_all(shard *sh);
void   fetch_drop_all(shard *sh);

/* stats.c: zeroed; NULL without memory. */
shard_stats *stats_new(void);
/* drain.c */
void   move_off_init(shard *sh);
/* calm.c: the number of clients has changed. */
void   calm_init(shard *sh);
void   calm_note(shard *sh);
/* 503 to somebody who would be a new client while the others are moved off. */
void   reply_draining(http_req *r);

/* ---- namespaces ---- */

typedef struct handler {
    char          *name;
    sio_event_fn  *fn;
    sio_server_fn *server_fn;   /* instead, for an event of another server */
} handler;

/* What a parent gives its children. */
typedef struct ns_table {
    map             events;     /* of handler */
    map             server_events; /* of handler */
    sio_broadcast_fn *on_broadcast;
    sio_event_fn  **guard;
    unsigned        nguards;
    sio_socket_fn  *on_connect;
    sio_reason_fn  *on_disconnecting, *on_disconnect;
    sio_event_fn   *on_any, *on_any_outgoing;
    int           (*on_packet)(sio_socket *, sio_in *);
    void          (*on_error)(sio_socket *, int, const char *);
    sio_room_fn    *on_room_created, *on_room_deleted;
    sio_ns_options  opt;
} ns_table;

struct sio_ns {
    sio_server *io;
    sio_str     name;           /* own memory, 0-terminated */
    ns_table   *table;          /* a child's is its parent's */
    sio_ns     *parent;         /* NULL unless dynamic child */
    bool      (*accepts)(void *arg, sio_str name, sio_val auth); /* a parent */
    void       *accepts_arg;
    atomic_uint_fast64_t next_ack;
    pthread_mutex_t outside;    /* recovery: threads that are no loop number and post their events
                                 * one at a time */
    uint64_t    outside_seq;
    ns_shard   *shard;          /* one per loop; NULL for parents */
    pthread_mutex_t here_lock;  /* in a cluster: rooms with members on any loop, taken when a loop's first
                                 * comes or last goes */
    map         here;
};

/* A room's local members: a dense array, so that walking a room is walking memory. */
typedef struct member {
    sio_socket *socket;
    uint32_t    k;              /* which of the socket's memberships this is */
} member;

typedef struct room {
    uint32_t n, cap;
    member  *m;                 /* &one as long as cap is 1: most rooms are a user's with one socket */
    member   one;
    uint8_t  name_len;
    char     name[];
} room;

struct ns_shard {
    sio_ns      *ns;
    shard       *shard;
    map          sockets;       /* by id */
    map          rooms;         /* by name */
    sio_socket **all;           /* dense; a socket knows its place */
    uint32_t     nall, capall;
    uint32_t     mark;          /* selections number themselves to visit each socket once */
    recovery    *recovery;      /* NULL when off */
};

/* Finds or, by asking the parents, makes it. */
sio_ns *ns_resolve(sio_server *io, sio_str name, sio_val auth);
void    ns_free_all(sio_server *io);
sio_event_fn *ns_handler(const sio_ns *ns, sio_str event);

/* ---- clients: one connection with its namespaces ---- */

typedef struct client_ops {
    const char *name;           /* NULL: ask the engine */
    void (*send)(client *c, parcel *p);
    bool (*is_writable)(const client *c);
    size_t (*unsent)(const client *c);
    void (*close)(client *c, eio_reason why);
    int  (*probe)(client *c, uint32_t ms, eio_probe_fn *fn, void *arg); /* as eio_probe_start */
    void (*refuse)(client *c, const char *message); /* a guard said no; NULL: CONNECT_ERROR is sent */
    void (*accepted)(client *c);                    /* the socket is in; NULL: nothing more to do */
} client_ops;

enum { CLIENT_PLAIN = 4 };

/* 72 bytes. */
struct client {
    const client_ops *ops;
    void             *transport; /* eio_session or ws_conn; NULL once it is gone */
    shard            *shard;
    list              link;
    union {
        sio_socket   *one;
        sio_socket  **many;
    } sockets;                   /* namespaces joined or being joined: see client_sockets */
    uint16_t          nsockets;
    uint8_t           counted;   /* as what: SIO_POLLING, SIO_WEBSOCKET, CLIENT_PLAIN; 0 = not yet */
    bool              has_many : 1; /* sockets.many: for good once there were two */
    bool              busy : 1, doomed : 1; /* bytes of it are being processed: free later */
    handshake        *handshake;
    struct partial   *partial;   /* a packet whose attachments are still to come */
};

/* Its nsockets sockets. */
static inline sio_socket **client_sockets(const client *c)
{
    return c->has_many ? c->sockets.many : (sio_socket **)(uintptr_t)&c->sockets.one;
}
client *client_new(shard *sh, const client_ops *ops, void *transport);
/* Its connection is open, or another now: SIO_POLLING, SIO_WEBSOCKET or CLIENT_PLAIN. */
void    client_count(client *c, uint8_t as);
/* An acknowledgement is under way for one of its sockets. */
bool    client_is_owed(const client *c);
/* The transport is gone: every socket leaves with that reason; frees. */
void    client_lost(client *c, const char *reason);
void    client_close(client *c, eio_reason why);
void    client_enter(client *c);
void    client_leave(client *c);
int     client_add(client *c, sio_socket *s);
void    client_remove(client *c, sio_socket *s);
void    client_connected(client *c); /* a namespace was joined */
/* The latest namespace it is not leaving already, NULL when there is none. */
sio_socket *client_last(const client *c);
/* Bytes of one Socket.IO message. */
void    client_message(client *c, bool binary, char *p, size_t n);
extern const client_ops engine_client_ops;

/* ---- handshakes ---- */

struct handshake {
    loop_timer joins;           /* the client shall join a namespace by then */
    client  *client;
    uint32_t npairs;
    int64_t  time;
    bool     secure;            /* over TLS */
    sio_str  url, query, address;
    sio_str *pair;              /* names and values alternating */
};
/* NULL without memory. Its timer is not set, and has no function. */
handshake *handshake_new(client *c, http_req *r);
/* Frees what sio_handshake has made: there is no handshake any more. */
void       handshake_hide(sio_socket *s);
void       handshake_drop(handshake *h); /* with its timer; NULL is allowed */

/* ---- sockets ---- */

enum { SOCKET_CONNECTING, SOCKET_CONNECTED, SOCKET_GONE };

typedef struct membership {
    room    *room;
    uint32_t at;                /* index in room->m */
} membership;

/* What few sockets have, in a block of its own. */
typedef struct socket_extra {
    char *auth;                 /* JSON of the CONNECT payload, with keep_handshake only */
    char *shown;                /* the handshake as JSON, once asked for, and as long as it is there */
    char  pid[SIO_ID_LEN + 1];  /* recovery: the private id, or "" */
} socket_extra;

/* 96 bytes, and the application's data. */
struct sio_socket {
    ns_shard   *ns;
    client     *client;         /* NULL once gone */
    char        id[SIO_ID_LEN];
    uint8_t     state;
    bool        recovered, data_moved; /* data_moved: recovery owns the data now */
    uint16_t    nrooms, caprooms, nacks;
    uint32_t    refs;           /* being in the client, kept events, running handlers */
    uint32_t    all_at, mark;
    uint32_t    owed;           /* kept events whose acknowledgement the client waits for */
    membership *rooms;
    list       *acks;           /* answers we wait for: the oldest in a ring, NULL without */
    struct connecting *connecting; /* while guards run */
    socket_extra *extra;        /* or NULL */
    max_align_t data[];
};

sio_socket *socket_new(ns_shard *ns, client *c);
/* Makes the extra part, where there is none; NULL without memory. */
socket_extra *socket_extra_get(sio_socket *s);
/* Its private id, or NULL. */
static inline char *socket_pid(const sio_socket *s)
{
    return s->extra && s->extra->pid[0] ? s->extra->pid : NULL;
}
sio_socket *socket_hold(sio_socket *s);
void        socket_drop(sio_socket *s);
/* All guards said yes: into the tables, what a recovered client missed, CONNECT answer, connect
 * handler. Takes r. */
void        socket_connect(sio_socket *s, restore *r);
/* Out of everything; reason as in sio_on_disconnect. */
void        socket_gone(sio_socket *s, const char *reason);
void        socket_send(sio_socket *s, parcel *p);

/* ---- connecting ---- */

/* A CONNECT packet: auth is validated JSON or empty, with bins for msgpack. */
void connect_request(client *c, sio_str name, sio_str auth, const sio_bins *bins);
/* The same for a namespace already known, as a new session. */
void connect_start(client *c, sio_ns *ns, sio_str auth, const sio_bins *bins);
/* A socket whose guards have not started. NULL: the client was closed. */
sio_socket *connect_new(client *c, sio_ns *ns, sio_str auth);
/* Its CONNECT, to go on with later. */
sio_in *connect_keep(sio_socket *s, sio_str auth, const sio_bins *bins);
/* Goes on with a kept CONNECT: r is what a recovered client gets back, NULL for a new session. Takes r. */
void connect_resume(sio_in *in, restore *r);
void connect_abandon(sio_socket *s);

/* ---- rooms ---- */

int   room_join(sio_socket *s, sio_str name);
void  room_leave(sio_socket *s, sio_str name);
void  room_leave_all(sio_socket *s);
room *room_find(const ns_shard *ns, sio_str name);
/* Which of the socket's memberships is that of the room; -1 when it is not in it. */
int   room_place(const sio_socket *s, sio_str name);

/* Who is meant: views, or copies owned by an op. */
typedef struct selection {
    const sio_str *room, *except;
    unsigned       nrooms, nexcept;
    bool           all;          /* no rooms were named: everybody */
    const char    *skip;         /* id of a socket left out, or NULL */
} selection;
void room_each(ns_shard *ns, const selection *sel, void (*fn)(sio_socket *s, void *ctx), void *ctx);

/* ---- packets on their way out ---- */

struct parcel {
    blob    *head;              /* the packet's text (or whole, with msgpack) as an engine message */
    blob   **bin;               /* attachments */
    unsigned nbins;
    sio_str  json;              /* an event's name and arguments: a view into head, or of own */
    char    *own;
    blob    *plain;             /* WebSocket text frame of json, made when first needed */
};

typedef struct packet_out {
    sio_packet_type type;       /* EVENT, ACK, CONNECT, ...: never the binary twins */
    sio_str         nsp;
    bool            has_id;
    uint64_t        id;
    const sio_val  *args;       /* EVENT and ACK: the array's items; else args[0] is the payload, n 0 or 1 */
    size_t          n;
    bool            whole;      /* EVENT: args[0] is the JSON of the whole array */
    sio_str         offset;     /* recovery: one more string argument */
    bool            uncompressed;
} packet_out;

/* Encodes once for every receiver. scratch is empty before and after. */
int  parcel_encode(parcel *p, const sio_options *opt, buf *scratch, const packet_out *out);
/* A copy for another loop / one that shares the bytes, for the same loop. */
int  parcel_clone(parcel *to, const parcel *from);
int  parcel_share(parcel *to, const parcel *from);
void parcel_free(parcel *p);
/* Encodes and sends to one client. */
int  send_packet(client *c, const packet_out *out);

/* ---- operations on matching sockets, on every shard ---- */

typedef enum op_kind { OP_EMIT, OP_JOIN, OP_LEAVE, OP_DISCONNECT, OP_GATHER, OP_FETCH } op_kind;

enum {
    OP_VOLATILE = 1, OP_LOCAL = 2, OP_UNCOMPRESSED = 4, OP_BROADCAST = 8,
    OP_ONE = 16,                /* logged only: it went to one socket */
    OP_DROPPABLE = 32,
    OP_OTHERS = 64,             /* the other servers only */
    OP_SHOWN = 128              /* OP_FETCH: with handshake and data as JSON */
};

typedef struct op {
    loop_task  task;
    ns_shard  *ns;              /* where it runs */
    op_kind    kind;
    unsigned   flags;
    bool       close;           /* OP_DISCONNECT */
    selection  sel;
    parcel     parcel;          /* OP_EMIT, OP_GATHER */
    sio_str    room;            /* OP_JOIN, OP_LEAVE */
    void      *collect;         /* OP_GATHER: struct gather, OP_FETCH: struct fetch, of shard `origin` */
    uint64_t   ack;             /* OP_GATHER: the id, and how long to wait */
    uint32_t   ms;
    uint64_t   seq;             /* recovery: position in the origin's stream, 0 = not logged */
    unsigned   origin;
} op;

/* Runs on the current shard at once and is posted to the others; borrowed strings are copied as needed.
 * Takes the parcel. */
int  op_everywhere(sio_ns *ns, op *o);
void op_run(op *o);
/* One block with everything it refers to; free with op_free on the loop of ns (share: on this one). */
op  *op_copy(const op *o, ns_shard *ns, bool share);
void op_free(op *o);
/* Calls fn for every matching socket on this shard; fn runs the outgoing listener, if there is one. */
void op_each_receiver(op *o, void (*fn)(sio_socket *s, void *ctx), void *ctx);
void op_gather_run(op *o);      /* ack.c */
void op_fetch_run(op *o);       /* fetch.c */
int  op_from_target(const sio_target *t, op_kind kind, op *out, char id[SIO_ID_LEN]);

/* Emits to matching sockets here; o's selection and flags are filled in. */
int  emit_here(sio_ns *ns, op *o, packet_out *out);

/* ---- other servers: adapter.c; see remote_int.h ---- */

static inline bool is_for_others(const sio_ns *ns, unsigned flags)
{
    return ns->io->opt.adapter && !(flags & OP_LOCAL);
}
int  adapter_start(sio_server *io);
void adapter_stop(sio_server *io);
void adapter_ns_made(sio_ns *ns);
/* Tells the other servers of an op; args is for OP_EMIT. */
int  adapter_publish(sio_ns *ns, const op *o, const packet_out *out);
/* A loop got its first member of a room, or lost its last; `own`: a socket's own room. */
void adapter_room(sio_ns *ns, sio_str name, bool own, bool open);
/* The table of rooms that are on this server. */
void here_init(sio_ns *ns);
void here_fini(sio_ns *ns);
/* The socket's data as JSON text from malloc. */
char *socket_data_shown(const sio_socket *s);

/* ---- events coming in ---- */

struct sio_in {
    sio_socket *socket;         /* NULL: an event of another server */
    void      (*reply)(void *arg, sio_val answer); /* which waits for this, or NULL */
    void      (*reply_end)(void *arg); /* nothing comes any more, or NULL */
    void       *reply_arg;
    sio_str     event;
    sio_val     args;           /* the JSON array behind this event */
    unsigned    skip;           /* items before the first argument: 1 for events (the name), 0 for acks */
    unsigned    argc;
    bool        single;         /* args is the one argument itself (auth) */
    bool        wants_ack, acked, kept;
    uint64_t    ack_id;
    sio_bins    bins;
    arena       arena;
    sio_str     arg[SIO_INLINE_ARGS];
};
void in_init(sio_in *in, sio_socket *s, sio_str json, const sio_bins *bins);
void in_init_for(sio_in *in, const sio_server *io, sio_str json, const sio_bins *bins); /* without a socket */
/* The event's name, by its raw JSON. */
bool in_name(sio_in *in, sio_str raw);
void in_index(sio_in *in);      /* finds the arguments */
void in_index_packet(sio_in *in, const sio_packet *p); /* the same, when in->args are the packet's data */
void in_fini(sio_in *in);
/* An EVENT for a connected socket. */
void event_dispatch(sio_socket *s, const sio_packet *p, const sio_bins *bins);
/* Tells sio_on_any_outgoing. */
void event_outgoing(sio_socket *s, const parcel *p);
bool value_is_reserved_event(sio_val name);
/* Whether it is the JSON of an event's array that may be sent. */
bool event_is_good(sio_str args);

/* ---- acknowledgements we wait for ---- */

void ack_receive(sio_socket *s, const sio_packet *p, const sio_bins *bins);
void ack_cancel_all(sio_socket *s);

/* ---- recovery: see recovery.c ---- */

recovery *recovery_new(ns_shard *ns);
void      recovery_free(recovery *r);
/* Gives a new socket its private id, when recovery is on. */
void      recovery_give_pid(sio_socket *s);
/* Numbers the next event that starts here (NULL: off the loops; then recovery_unlock must follow once it was
 * posted) and writes its offset for the clients. */
uint64_t  recovery_stamp(sio_ns *ns, const shard *here, unsigned *origin, char out[24], sio_str *text);
void      recovery_unlock(sio_ns *ns, const shard *here);
/* Remembers an event that passed by / that went to one socket only. */
void      recovery_log(ns_shard *ns, const op *o);
void      recovery_log_one(sio_socket *s, uint64_t seq, const parcel *p);
/* A socket was lost: true when its state was kept and its data moved there. */
bool      recovery_save(sio_socket *s, const char *reason);
/* A CONNECT with pid and offset: true when it was taken over; the answer may come later. */
bool      recovery_request(client *c, sio_ns *ns, sio_str auth, const sio_bins *bins);
/* Sends what was missed, in order; and gives up what a restore holds. */
void      recovery_replay(sio_socket *s, restore *r);
void      recovery_restore_free(restore *r, ns_shard *ns);
/* The socket left for good: its private id is void. */
void      recovery_forget(sio_socket *s);

#endif
