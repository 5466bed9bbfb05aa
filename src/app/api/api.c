/* The edge to HTTP: who may, the body, the reply. */
#include "app/api/api.h"
#include "app/api/api_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define JSON_HEADERS "Content-Type: application/json\r\nCache-Control: no-store\r\n"

static void reply_refusal(sio_request *r, int status, const char *headers, const char *message)
{
    char head[256], body[256];

    snprintf(head, sizeof(head), JSON_HEADERS "%s", headers);
    snprintf(body, sizeof(body), "{\"success\":false,\"message\":\"%s\",\"errors\":[]}", message);
    sio_reply(r, status, sio_str_z(head), sio_str_z(body));
}

/* ---- who may ---------------------------------------------------------------------------------------- */

/* Takes as long for every key of that length. */
static bool key_equals(sio_str given, sio_str key)
{
    unsigned char differ = given.n != key.n;

    for (size_t i = 0; i < given.n; i++)
        differ |= (unsigned char)(given.p[i] ^ key.p[i % key.n]);
    return !differ;
}

static bool is_allowed(const app *a, sio_request *r)
{
    sio_str h = sio_request_header(r, "authorization");

    if (h.n < 7 || strncasecmp(h.p, "Bearer ", 7) != 0)
        return false;
    return key_equals((sio_str){h.p + 7, h.n - 7}, sio_str_z(a->opt.api_key));
}

/* ---- replies ---------------------------------------------------------------------------------------- */

/* A request whose answer is being made; r is NULL once the client has gone. */
typedef struct exchange {
    sio_request *r;
} exchange;

static void on_client_gone(void *arg) { ((exchange *)arg)->r = NULL; }

static void on_answer(api_call *k, void *arg)
{
    exchange *x = arg;
    char headers[400];

    if (x->r && !k) { /* with the end of the server r has gone */
        sio_reply(x->r, 500, sio_lit(""), sio_lit(""));
    } else if (x->r) {
        snprintf(headers, sizeof(headers), JSON_HEADERS "%s%s", k->headers,
                 k->replayed ? "Idempotent-Replayed: true\r\n" : "");
        sio_reply(x->r, k->status, sio_str_z(headers), buf_str(&k->answer));
    }
    free(x);
}

static void request_read(sio_request *r, sio_str body, api_request *q)
{
    sio_str path = sio_request_path(r), query = sio_request_query(r);

    *q = (api_request){
        .method = sio_request_method(r), .body = body, .key = sio_request_header(r, "idempotency-key")};
    q->target = (sio_str){path.p + strlen(API_PREFIX), path.n - strlen(API_PREFIX)};
    if (query.n) /* it stands behind the path, in one text */
        q->target.n = (size_t)(query.p + query.n - q->target.p);
}

static void request_go(sio_request *r, sio_str body)
{
    exchange *x = calloc(1, sizeof(*x));
    api_request q;

    if (!x) {
        sio_reply(r, 500, sio_lit(""), sio_lit(""));
        return;
    }
    if (sio_request_keep(r, on_client_gone, x) < 0) {
        free(x);
        return;
    }
    x->r = r;
    request_read(r, body, &q);
    api_go(sio_context(sio_request_server(r)), &q, false, on_answer, x);
}

/* ---- requests --------------------------------------------------------------------------------------- */

static void on_body(sio_request *r, int err, sio_str body)
{
    if (err < 0)
        reply_refusal(r, 413, "", "The body is too large");
    else
        request_go(r, body);
}

static bool is_json(sio_str type)
{
    return type.n >= 16 && strncasecmp(type.p, "application/json", 16) == 0 &&
           (type.n == 16 || type.p[16] == ';' || type.p[16] == ' ');
}

static bool key_fits(sio_str key)
{
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] <= ' ' || key.p[i] > '~')
            return false;
    }
    return key.n <= API_KEY_MAX && (!key.p || key.n > 0);
}

static bool has_body(sio_request *r)
{
    sio_str length = sio_request_header(r, "content-length");

    return sio_request_header(r, "transfer-encoding").p || (length.n && !sio_str_eq(length, sio_lit("0")));
}

static void on_request(void *arg, sio_request *r)
{
    const app *a = arg;
    sio_str type = sio_request_header(r, "content-type"), path = sio_request_path(r);

    if (path.n > strlen(API_PREFIX) && path.p[strlen(API_PREFIX)] != '/')
        sio_reply(r, 404, sio_lit(""), sio_lit(""));
    else if (!is_allowed(a, r))
        reply_refusal(r, 401, "WWW-Authenticate: Bearer\r\n",
                      "The header Authorization: Bearer KEY is missing or wrong");
    else if (!key_fits(sio_request_header(r, "idempotency-key")))
        reply_refusal(r, 400, "", "Idempotency-Key must be 1 to 128 visible ASCII characters");
    else if (!has_body(r))
        request_go(r, sio_lit(""));
    else if (!is_json(type))
        reply_refusal(r, 415, "", "The body must be application/json");
    else
        sio_request_body(r, (size_t)a->opt.api_max_body, on_body);
}

int api_attach(app *a)
{
    int err = api_calls_new(a);

    return err < 0 || !a->opt.api_key ? err : sio_http(a->io, API_PREFIX, false, on_request, a);
}

void api_fini(app *a) { api_calls_free(a); }
