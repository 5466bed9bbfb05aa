/* What only PostgreSQL has: a schema that somebody else made, other programs that write beside us,
 * connections that break and servers that go away. Run by tests/postgres/pg. */
#include "db/rig_test.h"

#include "db/pg_int.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- values, apart from any server ------------------------------------------------------------------- */

static void test_times(void **state)
{
    static const struct { const char *text; int64_t ms; } cases[] = {
        {"1970-01-01 00:00:00", 0},
        {"1970-01-01 00:00:00.001", 1},
        {"1969-12-31 23:59:59.999", -1},
        {"2024-02-29 12:34:56.7", 1709210096700},
        {"2024-02-29 12:34:56.789", 1709210096789},
        {"2024-02-29 12:34:56.789999", 1709210096789},
        {"2000-03-01 00:00:00", 951868800000},
        {"1900-03-01 00:00:00", -2203891200000},
        {"0001-01-01 00:00:00", -62135596800000},
        {"12345-06-07 08:09:10", 327416976550000},
    };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(pg_time_get(cases[i].text, &ms));
        if (ms != cases[i].ms)
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
    assert_false(pg_time_get("infinity", &ms));
    assert_false(pg_time_get("0044-03-15 12:00:00 BC", &ms));
    assert_false(pg_time_get("", &ms));
}

static void test_translate(void **state)
{
    static const struct { const char *from, *to; unsigned n; } cases[] = {
        {"SELECT 1", "SELECT 1", 0},
        {"SELECT ?1, ?2, ?1", "SELECT $1, $2, $1", 2},
        {"SELECT '?1', \"?2\", ?3", "SELECT '?1', \"?2\", $3", 3},
        {"SELECT 'it''s ?1' || ?1", "SELECT 'it''s ?1' || $1", 1},
        {"SELECT data ? 'x', ?12", "SELECT data ? 'x', $12", 12},
        {"SELECT ?99", "SELECT $99", PG_ARGS_MAX + 1},
    };
    char sql[80];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        strcpy(sql, cases[i].from);
        assert_int_equal(pg_sql_translate(sql), cases[i].n);
        assert_string_equal(sql, cases[i].to);
    }
}

static void test_urls(void **state)
{
    static const struct { const char *from, *url, *schema; } cases[] = {
        {"postgres://u:p@h/d", "postgres://u:p@h/d", "public"},
        {"postgresql://u:p@h:1/d?schema=app", "postgresql://u:p@h:1/d", "app"},
        {"postgres://h/d?schema=app&sslmode=require&connection_limit=5&connect_timeout=3&pgbouncer=true",
         "postgres://h/d?sslmode=require&connect_timeout=3", "app"},
        {"postgres://h/d?host=/tmp&schema=a-b_C.1", "postgres://h/d?host=/tmp", "a-b_C.1"},
    };
    pg_target t;
    char err[200];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(pg_target_init(&t, cases[i].from, err, sizeof(err)), 0);
        assert_string_equal(t.url, cases[i].url);
        assert_string_equal(t.schema, cases[i].schema);
        pg_target_fini(&t);
    }
}

/* A step that was added for one database alone would show only where the other is used. */
static void test_same_steps(void **state)
{
    (void)state;
    assert_int_equal(db_pg_steps.n, db_sqlite_steps.n);
    for (unsigned i = 0; i < db_pg_steps.n; i++)
        assert_string_equal(db_pg_steps.step[i].name, db_sqlite_steps.step[i].name);
}

/* ---- the Prisma schema ------------------------------------------------------------------------------- */

static int on_text(void *ctx, const db_row *r)
{
    sio_str s = db_col_text(r, 0);

    snprintf(ctx, 100, "%.*s", (int)s.n, s.p ? s.p : "NULL");
    return 0;
}

