#include "base/rand.h"
#include "base/testing.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* 4096 random bytes in which one value never turns up happen once in 30000 runs; two values, never. */
static void bytes_use_the_whole_range(void **state)
{
    unsigned char p[4096];
    int seen[256] = {0}, distinct = 0;

    (void)state;
    rand_bytes(p, sizeof(p));
    for (size_t i = 0; i < sizeof(p); i++)
        distinct += seen[p[i]]++ == 0;
    assert_true(distinct >= 254);
}

static void ids_are_made_of_the_url_alphabet(void **state)
{
    char id[4097];
    int seen[256] = {0}, distinct = 0;

    (void)state;
    id[4096] = 'x';
    rand_id(id, 4096);
    assert_int_equal(id[4096], 'x');
    id[4096] = 0;
    assert_int_equal(strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 4096);
    for (size_t i = 0; i < 4096; i++)
        distinct += seen[(unsigned char)id[i]]++ == 0;
    assert_int_equal(distinct, 64);
}

static void two_ids_differ(void **state)
{
    char a[20], b[20];

    (void)state;
    rand_id(a, sizeof(a));
    rand_id(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

/* Ids are made of bytes that were fetched for several of them: a child must not go on with its parent's. */
static void a_fork_repeats_nothing(void **state)
{
    char mine[20], first[20], theirs[20];
    int ends[2], status;
    pid_t pid;

    (void)state;
    rand_id(first, sizeof(first));
    assert_int_equal(pipe(ends), 0);
    if ((pid = fork()) == 0) {
        rand_id(theirs, sizeof(theirs));
        _exit(write(ends[1], theirs, sizeof(theirs)) != sizeof(theirs));
    }
    rand_id(mine, sizeof(mine));
    assert_int_equal(read(ends[0], theirs, sizeof(theirs)), sizeof(theirs));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_memory_not_equal(mine, theirs, sizeof(mine));
    close(ends[0]);
    close(ends[1]);
}

/* Hundreds of ids, over several fetches, all different. */
static void ids_do_not_repeat(void **state)
{
    char id[300][20];

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        rand_id(id[i], 20);
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(id[i], id[k], 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_use_the_whole_range),
        cmocka_unit_test(ids_are_made_of_the_url_alphabet),
        cmocka_unit_test(two_ids_differ),
        cmocka_unit_test(a_fork_repeats_nothing),
        cmocka_unit_test(ids_do_not_repeat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
