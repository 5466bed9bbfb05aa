/*
 * The load generator: many Socket.IO clients over WebSocket in one thread that never sleeps.
 *
 * A generator that blocks in epoll_wait makes the server pay for waking the other core with every write, and
 * slow servers pay most. This one polls with timeout 0, so the server's CPU is the server's own work. One
 * `gen` owns all clients; a mode (connect, churn, idle, echo, rooms, storm) is a table of callbacks over it
 * and a loop of gen_turn(). Nothing here is shared with the code under test, so that a mistake there cannot
 * hide itself.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { HIST_SUB = 32, HIST_OCTAVES = 40, RX_SIZE = 1 << 18, EVENTS_MAX = 256 };

/* Latencies in logarithmic buckets, 32 to the octave: 3 % wide, nanoseconds up to about 18 minutes. */
typedef struct hist {
    uint64_t count[HIST_SUB * HIST_OCTAVES];
    uint64_t total, max;
} hist;

/* CPU time and memory of the server, children included. */
typedef struct usage {
    double cpu_us;      /* user + system since the process began */
    uint64_t rss_bytes; /* resident, shared pages counted whole */
    uint64_t pss_bytes; /* resident, shared pages counted by their share */
    uint64_t top_bytes; /* the most that was resident since usage_forget_top() */
} usage;

typedef struct options {
    const char *host, *path, *mode, *label, *pids, *jwt_secret, *jwt_issuer, *jwt_audience;
    const char *ev_echo, *ev_join, *ev_say, *ev_heard, *ev_ready, *room_key, *room_prefix, *form;
    int port, port2, cpu, sources; /* port2: where every other client goes, 0 = there is one server */
    int clients, window, outstanding, room_size, payload, idle_from, settle_ms;
    int beside; /* clients more that connect first and then do nothing */
    int joins;  /* rooms that each client is in */
    int others; /* storm: clients that stay and echo */
    int end_ms; /* storm: quiet time before memory is read the last time; 0 = settle_ms */
    double rate, seconds, warmup;
} options;

typedef enum conn_state {
    CONN_FREE,
    CONN_DIALING,
    CONN_UPGRADING,
    CONN_OPENING,
    CONN_JOINING,
    CONN_UP
} conn_state;

typedef struct conn {
    int fd;
    conn_state state;
    uint32_t index; /* place in gen.conns; the user number in its token */
    uint32_t room;
    bool queued;  /* on the list of connections with bytes to write */
    bool blocked; /* the kernel took less than everything: waits for EPOLLOUT */
    char *tail;   /* bytes of a frame that has not arrived whole */
    size_t tail_len, tail_cap;
    char *out; /* frames to write at the end of this step */
    size_t out_len, out_cap;
    uint64_t opened_ns;
    uint64_t next_id, got, outstanding;
    uint64_t *sent_ns; /* echo: when the message with ack id i left, at i mod ring */
} conn;

typedef struct gen gen;

/* What a mode does with its clients. `text` is the Engine.IO packet, not NUL-terminated. */
typedef struct mode_ops {
    void (*on_connected)(gen *g, conn *c);                           /* `40{...}` arrived */
    void (*on_ack)(gen *g, conn *c, uint64_t id);                    /* `43<id>[...]` arrived */
    void (*on_event)(gen *g, conn *c, const char *text, size_t len); /* `42[...]` arrived */
    void (*on_closed)(gen *g, conn *c);                              /* fd is closed; the slot is free */
} mode_ops;

struct gen {
    const options *o;
    const mode_ops *ops;
    void *mode; /* the mode's own state */
    int epoll;
    conn *conns;
    int opened, pending;     /* clients opened in a row; those between dial and `40{...}` */
    conn *queue[EVENTS_MAX]; /* connections with bytes to write */
    int queue_len;
    uint64_t now_ns; /* read once per received chunk */
    uint64_t rng;
    bool worked;                            /* this turn did something */
    uint64_t busy_ns, watch_ns, longest_ns; /* longest_ns: of the turns */
    hist lat;
    uint64_t failures;        /* connections refused, closed by the server or answered with an error */
    char error[160];          /* the first thing that went wrong */
    char key[32], accept[32]; /* Sec-WebSocket-Key and the answer it must get */
    char **tokens;            /* CONNECT packets, one per client; NULL without authentication */
    char rx[RX_SIZE];
};

