/* Engine.IO 4: sessions over HTTP long-polling and WebSocket, the upgrade between them, heartbeat.
 *
 * One eio_server per loop. The first character of a session id names the loop it lives on, so a request that
 * arrives at another loop is handed over with its connection; the next four name the server among others (its
 * node), so that one that arrives at another server can be relayed: no sticky sessions are needed. */
#ifndef EIO_EIO_H
#define EIO_EIO_H

#include "base/blob.h"
#include "base/buf.h"
#include "codec/ws.h"
#include "http/http.h"
#include "sio_err.h"

#include <stdbool.h>
#include <stdint.h>

#define EIO_SID_LEN   20
#define EIO_MAX_LOOPS 64
#define EIO_NODE_LEN  4

typedef struct eio_server  eio_server;
typedef struct eio_session eio_session;

typedef enum eio_reason {
    EIO_TRANSPORT_ERROR, EIO_TRANSPORT_CLOSE, EIO_FORCED_CLOSE, EIO_PING_TIMEOUT, EIO_PARSE_ERROR_CLOSE,
    EIO_SHUTDOWN,
    EIO_SLOW_CONSUMER /* more than max_unsent waited for it */
} eio_reason;
/* "transport error", "transport close", ... as the JavaScript server names them. */
const char *eio_reason_text(eio_reason why);

enum { EIO_POLLING = 1, EIO_WEBSOCKET = 2 };

/* HTTP error codes of the protocol; see eio_config.on_error. */
enum eio_error {
    EIO_ERR_TRANSPORT, EIO_ERR_SID, EIO_ERR_METHOD, EIO_ERR_REQUEST, EIO_ERR_FORBIDDEN, EIO_ERR_PROTOCOL
};

typedef struct eio_cors {
    bool               enabled, any, reflect, credentials;
    const char *const *origins;
    const char        *fixed, *methods, *allowed_headers, *exposed_headers;
    int                max_age;
} eio_cors;

typedef struct eio_cookie {
    const char *name, *path, *domain, *same_site;
    bool        http_only, secure;
    int         max_age;
} eio_cookie;

/* All strings and tables outlive the servers; one config serves all loops. */
typedef struct eio_config {
    const char *path;                  /* "/socket.io/": raw targets that start with it are ours */
    unsigned    transports;            /* EIO_POLLING | EIO_WEBSOCKET */
    bool        allow_upgrades;
    uint32_t    ping_interval_ms, ping_timeout_ms, upgrade_timeout_ms;
    size_t      max_payload;           /* bytes of one message or POST body; announced as maxPayload */
    size_t      max_unsent;            /* bytes waiting for the next poll before the session is closed */
    size_t      compression_threshold; /* 0 = never */
    bool        ws_deflate;            /* agree on permessage-deflate with clients that offer it */
    size_t      ws_deflate_threshold;  /* messages from this size are compressed */
    int         ws_deflate_level;      /* 1 to 9 */
    unsigned    max_sessions;          /* per loop; 0 = no limit */
    const char *initial_packet;        /* or NULL */
    char        node[EIO_NODE_LEN];    /* base64url characters in each session id; zeroed = none,
                                        * they are random */
    eio_cors    cors;
    eio_cookie  cookie;

    /* Called on the loop concerned, with the ctx of that loop's eio_server. All but on_handshake, on_message
     * and on_close may be NULL. */
    /* Before all checks: 0 goes on, SIO_ESTATE = replied by itself, else "Bad request". */
    int  (*on_request)(void *ctx, http_req *r);
    /* A new session is asked for: answer with eio_allow or eio_refuse, now or later. NULL allows. */
    void (*on_allow)(void *ctx, http_req *r);
    void (*on_headers)(void *ctx, http_req *r, bool initial, buf *headers);
    void (*on_error)(void *ctx, http_req *r, enum eio_error code, const char *message);
    /* A request for a session of another node: true = taken, to be answered later, with eio_unknown at the
     * worst. Not asked for what another node has relayed to us. */
    bool (*on_foreign)(void *ctx, http_req *r, sio_str sid);
    /* A session was made for request r, which is valid inside this call only: the time to
     * note its headers. */
    void (*on_handshake)(void *ctx, eio_session *s, http_req *r);
    /* The handshake is on its way; messages may be sent. Not called when the peer is gone already. */
    void (*on_open)(eio_session *s);
    /* Bytes may be changed, are gone afterwards. */
    void (*on_message)(eio_session *s, bool binary, char *p, size_t n);
    /* Exactly once per on_handshake; s is gone when it returns. */
    void (*on_close)(eio_session *s, eio_reason why);
    void (*on_upgrade)(eio_session *s);  /* now on WebSocket */
} eio_config;

