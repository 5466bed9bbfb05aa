/* Between db.c (queues, threads, batches) and a backend (connections, statements). */
#ifndef DB_DB_INT_H
#define DB_DB_INT_H

#include "db/db.h"

/* What a database is, behind the face. All calls on a connection come from the one thread that owns it. */
typedef struct db_backend {
    const char *begin_write; /* opens a transaction that will not fail for a lock later */
    const char *begin_read;  /* opens a transaction with one snapshot */
    const char *is_migrated; /* a query: 1 when the table partyline_migrations exists, else 0 */
    /* `where` is the url without its scheme. Errors as db_open. */
    int       (*open)(db_conn **out, const char *where, const db_options *o, bool writer, char *err, size_t nerr);
    void      (*close)(db_conn *c);
    int       (*query)(db_conn *c, const char *sql, const db_val *args, unsigned n, db_row_fn *row, void *ctx);
    int       (*script)(db_conn *c, const char *sql); /* several statements without parameters or rows */
    int64_t   (*changes)(db_conn *c);
    bool      (*active)(db_conn *c);                  /* inside a transaction? */
    /* Writer only, between batches: house-keeping; busy when more work waits. */
    void      (*tidy)(db_conn *c, bool busy);
    const char *(*why)(db_conn *c);                   /* text of the last error */
    int64_t   (*col_int)(const db_row *r, unsigned i);
    int64_t   (*col_time)(const db_row *r, unsigned i);
    sio_str   (*col_text)(const db_row *r, unsigned i);
} db_backend;

struct db_conn {
    const db_backend *ops; /* first member of every backend's connection */
};

struct db_row {
    const db_backend *ops;
    void             *native;
};

extern const db_backend db_sqlite;

/* A step of the schema: forward only, numbered from 1 without gaps, never changed after a release. */
typedef struct db_step {
    const char *name;
    const char *sql;
} db_step;

/* Brings a database up to the last of n steps, each in a transaction of its own, and notes it in the table
 * partyline_migrations. Safe against a second process that does the same. With apply false nothing is
 * changed and an old schema is SIO_ESTATE. A schema newer than the steps is SIO_ESTATE too. err as
 * db_open. */
int db_migrate(db_conn *c, const db_step *steps, unsigned n, bool apply, char *err, size_t nerr);

extern const db_step  db_sqlite_steps[];
extern const unsigned db_sqlite_steps_n;

#endif