/* Everything the application stores, by types that it does not name. */
static int gallery_run(db_job *base, db_conn *c)
{
    db_val id = db_text(sio_lit("x")), host = db_text(sio_lit("h")), at = db_time(1700000000123);
    char text[100];
    int err;

    (void)base;
    err = db_exec(c, "INSERT INTO users (id, firebase_id, email, created_at, updated_at)"
                     " VALUES (?1, 'f:' || ?1, ?1 || '@x', ?2, ?2)", db_args(host, at));
    if (err == 0)
        err = db_exec(c, "INSERT INTO party_events (id, host_id, title, status, is_private, created_at,"
                         " updated_at)"
                         " VALUES (?1, ?2, ?1, ?3, ?4, ?5, ?5)",
                      db_args(id, host, db_text(sio_lit("LIVE")), db_bool(true), at));
    if (err == 0)
        err = db_exec(c, "INSERT INTO chat_rooms (id, party_id, created_at) VALUES (?1, ?1, ?2)",
                      db_args(id, at));
    if (err == 0)
        err = db_exec(c, "INSERT INTO chat_messages (id, room_id, sender_id, content, type, created_at)"
                         " VALUES (?1, ?1, ?2, ?3, ?4, ?5)",
                      db_args(id, host, db_text(sio_lit("h\xc3\xa9")), db_text(sio_lit("IMAGE")), at));
    if (err == 0)
        err = db_exec(c,
                      "INSERT INTO notifications (id, user_id, type, title, body, data)"
                      " VALUES (?1, ?2, ?3, ?1, ?1, ?4)",
                      db_args(id, host, db_text(sio_lit("PARTY_LIVE")), db_text(sio_lit("{\"a\": [1]}"))));
    if (err == 0)
        err = db_query(c, "SELECT type FROM chat_messages WHERE type = ?1 AND created_at <= ?2",
                       db_args(db_text(sio_lit("IMAGE")), at), on_text, text);
    if (err == 0 && strcmp(text, "IMAGE") != 0)
        return SIO_ESTATE;
    return err;
}

static int bad_enum_run(db_job *base, db_conn *c)
{
    (void)base;
    return db_exec(c, "UPDATE party_events SET status = ?1", db_args(db_text(sio_lit("OVER"))));
}

static int run_job(db *d, int (*run)(db_job *, db_conn *))
{
    latch done;
    job j = job_make("", -1, &done);

    latch_init(&done, 1);
    j.base.run = run;
    assert_int_equal(db_write(d, &j.base), 0);
    latch_wait(&done);
    return j.base.err;
}

static void test_prisma_schema(void **state)
{
    fixture *f = *state;
    char cmd[300], out[500], before[2000], after[2000], err[200] = "";
    static const char dump[] = "SELECT string_agg(table_name || '.' || column_name || ' ' || udt_name,"
                               " ' ' ORDER BY table_name,"
                               " ordinal_position) FROM information_schema.columns"
                               " WHERE table_schema = 'public'";

    fixture_place(f);
    snprintf(cmd, sizeof(cmd),
             "psql -X -q -v ON_ERROR_STOP=1 -h %s -U party -d %s -f %s/../postgres/prisma.sql",
             on_postgres(), f->path, SIO_VECTORS_DIR);
    assert_int_equal(system(cmd), 0);
    psql(f->path, dump, before, sizeof(before));
    db_close(f->d);
    f->d = NULL;
    f->o.migrate = false; /* tables, but not ours */
    assert_int_equal(db_open(&f->d, &f->o, err, sizeof(err)), SIO_ESTATE);
    assert_non_null(strstr(err, "partyline migrate"));
    f->o.migrate = true;
    fixture_open(f);
    psql(f->path, dump, after, sizeof(after));
    assert_string_equal(before, after);

    assert_int_equal(run_job(f->d, gallery_run), 0);
    psql(f->path, "SELECT m.created_at, m.type, p.status, p.is_private, n.data->'a'->0, m.content"
                  " FROM chat_messages m,"
                  " party_events p, notifications n", out, sizeof(out));
    assert_string_equal(out, "2023-11-14 22:13:20.123|IMAGE|LIVE|t|1|h\xc3\xa9");
    assert_int_equal(run_job(f->d, bad_enum_run), SIO_EINVAL);
    /* what others write is there at once, whatever zone they live in */
    psql(f->path, "UPDATE party_events SET status = 'ENDED', updated_at = '2024-01-01'", out, sizeof(out));
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM party_events WHERE status = 'ENDED'"), 1);
    /* and what they delete takes along what hangs on it */
    psql(f->path, "INSERT INTO partyline.partyline_rooms VALUES ('x', 1, now())", out, sizeof(out));
    psql(f->path, "DELETE FROM users", out, sizeof(out));
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM partyline_rooms"), 0);
}

