/* Transcripts: text files of scenarios, each a list of steps between named clients and the server. The
 * language is described in tests/wire/README.md. */
#ifndef WIRE_SCRIPT_H
#define WIRE_SCRIPT_H

#include <stddef.h>

typedef struct step {
    unsigned line;
    const char *text;
} step;

typedef struct scenario {
    const char *file; /* base name */
    const char *name;
    const char *apps, *options; /* of the file; the scenario's own options come behind it */
    step *step;
    size_t n;
} scenario;

typedef struct script {
    char *text;
    scenario *scenario;
    size_t n;
} script;

/* Reads a file; exits the program with a message when it cannot. */
void script_read(script *s, const char *path);
void script_free(script *s);

/* How a scenario is run. */
typedef struct variant {
    unsigned loops;
    size_t chunk;   /* bytes the server reads at a time, 0 = whole */
    unsigned seed;  /* of the order in which loops and events come, 0 = as they are */
} variant;
/* Plays it against a new server; fails the running cmocka test when something differs. */
void scenario_play(const scenario *s, variant v);

#endif
