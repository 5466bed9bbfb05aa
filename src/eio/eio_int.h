/* What the files of the Engine.IO floor share. */
#ifndef EIO_EIO_INT_H
#define EIO_EIO_INT_H

#include "base/map.h"
#include "base/stat.h"
#include "codec/eio_packet.h"
#include "eio/eio.h"
#include "http/ws_conn.h"

enum { EIO_OPENING, EIO_OPENED, EIO_CLOSING, EIO_CLOSED };

/* eio_session.flags */
enum {
    EIO_F_BASE64    = 1,  /* the peer cannot take binary (b64) */
    EIO_F_JSONP     = 2,
    EIO_F_AWAITING  = 4,  /* a ping was sent, the pong is due */
    EIO_F_EXTENDED  = 8,  /* its deadline was already extended once */
    EIO_F_OVERFLOW  = 32, /* more waits than the peer may leave unfetched */
    EIO_F_IN_CALL   = 16  /* bytes of a peer are being processed further up the stack: free later */
};

/* blob.tag of a message, bits */
enum { EIO_TAG_BINARY = 1, EIO_TAG_UNCOMPRESSED = 2 };

/* Longest a polling peer may take to fetch its `1` after a close. */
#define EIO_GOODBYE_MS   30000
/* A poll that is open during an upgrade is released after this. */
#define EIO_PROBE_TICK_MS 100

/* The polling transport: what waits for the next poll, the poll and the POST under way. */
typedef struct eio_poll {
    eio_session *session;
    list      dirty;          /* in the server's, when something is to be flushed at the end of the turn */
    http_req *get, *post;
    blob    **out;
    uint32_t  nout, cap;
    size_t    bytes;
    bool      compress;       /* something of the payload under way may be compressed */
    char      jsonp[8];       /* EIO_F_JSONP: the callback's number, as the handshake named it */
} eio_poll;

typedef struct eio_upgrade {
    eio_session *session;
    ws_conn     *ws;
    loop_timer   deadline, tick;
} eio_upgrade;

struct eio_server {
    const eio_config   *config;
    http_server        *http;
    loop               *loop;
    void               *ctx;
    map                 sessions;
    list                dirty;      /* polls that have something to say */
    loop_hook           flush;
    const http_req     *current;    /* the POST whose packets are being processed */
    ws_limits           ws_limits;
    http_server *const *peers;
    unsigned            npeers, index;
    stat_cell           overflows;
    list                probes;
    blob               *ping;       /* for all: a heartbeat of many sessions makes nothing */
};

/* probe.c */
void eio_probes_drop(eio_server *e); /* untold */

/* What a request asks for, parsed once. */
typedef struct eio_query {
    char     transport[16];
    char     sid[64];
    char     jsonp[8];
    bool     has_sid, protocol4, base64, is_jsonp;
} eio_query;
/* Whether r asks for an upgrade that this server knows of. */
bool eio_is_upgrade(const eio_server *e, const http_req *r);

/* reply.c */
void eio_reply(eio_server *e, http_req *r, int status, const char *type, sio_str body);
void eio_reply_payload(eio_server *e, http_req *r, const eio_session *s, bool initial, sio_str payload);
void eio_reply_error(eio_server *e, http_req *r, enum eio_error code, const char *message);
void eio_reply_preflight(eio_server *e, http_req *r);
void eio_upgrade_headers(eio_server *e, http_req *r, bool initial, buf *out);

/* session.c */
eio_session *eio_session_new(eio_server *e, const eio_query *q, http_req *r);
eio_session *eio_session_find(eio_server *e, const char *sid);
/* Appends the handshake packet ("0{...}"). */
int  eio_session_handshake(const eio_session *s, bool polling, buf *out);
void eio_session_opened(eio_session *s);
/* One packet from the peer: false when the session is over. Only between enter and leave. */
bool eio_session_packet(eio_session *s, const eio_in *in);
/* While bytes of the peer are processed the session's memory stays, whatever happens to it. */
void eio_session_enter(eio_session *s);
void eio_session_leave(eio_session *s);
/* The transport is gone or given up: tells the user and drops the session. */
void eio_session_lost(eio_session *s, eio_reason why);
void eio_session_free(eio_session *s);
blob *eio_control(char digit);            /* a packet of one digit as a sealed message; NULL without memory */

/* polling.c */
int  eio_poll_open(eio_session *s, http_req *r, const eio_query *q);
void eio_poll_request(eio_session *s, http_req *r);
void eio_poll_send(eio_session *s, blob *m);
void eio_poll_flush(eio_session *s);
/* Our goodbye: true when the session is over at once, false when it waits for the peer's next poll. */
bool eio_poll_close(eio_session *s);
void eio_poll_release(eio_session *s, char digit); /* answers an open poll with one packet */
void eio_poll_free(eio_session *s);

/* websocket.c */
void eio_ws_open(eio_server *e, http_req *r, const eio_query *q);
void eio_ws_take(eio_session *s, ws_conn *c); /* makes c the transport */
void eio_ws_send(eio_session *s, blob *m);
/* Answers 101 with the usual headers. NULL when the request was refused or its peer is gone; r is
 * over either way. */
ws_conn *eio_ws_accept(eio_server *e, http_req *r, bool initial, const ws_conn_ops *ops, void *owner);

/* upgrade.c */
void eio_upgrade_request(eio_session *s, http_req *r);
void eio_upgrade_cancel(eio_session *s);

#endif
