/* libsio: Socket.IO servers in C.
 *
 * Speaks Engine.IO protocol 4 and Socket.IO protocol 5, so that every official Socket.IO 4 client connects
 * unchanged, over long-polling and WebSocket. The words are those of the JavaScript server API.
 *
 * Threads. A server runs one event loop per thread. Each connection, and so each socket, belongs to one
 * loop, and handlers run on that loop: a function that takes a `sio_socket *` or a `sio_in *` may only be
 * called there. Functions marked "any thread" may be called from everywhere; they carry what they need to
 * the right loops.
 *
 * Ownership. The server owns everything; you free only what a `_new` or `sio_keep` gave you. A `sio_socket *`
 * or `sio_in *` handed to a callback is borrowed until the callback returns. To go on later (after a database
 * answered) keep the event with sio_keep, which also pins its socket; to remember a socket for long, keep its
 * sio_id. What you pass in is copied or encoded before the call returns.
 *
 * Errors. 0 or a count on success, a negative SIO_E* (sio_err.h) else. */
#ifndef SIO_H
#define SIO_H

#include "sio_err.h"
#include "sio_stats.h"
#include "sio_val.h"

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef struct sio_server  sio_server;  /* loops, listeners, namespaces */
typedef struct sio_ns      sio_ns;      /* a namespace: guards and handlers */
typedef struct sio_socket  sio_socket;  /* one client in one namespace */
typedef struct sio_in      sio_in;      /* one incoming event: arguments and ack slot */
typedef struct sio_request sio_request; /* one plain HTTP request */
struct sio_adapter;                     /* sio_adapter.h, sio_redis.h: the way to other servers */

/* A socket's id with a 0 byte behind it. */
typedef struct sio_id {
    char s[21];
} sio_id;

/* ---- server ------------------------------------------------------------------------------------------ */

enum sio_transport { SIO_POLLING = 1, SIO_WEBSOCKET = 2 };
enum sio_parser { SIO_PARSER_DEFAULT, SIO_PARSER_MSGPACK };

/* Which origins a browser may call from (protocol: CORS). Zeroed = CORS off. */
typedef struct sio_cors {
    bool               enabled;
    bool               any;              /* Access-Control-Allow-Origin: * */
    bool               reflect;          /* allow every origin by echoing it */
    const char *const *origins;          /* else exactly these; NULL-terminated */
    const char        *fixed;            /* or always this one, matching or not */
    bool               credentials;
    const char        *methods;          /* "GET,HEAD,PUT,PATCH,POST,DELETE" when NULL */
    const char        *allowed_headers;  /* "a,b"; NULL echoes what the browser asks for */
    const char        *exposed_headers;  /* "a,b" or NULL */
    int                max_age;          /* seconds; 0 = not sent */
} sio_cors;

/* Cookie with the Engine.IO session id, for load balancers. name NULL = none. */
typedef struct sio_cookie {
    const char *name, *path, *domain, *same_site;
    bool        http_only, secure;
    int         max_age;                 /* seconds; 0 = not sent */
} sio_cookie;

/* The server speaks TLS (https, wss) by itself: PEM files, the certificate with its chain and the key without
 * pass phrase. Both or none. */
typedef struct sio_tls {
    const char *cert_file, *key_file;
} sio_tls;

/* permessage-deflate (RFC 7692) for WebSockets whose client offers it: perMessageDeflate. Compressor and
 * decompressor are shared by all connections of a loop and keep nothing of any message (no context takeover):
 * a broadcast is compressed once a loop, an idle connection costs nothing more. A loop that uses it holds
 * about 300 KiB for it. */
typedef struct sio_deflate {
    bool        enabled;                 /* false */
    size_t      threshold;               /* 1024: messages from this size are compressed, if that
                                          * makes them shorter */
    int         level;                   /* 6; 1 (fast) to 9 (small) */
} sio_deflate;

/* Hooks below Socket.IO; each may be NULL. `arg` is sio_options.hook_arg. They run on the loop that
 * got the request. */
