/* SQLite: one file, the default. WAL, so that readers and the writer never wait for each other;
 * synchronous=FULL, so that what was acknowledged survives a power failure (with group commit it costs
 * next to nothing). */
#include "base/list.h"
#include "base/log.h"
#include "db/db_int.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CACHE_MAX   64    /* prepared statements kept per connection; programs use a fixed set */
#define WAL_IDLE    1000  /* pages in the log that make an idle writer fold it back (4 MB) */
#define WAL_BUSY    4096  /* the same for a writer that is never idle (16 MB) */

typedef struct stmt {
    uint32_t      hash;
    bool          busy; /* being walked: a nested use needs another one */
    bool          kept;
    char         *text;
    sqlite3_stmt *native;
} stmt;

typedef struct sqlite_conn {
    db_conn  base;
    sqlite3 *native;
    stmt    *cache[CACHE_MAX];
    const char *seen[CACHE_MAX]; /* of each, where its text was when it was asked for last */
    unsigned cached;
    int      wal_pages; /* in the log after the last commit */
    time_t   logged;    /* second of the last line, to write at most one a second */
} sqlite_conn;

static sqlite_conn *conn_of(db_conn *c) { return container_of(c, sqlite_conn, base); }

/* ---- errors ---------------------------------------------------------------------------------------- */

/* Text only, never parameters: those are people's messages. */
static void conn_log(sqlite_conn *c, const char *sql)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec == c->logged)
        return;
    c->logged = now.tv_sec;
    log_error("database: %s in: %.120s", sqlite3_errmsg(c->native), sql);
}

static int conn_error(sqlite_conn *c, const char *sql)
{
    int rc = sqlite3_extended_errcode(c->native);

    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return SIO_EEXIST;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return SIO_ENOENT;
    }
    conn_log(c, sql);
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return SIO_EINVAL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SIO_ETIMEOUT;
    case SQLITE_NOMEM:
        return SIO_ENOMEM;
    }
    return SIO_EIO;
}

static const char *sqlite_why(db_conn *c) { return sqlite3_errmsg(conn_of(c)->native); }

/* ---- statements ------------------------------------------------------------------------------------ */

static void stmt_free(stmt *s)
{
    if (!s)
        return;
    sqlite3_finalize(s->native);
    free(s->text);
    free(s);
}

/* Nearly all texts are literals: the same one is at the same place, and need not be read to know its hash. */
static stmt *stmt_find_seen(const sqlite_conn *c, const char *sql)
{
    for (unsigned i = 0; i < c->cached; i++) {
        if (c->seen[i] == sql && !c->cache[i]->busy && strcmp(c->cache[i]->text, sql) == 0)
            return c->cache[i];
    }
    return NULL;
}

static stmt *stmt_find(sqlite_conn *c, const char *sql, uint32_t hash)
{
    for (unsigned i = 0; i < c->cached; i++) {
        stmt *s = c->cache[i];

        if (s->hash == hash && !s->busy && strcmp(s->text, sql) == 0) {
            c->seen[i] = sql;
            return s;
        }
    }
    return NULL;
}

static int stmt_prepare(sqlite_conn *c, const char *sql, uint32_t hash, stmt **out)
{
    stmt *s = calloc(1, sizeof(*s));
    int err;

    if (!s || !(s->text = strdup(sql))) {
        free(s);
        return SIO_ENOMEM;
    }
    s->hash = hash;
    if (sqlite3_prepare_v3(c->native, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->native, NULL) != SQLITE_OK) {
        err = conn_error(c, sql);
        stmt_free(s);
        return err;
    }
    if (c->cached < CACHE_MAX) {
        c->seen[c->cached] = sql;
        c->cache[c->cached++] = s;
        s->kept = true;
    }
    *out = s;
    return 0;
}

static int stmt_get(sqlite_conn *c, const char *sql, stmt **out)
{
    stmt *s = stmt_find_seen(c, sql);
    int err = 0;

    if (!s) {
        uint32_t hash = db_text_hash(sql);

        s = stmt_find(c, sql, hash);
        if (!s)
            err = stmt_prepare(c, sql, hash, &s);
    }
    if (err < 0)
        return err;
    s->busy = true;
    *out = s;
    return 0;
}

static void stmt_put(stmt *s)
{
    sqlite3_reset(s->native); /* repeats the error of the last step, which was dealt with */
    sqlite3_clear_bindings(s->native);
    s->busy = false;
    if (!s->kept)
        stmt_free(s);
}

