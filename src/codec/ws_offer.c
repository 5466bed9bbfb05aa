/* Sec-WebSocket-Extensions: offers in, the answer out. */
#include "codec/ws_deflate.h"
#include "sio_err.h"

#include <stdio.h>

/* What is left of the header. */
typedef struct cursor {
    const char *p, *end;
} cursor;

/* One parameter; has_value tells "a" from "a=". */
typedef struct param {
    sio_str name, value;
    bool    has_value;
} param;

/* ---- the grammar of RFC 6455 9.1 ---- */

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_blanks(cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
        c->p++;
}

/* Takes the separator, with the blanks around it, when it comes next. */
static bool take(cursor *c, char separator)
{
    skip_blanks(c);
    if (c->p == c->end || *c->p != separator)
        return false;
    c->p++;
    skip_blanks(c);
    return true;
}

/* Empty when there is none. */
static sio_str take_token(cursor *c)
{
    const char *start = c->p;

    while (c->p < c->end && is_token_char(*c->p))
        c->p++;
    return (sio_str){start, (size_t)(c->p - start)};
}

/* What stands between the quotes must be a token once its backslashes are taken off. None of RFC 7692's
 * values needs one: such a value is read as an empty one, which nothing takes. */
static bool take_quoted(cursor *c, sio_str *value)
{
    const char *start = ++c->p;
    bool plain = true;

    while (c->p < c->end && *c->p != '"') {
        if (*c->p == '\\') {
            plain = false;
            c->p++;
        }
        if (c->p == c->end || !is_token_char(*c->p))
            return false;
        c->p++;
    }
    *value = (sio_str){start, plain ? (size_t)(c->p - start) : 0};
    return c->p < c->end && c->p++ > start;
}

static bool take_value(cursor *c, sio_str *value)
{
    if (c->p < c->end && *c->p == '"')
        return take_quoted(c, value);
    *value = take_token(c);
    return value->n > 0;
}

static bool take_param(cursor *c, param *out)
{
    *out = (param){.name = take_token(c)};
    if (!out->name.n)
        return false;
    out->has_value = take(c, '=');
    return !out->has_value || take_value(c, &out->value);
}

/* ---- RFC 7692 7.1 ---- */

enum { SERVER_NO_TAKEOVER = 1, CLIENT_NO_TAKEOVER = 2, SERVER_BITS = 4, CLIENT_BITS = 8 };

static unsigned param_of(sio_str name)
{
    if (sio_str_eq(name, sio_lit("server_no_context_takeover")))
        return SERVER_NO_TAKEOVER;
    if (sio_str_eq(name, sio_lit("client_no_context_takeover")))
        return CLIENT_NO_TAKEOVER;
    if (sio_str_eq(name, sio_lit("server_max_window_bits")))
        return SERVER_BITS;
    return sio_str_eq(name, sio_lit("client_max_window_bits")) ? CLIENT_BITS : 0;
}

/* 8 to 15 without a leading zero; 0 for anything else. */
static uint8_t bits_of(sio_str v)
{
    if (v.n == 1 && (v.p[0] == '8' || v.p[0] == '9'))
        return (uint8_t)(v.p[0] - '0');
    return v.n == 2 && v.p[0] == '1' && v.p[1] >= '0' && v.p[1] <= '5' ? (uint8_t)(10 + v.p[1] - '0') : 0;
}

/* Adds a parameter to an offer: false when the offer must be declined for it. */
static bool add_param(ws_deflate_terms *t, unsigned *seen, const param *p)
{
    unsigned which = param_of(p->name);
    uint8_t bits = p->has_value ? bits_of(p->value) : 0;

    if (!which || (*seen & which))
        return false;
    *seen |= which;
    if (which == SERVER_BITS) {
        t->server_bits = bits;
        t->limits_server = true;
        return bits > 0;
    }
    if (which == CLIENT_BITS) {
        t->client_bits = bits;
        return bits > 0 || !p->has_value;
    }
    return !p->has_value;
}

/* One offer: 1 acceptable, 0 declined, SIO_EPARSE. */
static int read_offer(cursor *c, ws_deflate_terms *t)
{
    sio_str name = take_token(c);
    bool good = sio_str_eq(name, sio_lit("permessage-deflate"));
    unsigned seen = 0;
    param p;

    *t = (ws_deflate_terms){.server_bits = 15};
    if (!name.n)
        return SIO_EPARSE;
    while (take(c, ';')) {
        if (!take_param(c, &p))
            return SIO_EPARSE;
        good = good && add_param(t, &seen, &p);
    }
    return good;
}

int ws_deflate_offer(ws_deflate_terms *t, sio_str value)
{
    cursor c = {value.p, value.p + value.n};
    ws_deflate_terms offer;
    int rc;

    skip_blanks(&c);
    do {
        rc = read_offer(&c, &offer);
        if (rc < 0)
            return rc;
        if (rc > 0 && !t->server_bits)
            *t = offer;
    } while (take(&c, ','));
    return c.p == c.end ? 0 : SIO_EPARSE;
}

void ws_deflate_answer(const ws_deflate_terms *t, char out[WS_DEFLATE_ANSWER])
{
    int n = snprintf(out, WS_DEFLATE_ANSWER,
                     "permessage-deflate; server_no_context_takeover; client_no_context_takeover");

    if (t->limits_server)
        n += snprintf(out + n, (size_t)(WS_DEFLATE_ANSWER - n), "; server_max_window_bits=%u",
                      t->server_bits);
    if (t->client_bits)
        snprintf(out + n, (size_t)(WS_DEFLATE_ANSWER - n), "; client_max_window_bits=%u", t->client_bits);
}
