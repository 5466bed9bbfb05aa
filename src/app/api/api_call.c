/* A call: from the request to the answer. What it does to the database is one job, and the answer kept for a
 * repeat of the same Idempotency-Key is written by that very job: either both are there after a crash, or
 * none. */
#include "app/api/api_int.h"
#include "base/list.h"
#include "base/log.h"
#include "codec/json.h"
#include "codec/val.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static api_call *call_of(db_job *j) { return container_of(j, api_call, job); }

/* ---- answers ---------------------------------------------------------------------------------------- */

int api_fault(api_call *k, const char *path, const char *message)
{
    k->status = 422;
    snprintf(k->message, sizeof(k->message), "The request is not valid");
    if (k->errors.n)
        buf_putc(&k->errors, ',');
    buf_puts(&k->errors, "{\"path\":");
    json_quote(&k->errors, sio_str_z(path));
    buf_puts(&k->errors, ",\"message\":");
    json_quote(&k->errors, sio_str_z(message));
    buf_putc(&k->errors, '}');
    k->refused = true;
    return SIO_EFIELD;
}

int api_refuse(api_call *k, int status, const char *message)
{
    k->status = status;
    snprintf(k->message, sizeof(k->message), "%s", message);
    k->refused = true;
    return SIO_ESTATE;
}

int api_add(buf *out, sio_val v)
{
    unsigned nbins = 0;

    return val_to_json(out, v, NULL, 0, &nbins);
}

static int put_val(buf *out, sio_val v)
{
    out->n = 0;
    return api_add(out, v);
}

int api_data(api_call *k, sio_val v) { return put_val(&k->data, v); }
int api_meta(api_call *k, sio_val v) { return put_val(&k->meta, v); }

static int put_envelope(api_call *k)
{
    buf *b = &k->answer;
    int err;

    b->n = 0;
    if (k->route && !k->route->data && !k->refused) /* as it stands */
        return buf_add_str(b, buf_str(&k->data));
    if (k->refused) {
        err = buf_puts(b, "{\"success\":false,\"message\":");
        if (err == 0)
            err = json_quote(b, sio_str_z(k->message));
        return err < 0
                   ? err
                   : buf_printf(b, ",\"errors\":[%.*s]}", (int)k->errors.n, k->errors.n ? k->errors.p : "");
    }
    err = buf_puts(b, "{\"success\":true,\"data\":");
    if (err == 0)
        err = buf_add_str(b, k->data.n ? buf_str(&k->data) : sio_lit("{}"));
    if (err == 0)
        err = buf_puts(b, ",\"meta\":");
    if (err == 0)
        err = buf_add_str(b, k->meta.n ? buf_str(&k->meta) : sio_lit("{}"));
    return err < 0 ? err : buf_putc(b, '}');
}

/* Says why the server could not. */
void api_refuse_fault(api_call *k, int err)
{
    bool busy = err == SIO_ELIMIT || err == SIO_ECLOSED || err == SIO_ETIMEOUT || err == SIO_EUNAVAILABLE;

    k->replayed = false; /* the kept answer may have been found before the job failed */
    if (busy) {
        api_refuse(k, 503, "The server cannot do it now; try again later");
        snprintf(k->headers, sizeof(k->headers), "Retry-After: 1\r\n");
    } else if (err == SIO_EINVAL) {
        api_refuse(k, 422, "The database does not take such a value");
    } else {
        log_warn("API %s %s failed: %s", k->route->method, k->route->path, sio_strerror(err));
        api_refuse(k, 500, "The server failed; its log says why");
    }
}

/* ---- all of them ------------------------------------------------------------------------------------- */

/* Those under way, on any loop: when the server ends, what they waited for may never come. */
struct api {
    pthread_mutex_t lock;
    list            calls;
};

int api_calls_new(app *a)
{
    if (!(a->api = malloc(sizeof(*a->api))))
        return SIO_ENOMEM;
    pthread_mutex_init(&a->api->lock, NULL);
    list_init(&a->api->calls);
    return 0;
}

static void calls_add(api_call *k)
{
    pthread_mutex_lock(&k->a->api->lock);
    list_add_tail(&k->a->api->calls, &k->link);
    pthread_mutex_unlock(&k->a->api->lock);
}

