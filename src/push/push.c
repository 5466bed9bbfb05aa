/* The thread, and what stands between it and the loops: messages go in through a list under a lock, results
 * come back as tasks. */
#include "push/push_int.h"

#include "codec/json.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define POLL_MS         1000
#define HOST_CONNECTIONS 4          /* to one host; HTTP/2 needs one */
#define ALL_CONNECTIONS 256
#define TTL_MAX_S       2419200     /* 28 days, what FCM takes */
#define ID_MAX          256
#define FILE_MAX        65536

/* ---- small things ----------------------------------------------------------------------------------- */

int64_t push_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t push_wall_s(void) { return time(NULL); }

char *push_strdup(const char *z)
{
    char *copy = z ? strdup(z) : NULL;

    if (z && !copy)
        abort();
    return copy;
}

char *push_read_file(const char *what, const char *path, char *err, size_t nerr)
{
    FILE *f = fopen(path, "re");
    char *text;
    size_t n;

    if (!f) {
        snprintf(err, nerr, "%s: cannot read %s: %s", what, path, strerror(errno));
        return NULL;
    }
    if (!(text = calloc(1, FILE_MAX + 1)))
        abort();
    n = fread(text, 1, FILE_MAX, f);
    if (ferror(f) || n == 0 || n == FILE_MAX || strlen(text) != n) {
        snprintf(err, nerr, "%s: %s is %s", what, path,
                 n == 0 || ferror(f) ? "empty, or cannot be read" : "no text file of its kind");
        explicit_bzero(text, n);
        free(text);
        text = NULL;
    }
    fclose(f);
    return text;
}

int push_read_key(EVP_PKEY **out, const char *what, const char *path, char *err, size_t nerr)
{
    char *pem = push_read_file(what, path, err, nerr);
    int rc;

    if (!pem)
        return SIO_EIO;
    rc = push_key_read(out, sio_str_z(pem), EVP_PKEY_EC);
    explicit_bzero(pem, strlen(pem));
    free(pem);
    if (rc < 0)
        snprintf(err, nerr, "%s: %s is not a private key on P-256 in PEM", what, path);
    return rc;
}

/* ---- results ---------------------------------------------------------------------------------------- */

/* On the loop of who sent it; the push may be gone. */
static void on_result(loop_task *t)
{
    push_job *j = container_of(t, push_job, task);

    j->fn(j->arg, &j->result);
    free(j);
}

static void on_drop(loop_task *t) { free(container_of(t, push_job, task)); }

void push_done(push_job *j, const push_verdict *v, const push_call *c)
{
    push_result *r = &j->result;

    list_del(&j->all);
    r->outcome = v->outcome;
    r->status = c ? (int)c->status : 0;
    r->retry_ms = -1;
    r->gone_ms = v->outcome == PUSH_GONE ? v->gone_ms : 0;
    if (v->outcome == PUSH_LATER)
        r->retry_ms = c && c->retry_ms >= 0 ? c->retry_ms : v->retry_ms;
    snprintf(r->reason, sizeof(r->reason), "%s", v->reason);
    atomic_fetch_sub(&j->push->under_way, 1);
    explicit_bzero(j->text, (size_t)(j->m.id.p + j->m.id.n - j->text));
    loop_post(j->loop, &j->task);
}

/* ---- the thread ------------------------------------------------------------------------------------- */

static void dispatch(push *p, push_job *j)
{
    list_add_tail(&p->jobs, &j->all);
    switch (j->m.service) {
    case PUSH_WEB:
        push_web_send(p, j);
        break;
    case PUSH_FCM:
        push_fcm_send(p, j);
        break;
    case PUSH_APNS:
        push_apns_send(p, j);
        break;
    case PUSH_EXPO:
        push_expo_send(p, j);
        break;
    }
}

static void take_incoming(push *p)
{
    list came;

    list_init(&came);
    pthread_mutex_lock(&p->lock);
    list_each (it, &p->incoming) {
        list_del(it);
        list_add_tail(&came, it);
    }
    pthread_mutex_unlock(&p->lock);
    list_each (it, &came) {
        list_del(it);
        dispatch(p, container_of(it, push_job, link));
    }
}

