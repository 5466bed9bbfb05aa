/* POST /batch [{method, path, body?}, ...]: one after the other, each with an answer of its own. With an
 * Idempotency-Key each request counts as having the key with its place in the batch behind it, so that a
 * batch that was cut off goes on where it was. */
#include "app/api/api_int.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct batch {
    api_call *k;
    size_t    n, i;
    size_t    failed;
    int       err;     /* the answers are too large */
    bool      running; /* inside batch_run: an answer that comes at once does not start the next */
    bool      waiting;
} batch;

static void batch_end(batch *b)
{
    api_call *k = b->k;
    int err = b->err;

    if (err == 0)
        err = buf_putc(&k->data, ']');
    if (err == 0)
        err = api_meta(k, sio_obj("count", (int64_t)b->n, "failed", (int64_t)b->failed));
    if (err < 0)
        api_refuse(k, 500, "The answers are too large");
    api_end(k);
}

static int answer_add(batch *b, const api_call *sub)
{
    buf *out = &b->k->data;
    int err = buf_printf(out, "%s{\"status\":%d,\"body\":", b->i > 0 ? "," : "", sub->status);

    if (err == 0)
        err = buf_add_str(out, sub->answer.n ? buf_str(&sub->answer) : sio_lit("null"));
    return err < 0 ? err : buf_putc(out, '}');
}

static void batch_run(batch *b);

static void on_answer(api_call *sub, void *arg)
{
    batch *b = arg;

    if (sub && sub->ended)
        return; /* so has the batch */
    b->waiting = false;
    b->err = sub ? answer_add(b, sub) : SIO_ENOMEM;
    if (sub)
        b->failed += sub->status >= 400;
    b->i++;
    if (!b->running)
        batch_run(b);
}

/* The texts were checked by batch_check. */
static sio_str text_of(batch *b, sio_val v, const char *key)
{
    sio_str text = {0};

    if (sio_text(sio_get(v, key), b->k->at, &text) && text.p == b->k->at)
        b->k->at += text.n;
    return text;
}

static void sub_go(batch *b, sio_val item)
{
    sio_val body = sio_get(item, "body");
    api_request q = {.method = text_of(b, item, "method"), .target = text_of(b, item, "path")};
    char key[API_KEY_MAX + 16];

    if (body.kind == SIO_JSON)
        q.body = body.s;
    if (b->k->key.n)
        q.key = (sio_str){
            key, (size_t)snprintf(key, sizeof(key), "%.*s/%zu", (int)b->k->key.n, b->k->key.p, b->i)};
    b->waiting = true;
    api_go(b->k->a, &q, true, on_answer, b);
}

/* Not by recursion: 50 answers at once would be as many frames deep. */
static void batch_run(batch *b)
{
    b->running = true;
    while (b->i < b->n && !b->waiting && b->err == 0)
        sub_go(b, sio_at(b->k->p.requests, b->i));
    b->running = false;
    if (!b->waiting)
        batch_end(b);
}

static bool item_fits(sio_val item)
{
    return sio_kind_of(sio_get(item, "method")) == SIO_STRING &&
           sio_kind_of(sio_get(item, "path")) == SIO_STRING;
}

void api_batch_start(api_call *k)
{
    batch *b = k->own = calloc(1, sizeof(*b));
    sio_iter it = {0};
    sio_val item;

    if (b)
        *b = (batch){.k = k};
    while (b && sio_next(k->p.requests, &it, NULL, &item)) {
        char path[32];

        snprintf(path, sizeof(path), "%zu", b->n++);
        if (!item_fits(item))
            api_fault(k, path, "must be an object with method and path");
    }
    if (!b)
        api_refuse(k, 500, "The server is out of memory");
    if (!b || k->refused) {
        api_end(k);
        return;
    }
    buf_putc(&k->data, '[');
    batch_run(b);
}