/* Role, database and server may be set to anything. */
static void test_odd_settings(void **state)
{
    fixture *f = *state;
    char out[300], sql[300];

    snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET TimeZone TO 'Asia/Tokyo'; ALTER DATABASE %s SET "
                               "datestyle TO 'SQL, DMY';"
                               "ALTER DATABASE %s SET default_transaction_isolation TO 'serializable';",
                               f->path, f->path, f->path);
    psql("party", sql, out, sizeof(out));
    snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET search_path TO pg_catalog;"
                               "ALTER DATABASE %s SET synchronous_commit TO off", f->path, f->path);
    psql("party", sql, out, sizeof(out));
    db_close(f->d);
    fixture_open(f);
    assert_int_equal(run_job(f->d, gallery_run), 0);
    psql(f->path, "SELECT to_char(created_at, 'YYYY-MM-DD HH24:MI:SS.MS') FROM public.chat_messages", out,
         sizeof(out));
    assert_string_equal(out, "2023-11-14 22:13:20.123");
    assert_int_equal(read_int(f->d,
                              "SELECT count(*) FROM pg_settings WHERE name = 'synchronous_commit'"
                              " AND setting = 'on'"), 1);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM pg_settings WHERE name = 'TimeZone' AND setting = 'UTC'"), 1);
}

/* An owner of nothing but the database: no superuser is needed. */
static void test_plain_role(void **state)
{
    fixture *f = *state;
    char out[300], sql[200];

    psql("party",
         "DO \\$\\$ BEGIN CREATE ROLE plain LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END \\$\\$",
         out, sizeof(out));
    db_close(f->d);
    fixture_place(f);
    snprintf(sql, sizeof(sql), "ALTER DATABASE %s OWNER TO plain", f->path);
    psql("party", sql, out, sizeof(out));
    snprintf(f->url, sizeof(f->url), "postgresql://plain@/%s?host=%s", f->path, on_postgres());
    fixture_open(f);
    assert_int_equal(run_job(f->d, gallery_run), 0);
}

/* ---- a proxy that cuts ------------------------------------------------------------------------------- */

typedef enum cut { CUT_NOT, CUT_BEFORE, CUT_AFTER, CUT_SILENT } cut;

/* Hands connections on to the server. Once armed, it waits for COMMIT in what a client sends, and
 * ends that connection before the server has it, or after the server has answered it, or says nothing
 * more either way. */
typedef struct proxy {
    char        dir[40], path[80], server[80];
    int         listener;
    atomic_int  cut;
    atomic_bool stop, refuse;
    atomic_int  cuts; /* done */
    pthread_t   thread;
    struct pollfd fd[64]; /* pairs: client, server */
    unsigned    n;
} proxy;

static int connect_server(const proxy *p)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(a.sun_path, p->server);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void proxy_accept(proxy *p)
{
    int client = accept(p->listener, NULL, NULL), server = p->refuse ? -1 : connect_server(p);

    if (client < 0)
        return;
    if (server < 0 || p->n + 2 > 64) {
        close(client);
        return;
    }
    p->fd[p->n++] = (struct pollfd){.fd = client, .events = POLLIN};
    p->fd[p->n++] = (struct pollfd){.fd = server, .events = POLLIN};
}

static void pair_close(proxy *p, unsigned i)
{
    i &= ~1u;
    close(p->fd[i].fd);
    close(p->fd[i + 1].fd);
    p->n -= 2;
    memmove(&p->fd[i], &p->fd[i + 2], (p->n - i) * sizeof(p->fd[0]));
}

/* The server's answer to the commit is awaited and kept back. */
static void cut_do(proxy *p, unsigned i, cut how, const char *data, ssize_t n)
{
    char answer[1000];

    if (how == CUT_AFTER) {
        assert_int_equal(write(p->fd[i ^ 1].fd, data, (size_t)n), n);
        assert_true(read(p->fd[i ^ 1].fd, answer, sizeof(answer)) > 0);
    }
    if (how == CUT_SILENT)
        p->fd[i & ~1u].events = p->fd[i | 1u].events = 0;
    else
        pair_close(p, i);
    p->cut = CUT_NOT;
    p->cuts++;
}

