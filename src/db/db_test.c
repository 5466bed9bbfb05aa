#include "db/rig_test.h"

#include "db/db_int.h"

/* ---- opening ---------------------------------------------------------------------------------------- */

static void test_bad_urls(void **state)
{
    static const struct { const char *url, *says; } bad[] = {
        {NULL, "sqlite:PATH"},
        {"", "sqlite:PATH"},
        {"mysql://localhost/x", "sqlite:PATH"},
        {"postgres://u:hunter2@[h/x", "not one that libpq"},
        {"postgresql://u:hunter2@h/x?no_such_thing=1", "not one that libpq"},
        {"postgres://u:hunter2@h/x?schema=a'b", "not one that libpq"},
        {"postgres:///x?host=/nowhere/at/all", "/nowhere/at/all"},
        {"sqlite:", "no path"},
        {"sqlite::memory:", "not supported"},
        {"sqlite:/nowhere/at/all.db", "/nowhere/at/all.db"},
        {"sqlite:/etc/passwd", "not a database"},
    };
    db_options o;
    char err[200];
    db *d = NULL;

    (void)state;
    db_options_init(&o);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        o.url = bad[i].url;
        err[0] = '\0';
        assert_true(db_open(&d, &o, err, sizeof(err)) < 0);
        if (!strstr(err, bad[i].says))
            fail_msg("%s: %s", bad[i].url, err);
        assert_null(strstr(err, "hunter2"));
        assert_null(d);
    }
}

static void test_settings(void **state)
{
    fixture *f = *state;
    struct stat st;

    int64_t v = 0;
    assert_int_equal(run_sql(f->d, db_write, "PRAGMA synchronous", -1, &v), 0);
    assert_int_equal(v, 2);
    assert_int_equal(run_sql(f->d, db_write, "PRAGMA foreign_keys", -1, &v), 0);
    assert_int_equal(v, 1);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"),
                     1);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_url_forms(void **state)
{
    fixture *f = *state;
    char url[80];

    write_ok(f->d, "CREATE TABLE here (n INTEGER)");
    db_close(f->d);
    snprintf(url, sizeof(url), "sqlite://%s", f->path);
    f->o.url = url;
    fixture_open(f);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM here"), 0);
}

static const char tables_sqlite[] = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ("
                                    "'users', 'user_follows', 'party_events', 'party_cohosts', "
                                    "'party_attendees',"
                                    "'media_content', 'chat_rooms', 'chat_messages', 'device_tokens',"
                                    "'notifications', 'partyline_rooms', 'partyline_messages')";
static const char tables_pg[] = "SELECT count(*) FROM pg_tables WHERE schemaname = 'partyline'"
                                " AND tablename IN ("
                                "'partyline_rooms', 'partyline_messages') OR schemaname = 'public' "
                                "AND tablename IN ("
                                "'users', 'user_follows', 'party_events', 'party_cohosts', 'party_attendees',"
                                "'media_content', 'chat_rooms', 'chat_messages', 'device_tokens', "
                                "'notifications')";

static int future_run(db_job *base, db_conn *c)
{
    (void)base;
    return db_exec(c, "INSERT INTO partyline_migrations VALUES (1000, 'of the future', ?1)",
                   db_args(db_time(0)));
}

static void test_migrations(void **state)
{
    fixture *f = *state;
    unsigned applied = 99;
    char err[200] = "";
    latch done;
    job future = job_make("", -1, &done);

    assert_int_equal(read_int(f->d, "SELECT max(version) FROM partyline_migrations"),
                     read_int(f->d, "SELECT count(*) FROM partyline_migrations"));
    assert_int_equal(read_int(f->d, on_postgres() ? tables_pg : tables_sqlite), 12);
    db_close(f->d); /* again: nothing left to do */
    assert_int_equal(db_migrate_only(&f->o, &applied, err, sizeof(err)), 0);
    assert_int_equal(applied, 0);
    fixture_open(f);
    future.base.run = future_run;
    latch_init(&done, 1);
    assert_int_equal(db_write(f->d, &future.base), 0);
    latch_wait(&done);
    assert_int_equal(future.base.err, 0);
    db_close(f->d);
    f->d = NULL;
    assert_int_equal(db_open(&f->d, &f->o, err, sizeof(err)), SIO_ESTATE);
    assert_non_null(strstr(err, "newer"));
}

/* Many at a time on a new database: each finds it complete, and every step was taken once. */
static void *migrate_main(void *arg)
{
    fixture *f = arg;
    char err[200];

    return db_migrate_only(&f->o, NULL, err, sizeof(err)) == 0 ? f : NULL;
}

static void test_migrate_race(void **state)
{
    fixture *f = *state, fresh = {.o = f->o};
    pthread_t thread[6];
    void *ok;

    fixture_place(&fresh);
    fresh.o.url = fresh.url;
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, migrate_main, &fresh), 0);
    for (int i = 0; i < 6; i++) {
        pthread_join(thread[i], &ok);
        assert_non_null(ok);
    }
    fresh.o.migrate = false;
    fixture_open(&fresh);
    assert_int_equal(read_int(fresh.d, "SELECT count(*) FROM partyline_migrations"), db_sqlite_steps.n);
    db_close(fresh.d);
    unlink(fresh.path);
    rmdir(fresh.dir);
}