typedef struct sio_hooks {
    /* Before all checks of every Engine.IO request: 0 goes on, SIO_ESTATE = this function has replied itself,
     * any other negative value is answered as "Bad request". */
    int  (*on_request)(void *arg, sio_request *r);
    /* Each new session: answer once with sio_allow or sio_refuse_request, now or later on the same loop; r is
     * valid until then, and reads as empty when its client has gone away meanwhile. */
    void (*allow_request)(void *arg, sio_request *r);
    /* Add header lines with sio_add_header; `initial` on the first answer of a session. */
    void (*on_headers)(void *arg, sio_request *r, bool initial);
    /* A refused request: the code and message of the Engine.IO error. */
    void (*on_connection_error)(void *arg, sio_request *r, int code, const char *message);
} sio_hooks;

typedef struct sio_options {
    size_t      size;                    /* sizeof(sio_options), set by sio_options_init */
    const char *host;                    /* NULL = all addresses */
    int         port;                    /* 3000; 0 picks a free one, see sio_server_port */
    unsigned    loops;                   /* threads; 0 = one per core */
    const char *path;                    /* "/socket.io" */
    bool        exact_path;              /* true: no trailing slash is added (addTrailingSlash: false) */
    unsigned    transports;              /* SIO_POLLING | SIO_WEBSOCKET */
    bool        allow_upgrades;          /* true */
    uint32_t    ping_interval_ms;        /* 25000 */
    uint32_t    ping_timeout_ms;         /* 20000 */
    uint32_t    upgrade_timeout_ms;      /* 10000 */
    uint32_t    connect_timeout_ms;      /* 45000: a client that joined no namespace is closed */
    size_t      max_payload;             /* 1000000: bytes of a message or POST body (maxHttpBufferSize) */
    size_t      compression_threshold;   /* 1024: polls from this size are compressed; 0 = never */
    sio_deflate deflate;                 /* compression of WebSocket messages: off */
    unsigned    max_attachments;         /* 10 a packet, both ways; at most 255 */
    size_t      max_unsent;              /* 16 MiB queued for one client before it is dropped */
    unsigned    max_connections;         /* per loop, 0 = no limit: over it new sessions are refused */
    unsigned    max_rooms;               /* 1000 rooms a socket */
    unsigned    max_acks;                /* 1000 acknowledgements outstanding a socket */
    unsigned    max_namespaces;          /* 1000 dynamic namespaces in all */
    unsigned    max_sockets;             /* 100 namespaces a client may be in */
    enum sio_parser parser;
    sio_cors    cors;
    sio_cookie  cookie;
    sio_tls     tls;                     /* none: plain HTTP */
    const char *initial_packet;          /* sent as a message right behind the handshake; NULL */
    const char *client_dir;              /* directory of the JavaScript client bundles, NULL = not served */
    uint32_t    recovery_ms;             /* connection state recovery: how long a lost client may stay
                                          * away; 0 = off */
    bool        recovery_runs_guards;    /* false: a recovered client skips the guards (skipMiddlewares) */
    bool        keep_handshake;          /* false: request headers are gone after the first
                                          * namespace was joined */
    sio_hooks   hooks;
    void       *hook_arg;
    void       *context;                 /* yours, see sio_context */
    const char *node;                    /* 4 characters of A-Z a-z 0-9 - _ that no other server of the
                                          * cluster has; they stand in every session id; NULL = random */
    struct sio_adapter *adapter;         /* joins a cluster, see sio_redis.h; NULL = alone. The server's from
                                          * sio_server_new on, even if that fails */
} sio_options;

void        sio_options_init(sio_options *o); /* fills size and the defaults named above */
/* Makes a server; strings in options are copied. SIO_EINVAL names nothing: check ranges before; what is wrong
 * with a TLS file is logged. */
int         sio_server_new(sio_server **out, const sio_options *o);
/* Binds and listens without serving yet: 0 or SIO_EADDR. Called by sio_server_run when you did not. */
int         sio_server_listen(sio_server *io);
/* Serves until sio_server_stop; the calling thread becomes loop 0. 0 after a clean stop. */
int         sio_server_run(sio_server *io);
/* Any thread, async-signal-safe: no new clients, everyone is disconnected ("server shutting down") after what
 * is queued was flushed, at most grace_ms; then sio_server_run returns. */
void        sio_server_stop(sio_server *io, int grace_ms);
void        sio_server_free(sio_server *io); /* not while it runs */
int         sio_server_port(const sio_server *io); /* the port listened on; any thread */
unsigned    sio_server_loops(const sio_server *io); /* any thread */
const char *sio_node(const sio_server *io);        /* its node code, 4 characters; any thread */
void       *sio_context(const sio_server *io);     /* sio_options.context; any thread */
/* Reads the TLS files again: connections from now on are shown the certificate that is there, others live on.
 * An error (SIO_EINVAL, the log says why; SIO_ESTATE without TLS) changes nothing. Any thread. */
