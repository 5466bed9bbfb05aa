/* APNs with token authentication. Until a connection has seen a good provider token the service allows one
 * stream on it: so one message goes first, and the others follow when it is answered. */
#include "push/push_int.h"
#include "push/service_url.h"

#include <stdio.h>
#include <stdlib.h>

#define HOST         "https://api.push.apple.com"
#define SANDBOX_HOST "https://api.sandbox.push.apple.com"
/* Between the 20 minutes before which a new token is refused, and the 60 of its life. */
#define RENEW_S      2400
#define LEAST_S      1200
#define COLD_MS      300000         /* a connection that was quiet for so long may be another by now */
#define JWT_MAX      1024

struct push_apns {
    EVP_PKEY *key;
    char     *key_id, *team_id, *topic, *base;
    buf       jwt;
    int64_t   made_s;
    unsigned  generation;           /* of jwt */
    int64_t   forced_s;             /* when one was made because the service wanted it; 0: never */
    push_job *first;                /* the message that is alone on its connection, or NULL */
    bool      proved;               /* the service has known a device's token with these settings */
    int64_t   warm_ms;              /* when the last answer came; 0: no connection that we know of */
    list      waiting;              /* jobs */
};

/* ---- life ------------------------------------------------------------------------------------------- */

static bool is_word(const char *s, size_t max)
{
    return s && *s && strlen(s) <= max &&
           s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] == 0;
}

static const char *options_fault(const push_options *o, const char *base)
{
    if (!is_word(o->apns_key_id, 64))
        return "PUSH_APNS_KEY_ID: the id of the key, 10 letters and digits, is missing";
    if (!is_word(o->apns_team_id, 64))
        return "PUSH_APNS_TEAM_ID: the id of the team, 10 letters and digits, is missing";
    if (!is_word(o->apns_topic, 255))
        return "PUSH_APNS_TOPIC: the bundle id of the app is missing";
    return service_url_fault(base, true) ? "PUSH_APNS_URL: must be an https:// URL" : NULL;
}

int push_apns_open(push_apns **out, const push_options *o, char *err, size_t nerr)
{
    const char *base = o->apns_url ? o->apns_url : o->apns_sandbox ? SANDBOX_HOST : HOST, *fault;
    push_apns *a;
    int rc;

    if (!o->apns_key_file)
        return 0;
    if ((fault = options_fault(o, base)) != NULL) {
        snprintf(err, nerr, "%s", fault);
        return SIO_EINVAL;
    }
    if (!(a = calloc(1, sizeof(*a))))
        abort();
    list_init(&a->waiting);
    buf_init(&a->jwt, JWT_MAX);
    a->key_id = push_strdup(o->apns_key_id);
    a->team_id = push_strdup(o->apns_team_id);
    a->topic = push_strdup(o->apns_topic);
    a->base = push_strdup(base);
    rc = push_read_key(&a->key, "PUSH_APNS_KEY_FILE", o->apns_key_file, err, nerr);
    if (rc < 0) {
        push_apns_close(a);
        return rc;
    }
    *out = a;
    return 0;
}

void push_apns_close(push_apns *a)
{
    if (!a)
        return;
    EVP_PKEY_free(a->key);
    buf_fini(&a->jwt);
    free(a->key_id);
    free(a->team_id);
    free(a->topic);
    free(a->base);
    free(a);
}

/* ---- the provider token ----------------------------------------------------------------------------- */

static void renew(push_apns *a, int64_t now_s)
{
    char header[128], claims[128];

    a->jwt.n = 0;
    a->made_s = now_s;
    a->generation++;
    snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", a->key_id);
    snprintf(claims, sizeof(claims), "{\"iss\":\"%s\",\"iat\":%lld}", a->team_id, (long long)now_s);
    if (push_jwt(&a->jwt, a->key, sio_str_z(header), sio_str_z(claims)) < 0 || buf_putc(&a->jwt, 0) < 0)
        a->jwt.n = 0; /* the service will say that there is none */
}