static void test_migrate_off(void **state)
{
    fixture *f = *state;
    char err[200] = "";

    f->o.migrate = false;
    db_close(f->d); /* complete: opens */
    fixture_open(f);
    write_ok(f->d, "DELETE FROM partyline_migrations WHERE version > 1");
    db_close(f->d);
    f->d = NULL;
    assert_int_equal(db_open(&f->d, &f->o, err, sizeof(err)), SIO_ESTATE);
    assert_non_null(strstr(err, "partyline migrate"));
    if (!on_postgres())
        unlink(f->path);
    rmdir(f->dir);
    fixture_place(f); /* an empty one */
    assert_int_equal(db_open(&f->d, &f->o, err, sizeof(err)), SIO_ESTATE);
    assert_non_null(strstr(err, "version is 0"));
}

/* The two walks that the chat lives on must use the order in which the table is stored. */
static int on_plan(void *ctx, const db_row *r)
{
    sio_str text = db_col_text(r, 3);
    char *out = ctx;

    snprintf(out + strlen(out), 300 - strlen(out), "%.*s; ", (int)text.n, text.p);
    return 0;
}

static int plan_run(db_job *base, db_conn *c)
{
    job *j = job_of(base);

    return db_query(c, j->sql, db_args(db_text(sio_lit("r")), db_int(7)), on_plan,
                    (char *)(intptr_t)j->result);
}

static void test_index_walks(void **state)
{
    fixture *f = *state;
    char plan[300] = "";
    latch done;
    job j = job_make("EXPLAIN QUERY PLAN SELECT message_id FROM partyline_messages"
                     " WHERE room_id = ?1 AND seq > ?2 ORDER BY seq LIMIT 50", 0, &done);

    j.base.run = plan_run;
    j.result = (intptr_t)plan;
    latch_init(&done, 1);
    assert_int_equal(db_read(f->d, &j.base), 0);
    latch_wait(&done);
    assert_non_null(strstr(plan, "USING PRIMARY KEY"));
    assert_null(strstr(plan, "TEMP B-TREE"));
}

/* ---- writes ----------------------------------------------------------------------------------------- */

static void test_commit_order(void **state)
{
    fixture *f = *state;
    herd h;

    write_ok(f->d, "CREATE TABLE t (n INTEGER PRIMARY KEY)");
    herd_start(&h, f->d, 1000);
    herd_finish(&h, f->d);
    assert_int_equal(h.norder, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(h.order[i], i);
        assert_int_equal(h.all[i].base.err, 0);
    }
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t"), 1000);
    herd_free(&h);
}

/* Jobs that fail, by themselves or by the database, roll back only themselves. */
static void test_failing_jobs(void **state)
{
    fixture *f = *state;
    herd h;

    write_ok(f->d, "CREATE TABLE t (n INTEGER PRIMARY KEY)");
    write_ok(f->d, "INSERT INTO t VALUES (7)");
    herd_start(&h, f->d, 20);
    h.all[3].fail = SIO_ENOENT; /* after its insert */
    h.all[5].sql = "INSERT INTO nowhere VALUES (?1)";
    herd_finish(&h, f->d);
    for (int i = 0; i < 20; i++) {
        int want = i == 3 ? SIO_ENOENT : i == 5 ? SIO_EIO : i == 7 ? SIO_EEXIST : 0;

        assert_int_equal(h.all[i].base.err, want);
        if (on_postgres()) /* what another program may have written meanwhile is looked at twice */
            assert_int_equal(h.all[i].runs, want == SIO_EEXIST ? 2 : 1);
        else /* the one that failed behind a write spoilt the batch for those before it, and no other did */
            assert_in_range(h.all[i].runs, i == 3 ? 2 : 1, i <= 3 ? 2 : 1);
    }
    assert_int_equal(h.norder, 17);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t"), 18);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t WHERE n IN (3, 5)"), 0);
    herd_free(&h);
}