static int wait_ms(const push *p)
{
    int64_t ms = p->expo ? push_expo_wait_ms(p->expo, push_now_ms()) : -1;

    return ms < 0 || ms > POLL_MS ? POLL_MS : (int)ms;
}

static void end_all(push *p)
{
    static const push_verdict v = {.outcome = PUSH_LATER, .retry_ms = -1, .reason = "the server stops"};

    take_incoming(p); /* into the list of all, whatever it starts is thrown away at once */
    list_each (it, &p->calls) {
        push_call *c = container_of(it, push_call, link);

        curl_multi_remove_handle(p->multi, c->easy);
        push_call_free(c);
    }
    list_each (it, &p->jobs)
        push_done(container_of(it, push_job, all), &v, NULL);
}

static void *run(void *arg)
{
    push *p = arg;
    sigset_t all;
    int running;

    sigfillset(&all); /* a broken connection raises SIGPIPE; the others are for the main thread */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!atomic_load(&p->stopping)) {
        take_incoming(p);
        if (p->expo)
            push_expo_tick(p, push_now_ms());
        curl_multi_perform(p->multi, &running);
        push_calls_reap(p);
        curl_multi_poll(p->multi, NULL, 0, wait_ms(p), NULL);
    }
    end_all(p);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------- */

void push_options_init(push_options *o)
{
    *o = (push_options){.max_under_way = 1000, .timeout_ms = 30000, .expo_receipts_ms = 900000};
}

static int open_services(push *p, const push_options *o, char *err, size_t nerr)
{
    int rc = push_web_open(&p->web, o, err, nerr);

    if (rc == 0)
        rc = push_fcm_open(&p->fcm, o, err, nerr);
    if (rc == 0)
        rc = push_apns_open(&p->apns, o, err, nerr);
    if (rc == 0)
        rc = push_expo_open(&p->expo, o, err, nerr);
    return rc;
}

static int start(push *p, char *err, size_t nerr)
{
    p->multi = curl_multi_init();
    if (p->multi) {
        curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
        curl_multi_setopt(p->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HOST_CONNECTIONS);
        curl_multi_setopt(p->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)ALL_CONNECTIONS);
        p->has_thread = pthread_create(&p->thread, NULL, run, p) == 0;
    }
    if (p->has_thread)
        return 0;
    snprintf(err, nerr, "push: cannot make a thread");
    return SIO_ENOMEM;
}

int push_new(push **out, const push_options *o, char *err, size_t nerr)
{
    push *p = calloc(1, sizeof(*p));
    int rc;

    if (!p || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    *err = 0;
    pthread_mutex_init(&p->lock, NULL);
    list_init(&p->calls);
    list_init(&p->jobs);
    list_init(&p->incoming);
    p->ca_file = push_strdup(o->ca_file);
    p->allow_private = o->allow_private;
    p->max = o->max_under_way ? o->max_under_way : 1;
    p->timeout_ms = o->timeout_ms;
    rc = open_services(p, o, err, nerr);
    if (rc == 0)
        rc = start(p, err, nerr);
    if (rc < 0)
        push_free(p);
    else
        *out = p;
    return rc;
}

void push_free(push *p)
{
    if (!p)
        return;
    if (p->has_thread) {
        atomic_store(&p->stopping, true);
        curl_multi_wakeup(p->multi);
        pthread_join(p->thread, NULL);
    }
    curl_multi_cleanup(p->multi);
    push_web_close(p->web);
    push_fcm_close(p->fcm);
    push_apns_close(p->apns);
    push_expo_close(p->expo);
    pthread_mutex_destroy(&p->lock);
    free(p->ca_file);
    free(p);
    curl_global_cleanup();
}

bool push_has(const push *p, push_service s)
{
    const void *const services[] = {p->web, p->fcm, p->apns, p->expo};

    return (unsigned)s < sizeof(services) / sizeof(services[0]) && services[s] != NULL;
}

const char *push_vapid_public_key(const push *p) { return p->web ? push_web_public_key(p->web) : NULL; }

/* ---- tokens ----------------------------------------------------------------------------------------- */

static bool begins(sio_str s, const char *with)
{
    return s.n >= strlen(with) && memcmp(s.p, with, strlen(with)) == 0;
}

static bool is_expo(sio_str s)
{
    size_t head = begins(s, "ExponentPushToken[") ? 18 : begins(s, "ExpoPushToken[") ? 14 : 0;

    if (!head || s.n < head + 2 || s.n > 150 || s.p[s.n - 1] != ']')
        return false;
    for (size_t i = head; i < s.n - 1; i++) {
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    }
    return true;
}

static bool is_hex(sio_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isxdigit((unsigned char)s.p[i]))
            return false;
    }
    return s.n >= 64 && s.n <= 200 && s.n % 2 == 0;
}

