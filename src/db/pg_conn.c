/* A connection to PostgreSQL: made, waited on, lost, made again. Every wait has an end, so that a server that
 * is silent is as good as one that is gone. */
#include "base/log.h"
#include "db/pg_int.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define OPEN_MS      10000 /* the first connection */
#define STATEMENT_MS 5000  /* one statement, without waits for locks */
#define OLDEST       130000

int64_t pg_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- errors ---------------------------------------------------------------------------------------- */

/* Copies libpq's words, one line. */
static void pg_why(pg_conn *c, const char *text)
{
    size_t n;

    snprintf(c->why, sizeof(c->why), "%s", text);
    for (n = strlen(c->why); n > 0 && c->why[n - 1] == '\n'; n--)
        c->why[n - 1] = 0;
    for (char *p = c->why; *p; p++)
        *p = *p == '\n' ? ' ' : *p;
}

void pg_log(pg_conn *c, const char *sql)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec == c->logged)
        return;
    c->logged = now.tv_sec;
    log_error("database: %s in: %.120s", c->why, sql);
}

int pg_lost(pg_conn *c)
{
    if (c->state != DB_AWAY && c->native && PQstatus(c->native) == CONNECTION_BAD)
        pg_why(c, PQerrorMessage(c->native));
    c->state = DB_AWAY;
    return SIO_EUNAVAILABLE;
}

static bool starts(const char *code, const char *with) { return strncmp(code, with, strlen(with)) == 0; }

/* Errors that end the connection: it failed, the server stops, an administrator ended it, it
 * idled too long. */
static bool ends_connection(const char *code)
{
    return starts(code, "08") || starts(code, "57P") || strcmp(code, "25P03") == 0;
}

/* Errors that say nothing about the job: two transactions waited for each other, or somebody altered a table
 * under a prepared statement. */
static bool is_conflict(const char *code, const PGresult *r)
{
    const char *where = PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION);

    return strcmp(code, "40001") == 0 || strcmp(code, "40P01") == 0 || strcmp(code, "26000") == 0 ||
           (strcmp(code, "0A000") == 0 && where && strcmp(where, "RevalidateCachedQuery") == 0);
}

int pg_error(pg_conn *c, const PGresult *r)
{
    const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE),
               *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

    if (code && starts(code, "22")) /* its text quotes the value, which may be what somebody wrote */
        snprintf(c->why, sizeof(c->why), "a value that cannot be stored (SQLSTATE %s)", code);
    else
        pg_why(c, text ? text : PQresultErrorMessage(r));
    if (!code || ends_connection(code)) {
        c->state = DB_AWAY;
        return SIO_EUNAVAILABLE;
    }
    if (is_conflict(code, r)) {
        c->conflict = true;
        c->old_plans |= code[0] != '4';
        return SIO_ETIMEOUT;
    }
    if (strcmp(code, "55P03") == 0)
        c->no_lock = true;
    if (strcmp(code, "23505") == 0)
        return SIO_EEXIST;
    if (strcmp(code, "23503") == 0)
        return SIO_ENOENT;
    if (strcmp(code, "55P03") == 0 || strcmp(code, "57014") == 0)
        return SIO_ETIMEOUT;
    if (starts(code, "22") || starts(code, "23"))
        return SIO_EINVAL;
    return strcmp(code, "53200") == 0 ? SIO_ENOMEM : SIO_EIO;
}

/* ---- waiting --------------------------------------------------------------------------------------- */

/* Until the socket is ready; false at the end of the time. */
static bool wait_socket(const pg_conn *c, short events, int64_t end)
{
    struct pollfd p = {.fd = PQsocket(c->native), .events = events};
    int rc;

    do {
        int64_t left = end - pg_now();

        if (left <= 0)
            return false;
        rc = poll(&p, 1, left > 60000 ? 60000 : (int)left);
    } while (rc == 0 || (rc < 0 && errno == EINTR));
    return rc > 0;
}

PGresult *pg_next(pg_conn *c, unsigned reply_ms)
{
    int64_t end = pg_now() + reply_ms;

    while (PQisBusy(c->native)) {
        int unsent = PQflush(c->native);

        if (unsent < 0 && !PQisBusy(c->native))
            break; /* a last word came before the connection broke */
        if (!wait_socket(c, (short)(POLLIN | (unsent > 0 ? POLLOUT : 0)), end)) {
            c->state = DB_AWAY;
            pg_why(c, "the server does not answer");
            return NULL;
        }
        if (!PQconsumeInput(c->native)) {
            pg_lost(c);
            return NULL;
        }
    }
    return PQgetResult(c->native);
}

/* ---- connecting ------------------------------------------------------------------------------------ */

static int connect_wait(pg_conn *c, int64_t end)
{
    PostgresPollingStatusType s = PGRES_POLLING_WRITING;

    if (PQstatus(c->native) == CONNECTION_BAD) {
        pg_why(c, PQerrorMessage(c->native));
        return SIO_EUNAVAILABLE;
    }
    while (s != PGRES_POLLING_OK) {
        if (!wait_socket(c, s == PGRES_POLLING_READING ? POLLIN : POLLOUT, end)) {
            pg_why(c, "timed out while connecting");
            return SIO_EUNAVAILABLE;
        }
        s = PQconnectPoll(c->native);
        if (s == PGRES_POLLING_FAILED) {
            pg_why(c, PQerrorMessage(c->native));
            return SIO_EUNAVAILABLE;
        }
    }
    return 0;
}

