#include "http/http.h"
#include "sio_err.h"

#include <limits.h>
#include <zlib.h>

#define GZIP_BITS (15 + 16) /* zlib's way to ask for a gzip wrapper */
#define ZLIB_BITS 15

/* What HTTP calls "deflate" is the zlib format (RFC 9110 8.4.1.2). */
int http_compress(sio_str body, bool gzip, buf *out)
{
    z_stream z = {0};
    uLong bound;
    int err, rc, bits = gzip ? GZIP_BITS : ZLIB_BITS;

    if (body.n > INT_MAX)
        return SIO_ETOOBIG;
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return SIO_ENOMEM;
    bound = deflateBound(&z, (uLong)body.n);
    err = buf_reserve(out, bound);
    if (err == 0) {
        z.next_in = (Bytef *)(uintptr_t)body.p;
        z.avail_in = (uInt)body.n;
        z.next_out = (Bytef *)out->p + out->n;
        z.avail_out = (uInt)bound;
        rc = deflate(&z, Z_FINISH);
        if (rc == Z_STREAM_END)
            out->n += z.total_out;
        else
            err = SIO_EIO;
    }
    deflateEnd(&z);
    return err;
}
