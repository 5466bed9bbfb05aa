/* A byte buffer that grows up to a maximum it is told when it is born. Appending n bytes one by one costs
 * O(n). A buffer belongs to one thread at a time. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "sio_val.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef struct buf {
    char  *p;   /* NULL while empty and never written */
    size_t n;   /* bytes in use */
    size_t cap; /* bytes allocated */
    size_t max; /* n never exceeds this */
} buf;

/* An empty buffer without memory of its own; it may hold at most max bytes. */
void buf_init(buf *b, size_t max);
/* Gives the memory back; the buffer is empty afterwards and usable again. */
void buf_fini(buf *b);
/* Room for `extra` more bytes at b->p + b->n: 0, SIO_ETOOBIG over max, SIO_ENOMEM. */
int buf_reserve(buf *b, size_t extra);
/* Append; all or nothing, errors as buf_reserve (buf_printf also SIO_EINVAL when the format cannot be
 * carried out). What is appended must not lie in the buffer itself. */
int buf_add(buf *b, const void *p, size_t n);
int buf_add_str(buf *b, sio_str s);
int buf_putc(buf *b, char c);
int buf_puts(buf *b, const char *z);
int buf_printf(buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes, all if there are fewer; moves the rest, keeps the memory. */
void buf_consume(buf *b, size_t n);
/* A view of the contents; valid until the next change. */
sio_str buf_str(const buf *b);

#endif