static void test_error_kinds(void **state)
{
    fixture *f = *state;

    assert_int_equal(run_sql(f->d, db_write, "INSERT INTO partyline_rooms (room_id, last_seq, last_at)"
                                             " SELECT 'no such room', ?1, max(applied_at)"
                                             " FROM partyline_migrations", 1, NULL), SIO_ENOENT);
    assert_int_equal(run_sql(f->d, db_write, "INSERT INTO users (id) VALUES ('a')", -1, NULL), SIO_EINVAL);
    assert_int_equal(run_sql(f->d, db_write, "SELECT 1", 5, NULL), SIO_EINVAL); /* an argument too many */
    assert_int_equal(run_sql(f->d, db_read, "CREATE TABLE x (n INTEGER)", -1, NULL), SIO_EIO);
    assert_int_equal(run_sql(f->d, db_read, "SELECT nonsense", -1, NULL), SIO_EIO);
    assert_int_equal(read_int(f->d, "SELECT 5"), 5); /* and the threads go on */
}

/* A full disk drops the whole transaction: those who fit are saved all the same, each once. */
static void test_disk_full(void **state)
{
    fixture *f = *state;
    int64_t saved;
    herd h;

    write_ok(f->d, "CREATE TABLE t (n INTEGER PRIMARY KEY, fill TEXT)");
    herd_start(&h, f->d, 40);
    h.all[0].sql = "PRAGMA max_page_count = 100";
    h.all[0].n = -1;
    for (int i = 1; i < 40; i++) /* 10 KB, but 1 MB for every tenth */
        h.all[i].sql = i % 10 == 0 ? "INSERT INTO t VALUES (?1, hex(zeroblob(500000)))"
                                   : "INSERT INTO t VALUES (?1, hex(zeroblob(500)))";
    herd_finish(&h, f->d);
    for (int i = 1; i < 40; i++)
        assert_int_equal(h.all[i].base.err, i % 10 == 0 ? SIO_EIO : 0);
    saved = read_int(f->d, "SELECT count(*) FROM t");
    assert_int_equal(saved, 36);
    assert_int_equal(h.norder, 37); /* with the pragma */
    assert_int_equal(read_int(f->d,
                              "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    herd_free(&h);
}

/* Another process that holds the database (or the table) makes a write wait, then fail with a timeout;
 * later ones work. */
static void test_locked_out(void **state)
{
    fixture *f = *state;
    const char *take = on_postgres() ? "LOCK TABLE t" : "DELETE FROM t";
    const char *want = on_postgres() ? "LOCK TABLE t NOWAIT" : "SELECT 1";
    db *other;
    char err[200];
    latch open, done;
    job holder = job_make(take, -1, &done);

    write_ok(f->d, "CREATE TABLE t (n INTEGER)");
    db_close(f->d);
    f->o.busy_ms = 50;
    fixture_open(f);
    assert_int_equal(db_open(&other, &f->o, err, sizeof(err)), 0);
    latch_init(&open, 1);
    latch_init(&done, 1);
    holder.hold = &open;
    assert_int_equal(db_write(other, &holder.base), 0);
    while (run_sql(f->d, db_write, want, -1, NULL) == 0)
        ; /* until the other has begun */
    assert_int_equal(run_sql(f->d, db_write, insert_sql, 1, NULL), SIO_ETIMEOUT);
    latch_down(&open);
    latch_wait(&done);
    assert_int_equal(run_sql(f->d, db_write, insert_sql, 1, NULL), 0);
    db_close(other);
}

/* ---- reads ------------------------------------------------------------------------------------------ */

static void test_read_your_writes(void **state)
{
    fixture *f = *state;

    write_ok(f->d, "CREATE TABLE t (n INTEGER)");
    for (int i = 1; i <= 200; i++) {
        assert_int_equal(run_sql(f->d, db_write, insert_sql, i, NULL), 0);
        assert_int_equal(read_int(f->d, "SELECT max(n) FROM t"), i);
    }
}

/* Two statements of one job see the same moment, whatever is committed between them. */
typedef struct twice {
    db_job  base;
    db     *d;
    latch  *done;
    int64_t first, second;
} twice;

static int twice_run(db_job *base, db_conn *c)
{
    twice *t = container_of(base, twice, base);
    int err = db_query(c, "SELECT count(*) FROM t", db_no_args, on_result, &t->first);

    if (err == 0)
        err = run_sql(t->d, db_write, insert_sql, 1, NULL);
    return err < 0 ? err : db_query(c, "SELECT count(*) FROM t", db_no_args, on_result, &t->second);
}

static void twice_done(db_job *base) { latch_down(container_of(base, twice, base)->done); }

static void test_snapshot(void **state)
{
    fixture *f = *state;
    latch done;
    twice t = {.base = {.run = twice_run, .done = twice_done}, .d = f->d, .done = &done};

    write_ok(f->d, "CREATE TABLE t (n INTEGER)");
    latch_init(&done, 1);
    assert_int_equal(db_read(f->d, &t.base), 0);
    latch_wait(&done);
    assert_int_equal(t.base.err, 0);
    assert_int_equal(t.first, t.second);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t"), 1);
}

/* Values of every kind come back as they went in; a statement may be used inside its own rows. */
typedef struct values {
    db_job   base;
    latch   *done;
    db_conn *c;
    int      rows;
} values;

static const char values_sql[] = "SELECT n, b, at, s, z, e FROM v WHERE n < ?1 ORDER BY n";

/* PostgreSQL's texts hold every character but one. */
static sio_str odd_text(void)
{
    return on_postgres() ? sio_lit("a\x01\xc3\xb1") : (sio_str){"a\0\xc3\xb1", 4};
}

static int on_value(void *ctx, const db_row *r)
{
    values *v = ctx;

    assert_int_equal(db_col_int(r, 0), v->rows == 2 ? 2 : -9007199254740993);
    assert_true(db_col_bool(r, 1));
    assert_int_equal(db_col_time(r, 2), 1700000000123);
    assert_true(sio_str_eq(db_col_text(r, 3), odd_text()));
    assert_null(db_col_text(r, 4).p);
    assert_non_null(db_col_text(r, 5).p);
    assert_int_equal(db_col_text(r, 5).n, 0);
    if (v->rows++ == 0)
        return db_query(v->c, values_sql, db_args(db_int(3)), on_value, v);
    return v->rows == 3 ? SIO_ECANCELED : v->rows == 2;
}

static int values_run(db_job *base, db_conn *c)
{
    values *v = container_of(base, values, base);
    int err = db_exec(c, "CREATE TABLE v (n BIGINT, b BOOLEAN, at TIMESTAMP(3), s TEXT, z TEXT, e TEXT)",
                      db_no_args);

    v->c = c;
    v->rows = 0;
    for (int i = 0; i < 2 && err == 0; i++)
        err = db_exec(c, "INSERT INTO v VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                      db_args(db_int(i ? 2 : -9007199254740993), db_bool(true), db_time(1700000000123),
                              db_text(odd_text()), db_null(), db_text(sio_lit(""))));
    assert_int_equal(db_changes(c), 1);
    return err < 0 ? err : db_query(c, values_sql, db_args(db_int(3)), on_value, v);
}

static void values_done(db_job *base) { latch_down(container_of(base, values, base)->done); }

static void test_values(void **state)
{
    fixture *f = *state;
    latch done;
    values v = {.base = {.run = values_run, .done = values_done}, .done = &done};

    latch_init(&done, 1);
    assert_int_equal(db_write(f->d, &v.base), 0);
    latch_wait(&done);
    /* The nested query stopped (1) at its first row, a quiet end; then the outer one at its second, with
     * an error. */
    assert_int_equal(v.rows, 3);
    assert_int_equal(v.base.err, SIO_ECANCELED);
}

/* Posted statements take effect in their place, and an error of one undoes its own job, whenever it shows. */
typedef struct poster {
    job         base;
    const char *post[3];
} poster;

static int poster_run(db_job *base, db_conn *c)
{
    poster *p = container_of(job_of(base), poster, base);
    db_val n = db_int(p->base.n);
    int err = 0;

    __atomic_add_fetch(&p->base.runs, 1, __ATOMIC_RELEASE); /* the test waits for it */
    if (p->base.gate)
        latch_wait(p->base.gate);
    for (unsigned i = 0; i < 3 && p->post[i] && err == 0; i++)
        err = db_post(c, p->post[i], &n, 1);
    if (err == 0 && p->base.sql)
        err = db_query(c, p->base.sql, NULL, 0, on_result, &p->base.result);
    return err < 0 ? err : p->base.fail;
}

static void test_posts(void **state)
{
    static const char bad_key[] = "INSERT INTO t (n) SELECT n FROM t WHERE n < ?1 LIMIT 1";
    static const char no_ref[] = "INSERT INTO u (n) VALUES (?1)";
    static const struct { const char *post[3], *sql; int fail, want; } cases[] = {
        {.post = {insert_sql}, .sql = "SELECT count(*) FROM t"}, /* n = 1 */
        /* 1 is taken in u: shows in the next job's query */
        {.post = {insert_sql, no_ref}, .want = SIO_EEXIST},
        {.post = {insert_sql}, .sql = "SELECT count(*) FROM t"},
        {.post = {insert_sql, "INSERT INTO nowhere VALUES (?1)", insert_sql}, .want = SIO_EIO},
        {.want = 0},                                             /* nothing at all: the error is not its own */
        {.post = {insert_sql}},
        {.post = {insert_sql}, .fail = SIO_ECANCELED, .want = SIO_ECANCELED},
        {.post = {insert_sql, bad_key}, .want = SIO_EEXIST},
        {.fail = SIO_ENOENT, .want = SIO_ENOENT},
        {.post = {insert_sql}, .sql = "SELECT count(*) FROM t"},
        {.post = {insert_sql, bad_key}, .want = SIO_EEXIST},     /* the last: shows in the commit */
    };
    enum { N = sizeof(cases) / sizeof(cases[0]) };
    fixture *f = *state;
    latch gate, done;
    poster p[N];

    write_ok(f->d, "CREATE TABLE t (n INTEGER PRIMARY KEY)");
    write_ok(f->d, "CREATE TABLE u (n INTEGER PRIMARY KEY)");
    write_ok(f->d, "INSERT INTO u VALUES (2)");
    latch_init(&gate, 1);
    latch_init(&done, N);
    for (int i = 0; i < N; i++) {
        p[i] = (poster){.base = job_make(cases[i].sql, i + 1, &done)};
        memcpy(p[i].post, cases[i].post, sizeof(p[i].post));
        p[i].base.fail = cases[i].fail;
        p[i].base.base.run = poster_run;
        p[i].base.gate = i == 0 ? &gate : NULL;
        assert_int_equal(db_write(f->d, &p[i].base.base), 0);
        if (i == 0)
            while (f->d && !__atomic_load_n(&p[0].base.runs, __ATOMIC_ACQUIRE))
                usleep(1000); /* so that the others are one batch */
    }
    latch_down(&gate);
    latch_wait(&done);
    for (int i = 0; i < N; i++)
        if (p[i].base.base.err != cases[i].want)
            fail_msg("case %d: %d", i, p[i].base.base.err);
    assert_int_equal(p[0].base.result, 1);
    assert_int_equal(p[2].base.result, 2);
    assert_int_equal(p[9].base.result, 4);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t WHERE n IN (1, 3, 6, 10)"), 4);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t"), 4);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM u"), 1);
}

