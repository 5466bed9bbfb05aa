/* The writer: everything that waits goes into one transaction, each job inside a savepoint of its own, or
 * without one where it can be told whether there is anything to undo. */
#include "base/rand.h"
#include "db/db_int.h"

#define CONFLICTS 8 /* times that a job is run because another program was in the way */
#define LOSSES    3 /* connections that one batch may lose */
#define TOLD_TOGETHER 64 /* jobs whose ends wake a loop once */

/* What became of a batch; otherwise an SIO_E* that befell all of it. */
enum { BATCH_OK = 0, BATCH_DROPPED = -1000, BATCH_CONFLICT = -1001, BATCH_AWAY = -1002,
       BATCH_SPOILT = -1003 };

/* ---- one transaction ------------------------------------------------------------------------------- */

/* Whether the transaction is gone, and how; else 0. */
static int gone(db_conn *c)
{
    switch (db_conn_state(c)) {
    case DB_IN:
        return 0;
    case DB_CONFLICT:
        return BATCH_CONFLICT;
    case DB_AWAY:
        return BATCH_AWAY;
    case DB_OUT:
        break;
    }
    return BATCH_DROPPED;
}

static void job_run_saved(db_conn *c, db_job *j)
{
    j->err = c->ops->save(c);
    if (j->err < 0)
        return;
    j->err = j->run(j, c);
    if (db_conn_state(c) != DB_IN) { /* the savepoint went with the transaction */
        j->err = j->err < 0 ? j->err : SIO_EIO;
        return;
    }
    if (j->err >= 0)
        j->err = c->ops->release(c);
    if (j->err < 0)
        c->ops->undo(c);
}

/* Jobs from *at on, until all have run or the transaction is gone. An error may belong to the job before
 * (late): then that one has its error, and the current one starts again. Where other programs write too, what
 * a job ran into (SIO_EEXIST) may have been committed after it looked: it gets to look once more. */
static int jobs_run(db_conn *c, db_job *first)
{
    db_job *at = first, *before = NULL, *again = NULL;
    int late, lost = 0, err = 0;

    while (lost == 0) {
        db_job *culprit = at;

        if (at)
            job_run_saved(c, at);
        else if ((err = c->ops->commit(c)) == 0)
            return BATCH_OK;
        lost = gone(c);
        late = lost == 0 && c->ops->late ? c->ops->late(c) : 0;
        if (late < 0) {
            culprit = before;
            culprit->err = late;
            before = NULL;
        } else if (!at) {
            return lost && lost != BATCH_DROPPED ? lost : err; /* the commit failed, none of them did */
        }
        if (lost == 0 && culprit->err == SIO_EEXIST && c->ops->is_shared && again != culprit) {
            again = at = culprit;
        } else if (late == 0) {
            before = at;
            at = at->next;
        }
    }
    return lost;
}

/* Without savepoints: they cost as much as a job's own statements, and nearly every job that fails does so
 * before it wrote anything. One that did write spoils the batch. */
static int jobs_run_bare(db_conn *c, db_job *first)
{
    for (db_job *j = first; j; j = j->next) {
        int64_t before = c->ops->written(c);
        int lost;

        j->err = j->run(j, c);
        if ((lost = gone(c)) != 0) {
            j->err = j->err < 0 ? j->err : SIO_EIO;
            return lost;
        }
        if (j->err < 0 && c->ops->written(c) != before)
            return BATCH_SPOILT;
    }
    return c->ops->commit(c);
}

static int batch_attempt(db_conn *c, db_job *first, int (*run)(db_conn *c, db_job *first))
{
    int err = c->ops->begin(c, true);

    if (err == 0)
        err = run(c, first);
    else if (db_conn_state(c) == DB_AWAY)
        return BATCH_AWAY;
    if (err < 0 && db_conn_state(c) == DB_IN)
        c->ops->rollback(c);
    return err;
}

static int batch_commit(db_conn *c, db_job *first)
{
    int err = c->ops->written ? batch_attempt(c, first, jobs_run_bare) : BATCH_SPOILT;

    return err == BATCH_SPOILT ? batch_attempt(c, first, jobs_run) : err;
}

/* ---- a batch --------------------------------------------------------------------------------------- */

