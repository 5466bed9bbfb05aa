#include "jobs/dbq_store.h"

#define TRIM_MAX 100 /* finished jobs removed at a time */

/* ---- adding ----------------------------------------------------------------------------------------- */

static int on_ord(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

/* Lower is taken first. Behind (lifo: before) those that wait, also when they came in the
 * same millisecond. */
static int next_ord(db_conn *c, const dbq_new_job *n, int64_t *ord)
{
    int64_t edge = 0, by_time = n->now_ms * 4096;
    const db_val args[] = {db_text(n->queue), db_int(DBQ_WAITING), db_int(n->o->priority)};
    int err = db_query(c,
                       n->o->lifo ? "SELECT min(ord) FROM partyline_jobs WHERE queue = ?1"
                                    " AND state = ?2 AND priority = ?3"
                                  : "SELECT max(ord) FROM partyline_jobs WHERE queue = ?1"
                                    " AND state = ?2 AND priority = ?3",
                       args, 3, on_ord, &edge);

    if (n->o->lifo)
        *ord = edge && edge <= -by_time ? edge - 1 : -by_time;
    else
        *ord = edge >= by_time ? edge + 1 : by_time;
    return err;
}

int dbq_store_add(db_conn *c, const dbq_new_job *n)
{
    const job_options *o = n->o;
    int64_t ord;
    int err = next_ord(c, n, &ord);

    if (err < 0)
        return err;
    err = db_exec(
        c,
        "INSERT INTO partyline_jobs (queue, id, name, data, state, priority, ord, due_at, attempts,"
        " backoff, backoff_ms, jitter,"
        " complete_count, complete_age, fail_count, fail_age, created_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
        " ON CONFLICT (queue, id) DO NOTHING",
        db_args(db_text(n->queue), db_text(n->id), db_text(n->name), db_text(n->data),
                db_int(o->delay_ms ? DBQ_DELAYED : DBQ_WAITING), db_int(o->priority), db_int(ord),
                db_int(n->now_ms + o->delay_ms), db_int(o->attempts ? o->attempts : 1), db_int(o->backoff),
                db_int(o->backoff_ms), db_int((int64_t)(o->jitter * 1000)), db_int(o->on_complete.count),
                db_int(o->on_complete.age_s), db_int(o->on_fail.count), db_int(o->on_fail.age_s),
                db_int(n->now_ms)));

    return err == 0 && db_changes(c) == 0 ? SIO_EEXIST : err;
}

/* ---- taking ----------------------------------------------------------------------------------------- */

typedef struct gate {
    bool    paused;
    int64_t since, taken;            /* of the rate's window */
} gate;

static int on_gate(void *ctx, const db_row *r)
{
    *(gate *)ctx = (gate){db_col_bool(r, 0), db_col_int(r, 1), db_col_int(r, 2)};
    return 0;
}

/* How many may be taken now. */
static int allowance(db_conn *c, const dbq_take *t, unsigned *max)
{
    gate g = {0};
    int err = db_query(c, "SELECT paused, window_at, window_n FROM partyline_queues WHERE name = ?1",
                       db_args(db_text(t->queue)),
                       on_gate, &g);

    *max = g.paused ? 0 : t->max;
    if (err < 0 || !t->rate_max || g.since + t->rate_ms <= t->now_ms)
        g.taken = 0;
    if (err == 0 && t->rate_max && *max > t->rate_max - (g.taken < t->rate_max ? g.taken : t->rate_max))
        *max = (unsigned)(t->rate_max - (g.taken < t->rate_max ? g.taken : t->rate_max));
    return err;
}

static int count_taken(db_conn *c, const dbq_take *t, int64_t n)
{
    return db_exec(c,
                   "INSERT INTO partyline_queues (name, paused, window_at, window_n) VALUES (?1, ?5, ?2, ?3)"
                   " ON CONFLICT (name) DO UPDATE SET"
                   " window_n = CASE WHEN partyline_queues.window_at + ?4 <= ?2 THEN ?3 ELSE"
                   " partyline_queues.window_n + ?3 END,"
                   " window_at = CASE WHEN partyline_queues.window_at + ?4 <= ?2 THEN ?2 ELSE"
                   " partyline_queues.window_at END",
                   db_args(db_text(t->queue), db_int(t->now_ms), db_int(n), db_int(t->rate_ms),
                           db_bool(false)));
}

typedef struct taking {
    dbq_row_fn *row;
    void       *ctx;
    int64_t     n;
} taking;

static int on_taken(void *ctx, const db_row *r)
{
    taking *k = ctx;
    dbq_row row = {.id = db_col_text(r, 0), .name = db_col_text(r, 1), .data = db_col_text(r, 2),
                   .priority = db_col_int(r, 3), .ord = db_col_int(r, 4),
                   .attempts = (unsigned)db_col_int(r, 5),
                   .attempts_made = (unsigned)db_col_int(r, 6), .backoff = (int)db_col_int(r, 7),
                   .backoff_ms = db_col_int(r, 8), .jitter = (double)db_col_int(r, 9) / 1000,
                   .on_complete = {db_col_int(r, 10), db_col_int(r, 11)},
                   .on_fail = {db_col_int(r, 12), db_col_int(r, 13)}};

    k->n++;
    k->row(k->ctx, &row);
    return 0;
}

/* Two servers may choose the same rows: the second one waits for the first, finds their state changed
 * and leaves them. */
int dbq_store_take(db_conn *c, const dbq_take *t, dbq_row_fn *row, void *ctx)
{
    taking k = {row, ctx, 0};
    unsigned max = 0;
    int err = db_exec(c,
                      "UPDATE partyline_jobs SET state = ?3 WHERE queue = ?1 AND state = ?4 AND due_at <= ?2",
                      db_args(db_text(t->queue), db_int(t->now_ms), db_int(DBQ_WAITING),
                              db_int(DBQ_DELAYED)));

    if (err < 0 || (err = allowance(c, t, &max)) < 0 || !max)
        return err;
    err = db_query(c,
                   "UPDATE partyline_jobs SET state = ?4, lock_token = ?5, locked_until = ?6"
                   " WHERE queue = ?1 AND state = ?2"
                   " AND id IN (SELECT id FROM partyline_jobs WHERE queue = ?1 AND state = ?2"
                   " ORDER BY priority, ord LIMIT ?3)"
                   " RETURNING id, name, data, priority, ord, attempts, attempts_made, backoff,"
                   " backoff_ms, jitter,"
                   " complete_count, complete_age, fail_count, fail_age",
                   db_args(db_text(t->queue), db_int(DBQ_WAITING), db_int(max), db_int(DBQ_ACTIVE),
                           db_text(t->token),
                           db_int(t->now_ms + t->lock_ms)),
                   on_taken, &k);
    return err == 0 && t->rate_max && k.n ? count_taken(c, t, k.n) : err;
}

static int on_outlook(void *ctx, const db_row *r)
{
    dbq_outlook *out = ctx;

    out->ready = db_col_int(r, 0) > 0;
    if (db_col_int(r, 1))
        out->next_ms = db_col_int(r, 1);
    return 0;
}

int dbq_store_outlook(db_conn *c, sio_str queue, int64_t now_ms, dbq_outlook *out)
{
    int err;

    *out = (dbq_outlook){.next_ms = INT64_MAX};
    err = db_query(c,
                   "SELECT (SELECT count(*) FROM (SELECT 1 FROM partyline_jobs WHERE queue = ?1"
                   " AND state = ?2 LIMIT 1) AS w),"
                   " (SELECT min(due_at) FROM partyline_jobs WHERE queue = ?1 AND state = ?3)",
                   db_args(db_text(queue), db_int(DBQ_WAITING), db_int(DBQ_DELAYED)), on_outlook, out);
    out->ready |= err == 0 && out->next_ms <= now_ms;
    return err;
}

/* ---- ending ----------------------------------------------------------------------------------------- */

static int changed(db_conn *c, int err) { return err < 0 ? err : db_changes(c) > 0; }

static int remove_taken(db_conn *c, sio_str queue, sio_str id, sio_str token)
{
    return changed(c, db_exec(c,
                              "DELETE FROM partyline_jobs WHERE queue = ?1 AND id = ?2 AND lock_token = ?3",
                              db_args(db_text(queue), db_text(id), db_text(token))));
}

static bool keeps_none(job_keep k) { return k.count == 0 && k.age_s == 0; }

#define FINISH(column) \
    "UPDATE partyline_jobs SET state = ?4, lock_token = NULL, " column " = ?5, finished_at = ?6," \
    " attempts_made = attempts_made + 1 WHERE queue = ?1 AND id = ?2 AND lock_token = ?3"

int dbq_store_finish(db_conn *c, sio_str queue, const dbq_row *r, sio_str token, enum dbq_state state,
                     sio_str text, int64_t now_ms)
{
    bool failed = state == DBQ_FAILED;

    if (keeps_none(failed ? r->on_fail : r->on_complete))
        return remove_taken(c, queue, r->id, token);
    return changed(c, db_exec(c, failed ? FINISH("reason") : FINISH("result"),
                              db_args(db_text(queue), db_text(r->id), db_text(token), db_int(state),
                                      db_text(text), db_int(now_ms))));
}

int dbq_store_again(db_conn *c, sio_str queue, const dbq_row *r, sio_str token, sio_str reason,
                    int64_t due_ms, int64_t now_ms)
{
    return changed(c, db_exec(c,
                              "UPDATE partyline_jobs SET state = ?4, lock_token = NULL, reason = ?5,"
                              " due_at = ?6, ord = ?7,"
                              " attempts_made = attempts_made + 1 WHERE queue = ?1 AND id = ?2"
                              " AND lock_token = ?3",
                              db_args(db_text(queue), db_text(r->id), db_text(token),
                                      db_int(due_ms > now_ms ? DBQ_DELAYED : DBQ_WAITING), db_text(reason),
                                      db_int(due_ms),
                                      db_int(now_ms * 4096))));
}

int dbq_store_release(db_conn *c, sio_str queue, sio_str id, sio_str token, int64_t now_ms)
{
    return changed(c, db_exec(c,
                              "UPDATE partyline_jobs SET state = ?4, lock_token = NULL, ord = ?5"
                              " WHERE queue = ?1 AND id = ?2 AND lock_token = ?3",
                              db_args(db_text(queue), db_text(id), db_text(token), db_int(DBQ_WAITING),
                                      db_int(-now_ms * 4096))));
}

int dbq_store_progress(db_conn *c, sio_str queue, sio_str id, sio_str token, sio_str progress)
{
    return changed(c, db_exec(c,
                              "UPDATE partyline_jobs SET progress = ?4 WHERE queue = ?1 AND id = ?2"
                              " AND lock_token = ?3",
                              db_args(db_text(queue), db_text(id), db_text(token), db_text(progress))));
}

int dbq_store_trim(db_conn *c, sio_str queue, enum dbq_state state, job_keep keep, int64_t now_ms)
{
    int err = 0;

    if (keep.age_s)
        err = db_exec(c,
                      "DELETE FROM partyline_jobs WHERE queue = ?1 AND id IN (SELECT id"
                      " FROM partyline_jobs WHERE queue = ?1"
                      " AND state = ?2 AND finished_at < ?3 LIMIT ?4)",
                      db_args(db_text(queue), db_int(state), db_int(now_ms - keep.age_s * 1000),
                              db_int(TRIM_MAX)));
    if (err == 0 && keep.count > 0)
        err = db_exec(c,
                      "DELETE FROM partyline_jobs WHERE queue = ?1 AND id IN (SELECT id"
                      " FROM partyline_jobs WHERE queue = ?1"
                      " AND state = ?2 ORDER BY finished_at DESC, id DESC LIMIT ?4 OFFSET ?3)",
                      db_args(db_text(queue), db_int(state), db_int(keep.count), db_int(TRIM_MAX)));
    return err;
}

/* ---- locks ------------------------------------------------------------------------------------------ */

typedef struct holding {
    void (*held)(void *ctx, sio_str id);
    void  *ctx;
} holding;

static int on_held(void *ctx, const db_row *r)
{
    holding *h = ctx;

    h->held(h->ctx, db_col_text(r, 0));
    return 0;
}

int dbq_store_renew(db_conn *c, sio_str queue, sio_str token, int64_t until_ms,
                    void (*held)(void *ctx, sio_str id), void *ctx)
{
    holding h = {held, ctx};

    return db_query(c,
                    "UPDATE partyline_jobs SET locked_until = ?3 WHERE queue = ?1 AND state = ?4"
                    " AND lock_token = ?2 RETURNING id",
                    db_args(db_text(queue), db_text(token), db_int(until_ms), db_int(DBQ_ACTIVE)), on_held,
                    &h);
}

int dbq_store_stalled(db_conn *c, sio_str queue, unsigned max_stalled, int64_t now_ms)
{
    int err = db_exec(c,
                      "UPDATE partyline_jobs SET state = ?5, lock_token = NULL, finished_at = ?3,"
                      " reason = 'job stalled more than allowable limit'"
                      " WHERE queue = ?1 AND state = ?2 AND locked_until < ?3 AND stalled >= ?4",
                      db_args(db_text(queue), db_int(DBQ_ACTIVE), db_int(now_ms), db_int(max_stalled),
                              db_int(DBQ_FAILED)));

    if (err < 0)
        return err;
    return db_exec(c,
                   "UPDATE partyline_jobs SET state = ?4, lock_token = NULL, stalled = stalled + 1, ord = ?5"
                   " WHERE queue = ?1 AND state = ?2 AND locked_until < ?3",
                   db_args(db_text(queue), db_int(DBQ_ACTIVE), db_int(now_ms), db_int(DBQ_WAITING),
                           db_int(-now_ms * 4096)));
}

/* ---- looking after them ----------------------------------------------------------------------------- */

static int on_count(void *ctx, const db_row *r)
{
    jobs_counts *out = ctx;
    int64_t n = db_col_int(r, 2);

    switch ((enum dbq_state)db_col_int(r, 0)) {
    case DBQ_WAITING:
        *(db_col_int(r, 1) ? &out->prioritized : &out->waiting) += n;
        break;
    case DBQ_DELAYED:
        out->delayed += n;
        break;
    case DBQ_ACTIVE:
        out->active += n;
        break;
    case DBQ_COMPLETED:
        out->completed += n;
        break;
    case DBQ_FAILED:
        out->failed += n;
    }
    return 0;
}

static int on_paused(void *ctx, const db_row *r)
{
    ((jobs_counts *)ctx)->is_paused = db_col_bool(r, 0);
    return 0;
}

int dbq_store_counts(db_conn *c, sio_str queue, jobs_counts *out)
{
    int err;

    *out = (jobs_counts){0};
    err = db_query(c,
                   "SELECT state, CASE WHEN priority > 0 THEN 1 ELSE 0 END, count(*)"
                   " FROM partyline_jobs WHERE queue = ?1"
                   " GROUP BY 1, 2",
                   db_args(db_text(queue)), on_count, out);
    if (err < 0)
        return err;
    return db_query(c, "SELECT paused FROM partyline_queues WHERE name = ?1", db_args(db_text(queue)),
                    on_paused, out);
}

typedef struct showing {
    void (*each)(void *ctx, const job_info *i);
    void  *ctx;
} showing;

static int on_failed(void *ctx, const db_row *r)
{
    showing *s = ctx;
    job_info i = {.id = db_col_text(r, 0), .name = db_col_text(r, 1), .data = db_col_text(r, 2),
                  .failed_reason = db_col_text(r, 3), .attempts_made = (unsigned)db_col_int(r, 4),
                  .created_ms = db_col_int(r, 5), .finished_ms = db_col_int(r, 6)};

    s->each(s->ctx, &i);
    return 0;
}

int dbq_store_failed(db_conn *c, sio_str queue, unsigned from, unsigned n,
                     void (*each)(void *ctx, const job_info *i), void *ctx)
{
    showing s = {each, ctx};

    return db_query(c,
                    "SELECT id, name, data, reason, attempts_made, created_at, finished_at"
                    " FROM partyline_jobs"
                    " WHERE queue = ?1 AND state = ?2 ORDER BY finished_at DESC, id DESC LIMIT ?4 OFFSET ?3",
                    db_args(db_text(queue), db_int(DBQ_FAILED), db_int(from), db_int(n)), on_failed, &s);
}

static int found(db_conn *c, int err) { return err < 0 ? err : db_changes(c) ? 0 : SIO_ENOENT; }

int dbq_store_retry(db_conn *c, sio_str queue, sio_str id, int64_t now_ms)
{
    return found(c, db_exec(c,
                            "UPDATE partyline_jobs SET state = ?4, reason = NULL, finished_at = NULL,"
                            " attempts_made = 0,"
                            " stalled = 0, due_at = ?5, ord = ?6 WHERE queue = ?1 AND id = ?2 AND state = ?3",
                            db_args(db_text(queue), db_text(id), db_int(DBQ_FAILED), db_int(DBQ_WAITING),
                                    db_int(now_ms),
                                    db_int(now_ms * 4096))));
}

int dbq_store_drop(db_conn *c, sio_str queue, sio_str id)
{
    return found(c, db_exec(c, "DELETE FROM partyline_jobs WHERE queue = ?1 AND id = ?2 AND state = ?3",
                            db_args(db_text(queue), db_text(id), db_int(DBQ_FAILED))));
}

int dbq_store_pause(db_conn *c, sio_str queue, bool pause)
{
    return db_exec(c,
                   "INSERT INTO partyline_queues (name, paused, window_at, window_n) VALUES (?1, ?2, 0, 0)"
                   " ON CONFLICT (name) DO UPDATE SET paused = excluded.paused",
                   db_args(db_text(queue), db_bool(pause)));
}