/* One side said something; false when the pair is gone. */
static void pair_move(proxy *p, unsigned i)
{
    char data[65536];
    ssize_t n = read(p->fd[i].fd, data, sizeof(data));

    if (n <= 0)
        pair_close(p, i);
    else if (p->cut != CUT_NOT && !(i & 1) && memmem(data, (size_t)n, "COMMIT", 7))
        cut_do(p, i, p->cut, data, n);
    else if (write(p->fd[i ^ 1].fd, data, (size_t)n) != n)
        pair_close(p, i);
}

static void *proxy_main(void *arg)
{
    proxy *p = arg;

    while (!p->stop) {
        struct pollfd wait[65];

        memcpy(wait, p->fd, p->n * sizeof(wait[0]));
        wait[p->n] = (struct pollfd){.fd = p->listener, .events = POLLIN};
        if (poll(wait, p->n + 1, 20) <= 0)
            continue;
        if (wait[p->n].revents) {
            proxy_accept(p);
            continue;
        }
        for (unsigned i = 0; i < p->n; i++) {
            if (wait[i].events && wait[i].revents) {
                pair_move(p, i);
                break; /* the list may have changed */
            }
        }
    }
    return NULL;
}

static proxy *proxy_start(fixture *f)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    proxy *p = calloc(1, sizeof(*p));

    strcpy(p->dir, "/tmp/pgproxy_XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof(p->path), "%s/.s.PGSQL.5432", p->dir);
    snprintf(p->server, sizeof(p->server), "%s/.s.PGSQL.5432", on_postgres());
    p->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(a.sun_path, p->path);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(p->listener, 10), 0);
    assert_int_equal(pthread_create(&p->thread, NULL, proxy_main, p), 0);
    snprintf(f->url, sizeof(f->url), "postgres://party@/%s?host=%s", f->path, p->dir);
    db_close(f->d);
    f->o.migrate = false; /* so that the first COMMIT is of a job */
    fixture_open(f);
    return p;
}

static void proxy_stop(proxy *p)
{
    p->stop = true;
    pthread_join(p->thread, NULL);
    while (p->n)
        pair_close(p, 0);
    close(p->listener);
    unlink(p->path);
    rmdir(p->dir);
    free(p);
}

/* The connection breaks around the commit, before it or behind it: the job succeeds once either way, and it
 * is run again only where nothing was committed. */
static void commit_cut(fixture *f, cut how, int runs)
{
    latch done;
    int order[1], norder = 0;
    job j = job_make(insert_sql, 1, &done);
    proxy *p;

    write_ok(f->d, "CREATE TABLE t (n INTEGER)");
    p = proxy_start(f);
    latch_init(&done, 1);
    j.base.committed = job_committed;
    j.committed = order;
    j.ncommitted = &norder;
    p->cut = how;
    assert_int_equal(db_write(f->d, &j.base), 0);
    latch_wait(&done);
    assert_int_equal(p->cuts, 1);
    assert_int_equal(j.base.err, 0);
    assert_int_equal(norder, 1);
    assert_int_equal(j.runs, runs);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t"), 1);
    db_close(f->d);
    f->d = NULL;
    proxy_stop(p);
}

static void test_cut_before_commit(void **state) { commit_cut(*state, CUT_BEFORE, 2); }
static void test_cut_after_commit(void **state) { commit_cut(*state, CUT_AFTER, 1); }
/* A server that is silent is as good as one that is gone. */
static void test_silent_server(void **state)
{
    ((fixture *)*state)->o.busy_ms = 50;
    commit_cut(*state, CUT_SILENT, 2);
}

