/* FCM HTTP v1. The access token is fetched by one request, whoever waits for it; while one is still good for
 * a while messages go out with it and its successor is fetched beside them. */
#include "base/base64.h"
#include "codec/json.h"
#include "push/push_int.h"
#include "push/service_url.h"

#include <stdio.h>
#include <stdlib.h>

#define SCOPE       "https://www.googleapis.com/auth/firebase.messaging"
#define GRANT       "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
#define BASE        "https://fcm.googleapis.com"
#define TOKEN_URI   "https://oauth2.googleapis.com/token"
#define EARLY_MS    300000          /* a new token is fetched so long before the end of the old one */
#define LAST_MS     30000           /* and the old one is not used any more */
#define ACCESS_MAX  4096
#define CLAIMS_MAX  4096

struct push_fcm {
    EVP_PKEY *key;
    char     *email, *key_id, *token_uri, *url;
    char      access[ACCESS_MAX + 1]; /* "": none */
    unsigned  generation;           /* of access */
    int64_t   made_ms, ends_ms;
    bool      fetching, proved;     /* proved: the service has taken a message of this project */
    list      waiting;              /* jobs */
};

/* ---- the account ------------------------------------------------------------------------------------ */

static char *member(sio_str object, const char *name)
{
    sio_str raw;
    char *text;

    if (!json_get(object, sio_str_z(name), &raw) || json_kind_of(raw) != JSON_STRING)
        return NULL;
    if (!(text = calloc(1, raw.n + 1)))
        abort();
    json_unescape(raw, text);
    return text;
}

static bool is_word(const char *s)
{
    return s && *s && strlen(s) <= 255 &&
           s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@:")] == 0;
}

static const char *account_read(push_fcm *f, sio_str text, const char *base)
{
    sio_str account;
    char *project, *pem;
    const char *fault = NULL;

    if (!json_valid(text, &account) || json_kind_of(account) != JSON_OBJECT)
        return "not the JSON of a service account";
    f->email = member(account, "client_email");
    f->key_id = member(account, "private_key_id");
    f->token_uri = member(account, "token_uri");
    project = member(account, "project_id");
    pem = member(account, "private_key");
    if (!f->token_uri)
        f->token_uri = push_strdup(TOKEN_URI);
    if (!is_word(f->email) || !is_word(project))
        fault = "client_email or project_id is missing";
    else if (f->key_id && !is_word(f->key_id))
        fault = "private_key_id is not a word";
    else if (service_url_fault(f->token_uri, true))
        fault = "token_uri is not an https:// URL";
    else if (!pem || push_key_read(&f->key, sio_str_z(pem), EVP_PKEY_RSA) < 0)
        fault = "private_key is not an RSA key in PEM";
    else if (asprintf(&f->url, "%s/v1/projects/%s/messages:send", base, project) < 0)
        abort();
    if (pem)
        explicit_bzero(pem, strlen(pem));
    free(pem);
    free(project);
    return fault;
}

int push_fcm_open(push_fcm **out, const push_options *o, char *err, size_t nerr)
{
    const char *base = o->fcm_url ? o->fcm_url : BASE, *fault = service_url_fault(base, true);
    push_fcm *f;
    char *text;

    if (!o->fcm_account_file)
        return 0;
    if (fault) {
        snprintf(err, nerr, "PUSH_FCM_URL: %s", fault);
        return SIO_EINVAL;
    }
    if (!(text = push_read_file("PUSH_FCM_ACCOUNT_FILE", o->fcm_account_file, err, nerr)))
        return SIO_EIO;
    if (!(f = calloc(1, sizeof(*f))))
        abort();
    list_init(&f->waiting);
    fault = account_read(f, sio_str_z(text), base);
    explicit_bzero(text, strlen(text));
    free(text);
    if (fault) {
        snprintf(err, nerr, "PUSH_FCM_ACCOUNT_FILE: %s", fault);
        push_fcm_close(f);
        return SIO_EINVAL;
    }
    *out = f;
    return 0;
}

void push_fcm_close(push_fcm *f)
{
    if (!f)
        return;
    EVP_PKEY_free(f->key);
    free(f->email);
    free(f->key_id);
    free(f->token_uri);
    free(f->url);
    explicit_bzero(f->access, sizeof(f->access));
    free(f);
}

/* ---- sending ---------------------------------------------------------------------------------------- */

static void deliver(push *p, push_job *j);
static void send_or_wait(push *p, push_job *j);

/* The service will not have the token that the job was sent with: forget it, unless there is a
 * newer one already. */
static bool try_again(push *p, push_job *j)
{
    push_fcm *f = p->fcm;

    if (j->again)
        return false;
    j->again = true;
    if (j->key == f->generation)
        f->access[0] = 0;
    send_or_wait(p, j);
    return true;
}

