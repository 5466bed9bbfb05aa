#include "base/buf.h"

#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST 64

void buf_init(buf *b, size_t max)
{
    *b = (buf){.max = max};
}

void buf_fini(buf *b)
{
    free(b->p);
    *b = (buf){.max = b->max};
}

/* Doubles, so that n appends cost O(n), but never asks for more than the buffer may ever hold. */
static size_t buf_next_cap(const buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : BUF_FIRST;

    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    return cap > b->max ? b->max : cap;
}

int buf_reserve(buf *b, size_t extra)
{
    size_t cap;
    char *p;

    if (extra <= b->cap - b->n)
        return 0;
    if (extra > b->max - b->n)
        return SIO_ETOOBIG;
    cap = buf_next_cap(b, b->n + extra);
    p = realloc(b->p, cap);
    if (!p)
        return SIO_ENOMEM;
    b->p = p;
    b->cap = cap;
    return 0;
}

int buf_add(buf *b, const void *p, size_t n)
{
    int err = buf_reserve(b, n);

    if (err < 0)
        return err;
    if (n > 0) /* b->p may still be NULL, which memcpy must not see */
        memcpy(b->p + b->n, p, n);
    b->n += n;
    return 0;
}

int buf_add_str(buf *b, sio_str s)
{
    return buf_add(b, s.p, s.n);
}

int buf_putc(buf *b, char c)
{
    if (b->n == b->cap) {
        int err = buf_reserve(b, 1);

        if (err < 0)
            return err;
    }
    b->p[b->n++] = c;
    return 0;
}

int buf_puts(buf *b, const char *z)
{
    return buf_add(b, z, strlen(z));
}

/* vsnprintf wants room for a 0 byte that is no part of the contents. When these end exactly at max there is
 * none, hence a block of its own. */
static int buf_vprintf_exact(buf *b, const char *fmt, va_list ap)
{
    char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    int err;

    if (n < 0)
        return SIO_ENOMEM;
    err = buf_add(b, text, (size_t)n);
    free(text);
    return err;
}

int buf_printf(buf *b, const char *fmt, ...)
{
    size_t room = b->cap - b->n;
    va_list ap;
    int n, err;

    va_start(ap, fmt);
    n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, ap);
    va_end(ap);
    if (n < 0)
        return SIO_EINVAL;
    if ((size_t)n < room) {
        b->n += (size_t)n;
        return 0;
    }
    va_start(ap, fmt);
    err = buf_vprintf_exact(b, fmt, ap);
    va_end(ap);
    return err;
}

void buf_consume(buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    if (n > 0)
        memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

sio_str buf_str(const buf *b)
{
    return (sio_str){b->p, b->n};
}