int         sio_server_reload_tls(sio_server *io);
/* Engine.IO connections now, over all loops; any thread. */
size_t      sio_clients_count(const sio_server *io);
/* What was counted since the start, over all loops; any thread. */
void        sio_stats_read(const sio_server *io, sio_stats *out);
/* Moves the clients off, ahead of sio_server_stop: new sessions are refused with 503, and at most per_second
 * connections a second are closed, so that their clients come back elsewhere. One that waits for an
 * acknowledgement of ours goes last. It is over when sio_clients_count is 0. Any thread; once. */
void        sio_server_drain(sio_server *io, unsigned per_second);

/* ---- namespaces: set up before sio_server_run -------------------------------------------------------- */

typedef struct sio_ns_options {
    size_t data_size;                    /* bytes of your data in each socket, zeroed, see sio_data */
    /* The data dies; with recovery that is later than the disconnect. May be NULL */
    void (*on_free)(void *data);
    /* In a cluster other servers see the data as JSON (fetchSockets, recovery): its text from malloc,
     * NULL = {}; and the way back into zeroed data, 0 or an error. Both may be NULL. */
    char *(*data_show)(const void *data);
    int  (*data_load)(void *data, sio_val shown);
} sio_ns_options;

/* Makes namespace `name` ("/" or "/chat"), or returns it when it exists (opt is ignored then; NULL = zeroed).
 * NULL for a bad name or without memory. */
sio_ns     *sio_of(sio_server *io, const char *name, const sio_ns_options *opt);
/* A parent of dynamic namespaces: when a client asks for an unknown name, `accepts` of each parent is
 * asked in order of making; the first that says true makes a namespace of that name with the parent's
 * guards and handlers. */
sio_ns     *sio_of_dynamic(sio_server *io, bool (*accepts)(void *arg, sio_str name, sio_val auth), void *arg,
                           const sio_ns_options *opt);
/* An existing namespace or NULL; any thread. */
sio_ns     *sio_find_ns(sio_server *io, sio_str name);
sio_str     sio_ns_name(const sio_ns *ns);
sio_server *sio_ns_server(const sio_ns *ns);

typedef void sio_socket_fn(sio_socket *s);
typedef void sio_event_fn(sio_socket *s, sio_in *in);
typedef void sio_reason_fn(sio_socket *s, const char *reason);

/* Connection middleware, run in the order added. sio_arg(in, 0) is the client's auth object. It must answer
 * with sio_accept or sio_refuse, at once or (after sio_keep) later. */
int         sio_use(sio_ns *ns, sio_event_fn *guard);
void        sio_accept(sio_in *in);
/* CONNECT_ERROR with message and, unless undefined, data. */
void        sio_refuse(sio_in *in, const char *message, sio_val data);
void        sio_on_connect(sio_ns *ns, sio_socket_fn *fn);
/* The client is leaving, rooms still present / has left. Reasons as in the JavaScript server: "transport
 * close", "client namespace disconnect", "ping timeout", ... */
void        sio_on_disconnecting(sio_ns *ns, sio_reason_fn *fn);
void        sio_on_disconnect(sio_ns *ns, sio_reason_fn *fn);
/* A handler for an event; one per name, SIO_EEXIST else, SIO_EINVAL for a reserved name. */
int         sio_on(sio_ns *ns, const char *event, sio_event_fn *fn);
/* Every incoming event before its handler / every outgoing event per socket (acks excluded). */
void        sio_on_any(sio_ns *ns, sio_event_fn *fn);
void        sio_on_any_outgoing(sio_ns *ns, sio_event_fn *fn);
/* Per-packet middleware: 0 lets the event pass; a negative error drops it and goes to sio_on_error. */
void        sio_use_packet(sio_ns *ns, int (*fn)(sio_socket *s, sio_in *in));
void        sio_on_error(sio_ns *ns, void (*fn)(sio_socket *s, int err, const char *what));
/* An event from another server, emitted there with sio_server_emit (serverSideEmit): runs on loop 0. sio_ack
 * in it answers the other server; sio_in_socket is NULL. SIO_EEXIST, SIO_EINVAL as sio_on. */
