/* What the files of the PostgreSQL backend share. */
#ifndef DB_PG_INT_H
#define DB_PG_INT_H

#include "db/db_int.h"

#include <libpq-fe.h>
#include <time.h>

#define PG_ARGS_MAX 32

/* ---- values (pg_val.c) ----------------------------------------------------------------------------- */

/* Everything travels as text, its type left to the server to infer: so enums, timestamps and booleans of the
 * Prisma schema take what SQLite's integers and texts take. */
typedef struct pg_args {
    const char *text[PG_ARGS_MAX];
    char        number[PG_ARGS_MAX][32];
    char       *copy; /* the texts, each with a 0 byte behind it */
} pg_args;

/* 0, SIO_EINVAL for text with a 0 byte in it, SIO_ENOMEM. Free with pg_args_fini when 0 was returned. */
int  pg_args_init(pg_args *a, const db_val *v, unsigned n);
void pg_args_fini(pg_args *a);

/* "2026-01-31 23:59:59.123456" of UTC, cut to milliseconds; false for what is not of this form
 * (infinity, BC). */
bool pg_time_get(const char *text, int64_t *ms);

int64_t pg_col_int(const db_row *r, unsigned i);
int64_t pg_col_time(const db_row *r, unsigned i);
sio_str pg_col_text(const db_row *r, unsigned i);

/* ?1 becomes $1, outside of quotes; the length stays. Returns the highest number, PG_ARGS_MAX +
 * 1 when above. */
unsigned pg_sql_translate(char *sql);

/* ---- where (pg_url.c) ------------------------------------------------------------------------------ */

/* A URL taken apart for PQconnectStartParams. */
typedef struct pg_target {
    char        schema[64]; /* of Party Gallery's tables */
    char       *url;        /* without what only Prisma understands */
    const char *key[8], *value[8];
} pg_target;

/* Takes a URL, also one of Prisma's with schema=, connection_limit= and the like. 0; SIO_EINVAL with err as
 * db_open, which never holds the password. */
int  pg_target_init(pg_target *t, const char *url, char *err, size_t nerr);
void pg_target_fini(pg_target *t);

/* ---- a connection (pg_conn.c) ---------------------------------------------------------------------- */

#define PG_CACHE 64  /* prepared statements kept; programs use a fixed set */
#define PG_SENT  256 /* answers that may be outstanding */

typedef struct pg_stmt {
    uint32_t hash;
    unsigned nargs;
    unsigned number;   /* its name on the server, new each time it is prepared */
    bool     prepared; /* or about to be */
    char    *sql, *native;
} pg_stmt;

/* What was sent and not answered yet, in order. */
typedef enum pg_kind { PG_PREPARE, PG_COMMAND, PG_XID, PG_POST, PG_QUERY, PG_SYNC } pg_kind;
typedef struct pg_sent {
    pg_kind  kind;
    pg_stmt *stmt;     /* PG_PREPARE */
    unsigned job;
    bool     is_stale; /* of a transaction that was given up: its errors are of no interest */
} pg_sent;

/* Who we are to the server: what is needed to look up, later, what became of us. */
typedef struct pg_self {
    char timeline[40]; /* changes when another server takes over */
    char pid[16], started[48];
    char xid[24];      /* of the transaction, "" while not known */
} pg_self;

typedef struct pg_conn {
    db_conn   base;
    pg_target target;
    bool      is_writer;
    unsigned  busy_ms, reply_ms;
    PGconn   *native;      /* in pipeline mode; NULL only before the first */
    db_state  state;
    unsigned  job;         /* counts save */
    int       failed;      /* of the current job: what befell it; nothing more may be sent */
    int       late;        /* of the job before: the same */
    bool      in_commit;   /* sent, and not answered */
    bool      no_lock;     /* lock_timeout struck: others of the batch do not wait as long */
    bool      wants_undo;  /* a command of ours failed: the transaction is to be given up */
    bool      conflict, old_plans;
    int64_t   changes;
    pg_stmt   cache[PG_CACHE];
    unsigned  cached, numbers;
    pg_sent   sent[PG_SENT];
    unsigned  nsent, synced; /* and how many of them have a sync behind them */
    unsigned  posted;      /* jobs up to this one may have posts outstanding; 0: none */
    pg_self   self, last;  /* now, and the connection that was lost */
    pg_self   unsettled;   /* with in_commit: the one whose commit it was */
    time_t    logged;
    char      why[300];
} pg_conn;

static inline pg_conn *pg_conn_of(db_conn *c) { return (pg_conn *)c; }
_Static_assert(offsetof(pg_conn, base) == 0, "pg_conn_of");

/* Milliseconds of a clock that only goes forward. */
int64_t pg_now(void);
/* The connection is of no use any more: state AWAY. Returns SIO_EUNAVAILABLE. */
int     pg_lost(pg_conn *c);
/* The next answer, within reply_ms; NULL at the end of one statement's, or when the connection is
 * lost (state). */
PGresult *pg_next(pg_conn *c, unsigned reply_ms);
/* The SIO_E* of a failed result; sets why, conflict, no_lock, and the state when the connection
 * goes with it. */
int     pg_error(pg_conn *c, const PGresult *r);
/* Logs the last error and the statement, never its values; at most once a second. */
void    pg_log(pg_conn *c, const char *sql);
/* Backend operations. */
int     pg_open(db_conn **out, const char *url, const db_options *o, bool writer, char *err, size_t nerr);
void    pg_close(db_conn *c);
int     pg_revive(db_conn *c, unsigned ms);

/* ---- statements (pg.c) ----------------------------------------------------------------------------- */

int     pg_query(db_conn *c, const char *sql, const db_val *args, unsigned n, db_row_fn *row, void *ctx);
int     pg_script(db_conn *c, const char *sql);

#endif
