#include "db/db_int.h"

#include <stdio.h>
#include <time.h>

static int on_version(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

static int version_read(db_conn *c, int64_t *version)
{
    *version = 0;
    return db_query(c, "SELECT max(version) FROM partyline_migrations", db_no_args, on_version, version);
}

static int version_note(db_conn *c, int64_t version, const char *name)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return db_exec(c, "INSERT INTO partyline_migrations (version, name, applied_at) VALUES (?1, ?2, ?3)",
                   db_args(db_int(version), db_text(sio_str_z(name)),
                           db_time((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000)));
}

static int step_apply(db_conn *c, const db_step *s, int64_t version)
{
    int err = c->ops->script(c, s->sql);

    return err < 0 ? err : version_note(c, version, s->name);
}

static int fault(db_conn *c, int rc, char *err, size_t nerr)
{
    snprintf(err, nerr, "database: %s", c->ops->why(c));
    return rc;
}

/* Inside a transaction: looks where we are and goes one step. 1 when the last step was reached before. */
static int step_next(db_conn *c, char *err, size_t nerr)
{
    const db_step_list *steps = c->ops->steps;
    int64_t version;
    int rc = c->ops->migrate_lock ? c->ops->script(c, c->ops->migrate_lock) : 0;

    if (rc == 0)
        rc = c->ops->script(c, c->ops->migrations);
    if (rc == 0)
        rc = version_read(c, &version);
    if (rc < 0)
        return fault(c, rc, err, nerr);
    if (version > steps->n) {
        snprintf(err, nerr, "database: schema version %lld is newer than this program knows (%u)",
                 (long long)version, steps->n);
        return SIO_ESTATE;
    }
    if (version == steps->n)
        return 1;
    rc = step_apply(c, &steps->step[version], version + 1);
    if (rc < 0)
        snprintf(err, nerr, "database: schema step %lld (%s): %s", (long long)version + 1,
                 steps->step[version].name, c->ops->why(c));
    return rc;
}

static int step_transaction(db_conn *c, char *err, size_t nerr)
{
    int end, rc = c->ops->begin(c, true);

    if (rc < 0)
        return fault(c, rc, err, nerr);
    rc = step_next(c, err, nerr);
    if (rc < 0) {
        c->ops->rollback(c);
        return rc;
    }
    end = c->ops->commit(c);
    return end < 0 ? fault(c, end, err, nerr) : rc;
}

static int migrate_check(db_conn *c, char *err, size_t nerr)
{
    unsigned n = c->ops->steps->n;
    int64_t version = -1;
    int rc = db_query(c, c->ops->is_migrated, db_no_args, on_version, &version);

    if (rc == 0 && version > 0)
        rc = version_read(c, &version);
    if (rc < 0)
        return fault(c, rc, err, nerr);
    if (version == n)
        return 0;
    snprintf(err, nerr, "database: schema version is %lld, this program needs %u: run `partyline migrate`",
             (long long)version, n);
    return SIO_ESTATE;
}

int db_migrate(db_conn *c, bool apply, unsigned *applied, char *err, size_t nerr)
{
    unsigned n = 0;
    int rc;

    if (!apply)
        return migrate_check(c, err, nerr);
    while ((rc = step_transaction(c, err, nerr)) == 0)
        n++;
    if (rc < 0)
        return rc;
    if (applied)
        *applied = n;
    return 0;
}