typedef void sio_server_fn(sio_ns *ns, sio_in *in);
int         sio_on_server(sio_ns *ns, const char *event, sio_server_fn *fn);
/* A broadcast of another server is about to reach this one's sockets. True: fn has taken it and delivers it
 * itself, when its time has come, with sio_local. args is the array of the event's name and arguments; all is
 * gone when fn returns. On any thread; broadcasts of one server come in order. */
typedef bool sio_broadcast_fn(sio_ns *ns, const sio_str *rooms, size_t nrooms, sio_val args);
void        sio_on_broadcast(sio_ns *ns, sio_broadcast_fn *fn);
/* Room life on each loop: a room got its first / lost its last local member. */
typedef void sio_room_fn(sio_ns *ns, sio_str room);
void        sio_on_room(sio_ns *ns, sio_room_fn *created, sio_room_fn *deleted);

/* ---- one socket -------------------------------------------------------------------------------------- */

/* Your data_size bytes; with recovery they may move to another loop */
void       *sio_data(sio_socket *s);
sio_id      sio_id_of(const sio_socket *s);
sio_ns     *sio_ns_of(const sio_socket *s);
sio_server *sio_server_of(const sio_socket *s);
/* The socket of that id on this loop, or NULL; outside of its own handlers it is gone once it disconnects. */
sio_socket *sio_find(sio_ns *ns, sio_id id);
bool        sio_connected(const sio_socket *s);
bool        sio_recovered(const sio_socket *s); /* state was restored after a short loss */
const char *sio_transport_name(const sio_socket *s); /* "polling", "websocket" or "plain" */
/* Rooms. Joining twice is no error. SIO_ELIMIT over max_rooms, SIO_ETOOBIG over 255 bytes, SIO_ECLOSED. */
int         sio_join_(sio_socket *s, sio_str room);
int         sio_leave_(sio_socket *s, sio_str room);
bool        sio_in_room_(const sio_socket *s, sio_str room);
#define     sio_join(s, room)    sio_join_(s, sio_s(room))
#define     sio_leave(s, room)   sio_leave_(s, sio_s(room))
#define     sio_in_room(s, room) sio_in_room_(s, sio_s(room))
/* The i-th room (the one named by the own id is 0), {NULL, 0} behind the last. Changes with
 * join and leave. */
sio_str     sio_room_at(const sio_socket *s, size_t i);
/* Is the client there? A connection may look open for long after its other end has gone. Asks at once, with
 * a ping that every client answers by itself: fn(arg, true) as soon as anything comes from it, false after
 * ms without or when it leaves. Once, on this loop, later; never when the server stops before. 0;
 * SIO_ECLOSED, SIO_ENOMEM. */
typedef void sio_probe_fn(void *arg, bool alive);
int         sio_probe(sio_socket *s, uint32_t ms, sio_probe_fn *fn, void *arg);
/* Leaves this namespace; with close_transport the whole connection ends. */
void        sio_disconnect(sio_socket *s, bool close_transport);

/* The request that opened the connection. Headers are there inside guards and connect handlers; later only
 * with keep_handshake. Absent values are {NULL, 0}; views live as long as the handshake. */
sio_str     sio_handshake_header(const sio_socket *s, const char *name);
/* Percent-decoded value of a query key, as JSON-free text in scratch (n bytes); {NULL, 0} when
 * absent or too long. */
sio_str     sio_handshake_query(const sio_socket *s, const char *key, char *scratch, size_t n);
sio_str     sio_handshake_address(const sio_socket *s);
/* The payload of the client's CONNECT packet ({} when there was none); needs keep_handshake. Lives as long
 * as the socket. */
sio_val     sio_auth(const sio_socket *s);
/* The whole handshake as Node shows it: {headers, time, address, xdomain, secure, issued, url, query, auth}.
 * Made on the first call; lives as long as the handshake, see keep_handshake. Null without one. */
sio_val     sio_handshake(sio_socket *s);

/* ---- reading an event -------------------------------------------------------------------------------- */