/* ---- gen.c: all clients ---- */

/* Prepares g for o->clients + o->beside clients. Exits with a message when the machine refuses. */
void gen_init(gen *g, const options *o, const mode_ops *ops, void *mode);
void gen_fini(gen *g);
/* One pass: takes what epoll has, without waiting, and dispatches it. */
void gen_turn(gen *g);
/* Opens clients up to `upto` with o->window dials under way, and returns when all of them are connected. */
void gen_open_all(gen *g, int upto);
/* Opens the clients that are only there, o->beside of them behind those of the test. */
void gen_open_beside(gen *g);
/* Turns for ms milliseconds, answering pings. */
void gen_idle(gen *g, int ms);
/* Starts counting how busy the generator's core is; gen_busy() is the busy share since then, 0 to 1. */
void gen_watch(gen *g);
double gen_busy(const gen *g);
/* Notes the first failure, printf style. */
void gen_fail(gen *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says what the machine refused, with errno, and exits. */
void gen_die(const char *what);

/* ---- ws_client.c: one client ---- */

/* Dials client number `index` (its slot must be free); completion is ops->on_connected. */
void gen_open(gen *g, uint32_t index);
/* What epoll says of c. */
void conn_event(gen *g, conn *c, uint32_t events);
/* Queues one masked text frame; it leaves with conn_flush_queue at the end of the step. */
void conn_send(gen *g, conn *c, const char *text, size_t len);
/* Queues an empty close frame. */
void conn_send_close(gen *g, conn *c);
/* Writes everything queued, one write per connection. */
void conn_flush_queue(gen *g);
/* Closes the socket at once, without a word to the mode. */
void conn_drop(gen *g, conn *c);

/* ---- measure.c ---- */

uint64_t now_ns(void);
void hist_add(hist *h, uint64_t ns);
/* The latency below which the share q (0 to 1) of the values lies, in nanoseconds. */
uint64_t hist_quantile(const hist *h, double q);
/* Reads the sum over the comma list of process ids and all their descendants. */
void usage_read(usage *u, const char *pids, bool memory);
/* top_bytes begin anew at what is resident now. */
void usage_forget_top(const char *pids);

/* ---- token.c ---- */

/* HS256 JSON Web Token for user number n, valid for a day; the caller frees it. */
char *token_make(const options *o, uint32_t n);
/* The Sec-WebSocket-Accept that belongs to key; out holds 29 bytes. */
void accept_of(const char *key, char *out);

/* ---- modes: each runs one test and prints one JSON line ---- */

void mode_connect(const options *o);
void mode_churn(const options *o);
void mode_idle(const options *o);
void mode_echo(const options *o);
/* All but some clients are dropped at once and come back, while those some echo at a rate. */
void mode_storm(const options *o);
/* Rooms: `fanout` joins with an ack, `chat` joins and waits for the history. */
void mode_rooms(const options *o, bool chat);

/* ---- echo.c: what the modes that echo share ---- */

typedef struct echo {
    char *text; /* `["echo","xxx..."]` */
    size_t text_len;
    uint32_t ring; /* send times kept per client */
} echo;

/* Makes the text as o says; `ring` messages may be outstanding per client. */
void echo_init(echo *e, const options *o, uint32_t ring);
void echo_fini(echo *e);
/* Makes c ready to echo; gen_fini frees. */
void echo_attach(const echo *e, conn *c);
void echo_send(const echo *e, gen *g, conn *c, uint64_t at_ns);
/* The answer with that id came: its latency in nanoseconds, or -1 when nobody asked (noted as a failure). */
int64_t echo_answered(const echo *e, gen *g, conn *c, uint64_t id);

/* ---- load.c ---- */

typedef struct result {
    const char *unit; /* what one operation is */
    uint64_t ops;
    double seconds, cpu_us; /* cpu_us: of the server during the measured part */
    uint64_t lost;
} result;

/* Prints the line the driver reads. `extra` is more JSON members with a leading comma, or "". */
void result_print(gen *g, const result *r, const char *extra);

#endif
