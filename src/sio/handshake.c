/* The request that opened a connection, in one allocation, for guards and connect handlers. */
#include "codec/http1.h"
#include "codec/json.h"
#include "codec/val.h"
#include "sio/request_int.h"

#include <ctype.h>
#include <stdlib.h>
#include <time.h>

static char *put(char **p, sio_str s)
{
    char *at = *p;

    if (s.n)
        memcpy(at, s.p, s.n);
    *p += s.n;
    return at;
}

static size_t text_size(const http1_request *head)
{
    size_t n = head->target.n + head->query.n;

    for (unsigned i = 0; i < head->nheaders; i++)
        n += head->header[i].name.n + head->header[i].value.n;
    return n;
}

static void put_headers(handshake *h, const http1_request *head, char **p)
{
    for (unsigned i = 0; i < head->nheaders; i++) {
        sio_str name = head->header[i].name, value = head->header[i].value;
        char *at = put(p, name);

        for (size_t k = 0; k < name.n; k++)
            at[k] = (char)tolower((unsigned char)at[k]);
        h->pair[h->npairs++] = (sio_str){at, name.n};
        h->pair[h->npairs++] = (sio_str){put(p, value), value.n};
    }
}

handshake *handshake_new(client *c, http_req *r)
{
    const http1_request *head = r->head;
    char address[64] = "";
    handshake *h;
    char *p;

    http_peer(r, address, sizeof address);
    h = malloc(sizeof *h + 2 * head->nheaders * sizeof(sio_str) + text_size(head) + strlen(address));
    if (!h)
        return NULL;
    *h = (handshake){.client = c, .time = loop_wall(c->shard->loop), .secure = http_is_secure(r),
                     .pair = (sio_str *)(h + 1)};
    loop_timer_init(&h->joins, NULL);
    p = (char *)(h->pair + 2 * head->nheaders);
    h->url = (sio_str){put(&p, head->target), head->target.n};
    h->query = (sio_str){put(&p, head->query), head->query.n};
    h->address = (sio_str){put(&p, sio_str_z(address)), strlen(address)};
    put_headers(h, head, &p);
    return h;
}

void handshake_drop(handshake *h)
{
    if (!h)
        return;
    loop_timer_cancel(h->client->shard->loop, &h->joins);
    free(h);
}

void handshake_hide(sio_socket *s)
{
    socket_extra *x = s->extra;

    if (!x)
        return;
    free(x->shown);
    x->shown = NULL;
    if (!x->auth && !x->pid[0]) {
        free(x);
        s->extra = NULL;
    }
}

/* ---- reading ---- */

static const handshake *handshake_of(const sio_socket *s)
{
    return s->client ? s->client->handshake : NULL;
}

static bool same_name(sio_str a, const char *b)
{
    return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

sio_str sio_handshake_header(const sio_socket *s, const char *name)
{
    const handshake *h = handshake_of(s);

    for (unsigned i = 0; h && i < h->npairs; i += 2)
        if (same_name(h->pair[i], name))
            return h->pair[i + 1];
    return (sio_str){0};
}

sio_str sio_handshake_query(const sio_socket *s, const char *key, char *scratch, size_t n)
{
    const handshake *h = handshake_of(s);
    sio_str out = {0};
    buf b;

    if (!h)
        return out;
    buf_init(&b, n);
    if (http1_query_get(h->query, key, &b) == 1) {
        if (b.n)
            memcpy(scratch, b.p, b.n);
        out = (sio_str){scratch, b.n};
    }
    buf_fini(&b);
    return out;
}

sio_str sio_handshake_address(const sio_socket *s)
{
    const handshake *h = handshake_of(s);

    return h ? h->address : (sio_str){0};
}

sio_val sio_auth(const sio_socket *s)
{
    return sio_json(s->extra && s->extra->auth ? sio_str_z(s->extra->auth) : sio_lit("{}"));
}

/* ---- the whole of it, as JSON ---- */

static void put_member(buf *out, sio_str name, sio_str text)
{
    if (out->p[out->n - 1] != '{')
        buf_putc(out, ',');
    json_quote(out, name);
    buf_putc(out, ':');
    json_quote(out, text);
}

static void put_query(buf *out, sio_str query)
{
    size_t at = 0;
    buf key, value;

    buf_init(&key, query.n + 1);
    buf_init(&value, query.n + 1);
    buf_puts(out, "\"query\":{");
    while (http1_query_next(query, &at, &key, &value))
        put_member(out, buf_str(&key), buf_str(&value));
    buf_putc(out, '}');
    buf_fini(&key);
    buf_fini(&value);
}

/* As JavaScript's Date.prototype.toString in UTC. */
static void put_time(buf *out, int64_t ms)
{
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    char text[64];

    gmtime_r(&t, &tm);
    strftime(text, sizeof text, "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", &tm);
    buf_printf(out, "\"time\":\"%s\",\"issued\":%lld,", text, (long long)ms);
}

static void put_handshake(buf *out, const handshake *h, bool xdomain)
{
    buf_puts(out, "{\"headers\":{");
    for (unsigned i = 0; i < h->npairs; i += 2)
        put_member(out, h->pair[i], h->pair[i + 1]);
    buf_puts(out, "},");
    put_time(out, h->time);
    buf_puts(out, "\"address\":");
    json_quote(out, h->address);
    buf_printf(out, ",\"xdomain\":%s,\"secure\":%s,\"url\":", xdomain ? "true" : "false",
               h->secure ? "true" : "false");
    json_quote(out, h->url);
    buf_putc(out, ',');
    put_query(out, h->query);
}

sio_val sio_handshake(sio_socket *s)
{
    const handshake *h = handshake_of(s);
    buf out;

    if (s->extra && s->extra->shown)
        return sio_json(sio_str_z(s->extra->shown));
    if (!h || !socket_extra_get(s))
        return sio_null;
    buf_init(&out, 16 * HTTP1_MAX_HEAD + sio_auth(s).s.n);
    put_handshake(&out, h, sio_handshake_header(s, "origin").p != NULL);
    buf_puts(&out, ",\"auth\":");
    buf_add_str(&out, sio_auth(s).s);
    buf_putc(&out, '}');
    s->extra->shown = strndup(out.p, out.n);
    buf_fini(&out);
    return s->extra->shown ? sio_json(sio_str_z(s->extra->shown)) : sio_null;
}