static void on_sent(push_call *c)
{
    push_job *j = c->arg;
    push_fcm *f = c->push->fcm;
    push_verdict v;

    if (!push_call_failed(c, &v)) {
        v = push_answer_fcm(c->status, buf_str(&c->answer));
        if (v.old_token && try_again(c->push, j))
            return;
        if (v.outcome == PUSH_GONE && v.mix_up && !f->proved)
            v.outcome = PUSH_MISCONFIGURED;
        f->proved = f->proved || v.outcome == PUSH_DELIVERED;
    }
    push_done(j, &v, c);
}

static void deliver(push *p, push_job *j)
{
    static const push_verdict large = {.outcome = PUSH_REFUSED, .reason = "too large"};
    push_fcm *f = p->fcm;
    push_call *c = push_call_new(p, f->url, on_sent, j);

    if (push_body_fcm(&c->sent, &j->m, push_wall_s()) < 0) {
        push_call_free(c);
        push_done(j, &large, NULL);
        return;
    }
    j->key = f->generation;
    push_call_header(c, "Content-Type: application/json");
    push_call_header(c, "Authorization: Bearer %s", f->access);
    push_call_start(c);
}

/* ---- the access token ------------------------------------------------------------------------------- */

static int add_assertion(buf *out, const push_fcm *f, int64_t now_s)
{
    char header[400];
    buf claims;
    int err;

    snprintf(header, sizeof(header),
             f->key_id ? "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}"
                       : "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
             f->key_id);
    buf_init(&claims, CLAIMS_MAX);
    if ((err = buf_printf(&claims, "{\"iss\":\"%s\",\"scope\":\"" SCOPE "\",\"aud\":", f->email)) == 0 &&
        (err = json_quote(&claims, sio_str_z(f->token_uri))) == 0 &&
        (err = buf_printf(&claims, ",\"iat\":%lld,\"exp\":%lld}", (long long)now_s,
                          (long long)now_s + 3600)) == 0)
        err = push_jwt(out, f->key, sio_str_z(header), buf_str(&claims));
    buf_fini(&claims);
    return err;
}

/* Those who wait go on with the token, or end as the request for it did. */
static void release(push *p, const push_verdict *v, const push_call *c)
{
    list waiting;

    list_init(&waiting);
    list_each (it, &p->fcm->waiting) {
        list_del(it);
        list_add_tail(&waiting, it);
    }
    list_each (it, &waiting) {
        list_del(it);
        if (v->outcome == PUSH_DELIVERED)
            deliver(p, container_of(it, push_job, link));
        else
            push_done(container_of(it, push_job, link), v, c);
    }
}

static void on_token(push_call *c)
{
    push_fcm *f = c->push->fcm;
    int64_t life_s = 0;
    push_verdict v;
    sio_str token;

    f->fetching = false;
    if (!push_call_failed(c, &v))
        v = push_answer_oauth(c->status, buf_str(&c->answer), &token, &life_s);
    if (v.outcome == PUSH_DELIVERED && token.n > ACCESS_MAX)
        v = (push_verdict){.outcome = PUSH_LATER, .retry_ms = -1,
                           .reason = "no proper answer for an access token"};
    if (v.outcome == PUSH_DELIVERED) {
        snprintf(f->access, sizeof(f->access), "%.*s", (int)token.n, token.p);
        f->generation++;
        f->made_ms = push_now_ms();
        f->ends_ms = f->made_ms + life_s * 1000;
    }
    if (c->answer.p)
        explicit_bzero(c->answer.p, c->answer.n);
    release(c->push, &v, c);
}

static void fetch(push *p)
{
    static const push_verdict broken = {.outcome = PUSH_MISCONFIGURED,
                                        .reason = "the account's key cannot sign"};
    push_fcm *f = p->fcm;
    push_call *c;

    if (f->fetching)
        return;
    c = push_call_new(p, f->token_uri, on_token, NULL);
    if (buf_puts(&c->sent, GRANT) < 0 || add_assertion(&c->sent, f, push_wall_s()) < 0) {
        push_call_free(c);
        release(p, &broken, NULL);
        return;
    }
    f->fetching = true;
    push_call_header(c, "Content-Type: application/x-www-form-urlencoded");
    push_call_start(c);
}

/* A token that lives for a moment only (tests, odd services) is used for half of it. */
static int64_t left_of(const push_fcm *f, int64_t now_ms, int64_t spare_ms)
{
    int64_t half_ms = (f->ends_ms - f->made_ms) / 2;

    return f->ends_ms - (spare_ms < half_ms ? spare_ms : half_ms) - now_ms;
}

static void send_or_wait(push *p, push_job *j)
{
    push_fcm *f = p->fcm;
    int64_t now_ms = push_now_ms();
    bool good = f->access[0] && left_of(f, now_ms, LAST_MS) > 0, old = !good ||
                left_of(f, now_ms, EARLY_MS) <= 0;

    if (good)
        deliver(p, j);
    else
        list_add_tail(&f->waiting, &j->link);
    if (old)
        fetch(p);
}

void push_fcm_send(push *p, push_job *j) { send_or_wait(p, j); }
