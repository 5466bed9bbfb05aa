/* PostgreSQL: statements and transactions, in libpq's pipeline mode.
 *
 * What does not need an answer at once (begin, savepoint, release, posted statements) is only put into the
 * pipeline and travels with the next statement that does: a job costs as many journeys as it has queries, not
 * one more. Behind an error the server skips everything up to the next sync, so an error that shows late left
 * nothing behind it done. */
#include "base/log.h"
#include "db/pg_int.h"

#include <stdio.h>
#include <stdlib.h>

#define SCRIPT_MS 3600000 /* a migration may take its time */

/* ---- answers --------------------------------------------------------------------------------------- */

/* An error of a statement; whose? */
static int blame(pg_conn *c, const pg_sent *s, int err)
{
    if (s->is_stale)
        return 0;
    if (c->state != DB_IN)
        return err;
    if (c->conflict || s->kind == PG_COMMAND || s->kind == PG_XID)
        c->wants_undo = true;
    if (s->job != c->job && s->kind != PG_COMMAND)
        c->late = err;
    else
        c->failed = err;
    return err;
}

/* Takes one answer. The result itself when it is that of a query, for *rows. */
static int answer_take(pg_conn *c, const pg_sent *s, PGresult *r, PGresult **rows)
{
    ExecStatusType status = PQresultStatus(r);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        if (s->kind == PG_XID)
            snprintf(c->self.xid, sizeof(c->self.xid), "%s", PQgetvalue(r, 0, 0));
        if (s->kind != PG_QUERY)
            return 0;
        PQclear(*rows);
        *rows = r;
        return 1;
    }
    if (s->stmt)
        s->stmt->prepared = false;
    if (status == PGRES_PIPELINE_ABORTED)
        return 0;
    return blame(c, s, pg_error(c, r));
}

static int answer_wait(pg_conn *c, const pg_sent *s, PGresult **rows)
{
    PGresult *r = pg_next(c, c->reply_ms);
    int err;

    if (!r)
        return pg_lost(c);
    if (s->kind == PG_SYNC) {
        bool is_sync = PQresultStatus(r) == PGRES_PIPELINE_SYNC;

        err = is_sync ? 0 : pg_error(c, r);
        PQclear(r);
        return is_sync ? 0 : c->state == DB_AWAY ? err : pg_lost(c);
    }
    err = answer_take(c, s, r, rows);
    if (err <= 0)
        PQclear(r);
    if (c->state != DB_AWAY && (r = pg_next(c, c->reply_ms)) != NULL) {
        PQclear(r); /* one statement has one result, or the connection is out of step */
        return pg_lost(c);
    }
    return c->state == DB_AWAY ? SIO_EUNAVAILABLE : err < 0 ? err : 0;
}

/* All that was sent is answered when this returns. 0 or the first error. */
static int answers_take(pg_conn *c, PGresult **rows)
{
    int err = 0;

    for (unsigned i = 0; i < c->nsent && c->state != DB_AWAY; i++) {
        int rc = answer_wait(c, &c->sent[i], rows);

        err = err < 0 ? err : rc;
    }
    c->nsent = c->synced = c->posted = 0;
    return c->state == DB_AWAY ? SIO_EUNAVAILABLE : err;
}

static void note(pg_conn *c, pg_kind kind, pg_stmt *s)
{
    c->sent[c->nsent++] = (pg_sent){.kind = kind, .stmt = s, .job = c->job};
}

static int sync_send(pg_conn *c)
{
    if (c->synced == c->nsent)
        return 0;
    if (!PQpipelineSync(c->native))
        return pg_lost(c);
    note(c, PG_SYNC, NULL);
    c->synced = c->nsent;
    return 0;
}

static int drain(pg_conn *c, PGresult **rows);

static void run_now(pg_conn *c, const char *sql)
{
    PGresult *none = NULL;

    if (!PQsendQueryParams(c->native, sql, 0, NULL, NULL, NULL, NULL, 0)) {
        pg_lost(c);
        return;
    }
    note(c, PG_COMMAND, NULL);
    drain(c, &none);
}