/* What this program relies on, whatever server, database and role are set to. What was acknowledged is on
 * disk: a server that acknowledges earlier is told not to. A transaction whose program vanished does not keep
 * its locks for ever. */
static int session_setup(pg_conn *c)
{
    char sql[900];

    snprintf(sql, sizeof(sql),
             "SET search_path TO \"%s\", partyline; SET TIME ZONE 'UTC'; SET datestyle TO 'ISO';"
             "SET standard_conforming_strings TO on; SET lock_timeout TO %u; SET statement_timeout TO %u;"
             "SET idle_in_transaction_session_timeout TO %u;"
             "SELECT set_config('synchronous_commit', 'on', false)"
             " WHERE current_setting('synchronous_commit') = 'off'",
             c->target.schema, c->busy_ms ? c->busy_ms : 1, c->reply_ms - STATEMENT_MS / 10, 6 * c->reply_ms);
    return pg_script(&c->base, sql);
}

static void take_text(const db_row *r, unsigned i, char *out, size_t n)
{
    sio_str s = pg_col_text(r, i);

    snprintf(out, n, "%.*s", (int)s.n, s.p ? s.p : "");
}

static int on_self(void *ctx, const db_row *r)
{
    pg_conn *c = ctx;

    if (pg_col_int(r, 0) && c->is_writer) {
        pg_why(c, "the server is a standby that takes no writes");
        return SIO_EUNAVAILABLE;
    }
    take_text(r, 1, c->self.timeline, sizeof(c->self.timeline));
    take_text(r, 2, c->self.pid, sizeof(c->self.pid));
    take_text(r, 3, c->self.started, sizeof(c->self.started));
    return 0;
}

/* system_identifier tells servers apart, the file name's first 8 digits the takeovers of one. */
static const char self_sql[] =
    "SELECT pg_is_in_recovery(), (SELECT system_identifier::text FROM pg_control_system()) ||"
    " CASE WHEN pg_is_in_recovery() THEN '' ELSE ':' ||"
    " substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END,"
    " pg_backend_pid()::text,"
    " (SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid())";

static int session_check(pg_conn *c)
{
    const char *encoding = PQparameterStatus(c->native, "server_encoding");

    if (PQserverVersion(c->native) < OLDEST) {
        pg_why(c, "PostgreSQL 13 or newer is needed");
        return SIO_EIO;
    }
    if (!encoding || strcmp(encoding, "UTF8") != 0) {
        pg_why(c, "the database's encoding must be UTF8");
        return SIO_EIO;
    }
    return 0;
}

static void conn_reset(pg_conn *c)
{
    PQfinish(c->native);
    c->native = NULL;
    for (unsigned i = 0; i < c->cached; i++)
        c->cache[i].prepared = false;
    c->nsent = c->synced = c->posted = 0;
    c->failed = c->late = 0;
    c->no_lock = c->wants_undo = c->conflict = false;
    c->self.xid[0] = 0;
}

/* A notice is for the log, and libpq would write it to stderr. */
static void on_notice(void *arg, const PGresult *r)
{
    (void)arg;
    log_debug("database: %s", PQresultErrorMessage(r));
}

static int conn_connect(pg_conn *c, unsigned ms)
{
    int rc;

    conn_reset(c);
    c->state = DB_AWAY;
    c->native = PQconnectStartParams(c->target.key, c->target.value, 1);
    if (!c->native)
        return SIO_ENOMEM;
    rc = connect_wait(c, pg_now() + ms);
    if (rc == 0)
        rc = session_check(c);
    if (rc < 0)
        return rc;
    PQsetNoticeReceiver(c->native, on_notice, NULL);
    PQsetnonblocking(c->native, 1);
    PQenterPipelineMode(c->native);
    c->state = DB_OUT;
    rc = session_setup(c);
    if (rc == 0)
        rc = pg_query(&c->base, self_sql, NULL, 0, on_self, c);
    if (rc < 0)
        c->state = DB_AWAY;
    return rc;
}

int pg_revive(db_conn *base, unsigned ms)
{
    pg_conn *c = pg_conn_of(base);

    if (c->self.pid[0]) /* else an attempt that failed: the last one that worked counts */
        c->last = c->self;
    c->self = (pg_self){0};
    return conn_connect(c, ms);
}

/* ---- life ------------------------------------------------------------------------------------------ */

void pg_close(db_conn *base)
{
    pg_conn *c = pg_conn_of(base);

    if (c->state == DB_OUT && c->nsent)
        pg_script(base, ""); /* waits for the last answers: servers complain about clients who do not */
    PQfinish(c->native);
    for (unsigned i = 0; i < c->cached; i++) {
        free(c->cache[i].sql);
        free(c->cache[i].native);
    }
    pg_target_fini(&c->target);
    free(c);
}

int pg_open(db_conn **out, const char *url, const db_options *o, bool writer, char *err, size_t nerr)
{
    pg_conn *c = calloc(1, sizeof(*c));
    int rc;

    if (!c) {
        snprintf(err, nerr, "database: out of memory");
        return SIO_ENOMEM;
    }
    c->base.ops = &db_pg;
    c->is_writer = writer;
    c->busy_ms = o->busy_ms;
    c->reply_ms = o->busy_ms + STATEMENT_MS;
    rc = pg_target_init(&c->target, url, err, nerr);
    if (rc < 0) {
        free(c);
        return rc;
    }
    rc = conn_connect(c, OPEN_MS);
    if (rc < 0) {
        snprintf(err, nerr, "cannot open the database: %s", c->why);
        pg_close(&c->base);
        return SIO_EIO;
    }
    *out = &c->base;
    return 0;
}
