#include "net/net_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SPARE 16384      /* chunks kept for reuse: 1 MB */
#define MAX_IOV   64
#define LARGE     (8 * 1024) /* from here on a copy costs more than another iovec */

/* ---- chunks ---- */

static net_chunk *chunk_take(net *n)
{
    net_chunk *c = n->spare;

    if (c) {
        n->spare = c->next;
        n->nspare--;
    } else {
        c = malloc(sizeof(*c));
    }
    return c;
}

static void chunk_give(net *n, net_chunk *c)
{
    if (n->nspare >= MAX_SPARE) {
        free(c);
        return;
    }
    c->next = n->spare;
    n->spare = c;
    n->nspare++;
}

void net_spare_free(net *n)
{
    while (n->spare) {
        net_chunk *c = n->spare;
        n->spare = c->next;
        free(c);
    }
    n->nspare = 0;
}

/* ---- the queue ---- */

static bool add_chunk(net_stream *s)
{
    net_chunk *c = chunk_take(s->net), *tail = s->tail;

    if (!c)
        return false;
    c->at = c->n = 0;
    c->next = tail ? tail->next : c;
    if (tail)
        tail->next = c;
    s->tail = c;
    s->chunks++;
    return true;
}

bool net_queue_push(net_stream *s, blob *b, uint32_t from, uint32_t n)
{
    if ((!s->tail || s->tail->n == NET_CHUNK_ENTRIES) && !add_chunk(s)) {
        blob_drop(b);
        return false;
    }
    s->tail->e[s->tail->n++] = (net_entry){b, from, n};
    s->unsent += n;
    return true;
}

static void drop_first_chunk(net_stream *s)
{
    net_chunk *first = s->tail->next;

    if (first == s->tail)
        s->tail = NULL;
    else
        s->tail->next = first->next;
    s->chunks--;
    chunk_give(s->net, first);
}

/* All has left, and it was one chunk: so it is nearly always. */
static void empty_chunk(net_stream *s)
{
    net_chunk *c = s->tail;

    s->tail = NULL;
    s->unsent = 0;
    s->chunks = 0;
    for (unsigned i = c->at; i < c->n; i++)
        blob_drop(c->e[i].b);
    chunk_give(s->net, c);
}

void net_queue_consume(net_stream *s, size_t n)
{
    if (s->tail && s->tail->next == s->tail && n == s->unsent) {
        empty_chunk(s);
        return;
    }
    s->unsent -= (uint32_t)n;
    while (s->tail) {
        net_chunk *c = s->tail->next;
        net_entry *e = &c->e[c->at];
        if (n < e->n) {
            e->from += (uint32_t)n;
            e->n -= (uint32_t)n;
            return;
        }
        n -= e->n;
        blob_drop(e->b);
        if (++c->at == c->n)
            drop_first_chunk(s);
    }
}

void net_queue_drop(net_stream *s)
{
    if (s->tail)
        net_queue_consume(s, s->unsent);
}

/* ---- sending ---- */

/* A look at the front of the queue: up to MAX_IOV entries. */
struct front {
    struct iovec v[MAX_IOV];
    int          n;
    size_t       bytes;
    bool         has_large;
};

static void look(const net_stream *s, struct front *f)
{
    const net_chunk *c = s->tail->next;

    f->n = 0;
    f->bytes = 0;
    f->has_large = false;
    for (;;) {
        for (unsigned i = c->at; i < c->n; i++) {
            const net_entry *e = &c->e[i];
            if (f->n == MAX_IOV)
                return;
            f->v[f->n++] = (struct iovec){e->b->p + e->from, e->n};
            f->bytes += e->n;
            f->has_large |= e->n >= LARGE;
        }
        if (c == s->tail)
            return;
        c = c->next;
    }
}

/* Copies whole entries from the front of the queue as long as they fit. */
static size_t put_together(const net_stream *s, char *out)
{
    const net_chunk *c = s->tail->next;
    size_t n = 0;

    for (;;) {
        for (unsigned i = c->at; i < c->n; i++) {
            const net_entry *e = &c->e[i];
            if (e->n > NET_OUT_SIZE - n)
                return n;
            memcpy(out + n, e->b->p + e->from, e->n);
            n += e->n;
        }
        if (c == s->tail)
            return n;
        c = c->next;
    }
}

const char *net_queue_front(const net_stream *s, size_t max, size_t *n)
{
    const net_chunk *c = s->tail->next;
    const net_entry *e = &c->e[c->at];
    char *out = s->net->out;

    *n = 0;
    if (e->n >= max || e->n == s->unsent) {
        *n = e->n < max ? e->n : max;
        return e->b->p + e->from;
    }
    for (;; c = c->next) {
        for (unsigned i = c->at; i < c->n && *n < max; i++) {
            size_t part = c->e[i].n < max - *n ? c->e[i].n : max - *n;
            memcpy(out + *n, c->e[i].b->p + c->e[i].from, part);
            *n += part;
        }
        if (c == s->tail || *n == max)
            return out;
    }
}

/* More than one entry. */
static __attribute__((noinline)) ssize_t send_several(net_stream *s, size_t *tried)
{
    loop *l = s->net->loop;
    struct front f;

    look(s, &f);
    if (!f.has_large) {
        *tried = put_together(s, s->net->out);
        return loop_write(l, s->io.fd, s->net->out, *tried);
    }
    *tried = f.bytes;
    return loop_writev(l, s->io.fd, f.v, f.n);
}

/* One system call for as much as possible. *tried is what the kernel was offered. */
static ssize_t send_front(net_stream *s, size_t *tried)
{
    const net_chunk *first = s->tail->next;
    const net_entry *e = &first->e[first->at];

    if (e->n != s->unsent)
        return send_several(s, tried);
    *tried = e->n;
    return loop_write(s->net->loop, s->io.fd, e->b->p + e->from, e->n);
}

int net_queue_flush(net_stream *s)
{
    if (s->secure)
        return net_tls_flush(s);
    while (s->tail) {
        size_t tried;
        ssize_t n = send_front(s, &tried);
        if (n < 0 && n != -EAGAIN)
            return (int)n;
        if (n > 0) {
            s->flags |= NET_PROGRESS;
            stat_add(&s->net->stats.bytes_out, (uint64_t)n);
            net_queue_consume(s, (size_t)n);
        }
        if (n < 0 || (size_t)n < tried) {
            net_stream_block(s, true);
            return 0;
        }
    }
    if (s->flags & NET_BLOCKED)
        net_stream_block(s, false);
    return 0;
}
