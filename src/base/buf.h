/* A byte buffer that grows up to a maximum it is told when it is born. */
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
/* Appends; all or nothing, errors as buf_reserve. */
int buf_add(buf *b, const void *p, size_t n);
int buf_add_str(buf *b, sio_str s);
int buf_putc(buf *b, char c);
int buf_puts(buf *b, const char *z);
int buf_printf(buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes. */
void buf_consume(buf *b, size_t n);
/* A view of the contents; valid until the next change. */
sio_str buf_str(const buf *b);

#endif
