/* Inside of the Redis client: URLs, one connection, subscriptions, and what differs between one server,
 * Sentinel and Cluster (the modes). */
#ifndef REDIS_REDIS_INT_H
#define REDIS_REDIS_INT_H

#include "base/map.h"
#include "net/dial.h"
#include "net/tls.h"
#include "redis/redis.h"

/* ---- URLs ---- */

#define URL_MAX_HOSTS 16

typedef enum url_kind { URL_SINGLE, URL_CLUSTER, URL_SENTINEL } url_kind;

typedef struct redis_url {
    url_kind    kind;
    bool        tls, no_verify;
    int         db;
    unsigned    nhosts;
    struct {
        const char *name;                 /* or "/path" */
        int         port;
    } host[URL_MAX_HOSTS];
    const char *user, *password;          /* NULL = none; so below */
    const char *master, *sentinel_user, *sentinel_password;
    const char *ca, *cert, *key;
    char       *text;                     /* where all of them lie */
    size_t      ntext;
} redis_url;

/* NULL, or what is wrong with it; then there is nothing to free. */
const char *url_parse(redis_url *u, const char *url);
void        url_fini(redis_url *u);       /* wipes the secrets */

/* ---- one connection ---- */

typedef struct conn conn;
typedef struct sub  sub;

typedef enum conn_state {
    CONN_IDLE,                            /* nothing; maybe waiting to be opened again */
    CONN_DIALING,
    CONN_GREETING,                        /* AUTH, SELECT, ... */
    CONN_READY,
} conn_state;

typedef struct conn_ops {
    void (*on_ready)(conn *c);
    /* Whatever was asked has been told; it is idle. Also when it never became ready. */
    void (*on_lost)(conn *c, const char *why);
    void (*on_retry)(conn *c);            /* the pause of conn_retry is over */
    void (*on_message)(conn *c, redis_sub_kind kind, sio_str channel, sio_str payload, sio_str pattern);
    void (*on_subscribed)(conn *c, redis_sub_kind kind, sio_str name, uint64_t seq);
    /* the server ended a subscription by itself */
    void (*on_dropped)(conn *c, redis_sub_kind kind, sio_str name);
    void (*on_refused)(conn *c, const resp_val *v, uint64_t seq); /* the answer to a subscription was no */
    bool leaves_replicas;                 /* READONLY as an answer: this is not the master any more */
} conn_ops;

/* Who logs in; the texts are the URL's. */
typedef struct conn_login {
    const char *user, *password;
    int         db;
} conn_login;

typedef enum ask_kind { ASK_CALL, ASK_SUBSCRIBE, ASK_UNSUBSCRIBE } ask_kind;

/* A command whose answer is on its way. */
typedef struct ask {
    redis_reply_fn *fn;                   /* may be NULL */
    union {
        void    *arg;
        uint64_t mark;                    /* SUBSCRIBE: the sub's seq; UNSUBSCRIBE: hash of kind and name */
    };
    uint64_t        at;                   /* loop_now when it was sent */
    ask_kind        kind;
} ask;

struct conn {
    redis          *r;
    const conn_ops *ops;
    conn_login      login;
    conn_state      state;
    net_dial       *dial;
    net_stream     *s;
    char           *host;                 /* as given to conn_open last */
    int             port;
    const char     *doom;                 /* to be given up at the next timer: why */
    ask            *asks;                 /* a ring of cap, a power of two */
    uint32_t        cap, first, nasks;
    unsigned        unconfirmed;          /* subscriptions asked for and not answered yet */
    unsigned        tries;                /* in vain, since it was ready */
    bool            subscribes;           /* arrays may be messages */
    bool            eating;
    uint64_t        opened, heard;        /* loop_now */
    /* a reply that is not complete; commands the stream has no room for */
    buf             in, out;
    size_t          need, out_at;         /* bytes of in worth another try; sent bytes of out */
    arena           mem;                  /* of the reply that is being told */
    loop_timer      timer;
    char            why[160];
};

int  conn_init(conn *c, redis *r, const conn_ops *ops, const conn_login *login);
/* What was asked is told with SIO_ECANCELED; what was queued still leaves. To be released by conn_release
 * later. */
void conn_close(conn *c);
void conn_release(conn *c);               /* the memory, when nothing of it is on the stack */
/* From idle. host is copied. */
void conn_open(conn *c, const char *host, int port);
/* Gives it up: everything asked is told err, then on_lost. Not from inside a call of the user's. */
void conn_drop(conn *c, int err, const char *why);
/* The same, soon; from anywhere. why: static. */
void conn_doom(conn *c, const char *why);
/* on_retry after a pause that grows with every try in vain. */
void conn_retry(conn *c);
/* 0, SIO_EUNAVAILABLE unless ready or greeting, SIO_ETOOBIG, SIO_ELIMIT, SIO_ENOMEM. */
int  conn_ask(conn *c, ask q, const sio_str *argv, unsigned argc);
int  conn_greet(conn *c);                 /* says hello; conn_be_ready follows, or conn_drop */
void conn_be_ready(conn *c);
void conn_subscribe(conn *c, sub *s);
/* What it does, for a name that is in no table. */
void conn_subscribe_to(conn *c, redis_sub_kind kind, sio_str name, uint64_t seq);
void conn_unsubscribe(conn *c, redis_sub_kind kind, sio_str name);