sio_str     sio_event_name(const sio_in *in);
size_t      sio_argc(const sio_in *in);  /* arguments behind the name */
sio_val     sio_arg(const sio_in *in, size_t i); /* undefined when absent */
/* All arguments as one array value, to forward them. */
sio_val     sio_args(const sio_in *in);
bool        sio_wants_ack(const sio_in *in);
/* Memory that lives as long as the event; NULL over max_payload. */
void       *sio_alloc(sio_in *in, size_t n);
/* The text of a string value (unescaped into the event's memory when needed). */
bool        sio_str_of(sio_in *in, sio_val v, sio_str *out);
/* Answers the client's ack callback, once; without one, or when it has gone, nothing is sent. */
#define     sio_ack(in, ...) sio_ack_(in, SIO_LIST_(__VA_ARGS__), SIO_COUNT_(__VA_ARGS__))
int         sio_ack_(sio_in *in, const sio_val *args, size_t n);
/* A copy to go on with after the handler has returned; its socket stays valid (perhaps disconnected) as long.
 * NULL without memory. Give it back with sio_release, on the same loop. */
sio_in     *sio_keep(sio_in *in);
void        sio_release(sio_in *in);
sio_socket *sio_in_socket(const sio_in *in);

/* Binding: reads the members of an object (argument 0) into a struct by a table, checking types and sizes.
 * The table ends with a zeroed entry. */
typedef enum sio_field_type {
    SIO_FIELD_END,
    SIO_FIELD_TEXT,                      /* sio_str; min, max: bytes */
    SIO_FIELD_INT,                       /* int64_t; min, max: value */
    SIO_FIELD_BOOL,                      /* bool */
    SIO_FIELD_ANY,                       /* sio_val */
    SIO_FIELD_CHARS,                     /* sio_str; min, max: Unicode code points */
    SIO_FIELD_ID,                        /* sio_str; as TEXT, without control characters and halves of
                                          * surrogate pairs */
    SIO_FIELD_ENUM,                      /* int, the index in `choices` of the text */
    SIO_FIELD_IDS,                       /* sio_strs; min, max: items, each an ID of 1 to item_max bytes */
    SIO_FIELD_ARRAY                      /* sio_val; min, max: items */
} sio_field_type;
typedef struct sio_field {
    const char    *key;
    sio_field_type type;
    bool           optional;             /* absent or null leaves the member untouched */
    size_t         at;                   /* offsetof the member */
    int64_t        min, max;             /* both 0: any */
    int64_t        item_max;
    const char *const *choices;          /* NULL-terminated */
    bool           whole;                /* the value itself and not a member of it; key only names
                                          * it in messages */
} sio_field;
/* A list of texts; p NULL when there is none. */
typedef struct sio_strs {
    const sio_str *p;
    size_t         n;
} sio_strs;
/* 0, or SIO_EFIELD with *bad set to the field at fault (NULL when argument 0 is no object; absent and null
 * are as good as an empty object). Texts live as long as in. */
int         sio_bind(sio_in *in, const sio_field *fields, void *out, const sio_field **bad);
/* The same for any value of the event, as an item of an array in it. */
int         sio_bind_value(sio_in *in, sio_val v, const sio_field *fields, void *out, const sio_field **bad);

/* ---- sending ----------------------------------------------------------------------------------------- */

#define SIO_TARGET_ROOMS 16
/* Who gets it. A value: copy and chain it freely. Room strings are borrowed until the call that sends. */
typedef struct sio_target {
    sio_ns     *ns;
    sio_socket *from;                    /* excluded from broadcasts; the receiver for a plain emit */
    unsigned    flags_;
    uint8_t     n_;                      /* rooms */
    uint8_t     nexcept_;
    bool        overflow_;
    sio_str     room_[SIO_TARGET_ROOMS];
    sio_str     except_[SIO_TARGET_ROOMS];
} sio_target;

sio_target  sio_target_socket(sio_socket *s);
sio_target  sio_target_ns(sio_ns *ns);
static inline sio_target sio_target_same(sio_target t) { return t; }
#define     sio_dest(d)                                                                                  \
    _Generic((d), sio_socket *: sio_target_socket, sio_ns *: sio_target_ns, sio_target: sio_target_same)(d)

/* From a namespace: everybody in the room. From a socket: everybody but itself. Chaining adds rooms (union).
 * More than 16 rooms is SIO_ELIMIT at the emit. */