static void plans_forget(pg_conn *c)
{
    for (unsigned i = 0; i < c->cached; i++)
        c->cache[i].prepared = false;
    c->old_plans = false;
    run_now(c, "DEALLOCATE ALL");
}

/* The transaction is given up, since part of it is not what it should be. */
static void give_up(pg_conn *c)
{
    bool conflict = c->conflict;

    c->state = DB_OUT;
    c->wants_undo = c->conflict = false;
    run_now(c, "ROLLBACK");
    if (c->state != DB_AWAY && c->old_plans)
        plans_forget(c);
    if (c->state != DB_AWAY && conflict)
        c->state = DB_CONFLICT;
}

static int drain(pg_conn *c, PGresult **rows)
{
    int err = sync_send(c);

    if (err == 0)
        err = answers_take(c, rows);
    if (c->wants_undo && c->state == DB_IN)
        give_up(c);
    return err;
}

/* ---- sending --------------------------------------------------------------------------------------- */

static pg_stmt *stmt_find(pg_conn *c, const char *sql, uint32_t hash)
{
    for (unsigned i = 0; i < c->cached; i++) {
        if (c->cache[i].hash == hash && strcmp(c->cache[i].sql, sql) == 0)
            return &c->cache[i];
    }
    return NULL;
}

static int stmt_init(pg_stmt *s, const char *sql, uint32_t hash)
{
    *s = (pg_stmt){.hash = hash, .sql = strdup(sql), .native = strdup(sql)};
    if (!s->sql || !s->native) {
        free(s->sql);
        free(s->native);
        return SIO_ENOMEM;
    }
    s->nargs = pg_sql_translate(s->native);
    return 0;
}

/* A place in the cache, or *spare when that is full. */
static int stmt_get(pg_conn *c, const char *sql, pg_stmt *spare, pg_stmt **out)
{
    uint32_t hash = db_text_hash(sql);
    pg_stmt *s = stmt_find(c, sql, hash);
    int err = 0;

    if (!s) {
        s = c->cached < PG_CACHE ? &c->cache[c->cached] : spare;
        err = stmt_init(s, sql, hash);
        if (err == 0 && s != spare)
            c->cached++;
    }
    *out = s;
    return err;
}

static int stmt_prepare(pg_conn *c, pg_stmt *s)
{
    char name[16];

    if (s->prepared)
        return 0;
    s->number = ++c->numbers;
    snprintf(name, sizeof(name), "p%u", s->number);
    if (!PQsendPrepare(c->native, name, s->native, 0, NULL))
        return pg_lost(c);
    s->prepared = true;
    note(c, PG_PREPARE, s);
    return 0;
}

static int stmt_send(pg_conn *c, pg_stmt *s, bool keep, const pg_args *a, pg_kind kind)
{
    char name[16];
    int rc;

    if (!keep) {
        rc = PQsendQueryParams(c->native, s->native, (int)s->nargs, NULL, a->text, NULL, NULL, 0);
    } else {
        if (stmt_prepare(c, s) < 0)
            return SIO_EUNAVAILABLE;
        snprintf(name, sizeof(name), "p%u", s->number);
        rc = PQsendQueryPrepared(c->native, name, (int)s->nargs, a->text, NULL, NULL, 0);
    }
    if (!rc)
        return pg_lost(c);
    note(c, kind, NULL);
    return 0;
}

/* Puts a statement into the pipeline. */
static int put(pg_conn *c, const char *sql, const db_val *args, unsigned n, pg_kind kind)
{
    PGresult *rows = NULL;
    pg_stmt spare, *s;
    pg_args a;
    int err = 0;

    if (c->nsent + 8 > PG_SENT)
        err = drain(c, &rows);
    PQclear(rows);
    if (err < 0 || (err = stmt_get(c, sql, &spare, &s)) < 0)
        return err;
    if (s->nargs != n || n > PG_ARGS_MAX) {
        log_error("database: %u arguments for: %.120s", n, sql);
        err = SIO_EINVAL;
    } else if ((err = pg_args_init(&a, args, n)) == 0) {
        err = stmt_send(c, s, s != &spare, &a, kind);
        pg_args_fini(&a);
    }
    if (s == &spare) {
        free(spare.sql);
        free(spare.native);
    }
    return err;
}