/* The same, and nothing can be looked up in time: a failure is reported, though it was committed. */
static void test_outcome_unknown(void **state)
{
    fixture *f = *state;
    latch done;
    job j = job_make(insert_sql, 1, &done);
    proxy *p;

    write_ok(f->d, "CREATE TABLE t (n INTEGER)");
    f->o.wait_ms = 300;
    p = proxy_start(f);
    latch_init(&done, 1);
    p->cut = CUT_AFTER;
    p->refuse = true;
    assert_int_equal(db_write(f->d, &j.base), 0);
    latch_wait(&done);
    assert_int_equal(j.base.err, SIO_EUNAVAILABLE);
    assert_int_equal(j.runs, 1);
    assert_int_equal(db_write(f->d, &j.base), SIO_EUNAVAILABLE); /* at once from now on */
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t"), 1); /* readers have connections of their own */
    p->refuse = false;
    while (db_write(f->d, &j.base) == SIO_EUNAVAILABLE)
        usleep(1000);
    db_stop(f->d);
    assert_int_equal(j.base.err, 0);
    db_close(f->d);
    f->d = NULL;
    proxy_stop(p);
}

/* ---- servers that go away ---------------------------------------------------------------------------- */

static void server_control(const char *what)
{
    char cmd[300];

    snprintf(cmd, sizeof(cmd), "%s/../postgres/pg %s", SIO_VECTORS_DIR, what);
    if (system(cmd) != 0)
        fail_msg("%s", cmd);
}

static void server_do(const char *verb, const char *mode)
{
    char what[200];

    snprintf(what, sizeof(what), "%s %s %s", verb, on_postgres(), mode);
    server_control(what);
}

static int64_t clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* For as long as the server is away: waits of bounded length, then refusals at once; afterwards all
 * is as before. */
static void test_away(void **state)
{
    fixture *f = *state;
    int64_t start;
    latch done;
    job j = job_make("SELECT 1", -1, &done);

    db_close(f->d);
    f->o.wait_ms = 400;
    fixture_open(f);
    write_ok(f->d, "CREATE TABLE t (n INTEGER)");
    server_do("stop", "fast");
    start = clock_ms();
    assert_int_equal(run_sql(f->d, db_write, insert_sql, 1, NULL), SIO_EUNAVAILABLE);
    assert_true(clock_ms() - start < 2000);
    latch_init(&done, 1);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(db_write(f->d, &j.base), SIO_EUNAVAILABLE);
    assert_int_equal(j.runs, 0);
    assert_int_equal(run_sql(f->d, db_read, "SELECT 1", -1, NULL), SIO_EUNAVAILABLE);
    server_do("start", "");
    while (db_write(f->d, &j.base) == SIO_EUNAVAILABLE)
        usleep(1000);
    latch_wait(&done);
    assert_int_equal(j.base.err, 0);
    latch_init(&done, 1);
    while (db_read(f->d, &j.base) == SIO_EUNAVAILABLE)
        usleep(1000);
    latch_wait(&done);
    assert_int_equal(j.base.err, 0);
    write_ok(f->d, "INSERT INTO t VALUES (2)");
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t"), 1);
}

/* A short absence is only a wait. */
static void test_restart(void **state)
{
    fixture *f = *state;

    db_close(f->d);
    f->o.wait_ms = 20000;
    fixture_open(f);
    write_ok(f->d, "CREATE TABLE t (n INTEGER)");
    server_do("restart", "fast");
    assert_int_equal(run_sql(f->d, db_write, insert_sql, 1, NULL), 0);
    assert_int_equal(read_int(f->d, "SELECT count(*) FROM t"), 1);
}

/* Closing does not wait for a server that is away. */
static void test_close_while_away(void **state)
{
    fixture *f = *state;
    latch done;
    job j = job_make("SELECT 1", -1, &done);
    int64_t start;

    db_close(f->d);
    f->o.wait_ms = 300;
    fixture_open(f);
    server_do("stop", "immediate");
    latch_init(&done, 1);
    assert_int_equal(db_write(f->d, &j.base), 0);
    start = clock_ms();
    db_close(f->d);
    f->d = NULL;
    assert_true(clock_ms() - start < 3000);
    assert_int_equal(done.left, 0);
    assert_int_equal(j.base.err, SIO_EUNAVAILABLE);
    server_do("start", "");
}

/* ---- in the middle of many writes -------------------------------------------------------------------- */

#define STORM      4000
#define STORM_OPEN 200 /* under way at a time */

typedef struct storm {
    fixture *f;
    job     *all;
    latch    done;
} storm;

