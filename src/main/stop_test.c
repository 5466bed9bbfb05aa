/* Signals: the first stops, one that is the same request again is not counted, a later one ends the process.
 * Each case in a process of its own, which is what signals are sent to. */
#include "base/testing.h"
#include "main/stop.h"

#include "base/log.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct job {
    int  told;     /* a byte is written here when on_stop runs; that lets the program end */
    int  reloaded; /* and here when on_reload does */
    bool stuck, reloads;
} job;

static void on_stop(void *arg)
{
    job *j = arg;

    if (write(j->told, "x", 1) != 1)
        _exit(9);
    while (j->stuck)
        pause();
}

static void on_reload(void *arg)
{
    job *j = arg;

    if (write(j->reloaded, "r", 1) != 1)
        _exit(9);
}

/* A program that stops on a signal; ready to get one when this returns. */
static pid_t start(job how, int *told)
{
    int ready[2], stopped[2];
    pid_t pid;
    char c;

    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(stopped), 0);
    if ((pid = fork()) == 0) {
        job j = {stopped[1], how.reloaded, how.stuck, how.reloads};
        struct pollfd never = {.fd = stopped[0], .events = POLLIN};
        stopper s;

        signal(SIGHUP, SIG_DFL); /* whoever runs the tests may have it ignored, as nohup does */
        log_setup(LOG_ERROR, NULL);
        stop_block(j.reloads);
        if (stop_begin(&s, on_stop, j.reloads ? on_reload : NULL, &j) < 0 || write(ready[1], "x", 1) != 1)
            _exit(8);
        poll(&never, 1, -1); /* the server's run: it ends when on_stop tells it to */
        stop_end(&s);
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(stopped[1]);
    *told = stopped[0];
    return pid;
}

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void one_signal_is_a_clean_end(int sig)
{
    int told, status;
    pid_t pid = start((job){0}, &told);

    assert_int_equal(kill(pid, sig), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(told);
}

static void sigterm_and_sigint_stop(void **state)
{
    (void)state;
    one_signal_is_a_clean_end(SIGTERM);
    one_signal_is_a_clean_end(SIGINT);
}

/* Signals keep coming; they count again only after a while, and then the process ends in the
 * middle of stopping. */
static void a_later_signal_ends_at_once(void **state)
{
    struct pollfd stopping;
    int told, status;
    pid_t pid = start((job){.stuck = true}, &told);
    long began = now_ms();

    (void)state;
    kill(pid, SIGTERM);
    stopping = (struct pollfd){.fd = told, .events = POLLIN};
    assert_int_equal(poll(&stopping, 1, 10000), 1);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        assert_true(now_ms() - began < 10000);
        kill(pid, SIGTERM);
        poll(NULL, 0, 10);
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_true(now_ms() - began >= 290);
    close(told);
}

static void a_hangup_reloads_where_there_is_a_use_for_it(void **state)
{
    int told, status, reloaded[2];
    pid_t pid;
    char c;

    (void)state;
    assert_int_equal(pipe(reloaded), 0);
    pid = start((job){.reloads = true, .reloaded = reloaded[1]}, &told);
    close(reloaded[1]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kill(pid, SIGHUP), 0);
        assert_int_equal(read(reloaded[0], &c, 1), 1);
    }
    close(reloaded[0]);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(told);
    pid = start((job){0}, &told);
    assert_int_equal(kill(pid, SIGHUP), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
    close(told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigterm_and_sigint_stop),
        cmocka_unit_test(a_later_signal_ends_at_once),
        cmocka_unit_test(a_hangup_reloads_where_there_is_a_use_for_it),
    };

    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
