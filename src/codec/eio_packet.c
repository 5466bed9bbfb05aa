/* Engine.IO packets and polling payloads. */
#include "codec/eio_packet.h"

#include "base/base64.h"
#include "codec/http1.h"
#include "codec/json.h"
#include "sio_err.h"

int eio_packet_parse(char *p, size_t n, eio_in *out)
{
    if (n == 0)
        return SIO_EPARSE;
    if (*p == 'b') {
        *out = (eio_in){.type = EIO_MESSAGE, .binary = true, .p = p + 1};
        out->n = base64_decode_lenient(p + 1, n - 1, p + 1);
        return 0;
    }
    if (*p < '0' || *p > '6')
        return SIO_EPARSE;
    *out = (eio_in){.type = (eio_type)(*p - '0'), .p = p + 1, .n = n - 1};
    return 0;
}

/* *at is n + 1 behind the last element: n would be an empty element after a separator at the end. */
int eio_payload_next(char *p, size_t n, size_t *at, eio_in *out)
{
    char *start = p + *at, *sep;
    size_t len;
    int err;

    if (*at > n)
        return 0;
    sep = *at < n ? memchr(start, EIO_SEPARATOR, n - *at) : NULL;
    len = sep ? (size_t)(sep - start) : n - *at;
    err = eio_packet_parse(start, len, out);
    if (err)
        return err;
    *at += len + 1;
    return 1;
}

/* Of k backslashes before an n: one alone makes a newline, else one is dropped. Works in place, [from,
 * out->n). */
static void undo_newline_escapes(buf *out, size_t from)
{
    size_t to = from, run = 0;

    for (size_t i = from; i < out->n; i++) {
        char c = out->p[i];

        if (c == 'n' && run > 0) {
            to--;
            if (run == 1)
                c = '\n';
        }
        run = c == '\\' ? run + 1 : 0;
        out->p[to++] = c;
    }
    out->n = to;
}

int eio_jsonp_decode(sio_str body, buf *out)
{
    size_t from = out->n;
    int rc = http1_query_get(body, "d", out);

    if (rc <= 0)
        return rc ? rc : SIO_ENOENT;
    undo_newline_escapes(out, from);
    return 0;
}

/* Copies JSON text, escaping the two line ends that JSON allows in a string and old JavaScript does not. */
static int add_as_script(buf *out, sio_str json)
{
    const char *p = json.p, *end = p + json.n, *hit;
    int err = 0;

    while (!err && (hit = memmem(p, (size_t)(end - p), "\xe2\x80", 2)) && end - hit > 2) {
        bool line_end = hit[2] == '\xa8' || hit[2] == '\xa9';

        err = buf_add(out, p, (size_t)(hit - p));
        if (!err)
            err = line_end ? buf_puts(out, hit[2] == '\xa8' ? "\\u2028" : "\\u2029") : buf_add(out, hit, 3);
        p = hit + 3;
    }
    return err ? err : buf_add(out, p, (size_t)(end - p));
}

static int add_call(sio_str index, sio_str json, buf *out)
{
    int err = buf_puts(out, "___eio[");

    for (size_t i = 0; !err && i < index.n; i++)
        if (index.p[i] >= '0' && index.p[i] <= '9')
            err = buf_putc(out, index.p[i]);
    if (!err)
        err = buf_puts(out, "](");
    if (!err)
        err = add_as_script(out, json);
    return err ? err : buf_puts(out, ");");
}

int eio_jsonp_encode(sio_str index, sio_str payload, buf *out)
{
    buf json;
    int err;

    buf_init(&json, out->max);
    err = json_quote(&json, payload);
    if (!err)
        err = add_call(index, buf_str(&json), out);
    buf_fini(&json);
    return err;
}