/* Two programs that gave way to each other in step would meet again: they wait for times of their own. */
static void conflict_pause(db_worker *w, unsigned conflicts)
{
    uint8_t r;

    rand_bytes(&r, sizeof(r));
    db_queue_pause(w->queue, ((unsigned)r << conflicts) / 128 + 1, false);
}

/* Until it is committed, or cannot be. A connection that was lost during the commit leaves open which: it is
 * looked up, never guessed. */
static int batch_try(db_worker *w, db_job *first)
{
    unsigned losses = 0, conflicts = 0;
    int err = db_conn_state(w->conn) == DB_AWAY ? BATCH_AWAY : batch_commit(w->conn, first);

    for (;;) {
        if (err == BATCH_CONFLICT && !first->next && ++conflicts < CONFLICTS) {
            conflict_pause(w, conflicts);
            err = batch_commit(w->conn, first);
        } else if (err != BATCH_AWAY) {
            return err;
        } else if (++losses > LOSSES || db_worker_revive(w) < 0) {
            return SIO_EUNAVAILABLE;
        } else {
            int settled = w->conn->ops->settle(w->conn);

            if (settled > 0)
                return BATCH_OK;
            err = db_conn_state(w->conn) == DB_AWAY ? BATCH_AWAY : settled;
            if (err == 0)
                err = batch_commit(w->conn, first);
        }
    }
}

static int batch_try_timed(db_worker *w, db_job *first)
{
    uint64_t began = db_clock_us();
    unsigned jobs = 0;
    int err = batch_try(w, first);

    for (const db_job *j = first; j; j = j->next)
        jobs++;
    if (err == BATCH_OK)
        db_observe_batch(&w->stats, began, jobs);
    return err;
}

/* The loops hear of the jobs of a batch together, and of a large one in parts: while one tells what the first
 * part said, we make the next. */
static void batch_finish(db_queue *q, db_job *first, int err)
{
    unsigned told = 0;
    db_job *next;

    loop_wakes_hold();
    for (db_job *j = first; j; j = next) {
        next = j->next;
        if (err == BATCH_CONFLICT)
            j->err = SIO_ETIMEOUT;
        else if (err == BATCH_DROPPED)
            j->err = j->err < 0 ? j->err : SIO_EIO;
        else if (err < 0)
            j->err = err;
        db_queue_finish(q, j, true);
        if (++told % TOLD_TOGETHER == 0) {
            loop_wakes_release();
            loop_wakes_hold();
        }
    }
    loop_wakes_release();
}

/* A batch that was lost to one of its jobs is run again job by job, so that only the culprit fails. */
static void batch_run(db_worker *w, db_job *first)
{
    int err = batch_try_timed(w, first);
    db_job *next;

    if ((err != BATCH_DROPPED && err != BATCH_CONFLICT) || !first->next) {
        batch_finish(w->queue, first, err);
        return;
    }
    for (db_job *j = first; j; j = next) {
        next = j->next;
        j->next = NULL;
        batch_finish(w->queue, j, w->broken ? SIO_EUNAVAILABLE : batch_try_timed(w, j));
    }
}

/* Cuts off the first jobs of *list, at most max. */
static db_job *batch_cut(db_job **all, unsigned max)
{
    db_job *first = *all, *last = first;

    for (unsigned n = 1; n < max && last->next; n++)
        last = last->next;
    *all = last->next;
    last->next = NULL;
    return first;
}

/* In the order of lanes, and each lane as it was. A batch is short and mostly in order. */
static db_job *batch_sort(db_job *first)
{
    db_job *sorted = NULL, *next, **at;

    for (db_job *j = first; j; j = next) {
        next = j->next;
        for (at = &sorted; *at && (*at)->lane <= j->lane; at = &(*at)->next)
            ;
        j->next = *at;
        *at = j;
    }
    return sorted;
}

void *db_writer_main(void *arg)
{
    db_worker *w = arg;
    db_job *all;

    pthread_setname_np(pthread_self(), "db-writer");
    while ((all = db_queue_take_all(w->queue)) != NULL) {
        while (all && !w->broken) {
            db_job *batch = batch_cut(&all, w->max_batch);

            batch_run(w, w->conn->ops->is_shared ? batch_sort(batch) : batch);
            w->conn->ops->tidy(w->conn, !db_queue_is_empty(w->queue));
        }
        if (w->broken) {
            db_queue_fail(w->queue, all, SIO_EUNAVAILABLE);
            db_worker_sit_out(w);
        }
    }
    return NULL;
}