static void *storm_main(void *arg)
{
    storm *s = arg;

    for (int i = 0; i < STORM; i++) {
        s->all[i] = job_make(insert_sql, i, &s->done);
        while (db_write(s->f->d, &s->all[i].base) != 0)
            usleep(500); /* too many wait */
    }
    return NULL;
}

static int done_so_far(storm *s)
{
    int left;

    pthread_mutex_lock(&s->done.lock);
    left = s->done.left;
    pthread_mutex_unlock(&s->done.lock);
    return STORM - left;
}

/* Each row that was acknowledged is there once, each other one at most once. */
static void storm_check(storm *s)
{
    char sql[200], out[STORM * 8];
    int *times = calloc(STORM, sizeof(int)), acked = 0;

    snprintf(sql, sizeof(sql), "SELECT string_agg(n::text, ',') FROM t");
    psql(s->f->path, sql, out, sizeof(out));
    for (char *p = strtok(out, ","); p; p = strtok(NULL, ","))
        times[atoi(p)]++;
    for (int i = 0; i < STORM; i++) {
        acked += s->all[i].base.err == 0;
        if (times[i] != 1 && (s->all[i].base.err == 0 || times[i] > 1))
            fail_msg("row %d: %d times, error %d", i, times[i], s->all[i].base.err);
    }
    assert_true(acked > STORM / 2);
    free(times);
}

/* `disturb` is called again and again while rows are written. */
static void storm_run(fixture *f, void (*disturb)(fixture *f, int round), int rounds)
{
    storm s = {.f = f, .all = calloc(STORM, sizeof(job))};
    pthread_t thread;

    db_close(f->d);
    f->o.wait_ms = 20000;
    f->o.max_queued = STORM_OPEN;
    f->o.max_batch = 16;
    fixture_open(f);
    write_ok(f->d, "CREATE TABLE t (n INTEGER)"); /* no key: what is there twice shows */
    latch_init(&s.done, STORM);
    assert_int_equal(pthread_create(&thread, NULL, storm_main, &s), 0);
    for (int i = 0; i < rounds; i++) {
        while (done_so_far(&s) < STORM / (rounds + 1) * i)
            usleep(200);
        disturb(f, i);
    }
    pthread_join(thread, NULL);
    latch_wait(&s.done);
    storm_check(&s);
    free(s.all);
}

static void kill_backends(fixture *f, int round)
{
    char sql[200], out[300];

    (void)round;
    snprintf(sql, sizeof(sql),
             "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '%s'", f->path);
    psql("party", sql, out, sizeof(out));
}

static void restart_server(fixture *f, int round)
{
    (void)f;
    server_do("restart", round % 2 ? "immediate" : "fast");
}

static void test_storm_of_kills(void **state) { storm_run(*state, kill_backends, 20); }
static void test_storm_of_restarts(void **state) { storm_run(*state, restart_server, 4); }

/* ---- beside other writers ---------------------------------------------------------------------------- */

/* Two servers' batches take the same rows in opposite order. */
typedef struct rows {
    db_job      base;
    latch      *done;
    const char *first, *second;
} rows;

static int rows_run(db_job *base, db_conn *c)
{
    rows *r = container_of(base, rows, base);
    int err = db_exec(c, "UPDATE t SET n = n + 1 WHERE id = ?1", db_args(db_text(sio_str_z(r->first))));

    return err < 0 ? err
                   : db_exec(c, "UPDATE t SET n = n + 1 WHERE id = ?1",
                             db_args(db_text(sio_str_z(r->second))));
}

static void rows_done(db_job *base) { latch_down(container_of(base, rows, base)->done); }

