/* What the writer and the readers have in common: a connection that may get lost; and the readers. */
#include "base/log.h"
#include "base/rand.h"
#include "db/db_int.h"

#include <time.h>

#define FIRST_PAUSE  20   /* ms between two tries to connect, doubled each time */
#define LONG_PAUSE   1000 /* while jobs wait */
#define SIT_OUT      5000 /* while none does */
#define TRY_MS       5000 /* one try, when no job waits for it */
#define READ_TRIES   3    /* connections that one job may lose */

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- a lost connection ----------------------------------------------------------------------------- */

static void worker_broke(db_worker *w)
{
    if (w->broken)
        return;
    w->broken = true;
    db_queue_broke(w->queue);
    log_warn("database: connection lost: %s", w->conn->ops->why(w->conn));
}

static void worker_mended(db_worker *w)
{
    w->broken = false;
    db_queue_mended(w->queue);
    log_info("database: connected again");
}

static unsigned pause_next(unsigned ms, unsigned most) { return ms * 2 < most ? ms * 2 : most; }

int db_worker_revive(db_worker *w)
{
    int64_t end = now_ms() + w->wait_ms;
    unsigned pause = FIRST_PAUSE;

    worker_broke(w);
    for (int64_t left = w->wait_ms; left > 0; left = end - now_ms()) {
        if (w->conn->ops->revive(w->conn, (unsigned)left) == 0) {
            worker_mended(w);
            return 0;
        }
        left = end - now_ms();
        if (left > 0)
            db_queue_pause(w->queue, pause < left ? pause : (unsigned)left, false);
        pause = pause_next(pause, LONG_PAUSE);
    }
    log_error("database: away: %s", w->conn->ops->why(w->conn));
    db_queue_give_up(w->queue); /* before anybody hears of it: who asks again is refused at once */
    return SIO_EUNAVAILABLE;
}

/* The pauses differ from server to server, so that a database that comes back is not met by all of
 * them at once. */
void db_worker_sit_out(db_worker *w)
{
    unsigned pause = FIRST_PAUSE;
    uint8_t r;

    for (;;) {
        db_queue_give_up(w->queue);
        if (db_queue_is_closing(w->queue))
            return;
        if (w->conn->ops->revive(w->conn, TRY_MS) == 0)
            break;
        rand_bytes(&r, sizeof(r));
        db_queue_pause(w->queue, pause + pause * r / 512, true);
        pause = pause_next(pause, SIT_OUT);
    }
    worker_mended(w);
}

/* ---- reads ----------------------------------------------------------------------------------------- */

static int read_once(db_conn *c, db_job *j)
{
    int err = c->ops->begin(c, false);

    if (err < 0)
        return err;
    err = j->run(j, c);
    if (db_conn_state(c) == DB_IN)
        c->ops->rollback(c);
    return err < 0 ? err : 0;
}

static int read_run(db_worker *w, db_job *j)
{
    int err = SIO_EUNAVAILABLE;

    for (unsigned i = 0; i < READ_TRIES; i++) {
        if (db_conn_state(w->conn) == DB_AWAY && db_worker_revive(w) < 0)
            return SIO_EUNAVAILABLE;
        err = read_once(w->conn, j);
        if (db_conn_state(w->conn) < DB_CONFLICT)
            break;
    }
    return db_conn_state(w->conn) == DB_AWAY ? SIO_EUNAVAILABLE : err;
}

void *db_reader_main(void *arg)
{
    db_worker *w = arg;
    db_job *j;

    pthread_setname_np(pthread_self(), "db-reader");
    while ((j = db_queue_take_one(w->queue)) != NULL) {
        j->err = read_run(w, j);
        db_queue_finish(w->queue, j, false);
        if (w->broken)
            db_worker_sit_out(w);
    }
    return NULL;
}