static void call_free(api_call *k)
{
    pthread_mutex_lock(&k->a->api->lock);
    list_del(&k->link);
    pthread_mutex_unlock(&k->a->api->lock);
    buf_fini(&k->errors);
    buf_fini(&k->data);
    buf_fini(&k->meta);
    buf_fini(&k->answer);
    chat_pages_free(k->pages);
    free(k->own);
    free(k->text);
    free(k);
}

static void finish(api_call *k)
{
    k->done(k, k->arg);
    call_free(k);
}

void api_calls_free(app *a)
{
    if (!a->api)
        return;
    while (!list_empty(&a->api->calls)) {
        api_call *k = container_of(a->api->calls.next, api_call, link);

        k->ended = true;
        finish(k);
    }
    pthread_mutex_destroy(&a->api->lock);
    free(a->api);
    a->api = NULL;
}

void api_end(api_call *k)
{
    if (!k->replayed && put_envelope(k) < 0) {
        k->answer.n = 0;
        k->status = 500;
    }
    finish(k);
}

/* ---- publishing ------------------------------------------------------------------------------------- */

/* What moves sockets and emits is done on one loop, whatever loop the request came to, and the answer goes
 * out behind it: so two requests, the second sent when the first was answered, take effect in that order
 * everywhere. What the database orders is published by its writer instead. */
#define PUBLISHER 0

static void publish(api_call *k)
{
    if (k->route->publish && !k->replayed)
        k->route->publish(k);
}

static void end_task(void *arg) { api_end(arg); }

void api_end_home(api_call *k)
{
    if (sio_post(k->a->io, k->home, end_task, k) < 0)
        abort(); /* a few bytes */
}

void api_visit(api_call *k, void (*fn)(void *k))
{
    k->home = (unsigned)sio_loop(k->a->io);
    if (sio_post(k->a->io, PUBLISHER, fn, k) < 0)
        abort();
}

static void publish_task(void *arg)
{
    publish(arg);
    api_end_home(arg);
}

static void publish_and_end(api_call *k)
{
    if (k->refused || k->replayed || !k->route->publish || k->route->db != API_NO_DB) {
        api_end(k);
    } else if (sio_loop(k->a->io) == PUBLISHER) {
        publish(k);
        api_end(k);
    } else {
        api_visit(k, publish_task);
    }
}

/* ---- the job ---------------------------------------------------------------------------------------- */

static int64_t keys_since(const api_call *k) { return k->now_ms - k->a->opt.api_keys_ms; }

static int on_kept_body(void *ctx, sio_str body)
{
    api_call *k = ctx;

    k->answer.n = 0;
    return buf_add_str(&k->answer, body);
}

/* 1 = answered already, 0 = go on, below 0 an error. */
static int find_kept(api_call *k, db_conn *c)
{
    api_kept kept;
    int err = api_store_kept(c, k->key, sio_str_z(k->print), keys_since(k), &kept, on_kept_body, k);

    if (err < 0 || !kept.found)
        return err;
    if (!kept.same)
        return api_refuse(k, 422, "This Idempotency-Key was used for another request");
    k->status = kept.status;
    k->replayed = true;
    return 1;
}

static int run_fresh(api_call *k, db_conn *c)
{
    int err = 0;

    k->refused = k->replayed = false;
    k->errors.n = k->data.n = k->meta.n = 0;
    k->status = k->route->status;
    if (k->key.n && c && (err = find_kept(k, c)) != 0)
        return err < 0 ? err : 0;
    if ((err = k->route->run(k, c)) < 0 || !k->key.n || !c)
        return err;
    err = put_envelope(k);
    return err < 0 ? err
                   : api_store_keep(c, k->key, sio_str_z(k->print), k->status, buf_str(&k->answer), k->now_ms,
                                    keys_since(k));
}

static int call_run(db_job *j, db_conn *c) { return run_fresh(call_of(j), c); }

static void call_committed(db_job *j)
{
    if (call_of(j)->route->db != API_NO_DB)
        publish(call_of(j));
}

static void job_start(api_call *k);

static void call_done(db_job *j)
{
    api_call *k = call_of(j);
    bool again = j->err == 0 && k->as_write && !k->job.committed;

    if (again) {
        job_start(k);
        return;
    }
    if (j->err < 0 && !k->refused)
        api_refuse_fault(k, j->err);
    publish_and_end(k);
}

/* A read may have found that it has to write (as_write): then it is run once more, as a writer. */
static void job_start(api_call *k)
{
    bool write = k->route->db == API_WRITES || k->key.n || k->as_write;
    int err;

    k->job = (db_job){.run = call_run, .committed = write ? call_committed : NULL, .done = call_done};
    db_job_here(&k->job);
    err = write ? db_write(k->a->opt.db, &k->job) : db_read(k->a->opt.db, &k->job);
    if (err == 0)
        return;
    api_refuse_fault(k, err);
    api_end(k);
}