#define     sio_to(d, room)      sio_to_(sio_dest(d), sio_s(room))
#define     sio_except(d, room)  sio_except_(sio_dest(d), sio_s(room))
#define     sio_broadcast(s)     sio_broadcast_(sio_dest(s))   /* the whole namespace but the socket itself */
#define     sio_volatile(d)      sio_flag_(sio_dest(d), 1u)    /* may be dropped when the client is busy */
#define     sio_local(d)         sio_flag_(sio_dest(d), 2u)    /* this node only */
#define     sio_others(d)        sio_flag_(sio_dest(d), 64u)   /* the other servers of the cluster only */
#define     sio_droppable(d)     sio_flag_(sio_dest(d), 32u)   /* not for who has max_unsent / 4 waiting */
#define     sio_uncompressed(d)  sio_flag_(sio_dest(d), 4u)    /* compress(false): it goes as it is */
sio_target  sio_to_(sio_target t, sio_str room);
sio_target  sio_except_(sio_target t, sio_str room);
sio_target  sio_broadcast_(sio_target t);
sio_target  sio_flag_(sio_target t, unsigned flag);

/* sio_emit(destination, "event", values...). To a namespace or room: any thread. Delivery order: what one
 * thread emits arrives in that order; the members of a room see the emits of one thread in the same order.
 * SIO_EINVAL for a reserved name, SIO_ELIMIT for too many attachments, rooms or levels, SIO_ECLOSED for a
 * disconnected socket. */
#define     sio_emit(d, ...)     sio_emit_(sio_dest(d), SIO_LIST_(__VA_ARGS__), SIO_COUNT_(__VA_ARGS__))
int         sio_emit_(sio_target t, const sio_val *args, size_t n);

/* Emit with acknowledgement to one socket. `fn` runs once on this loop: err 0 with the answer in
 * `in`, SIO_ETIMEOUT after ms (0 = wait as long as the connection lives), SIO_ECLOSED when the
 * socket left first. */
typedef void sio_reply_fn(void *arg, int err, sio_in *in);
#define     sio_call(s, ms, fn, arg, ...)                                                                \
    sio_call_(sio_dest(s), ms, fn, arg, SIO_LIST_(__VA_ARGS__), SIO_COUNT_(__VA_ARGS__))
int         sio_call_(sio_target t, uint32_t ms, sio_reply_fn *fn, void *arg, const sio_val *args, size_t n);

/* Broadcast with acknowledgements: `fn` runs once on this loop with the first argument of each answer (views,
 * gone afterwards); err SIO_ETIMEOUT when some were missing after ms. Call it on a loop. Never run when the
 * server stops before, as with sio_fetch. */
typedef void sio_gather_fn(void *arg, int err, const sio_val *answers, size_t n);
#define     sio_gather(d, ms, fn, arg, ...)                                                              \
    sio_gather_(sio_dest(d), ms, fn, arg, SIO_LIST_(__VA_ARGS__), SIO_COUNT_(__VA_ARGS__))
int         sio_gather_(sio_target t, uint32_t ms, sio_gather_fn *fn, void *arg, const sio_val *args,
                        size_t n);

/* Operations on all matching sockets; any thread. */
int         sio_sockets_join_(sio_target t, sio_str room);
int         sio_sockets_leave_(sio_target t, sio_str room);
int         sio_sockets_disconnect_(sio_target t, bool close_transport);
#define     sio_sockets_join(d, room)        sio_sockets_join_(sio_dest(d), sio_s(room))
#define     sio_sockets_leave(d, room)       sio_sockets_leave_(sio_dest(d), sio_s(room))
#define     sio_sockets_disconnect(d, close) sio_sockets_disconnect_(sio_dest(d), close)

/* The matching sockets (fetchSockets): `fn` runs once on the calling loop; the array is gone afterwards. */
typedef struct sio_peer {
    sio_str        id;
    unsigned       nrooms;
    const sio_str *rooms;
    const void    *data;                 /* a byte copy of the socket's data; NULL when it is on
                                          * another server */
    sio_val        handshake, shown;     /* in a cluster: as Node shows them, see sio_handshake
                                          * and data_show */
} sio_peer;
/* err: 0; SIO_ETIMEOUT, SIO_EUNAVAILABLE: those of some other servers are missing. */
typedef void sio_fetch_fn(void *arg, int err, const sio_peer *peers, size_t n);
int         sio_fetch_(sio_target t, sio_fetch_fn *fn, void *arg);
#define     sio_fetch(d, fn, arg) sio_fetch_(sio_dest(d), fn, arg)

