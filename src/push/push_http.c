#include "push/push_address.h"
#include "push/push_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS 10000
#define HEADER_MAX 8192

/* ---- callbacks -------------------------------------------------------------------------------------- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    push_call *c = arg;

    (void)size; /* always 1 */
    if (buf_add(&c->answer, p, n) == 0)
        return n;
    c->is_overlong = true; /* the status still counts, the rest of the body does not come */
    return CURL_WRITEFUNC_ERROR;
}

/* The address that was resolved, right before it is connected to: a name that changes between two look-ups
 * gains nothing. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    push_call *c = arg;

    (void)purpose;
    if (!push_address_is_public(&a->addr, a->addrlen)) {
        c->hit_guard = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* A connection that is there already, made without a guard for a service of ours, must not be
 * taken either. */
static int on_request(void *arg, char *peer, char *own, int peer_port, int own_port)
{
    push_call *c = arg;

    (void)own, (void)peer_port, (void)own_port;
    if (push_address_text_is_public(peer))
        return CURL_PREREQFUNC_OK;
    c->hit_guard = true;
    return CURL_PREREQFUNC_ABORT;
}

/* ---- making one ------------------------------------------------------------------------------------- */

static void set_options(push_call *c, const char *url)
{
    CURL *h = c->easy;

    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_POST, 1L);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https,http"); /* who gives URLs out has checked them */
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(h, CURLOPT_PIPEWAIT, 1L); /* rather another stream than another connection */
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)c->push->timeout_ms);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_USERAGENT, "partyline");
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(h, CURLOPT_PRIVATE, c);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L); /* push_free does not wait for a name server */
#endif
    if (c->push->ca_file)
        curl_easy_setopt(h, CURLOPT_CAINFO, c->push->ca_file);
    if (strncasecmp(url, "http:", 5) == 0) /* this machine; the environment's proxy is another */
        curl_easy_setopt(h, CURLOPT_PROXY, "");
}

push_call *push_call_new(push *p, const char *url, void (*done)(push_call *c), void *arg)
{
    push_call *c = calloc(1, sizeof(*c));

    if (!c || !(c->easy = curl_easy_init()))
        abort();
    list_init(&c->link);
    c->push = p;
    c->done = done;
    c->arg = arg;
    c->retry_ms = -1;
    buf_init(&c->sent, 128 * PUSH_TEXT_MAX);
    buf_init(&c->answer, PUSH_ANSWER_MAX);
    set_options(c, url);
    return c;
}

void push_call_header(push_call *c, const char *fmt, ...)
{
    char line[HEADER_MAX];
    struct curl_slist *longer;
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(line) || !(longer = curl_slist_append(c->headers, line)))
        abort(); /* every part of a header has a maximum far below */
    c->headers = longer;
}

void push_call_guard(push_call *c)
{
    c->is_guarded = true;
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c->easy, CURLOPT_PROXY, ""); /* behind a proxy nobody would see the address */
    curl_easy_setopt(c->easy, CURLOPT_NOPROXY, "*");
    if (c->push->allow_private)
        return;
    curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(c->easy, CURLOPT_PREREQDATA, c);
}

void push_call_free(push_call *c)
{
    list_del(&c->link);
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    if (c->sent.p)
        explicit_bzero(c->sent.p, c->sent.n); /* contents, or a signed request for a token */
    buf_fini(&c->sent);
    buf_fini(&c->answer);
    free(c->owned);
    free(c);
}

void push_call_start(push_call *c)
{
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->sent.n ? c->sent.p : "");
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, (long)c->sent.n);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    if (curl_multi_add_handle(c->push->multi, c->easy) != CURLM_OK)
        abort(); /* without memory, or a handle added twice */
    list_add_tail(&c->push->calls, &c->link);
}

/* ---- its end ---------------------------------------------------------------------------------------- */

static push_verdict not_now(const char *reason)
{
    return (push_verdict){.outcome = PUSH_LATER, .retry_ms = -1, .reason = reason};
}

bool push_call_failed(const push_call *c, push_verdict *v)
{
    if (c->code == CURLE_OK || (c->is_overlong && c->status))
        return false;
    *v = not_now("the connection broke");
    if (c->hit_guard) {
        /* Not the token's fault for certain: a name server that lies must not cost all subscriptions. */
        *v = (push_verdict){.outcome = PUSH_REFUSED, .retry_ms = -1,
                            .reason = "the endpoint is at an address that is not public"};
    } else if (c->code == CURLE_COULDNT_RESOLVE_HOST) {
        v->reason = "the host's name cannot be resolved";
    } else if (c->code == CURLE_COULDNT_CONNECT) {
        v->reason = "no connection";
    } else if (c->code == CURLE_OPERATION_TIMEDOUT) {
        v->reason = "no answer in time";
    } else if (c->code == CURLE_PEER_FAILED_VERIFICATION || c->code == CURLE_SSL_CACERT_BADFILE) {
        v->outcome = c->is_guarded ? PUSH_LATER : PUSH_MISCONFIGURED;
        v->reason = "the certificate cannot be verified";
    }
    return true;
}

static void finish(push_call *c, CURLcode code)
{
    curl_off_t wait_s = 0;

    c->code = code;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->status);
    if (curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &wait_s) == CURLE_OK && wait_s > 0)
        c->retry_ms = wait_s < PUSH_WAIT_MAX_MS / 1000 ? (int64_t)wait_s * 1000 : PUSH_WAIT_MAX_MS;
    if (c->is_overlong)
        c->answer.n = 0;
    curl_multi_remove_handle(c->push->multi, c->easy);
    c->done(c);
    push_call_free(c);
}

void push_calls_reap(push *p)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(p->multi, &left)) != NULL) {
        char *c = NULL;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &c);
        finish((push_call *)(void *)c, msg->data.result);
    }
}