/* ---- starting --------------------------------------------------------------------------------------- */

static void call_start(api_call *k)
{
    int err;

    if (k->refused) {
        api_end(k);
    } else if (k->route->start) {
        k->status = k->route->status;
        k->route->start(k);
    } else if (k->route->db != API_NO_DB || k->key.n) {
        job_start(k);
    } else {
        if ((err = run_fresh(k, NULL)) < 0 && !k->refused)
            api_refuse_fault(k, err);
        publish_and_end(k);
    }
}

static void print_make(api_call *k, const api_request *q)
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    buf all;

    buf_init(&all, SIZE_MAX);
    if (buf_add_str(&all, q->method) < 0 || buf_putc(&all, ' ') < 0 || buf_add_str(&all, q->target) < 0 ||
        buf_putc(&all, '\n') < 0 || buf_add_str(&all, q->body) < 0)
        abort(); /* no larger than what was allocated for the request itself */
    SHA256((const unsigned char *)all.p, all.n, sum);
    buf_fini(&all);
    for (unsigned i = 0; i < sizeof(sum); i++)
        snprintf(k->print + 2 * i, 3, "%02x", sum[i]);
}

static sio_str copy_in(api_call *k, sio_str s)
{
    sio_str copy = {k->at, s.n};

    if (s.n)
        memcpy(k->at, s.p, s.n);
    k->at += s.n;
    return copy;
}

/* Room for the request's bytes, and as much again for texts without their escapes. */
static api_call *call_new(app *a, const api_request *q)
{
    api_call *k = calloc(1, sizeof(*k));

    if (!k || !(k->text = malloc(2 * (q->target.n + q->body.n) + q->key.n + 1))) {
        free(k);
        return NULL;
    }
    k->a = a;
    k->here = q->here;
    k->at = k->text;
    k->now_ms = sio_now(a->io);
    k->p = (api_args){.type = -1, .status = -1, .role = -1, .before = -1, .after = -1, .limit = -1,
                      .from = -1};
    buf_init(&k->errors, 8192);
    buf_init(&k->data, API_ANSWER_MAX);
    buf_init(&k->meta, 4096);
    buf_init(&k->answer, API_ANSWER_MAX + 8192);
    calls_add(k);
    return k;
}

static void read_body(api_call *k)
{
    sio_str json;

    if (!k->route->body)
        return;
    if (!json_valid(k->body, &json))
        api_refuse(k, 400, "The body is not JSON");
    else
        api_read_object(k, k->route->body, sio_json(json), "");
}

static void read_request(api_call *k, sio_str method, sio_str target, bool batched)
{
    const char *mark = target.n ? memchr(target.p, '?', target.n) : NULL;
    sio_str path = {target.p, mark ? (size_t)(mark - target.p) : target.n}, param[API_PARAMS_MAX];
    sio_str query = {mark ? mark + 1 : NULL, mark ? target.n - path.n - 1 : 0};
    char allowed[64];

    k->route = api_find(method, path, param, allowed);
    if (!k->route && allowed[0]) {
        api_refuse(k, 405, "This path does not know the method");
        snprintf(k->headers, sizeof(k->headers), "Allow: %s\r\n", allowed);
    } else if (!k->route) {
        api_refuse(k, 404, "There is nothing at this path");
    } else if (batched && (k->route->start == api_batch_start || !k->route->data)) {
        api_refuse(k, 422, "This cannot be part of a batch");
    } else {
        api_read_params(k, param, query);
        read_body(k);
        if (!k->refused && k->route->check)
            k->route->check(k);
    }
}

void api_go(app *a, const api_request *q, bool batched, void (*done)(api_call *k, void *arg), void *arg)
{
    api_call *k = call_new(a, q);
    sio_str target;

    if (!k) {
        done(NULL, arg);
        return;
    }
    k->done = done;
    k->arg = arg;
    target = copy_in(k, q->target);
    k->body = copy_in(k, q->body);
    k->key = sio_str_eq(q->method, sio_lit("POST")) ? copy_in(k, q->key) : (sio_str){0};
    if (k->key.n)
        print_make(k, q);
    read_request(k, q->method, target, batched);
    call_start(k);
}