static void test_deadlock(void **state)
{
    enum { N = 300 };
    fixture *f = *state;
    rows *all = calloc(2 * N, sizeof(*all));
    char err[200], out[100];
    db *other;
    latch done;

    psql(f->path, "ALTER SYSTEM SET deadlock_timeout = '20ms'", out, sizeof(out));
    psql(f->path, "SELECT pg_reload_conf()", out, sizeof(out));
    write_ok(f->d, "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)");
    write_ok(f->d, "INSERT INTO t VALUES ('a', 0), ('b', 0)");
    assert_int_equal(db_open(&other, &f->o, err, sizeof(err)), 0);
    latch_init(&done, 2 * N);
    for (int i = 0; i < 2 * N; i++) {
        all[i] = (rows){.base = {.run = rows_run, .done = rows_done}, .done = &done,
                        .first = i % 2 ? "a" : "b",
                        .second = i % 2 ? "b" : "a"};
        assert_int_equal(db_write(i % 2 ? f->d : other, &all[i].base), 0);
    }
    latch_wait(&done);
    for (int i = 0; i < 2 * N; i++)
        assert_int_equal(all[i].base.err, 0);
    assert_int_equal(read_int(f->d, "SELECT n FROM t WHERE id = 'a'"), 2 * N);
    db_close(other);
    free(all);
}

/* Two servers' jobs come in opposite orders, but have lanes: nobody is in anybody's way, so that
 * each runs once. */
typedef struct laned {
    db_job      base;
    latch      *done;
    const char *id;
    int         runs;
} laned;

static int laned_run(db_job *base, db_conn *c)
{
    laned *l = container_of(base, laned, base);

    l->runs++;
    return db_exec(c, "UPDATE t SET n = n + 1 WHERE id = ?1", db_args(db_text(sio_str_z(l->id))));
}

static void laned_done(db_job *base) { latch_down(container_of(base, laned, base)->done); }

static void test_lanes(void **state)
{
    enum { N = 600 };
    static const char *const ids[] = {"a", "b", "c"};
    fixture *f = *state;
    laned *all = calloc(2 * N, sizeof(*all));
    char err[200], out[100];
    db *other;
    latch done;

    psql(f->path, "ALTER SYSTEM SET deadlock_timeout = '20ms'", out, sizeof(out));
    psql(f->path, "SELECT pg_reload_conf()", out, sizeof(out));
    write_ok(f->d, "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)");
    write_ok(f->d, "INSERT INTO t VALUES ('a', 0), ('b', 0), ('c', 0)");
    assert_int_equal(db_open(&other, &f->o, err, sizeof(err)), 0);
    latch_init(&done, 2 * N);
    for (int i = 0; i < 2 * N; i++) {
        const char *id = ids[i % 2 ? i / 2 % 3 : 2 - i / 2 % 3];

        all[i] = (laned){.base = {.run = laned_run, .done = laned_done, .lane = db_lane(sio_str_z(id))},
                         .done = &done, .id = id};
        assert_int_equal(db_write(i % 2 ? f->d : other, &all[i].base), 0);
    }
    latch_wait(&done);
    for (int i = 0; i < 2 * N; i++) {
        assert_int_equal(all[i].base.err, 0);
        assert_int_equal(all[i].runs, 1);
    }
    db_close(other);
    free(all);
}

/* Somebody alters a table under our prepared statements. */
static void test_altered_table(void **state)
{
    fixture *f = *state;
    char out[100];

    write_ok(f->d, "CREATE TABLE t (n INTEGER)");
    assert_int_equal(run_sql(f->d, db_write, insert_sql, 7, NULL), 0);
    assert_int_equal(read_int(f->d, "SELECT n FROM t"), 7);
    assert_int_equal(read_int(f->d, "SELECT n FROM t"), 7);
    psql(f->path, "ALTER TABLE t ALTER COLUMN n TYPE bigint", out, sizeof(out));
    for (int i = 0; i < 4; i++)
        assert_int_equal(read_int(f->d, "SELECT n FROM t"), 7);
}

#define with_db(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_translate),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_same_steps),
        with_db(test_prisma_schema),
        with_db(test_odd_settings),
        with_db(test_plain_role),
        with_db(test_cut_before_commit),
        with_db(test_cut_after_commit),
        with_db(test_silent_server),
        with_db(test_outcome_unknown),
        with_db(test_deadlock),
        with_db(test_lanes),
        with_db(test_altered_table),
        with_db(test_away),
        with_db(test_restart),
        with_db(test_close_while_away),
        with_db(test_storm_of_kills),
        with_db(test_storm_of_restarts),
    };

    if (!on_postgres()) {
        fputs("run by tests/postgres/pg run\n", stderr);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
