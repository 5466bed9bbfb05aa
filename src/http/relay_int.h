/* Inside of the relay: requests on their way (jobs) and connections to other servers (upstreams). */
#ifndef HTTP_RELAY_INT_H
#define HTTP_RELAY_INT_H

#include "http/relay.h"
#include "net/dial.h"

typedef struct upstream upstream;

/* A request until it is answered. */
typedef struct job {
    list               link;       /* in relay->jobs */
    list               wait;       /* in target->waiting, until a connection is free */
    http_relay        *relay;
    http_relay_target *target;
    http_req          *req;
    upstream          *up;         /* once it is being sent */
    blob              *bytes;      /* head and body as the other server gets them */
    bool               cut;        /* more body is announced than sent: the connection is used up */
    bool               started;    /* the answer has begun */
    bool               upgrade;
} job;

enum up_state { UP_DIALING, UP_GREETING, UP_IDLE, UP_HEAD, UP_BODY, UP_TUNNEL, UP_OVER };

struct upstream {
    list               link;       /* in relay->ups, the idle ones in relay->idle */
    http_relay        *relay;
    http_relay_target *target;
    net_dial          *dial;
    net_stream        *stream;
    job               *job;        /* UP_HEAD, UP_BODY */
    net_stream        *client;     /* UP_TUNNEL: the other end */
    loop_timer         timer;
    buf                in;         /* a partial head */
    uint64_t           left;       /* bytes of body to come */
    uint32_t           sent;       /* of job->bytes */
    uint8_t            state;
    bool               keep;       /* usable after this answer */
    link_hello         hello;
};

struct http_relay {
    net               *net;
    loop              *loop;
    http_relay_options options;
    http_relay_stats   stats;
    list               jobs, ups, idle;
    unsigned           nidle;
    uint64_t           quiet_until; /* of the loop's clock: no warning before */
};

/* ---- relay.c ---- */

/* The job is over; the request is not touched. */
void job_free(job *j);
/* No answer will come: tells on_unreachable, or drops the client when the answer has begun. Frees. */
void relay_job_fail(job *j);
/* A connection of the target can take a request: the next one that waits, if there is one. */
bool relay_serve_waiting(upstream *up);
/* The other server was not reached: everything that waits for it fails. */
void relay_fail_waiting(http_relay_target *t, http_relay *x);
/* Dials as many as are wanted. */
void relay_pump(http_relay *x, http_relay_target *t);

/* ---- relay_request.c ---- */

/* The request in the bytes the other server gets. n is the length of its body, or what is announced when
 * body is NULL. NULL without memory. */
blob *relay_render(http_req *r, const char *body, size_t n);

/* ---- upstream.c ---- */

int  upstream_dial(http_relay *x, http_relay_target *t);
/* Sends the job's request. */
void upstream_take(upstream *up, job *j);
/* Free for the next request: one that waits, or it is kept for a while. */
void upstream_rest(upstream *up);
/* Closes at once and frees; its job must be gone. */
void upstream_drop(upstream *up);
/* Its job fails, and it goes. */
void upstream_fail(upstream *up);
void upstream_free(upstream *up);

/* ---- answer.c ---- */

/* Bytes in UP_HEAD and UP_BODY. up may be gone afterwards. */
void answer_feed(upstream *up, char *p, size_t n);

/* ---- tunnel.c ---- */

/* The other server has accepted the WebSocket: headers are those of its answer, p[0..n) came behind them.
 * The job is over. */
void tunnel_open(upstream *up, sio_str headers, const char *p, size_t n);
/* Events of the stream to the other server in UP_TUNNEL. */
void tunnel_data(upstream *up, const char *p, size_t n);
void tunnel_drain(upstream *up);
void tunnel_close(upstream *up);

#endif
