/* A process that ends by a fault has written what it logged in the turn, each line once. */
#include "base/testing.h"
#include "main/crash.h"

#include "base/log.h"
#include "loop/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct fault {
    loop_task task;
    int       signal; /* 0: the loop stops */
    loop     *loop;
} fault;

static void on_task(loop_task *t)
{
    fault *f = container_of(t, fault, task);

    log_info("one");
    log_warn("two");
    if (f->signal)
        raise(f->signal);
    loop_stop(f->loop);
}

static void run(int sig)
{
    const struct rlimit no_core = {0, 0};
    fault f = {.task = {.fn = on_task}, .signal = sig};

    if (sig)
        signal(sig, SIG_DFL); /* cmocka has handlers of its own */
    setrlimit(RLIMIT_CORE, &no_core);
    log_setup(LOG_INFO, NULL);
    crash_begin();
    if (loop_new(&f.loop) < 0)
        _exit(9);
    loop_post(f.loop, &f.task);
    loop_run(f.loop);
    loop_free(f.loop);
    _exit(0);
}

/* Its status, and what it wrote to stderr. */
static int outcome(int sig, char *out, size_t room)
{
    int ends[2], status;
    size_t n = 0;
    ssize_t got;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    if ((pid = fork()) == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        run(sig);
    }
    close(ends[1]);
    while ((got = read(ends[0], out + n, room - 1 - n)) > 0)
        n += (size_t)got;
    out[n] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static unsigned lines_with(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void a_fault_leaves_no_line_behind(void **state)
{
    static const int signals[] = {SIGABRT, SIGFPE, 0};
    char text[4096];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        int status = outcome(signals[i], text, sizeof(text));

        if (signals[i])
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        else
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_equal(lines_with(text, " INFO  one\n"), 1);
        assert_int_equal(lines_with(text, " WARN  two\n"), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_fault_leaves_no_line_behind)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