static int stmt_bind_one(sqlite3_stmt *s, int at, const db_val *v)
{
    switch (v->kind) {
    case DB_INT:
    case DB_BOOL:
    case DB_TIME:
        return sqlite3_bind_int64(s, at, v->i);
    case DB_TEXT:
        return sqlite3_bind_text64(s, at, v->s.p, v->s.n, SQLITE_STATIC, SQLITE_UTF8);
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(s, at);
}

static int stmt_bind(sqlite_conn *c, stmt *s, const db_val *args, unsigned n)
{
    if (sqlite3_bind_parameter_count(s->native) != (int)n) {
        log_error("database: %u arguments for: %.120s", n, s->text);
        return SIO_EINVAL;
    }
    for (unsigned i = 0; i < n; i++) {
        if (stmt_bind_one(s->native, (int)i + 1, &args[i]) != SQLITE_OK)
            return conn_error(c, s->text);
    }
    return 0;
}

static int stmt_walk(sqlite_conn *c, stmt *s, db_row_fn *row, void *ctx)
{
    db_row r = {.ops = &db_sqlite, .native = s->native};
    int rc, stop;

    while ((rc = sqlite3_step(s->native)) == SQLITE_ROW) {
        stop = row(ctx, &r);
        if (stop)
            return stop < 0 ? stop : 0;
    }
    return rc == SQLITE_DONE ? 0 : conn_error(c, s->text);
}

static int sqlite_query(db_conn *base, const char *sql, const db_val *args, unsigned n, db_row_fn *row,
                        void *ctx)
{
    sqlite_conn *c = conn_of(base);
    stmt *s;
    int err = stmt_get(c, sql, &s);

    if (err < 0)
        return err;
    err = stmt_bind(c, s, args, n);
    if (err == 0)
        err = stmt_walk(c, s, row, ctx);
    stmt_put(s);
    return err;
}

static int sqlite_script(db_conn *base, const char *sql)
{
    sqlite_conn *c = conn_of(base);

    return sqlite3_exec(c->native, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : conn_error(c, sql);
}

static int64_t sqlite_changes(db_conn *c) { return sqlite3_changes64(conn_of(c)->native); }

static int64_t sqlite_written(db_conn *c) { return sqlite3_total_changes64(conn_of(c)->native); }

static int64_t sqlite_col_int(const db_row *r, unsigned i) { return sqlite3_column_int64(r->native, (int)i); }

static sio_str sqlite_col_text(const db_row *r, unsigned i)
{
    const char *p = (const char *)sqlite3_column_text(r->native, (int)i);

    return (sio_str){p, p ? (size_t)sqlite3_column_bytes(r->native, (int)i) : 0};
}

/* ---- transactions ---------------------------------------------------------------------------------- */

static int on_no_row(void *ctx, const db_row *r)
{
    (void)ctx;
    (void)r;
    return 0;
}

static int sqlite_post(db_conn *c, const char *sql, const db_val *args, unsigned n)
{
    return sqlite_query(c, sql, args, n, on_no_row, NULL);
}

static int command(db_conn *c, const char *sql) { return sqlite_post(c, sql, NULL, 0); }

static db_state sqlite_state(db_conn *c)
{
    return sqlite3_get_autocommit(conn_of(c)->native) ? DB_OUT : DB_IN;
}
static int sqlite_begin(db_conn *c, bool write) { return command(c, write ? "BEGIN IMMEDIATE" : "BEGIN"); }
static int sqlite_save(db_conn *c) { return command(c, "SAVEPOINT job"); }
static int sqlite_release(db_conn *c) { return command(c, "RELEASE SAVEPOINT job"); }
static int sqlite_commit(db_conn *c) { return command(c, "COMMIT"); }
static void sqlite_rollback(db_conn *c) { command(c, "ROLLBACK"); }

static int sqlite_undo(db_conn *c)
{
    int err = command(c, "ROLLBACK TO SAVEPOINT job");

    return err < 0 ? err : sqlite_release(c);
}

/* ---- the log --------------------------------------------------------------------------------------- */

static int on_wal(void *arg, sqlite3 *native, const char *name, int pages)
{
    (void)native;
    (void)name;
    ((sqlite_conn *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

/* A checkpoint takes up to 90 ms here: better while nobody waits than in the middle of a commit, where
 * SQLite would do it by itself. PASSIVE never waits for readers. */
static void sqlite_tidy(db_conn *base, bool busy)
{
    sqlite_conn *c = conn_of(base);

    if (c->wal_pages < (busy ? WAL_BUSY : WAL_IDLE))
        return;
    c->wal_pages = 0;
    if (sqlite3_wal_checkpoint_v2(c->native, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK)
        conn_log(c, "checkpoint");
}

/* ---- life ------------------------------------------------------------------------------------------ */

static int on_mode(void *ctx, const db_row *r)
{
    *(bool *)ctx = sio_str_eq(db_col_text(r, 0), sio_lit("wal"));
    return 0;
}

static int writer_setup(sqlite_conn *c)
{
    bool wal = false;
    int err = sqlite_query(&c->base, "PRAGMA journal_mode = WAL", NULL, 0, on_mode, &wal);

    if (err == 0 && !wal)
        err = SIO_EIO;
    if (err == 0)
        err = sqlite_script(&c->base, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                                      "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384;");
    if (err == 0)
        sqlite3_wal_hook(c->native, on_wal, c); /* replaces the automatic checkpoint */
    return err;
}

/* Makes the file first, since SQLite would make it readable for everybody; its companions copy the mode. */
static void file_make(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd); /* before SQLite opens it: closing later would drop SQLite's locks */
}

static void sqlite_close(db_conn *base)
{
    sqlite_conn *c = conn_of(base);

    for (unsigned i = 0; i < c->cached; i++)
        stmt_free(c->cache[i]);
    sqlite3_close(c->native);
    free(c);
}

/* "sqlite:" and a path; ///a and /a are absolute, //a and a relative. */
static int path_check(const char **path, char *err, size_t nerr)
{
    *path += strlen("sqlite:");
    if (strncmp(*path, "//", 2) == 0)
        *path += 2;
    if (strcmp(*path, ":memory:") == 0) {
        snprintf(err, nerr,
                 "sqlite::memory: is not supported: readers need a file (put it on a tmpfs instead)");
        return SIO_EINVAL;
    }
    if (**path == '\0') {
        snprintf(err, nerr, "database url has no path: write sqlite:PATH");
        return SIO_EINVAL;
    }
    return 0;
}

static int conn_setup(sqlite_conn *c, const char *path, const db_options *o, bool writer)
{
    int flags = SQLITE_OPEN_NOMUTEX | (writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                              : SQLITE_OPEN_READONLY);

    if (sqlite3_open_v2(path, &c->native, flags, NULL) != SQLITE_OK)
        return SIO_EIO;
    sqlite3_extended_result_codes(c->native, 1);
    sqlite3_busy_timeout(c->native, (int)o->busy_ms);
    return writer ? writer_setup(c) : sqlite_script(&c->base, "PRAGMA query_only = ON");
}

/* SQLite would take a lock of the whole program for every allocation, to keep a sum that nobody asks for. In
 * a program that has used SQLite already this changes nothing. */
static void library_setup(void) { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

static int sqlite_open(db_conn **out, const char *path, const db_options *o, bool writer, char *err,
                       size_t nerr)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sqlite_conn *c;
    int rc = path_check(&path, err, nerr);

    if (rc < 0)
        return rc;
    pthread_once(&once, library_setup);
    c = calloc(1, sizeof(*c));
    if (!c) {
        snprintf(err, nerr, "database: out of memory");
        return SIO_ENOMEM;
    }
    c->base.ops = &db_sqlite;
    if (writer)
        file_make(path);
    rc = conn_setup(c, path, o, writer);
    if (rc < 0) {
        int sys = c->native ? sqlite3_system_errno(c->native) : 0;

        snprintf(err, nerr, "cannot open database %s: %s%s%s", path,
                 c->native ? sqlite3_errmsg(c->native) : "out of memory", sys ? ": " : "",
                 sys ? strerror(sys) : "");
        sqlite_close(&c->base);
        return rc;
    }
    *out = &c->base;
    return 0;
}

const db_backend db_sqlite = {
    .is_migrated = "SELECT count(*) FROM sqlite_schema WHERE name = 'partyline_migrations'",
    .migrations = "CREATE TABLE IF NOT EXISTS partyline_migrations ("
                  " version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)",
    .steps = &db_sqlite_steps,
    .open = sqlite_open,
    .close = sqlite_close,
    .query = sqlite_query,
    .post = sqlite_post,
    .script = sqlite_script,
    .changes = sqlite_changes,
    .written = sqlite_written,
    .state = sqlite_state,
    .begin = sqlite_begin,
    .save = sqlite_save,
    .release = sqlite_release,
    .undo = sqlite_undo,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .tidy = sqlite_tidy,
    .why = sqlite_why,
    .col_int = sqlite_col_int,
    .col_time = sqlite_col_int,
    .col_text = sqlite_col_text,
};