/* FCM documents no form; no token of it has had other characters. */
static bool is_fcm(sio_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isalnum((unsigned char)s.p[i]) && !memchr(":-_.", s.p[i], 4))
            return false;
    }
    return s.n >= 8 && s.n <= 1024;
}

push_service push_service_of(sio_str token, sio_str platform, const push *p)
{
    if (begins(token, "{"))
        return PUSH_WEB;
    if (begins(token, "ExponentPushToken[") || begins(token, "ExpoPushToken["))
        return PUSH_EXPO;
    if (is_hex(token) && sio_str_eq(platform, sio_lit("IOS")) && (!p || p->apns || !p->fcm))
        return PUSH_APNS;
    return PUSH_FCM;
}

bool push_token_is_good(push_service s, sio_str token, const push *p)
{
    push_keys keys;

    switch (s) {
    case PUSH_WEB:
        return push_subscription_read(token, p && p->allow_private, NULL, NULL, &keys);
    case PUSH_FCM:
        return is_fcm(token);
    case PUSH_APNS:
        return is_hex(token);
    case PUSH_EXPO:
        return is_expo(token);
    }
    return false;
}

/* ---- sending ---------------------------------------------------------------------------------------- */

static bool collapse_is_good(sio_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    }
    return s.n <= PUSH_COLLAPSE_MAX;
}

static bool message_is_good(const push *p, const push_message *m, sio_str *data)
{
    *data = (sio_str){"", 0};
    if (m->data.n &&
        (m->data.n > PUSH_TEXT_MAX || !json_valid(m->data, data) || json_kind_of(*data) != JSON_OBJECT))
        return false;
    return m->title.n <= PUSH_TEXT_MAX && m->body.n <= PUSH_TEXT_MAX && m->id.n <= ID_MAX &&
           collapse_is_good(m->collapse) &&
           push_token_is_good(m->service, m->token, p);
}

static sio_str put(char **at, sio_str s)
{
    sio_str copy = {*at, s.n};

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

/* NULL without memory. The id is last: push_done counts on it. */
static push_job *make_job(const push_message *m, sio_str data)
{
    size_t n = m->token.n + m->title.n + m->body.n + data.n + m->collapse.n + m->id.n;
    push_job *j = calloc(1, sizeof(*j) + n);
    char *at;

    if (!j)
        return NULL;
    at = j->text;
    j->m = *m;
    j->m.token = put(&at, m->token);
    j->m.title = put(&at, m->title);
    j->m.body = put(&at, m->body);
    j->m.data = put(&at, data);
    j->m.collapse = put(&at, m->collapse);
    j->m.id = put(&at, m->id);
    j->m.ttl_s = m->ttl_s < 0 ? 0 : m->ttl_s > TTL_MAX_S ? TTL_MAX_S : m->ttl_s;
    j->task = (loop_task){.fn = on_result, .drop = on_drop};
    list_init(&j->link);
    list_init(&j->all);
    return j;
}

int push_send(push *p, const push_message *m, push_fn *fn, void *arg)
{
    loop *l = loop_current();
    push_job *j;
    sio_str data;

    if (!push_has(p, m->service))
        return SIO_ESTATE;
    if (!l || !message_is_good(p, m, &data))
        return SIO_EINVAL;
    if (atomic_fetch_add(&p->under_way, 1) >= p->max) {
        atomic_fetch_sub(&p->under_way, 1);
        return SIO_ELIMIT;
    }
    if (!(j = make_job(m, data))) {
        atomic_fetch_sub(&p->under_way, 1);
        return SIO_ENOMEM;
    }
    j->push = p;
    j->loop = l;
    j->fn = fn;
    j->arg = arg;
    pthread_mutex_lock(&p->lock);
    list_add_tail(&p->incoming, &j->link);
    pthread_mutex_unlock(&p->lock);
    curl_multi_wakeup(p->multi);
    return 0;
}
