/* Answers of the engine path: CORS, cookies, the error table, payloads with compression. */
#include "codec/json.h"
#include "eio/eio_int.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_HEADERS 8192

static const char *const error_text[] = {
    [EIO_ERR_TRANSPORT] = "Transport unknown", [EIO_ERR_SID] = "Session ID unknown",
    [EIO_ERR_METHOD] = "Bad handshake method", [EIO_ERR_REQUEST] = "Bad request",
    [EIO_ERR_FORBIDDEN] = "Forbidden",         [EIO_ERR_PROTOCOL] = "Unsupported protocol version",
};

/* ---- CORS ---- */

static bool origin_is_listed(const eio_cors *c, sio_str origin)
{
    for (const char *const *o = c->origins; o && *o; o++)
        if (sio_str_eq(sio_str_z(*o), origin))
            return true;
    return false;
}

static void put_line(buf *out, const char *name, sio_str value)
{
    buf_puts(out, name);
    buf_add(out, ": ", 2);
    buf_add_str(out, value);
    buf_add(out, "\r\n", 2);
}

static void put_allow_origin(const eio_cors *c, sio_str origin, buf *out)
{
    if (c->any)
        put_line(out, "Access-Control-Allow-Origin", sio_lit("*"));
    else if (c->fixed)
        put_line(out, "Access-Control-Allow-Origin", sio_str_z(c->fixed));
    else if (origin.p && (c->reflect || origin_is_listed(c, origin)))
        put_line(out, "Access-Control-Allow-Origin", origin);
}

void eio_cors_headers(const eio_config *config, const http1_request *head, buf *out)
{
    const eio_cors *c = &config->cors;

    if (!c->enabled)
        return;
    put_allow_origin(c, http1_header_get(head, "origin"), out);
    if (!c->any)
        put_line(out, "Vary", sio_lit("Origin"));
    if (c->credentials)
        put_line(out, "Access-Control-Allow-Credentials", sio_lit("true"));
    if (c->exposed_headers)
        put_line(out, "Access-Control-Expose-Headers", sio_str_z(c->exposed_headers));
}

static void put_preflight_vary(const eio_cors *c, buf *out)
{
    bool echo = !c->allowed_headers;

    if (!c->any && echo)
        put_line(out, "Vary", sio_lit("Origin, Access-Control-Request-Headers"));
    else if (!c->any)
        put_line(out, "Vary", sio_lit("Origin"));
    else if (echo)
        put_line(out, "Vary", sio_lit("Access-Control-Request-Headers"));
}

static void put_preflight_lists(const eio_cors *c, const http1_request *head, buf *out)
{
    sio_str asked = http1_header_get(head, "access-control-request-headers");

    put_line(out, "Access-Control-Allow-Methods",
             sio_str_z(c->methods ? c->methods : "GET,HEAD,PUT,PATCH,POST,DELETE"));
    if (c->allowed_headers)
        put_line(out, "Access-Control-Allow-Headers", sio_str_z(c->allowed_headers));
    else if (asked.n)
        put_line(out, "Access-Control-Allow-Headers", asked);
    if (c->max_age)
        buf_printf(out, "Access-Control-Max-Age: %d\r\n", c->max_age);
    if (c->exposed_headers)
        put_line(out, "Access-Control-Expose-Headers", sio_str_z(c->exposed_headers));
}

void eio_reply_preflight(eio_server *e, http_req *r)
{
    const eio_cors *c = &e->config->cors;
    buf out;

    buf_init(&out, MAX_HEADERS);
    put_allow_origin(c, http1_header_get(r->head, "origin"), &out);
    put_preflight_vary(c, &out);
    if (c->credentials)
        put_line(&out, "Access-Control-Allow-Credentials", sio_lit("true"));
    put_preflight_lists(c, r->head, &out);
    buf_puts(&out, "Content-Length: 0\r\n");
    http_reply(r, 204, buf_str(&out), (sio_str){0});
    buf_fini(&out);
}

/* ---- headers every answer carries ---- */

static void put_cookie(const eio_cookie *k, const eio_session *s, buf *out)
{
    buf_printf(out, "Set-Cookie: %s=%.*s", k->name, EIO_SID_LEN, s->sid);
    if (k->max_age)
        buf_printf(out, "; Max-Age=%d", k->max_age);
    if (k->domain)
        buf_printf(out, "; Domain=%s", k->domain);
    if (k->path)
        buf_printf(out, "; Path=%s", k->path);
    if (k->http_only)
        buf_puts(out, "; HttpOnly");
    if (k->secure)
        buf_puts(out, "; Secure");
    if (k->same_site)
        buf_printf(out, "; SameSite=%s", k->same_site);
    buf_puts(out, "\r\n");
}