static int command(pg_conn *c, const char *sql) { return put(c, sql, NULL, 0, PG_COMMAND); }

/* ---- statements ------------------------------------------------------------------------------------ */

/* Why a statement may not be sent now, or 0. */
static int closed_for(const pg_conn *c)
{
    if (c->state == DB_AWAY)
        return SIO_EUNAVAILABLE;
    if (c->state == DB_CONFLICT)
        return SIO_ETIMEOUT;
    return c->late ? c->late : c->failed;
}

/* Row callbacks may run other statements: all rows are here by then. */
static int rows_walk(PGresult *rows, db_row_fn *row, void *ctx)
{
    db_row r = {.ops = &db_pg, .native = rows};

    for (unsigned n = (unsigned)PQntuples(rows); r.at < n; r.at++) {
        int stop = row(ctx, &r);

        if (stop)
            return stop < 0 ? stop : 0;
    }
    return 0;
}

/* A mistake in a job without the database having a part in it ends the job all the same. */
static int refuse(pg_conn *c, int err)
{
    if (err < 0 && c->state == DB_IN && !c->late && !c->failed)
        c->failed = err;
    return err;
}

/* Unique keys and references are there to be run into. */
static void statement_log(pg_conn *c, int err, const char *sql)
{
    if (err != SIO_EEXIST && err != SIO_ENOENT && err != SIO_EUNAVAILABLE)
        pg_log(c, c->late ? "an earlier statement" : sql);
}

int pg_query(db_conn *base, const char *sql, const db_val *args, unsigned n, db_row_fn *row, void *ctx)
{
    pg_conn *c = pg_conn_of(base);
    PGresult *rows = NULL;
    int err = closed_for(c);

    if (err == 0)
        err = refuse(c, put(c, sql, args, n, PG_QUERY));
    if (err < 0)
        return err;
    err = drain(c, &rows);
    if (err < 0) {
        statement_log(c, err, sql);
    } else if (rows) {
        c->changes = strtoll(PQcmdTuples(rows), NULL, 10);
        err = rows_walk(rows, row, ctx);
    }
    PQclear(rows);
    return err;
}

static int pg_post(db_conn *base, const char *sql, const db_val *args, unsigned n)
{
    pg_conn *c = pg_conn_of(base);
    int err = closed_for(c);

    if (err == 0)
        err = refuse(c, put(c, sql, args, n, PG_POST));
    if (err == 0)
        c->posted = c->job;
    return err;
}

/* Many statements in one text cannot travel in a pipeline. */
int pg_script(db_conn *base, const char *sql)
{
    pg_conn *c = pg_conn_of(base);
    PGresult *r = NULL;
    int err = closed_for(c);

    if (err == 0)
        err = drain(c, &r);
    PQclear(r);
    if (err < 0)
        return err;
    if (!PQexitPipelineMode(c->native) || !PQsendQuery(c->native, sql))
        return pg_lost(c);
    while (c->state != DB_AWAY && (r = pg_next(c, SCRIPT_MS)) != NULL) {
        ExecStatusType status = PQresultStatus(r);

        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && err == 0)
            err = refuse(c, pg_error(c, r));
        PQclear(r);
    }
    if (c->state == DB_AWAY || !PQenterPipelineMode(c->native))
        return pg_lost(c);
    return err;
}

static int64_t pg_changes(db_conn *c) { return pg_conn_of(c)->changes; }
static db_state pg_state(db_conn *c) { return pg_conn_of(c)->state; }
static const char *pg_why_text(db_conn *c) { return pg_conn_of(c)->why; }

/* ---- transactions ---------------------------------------------------------------------------------- */

