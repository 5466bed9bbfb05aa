/* Photos of parties that nobody has taken: each name gives another picture, always the same one. */
#include "main/demo_int.h"

#include "base/buf.h"

#include <ctype.h>

#define PREFIX    "/demo-media/"
#define SUFFIX    ".svg"
#define PHOTO_NAME 64
#define PHOTO_MAX 16384
#define PHOTO_HEADER "Content-Type: image/svg+xml\r\nCache-Control: max-age=86400\r\n" DEMO_CSP

/* Numbers that follow from the name (FNV-1a, then a linear congruence). */
static uint32_t seed_of(sio_str name)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (uint8_t)name.p[i]) * 16777619u;
    return h;
}

static int roll(uint32_t *seed, int below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (int)((*seed >> 16) % (uint32_t)below);
}

static int add_sky(buf *b, uint32_t *seed)
{
    int hue = roll(seed, 360), x = 60 + roll(seed, 360), y = 70 + roll(seed, 60);

    return buf_printf(b,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 480 360\" width=\"480\" height=\"360\">"
        "<linearGradient id=\"g\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"1\">"
        "<stop stop-color=\"hsl(%d,60%%,26%%)\"/>"
        "<stop offset=\"1\" stop-color=\"hsl(%d,85%%,66%%)\"/></linearGradient>"
        "<path fill=\"url(#g)\" d=\"M0 0h480v360H0z\"/>"
        "<circle cx=\"%d\" cy=\"%d\" r=\"34\" fill=\"#fff3d6\" opacity=\".9\"/>",
        hue, (hue + 70 + roll(seed, 60)) % 360, x, y);
}

static int add_hills(buf *b, uint32_t *seed)
{
    for (int i = 0; i < 2; i++) {
        int y = 270 + 40 * i, top = y - 20 - roll(seed, 50);
        int middle = y - roll(seed, 30), end = y - roll(seed, 30);
        int err = buf_printf(b,
            "<path fill=\"#1b1230\" opacity=\"%s\" d=\"M0 %dQ120 %d 240 %dT480 %dV360H0z\"/>",
            i ? ".85" : ".45", y, top, middle, end);

        if (err < 0)
            return err;
    }
    return 0;
}

/* A string of lights between the upper corners: points of the parabola it hangs in. */
static int add_lights(buf *b, uint32_t *seed)
{
    int err = buf_puts(b, "<path d=\"M-10 20Q240 130 490 20\" "
                          "fill=\"none\" stroke=\"#fff\" stroke-width=\"2\" opacity=\".5\"/>");

    for (int x = 10; x < 480 && err == 0; x += 46) {
        int far = x - 240, y = 77 - far * far * 55 / 62500;

        err = buf_printf(b, "<circle cx=\"%d\" cy=\"%d\" r=\"7\" fill=\"hsl(%d,95%%,70%%)\"/>", x, y,
                         roll(seed, 360));
    }
    return err;
}

static int add_balloons(buf *b, uint32_t *seed)
{
    int err = 0, n = 3 + roll(seed, 3);

    for (int i = 0; i < n && err == 0; i++) {
        int x = 60 + i * 360 / n + roll(seed, 40), y = 150 + roll(seed, 90);

        err = buf_printf(b, "<path d=\"M%d %dq10 40 -4 90\" fill=\"none\" "
                            "stroke=\"#fff\" stroke-width=\"1.5\" opacity=\".6\"/>"
                            "<ellipse cx=\"%d\" cy=\"%d\" rx=\"27\" ry=\"34\" fill=\"hsl(%d,80%%,62%%)\"/>"
                            "<ellipse cx=\"%d\" cy=\"%d\" rx=\"6\" ry=\"10\" fill=\"#fff\" opacity=\".45\"/>",
                         x, y + 32, x, y, roll(seed, 360), x - 10, y - 12);
    }
    return err;
}

static int add_confetti(buf *b, uint32_t *seed)
{
    int err = 0;

    for (int i = 0; i < 40 && err == 0; i++) {
        int x = roll(seed, 480), y = roll(seed, 350), hue = roll(seed, 360);
        int size = 4 + roll(seed, 6), turn = roll(seed, 90);

        err = buf_printf(b, "<path fill=\"hsl(%d,90%%,70%%)\" opacity=\".85\" "
                            "transform=\"translate(%d %d) rotate(%d)\" "
                            "d=\"M0 0h%dv%dh-%dz\"/>", hue, x, y, turn, size, size / 2 + 1, size);
    }
    return err;
}

static int draw(buf *b, sio_str name)
{
    int (*const parts[])(buf *, uint32_t *) = {add_sky, add_hills, add_lights, add_balloons, add_confetti};
    uint32_t seed = seed_of(name);
    int err = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && err == 0; i++)
        err = parts[i](b, &seed);
    return err < 0 ? err : buf_puts(b, "</svg>");
}

static bool name_of(sio_str path, sio_str *name)
{
    size_t before = sizeof(PREFIX) - 1, after = sizeof(SUFFIX) - 1;

    if (path.n <= before + after || path.n > before + after + PHOTO_NAME)
        return false;
    *name = (sio_str){path.p + before, path.n - before - after};
    if (!sio_str_eq((sio_str){name->p + name->n, after}, sio_lit(SUFFIX)))
        return false;
    for (size_t i = 0; i < name->n; i++)
        if (!isalnum((unsigned char)name->p[i]))
            return false;
    return true;
}

static void on_photo(void *arg, sio_request *r)
{
    sio_str name;
    buf b;

    (void)arg;
    if (!sio_str_eq(sio_request_method(r), sio_lit("GET"))) {
        sio_reply(r, 405, sio_lit("Allow: GET\r\n"), sio_lit(""));
        return;
    }
    if (!name_of(sio_request_path(r), &name)) {
        sio_reply(r, 404, sio_lit(""), sio_lit(""));
        return;
    }
    buf_init(&b, PHOTO_MAX);
    if (draw(&b, name) < 0)
        sio_reply(r, 500, sio_lit(""), sio_lit(""));
    else
        sio_reply(r, 200, sio_lit(PHOTO_HEADER), buf_str(&b));
    buf_fini(&b);
}

int demo_photo_attach(sio_server *io) { return sio_http(io, PREFIX, false, on_photo, NULL); }
