/* The server engine.io-client's own tests are pointed at. */
#include "codec/json.h"
#include "eio_example.h"

#include <ctype.h>
#include <time.h>

static void on_open(eio_session *s)
{
    example_send(s, false, "hi", 2);
}

/* The header is put in lower case, as Node shows it. */
static void put_header(buf *out, const http1_header *h)
{
    char name[128];
    size_t n = h->name.n < sizeof name ? h->name.n : sizeof name;

    for (size_t i = 0; i < n; i++)
        name[i] = (char)tolower((unsigned char)h->name.p[i]);
    json_quote(out, (sio_str){name, n});
    buf_putc(out, ':');
    json_quote(out, h->value);
}

static void send_headers(eio_session *s)
{
    const http_req *r = eio_current_request(s);
    buf out;

    buf_init(&out, 65536);
    buf_putc(&out, '{');
    for (unsigned i = 0; r && i < r->head->nheaders; i++) {
        if (i)
            buf_putc(&out, ',');
        put_header(&out, &r->head->header[i]);
    }
    buf_putc(&out, '}');
    example_send(s, false, out.p, out.n);
    buf_fini(&out);
}

static void on_message(eio_session *s, bool binary, char *p, size_t n)
{
    static const char utf8[] = "пойду спать всем спокойной ночи";
    sio_str text = {p, n};

    if (!binary && sio_str_eq(text, sio_lit("give binary")))
        example_send(s, true, "\0\1\2\3\4", 5);
    else if (!binary && sio_str_eq(text, sio_lit("give utf8")))
        example_send(s, false, utf8, sizeof utf8 - 1);
    else if (!binary && sio_str_eq(text, sio_lit("sendHeaders")))
        send_headers(s);
    else
        example_send(s, binary, p, n);
}

/* Bound to its server by the config: there is one. */
static void on_allow(void *ctx, http_req *r)
{
    eio_server *e = *(eio_server **)ctx;
    buf value;

    buf_init(&value, 256);
    if (http1_query_get(r->head->query, "deny", &value) != 0)
        eio_refuse(e, r, NULL);
    else
        eio_allow(e, r);
    buf_fini(&value);
}

static void on_headers(void *ctx, http_req *r, bool initial, buf *headers)
{
    time_t now = time(NULL);
    char date[64];

    (void)ctx, (void)r;
    if (!initial)
        return;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
    buf_puts(headers, "Set-Cookie: 1=1; Max-Age=86400\r\n"
                      "Set-Cookie: 2=2; Path=/; HttpOnly; Secure; SameSite=Strict\r\n"
                      "Set-Cookie: 3=3; Max-Age=0\r\n");
    buf_printf(headers, "Set-Cookie: 4=4; Expires=%s\r\n", date);
}

int main(void)
{
    eio_config config = example_config();

    config.ping_interval_ms = 500;
    config.max_payload = 100;
    config.on_open = on_open;
    config.on_message = on_message;
    config.on_allow = on_allow;
    config.on_headers = on_headers;
    return example_run(&config, 3000);
}
