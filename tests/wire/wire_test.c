/* Plays every transcript in the directory, or those named on the command line; -v prints each test. */
#include "base/testing.h"
#include "script.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const variant variants[] = {{1, 0, 0}, {3, 0, 0}, {1, 1, 0}, {3, 1, 0}, {3, 0, 0x5eed}};

typedef struct run {
    const scenario *scenario;
    variant v;
} run;

static void play(void **state)
{
    const run *r = *state;

    scenario_play(r->scenario, r->v);
}

static const char *name_of(const run *r)
{
    char *name;

    if (asprintf(&name, "%s: %s (%u loop%s%s)", r->scenario->file, r->scenario->name, r->v.loops,
                 r->v.loops == 1 ? "" : "s",
                 r->v.chunk ? ", byte by byte" : r->v.seed ? ", shuffled" : "") < 0)
        abort();
    return name;
}

static int play_all(const script *scripts, size_t nscripts)
{
    size_t n = 0, k = 0, per = sizeof variants / sizeof *variants;
    struct CMUnitTest *test;
    run *runs;
    int failed;

    for (size_t i = 0; i < nscripts; i++)
        n += scripts[i].n * per;
    runs = calloc(n + 1, sizeof *runs);
    test = calloc(n + 1, sizeof *test);
    for (size_t i = 0; i < nscripts; i++)
        for (size_t j = 0; j < scripts[i].n * per; j++, k++) {
            runs[k] = (run){&scripts[i].scenario[j / per], variants[j % per]};
            test[k] = (struct CMUnitTest){name_of(&runs[k]), play, NULL, NULL, &runs[k]};
        }
    failed = _cmocka_run_group_tests("wire", test, n, NULL, NULL);
    for (k = 0; k < n; k++)
        free((char *)(uintptr_t)test[k].name);
    free(test);
    free(runs);
    return failed;
}

int main(int argc, char **argv)
{
    const char *dir = getenv("WIRE_DIR");
    char pattern[1024];
    script *scripts;
    glob_t found = {0};
    int failed;

    snprintf(pattern, sizeof pattern, "%s/*.t", dir ? dir : SIO_WIRE_DIR);
    if (argc == 1 && glob(pattern, 0, NULL, &found) != 0) {
        fprintf(stderr, "no transcripts: %s\n", pattern);
        return 1;
    }
    size_t n = argc > 1 ? (size_t)argc - 1 : found.gl_pathc;
    scripts = calloc(n, sizeof *scripts);
    for (size_t i = 0; i < n; i++)
        script_read(&scripts[i], argc > 1 ? argv[i + 1] : found.gl_pathv[i]);
    failed = play_all(scripts, n);
    for (size_t i = 0; i < n; i++)
        script_free(&scripts[i]);
    free(scripts);
    globfree(&found);
    return failed != 0;
}
