/* The queue in the database: adding jobs and looking after them. Performing them is dbq_worker.c. */
#include "jobs/dbq_int.h"

#include "base/rand.h"
#include "sio/home.h"

#include <stdlib.h>

int64_t dbq_now(const dbq *q) { return loop_wall(q->loop); }

char *dbq_copy(sio_str s)
{
    char *p = malloc(s.n + 1);

    if (!p)
        abort(); /* texts of jobs, which were small enough to be added */
    memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

/* ---- one operation, one job of the database ---------------------------------------------------------- */

/* Failed jobs as they were read. */
typedef struct page {
    job_info *info;
    unsigned  n;
} page;

typedef struct operation {
    db_job       job;
    dbq         *q;
    char         queue[JOBS_NAME_MAX + 1], name[JOBS_NAME_MAX + 1], id[JOBS_ID_MAX + 1];
    char        *data;
    job_options  o;
    bool         pause;
    unsigned     from, count;
    int64_t      now_ms;
    jobs_counts  counts;
    page         page;
    union {
        jobs_added_fn *added;
        jobs_done_fn  *done;
        void         (*counted)(void *arg, int err, const jobs_counts *c);
        void         (*failed)(void *arg, int err, const job_info *jobs, unsigned n);
    } fn;
    void        *arg;
} operation;

static operation *operation_of(db_job *j) { return container_of(j, operation, job); }
static sio_str queue_of(const operation *p) { return sio_str_z(p->queue); }

static void page_clear(page *g)
{
    for (unsigned i = 0; i < g->n; i++)
        free((char *)(uintptr_t)g->info[i].id.p); /* all texts are in its block */
    free(g->info);
    *g = (page){0};
}

static void operation_free(operation *p)
{
    page_clear(&p->page);
    free(p->data);
    free(p);
}

static operation *operation_new(jobs *j, const char *queue, sio_str id, void *arg)
{
    operation *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->q = (dbq *)j;
    p->arg = arg;
    p->now_ms = dbq_now(p->q);
    memcpy(p->queue, queue, strlen(queue));
    if (id.n)
        memcpy(p->id, id.p, id.n);
    return p;
}

static int go(operation *p, int (*how)(db *, db_job *), int (*run)(db_job *, db_conn *),
              void (*done)(db_job *))
{
    int err;

    p->job = (db_job){.run = run, .done = done, .home = p->q->loop};
    if ((err = how(p->q->d, &p->job)) < 0)
        operation_free(p);
    return err;
}

/* ---- adding ----------------------------------------------------------------------------------------- */

static void make_id(char id[JOBS_ID_MAX + 1])
{
    rand_id(id, 21);
    id[0] = 'j'; /* never a number */
    id[21] = '\0';
}

int dbq_add_in(db_conn *c, const char *queue, const char *name, sio_str data, const job_options *o,
               int64_t now_ms,
               char id_text[JOBS_ID_MAX + 1])
{
    dbq_new_job n = {.queue = sio_str_z(queue), .id = o->id, .name = sio_str_z(name), .data = data,
                     .now_ms = now_ms, .o = o};
    int err;

    if (o->id.n) {
        memcpy(id_text, o->id.p, o->id.n);
        id_text[o->id.n] = '\0';
    } else {
        make_id(id_text);
        n.id = sio_str_z(id_text);
    }
    err = dbq_store_add(c, &n);
    return err == SIO_EEXIST ? 0 : err;
}

static int add_run(db_job *j, db_conn *c)
{
    operation *p = operation_of(j);
    char id[JOBS_ID_MAX + 1];
    int err;

    p->o.id = sio_str_z(p->id);
    err = dbq_add_in(c, p->queue, p->name, sio_str_z(p->data), &p->o, p->now_ms, id);
    memcpy(p->id, id, sizeof(id));
    return err;
}

static void add_done(db_job *j)
{
    operation *p = operation_of(j);

    if (j->err == 0)
        dbq_workers_wake(p->q, queue_of(p));
    if (p->fn.added)
        p->fn.added(p->arg, j->err, sio_str_z(p->id));
    operation_free(p);
}

static int add(jobs *j, const char *queue, const char *name, sio_str data, const job_options *o,
               jobs_added_fn *fn, void *arg)
{
    operation *p = operation_new(j, queue, o->id, arg);

    if (!p)
        return SIO_ENOMEM;
    memcpy(p->name, name, strlen(name));
    p->data = dbq_copy(data);
    p->o = *o;
    p->fn.added = fn;
    return go(p, db_write, add_run, add_done);
}

/* ---- looking after them ------------------------------------------------------------------------------ */

static int count_run(db_job *j, db_conn *c)
{
    return dbq_store_counts(c, queue_of(operation_of(j)), &operation_of(j)->counts);
}

static void count_done(db_job *j)
{
    operation *p = operation_of(j);

    p->fn.counted(p->arg, j->err, &p->counts);
    operation_free(p);
}

static int count(jobs *j, const char *queue, void (*fn)(void *arg, int err, const jobs_counts *c), void *arg)
{
    operation *p = operation_new(j, queue, (sio_str){0}, arg);

    if (!p)
        return SIO_ENOMEM;
    p->fn.counted = fn;
    return go(p, db_read, count_run, count_done);
}

static sio_str put(char **at, sio_str s)
{
    sio_str out = {*at, s.n};

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return out;
}

static void on_failed(void *ctx, const job_info *i)
{
    page *g = ctx;
    char *at = malloc(i->id.n + i->name.n + i->data.n + i->failed_reason.n + 1);
    job_info *to = &g->info[g->n];

    if (!at)
        abort(); /* as dbq_copy */
    *to = *i;
    to->id = put(&at, i->id);
    to->name = put(&at, i->name);
    to->data = put(&at, i->data);
    to->failed_reason = put(&at, i->failed_reason);
    g->n++;
}

static int failed_run(db_job *j, db_conn *c)
{
    operation *p = operation_of(j);

    page_clear(&p->page);
    if (!(p->page.info = calloc(p->count + 1, sizeof(*p->page.info))))
        return SIO_ENOMEM;
    return dbq_store_failed(c, queue_of(p), p->from, p->count, on_failed, &p->page);
}

static void failed_done(db_job *j)
{
    operation *p = operation_of(j);

    p->fn.failed(p->arg, j->err, p->page.info, j->err < 0 ? 0 : p->page.n);
    operation_free(p);
}

static int failed(jobs *j, const char *queue, unsigned from, unsigned n,
                  void (*fn)(void *arg, int err, const job_info *jobs, unsigned n), void *arg)
{
    operation *p = operation_new(j, queue, (sio_str){0}, arg);

    if (!p)
        return SIO_ENOMEM;
    p->from = from;
    p->count = n;
    p->fn.failed = fn;
    return go(p, db_read, failed_run, failed_done);
}

static void change_done(db_job *j)
{
    operation *p = operation_of(j);

    if (j->err == 0)
        dbq_workers_wake(p->q, queue_of(p));
    if (p->fn.done)
        p->fn.done(p->arg, j->err);
    operation_free(p);
}

static int change(jobs *j, const char *queue, sio_str id, bool pause, int (*run)(db_job *, db_conn *),
                  jobs_done_fn *fn, void *arg)
{
    operation *p = operation_new(j, queue, id, arg);

    if (!p)
        return SIO_ENOMEM;
    p->pause = pause;
    p->fn.done = fn;
    return go(p, db_write, run, change_done);
}

static int retry_run(db_job *j, db_conn *c)
{
    operation *p = operation_of(j);

    return dbq_store_retry(c, queue_of(p), sio_str_z(p->id), p->now_ms);
}

static int drop_run(db_job *j, db_conn *c)
{
    return dbq_store_drop(c, queue_of(operation_of(j)), sio_str_z(operation_of(j)->id));
}

static int pause_run(db_job *j, db_conn *c)
{
    return dbq_store_pause(c, queue_of(operation_of(j)), operation_of(j)->pause);
}

static int retry(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg)
{
    return change(j, queue, id, false, retry_run, fn, arg);
}

static int drop(jobs *j, const char *queue, sio_str id, jobs_done_fn *fn, void *arg)
{
    return change(j, queue, id, false, drop_run, fn, arg);
}

static int pause_queue(jobs *j, const char *queue, bool pause, jobs_done_fn *fn, void *arg)
{
    return change(j, queue, (sio_str){0}, pause, pause_run, fn, arg);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void on_wake(void *arg)
{
    dbq *q = arg;

    atomic_store(&q->woken, false);
    dbq_workers_wake(q, (sio_str){0});
}

void dbq_wake(jobs *j)
{
    dbq *q = (dbq *)j;

    if (!atomic_exchange(&q->woken, true) && sio_post(q->io, 0, on_wake, q) < 0)
        atomic_store(&q->woken, false); /* the workers look by themselves, later */
}

static bool is_up(const jobs *j)
{
    (void)j;
    return true; /* what db_write says counts */
}

void dbq_settle(dbq *q)
{
    if (q->freed && list_empty(&q->workers))
        free(q);
}

static void free_queue(jobs *j)
{
    dbq *q = (dbq *)j;

    dbq_worker_end_all(q);
    q->freed = true;
    dbq_settle(q);
}

int dbq_new(jobs **out, db *d, sio_server *io)
{
    static const jobs_ops ops = {add, dbq_worker_new, dbq_worker_close, dbq_complete, dbq_fail, dbq_release,
                                 dbq_progress,
                                 count, failed, retry, drop, pause_queue, is_up, free_queue};
    dbq *q = calloc(1, sizeof(*q));

    if (!q)
        return SIO_ENOMEM;
    q->base.ops = &ops;
    q->d = d;
    q->io = io;
    q->loop = net_loop(sio_home_net(io, 0));
    list_init(&q->workers);
    *out = &q->base;
    return 0;
}
