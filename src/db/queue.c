#include "base/list.h"
#include "db/db_int.h"

#include <sched.h>
#include <time.h>

void db_queue_init(db_queue *q, unsigned max, unsigned threads)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->wake, &attr);
    pthread_cond_init(&q->closed, &attr);
    pthread_condattr_destroy(&attr);
    q->tail = &q->head;
    q->max = max;
    q->threads = threads;
}

void db_queue_fini(db_queue *q)
{
    pthread_cond_destroy(&q->wake);
    pthread_cond_destroy(&q->closed);
    pthread_mutex_destroy(&q->lock);
}

/* ---- in and out ------------------------------------------------------------------------------------ */

static int push_check(const db_queue *q)
{
    if (q->closing)
        return SIO_ECLOSED;
    if (q->down)
        return SIO_EUNAVAILABLE;
    return atomic_load_explicit(&q->n, memory_order_relaxed) >= q->max ? SIO_ELIMIT : 0;
}

int db_queue_push(db_queue *q, db_job *j)
{
    bool wake = false;
    int err;

    j->next = NULL;
    j->err = 0;
    pthread_mutex_lock(&q->lock);
    err = push_check(q);
    if (err == 0) {
        *q->tail = j;
        q->tail = &j->next;
        atomic_fetch_add_explicit(&q->n, 1, memory_order_relaxed);
        wake = q->asleep > 0;
    }
    pthread_mutex_unlock(&q->lock);
    if (wake)
        pthread_cond_signal(&q->wake);
    return err;
}

/* Sleeps until there is a job; false when the queue is empty and closed. Locked. */
static bool queue_wait(db_queue *q)
{
    while (!q->head && !q->closing) {
        q->asleep++;
        pthread_cond_wait(&q->wake, &q->lock);
        q->asleep--;
    }
    return q->head != NULL;
}

/* Locked. */
static db_job *queue_cut_all(db_queue *q)
{
    db_job *all = q->head;

    q->head = NULL;
    q->tail = &q->head;
    return all;
}

/* The one who put the first job is in the middle of a turn and puts more. On a core that both share
 * it would be interrupted for one job, with a transaction of its own; it goes on first. Where nobody
 * else wants to run here, this is a system call that returns at once. */
db_job *db_queue_take_all(db_queue *q)
{
    db_job *all = NULL;

    pthread_mutex_lock(&q->lock);
    if (queue_wait(q)) {
        pthread_mutex_unlock(&q->lock);
        sched_yield();
        pthread_mutex_lock(&q->lock);
        all = queue_cut_all(q); /* there still: the jobs of this queue are taken by nobody else */
    }
    pthread_mutex_unlock(&q->lock);
    return all;
}

db_job *db_queue_take_one(db_queue *q)
{
    db_job *j = NULL;

    pthread_mutex_lock(&q->lock);
    if (queue_wait(q)) {
        j = q->head;
        q->head = j->next;
        if (!q->head)
            q->tail = &q->head;
    }
    pthread_mutex_unlock(&q->lock);
    return j;
}

bool db_queue_is_empty(db_queue *q) { return atomic_load_explicit(&q->n, memory_order_relaxed) == 0; }

/* ---- closing --------------------------------------------------------------------------------------- */

void db_queue_close(db_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closing = true;
    pthread_mutex_unlock(&q->lock);
    pthread_cond_broadcast(&q->wake);
    pthread_cond_broadcast(&q->closed);
}

bool db_queue_is_closing(db_queue *q)
{
    bool closing;

    pthread_mutex_lock(&q->lock);
    closing = q->closing;
    pthread_mutex_unlock(&q->lock);
    return closing;
}

void db_queue_pause(db_queue *q, unsigned ms, bool until_closed)
{
    struct timespec end;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += (long)(ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&q->lock);
    while (rc == 0 && !(until_closed && q->closing))
        rc = pthread_cond_timedwait(&q->closed, &q->lock, &end);
    pthread_mutex_unlock(&q->lock);
}

/* ---- a job's end ----------------------------------------------------------------------------------- */

static void on_task(loop_task *t)
{
    db_job *j = container_of(t, db_job, task);

    j->done(j);
}

void db_queue_finish(db_queue *q, db_job *j, bool committed)
{
    atomic_fetch_sub_explicit(&q->n, 1, memory_order_relaxed);
    stat_add_shared(&q->done, 1);
    if (j->err < 0)
        stat_add_shared(&q->failed, 1);
    if (committed && j->err == 0 && j->committed)
        j->committed(j);
    if (!j->done)
        return;
    if (!j->home) {
        j->done(j);
        return;
    }
    j->task.fn = on_task;
    loop_post(j->home, &j->task);
}

void db_queue_fail(db_queue *q, db_job *first, int err)
{
    db_job *next;

    for (db_job *j = first; j; j = next) {
        next = j->next;
        j->err = err;
        db_queue_finish(q, j, false);
    }
}

/* ---- a database that is away ----------------------------------------------------------------------- */

void db_queue_broke(db_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->broken++;
    pthread_mutex_unlock(&q->lock);
}

void db_queue_mended(db_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->broken--;
    q->down = false;
    pthread_mutex_unlock(&q->lock);
}

bool db_queue_is_broken(db_queue *q)
{
    bool broken;

    pthread_mutex_lock(&q->lock);
    broken = q->broken == q->threads;
    pthread_mutex_unlock(&q->lock);
    return broken;
}

void db_queue_give_up(db_queue *q)
{
    db_job *all = NULL;

    pthread_mutex_lock(&q->lock);
    if (q->broken == q->threads) {
        q->down = true;
        all = queue_cut_all(q);
    }
    pthread_mutex_unlock(&q->lock);
    db_queue_fail(q, all, SIO_EUNAVAILABLE);
}
