/* kill -9 in the middle of writing: every row that was acknowledged is there afterwards, and the file is
 * sound. */
#include "db/rig_test.h"

#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 6

typedef struct insert {
    db_job  base;
    int32_t n;
    int     fd;   /* where to acknowledge */
    sem_t  *room; /* how many may still be queued */
} insert;

static int insert_run(db_job *base, db_conn *c)
{
    int32_t n = container_of(base, insert, base)->n;
    char text[16];

    return db_exec(c, "INSERT INTO users (id, firebase_id, email, created_at, updated_at)"
                      " VALUES (?1, ?1, ?1, ?2, ?2)",
                   db_args(db_text((sio_str){text, (size_t)snprintf(text, sizeof(text), "%d", (int)n)}),
                           db_time(0)));
}

static void insert_done(db_job *base)
{
    insert *i = container_of(base, insert, base);

    if (base->err == 0 && write(i->fd, &i->n, sizeof(i->n)) != sizeof(i->n))
        _exit(3);
    sem_post(i->room);
    free(i);
}

static db *open_db(const char *url)
{
    db_options o;
    char err[200];
    db *d;

    db_options_init(&o);
    o.url = url;
    o.max_queued = 128;
    o.max_batch = 8;
    if (db_open(&d, &o, err, sizeof(err)) == 0)
        return d;
    fprintf(stderr, "%s\n", err);
    return NULL;
}

/* Writes until it is killed. */
static void child_main(const char *url, int32_t from, int fd)
{
    db *d = open_db(url);
    sem_t room;

    if (!d)
        _exit(2);
    sem_init(&room, 0, 64);
    for (int32_t n = from;; n++) {
        insert *i = calloc(1, sizeof(*i));

        i->base = (db_job){.run = insert_run, .done = insert_done};
        i->n = n;
        i->fd = fd;
        i->room = &room;
        sem_wait(&room);
        if (db_write(d, &i->base) < 0)
            _exit(4);
    }
}

/* Lets a child write until `enough` rows were acknowledged, kills it, and returns the last acknowledged. */
static int32_t round_run(const char *url, int32_t from, int enough)
{
    int32_t last = -1, n;
    int fd[2], got = 0, status;
    pid_t pid;

    assert_int_equal(pipe(fd), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fd[0]);
        child_main(url, from, fd[1]);
    }
    close(fd[1]);
    while (read(fd[0], &n, sizeof(n)) == sizeof(n)) {
        assert_int_equal(n, last < 0 ? from : last + 1); /* acknowledged in order */
        last = n;
        if (++got == enough)
            kill(pid, SIGKILL);
    }
    close(fd[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last;
}

typedef struct check {
    db_job  base;
    int64_t upto, found, sound;
} check;

static int on_count(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

static int check_run(db_job *base, db_conn *c)
{
    check *k = container_of(base, check, base);
    int err = db_query(c, "SELECT count(*) FROM users WHERE CAST(id AS INTEGER) <= ?1",
                       db_args(db_int(k->upto)),
                       on_count, &k->found);

    if (err < 0 || on_postgres())
        return err;
    return db_query(c, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'", db_no_args,
                    on_count, &k->sound);
}

/* Rows 0 to last must be there; returns where the next round begins. */
static int32_t verify(const char *url, int32_t last)
{
    check k = {.base = {.run = check_run}, .upto = last};
    check all = {.base = {.run = check_run}, .upto = INT32_MAX};
    db *d = open_db(url);

    assert_non_null(d);
    assert_int_equal(db_read(d, &k.base), 0);
    assert_int_equal(db_read(d, &all.base), 0);
    db_close(d); /* runs both first */
    assert_int_equal(k.base.err, 0);
    assert_int_equal(k.found, last + 1);
    assert_int_equal(k.sound, !on_postgres());
    return (int32_t)all.found; /* saved but not acknowledged is allowed */
}

static void test_kill(void **state)
{
    char dir[] = "/tmp/db_crash_XXXXXX", url[200], name[48], cmd[64];
    int32_t from = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    if (on_postgres())
        rig_database(url, name);
    else
        snprintf(url, sizeof(url), "sqlite:%s/p.db", dir);
    for (int i = 0; i < ROUNDS; i++) {
        int32_t last = round_run(url, from, 1 + i * 333);

        from = verify(url, last);
    }
    assert_true(from > 333);
    snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
    assert_int_equal(system(cmd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill)};

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