static int pg_begin(db_conn *base, bool write)
{
    pg_conn *c = pg_conn_of(base);
    int err;

    if (c->state == DB_AWAY)
        return SIO_EUNAVAILABLE;
    c->failed = c->late = 0;
    c->in_commit = c->no_lock = c->conflict = c->wants_undo = false;
    c->self.xid[0] = 0;
    c->job = 1;
    err = command(c, write ? "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
                           : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    c->state = err < 0 ? c->state : DB_IN;
    if (err == 0 && write)
        err = put(c, "SELECT pg_current_xact_id()", NULL, 0, PG_XID);
    return err;
}

static int pg_save(db_conn *base)
{
    pg_conn *c = pg_conn_of(base);

    c->job++;
    c->failed = 0;
    return command(c, "SAVEPOINT job");
}

/* Back to where the job began. After a wait for a lock that was in vain the others of the batch wait only
 * shortly: their owners have waited through it already. */
static int undo(pg_conn *c)
{
    int err = command(c, "ROLLBACK TO SAVEPOINT job");

    c->failed = 0;
    if (err == 0)
        err = command(c, "RELEASE SAVEPOINT job");
    if (err == 0 && c->no_lock)
        err = command(c, "SET LOCAL lock_timeout = 50");
    c->no_lock = false;
    return err;
}

/* Answers to what an earlier job posted, before this one ends: or an error could belong to either. */
static int earlier_posts_take(pg_conn *c)
{
    PGresult *rows = NULL;
    int err = c->posted && c->posted != c->job ? drain(c, &rows) : 0;

    PQclear(rows);
    return err;
}

static int pg_release(db_conn *base)
{
    pg_conn *c = pg_conn_of(base);
    int err = closed_for(c);

    if (err == 0)
        err = earlier_posts_take(c);
    return err < 0 ? err : command(c, "RELEASE SAVEPOINT job");
}

static int pg_undo(db_conn *base)
{
    pg_conn *c = pg_conn_of(base);

    if (c->state == DB_IN && !c->late)
        earlier_posts_take(c);
    return c->state != DB_IN || c->late ? 0 : undo(c);
}

static int pg_late(db_conn *base)
{
    pg_conn *c = pg_conn_of(base);
    int err = c->late;

    c->late = 0;
    if (err < 0)
        undo(c);
    return err;
}

/* The number of the transaction is known before the commit is sent, or nobody could ask for it afterwards. */
static int commit_send(pg_conn *c)
{
    PGresult *rows = NULL;
    int err = closed_for(c);

    if (err == 0 && !c->self.xid[0])
        err = drain(c, &rows);
    PQclear(rows);
    if (err < 0)
        return err;
    c->in_commit = true;
    c->unsettled = c->self;
    err = put(c, "COMMIT", NULL, 0, PG_QUERY);
    c->in_commit = err == 0 || c->state == DB_AWAY;
    return err;
}

static int pg_commit(db_conn *base)
{
    pg_conn *c = pg_conn_of(base);
    PGresult *rows = NULL;
    int err;

    c->job++; /* what shows now is of the jobs before */
    err = commit_send(c);
    if (err < 0)
        return err;
    err = drain(c, &rows);
    if (c->state == DB_AWAY)
        return err; /* with in_commit set: pg_settle */
    c->in_commit = false;
    if (err == 0)
        err = rows && strcmp(PQcmdStatus(rows), "COMMIT") == 0 ? 0 : SIO_EIO;
    PQclear(rows);
    if (c->state == DB_IN && !c->late)
        c->state = DB_OUT; /* a commit that fails ends the transaction too */
    return err;
}

/* Nobody waits for the answer. The sync before it makes it count whatever the statements
 * before it come to. */
static void pg_rollback(db_conn *base)
{
    pg_conn *c = pg_conn_of(base);

    if (c->state != DB_IN)
        return;
    c->state = DB_OUT;
    c->failed = c->late = 0;
    if (sync_send(c) == 0 && command(c, "ROLLBACK") == 0 && sync_send(c) == 0 && PQflush(c->native) < 0)
        pg_lost(c);
    for (unsigned i = 0; i < c->nsent; i++)
        c->sent[i].is_stale = true;
    c->posted = 0;
}

/* ---- after a loss ---------------------------------------------------------------------------------- */

static int on_fate(void *ctx, const db_row *r)
{
    sio_str s = pg_col_text(r, 0);

    *(int *)ctx = sio_str_eq(s, sio_lit("committed")) ? 1 : sio_str_eq(s, sio_lit("aborted")) ? 0
                  : sio_str_eq(s, sio_lit("in progress")) ? 2 : SIO_EUNAVAILABLE;
    return 0;
}

/* 1 committed, 0 not, 2 not decided yet. */
static int fate_ask(pg_conn *c)
{
    int fate = SIO_EUNAVAILABLE;
    int err = pg_query(&c->base, "SELECT pg_xact_status(?1::xid8)",
                       db_args(db_text(sio_str_z(c->unsettled.xid))),
                       on_fate, &fate);

    return err < 0 ? err : fate;
}

static int on_nothing(void *ctx, const db_row *r)
{
    (void)ctx;
    (void)r;
    return 0;
}

/* The server may not have noticed that we left: what it still holds for us would be in our own way. */
static int old_self_end(pg_conn *c)
{
    return pg_query(&c->base, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ?1 AND"
                              " backend_start = ?2::timestamptz",
                    db_args(db_text(sio_str_z(c->last.pid)), db_text(sio_str_z(c->last.started))), on_nothing,
                    NULL);
}

/* A server that took over numbers its transactions by itself: its answer would be about somebody else's. */
static int pg_settle(db_conn *base)
{
    pg_conn *c = pg_conn_of(base);
    int64_t end = pg_now() + c->reply_ms;
    struct timespec pause = {.tv_nsec = 10000000};
    int fate, err = old_self_end(c);

    if (err < 0 || !c->in_commit)
        return err;
    if (strcmp(c->unsettled.timeline, c->self.timeline) != 0) {
        log_error("database: another server took over during a commit; what became of it is not known");
        return SIO_EUNAVAILABLE;
    }
    while ((fate = fate_ask(c)) == 2 && pg_now() < end)
        nanosleep(&pause, NULL);
    if (fate == 2)
        return SIO_EUNAVAILABLE;
    if (fate >= 0) {
        c->in_commit = false;
        log_warn("database: a commit was cut off, and %s", fate ? "had been done" : "had not been done");
    }
    return fate;
}

static void pg_tidy(db_conn *c, bool busy)
{
    (void)c; /* autovacuum does it */
    (void)busy;
}

/* 64 jobs: that many savepoints of a transaction fit into what every backend shares of it; more make all snapshots
 * slower. The lock's number is ASCII "partylin". */
const db_backend db_pg = {
    .is_migrated = "SELECT count(*) FROM pg_tables"
                   " WHERE schemaname = 'partyline' AND tablename = 'partyline_migrations'",
    .migrations = "DO $$ BEGIN"
                  " IF NOT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'partyline') THEN"
                  " CREATE SCHEMA partyline;"
                  " END IF; "
                  " IF to_regclass('partyline.partyline_migrations') IS NULL THEN"
                  " CREATE TABLE partyline.partyline_migrations ("
                  "  version integer PRIMARY KEY, name text NOT NULL, applied_at timestamp(3) NOT NULL);"
                  " END IF; END $$",
    .migrate_lock = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;"
                    "SELECT pg_advisory_xact_lock(8097879449567783278)",
    .max_batch = 64,
    .is_shared = true,
    .steps = &db_pg_steps,
    .open = pg_open,
    .close = pg_close,
    .query = pg_query,
    .post = pg_post,
    .script = pg_script,
    .changes = pg_changes,
    .state = pg_state,
    .begin = pg_begin,
    .save = pg_save,
    .release = pg_release,
    .undo = pg_undo,
    .late = pg_late,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .revive = pg_revive,
    .settle = pg_settle,
    .tidy = pg_tidy,
    .why = pg_why_text,
    .col_int = pg_col_int,
    .col_time = pg_col_time,
    .col_text = pg_col_text,
};