/* Old Internet Explorer mistakes polled text for a reflected script unless told otherwise. */
static bool is_internet_explorer(const http1_request *head)
{
    sio_str ua = http1_header_get(head, "user-agent");

    return ua.n && (memmem(ua.p, ua.n, ";MSIE", 5) || memmem(ua.p, ua.n, "Trident/", 8));
}

void eio_upgrade_headers(eio_server *e, http_req *r, bool initial, buf *out)
{
    eio_cors_headers(e->config, r->head, out);
    if (e->config->on_headers)
        e->config->on_headers(e->ctx, r, initial, out);
}

static void put_common(eio_server *e, http_req *r, bool initial, buf *out)
{
    if (is_internet_explorer(r->head))
        buf_puts(out, "X-XSS-Protection: 0\r\n");
    buf_puts(out, "cache-control: no-store\r\n");
    eio_upgrade_headers(e, r, initial, out);
}

void eio_reply(eio_server *e, http_req *r, int status, const char *type, sio_str body)
{
    buf out;

    buf_init(&out, MAX_HEADERS);
    if (type) {
        put_line(&out, "Content-Type", sio_str_z(type));
        put_common(e, r, false, &out);
    } else { /* a bare status, as the reference writes it */
        eio_upgrade_headers(e, r, false, &out);
    }
    http_reply(r, status, buf_str(&out), body);
    buf_fini(&out);
}

/* ---- errors ---- */

/* A refused upgrade is answered with bare text and always 400; the HTTP floor ends such a connection. */
static void refuse_upgrade(http_req *r, sio_str message)
{
    http_reply(r, 400, sio_lit("Content-type: text/html\r\n"), message);
}

void eio_reply_error(eio_server *e, http_req *r, enum eio_error code, const char *message)
{
    sio_str text = sio_str_z(message ? message : error_text[code]);
    buf body, headers;

    if (e->config->on_error)
        e->config->on_error(e->ctx, r, code, text.p);
    if (eio_is_upgrade(e, r)) {
        refuse_upgrade(r, text);
        return;
    }
    buf_init(&body, 64 + 6 * text.n);
    buf_init(&headers, MAX_HEADERS);
    buf_printf(&body, "{\"code\":%d,\"message\":", (int)code);
    json_quote(&body, text);
    buf_putc(&body, '}');
    buf_puts(&headers, "Content-Type: application/json\r\n");
    eio_upgrade_headers(e, r, false, &headers);
    http_reply(r, code == EIO_ERR_FORBIDDEN ? 403 : 400, buf_str(&headers), buf_str(&body));
    buf_fini(&headers);
    buf_fini(&body);
}

/* ---- poll answers ---- */

/* 0 = as it is, 1 = gzip, 2 = deflate */
static int encoding_for(const eio_server *e, const http_req *r, size_t n)
{
    sio_str accept = http1_header_get(r->head, "accept-encoding");

    if (!e->config->compression_threshold || n < e->config->compression_threshold || !accept.n)
        return 0;
    if (http1_has_token(accept, "gzip"))
        return 1;
    return http1_has_token(accept, "deflate") ? 2 : 0;
}

static void reply_body(eio_server *e, http_req *r, buf *headers, sio_str body, bool compress)
{
    int encoding = compress ? encoding_for(e, r, body.n) : 0;
    buf packed;

    buf_init(&packed, body.n + 1024);
    if (encoding && http_compress(body, encoding == 1, &packed) == 0) {
        put_line(headers, "Content-Encoding", encoding == 1 ? sio_lit("gzip") : sio_lit("deflate"));
        body = buf_str(&packed);
    }
    http_reply(r, 200, buf_str(headers), body);
    buf_fini(&packed);
}

void eio_reply_payload(eio_server *e, http_req *r, const eio_session *s, bool initial, sio_str payload)
{
    buf headers, script;

    buf_init(&headers, MAX_HEADERS);
    buf_puts(&headers, "Content-Type: text/plain; charset=UTF-8\r\n");
    if (initial && e->config->cookie.name)
        put_cookie(&e->config->cookie, s, &headers);
    put_common(e, r, initial, &headers);
    if (s->flags & EIO_F_JSONP) {
        buf_init(&script, payload.n * 6 + 64);
        if (eio_jsonp_encode(sio_str_z(s->poll->jsonp), payload, &script) == 0)
            reply_body(e, r, &headers, buf_str(&script), s->poll->compress);
        else
            http_drop(r);
        buf_fini(&script);
    } else {
        reply_body(e, r, &headers, payload, s->poll->compress);
    }
    buf_fini(&headers);
}
