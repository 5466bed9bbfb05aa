/* What of a request goes on to another server: all but what concerns the one connection it came on. */
#include "http/http_int.h"
#include "http/relay_int.h"

#include <strings.h>

/* Room for what is added: the request line's ends, four headers and an address. */
#define ADDED 512

/* Between two neighbours only (RFC 9110 7.6.1), or written anew below. */
static bool is_for_the_next_only(sio_str name)
{
    static const char *const names[] = {
        "connection", "keep-alive", "proxy-connection", "te", "upgrade", "expect", "transfer-encoding",
        "content-length", "trailer", HTTP_CLIENT_HEADER,
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (name.n == strlen(names[i]) && strncasecmp(name.p, names[i], name.n) == 0)
            return true;
    return false;
}

static void put_headers(buf *out, const http1_request *head)
{
    for (unsigned i = 0; i < head->nheaders; i++) {
        const http1_header *h = &head->header[i];

        if (!is_for_the_next_only(h->name))
            buf_printf(out, "%.*s: %.*s\r\n", (int)h->name.n, h->name.p, (int)h->value.n, h->value.p);
    }
    if (!http1_header_get(head, "host").p) /* HTTP/1.0 */
        buf_puts(out, "Host: link\r\n");
}

static void put_connection(buf *out, http_req *r, size_t n)
{
    sio_str upgrade = http1_header_get(r->head, "upgrade");
    char client[64] = "";

    if (r->head->upgrade)
        buf_printf(out, "Connection: Upgrade\r\nUpgrade: %.*s\r\n", (int)upgrade.n, upgrade.p);
    if (n || r->head->has_length)
        buf_printf(out, "Content-Length: %zu\r\n", n);
    http_peer(r, client, sizeof client);
    buf_printf(out, HTTP_CLIENT_HEADER ": %s\r\n\r\n", client);
}

blob *relay_render(http_req *r, const char *body, size_t n)
{
    const http1_request *head = r->head;
    size_t nbody = body ? n : 0;
    blob *b = NULL;
    buf out;

    buf_init(&out, 2 * HTTP1_MAX_HEAD + ADDED);
    buf_printf(&out, "%.*s %.*s HTTP/1.1\r\n", (int)head->method.n, head->method.p, (int)head->target.n,
               head->target.p);
    put_headers(&out, head);
    put_connection(&out, r, n);
    if (out.n && (b = blob_new(out.n + nbody))) {
        memcpy(b->p, out.p, out.n);
        if (nbody)
            memcpy(b->p + out.n, body, nbody);
    }
    buf_fini(&out);
    return b;
}
