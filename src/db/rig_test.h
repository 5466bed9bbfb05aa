/* What the tests of the database share: a database of their own, and jobs that can be waited for.
 *
 * With PARTYLINE_TEST_PG (tests/postgres/pg) the database is one on that PostgreSQL, else an SQLite file. */
#ifndef DB_RIG_TEST_H
#define DB_RIG_TEST_H

#include "base/testing.h"

#include "base/list.h"
#include "db/db.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a database of its own -------------------------------------------------------------------------- */

typedef struct fixture {
    char       dir[32], url[200], path[48]; /* SQLite: of the file; PostgreSQL: name of the database */
    db_options o;
    db        *d;
} fixture;

static inline const char *on_postgres(void) { return getenv("PARTYLINE_TEST_PG"); }

/* Another program: runs one statement by psql as the superuser; what it printed is in out. */
static inline void psql(const char *database, const char *sql, char *out, size_t n)
{
    char cmd[2000];
    size_t got;
    FILE *f;

    snprintf(cmd, sizeof(cmd), "psql -X -q -A -t -v ON_ERROR_STOP=1 -h %s -U party -d %s -c \"%s\" 2>&1",
             on_postgres(),
             database, sql);
    f = popen(cmd, "r");
    assert_non_null(f);
    got = fread(out, 1, n - 1, f);
    out[got] = 0;
    while (got && out[got - 1] == '\n')
        out[--got] = 0;
    if (pclose(f) != 0)
        fail_msg("psql: %s", out);
}

/* A new, empty database; url has room for 200. */
static inline void rig_database(char *url, char name[48])
{
    static int n;
    char cmd[100], out[200];

    snprintf(name, 48, "t%d_%d", (int)getpid(), n++);
    snprintf(cmd, sizeof(cmd), "CREATE DATABASE %s", name);
    psql("party", cmd, out, sizeof(out));
    snprintf(url, 200, "postgres://party@/%s?host=%s&connection_limit=5", name, on_postgres());
}

static inline void fixture_open(fixture *f)
{
    char err[200] = "";

    if (db_open(&f->d, &f->o, err, sizeof(err)) < 0)
        fail_msg("%s", err);
}

static inline void fixture_place(fixture *f)
{
    if (on_postgres()) {
        rig_database(f->url, f->path);
        return;
    }
    strcpy(f->dir, "/tmp/db_test_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/p.db", f->dir);
    snprintf(f->url, sizeof(f->url), "sqlite:%s", f->path);
}

static inline int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    fixture_place(f);
    db_options_init(&f->o);
    f->o.url = f->url;
    fixture_open(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    fixture *f = *state;
    char name[80];

    db_close(f->d);
    for (unsigned i = 0; i < 3 && !on_postgres(); i++) {
        snprintf(name, sizeof(name), "%s%s", f->path, (const char *[]){"", "-wal", "-shm"}[i]);
        unlink(name);
    }
    if (f->dir[0])
        rmdir(f->dir);
    free(f);
    return 0;
}

/* ---- jobs --------------------------------------------------------------------------------------------- */

/* Counts down to zero; jobs are done on database threads. */
typedef struct latch {
    pthread_mutex_t lock;
    pthread_cond_t  wake;
    int             left;
} latch;

static inline void latch_init(latch *l, int n)
{
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    l->left = n;
}

static inline void latch_down(latch *l)
{
    pthread_mutex_lock(&l->lock);
    l->left--;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

static inline void latch_wait(latch *l)
{
    pthread_mutex_lock(&l->lock);
    while (l->left > 0)
        pthread_cond_wait(&l->wake, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

typedef struct job {
    db_job      base;
    const char *sql; /* with ?1 when n >= 0 */
    int64_t     n;
    int64_t     result;
    int         runs;
    int         fail;      /* what run returns after the statement */
    latch      *gate;      /* run waits for it first */
    latch      *hold;      /* and for this one behind the statement */
    latch      *done;
    int        *committed; /* list of n in commit order */
    int        *ncommitted;
} job;

static inline job *job_of(db_job *j) { return container_of(j, job, base); }

static inline int on_result(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

static inline int job_run(db_job *base, db_conn *c)
{
    job *j = job_of(base);
    db_val n = db_int(j->n);
    int err;

    j->runs++;
    if (j->gate)
        latch_wait(j->gate);
    err = db_query(c, j->sql, &n, j->n >= 0, on_result, &j->result);
    if (j->hold)
        latch_wait(j->hold);
    return err < 0 ? err : j->fail;
}

static inline void job_committed(db_job *base)
{
    job *j = job_of(base);

    j->committed[(*j->ncommitted)++] = (int)j->n;
}

static inline void job_done(db_job *base) { latch_down(job_of(base)->done); }

static inline job job_make(const char *sql, int64_t n, latch *done)
{
    return (job){.base = {.run = job_run, .done = job_done}, .sql = sql, .n = n, .done = done};
}

/* One job from start to end. */
static inline int run_sql(db *d, int (*how)(db *, db_job *), const char *sql, int64_t n, int64_t *result)
{
    latch done;
    job j = job_make(sql, n, &done);

    latch_init(&done, 1);
    assert_int_equal(how(d, &j.base), 0);
    latch_wait(&done);
    if (result)
        *result = j.result;
    return j.base.err;
}

static inline int64_t read_int(db *d, const char *sql)
{
    int64_t v = -1;

    assert_int_equal(run_sql(d, db_read, sql, -1, &v), 0);
    return v;
}

static inline void write_ok(db *d, const char *sql)
{
    assert_int_equal(run_sql(d, db_write, sql, -1, NULL), 0);
}

static const char insert_sql[] = "INSERT INTO t (n) VALUES (?1)";

/* Holds the writer inside a job until the rest is queued, so that the rest is one batch. */
typedef struct herd {
    latch open, done;
    job   first, *all;
    int  *order, norder, n;
} herd;

static inline void herd_start(herd *h, db *d, int n)
{
    memset(h, 0, sizeof(*h));
    h->n = n;
    h->all = calloc((size_t)n, sizeof(job));
    h->order = calloc((size_t)n, sizeof(int));
    latch_init(&h->open, 1);
    latch_init(&h->done, n + 1);
    h->first = job_make("SELECT 1", -1, &h->done);
    h->first.gate = &h->open;
    assert_int_equal(db_write(d, &h->first.base), 0);
    for (int i = 0; i < n; i++) {
        h->all[i] = job_make(insert_sql, i, &h->done);
        h->all[i].base.committed = job_committed;
        h->all[i].committed = h->order;
        h->all[i].ncommitted = &h->norder;
    }
}

static inline void herd_finish(herd *h, db *d)
{
    for (int i = 0; i < h->n; i++)
        assert_int_equal(db_write(d, &h->all[i].base), 0);
    latch_down(&h->open);
    latch_wait(&h->done);
}

static inline void herd_free(herd *h)
{
    free(h->all);
    free(h->order);
}

#endif
