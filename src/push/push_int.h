/* The inside of push: jobs, requests, and one struct for each service. Everything here belongs to push's own
 * thread, except what push_send and push_free do under the lock. */
#ifndef PUSH_PUSH_INT_H
#define PUSH_PUSH_INT_H

#include "base/buf.h"
#include "base/list.h"
#include "loop/loop.h"
#include "push/push.h"
#include "push/push_answer.h"
#include "push/push_crypto.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#define PUSH_ANSWER_MAX  65536      /* bytes of an answer */
#define PUSH_PAYLOAD_MAX 4096       /* of a message to FCM, APNs, Expo */
#define PUSH_TOKEN_MAX   4096
#define PUSH_TEXT_MAX    65536      /* of title, body, data each */
#define PUSH_COLLAPSE_MAX 32
#define PUSH_WAIT_MAX_MS 86400000   /* a service may not ask for more patience */

/* One message on its way; its texts are one block behind it. */
typedef struct push_job {
    loop_task    task;
    list         all, link;          /* in push.jobs; in a list of its service, or of what came in */
    push        *push;
    loop        *loop;
    push_fn     *fn;
    void        *arg;
    push_message m;
    push_result  result;
    unsigned     key;                /* generation of our own token that it was sent with */
    bool         again;              /* has been sent a second time with a new token */
    char         text[];
} push_job;

typedef struct push_call push_call;
typedef struct push_web  push_web;
typedef struct push_fcm  push_fcm;
typedef struct push_apns push_apns;
typedef struct push_expo push_expo;

struct push {
    CURLM          *multi;
    char           *ca_file;
    bool            allow_private;
    unsigned        max;
    int64_t         timeout_ms;
    list            calls, jobs;     /* requests under way; all messages that have no result yet */
    push_web       *web;             /* NULL: off */
    push_fcm       *fcm;
    push_apns      *apns;
    push_expo      *expo;
    pthread_t       thread;
    bool            has_thread;
    pthread_mutex_t lock;            /* for incoming */
    list            incoming;
    atomic_uint     under_way;
    atomic_bool     stopping;
};

int64_t push_now_ms(void);           /* monotonic */
int64_t push_wall_s(void);
char   *push_strdup(const char *z);  /* NULL stays NULL; aborts without memory */
/* A small file (64 KiB) into a string, or NULL with err, which begins with what, the name of the setting. */
char   *push_read_file(const char *what, const char *path, char *err, size_t nerr);
/* A private key on P-256 out of such a file. 0; SIO_EIO, SIO_EINVAL with err. */
int     push_read_key(EVP_PKEY **out, const char *what, const char *path, char *err, size_t nerr);

/* push.c: the job has its result, and is no longer push's. c is the request it comes from, or NULL. */
void    push_done(push_job *j, const push_verdict *v, const push_call *c);

/* ---- push_http.c: one request ----------------------------------------------------------------------- */

struct push_call {
    list               link;         /* in push.calls */
    push              *push;
    CURL              *easy;
    struct curl_slist *headers;
    buf                sent, answer; /* bodies; answer is empty when it was larger than PUSH_ANSWER_MAX */
    CURLcode           code;
    long               status;       /* 0: none */
    int64_t            retry_ms;     /* Retry-After; -1: none */
    bool               is_guarded;   /* only to addresses of the public internet */
    bool               hit_guard;
    bool               is_overlong;
    void             (*done)(push_call *c); /* the push's thread; c goes away behind it */
    void              *arg;
    void              *owned;        /* freed with it */
};
/* A POST that is put together with the next functions and what is added to c->sent; no redirects,
 * certificates checked. */
push_call *push_call_new(push *p, const char *url, void (*done)(push_call *c), void *arg);
void       push_call_header(push_call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Only to public addresses, whatever the name in the URL resolves to, and without a proxy. */
void       push_call_guard(push_call *c);
/* Takes c. */
void       push_call_start(push_call *c);
void       push_call_free(push_call *c);
/* What a request without an answer means; false when there is a status to judge by. */
bool       push_call_failed(const push_call *c, push_verdict *v);
/* Calls done for what has ended. */
void       push_calls_reap(push *p);

/* ---- push_body.c: what the services are sent -------------------------------------------------------- */

/* Web Push: our own form, see docs/OPERATIONS.md. 0, SIO_ETOOBIG when even without body it is larger than max
 * bytes, SIO_ENOMEM. Where it is too large the end of the body makes room. */
int push_body_web(buf *out, const push_message *m);
int push_body_fcm(buf *out, const push_message *m, int64_t now_s);
int push_body_apns(buf *out, const push_message *m);
int push_body_expo(buf *out, const push_message *m);

/* ---- services ---------------------------------------------------------------------------------------- */

/* open reads the settings (0 with *out NULL when they are off), send takes the job, close frees. */

int  push_web_open(push_web **out, const push_options *o, char *err, size_t nerr);
void push_web_send(push *p, push_job *j);
void push_web_close(push_web *w);
const char *push_web_public_key(const push_web *w);
/* The subscription in a token: whether it can be one. url has room for PUSH_TOKEN_MAX + 1, origin for 300
 * (either may be NULL). */
bool push_subscription_read(sio_str token, bool allow_private, char *url, char *origin, push_keys *keys);

int  push_fcm_open(push_fcm **out, const push_options *o, char *err, size_t nerr);
void push_fcm_send(push *p, push_job *j);
void push_fcm_close(push_fcm *f);

int  push_apns_open(push_apns **out, const push_options *o, char *err, size_t nerr);
void push_apns_send(push *p, push_job *j);
void push_apns_close(push_apns *a);
/* The provider token as of now (seconds since 1970), made anew when it is old. */
const char *push_apns_token(push_apns *a, int64_t now_s);
/* The service says that generation `key` of it has expired: true when there is or can be a newer one. */
bool push_apns_refused(push_apns *a, unsigned key, int64_t now_s);
/* How many tokens were made. */
unsigned push_apns_generation(const push_apns *a);

int  push_expo_open(push_expo **out, const push_options *o, char *err, size_t nerr);
void push_expo_send(push *p, push_job *j);
void push_expo_tick(push *p, int64_t now_ms);
/* Until there is something to do; -1: nothing */
int64_t push_expo_wait_ms(const push_expo *e, int64_t now_ms);
void push_expo_close(push_expo *e);

#endif