/* ---- queues and the end ----------------------------------------------------------------------------- */

static void test_queue_limit(void **state)
{
    fixture *f = *state;
    herd h;
    job extra;

    db_close(f->d);
    f->o.max_queued = 10;
    fixture_open(f);
    write_ok(f->d, "CREATE TABLE t (n INTEGER)");
    herd_start(&h, f->d, 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(db_write(f->d, &h.all[i].base), 0);
    extra = job_make("SELECT 1", -1, &h.done);
    assert_int_equal(db_write(f->d, &extra.base), SIO_ELIMIT);
    assert_int_equal(read_int(f->d, "SELECT 3"), 3); /* reads have a queue of their own */
    latch_down(&h.open);
    latch_wait(&h.done);
    assert_int_equal(extra.runs, 0);
    write_ok(f->d, "DELETE FROM t");
    herd_free(&h);
}

static void test_close_drains(void **state)
{
    fixture *f = *state;
    herd h;
    job reads[50];
    latch rdone;

    write_ok(f->d, "CREATE TABLE t (n INTEGER)");
    herd_start(&h, f->d, 2000);
    latch_init(&rdone, 50);
    for (int i = 0; i < 50; i++) {
        reads[i] = job_make("SELECT count(*) FROM t", -1, &rdone);
        assert_int_equal(db_read(f->d, &reads[i].base), 0);
    }
    for (int i = 0; i < 2000; i++)
        assert_int_equal(db_write(f->d, &h.all[i].base), 0);
    latch_down(&h.open);
    db_stop(f->d);
    assert_int_equal(db_write(f->d, &h.first.base), SIO_ECLOSED);
    assert_int_equal(db_read(f->d, &h.first.base), SIO_ECLOSED);
    db_close(f->d);
    assert_int_equal(h.done.left, 0);
    assert_int_equal(rdone.left, 0);
    assert_int_equal(h.norder, 2000);
    fixture_open(f);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t"), 2000);
    herd_free(&h);
}

/* done comes home: on the loop's thread, in the order of the commits. */
typedef struct homing {
    db_job  base;
    loop   *l;
    db     *d;
    int     n;
    int    *next;
} homing;

static int homing_run(db_job *base, db_conn *c)
{
    (void)base;
    return db_exec(c, "SELECT 1", db_no_args);
}

static void homing_done(db_job *base)
{
    homing *h = container_of(base, homing, base);

    assert_ptr_equal(loop_current(), h->l);
    assert_int_equal((*h->next)++, h->n);
    if (h->n == 99)
        loop_stop(h->l);
}

static void homing_start(loop_task *t)
{
    homing *h = container_of(t, homing, base.task); /* borrowed: the job is not under way yet */

    for (int i = 0; i < 100; i++) {
        db_job_here(&h[i].base);
        assert_ptr_equal(h[i].base.home, h->l);
        assert_int_equal(db_write(h->d, &h[i].base), 0);
    }
}

static void test_home(void **state)
{
    fixture *f = *state;
    homing h[100];
    int next = 0;
    loop *l;

    assert_int_equal(loop_new(&l), 0);
    for (int i = 0; i < 100; i++)
        h[i] = (homing){.base = {.run = homing_run, .done = homing_done}, .l = l, .d = f->d, .n = i,
                        .next = &next};
    h[0].base.task.fn = homing_start;
    loop_post(l, &h[0].base.task);
    loop_run(l);
    assert_int_equal(next, 100);
    db_stop(f->d); /* the writer may still be about to leave loop_post */
    loop_free(l);
}

/* The log is folded back, also under a writer that is never idle, and when it closes: it cannot grow for
 * ever. */
static void test_checkpoint(void **state)
{
    fixture *f = *state;
    char wal[80];
    struct stat st;

    write_ok(f->d, "CREATE TABLE t (n INTEGER, fill BLOB)");
    for (int i = 0; i < 40; i++)
        assert_int_equal(run_sql(f->d, db_write, "INSERT INTO t VALUES (?1, zeroblob(1000000))", i, NULL), 0);
    snprintf(wal, sizeof(wal), "%s-wal", f->path);
    assert_int_equal(stat(wal, &st), 0);
    assert_true(st.st_size < 20000000);
    db_close(f->d);
    assert_int_equal(stat(wal, &st), -1);
    fixture_open(f);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t"), 40);
}

#define with_db(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest both[] = {
        cmocka_unit_test(test_bad_urls),
        with_db(test_migrations),
        with_db(test_migrate_race),
        with_db(test_migrate_off),
        with_db(test_commit_order),
        with_db(test_failing_jobs),
        with_db(test_error_kinds),
        with_db(test_locked_out),
        with_db(test_read_your_writes),
        with_db(test_snapshot),
        with_db(test_values),
        with_db(test_posts),
        with_db(test_queue_limit),
        with_db(test_close_drains),
        with_db(test_home),
    };
    const struct CMUnitTest sqlite[] = {
        with_db(test_settings),
        with_db(test_url_forms),
        with_db(test_index_walks),
        with_db(test_disk_full),
        with_db(test_checkpoint),
    };
    int failed = cmocka_run_group_tests(both, NULL, NULL);

    return on_postgres() ? failed : failed + cmocka_run_group_tests(sqlite, NULL, NULL);
}