/* ---- the modes ---- */

typedef struct redis_mode {
    int   (*start)(redis *r);             /* 0, SIO_ENOMEM; opens nothing yet */
    void  (*open)(redis *r);              /* in the loop's first turn */
    void  (*close)(redis *r);             /* conn_close of all */
    void  (*release)(redis *r);           /* memory */
    bool  (*can_ask)(const redis *r);
    int   (*command)(redis *r, redis_reply_fn *fn, void *arg, const sio_str *argv, unsigned argc);
    conn *(*conn_of)(redis *r, const sub *s); /* where to subscribe; NULL = not now */
} redis_mode;
extern const redis_mode redis_single, redis_cluster, redis_sentinel;

/* One server, for those modes that end up with one: on r->main. */
void  single_on_ready(conn *c);
void  single_on_lost(conn *c, const char *why);
void  single_on_subscribed(conn *c, redis_sub_kind kind, sio_str name, uint64_t seq);
void  single_on_refused(conn *c, const resp_val *v, uint64_t seq);
bool  single_can_ask(const redis *r);
int   single_command(redis *r, redis_reply_fn *fn, void *arg, const sio_str *argv, unsigned argc);
conn *single_conn_of(redis *r, const sub *s);

/* ---- subscriptions ---- */

struct sub {
    redis_sub_kind    kind;
    redis_message_fn *fn;
    void            (*done)(void *arg, int err); /* NULL when it was told */
    void             *arg;
    conn             *at;                 /* where it was asked for, or NULL */
    bool              confirmed;
    uint64_t          seq;                /* of its asking; others are of an earlier life */
    list              link;               /* among the orphans */
    uint32_t          n;
    char              key[];              /* kind as a digit, then the name */
};

static inline sio_str sub_name(const sub *s) { return (sio_str){s->key + 1, s->n - 1}; }

void subs_init(redis *r);
/* Asks for every subscription that is not asked for and has a place now. */
void subs_send(redis *r);
/* The connection is gone: those on it are asked for nowhere. */
void subs_forget(redis *r, const conn *c);
/* The same while the connection lives: it is told, so that nobody is counted there. */
void subs_leave(redis *r, conn *c);
void subs_refused(conn *c, uint64_t seq); /* one was not made: it waits for the next subs_send */
bool subs_are_made(const redis *r);       /* all of them are confirmed */
void subs_cancel(redis *r);               /* redis_free: done(SIO_ECANCELED), and away */
void subs_orphans_tell(redis *r);
/* conn_ops of every connection that carries subscriptions. */
void subs_on_message(conn *c, redis_sub_kind kind, sio_str channel, sio_str payload, sio_str pattern);
void subs_on_subscribed(conn *c, redis_sub_kind kind, sio_str name, uint64_t seq);
void subs_on_dropped(conn *c, redis_sub_kind kind, sio_str name);

/* The text of an error, at most 120 bytes of it, for people; a server may say anything where an error is
 * due. */
static inline sio_str error_text(const resp_val *v)
{
    sio_str s = v->kind == RESP_ERROR ? v->s : sio_lit("an answer of another kind");

    return (sio_str){s.p, s.n < 120 ? s.n : 120};
}

/* ---- the client ---- */

struct redis {
    net              *n;
    loop             *l;
    redis_options     o;
    char             *name;
    redis_url         url;
    tls_client       *tls;                /* NULL without */
    const redis_mode *mode;
    map               subs;
    list              orphans;            /* unsubscribed before they were confirmed: done is to be told */
    uint64_t          seq;
    loop_timer        soon;               /* opens; tells the orphans */
    bool              opened, up, told_down, dead;
    unsigned          depth;              /* of calls that may run callbacks */
    buf               enc;                /* the command being written */
    conn              main;               /* of one server, or of the master that Sentinel named */
    void             *more;               /* the mode's own */
};

/* Around everything that may run the user's callbacks: redis_free inside it waits for the last leave.
 * After a callback, r->dead says that nothing may be done any more. */
void redis_enter(redis *r);
void redis_leave(redis *r);
/* Ready, subscriptions made. */
void redis_tell_up(redis *r);
void redis_tell_down(redis *r, const char *why); /* once per loss */

#endif