const char *push_apns_token(push_apns *a, int64_t now_s)
{
    if (!a->jwt.n || now_s - a->made_s >= RENEW_S || now_s < a->made_s)
        renew(a, now_s);
    return a->jwt.n ? a->jwt.p : "";
}

unsigned push_apns_generation(const push_apns *a) { return a->generation; }

/* A token younger than 20 minutes that has expired says that clocks differ or were set: one new token may
 * help, more would be too many for the service. */
bool push_apns_refused(push_apns *a, unsigned key, int64_t now_s)
{
    if (key != a->generation)
        return true; /* there is a newer one already */
    if (a->forced_s && now_s - a->forced_s < LEAST_S && now_s >= a->forced_s)
        return false;
    a->forced_s = now_s;
    renew(a, now_s);
    return true;
}

/* ---- sending ---------------------------------------------------------------------------------------- */

static bool try_again(push *p, push_job *j)
{
    if (j->again || !push_apns_refused(p->apns, j->key, push_wall_s()))
        return false;
    j->again = true;
    list_add_tail(&p->apns->waiting, &j->link);
    return true;
}

/* All that wait go, or the first of them when the connection is not known to be good. */
static void go_on(push *p)
{
    push_apns *a = p->apns;

    while (!a->first && !list_empty(&a->waiting)) {
        push_job *j = container_of(a->waiting.next, push_job, link);

        list_del(&j->link);
        push_apns_send(p, j);
    }
}

static void on_sent(push_call *c)
{
    push_job *j = c->arg;
    push *p = c->push;
    push_apns *a = p->apns;
    push_verdict v;
    bool failed = push_call_failed(c, &v), again = false;

    if (a->first == j)
        a->first = NULL;
    if (!failed) {
        v = push_answer_apns(c->status, buf_str(&c->answer));
        again = v.old_token && try_again(p, j);
        a->proved = a->proved || v.outcome == PUSH_DELIVERED || c->status == 410;
        if (v.outcome == PUSH_GONE && v.mix_up && !a->proved)
            v.outcome = PUSH_MISCONFIGURED;
    }
    a->warm_ms = failed || v.outcome == PUSH_MISCONFIGURED ? 0 : push_now_ms();
    if (!again)
        push_done(j, &v, c);
    go_on(p);
}

static void add_headers(push_call *c, push_apns *a, const push_message *m)
{
    int64_t now_s = push_wall_s();
    char id[PUSH_UUID + 1];

    push_uuid(id, m->id);
    push_call_header(c, "authorization: bearer %s", push_apns_token(a, now_s));
    push_call_header(c, "content-type: application/json");
    push_call_header(c, "apns-topic: %s", a->topic);
    push_call_header(c, "apns-push-type: alert");
    push_call_header(c, "apns-priority: %d", m->urgent ? 10 : 5);
    push_call_header(c, "apns-expiration: %lld", (long long)(m->ttl_s ? now_s + m->ttl_s : 0));
    if (m->id.n)
        push_call_header(c, "apns-id: %s", id);
    if (m->collapse.n)
        push_call_header(c, "apns-collapse-id: %.*s", (int)m->collapse.n, m->collapse.p);
}

static void deliver(push *p, push_job *j)
{
    static const push_verdict large = {.outcome = PUSH_REFUSED, .reason = "too large"};
    push_apns *a = p->apns;
    push_call *c;
    char url[512];

    snprintf(url, sizeof(url), "%s/3/device/%.*s", a->base, (int)j->m.token.n, j->m.token.p);
    c = push_call_new(p, url, on_sent, j);
    if (push_body_apns(&c->sent, &j->m) < 0) {
        push_call_free(c);
        push_done(j, &large, NULL);
        return;
    }
    add_headers(c, a, &j->m);
    j->key = a->generation;
    if (!a->warm_ms)
        a->first = j;
    push_call_start(c);
}

void push_apns_send(push *p, push_job *j)
{
    push_apns *a = p->apns;

    if (a->warm_ms && push_now_ms() - a->warm_ms > COLD_MS)
        a->warm_ms = 0;
    if (a->first)
        list_add_tail(&a->waiting, &j->link);
    else
        deliver(p, j);
}
