/* One message in, one message out: the streams are reset in between, so nothing of one peer's bytes can show
 * up in what another one gets. */
#include "codec/ws_deflate.h"
#include "sio_err.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define RAW_BITS  (-15)   /* zlib's way to ask for no wrapper; the largest window */
#define MEM_LEVEL 8
#define AT_BLOCK_END 128  /* in z_stream.data_type: between two blocks */
#define FIRST_OUT 4096
/* Final blocks in one message. There is one at most unless somebody wants to make us work: each
 * costs a reset. */
#define MAX_ENDS  16

struct ws_deflate {
    z_stream out, in;
    bool     has_out, has_in;
    int      level;
    size_t   threshold;
};

/* What a message ends with before these bytes are left out of it (7.2.1). */
static const unsigned char tail[4] = {0x00, 0x00, 0xff, 0xff};

ws_deflate *ws_deflate_new(size_t threshold, int level)
{
    ws_deflate *d = calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    d->threshold = threshold;
    d->level = level;
    return d;
}

void ws_deflate_free(ws_deflate *d)
{
    if (!d)
        return;
    if (d->has_out)
        deflateEnd(&d->out);
    if (d->has_in)
        inflateEnd(&d->in);
    free(d);
}

size_t ws_deflate_threshold(const ws_deflate *d)
{
    return d->threshold;
}

static void set_input(z_stream *z, const void *p, size_t n)
{
    z->next_in = (Bytef *)(uintptr_t)p;
    z->avail_in = (uInt)n;
}

/* ---- packing ---- */

static bool start_packing(ws_deflate *d)
{
    if (d->has_out)
        return deflateReset(&d->out) == Z_OK;
    d->has_out = deflateInit2(&d->out, d->level, Z_DEFLATED, RAW_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
    return d->has_out;
}

/* The room is what the message takes as it is: who does not fit in there is not worth sending. The tail,
 * which is left out, must have fitted, too. */
int ws_deflate_pack(ws_deflate *d, sio_str message, buf *out)
{
    z_stream *z = &d->out;
    size_t room = message.n + sizeof(tail) - 1;
    int err;

    if (message.n == 0 || message.n > UINT_MAX - sizeof(tail))
        return SIO_ETOOBIG;
    err = start_packing(d) ? buf_reserve(out, room) : SIO_ENOMEM;
    if (err < 0)
        return err;
    set_input(z, message.p, message.n);
    z->next_out = (Bytef *)out->p;
    z->avail_out = (uInt)room;
    deflate(z, Z_SYNC_FLUSH);
    if (z->avail_in > 0 || z->avail_out == 0)
        return SIO_ETOOBIG;
    out->n = room - z->avail_out - sizeof(tail);
    return 0;
}

/* ---- unpacking ---- */

static bool start_unpacking(ws_deflate *d)
{
    if (d->has_in)
        return inflateReset(&d->in) == Z_OK;
    d->has_in = inflateInit2(&d->in, RAW_BITS) == Z_OK;
    return d->has_in;
}

/* A message on its way out of its packing. */
typedef struct unpack {
    z_stream *z;
    buf      *out;
    size_t    max;
    unsigned  ends;   /* final blocks so far */
    bool      at_end; /* nothing has come behind the last one */
} unpack;

/* All the room there is in out, and some in any case: 0 or an error of buf. */
static int set_output(unpack *u)
{
    buf *out = u->out;
    size_t first = out->max < FIRST_OUT ? out->max : FIRST_OUT, room;
    int err = out->n < out->cap ? 0 : buf_reserve(out, out->cap ? 1 : first);

    room = out->cap - out->n;
    u->z->next_out = (Bytef *)out->p + out->n;
    u->z->avail_out = room < UINT_MAX ? (uInt)room : UINT_MAX;
    return err;
}

/* Until the input is used up or a final block ends: what zlib said in *rc; 0 or an error. */
static int inflate_some(unpack *u, int *rc)
{
    do {
        int err = set_output(u);

        if (err < 0)
            return err;
        *rc = inflate(u->z, Z_SYNC_FLUSH);
        u->out->n = (size_t)((char *)u->z->next_out - u->out->p);
        if (u->out->n > u->max)
            return SIO_ETOOBIG;
    } while (*rc == Z_OK && u->z->avail_out == 0);
    return 0;
}

static int error_of(int rc)
{
    if (rc == Z_OK || rc == Z_BUF_ERROR || rc == Z_STREAM_END)
        return 0;
    return rc == Z_MEM_ERROR ? SIO_ENOMEM : SIO_EPARSE;
}

/* More blocks may follow a final one (7.2.3.4): they are a stream of their own, without a look back. */
static int feed(unpack *u, const void *p, size_t n)
{
    int err, rc = Z_OK;

    set_input(u->z, p, n);
    do {
        u->at_end = false;
        err = inflate_some(u, &rc);
        if (err == 0)
            err = error_of(rc);
        if (err == 0 && rc == Z_STREAM_END) {
            u->at_end = true;
            err = ++u->ends <= MAX_ENDS && inflateReset(u->z) == Z_OK ? 0 : SIO_EPARSE;
        }
    } while (err == 0 && u->z->avail_in > 0);
    return err;
}

/* The tail is the end of an empty block and nothing else; were it taken for content, something of the message
 * is missing. One that ends with a final block needs none. */
static int feed_tail(unpack *u)
{
    size_t before = u->out->n;
    int err = feed(u, tail, sizeof(tail));

    if (err < 0)
        return err;
    return !u->at_end && u->out->n == before && (u->z->data_type & AT_BLOCK_END) ? 0 : SIO_EPARSE;
}

/* One byte of room beyond the limit shows whether the message is larger. */
int ws_deflate_unpack(ws_deflate *d, sio_str packed, size_t max, buf *out)
{
    unpack u = {.z = &d->in, .out = out, .max = max};
    int err;

    buf_init(out, max < SIZE_MAX ? max + 1 : max);
    if (packed.n == 0)
        return 0;
    if (packed.n > UINT_MAX)
        return SIO_ETOOBIG;
    if (!start_unpacking(d))
        return SIO_ENOMEM;
    err = feed(&u, packed.p, packed.n);
    return err < 0 || u.at_end ? err : feed_tail(&u);
}
