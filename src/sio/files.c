/* Files over HTTP: directories of the user, and the JavaScript client bundles. */
#include "sio/request_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (8u << 20)
#define MAX_PATH 512

/* ---- content types ---- */

static const struct {
    const char *ext, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},    {".js", "application/javascript; charset=utf-8"},
    {".mjs", "application/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},            {".map", "application/json; charset=utf-8"},
    {".svg", "image/svg+xml"},                {".png", "image/png"},
    {".ico", "image/x-icon"},                 {".webp", "image/webp"},
    {".jpg", "image/jpeg"},                   {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i].ext) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* ---- one file ---- */

static void not_found(http_req *r)
{
    http_reply(r, 404, (sio_str){0}, (sio_str){0});
}

static int read_all(int fd, size_t size, buf *out)
{
    if (buf_reserve(out, size) < 0)
        return SIO_ENOMEM;
    while (out->n < size) {
        ssize_t n = read(fd, out->p + out->n, size - out->n);

        if (n <= 0)
            return SIO_EIO;
        out->n += (size_t)n;
    }
    return 0;
}

static bool etag_matches(const http_req *r, const char *etag)
{
    sio_str asked = http1_header_get(r->head, "if-none-match");

    return asked.n && memmem(asked.p, asked.n, etag, strlen(etag)) != NULL;
}

/* Text of some size is worth compressing when the peer takes gzip. */
static bool pack(const http_req *r, const char *type, buf *body, buf *packed)
{
    sio_str accept = http1_header_get(r->head, "accept-encoding");
    bool is_text = strstr(type, "text/") || strstr(type, "script") || strstr(type, "json") ||
                   strstr(type, "svg");

    return is_text && body->n >= 1024 && http1_has_token(accept, "gzip") &&
           http_compress(buf_str(body), true, packed) == 0;
}

static void reply_file(http_req *r, const char *type, const char *etag, sio_str headers, buf *body)
{
    buf head, packed;
    bool is_packed;

    buf_init(&head, 4096 + headers.n);
    buf_init(&packed, body->n + 1024);
    is_packed = pack(r, type, body, &packed);
    buf_printf(&head, "Content-Type: %s\r\nCache-Control: public, max-age=0\r\nETag: %s\r\n", type, etag);
    if (is_packed)
        buf_puts(&head, "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
    buf_add_str(&head, headers);
    http_reply(r, 200, buf_str(&head), is_packed ? buf_str(&packed) : buf_str(body));
    buf_fini(&packed);
    buf_fini(&head);
}

static void reply_open_file(http_req *r, int fd, const char *type, sio_str headers)
{
    char etag[64];
    struct stat st;
    buf body;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_FILE) {
        not_found(r);
        return;
    }
    snprintf(etag, sizeof etag, "\"%llx-%llx\"", (unsigned long long)st.st_size,
             (unsigned long long)st.st_mtim.tv_sec * 1000 + (unsigned long long)st.st_mtim.tv_nsec / 1000000);
    if (etag_matches(r, etag)) {
        buf head;

        buf_init(&head, 4096 + headers.n);
        buf_printf(&head, "ETag: %s\r\nCache-Control: public, max-age=0\r\n", etag);
        buf_add_str(&head, headers);
        http_reply(r, 304, buf_str(&head), (sio_str){0});
        buf_fini(&head);
        return;
    }
    buf_init(&body, MAX_FILE);
    if (read_all(fd, (size_t)st.st_size, &body) == 0)
        reply_file(r, type, etag, headers, &body);
    else
        not_found(r);
    buf_fini(&body);
}

/* A regular file; 404 when there is none. `type` NULL = by extension. */
static void serve_path(http_req *r, const char *path, const char *type, sio_str headers)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        not_found(r);
        return;
    }
    reply_open_file(r, fd, type ? type : type_of(path), headers);
    close(fd);
}

/* No dot files, no "..", no escapes: names that need decoding are not ours. */
static bool name_is_safe(sio_str name)
{
    if (memmem(name.p, name.n, "/.", 2) || (name.n && name.p[0] == '.'))
        return false;
    return !memchr(name.p, '%', name.n) && !memchr(name.p, '\\', name.n) && !memchr(name.p, 0, name.n);
}

static void serve_file(http_req *r, const char *dir, sio_str name, sio_str headers)
{
    char path[MAX_PATH];

    while (name.n && name.p[0] == '/') {
        name.p++;
        name.n--;
    }
    if (name.n == 0)
        name = sio_lit("index.html");
    if (!name_is_safe(name) ||
        snprintf(path, sizeof path, "%s/%.*s", dir, (int)name.n, name.p) >= (int)sizeof path) {
        not_found(r);
        return;
    }
    serve_path(r, path, NULL, headers);
}

/* ---- directories ---- */

static bool is_read(const http_req *r)
{
    return sio_str_eq(r->head->method, sio_lit("GET")) || sio_str_eq(r->head->method, sio_lit("HEAD"));
}

static void on_static(void *ctx, http_req *r)
{
    route *rt = ctx;
    size_t skip = strlen(rt->path);
    sio_str name = r->head->path;

    if (!is_read(r)) {
        http_reply(r, 405, sio_lit("Allow: GET, HEAD\r\n"), (sio_str){0});
        return;
    }
    if (name.n >= skip)
        name = (sio_str){name.p + skip, name.n - skip};
    serve_file(r, rt->dir, name, sio_str_z(rt->headers));
}

int sio_static(sio_server *io, const char *path, const char *dir, sio_str headers)
{
    route *rt = route_new(io, path);

    if (!rt || !(rt->dir = strdup(dir)) || !(rt->headers = strndup(headers.p ? headers.p : "", headers.n)))
        return SIO_ENOMEM;
    return route_add(rt, false, on_static);
}

/* ---- client bundles ---- */

static const char *const bundles[] = {
    "socket.io.js", "socket.io.js.map", "socket.io.min.js", "socket.io.min.js.map", "socket.io.esm.min.js",
    "socket.io.esm.min.js.map", "socket.io.msgpack.min.js", "socket.io.msgpack.min.js.map",
};

static void on_bundle(void *ctx, http_req *r)
{
    route *rt = ctx;
    buf headers;

    buf_init(&headers, 4096);
    eio_cors_headers(&rt->io->eio, r->head, &headers);
    if (is_read(r))
        serve_path(r, rt->dir, NULL, buf_str(&headers));
    else
        http_reply(r, 405, buf_str(&headers), (sio_str){0});
    buf_fini(&headers);
}

static route *bundle_route(sio_server *io, const char *name)
{
    char path[MAX_PATH], file[MAX_PATH];
    const char *slash = io->path[strlen(io->path) - 1] == '/' ? "" : "/";
    route *rt;

    if (snprintf(path, sizeof path, "%s%s%s", io->path, slash, name) >= (int)sizeof path ||
        snprintf(file, sizeof file, "%s/%s", io->opt.client_dir, name) >= (int)sizeof file ||
        access(file, R_OK) != 0 || !(rt = route_new(io, path)))
        return NULL;
    rt->dir = strdup(file);
    return rt;
}

/* Before the engine's route, which starts with the same path; files that are not there fall through to it. */
int bundle_routes(sio_server *io, http_server *http)
{
    int err = 0;

    for (size_t i = 0; io->opt.client_dir && i < sizeof bundles / sizeof *bundles && err == 0; i++) {
        route *rt = bundle_route(io, bundles[i]);

        if (rt)
            err = http_server_route(http, (http_route){rt->path, true, on_bundle, rt});
    }
    return err;
}