/* ---- other servers of the cluster -------------------------------------------------------------------- */

/* An event for the other servers that have the namespace, not for this one (serverSideEmit); any thread. 0;
 * SIO_EINVAL for "connection", "connect" and "new_namespace"; without an adapter nobody is there. */
#define     sio_server_emit(ns, ...)     sio_server_emit_(ns, SIO_LIST_(__VA_ARGS__), SIO_COUNT_(__VA_ARGS__))
int         sio_server_emit_(sio_ns *ns, const sio_val *args, size_t n);
/* The same with one answer of each: fn as in sio_gather, after ms at most (0: the adapter's own
 * timeout). On a loop. */
#define     sio_server_call(ns, ms, fn, arg, ...)                                                        \
    sio_server_call_(ns, ms, fn, arg, SIO_LIST_(__VA_ARGS__), SIO_COUNT_(__VA_ARGS__))
int         sio_server_call_(sio_ns *ns, uint32_t ms, sio_gather_fn *fn, void *arg, const sio_val *args,
                             size_t n);
/* How many servers have the namespace, this one included. On a loop; fn runs once on it. */
int         sio_server_count(sio_ns *ns, void (*fn)(void *arg, int err, unsigned n), void *arg);

/* ---- time and threads -------------------------------------------------------------------------------- */

/* Runs fn once on this loop after ms milliseconds; call it on a loop. SIO_ENOMEM, SIO_ESTATE off a loop.
 * Never run, but freed with the server, when it stops before. */
int         sio_after(sio_server *io, uint32_t ms, void (*fn)(void *arg), void *arg);
/* Runs fn on loop number `loop`; any thread. Never run when the server stops before; `arg` is the caller's to
 * free then. */
int         sio_post(sio_server *io, unsigned loop, void (*fn)(void *arg), void *arg);
/* The number of the loop this thread runs, as sio_post takes it; SIO_ESTATE on other threads. */
int         sio_loop(const sio_server *io);
/* Wall clock of this loop's turn: milliseconds since 1970 UTC. */
int64_t     sio_now(const sio_server *io);

/* ---- other things on the same port: before sio_server_run -------------------------------------------- */

/* Plain HTTP: every path that starts with `path` (or is it, when exact). */
typedef void sio_http_fn(void *arg, sio_request *r);
int         sio_http(sio_server *io, const char *path, bool exact, sio_http_fn *fn, void *arg);
sio_str     sio_request_method(const sio_request *r);
sio_str     sio_request_path(const sio_request *r);  /* raw, without the query */
sio_str     sio_request_query(const sio_request *r); /* raw */
sio_str     sio_request_header(const sio_request *r, const char *name);
sio_server *sio_request_server(const sio_request *r);
/* Collects at most max bytes, then calls fn once: 0, or SIO_ETOOBIG. Not called when the client goes away. */
typedef void sio_body_fn(sio_request *r, int err, sio_str body);
void        sio_request_body(sio_request *r, size_t max, sio_body_fn *fn);
/* To answer later, on the same loop: called by the handler or by the function that got the body. What the
 * request says of itself stays readable until the reply. gone(arg) runs once if the client goes away
 * before that, or the server ends: the request is gone then. 0, or SIO_ENOMEM, when it has been answered
 * with 500 and is gone. */
typedef void sio_gone_fn(void *arg);
int         sio_request_keep(sio_request *r, sio_gone_fn *gone, void *arg);
/* Ends the request: headers are whole lines "Name: value\r\n" or empty. */
void        sio_reply(sio_request *r, int status, sio_str headers, sio_str body);
/* Files below a directory: index.html for the path itself, content types by extension, ETag, no
 * way out of it. */
int         sio_static(sio_server *io, const char *path, const char *dir, sio_str headers);
/* Inside hooks. */
void        sio_allow(sio_request *r);
void        sio_refuse_request(sio_request *r, const char *message); /* NULL = "Forbidden" */
void        sio_add_header(sio_request *r, const char *name, sio_str value);

/* Plain WebSocket clients at exactly `path`: text frames ["event", payload] both ways, in the rooms and with
 * the handlers of ns. Guards run before the upgrade; a refusal is HTTP 401 with the message as body. */
int         sio_plain_ws(sio_server *io, const char *path, sio_ns *ns);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
