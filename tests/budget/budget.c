/* Counts what the hot paths cost: allocations by standing in front of malloc, instructions with callgrind around it.
 *
 *     budget                  scene, allocations and bytes an operation
 *     budget --platform       what instruction counts depend on
 *     tools/budgets BUILD     all counts, held against budgets.txt
 */
#include "budget.h"

#include <gnu/libc-version.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#ifdef HAVE_CALLGRIND
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

static _Thread_local bool counting;
static budget_counts counts, first; /* one thread counts at a time */
static unsigned before;             /* operations of the first stretch */
static atomic_llong clock_ms = 1000000;

void budget_check(int good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

/* ---- in front of the C library ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static void count(size_t n)
{
    if (!counting)
        return;
    counts.calls++;
    counts.bytes += n;
}

void *malloc(size_t n)
{
    count(n);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count(n * size);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count(n);
    return __libc_realloc(p, n);
}

/* Pings are due when a scene says so. */
int clock_gettime(clockid_t id, struct timespec *t)
{
    long long ms = atomic_load(&clock_ms) + (id == CLOCK_REALTIME ? 1700000000000 : 0);

    *t = (struct timespec){ms / 1000, ms % 1000 * 1000000};
    return 0;
}

/* The same ids and the same places in tables every time. */
ssize_t getrandom(void *p, size_t n, unsigned flags)
{
    static _Atomic uint64_t state = 1;
    uint64_t now = atomic_load(&state);

    (void)flags;
    for (size_t i = 0; i < n; i++) {
        now = now * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)p)[i] = (unsigned char)(now >> 56);
    }
    atomic_store(&state, now);
    return (ssize_t)n;
}

void budget_clock(unsigned ms) { atomic_fetch_add(&clock_ms, ms); }

/* ---- counting ---- */

void budget_on(void)
{
    counting = true;
    CALLGRIND_TOGGLE_COLLECT;
}

void budget_off(void)
{
    CALLGRIND_TOGGLE_COLLECT;
    counting = false;
}

void budget_begin(void)
{
    CALLGRIND_DUMP_STATS_AT("begin"); /* which leaves zeros behind, in all threads */
    counts = (budget_counts){0};
    before = 0;
}

/* A table that grew in the first stretch does not make the second one earn something. */
static double difference(size_t now, size_t then) { return now > then ? (double)(now - then) : 0; }

void budget_stretch(const char *scene, unsigned n)
{
    char name[80];

    snprintf(name, sizeof(name), "%s %u", scene, n);
    CALLGRIND_DUMP_STATS_AT(name);
    if (before)
        printf("%s %.3f %.1f\n", scene, difference(counts.calls, first.calls) / (n - before),
               difference(counts.bytes, first.bytes) / (n - before));
    first = counts;
    before = n;
    counts = (budget_counts){0};
}

/* ---- */

/* Of what the compiler says of itself the part before a second space: "12.2.0". */
static void platform(void)
{
    int digits = (int)strcspn(__VERSION__, " ");

#ifdef __clang__
    const char *compiler = "clang";
#else
    const char *compiler = "gcc";
#endif
#ifdef __OPTIMIZE__
    bool fast = true;
#else
    bool fast = false;
#endif
    printf("%s %.*s%s, %s, glibc %s, SQLite %s\n", compiler, digits, __VERSION__, fast ? "" : " unoptimised",
#ifdef __x86_64__
           "x86-64",
#else
           "another processor",
#endif
           gnu_get_libc_version(), sqlite3_libversion());
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--platform") == 0) {
        platform();
        return 0;
    }
    budget_loop_scenes();
    budget_store_scene();
    return 0;
}