/* Makes the Engine.IO side of one loop and adds its route to http. `peers` is the array of all loops' http
 * servers, indexed by loop number, filled before the loops run. */
int  eio_server_new(eio_server **out, http_server *http, const eio_config *config, void *ctx,
                    unsigned loop_index, http_server *const *peers, unsigned npeers);
/* Closes every session (EIO_SHUTDOWN): pending polls get `1`, WebSockets an empty close frame. */
void eio_server_close_all(eio_server *e);
void eio_server_free(eio_server *e);   /* after its streams are gone */
size_t eio_server_sessions(const eio_server *e);
/* Of its WebSockets, for others of this loop that shall have the same; they live as long as e. */
const ws_limits *eio_server_ws_limits(const eio_server *e);
/* Polling sessions closed for max_unsent so far; any thread. */
uint64_t eio_server_overflows(const eio_server *e);

void eio_allow(eio_server *e, http_req *r);
void eio_refuse(eio_server *e, http_req *r, const char *message);
/* "Session ID unknown": the client starts a new session. */
void eio_unknown(eio_server *e, http_req *r);
/* CORS headers for an answer outside the engine (the client bundle). */
void eio_cors_headers(const eio_config *config, const http1_request *head, buf *out);

/* ---- sessions ---- */

/* 104 bytes; what only polling needs is in its eio_poll. */
struct eio_session {
    void              *user;           /* yours */
    eio_server        *server;
    struct ws_conn    *ws;             /* the transport once it is WebSocket */
    struct eio_poll   *poll;           /* the polling transport's state, NULL on WebSocket */
    struct eio_upgrade *upgrade;       /* while a probe is under way */
    struct eio_probe  *probes;         /* questions whether the peer is there */
    loop_timer         heartbeat;
    char               sid[EIO_SID_LEN];
    uint8_t            state, flags;
};

/* A message to send: refcounted, framed once for every transport. `*payload` is where its n bytes go; seal it
 * after writing them. NULL without memory. */
blob *eio_message_new(bool binary, size_t n, char **payload);
void  eio_message_seal(blob *m);
/* Goes to WebSockets as it is, whatever was agreed on; a poll that fetches nothing but such messages is
 * not compressed. */
void  eio_message_uncompressed(blob *m);
/* The payload of a sealed message. */
sio_str eio_message_payload(const blob *m);

/* Queues a message; takes a reference of its own. Ignored on a closed session. */
void  eio_send(eio_session *s, blob *m);
/* False when a volatile message should be dropped: no poll pending, or a WebSocket with unsent bytes. */
bool  eio_is_writable(const eio_session *s);
/* Bytes that wait: for the next poll, or for the kernel to take them. */
size_t eio_unsent(const eio_session *s);
bool  eio_is_open(const eio_session *s);
/* Ends the session from our side; on_close(why) runs before this returns. */
void  eio_close(eio_session *s, eio_reason why);
/* Inside on_message of a polling session: the POST that carried the message; else NULL. */
const http_req *eio_current_request(const eio_session *s);
const char *eio_transport(const eio_session *s); /* "polling" or "websocket" */
/* Sends a ping now. fn(arg, true) as soon as anything comes from the peer, false after ms without; once,
 * never inside another call; never when the server is freed before. The heartbeat goes on as it was, but that
 * any pong restarts it. 0; SIO_ECLOSED, SIO_ENOMEM. */
typedef void eio_probe_fn(void *arg, bool alive);
int  eio_probe_start(eio_session *s, uint32_t ms, eio_probe_fn *fn, void *arg);
/* The same for connections that are no sessions, which ping by themselves: a list of questions, empty is
 * NULL, at an address that stays until eio_probes_end told all of them. */
typedef struct eio_probe eio_probe;
int  eio_probe_add(eio_server *e, eio_probe **home, uint32_t ms, eio_probe_fn *fn, void *arg);
void eio_probes_end(eio_probe **home, bool alive);

#endif
